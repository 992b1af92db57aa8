//! The plan of faults: reading them, and checking that their targets are there.

use std::collections::BTreeSet;

use crate::faults::{Family, FaultSpec};
use crate::scenario::Topology;
use crate::targets::{self, Holders};
use crate::units::Duration;
use headwater_models::role::Capability;
use headwater_reading::decode;
use headwater_reading::problem::Finding;
use headwater_reading::tree::{Span, Tree, Value};
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

/// Checks targets against the nodes of the systems, and lets these begin with their offices in the
/// hands that the first fault asks for which minds: who holds them later is up to the run.
pub fn check(faults: &[(FaultSpec, Tree)], systems: &mut Topology, findings: &mut Vec<Finding>) {
    if faults.is_empty() {
        return;
    }
    let roster = systems.roster();
    let mut arranged = BTreeSet::new();
    for (fault, tree) in faults {
        targets::check(&fault.target, &roster, &place(tree, "target"), findings);
        if let Some(peers) = fault.action.peers() {
            targets::check(peers, &roster, &place(tree, "peers"), findings);
        }
        for (stream, roles) in fault.target.roles(&roster) {
            if arranged.insert(stream)
                && let Err(why) = systems.arrange(stream, roles)
            {
                let message = format!("nobody can be `{}`: {why}", fault.target);
                findings.push(Finding::new(message, place(tree, "target")));
            }
        }
        let tier = fault.action.entry().family == Family::Tier;
        let nodes = targets::resolve(&fault.target, &roster, &Holders::default()).nodes;
        let tiered = |node: &NodeId| roster.role(*node).can(Capability::TieredStorage);
        if tier && !nodes.iter().all(tiered) {
            let message = format!("{} needs tiered storage as its target", fault.action.name());
            let finding = Finding::new(message, place(tree, "target"));
            findings.push(finding.help("target = \"tier\""));
        }
    }
}

/// Warns of faults that begin when the traffic is over, and of those that overlap another of their
/// kind. `end` is when the run is over at the latest.
pub fn doubt(faults: &[(FaultSpec, Tree)], traffic: Duration, end: Duration) -> Vec<Finding> {
    let mut doubts = Vec::new();
    for (index, (fault, tree)) in faults.iter().enumerate() {
        let (name, at) = (fault.action.name(), fault.at);
        let over = match at {
            _ if at > end => Some(format!("{name} never begins: the run is over at {end}")),
            _ if at >= traffic => Some(format!("{name} begins when the traffic is over")),
            _ => None,
        };
        if let Some(over) = over {
            let doubt = Finding::new(over, place(tree, "at"));
            doubts.push(doubt.label(format!("the traffic ends at {traffic}")));
        }
        let goes_on =
            |other: &FaultSpec| other.at <= at && other.until.is_none_or(|until| at < until);
        let meets = |(_, (other, _)): &(usize, &(FaultSpec, Tree))| {
            let shared = other.target.0.iter().any(|name| fault.target.0.contains(name));
            shared && other.action.name() == name && goes_on(other)
        };
        let others = faults.iter().enumerate().filter(|(other, _)| *other != index);
        // Of two that begin together the warning is about the later one in the file.
        let before =
            |(other, (spec, _)): &(usize, &(FaultSpec, Tree))| spec.at < at || *other < index;
        if let Some((other, _)) = others.filter(before).find(meets) {
            let message = format!("{name} meets fault.{other}, which goes on on the same target");
            doubts.push(Finding::new(message, place(tree, "target")));
        }
    }
    doubts
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

    fn doubts(faults: &str) -> String {
        let text = format!(
            "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n\
             [system]\nkind = \"kafka\"\nbrokers = 3\n\
             [traffic]\nrate = \"10/s\"\nduration = \"10s\"\n{faults}"
        );
        let read = Scenario::parse(&text, "t.toml", None, &[]);
        read.unwrap_or_else(|problems| panic!("{problems}")).warnings.to_string()
    }

    #[test]
    fn a_fault_that_never_begins_or_comes_late_is_doubted_at_its_place() {
        assert_eq!(doubts(&fault("crash", "broker-1", "3s", "")), "");
        let late = doubts(&fault("crash", "broker-1", "12s", ""));
        assert_eq!(late, "crash begins when the traffic is over (t.toml:13:6)");
        let never = doubts(&fault("crash", "broker-1", "300s", ""));
        assert_eq!(never, "crash never begins: the run is over at 70s (t.toml:13:6)");
    }

    #[test]
    fn a_fault_that_meets_another_of_its_kind_is_doubted() {
        let two = |second: &str, target: &str| {
            let first = fault("pause", "broker-1", "3s", "for = \"2s\"");
            doubts(&(first + &fault("pause", target, second, "for = \"2s\"")))
        };
        assert_eq!(two("5s", "broker-1") + &two("4s", "broker-2"), "");
        let meets = two("4s", "broker-1");
        assert!(meets.starts_with("pause meets fault.0") && meets.contains(":17:"), "{meets}");
    }
}
