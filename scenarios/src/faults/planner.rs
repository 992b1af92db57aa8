//! The planner: resolves targets, roles and times, and turns the scenario's faults into the
//! kernel's, for whichever world applies them.

use std::collections::BTreeMap;

use headwater_reports::outcome;
use headwater_sim::disk::FileId;
use headwater_sim::fault::Fault;
use headwater_sim::random::{Seed, Stream};
use headwater_sim::units::{MachineId, NodeId};

use super::entry::{Family, Overlap, Stops};
use super::kind::{Timed, at_once};
use super::situation::Situation;
use super::spec::FaultSpec;
use super::world::World;
use crate::targets::{self, Holders, Roster};
use crate::units::{Duration, Time};

/// No model names a file with this bit.
const ASIDE: u64 = 1 << 63;

/// The target of a fault when nobody held the office that it named.
pub const NOBODY: &str = "nobody";

/// Faults and how far they have come.
#[derive(Clone, Debug)]
pub struct Planner<'a> {
    seed: Seed,
    faults: &'a [FaultSpec],
    machine_of: Vec<MachineId>,
    identities: Vec<Option<FileId>>,
    /// Nodes whose process is stopped for good, and when that begins.
    gone: BTreeMap<NodeId, Time>,
    pub(super) cpu_percent: u32,
    /// (when, end, which), soonest last.
    steps: Vec<(Time, bool, usize)>,
    /// Who was hit, by fault.
    resolved: Vec<Resolved>,
    names: Vec<String>,
    begun: Vec<usize>,
    active: Vec<usize>,
    /// What went differently from what the file says, one line each.
    amiss: Vec<String>,
}

/// The nodes that a fault hit, and those on the other side.
#[derive(Clone, Debug, Default)]
struct Resolved {
    nodes: Vec<NodeId>,
    peers: Vec<NodeId>,
    machines: Vec<MachineId>,
}

impl<'a> Planner<'a> {
    /// The faults of a scenario on the nodes of `roster`, node by node on `machine_of`, whose cores
    /// take `cpu_percent` of the kernel's usual time.
    pub fn new(
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
            resolved: vec![Resolved::default(); count],
            names: vec![String::new(); count],
            begun: Vec::new(),
            active: Vec::new(),
            amiss: Vec::new(),
        }
    }

    /// When the next step is due.
    pub fn next(&self) -> Option<Time> {
        self.steps.last().map(|(at, _, _)| *at)
    }

    /// Whether the next step has to know who holds this office.
    pub fn asks_for(&self, office: &str) -> bool {
        let Some((_, false, index)) = self.steps.last().copied() else { return false };
        let fault = &self.faults[index];
        fault.target.asks_for(office)
            || fault.action.peers().is_some_and(|peers| peers.asks_for(office))
    }

    /// Takes the next step, in a world.
    pub fn fire(&mut self, roster: &Roster, holders: &Holders, world: &mut impl World) {
        let Some((at, _, _)) = self.steps.last().copied() else { return };
        for (after, fault) in self.step(roster, holders) {
            world.apply(at + after, fault);
        }
    }

    /// Goes through all steps without taking any: an error says which fault can't happen in this
    /// world, and why.
    pub fn rehearse(&self, roster: &Roster, world: &impl World) -> Result<(), String> {
        let mut trial = self.clone();
        while let Some((_, _, index)) = trial.steps.last().copied() {
            for (_, fault) in trial.step(roster, &Holders::default()) {
                if let Some(why) = world.refuses(&fault) {
                    return Err(format!("the fault `{}` {why}", self.faults[index].action.name()));
                }
            }
        }
        Ok(())
    }

    /// Takes the next step: the kernel's faults for it.
    fn step(&mut self, roster: &Roster, holders: &Holders) -> Vec<Timed> {
        let Some((_, ends, index)) = self.steps.pop() else { return Vec::new() };
        if ends { self.end(index) } else { self.begin(index, roster, holders) }
    }

    /// Who was hit by a fault that has no end.
    pub fn hurt_for_good(&self) -> impl Iterator<Item = NodeId> {
        let endless = self.active.iter().filter(|index| self.faults[**index].until.is_none());
        endless.flat_map(|index| self.resolved[*index].nodes.iter().copied())
    }

    fn begin(&mut self, index: usize, roster: &Roster, holders: &Holders) -> Vec<Timed> {
        let fault = &self.faults[index];
        let targets::Resolved { nodes, vacant } = targets::resolve(&fault.target, roster, holders);
        let peers = match fault.action.peers() {
            Some(peers) => targets::resolve(peers, roster, holders).nodes,
            None => roster.iter().map(|(node, _)| node).filter(|n| !nodes.contains(n)).collect(),
        };
        let names = nodes.iter().map(|node| roster.name(*node));
        let names: Vec<&str> = names.chain(vacant.iter().map(|_| NOBODY)).collect();
        self.names[index] = names.join(", ");
        let mut machines: Vec<_> = nodes.iter().map(|node| self.machine_of[node.index()]).collect();
        machines.sort_unstable();
        machines.dedup();
        self.resolved[index] = Resolved { nodes, peers, machines };
        self.notice(index);
        self.begun.push(index);
        self.active.push(index);
        self.faults[index].action.begin(&self.situation(index))
    }

    fn end(&mut self, index: usize) -> Vec<Timed> {
        let now = Time::ZERO + self.faults[index].until.unwrap_or(Duration::MAX);
        self.active.retain(|active| *active != index);
        let action = &self.faults[index].action;
        let entry = action.entry();
        let mut faults = at_once(action.end(&self.situation(index)));
        // What ends may have stood over another fault of its kind, which goes on.
        let same = |other: &&usize| self.faults[**other].action.name() == entry.name;
        if entry.overlap == Overlap::Level {
            for other in self.active.iter().filter(same) {
                faults.extend(self.faults[*other].action.begin(&self.situation(*other)));
            }
        }
        if entry.stops == Stops::Machine {
            faults.extend(self.after_power(&self.resolved[index].machines));
        } else if entry.family == Family::Storage {
            // Who has ended because of its disk is started by its supervisor; who runs is not.
            let hit = self.resolved[index].nodes.iter();
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

    /// A fault as its kind sees it.
    fn situation(&self, index: usize) -> Situation<'_> {
        let (fault, resolved) = (&self.faults[index], &self.resolved[index]);
        let lasts = fault.until.map_or(Duration::MAX, |until| until.saturating_sub(fault.at));
        Situation {
            planner: self,
            index,
            nodes: &resolved.nodes,
            peers: &resolved.peers,
            machines: &resolved.machines,
            at: Time::ZERO + fault.at,
            lasts,
        }
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> usize {
        self.machine_of.len()
    }

    /// The faults that go on, and what they hit.
    fn ongoing(&self) -> impl Iterator<Item = (Stops, &Resolved)> {
        let stops = |index: &usize| self.faults[*index].action.entry().stops;
        self.active.iter().map(move |index| (stops(index), &self.resolved[*index]))
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

    /// The file that identifies a node's directory, and its name while it is moved aside.
    pub(super) fn identity(&self, node: NodeId) -> Option<(FileId, FileId)> {
        self.identities[node.index()].map(|file| (file, FileId(file.0 | ASIDE)))
    }

    /// Its process is stopped for good at this time, and nothing starts it again.
    pub(super) fn is_gone(&self, node: NodeId, at: Time) -> bool {
        self.gone.get(&node).is_some_and(|since| *since <= at)
    }

    /// Another fault in progress keeps this node's process from running.
    pub(super) fn keeps_down(&self, node: NodeId) -> bool {
        let stops = |(stops, resolved): (Stops, &Resolved)| {
            stops == Stops::Process && resolved.nodes.contains(&node)
        };
        self.ongoing().any(stops) || self.keeps_dark(self.machine_of[node.index()])
    }

    /// A fault that goes on keeps this machine without power.
    fn keeps_dark(&self, machine: MachineId) -> bool {
        self.ongoing().any(|(stops, resolved)| {
            stops == Stops::Machine && resolved.machines.contains(&machine)
        })
    }

    /// The draws of a fault: by its kind and time, so that they stay when others come or go.
    pub(super) fn stream(&self, index: usize) -> Stream {
        let fault = &self.faults[index];
        self.seed.stream(&format!("injector {}", fault.action.name()), fault.at.0)
    }

    /// Notices a fault that hits nobody, or one that another of its kind has hit already.
    fn notice(&mut self, index: usize) {
        let (fault, nodes) = (&self.faults[index], &self.resolved[index].nodes);
        let name = fault.action.name();
        if nodes.is_empty() {
            self.amiss.push(format!("{name} at {} hit nobody: {}", fault.at, fault.target));
        }
        let same = |other: &&usize| {
            let hit = |node| self.resolved[**other].nodes.contains(node);
            self.faults[**other].action.name() == name && nodes.iter().any(hit)
        };
        if let Some(other) = self.active.iter().find(same) {
            let (target, before) = (&fault.target, self.faults[*other].at);
            let at = fault.at;
            self.amiss.push(format!("{name} at {at} on {target} met that of {before}"));
        }
    }

    /// What went otherwise than the file says, in a run that ended at `end`: faults that never
    /// began, that hit nobody, that met another of their kind on a node.
    pub fn amiss(&self, end: Time) -> Vec<String> {
        let never = (0..self.faults.len()).filter(|index| !self.begun.contains(index));
        let end = end.since(Time::ZERO);
        let never = never.map(|index| {
            let fault = &self.faults[index];
            format!("{} at {} never began: the run ended at {end}", fault.action.name(), fault.at)
        });
        self.amiss.iter().cloned().chain(never).collect()
    }

    /// The faults that have begun, as they were injected.
    pub fn windows(&self, end: Time) -> Vec<outcome::Fault> {
        let window = |index: &usize| {
            let fault = &self.faults[*index];
            let until = fault.until.map(|until| Time::ZERO + until).filter(|until| *until <= end);
            let asked = fault.target.to_string();
            let target = match &self.names[*index] {
                names if *names == asked => asked,
                names => format!("{names} ({asked})"),
            };
            outcome::Fault {
                name: fault.action.name().to_owned(),
                target,
                from_ns: fault.at.0,
                until_ns: until.map(|until| until.0),
                parameters: parameters(fault),
            }
        };
        self.begun.iter().map(window).collect()
    }
}

/// The nodes that faults without an end stop by name, and when.
fn gone(faults: &[FaultSpec], roster: &Roster) -> BTreeMap<NodeId, Time> {
    let mut gone = BTreeMap::new();
    let endless = faults.iter().filter(|fault| fault.until.is_none());
    let stops =
        |fault: &&FaultSpec| matches!(fault.action.entry().stops, Stops::Process | Stops::Work);
    for fault in endless.filter(stops) {
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
    let parameters = fault.action.parameters().into_iter();
    let mut parameters: BTreeMap<_, _> = parameters
        .map(|(name, value)| match value {
            toml::Value::String(text) => (name, text),
            value => (name, value.to_string()),
        })
        .collect();
    if let Some(peers) = fault.action.peers() {
        parameters.insert("peers".into(), peers.to_string());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Action, Target};
    use crate::scenario::Source;

    fn roster() -> Roster {
        let source = Source::find("swarm/kafka").expect("it is in the library");
        let scenario = source.read(&[]).unwrap_or_else(|problems| panic!("{problems}"));
        scenario.systems.roster()
    }

    #[test]
    fn an_office_is_asked_for_when_a_fault_begins_that_names_it() {
        let roster = roster();
        let second = Duration::from_secs(1);
        let partition = "kind = 'partition'\npeers = 'leader'".parse::<Action>();
        let faults = [FaultSpec {
            action: partition.expect("it is a kind"),
            target: Target(vec!["controller".into()]),
            at: second,
            until: Some(second * 2),
        }];
        let machine_of = (0..).map(MachineId).take(roster.iter().count()).collect();
        let mut planner = Planner::new(Seed(1), &faults, machine_of, &roster, 100);
        let asks = |planner: &Planner<'_>| {
            ["leader", "controller", "broker-1"].map(|office| planner.asks_for(office))
        };
        assert_eq!(asks(&planner), [true, true, false]);
        planner.step(&roster, &Holders::default());
        assert_eq!(asks(&planner), [false; 3], "it ends");
        planner.step(&roster, &Holders::default());
        assert_eq!((planner.next(), asks(&planner)), (None, [false; 3]));
    }

    #[test]
    fn a_process_that_is_stopped_for_good_is_not_started_when_another_fault_ends() {
        let roster = roster();
        let second = Duration::from_secs(1);
        let fault = |action: &str, at: Duration, until| FaultSpec {
            action: action.parse::<Action>().expect("it is a kind"),
            target: Target(vec!["broker-2".into()]),
            at,
            until,
        };
        let restarts = |endless: Option<&str>| {
            let looping = "kind = 'crash-loop'\nup = '1s'\ndown = '1s'";
            let stopping = "kind = 'shutdown'\ngrace = '1s'";
            let mut faults = vec![
                fault(looping, second, Some(second * 9)),
                fault(stopping, second * 20, Some(second * 22)),
            ];
            faults.extend(endless.map(|action| fault(action, second * 4, None)));
            let machine_of = (0..).map(MachineId).take(roster.iter().count()).collect();
            let mut planner = Planner::new(Seed(1), &faults, machine_of, &roster, 100);
            let mut restarts = Vec::new();
            while let Some(at) = planner.next() {
                let fired = planner.step(&roster, &Holders::default());
                let back = fired.iter().filter(|(_, fault)| matches!(fault, Fault::Restart { .. }));
                restarts.extend(back.map(|(after, _)| (at + *after).0 / 1_000_000_000));
            }
            restarts
        };
        assert_eq!(restarts(None), [2, 4, 6, 8, 9, 22]);
        for endless in ["kind = 'pause'", "kind = 'crash'"] {
            assert_eq!(restarts(Some(endless)), [2]);
        }
    }
}
