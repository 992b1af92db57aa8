//! Targets: the nodes of a system by name, group, failure domain, and by who leads.

use std::collections::BTreeMap;

use headwater_models::deployment::Deployment;
use headwater_models::role::{Capability, Role};
use headwater_models::signal::Office;
use headwater_models::system::{System, SystemKind, Systems};
use headwater_sim::units::NodeId;

use crate::profile::Profile;
use crate::reading::problem::Finding;
use crate::reading::tree::Span;
use crate::scenario::Target;

/// Groups that are not all nodes of one role.
const MIXED: [(&str, &str); 3] = [
    ("servers", "every node that keeps or serves data"),
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

/// What may be a target beside the name of a node, and who that is in these systems.
pub fn described(systems: &Systems) -> Vec<(&'static str, String)> {
    let mut described: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name, who: &str| match described.iter_mut().find(|(have, _)| *have == name) {
        Some((_, whoever)) if whoever == who => {}
        Some((_, whoever)) => *whoever += &format!(", or {who}"),
        None => described.push((name, who.to_owned())),
    };
    let offices = systems.iter().flat_map(SystemKind::offices);
    offices.for_each(|office| add(office.name, office.who));
    systems.iter().flat_map(SystemKind::roles).for_each(|role| add(role.group, role.who));
    MIXED.iter().chain(&DOMAINS).for_each(|(name, who)| add(name, who));
    described
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
pub fn node_names(system: &dyn System) -> Vec<String> {
    roster(system).names
}

/// The nodes that the system deploys, wherever it runs.
pub fn roster(system: &dyn System) -> Roster {
    let profile = Profile::load("nvme-10gbe", None).expect("a shipped profile is right");
    let nothing: headwater_models::arrival::ArrivalSource =
        std::rc::Rc::new(|_, _| Box::new(std::iter::empty()));
    Roster::new(&system.deployed(&profile.environment(), &nothing), system.copies() as usize)
}

/// The office whose holder swarms hit.
pub const LEADER: &str = "leader";

/// Who has taken the offices of a system so far, by the office's name.
pub type Holders = BTreeMap<&'static str, NodeId>;

/// The nodes that a target came to when its fault happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// They, each once, in order.
    pub nodes: Vec<NodeId>,
    /// What the target names and nobody was at that time, such as `leader`.
    pub vacant: Vec<String>,
}

/// The nodes of a target.
pub fn resolve(target: &Target, roster: &Roster, holders: &Holders) -> Resolved {
    let mut resolved = Resolved::default();
    for name in target.0.iter().map(String::as_str) {
        match roster.offices.iter().find(|(office, _)| office.name == name) {
            Some((_, first)) => match holders.get(name).copied().or(*first) {
                Some(holder) => resolved.nodes.push(holder),
                None => resolved.vacant.push(name.to_owned()),
            },
            None => resolved.nodes.extend(roster.named(name)),
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
    /// With who holds each at first.
    offices: Vec<(&'static Office, Option<NodeId>)>,
    replicas: usize,
}

impl Roster {
    /// Of a deployment that keeps so many copies of everything.
    pub fn new(deployment: &Deployment, replicas: usize) -> Self {
        let names = deployment.nodes.iter().map(|node| node.name.clone()).collect();
        let (roles, offices) = (deployment.roles.clone(), deployment.offices.clone());
        Self { names, roles, offices, replicas }
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

    /// Whether one of its nodes at a time is this, such as `leader`.
    pub fn has_office(&self, name: &str) -> bool {
        self.offices.iter().any(|(office, _)| office.name == name)
    }

    /// The nodes that keep or serve data.
    pub fn servers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.with(Capability::Serves)
    }

    /// The groups and offices that this system has.
    fn groups(&self) -> impl Iterator<Item = &str> {
        let mut groups: Vec<_> = self.roles.iter().map(|role| role.group).collect();
        groups.sort_unstable();
        groups.dedup();
        let offices = self.offices.iter().map(|(office, _)| office.name);
        offices.chain(MIXED.iter().map(|(name, _)| *name)).chain(groups)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Finished, Options, run};
    use crate::scenario::Scenario;

    fn read(kind: &str, target: &str, at: &str) -> Result<Scenario, String> {
        let text = format!(
            "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n\
             [system]\nkind = \"{kind}\"\n[traffic]\nrate = \"50/s\"\nduration = \"4s\"\n\
             [[fault]]\nkind = \"pause\"\ntarget = \"{target}\"\nat = \"{at}\"\nfor = \"1s\"\n"
        );
        let read = Scenario::parse(&text, "t.toml", None, &[]);
        read.map_err(|problems| problems.to_string())
    }

    fn ran(kind: &str, target: &str, at: &str) -> Finished {
        let scenario = read(kind, target, at).unwrap_or_else(|wrong| panic!("{wrong}"));
        run(&scenario, &Options::default())
    }

    fn hit(kind: &str, target: &str, at: &str) -> String {
        ran(kind, target, at).outcome.faults[0].target.clone()
    }

    #[test]
    fn in_pravega_a_store_leads_and_the_controller_is_the_controller() {
        assert_eq!(hit("pravega", "leader", "2s"), "store-1 (leader)");
        assert_eq!(hit("pravega", "leader", "1ms"), "store-1 (leader)");
        assert_eq!(hit("pravega", "controller", "2s"), "controller-1 (controller)");
    }

    #[test]
    fn in_kafka_the_first_broker_leads_and_controls_from_the_start() {
        assert_eq!(hit("kafka", "leader", "1ms"), "broker-1 (leader)");
        assert_eq!(hit("kafka", "controller", "1ms"), "broker-1 (controller)");
        assert_eq!(hit("kafka", "controller", "3s"), "broker-1 (controller)");
    }

    #[test]
    fn who_took_an_office_last_holds_it() {
        let scenario = read("pravega", "leader", "1s").unwrap();
        let roster = roster(&*scenario.system);
        let [first, second] = ["store-1", "store-2"].map(|name| roster.named(name));
        let target = Target(vec!["leader".into(), "store-1".into()]);
        assert_eq!(resolve(&target, &roster, &Holders::default()).nodes, first);
        let holders = Holders::from([("leader", second[0])]);
        assert_eq!(resolve(&target, &roster, &holders).nodes, [first, second].concat());
    }

    #[test]
    fn bookkeeper_has_nobody_who_leads() {
        for office in ["leader", "controller"] {
            let refused = read("bookkeeper", office, "1s").unwrap_err();
            assert!(refused.contains(&format!("no node `{office}`")), "{refused}");
        }
        let refused = read("kafka", "bookies", "1s").unwrap_err();
        assert!(refused.contains("no node `bookies`"), "{refused}");
    }
}
