//! The plan of faults: reading them, and checking that their targets are there.

use super::decode;
use super::fault::{Action, FaultSpec, Target};
use super::problem::Finding;
use super::system::System;
use super::tree::{Span, Tree, Value};
use headwater_models::deployment::Deployment;
use headwater_sim::units::NodeId;

use crate::profile::Profile;

/// Groups that are looked up when a fault happens.
pub const GROUPS: [&str; 9] = [
    "leader",
    "controller",
    "brokers",
    "bookies",
    "stores",
    "servers",
    "producers",
    "consumers",
    "all",
];

/// Reads the list `[[fault]]`, each with its place.
pub fn read(tree: &Tree, findings: &mut Vec<Finding>) -> Vec<(FaultSpec, Tree)> {
    let Value::Array(items) = &tree.value else {
        let finding = Finding::new("fault is a list: write [[fault]]", tree.span.clone());
        findings.push(finding.label(format!("a {} here", tree.kind())));
        return Vec::new();
    };
    let one = |(index, item): (usize, &Tree)| {
        let fault = decode::decode(item, &format!("fault.{index}"), findings)?;
        Some((fault, item.clone()))
    };
    items.iter().enumerate().filter_map(one).collect()
}

/// Checks targets against the nodes of the system, and faults against each other.
pub fn check(faults: &[(FaultSpec, Tree)], system: &System, findings: &mut Vec<Finding>) {
    if faults.is_empty() {
        return;
    }
    let names = node_names(system);
    for (fault, tree) in faults {
        check_target(&fault.target, &names, place(tree, "target"), findings);
        if let Action::Partition { peers: Some(peers), .. }
        | Action::SlowLink { peers: Some(peers), .. } = &fault.action
        {
            check_target(peers, &names, place(tree, "peers"), findings);
        }
    }
    for name in ["partition", "slow-link"] {
        let same = faults.iter().filter(|(fault, _)| fault.action.name() == name);
        let same: Vec<_> = same.collect();
        for pair in same.windows(2) {
            let [(first, _), (second, tree)] = pair else { continue };
            if first.until.is_none_or(|until| until > second.at) {
                let message = format!("two faults of kind {name} at the same time");
                let finding = Finding::new(message, place(tree, "at"));
                findings.push(finding.help(
                    "one healing heals them all: name all targets in one fault, or let them follow \
                     each other",
                ));
            }
        }
    }
}

fn place(tree: &Tree, key: &str) -> Span {
    decode::locate(tree, &[key.to_owned()]).1
}

fn check_target(target: &Target, names: &[String], span: Span, findings: &mut Vec<Finding>) {
    for name in &target.0 {
        let known = GROUPS.contains(&name.as_str()) || names.contains(name);
        if !known {
            let finding = Finding::new(format!("no node `{name}` in this system"), span.clone());
            let known = names.iter().map(String::as_str).chain(GROUPS);
            findings.push(finding.label("not there").known(name, known));
        }
    }
}

/// The names of the nodes that the system deploys, wherever it runs.
pub fn node_names(system: &System) -> Vec<String> {
    let profile = Profile::load("nvme-10gbe", None).expect("a shipped profile is right");
    let nothing: headwater_models::arrival::ArrivalSource =
        std::rc::Rc::new(|_, _| Box::new(std::iter::empty()));
    let deployment = system.deploy(&profile.environment(), &nothing);
    deployment.nodes.iter().map(|node| node.name.clone()).collect()
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
    roles: Vec<headwater_models::deployment::Role>,
}

impl Roster {
    /// Of a deployment.
    pub fn new(deployment: &Deployment) -> Self {
        let names = deployment.nodes.iter().map(|node| node.name.clone()).collect();
        Self { names, roles: deployment.roles.clone() }
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        &self.names[node.index()]
    }

    /// All nodes with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, headwater_models::deployment::Role)> + '_ {
        (0..).map(NodeId).zip(self.roles.iter().copied())
    }

    /// The nodes that keep or serve data.
    pub fn servers(&self) -> impl Iterator<Item = NodeId> + '_ {
        use headwater_models::deployment::Role::{Bookie, Broker, SegmentStore};
        let data = |role| matches!(role, Broker | Bookie | SegmentStore);
        self.iter().filter(move |(_, role)| data(*role)).map(|(node, _)| node)
    }

    /// The node of this name, or the nodes of this group.
    fn named(&self, name: &str) -> Vec<NodeId> {
        use headwater_models::deployment::Role;
        let of = |wanted: &[Role]| {
            self.iter().filter(|(_, role)| wanted.contains(role)).map(|(node, _)| node).collect()
        };
        match name {
            "brokers" => of(&[Role::Broker]),
            "bookies" => of(&[Role::Bookie]),
            "stores" => of(&[Role::SegmentStore]),
            "servers" => self.servers().collect(),
            "producers" => of(&[Role::Producer]),
            "consumers" => of(&[Role::Consumer]),
            "all" => self.iter().map(|(node, _)| node).collect(),
            name => {
                let at = self.names.iter().position(|have| have == name);
                at.map(|at| NodeId(at as u32)).into_iter().collect()
            }
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
    fn partitions_that_overlap_are_refused_since_one_healing_heals_both() {
        let first = fault("partition", "broker-1", "1s", "for = \"5s\"");
        let during = fault("partition", "broker-2", "3s", "for = \"1s\"");
        let after = fault("partition", "broker-2", "6s", "for = \"1s\"");
        assert_eq!(with_faults(&format!("{first}{after}")), "");
        let refused = with_faults(&format!("{first}{during}"));
        assert!(refused.contains("two faults of kind partition at the same time"), "{refused}");
    }

    #[test]
    fn targets_are_nodes_or_groups_of_the_system() {
        for target in ["broker-3", "leader", "brokers", "producers"] {
            assert_eq!(with_faults(&fault("crash", target, "1s", "")), "", "{target}");
        }
        let refused = with_faults(&fault("crash", "broker-4", "1s", ""));
        assert!(refused.contains("no node `broker-4`"), "{refused}");
    }
}
