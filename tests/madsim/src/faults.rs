//! The scenario's faults on madsim: kill and restart, pause and resume, clogged links.
//!
//! madsim has no power: a machine that loses it is its nodes killed, with the host's disks cut back
//! to what was synced. madsim has one latency for all links: a slow one is made so by the sender.

use std::cmp::Reverse;
use std::rc::Rc;

use headwater_scenarios::scenario::{Action, FaultSpec, Target};
use headwater_scenarios::targets::{self, Holders, Roster};
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};
use madsim::net::NetSim;
use madsim::runtime::Handle;
use madsim::task;

use crate::world::World;

/// What a fault has done, to be undone.
#[derive(Clone, Default)]
struct Hit {
    nodes: Vec<NodeId>,
    /// Directions cut or slowed.
    ways: Vec<(NodeId, NodeId)>,
}

/// Applies faults when their time comes.
pub struct Faults<'a> {
    faults: &'a [FaultSpec],
    roster: &'a Roster,
    world: Rc<World>,
    /// madsim's name of each node.
    tasks: Vec<task::NodeId>,
    /// (when, end, which), soonest last.
    steps: Vec<(Time, bool, usize)>,
    hit: Vec<Hit>,
    /// What was done, one line a step.
    pub done: Vec<String>,
}

impl<'a> Faults<'a> {
    /// The faults of a scenario; an error names the first that this host does not have.
    pub fn new(
        faults: &'a [FaultSpec],
        roster: &'a Roster,
        world: Rc<World>,
        tasks: Vec<task::NodeId>,
    ) -> Self {
        let mut steps = Vec::new();
        for (index, fault) in faults.iter().enumerate() {
            steps.push((Time::ZERO + fault.at, false, index));
            steps.extend(fault.until.map(|until| (Time::ZERO + until, true, index)));
        }
        // As the kernel's injector: ends before beginnings, and in the order of the file.
        steps.sort_by_key(|(at, end, index)| Reverse((*at, !*end, *index)));
        let hit = vec![Hit::default(); faults.len()];
        Self { faults, roster, world, tasks, steps, hit, done: Vec::new() }
    }

    /// When the next step is due.
    pub fn next(&self) -> Option<Time> {
        self.steps.last().map(|(at, _, _)| *at)
    }

    /// Takes the next step.
    pub fn fire(&mut self) {
        let Some((at, end, index)) = self.steps.pop() else { return };
        let fault = &self.faults[index];
        let holders = {
            let observed = self.world.observed.borrow();
            let timeline = &observed.timeline;
            Holders { leader: timeline.leader(0), controller: timeline.controller() }
        };
        if end {
            let hit = std::mem::take(&mut self.hit[index]);
            self.done.push(format!("{at} end of {}", fault.action.name()));
            return self.end(&fault.action, &hit);
        }
        let resolve = |target: &Target| targets::resolve(target, self.roster, holders).nodes;
        let nodes = resolve(&fault.target);
        let names: Vec<_> = nodes.iter().map(|node| self.roster.name(*node)).collect();
        self.done.push(format!("{at} {} {}", fault.action.name(), names.join(", ")));
        let others = |peers: &Option<Target>| match peers {
            Some(peers) => resolve(peers),
            None => {
                let all = self.roster.iter().map(|(node, _)| node);
                all.filter(|node| !nodes.contains(node)).collect()
            }
        };
        let ways = match &fault.action {
            Action::Partition { peers, symmetric, .. } => ways(&nodes, &others(peers), *symmetric),
            Action::SlowLink { peers, .. } => ways(&nodes, &others(peers), true),
            _ => Vec::new(),
        };
        self.hit[index] = Hit { nodes, ways };
        self.begin(&fault.action, &self.hit[index]);
    }

    fn begin(&self, action: &Action, hit: &Hit) {
        match action {
            Action::Crash { .. } => hit.nodes.iter().for_each(|node| self.world.kill(*node)),
            Action::Wipe { .. } => {
                for node in &hit.nodes {
                    self.world.kill(*node);
                    self.disks(*node, |disk| disk.wipe());
                }
            }
            Action::Pause { .. } => {
                hit.nodes.iter().for_each(|node| Handle::current().pause(self.task(*node)))
            }
            Action::PowerCut { .. } => {
                for machine in self.machines(&hit.nodes) {
                    // First, so that nobody is told.
                    self.world.powered.borrow_mut()[machine.index()] = false;
                    for node in self.on(machine) {
                        self.world.kill(node);
                        let hosted = self.world.node(node);
                        hosted.dark.set(hosted.life.get());
                        self.disks(node, |disk| disk.power_cut());
                    }
                }
            }
            Action::Partition { .. } => {
                for (from, to) in &hit.ways {
                    self.world.cut(*from, *to, true);
                    NetSim::current().clog_link(self.task(*from), self.task(*to));
                }
            }
            Action::SlowLink { extra, .. } => {
                hit.ways.iter().for_each(|(from, to)| self.world.slow(*from, *to, Some(&extra.0)));
            }
            other => panic!("madsim has no fault `{}`", other.name()),
        }
    }

    fn end(&self, action: &Action, hit: &Hit) {
        match action {
            Action::Crash { .. } | Action::Wipe { .. } => {
                hit.nodes.iter().for_each(|node| self.world.restart(*node))
            }
            Action::Pause { .. } => {
                hit.nodes.iter().for_each(|node| Handle::current().resume(self.task(*node)))
            }
            Action::PowerCut { .. } => {
                for machine in self.machines(&hit.nodes) {
                    self.world.powered.borrow_mut()[machine.index()] = true;
                    self.on(machine).for_each(|node| self.world.restart(node));
                }
            }
            Action::Partition { .. } => {
                for (from, to) in &hit.ways {
                    if !self.world.cut(*from, *to, false) {
                        NetSim::current().unclog_link(self.task(*from), self.task(*to));
                    }
                }
            }
            Action::SlowLink { .. } => {
                hit.ways.iter().for_each(|(from, to)| self.world.slow(*from, *to, None));
            }
            other => panic!("madsim has no fault `{}`", other.name()),
        }
    }

    fn task(&self, node: NodeId) -> task::NodeId {
        self.tasks[node.index()]
    }

    fn disks(
        &self,
        node: NodeId,
        change: impl Fn(&mut crate::disk::Disk<headwater_models::protocol::Record>),
    ) {
        self.world.node(node).disks.borrow_mut().iter_mut().for_each(change);
    }

    fn on(&self, machine: MachineId) -> impl Iterator<Item = NodeId> + '_ {
        let here =
            self.world.nodes.iter().zip(0..).filter(move |(node, _)| node.machine == machine);
        here.map(|(_, number)| NodeId(number))
    }

    fn machines(&self, nodes: &[NodeId]) -> Vec<MachineId> {
        let mut machines: Vec<_> =
            nodes.iter().map(|node| self.world.node(*node).machine).collect();
        machines.sort_unstable();
        machines.dedup();
        machines
    }
}

/// From each of one side to each of the other, and back if `both`.
fn ways(some: &[NodeId], others: &[NodeId], both: bool) -> Vec<(NodeId, NodeId)> {
    let pairs = some.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
    let pairs: Vec<_> = pairs.filter(|(one, other)| one != other).collect();
    let back = pairs.iter().filter(|_| both).map(|(one, other)| (*other, *one));
    back.chain(pairs.iter().copied()).collect()
}
