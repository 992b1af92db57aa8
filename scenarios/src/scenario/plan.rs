//! The plan of faults: reading them, and checking that their targets are there.

use super::catalogue::{self, Family};
use super::fault::{FaultSpec, Target};
use super::system::System;
use crate::reading::decode;
use crate::reading::problem::Finding;
use crate::reading::tree::{Span, Tree, Value};
use headwater_models::deployment::{Deployment, Role};
use headwater_sim::units::NodeId;

use crate::profile::Profile;

/// Groups that are looked up when a fault happens, and who is in them.
pub const GROUPS: [(&str, &str); 10] = [
    ("leader", "the leader of partition 0, or the store that runs container 0"),
    ("controller", "the active controller"),
    ("brokers", "every Kafka broker"),
    ("bookies", "every bookie"),
    ("stores", "every segment store"),
    ("servers", "every broker, bookie and segment store"),
    ("replicas", "the servers that partition 0, or the first ledger, was first placed on"),
    ("producers", "every producer"),
    ("consumers", "every consumer"),
    ("all", "every node"),
];

/// Failure domains, each numbered from 1, and how servers are spread over them.
pub const DOMAINS: [(&str, &str); 4] = [
    ("zone-N", "the servers of one of three availability zones, dealt out in turn"),
    ("rack-N", "the servers of one of three racks, dealt out in turn"),
    ("power-N", "the servers on one of two power feeds, dealt out in turn"),
    ("batch-N", "the servers with disks of one of two batches, dealt out in turn"),
];

/// The prefix and the number of each of [`DOMAINS`]. Three as cloud regions have zones, and as
/// replication factors are; two as machine rooms have feeds.
const DOMAIN_COUNTS: [(&str, usize); 4] =
    [("zone-", 3), ("rack-", 3), ("power-", 2), ("batch-", 2)];

/// The domain of this name: its number from 0, and how many of its kind there are.
fn domain(name: &str) -> Option<(usize, usize)> {
    let (prefix, count) = DOMAIN_COUNTS.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let number: usize = name[prefix.len()..].parse().ok()?;
    (1..=*count).contains(&number).then(|| (number - 1, *count))
}

/// The names of all domains.
pub fn domains() -> impl Iterator<Item = String> {
    let of =
        |(prefix, count): (&'static str, usize)| (1..=count).map(move |n| format!("{prefix}{n}"));
    DOMAIN_COUNTS.into_iter().flat_map(of)
}

/// Reads the list `[[fault]]`, each with its place.
pub fn read(tree: &Tree, findings: &mut Vec<Finding>) -> Vec<(FaultSpec, Tree)> {
    let Value::Array(items) = &tree.value else {
        let finding = Finding::new("fault is a list: write [[fault]]", tree.span.clone());
        findings.push(finding.label(format!("a {} here", tree.kind())));
        return Vec::new();
    };
    let one = |(index, item): (usize, &Tree)| {
        let fault = FaultSpec::read(item, &format!("fault.{index}"), findings)?;
        Some((fault, item.clone()))
    };
    items.iter().enumerate().filter_map(one).collect()
}

/// Checks targets against the nodes of the system.
pub fn check(faults: &[(FaultSpec, Tree)], system: &System, findings: &mut Vec<Finding>) {
    if faults.is_empty() {
        return;
    }
    let roster = roster(system);
    for (fault, tree) in faults {
        check_target(&fault.target, &roster, place(tree, "target"), findings);
        if let Some(peers) = fault.action.peers() {
            check_target(peers, &roster, place(tree, "peers"), findings);
        }
        let tier = catalogue::entry(&fault.action).family == Family::Tier;
        let nodes = resolve(&fault.target, &roster, None, None);
        if tier && nodes.iter().any(|node| roster.role(*node) != Role::Tier) {
            let message = format!("{} needs tiered storage as its target", fault.action.name());
            let finding = Finding::new(message, place(tree, "target"));
            findings.push(finding.help("target = \"tier\""));
        }
    }
}

fn place(tree: &Tree, key: &str) -> Span {
    decode::locate(tree, &[key.to_owned()]).1
}

fn check_target(target: &Target, roster: &Roster, span: Span, findings: &mut Vec<Finding>) {
    let groups = || GROUPS.iter().map(|(name, _)| *name);
    for name in &target.0 {
        let known = groups().any(|group| group == name)
            || domain(name).is_some()
            || roster.names.contains(name);
        if !known {
            let finding = Finding::new(format!("no node `{name}` in this system"), span.clone());
            let domains = ["zone-1", "rack-1", "power-1", "batch-1"];
            let known = roster.names.iter().map(String::as_str).chain(groups()).chain(domains);
            findings.push(finding.label("not there").known(name, known));
        }
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

/// The nodes of a target. `leader` and `controller` come from what the run has shown so far.
pub fn resolve(
    target: &Target,
    deployment: &Roster,
    leader: Option<NodeId>,
    controller: Option<NodeId>,
) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    for name in &target.0 {
        match name.as_str() {
            "leader" => nodes.extend(leader.or_else(|| deployment.servers().next())),
            "controller" => nodes.extend(controller.or_else(|| deployment.servers().next())),
            name => nodes.extend(deployment.named(name)),
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// Names and roles of the nodes of a deployment that has been taken apart.
#[derive(Clone, Debug)]
pub struct Roster {
    names: Vec<String>,
    roles: Vec<Role>,
    replicas: usize,
}

impl Roster {
    /// Of a deployment that keeps so many copies of everything.
    pub fn new(deployment: &Deployment, replicas: usize) -> Self {
        let names = deployment.nodes.iter().map(|node| node.name.clone()).collect();
        Self { names, roles: deployment.roles.clone(), replicas }
    }

    /// What a node is for.
    pub fn role(&self, node: NodeId) -> Role {
        self.roles[node.index()]
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        &self.names[node.index()]
    }

    /// All nodes with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Role)> + '_ {
        (0..).map(NodeId).zip(self.roles.iter().copied())
    }

    /// The nodes that keep or serve data.
    pub fn servers(&self) -> impl Iterator<Item = NodeId> + '_ {
        let data = |role| matches!(role, Role::Broker | Role::Bookie | Role::SegmentStore);
        self.iter().filter(move |(_, role)| data(*role)).map(|(node, _)| node)
    }

    /// The node of this name, or the nodes of this group.
    pub fn named(&self, name: &str) -> Vec<NodeId> {
        let of = |wanted: &[Role]| {
            self.iter().filter(|(_, role)| wanted.contains(role)).map(|(node, _)| node).collect()
        };
        match name {
            "brokers" => of(&[Role::Broker]),
            "bookies" => of(&[Role::Bookie]),
            "stores" => of(&[Role::SegmentStore]),
            "servers" => self.servers().collect(),
            "replicas" => {
                let keeps =
                    |(_, role): &(NodeId, Role)| matches!(role, Role::Broker | Role::Bookie);
                let keepers = self.iter().filter(keeps).map(|(node, _)| node);
                keepers.take(self.replicas).collect()
            }
            "producers" => of(&[Role::Producer]),
            "consumers" => of(&[Role::Consumer]),
            "all" => self.iter().map(|(node, _)| node).collect(),
            name => match domain(name) {
                Some((number, count)) => self.servers().skip(number).step_by(count).collect(),
                None => {
                    let at = self.names.iter().position(|have| have == name);
                    at.map(|at| NodeId(at as u32)).into_iter().collect()
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;

    fn with_faults(faults: &str) -> String {
        let text = format!(
            "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n\
             [system]\nkind = \"kafka\"\nbrokers = 3\n{faults}"
        );
        let read = Scenario::parse(&text, "t.toml", None, &[]);
        read.map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    fn fault(kind: &str, target: &str, at: &str, rest: &str) -> String {
        format!("[[fault]]\nkind = \"{kind}\"\ntarget = \"{target}\"\nat = \"{at}\"\n{rest}\n")
    }

    #[test]
    fn acknowledgements_are_a_number_or_all() {
        let with = |acks: &str| with_faults(&format!("producer.acks = {acks}\n"));
        assert_eq!(with("\"all\"") + &with("-1"), "");
        assert!(with("\"some\"").contains("0, 1, -1 or \"all\""), "{}", with("\"some\""));
        assert!(with("2").contains("it is 0, 1, or -1"), "{}", with("2"));
    }

    #[test]
    fn targets_are_nodes_or_groups_of_the_system() {
        for target in ["broker-3", "leader", "brokers", "producers", "rack-2", "replicas"] {
            assert_eq!(with_faults(&fault("crash", target, "1s", "")), "", "{target}");
        }
        let refused = with_faults(&fault("crash", "broker-4", "1s", ""));
        assert!(refused.contains("no node `broker-4`"), "{refused}");
        let refused = with_faults(&fault("crash", "power-3", "1s", ""));
        assert!(refused.contains("no node `power-3`"), "{refused}");
        let refused = with_faults(&fault("tier-full", "broker-1", "1s", ""));
        assert!(refused.contains("needs tiered storage"), "{refused}");
    }
}
