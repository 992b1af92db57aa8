//! The injector: turns the scenario's faults into the kernel's, when their time comes.

mod beginning;
mod ending;

use std::collections::BTreeMap;

use headwater_reports::outcome;
use headwater_sim::disk::FileId;
use headwater_sim::fault::Fault;
use headwater_sim::random::{Seed, Stream};
use headwater_sim::units::{MachineId, NodeId};

use crate::scenario::Action;
use crate::scenario::catalogue::{self, Family};
use crate::scenario::fault::{FaultSpec, Target};
use crate::targets::{self, Holders, Roster};
use crate::units::{Duration, Time};

/// No model names a file with this bit.
const ASIDE: u64 = 1 << 63;

/// A kernel's fault, and how long after the step it happens.
pub(super) type Timed = (Duration, Fault);

/// Faults and how far they have come.
pub(super) struct Injector<'a> {
    seed: Seed,
    faults: &'a [FaultSpec],
    machine_of: Vec<MachineId>,
    identities: Vec<Option<FileId>>,
    /// Nodes whose process is stopped for good, and when that begins.
    gone: BTreeMap<NodeId, Time>,
    cpu_percent: u32,
    /// (when, end, which), soonest last.
    steps: Vec<(Time, bool, usize)>,
    /// Who was hit, by fault.
    hit: Vec<Hit>,
    names: Vec<String>,
    begun: Vec<usize>,
    active: Vec<usize>,
}

/// Who was hit by a fault: the nodes, and those on the other side.
#[derive(Clone, Debug, Default)]
struct Hit {
    nodes: Vec<NodeId>,
    peers: Vec<NodeId>,
    machines: Vec<MachineId>,
}

impl<'a> Injector<'a> {
    pub(super) fn new(
        seed: Seed,
        faults: &'a [FaultSpec],
        machine_of: Vec<MachineId>,
        roster: &Roster,
        cpu_percent: u32,
    ) -> Self {
        let mut steps = Vec::new();
        for (index, fault) in faults.iter().enumerate() {
            steps.push((Time::ZERO + fault.at, false, index));
            steps.extend(fault.until.map(|until| (Time::ZERO + until, true, index)));
        }
        // At the same time ends come before beginnings, and faults in the order of the file.
        steps.sort_by_key(|(at, end, index)| std::cmp::Reverse((*at, !*end, *index)));
        let count = faults.len();
        Self {
            seed,
            faults,
            machine_of,
            identities: roster.iter().map(|(_, role)| role.identity_file).collect(),
            gone: gone(faults, roster),
            cpu_percent,
            steps,
            hit: vec![Hit::default(); count],
            names: vec![String::new(); count],
            begun: Vec::new(),
            active: Vec::new(),
        }
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.steps.last().map(|(at, _, _)| *at)
    }

    /// Takes the next step: the kernel's faults for it.
    pub(super) fn fire(&mut self, roster: &Roster, holders: Holders) -> Vec<Timed> {
        let Some((_, ends, index)) = self.steps.pop() else { return Vec::new() };
        if ends { self.end(index) } else { self.begin(index, roster, holders) }
    }

    /// Who was hit by a fault that has no end.
    pub(super) fn hurt_for_good(&self) -> impl Iterator<Item = NodeId> {
        let endless = self.active.iter().filter(|index| self.faults[**index].until.is_none());
        endless.flat_map(|index| self.hit[*index].nodes.iter().copied())
    }

    fn begin(&mut self, index: usize, roster: &Roster, holders: Holders) -> Vec<Timed> {
        let fault = &self.faults[index];
        let nodes = targets::resolve(&fault.target, roster, holders).nodes;
        let peers = match fault.action.peers() {
            Some(peers) => targets::resolve(peers, roster, holders).nodes,
            None => roster.iter().map(|(node, _)| node).filter(|n| !nodes.contains(n)).collect(),
        };
        let names: Vec<&str> = nodes.iter().map(|node| roster.name(*node)).collect();
        self.names[index] = names.join(", ");
        let mut machines: Vec<_> = nodes.iter().map(|node| self.machine_of[node.index()]).collect();
        machines.sort_unstable();
        machines.dedup();
        self.hit[index] = Hit { nodes, peers, machines };
        self.begun.push(index);
        self.active.push(index);
        self.beginning(index)
    }

    fn end(&mut self, index: usize) -> Vec<Timed> {
        let now = Time::ZERO + self.faults[index].until.unwrap_or(Duration::MAX);
        self.active.retain(|active| *active != index);
        let mut faults = self.ending(index);
        // What ends may have stood over another fault of its kind, which goes on.
        let kind = std::mem::discriminant(&self.faults[index].action);
        let same = |other: &&usize| std::mem::discriminant(&self.faults[**other].action) == kind;
        for other in self.active.iter().filter(same) {
            if self.faults[*other].action.is_level() {
                faults.extend(self.beginning(*other));
            }
        }
        let action = &self.faults[index].action;
        if matches!(action, Action::PowerCut {}) {
            faults.extend(self.after_power(&self.hit[index].machines));
        } else if catalogue::entry(action).family == Family::Storage {
            // Who has ended because of its disk is started by its supervisor; who runs is not.
            let hit = self.hit[index].nodes.iter();
            faults.extend(hit.map(|node| (Duration::ZERO, Fault::Restart { node: *node })));
        }
        // What another fault keeps down or without power stays so until that ends.
        faults.retain(|(_, fault)| match fault {
            Fault::Restart { node } => !self.keeps_down(*node) && !self.is_gone(*node, now),
            Fault::PowerOn { machine } => !self.keeps_dark(*machine),
            _ => true,
        });
        faults
    }

    /// The faults that go on, and what they hit.
    fn ongoing(&self) -> impl Iterator<Item = (&Action, &Hit)> {
        self.active.iter().map(|index| (&self.faults[*index].action, &self.hit[*index]))
    }

    /// Processes that were to come back while their machine had no power do now; others came back
    /// with it and are to stay down.
    fn after_power(&self, machines: &[MachineId]) -> Vec<Timed> {
        let lit = machines.iter().filter(|machine| !self.keeps_dark(**machine));
        let on = |machine: &MachineId| {
            let machine = *machine;
            (0..).map(NodeId).zip(&self.machine_of).filter(move |(_, on)| **on == machine)
        };
        lit.flat_map(on)
            .map(|(node, _)| match self.keeps_down(node) {
                true => (Duration::ZERO, Fault::Crash { node }),
                false => (Duration::ZERO, Fault::Restart { node }),
            })
            .collect()
    }

    /// The file that says whose directory a node's is, and its name while it is put aside.
    fn identity(&self, node: NodeId) -> Option<(FileId, FileId)> {
        self.identities[node.index()].map(|file| (file, FileId(file.0 | ASIDE)))
    }

    /// Its process is stopped for good at this time, and nothing starts it again.
    fn is_gone(&self, node: NodeId, at: Time) -> bool {
        self.gone.get(&node).is_some_and(|since| *since <= at)
    }

    /// A fault that goes on keeps this node's process from running.
    fn keeps_down(&self, node: NodeId) -> bool {
        let stops = |(action, hit): (&Action, &Hit)| stops(action) && hit.nodes.contains(&node);
        self.ongoing().any(stops) || self.keeps_dark(self.machine_of[node.index()])
    }

    /// A fault that goes on keeps this machine without power.
    fn keeps_dark(&self, machine: MachineId) -> bool {
        self.ongoing().any(|(action, hit)| {
            matches!(action, Action::PowerCut {}) && hit.machines.contains(&machine)
        })
    }

    /// The draws of a fault: by its kind and time, so that they stay when others come or go.
    fn stream(&self, index: usize) -> Stream {
        let fault = &self.faults[index];
        self.seed.stream(&format!("injector {}", fault.action.name()), fault.at.0)
    }

    /// The faults that have begun, as they were injected.
    pub(super) fn windows(&self, end: Time) -> Vec<outcome::Fault> {
        let window = |index: &usize| {
            let fault = &self.faults[*index];
            let until = fault.until.map(|until| Time::ZERO + until).filter(|until| *until <= end);
            let asked = fault.target.to_string();
            let target = match &self.names[*index] {
                names if *names == asked => asked,
                names => format!("{names} ({asked})"),
            };
            outcome::Fault {
                name: fault.action.name(),
                target,
                from_ns: fault.at.0,
                until_ns: until.map(|until| until.0),
                parameters: parameters(fault),
            }
        };
        self.begun.iter().map(window).collect()
    }
}

/// A fault of this kind keeps a process from running, until it is started again.
fn stops(action: &Action) -> bool {
    matches!(action, Action::Crash {} | Action::CrashLoop { .. } | Action::Shutdown { .. })
        || matches!(action, Action::Wipe { .. } | Action::SwapDisks {})
}

/// The nodes that faults without an end stop by name, and when.
fn gone(faults: &[FaultSpec], roster: &Roster) -> BTreeMap<NodeId, Time> {
    let mut gone = BTreeMap::new();
    let endless = faults.iter().filter(|fault| fault.until.is_none());
    for fault in endless.filter(|of| stops(&of.action) || matches!(of.action, Action::Pause {})) {
        let named = fault.target.0.iter().flat_map(|name| roster.named(name));
        for node in named {
            let since = gone.entry(node).or_insert(Time::MAX);
            *since = (*since).min(Time::ZERO + fault.at);
        }
    }
    gone
}

/// The parameters of a fault, by name.
fn parameters(fault: &FaultSpec) -> BTreeMap<String, String> {
    let table = fault.action.to_table();
    let parameters = table.into_iter().filter(|(name, _)| name != "kind");
    let mut parameters: BTreeMap<_, _> = parameters
        .map(|(name, value)| match value {
            toml::Value::String(text) => (name, text),
            value => (name, value.to_string()),
        })
        .collect();
    if let Some(peers) = fault.action.peers() {
        parameters.insert("peers".into(), Target::to_string(peers));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Source;

    #[test]
    fn a_process_that_is_stopped_for_good_is_not_started_when_another_fault_ends() {
        let source = Source::find("swarm/kafka").expect("it is in the library");
        let scenario = source.read(&[]).unwrap_or_else(|problems| panic!("{problems}"));
        let roster = targets::roster(&scenario.system);
        let second = Duration::from_secs(1);
        let fault = |action, at: Duration, until| FaultSpec {
            action,
            target: Target(vec!["broker-2".into()]),
            at,
            until,
        };
        let restarts = |endless: Option<Action>| {
            let looping = Action::CrashLoop { up: second, down: second };
            let mut faults = vec![
                fault(looping, second, Some(second * 9)),
                fault(Action::Shutdown { grace: second }, second * 20, Some(second * 22)),
            ];
            faults.extend(endless.map(|action| fault(action, second * 4, None)));
            let machine_of = (0..).map(MachineId).take(roster.iter().count()).collect();
            let mut injector = Injector::new(Seed(1), &faults, machine_of, &roster, 100);
            let mut restarts = Vec::new();
            while let Some(at) = injector.next() {
                let fired = injector.fire(&roster, Holders::default());
                let back = fired.iter().filter(|(_, of)| matches!(of, Fault::Restart { .. }));
                restarts.extend(back.map(|(after, _)| (at + *after).0 / 1_000_000_000));
            }
            restarts
        };
        assert_eq!(restarts(None), [2, 4, 6, 8, 9, 22]);
        for endless in [Action::Pause {}, Action::Crash {}] {
            assert_eq!(restarts(Some(endless)), [2]);
        }
    }
}
