//! The plan of faults: reading them, and checking that their targets are there.

use super::system::System;
use crate::faults::{Family, FaultSpec};
use crate::reading::decode;
use crate::reading::problem::Finding;
use crate::reading::tree::{Span, Tree, Value};
use crate::targets::{self, Holders};
use headwater_models::role::Capability;
use headwater_sim::units::NodeId;

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
    let roster = targets::roster(system);
    for (fault, tree) in faults {
        targets::check(&fault.target, &roster, &place(tree, "target"), findings);
        if let Some(peers) = fault.action.peers() {
            targets::check(peers, &roster, &place(tree, "peers"), findings);
        }
        let tier = fault.action.entry().family == Family::Tier;
        let nodes = targets::resolve(&fault.target, &roster, Holders::default()).nodes;
        let tiered = |node: &NodeId| roster.role(*node).can(Capability::TieredStorage);
        if tier && !nodes.iter().all(tiered) {
            let message = format!("{} needs tiered storage as its target", fault.action.name());
            let finding = Finding::new(message, place(tree, "target"));
            findings.push(finding.help("target = \"tier\""));
        }
    }
}

fn place(tree: &Tree, key: &str) -> Span {
    decode::locate(tree, &[key.to_owned()]).1
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
