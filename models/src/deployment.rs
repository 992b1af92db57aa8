//! A deployment: the machines and nodes of the systems of a run, ready to be put into a simulation.

use headwater_sim::machine::{Factory, MachineSpec, NodeSpec, PoolSpec};
use headwater_sim::scheduling::Policy;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};
use serde::{Deserialize, Serialize};

use crate::batch::StreamId;
use crate::bugs::BugSet;
use crate::protocol::Streaming;
use crate::role::Role;
use crate::signal::Office;

/// Machines and nodes. Node `i` of `nodes` gets `NodeId(i)` in a simulation that holds nothing
/// else, so builders may hand out ids ahead of time, in the order in which they add nodes.
#[derive(Default)]
pub struct Deployment {
    /// The machines.
    pub machines: Vec<MachineSpec>,
    /// The nodes.
    pub nodes: Vec<NodeSpec<Streaming>>,
    /// The role of each node, in the order of `nodes`.
    pub roles: Vec<&'static Role>,
    /// The stream of each node's system, in the order of `nodes`.
    pub streams: Vec<StreamId>,
    /// The offices of the systems in it, and who holds each at first, if anybody.
    pub offices: Vec<FirstHolder>,
    /// The system that is being added, and what its names begin with.
    adding: StreamId,
    prefix: String,
}

/// An office of a system, and who holds it until its signals tell otherwise.
#[derive(Clone, Copy, Debug)]
pub struct FirstHolder {
    /// The system's stream.
    pub stream: StreamId,
    /// What it is.
    pub office: &'static Office,
    /// Who holds it at first, if anybody.
    pub holder: Option<NodeId>,
}

impl Deployment {
    /// What is added from now on is of this system, and its names begin with `prefix`.
    pub fn begin(&mut self, stream: StreamId, prefix: impl Into<String>) {
        (self.adding, self.prefix) = (stream, prefix.into());
    }

    /// Adds a machine.
    pub fn machine(&mut self, spec: MachineSpec) -> MachineId {
        let name = format!("{}{}", self.prefix, spec.name);
        self.machines.push(MachineSpec { name, ..spec });
        MachineId(self.machines.len() as u32 - 1)
    }

    /// The id that the next node will get.
    pub fn next_node(&self) -> NodeId {
        NodeId(self.nodes.len() as u32)
    }

    /// Adds a node on a machine, with its thread pools.
    pub fn node(
        &mut self,
        role: &'static Role,
        name: impl Into<String>,
        machine: MachineId,
        pools: Vec<PoolSpec>,
        factory: Factory<Streaming>,
    ) -> NodeId {
        let id = self.next_node();
        let name = format!("{}{}", self.prefix, name.into());
        let (policy, background) = (Policy::default(), vec![]);
        self.nodes.push(NodeSpec { name, machine, pools, background, policy, factory });
        self.roles.push(role);
        self.streams.push(self.adding);
        id
    }

    /// Adds an office of a system, and who holds it until its signals tell otherwise.
    pub fn office(&mut self, office: &'static Office, holder: Option<NodeId>) {
        self.offices.push(FirstHolder { stream: self.adding, office, holder });
    }

    /// The nodes of one role, in order.
    pub fn with_role<'a>(&'a self, role: &'a Role) -> impl Iterator<Item = NodeId> + 'a {
        let of_role = self.roles.iter().enumerate().filter(move |(_, have)| **have == role);
        of_role.map(|(index, _)| NodeId(index as u32))
    }
}

/// Which nodes share a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machines {
    /// None: each has its own.
    #[default]
    Each,
    /// Servers share one, and clients another: two halves of one real machine, each with cores of
    /// its own, between which messages take what they take between processes.
    Halves,
    /// All share one, made from [`Environment::server`]: a laptop, a standalone cluster.
    One,
}

/// An open-loop load generator's pacer: a thread of the writer's that runs in real time, wakes up
/// before an event is due, spins until then, and hands over all that is due. Without a lead there
/// is none, and events come by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pacer {
    /// How long before. With less time than that until the next event it does not sleep at all.
    pub lead: Duration,
    /// Least time from one hand-over to the next.
    pub gap: Duration,
    /// CPU time of a sleep during which its core has other work: its timer, and waking up.
    #[serde(default)]
    pub work: Duration,
    /// CPU time that a sleep takes more where its core idled.
    #[serde(default)]
    pub from_idle: Duration,
}

impl Pacer {
    /// There is one.
    pub fn is_there(self) -> bool {
        self.lead > Duration::ZERO
    }
}

/// Where a deployment runs.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Every server's machine (its name is replaced by the node's).
    pub server: MachineSpec,
    /// The clients' machine.
    pub client: MachineSpec,
    /// Who shares them.
    pub machines: Machines,
    /// What hands events to writers, of systems that say so ([`crate::system::System::paces`]).
    pub pacer: Pacer,
    /// Defects to plant in the systems.
    pub bugs: BugSet,
    /// When an audit reader of each stream begins ([`crate::audit`]); nothing where there is none.
    pub audit: Option<Time>,
}

impl Environment {
    /// The machine for server `name`: a new one, or the only one.
    pub fn server_machine(&self, deployment: &mut Deployment, name: &str) -> MachineId {
        self.machine_from(&self.server, deployment, name)
    }

    /// The machine for client `name`: a new one, or the only one.
    pub fn client_machine(&self, deployment: &mut Deployment, name: &str) -> MachineId {
        self.machine_from(&self.client, deployment, name)
    }

    fn machine_from(&self, spec: &MachineSpec, to: &mut Deployment, name: &str) -> MachineId {
        let shared = match self.machines {
            Machines::Each => return to.machine(MachineSpec { name: name.into(), ..spec.clone() }),
            Machines::Halves => spec,
            Machines::One => &self.server,
        };
        match to.machines.iter().position(|machine| machine.name == shared.name) {
            Some(at) => MachineId(at as u32),
            None => {
                to.machines.push(shared.clone());
                MachineId(to.machines.len() as u32 - 1)
            }
        }
    }
}
