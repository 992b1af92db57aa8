//! The injector: turns the scenario's faults into the kernel's, when their time comes.

mod beginning;
mod ending;

use std::collections::BTreeMap;

use headwater_reports::outcome;
use headwater_sim::fault::Fault;
use headwater_sim::random::{Seed, Stream};
use headwater_sim::units::{MachineId, NodeId};

use crate::scenario::Action;
use crate::scenario::catalogue::{self, Family};
use crate::scenario::fault::{FaultSpec, Target};
use crate::scenario::plan::{self, Roster};
use crate::units::{Duration, Time};

/// A kernel's fault, and how long after the step it happens.
pub(super) type Timed = (Duration, Fault);

/// Faults and how far they have come.
pub(super) struct Injector<'a> {
    seed: Seed,
    faults: &'a [FaultSpec],
    machine_of: Vec<MachineId>,
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

/// Who leads, and who is the active controller, as far as the run has shown.
pub(super) type Leaders = (Option<NodeId>, Option<NodeId>);

impl<'a> Injector<'a> {
    pub(super) fn new(
        seed: Seed,
        faults: &'a [FaultSpec],
        machine_of: Vec<MachineId>,
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
    pub(super) fn fire(&mut self, roster: &Roster, leaders: Leaders) -> Vec<Timed> {
        let Some((_, ends, index)) = self.steps.pop() else { return Vec::new() };
        if ends { self.end(index) } else { self.begin(index, roster, leaders) }
    }

    fn begin(&mut self, index: usize, roster: &Roster, leaders: Leaders) -> Vec<Timed> {
        let fault = &self.faults[index];
        let nodes = plan::resolve(&fault.target, roster, leaders.0, leaders.1);
        let peers = match fault.action.peers() {
            Some(peers) => plan::resolve(peers, roster, leaders.0, leaders.1),
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
            Fault::Restart { node } => !self.keeps_down(*node),
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

    /// A fault that goes on keeps this node's process from running.
    fn keeps_down(&self, node: NodeId) -> bool {
        let stops = |(action, hit): (&Action, &Hit)| {
            let ends = matches!(action, Action::Crash {} | Action::CrashLoop { .. })
                || matches!(action, Action::Wipe { .. } | Action::SwapDisks {})
                || matches!(action, Action::Shutdown { .. });
            ends && hit.nodes.contains(&node)
        };
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
