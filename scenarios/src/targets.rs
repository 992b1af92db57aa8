//! Targets: the nodes of a system by name, group, failure domain, and by who leads.

use headwater_models::deployment::Deployment;
use headwater_models::role::{self, Capability, Role};
use headwater_models::{bookkeeper, kafka, pravega, tier};
use headwater_sim::units::NodeId;

use crate::profile::Profile;
use crate::reading::problem::Finding;
use crate::reading::tree::Span;
use crate::scenario::{System, Target};

/// The roles of all systems; the group of each may be a target.
const ROLES: [&Role; 8] = [
    kafka::system::BROKER,
    bookkeeper::system::BOOKIE,
    pravega::system::SEGMENT_STORE,
    pravega::system::CONTROLLER,
    bookkeeper::system::METADATA,
    tier::TIER,
    role::PRODUCER,
    role::CONSUMER,
];

/// Who leads: found when a fault happens.
const HELD: [(&str, &str); 2] = [
    ("leader", "the leader of partition 0, or the store that runs container 0"),
    ("controller", "the active controller"),
];

/// Groups that are not all nodes of one role.
const MIXED: [(&str, &str); 3] = [
    ("servers", "every broker, bookie and segment store"),
    ("replicas", "the servers that partition 0, or the first ledger, was first placed on"),
    ("all", "every node"),
];

/// Failure domains, each numbered from 1, and how servers are spread over them.
const DOMAINS: [(&str, &str); 4] = [
    ("zone-N", "the servers of one of three availability zones, dealt out in turn"),
    ("rack-N", "the servers of one of three racks, dealt out in turn"),
    ("power-N", "the servers on one of two power feeds, dealt out in turn"),
    ("batch-N", "the servers with disks of one of two batches, dealt out in turn"),
];

/// The prefix and the number of each of [`DOMAINS`]. Three as cloud regions have zones, and as
/// replication factors are; two as machine rooms have feeds.
const DOMAIN_COUNTS: [(&str, usize); 4] =
    [("zone-", 3), ("rack-", 3), ("power-", 2), ("batch-", 2)];

/// What may be a target beside the name of a node, and who that is.
pub fn described() -> Vec<(&'static str, &'static str)> {
    let groups = ROLES.iter().map(|role| (role.group, role.who));
    HELD.into_iter().chain(groups).chain(MIXED).chain(DOMAINS).collect()
}

/// The domain of this name: its number from 0, and how many of its kind there are.
fn domain(name: &str) -> Option<(usize, usize)> {
    let (prefix, count) = DOMAIN_COUNTS.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let number: usize = name[prefix.len()..].parse().ok()?;
    (1..=*count).contains(&number).then(|| (number - 1, *count))
}

/// The names of all domains.
pub fn domains() -> impl Iterator<Item = String> {
    let numbered = |(prefix, count): (&'static str, usize)| {
        (1..=count).map(move |number| format!("{prefix}{number}"))
    };
    DOMAIN_COUNTS.into_iter().flat_map(numbered)
}

/// Says which names of a target are not there; `span` is where it stands.
pub fn check(target: &Target, roster: &Roster, span: &Span, findings: &mut Vec<Finding>) {
    for name in target.0.iter().filter(|name| !roster.knows(name)) {
        let finding = Finding::new(format!("no node `{name}` in this system"), span.clone());
        let domains = ["zone-1", "rack-1", "power-1", "batch-1"];
        let known = roster.names.iter().map(String::as_str).chain(roster.groups()).chain(domains);
        findings.push(finding.label("not there").known(name, known));
    }
}

/// The names of the nodes that the system deploys, wherever it runs.
pub fn node_names(system: &System) -> Vec<String> {
    roster(system).names
}

/// The nodes that the system deploys, wherever it runs.
pub fn roster(system: &System) -> Roster {
    let profile = Profile::load("nvme-10gbe", None).expect("a shipped profile is right");
    let nothing: headwater_models::arrival::ArrivalSource =
        std::rc::Rc::new(|_, _| Box::new(std::iter::empty()));
    Roster::new(&system.deploy(&profile.environment(), &nothing), system.replicas())
}

/// Who leads now, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// The node that `leader` stands for.
    pub leader: Option<NodeId>,
    /// The node that `controller` stands for.
    pub controller: Option<NodeId>,
}

/// The nodes that a target came to when its fault happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// They, each once, in order.
    pub nodes: Vec<NodeId>,
    /// What the target names and nobody was at that time, such as `leader`.
    pub vacant: Vec<String>,
}

/// The nodes of a target.
pub fn resolve(target: &Target, roster: &Roster, holders: Holders) -> Resolved {
    let mut resolved = Resolved::default();
    for name in &target.0 {
        match name.as_str() {
            "leader" => resolved.nodes.extend(holders.leader.or_else(|| roster.servers().next())),
            "controller" => {
                resolved.nodes.extend(holders.controller.or_else(|| roster.servers().next()));
            }
            name => resolved.nodes.extend(roster.named(name)),
        }
    }
    resolved.nodes.sort_unstable();
    resolved.nodes.dedup();
    resolved
}

/// Names and roles of the nodes of a deployment that has been taken apart.
#[derive(Clone, Debug)]
pub struct Roster {
    names: Vec<String>,
    roles: Vec<&'static Role>,
    replicas: usize,
}

impl Roster {
    /// Of a deployment that keeps so many copies of everything.
    pub fn new(deployment: &Deployment, replicas: usize) -> Self {
        let names = deployment.nodes.iter().map(|node| node.name.clone()).collect();
        Self { names, roles: deployment.roles.clone(), replicas }
    }

    /// What a node is for.
    pub fn role(&self, node: NodeId) -> &'static Role {
        self.roles[node.index()]
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        &self.names[node.index()]
    }

    /// All nodes with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &'static Role)> + '_ {
        (0..).map(NodeId).zip(self.roles.iter().copied())
    }

    /// The nodes whose role has this capability.
    pub fn with(&self, capability: Capability) -> impl Iterator<Item = NodeId> + '_ {
        self.iter().filter(move |(_, role)| role.can(capability)).map(|(node, _)| node)
    }

    /// The nodes that keep or serve data.
    pub fn servers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.with(Capability::Serves)
    }

    /// The groups that this system has.
    fn groups(&self) -> impl Iterator<Item = &str> {
        let here = ROLES.iter().filter(|role| self.roles.contains(role)).map(|role| role.group);
        HELD.iter().chain(&MIXED).map(|(name, _)| *name).chain(here)
    }

    /// Whether a target may name this.
    fn knows(&self, name: &str) -> bool {
        domain(name).is_some()
            || self.groups().any(|group| group == name)
            || self.names.iter().any(|have| have == name)
    }

    /// The node of this name, or the nodes of this group.
    pub fn named(&self, name: &str) -> Vec<NodeId> {
        match name {
            "servers" => return self.servers().collect(),
            "replicas" => return self.with(Capability::KeepsData).take(self.replicas).collect(),
            "all" => return self.iter().map(|(node, _)| node).collect(),
            _ => {}
        }
        if let Some((number, count)) = domain(name) {
            return self.servers().skip(number).step_by(count).collect();
        }
        match self.names.iter().position(|have| have == name) {
            Some(at) => vec![NodeId(at as u32)],
            None => {
                let of_group = self.iter().filter(|(_, role)| role.group == name);
                of_group.map(|(node, _)| node).collect()
            }
        }
    }
}
