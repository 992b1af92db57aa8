//! The injector: turns the scenario's faults into the kernel's, when their time comes.

use std::collections::BTreeMap;

use headwater_reports::outcome;
use headwater_sim::fault::Fault;
use headwater_sim::units::{MachineId, NodeId};

use crate::scenario::fault::{Action, FaultSpec, Target};
use crate::scenario::plan::{self, Roster};
use crate::units::Time;

/// Faults and how far they have come.
pub(super) struct Injector<'a> {
    faults: &'a [FaultSpec],
    machine_of: Vec<MachineId>,
    cpu_percent: u32,
    /// (when, end, which), soonest last.
    steps: Vec<(Time, bool, usize)>,
    /// Who was hit, by fault.
    hit: Vec<Vec<NodeId>>,
    names: Vec<String>,
    begun: Vec<usize>,
}

/// Who leads, and who is the active controller, as far as the run has shown.
pub(super) type Leaders = (Option<NodeId>, Option<NodeId>);

impl<'a> Injector<'a> {
    pub(super) fn new(
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
            faults,
            machine_of,
            cpu_percent,
            steps,
            hit: vec![Vec::new(); count],
            names: vec![String::new(); count],
            begun: Vec::new(),
        }
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.steps.last().map(|(at, _, _)| *at)
    }

    /// Takes the next step: the kernel's faults for it.
    pub(super) fn fire(&mut self, roster: &Roster, leaders: Leaders) -> Vec<Fault> {
        let Some((_, ends, index)) = self.steps.pop() else { return Vec::new() };
        let fault = &self.faults[index];
        if ends {
            return self.ending(fault, &self.hit[index]);
        }
        let nodes = plan::resolve(&fault.target, roster, leaders.0, leaders.1);
        let names: Vec<&str> = nodes.iter().map(|node| roster.name(*node)).collect();
        self.names[index] = names.join(", ");
        self.begun.push(index);
        let faults = self.beginning(fault, &nodes, roster, leaders);
        self.hit[index] = nodes;
        faults
    }

    fn beginning(
        &self,
        fault: &FaultSpec,
        nodes: &[NodeId],
        roster: &Roster,
        leaders: Leaders,
    ) -> Vec<Fault> {
        let others = |peers: &Option<Target>| match peers {
            Some(peers) => plan::resolve(peers, roster, leaders.0, leaders.1),
            None => roster.iter().map(|(node, _)| node).filter(|n| !nodes.contains(n)).collect(),
        };
        let each = |make: &dyn Fn(NodeId) -> Fault| nodes.iter().map(|node| make(*node)).collect();
        let machines = |make: &dyn Fn(MachineId) -> Fault| {
            self.machines(nodes).into_iter().map(make).collect::<Vec<_>>()
        };
        match &fault.action {
            Action::Crash => each(&|node| Fault::Crash { node }),
            Action::Pause => each(&|node| Fault::Pause { node }),
            Action::Wipe => {
                let wipe =
                    |node: &NodeId| [Fault::Crash { node: *node }, Fault::WipeDisk { node: *node, disk: None }];
                nodes.iter().flat_map(wipe).collect()
            }
            Action::PowerCut => machines(&|machine| Fault::PowerCut { machine }),
            Action::Partition { peers, symmetric } => {
                let (from, to) = (nodes.to_vec(), others(peers));
                vec![Fault::Partition { from, to, symmetric: *symmetric }]
            }
            Action::SlowLink { peers, extra } => {
                let (here, there) = (nodes.to_vec(), others(peers));
                let (from, to) = (there.clone(), here.clone());
                let lasting = false;
                let back = Fault::SlowLink { from, to, extra: extra.clone(), lasting };
                vec![Fault::SlowLink { from: here, to: there, extra: extra.clone(), lasting }, back]
            }
            Action::SlowDisk { disk, percent } => {
                machines(&|machine| Fault::SlowDisk { machine, disk: *disk, percent: *percent })
            }
            Action::StallDisk { disk } => {
                let time = fault.until.map_or(fault.at, |until| until).saturating_sub(fault.at);
                machines(&|machine| Fault::StallDisk { machine, disk: *disk, time })
            }
            Action::FillDisk { disk } => {
                machines(&|machine| Fault::FillDisk { machine, disk: *disk, full: true })
            }
            Action::SlowCpu { percent } => {
                let percent = (u64::from(*percent) * u64::from(self.cpu_percent) / 100).max(1);
                let percent = u32::try_from(percent).unwrap_or(u32::MAX);
                machines(&|machine| Fault::SlowCpu { machine, percent })
            }
        }
    }

    fn ending(&self, fault: &FaultSpec, nodes: &[NodeId]) -> Vec<Fault> {
        let each = |make: &dyn Fn(NodeId) -> Fault| nodes.iter().map(|node| make(*node)).collect();
        let machines = |make: &dyn Fn(MachineId) -> Fault| {
            self.machines(nodes).into_iter().map(make).collect::<Vec<_>>()
        };
        match &fault.action {
            Action::Crash | Action::Wipe => each(&|node| Fault::Restart { node }),
            Action::Pause => each(&|node| Fault::Resume { node }),
            Action::PowerCut => machines(&|machine| Fault::PowerOn { machine }),
            Action::Partition { .. } => vec![Fault::Heal],
            Action::SlowLink { .. } => {
                let nodes = self.machine_of.len() as u32;
                let all: Vec<NodeId> = (0..nodes).map(NodeId).collect();
                vec![Fault::RestoreLink { from: all.clone(), to: all }]
            }
            Action::SlowDisk { disk, .. } => {
                machines(&|machine| Fault::SlowDisk { machine, disk: *disk, percent: 100 })
            }
            Action::StallDisk { .. } => Vec::new(),
            Action::FillDisk { disk } => {
                machines(&|machine| Fault::FillDisk { machine, disk: *disk, full: false })
            }
            Action::SlowCpu { .. } => {
                let percent = self.cpu_percent;
                machines(&|machine| Fault::SlowCpu { machine, percent })
            }
        }
    }

    /// The machines of some nodes, each once.
    fn machines(&self, nodes: &[NodeId]) -> Vec<MachineId> {
        let mut machines: Vec<_> = nodes.iter().map(|node| self.machine_of[node.index()]).collect();
        machines.sort_unstable();
        machines.dedup();
        machines
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
                name: fault.action.name().into(),
                target,
                from_ns: fault.at.0,
                until_ns: until.map(|until| until.0),
                parameters: parameters(&fault.action),
            }
        };
        self.begun.iter().map(window).collect()
    }
}

/// The parameters of an action, by name.
fn parameters(action: &Action) -> BTreeMap<String, String> {
    let times = |percent: &u32| format!("{}x as long", f64::from(*percent) / 100.0);
    let who = |peers: &Option<Target>| {
        let peers = peers.as_ref().map_or("everybody else".into(), ToString::to_string);
        ("peers", peers)
    };
    let all = match action {
        Action::Crash | Action::Pause | Action::Wipe | Action::PowerCut => vec![],
        Action::Partition { peers, symmetric } => {
            let ways = if *symmetric { "both" } else { "outwards" };
            vec![who(peers), ("ways", ways.into())]
        }
        Action::SlowLink { peers, extra } => {
            vec![who(peers), ("extra (mean)", extra.mean().to_string())]
        }
        Action::SlowDisk { disk, percent } => {
            vec![("disk", disk.to_string()), ("operations", times(percent))]
        }
        Action::StallDisk { disk } | Action::FillDisk { disk } => vec![("disk", disk.to_string())],
        Action::SlowCpu { percent } => vec![("work", times(percent))],
    };
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
