//! How a fault begins: the kernel's faults, at once and over the time that it lasts.

use headwater_sim::clock::ClockChange;
use headwater_sim::condition::Condition;
use headwater_sim::fault::Fault;
use headwater_sim::impairment::Impairment;
use headwater_sim::units::{MachineId, NodeId};

use super::{Injector, Timed};
use crate::scenario::Action;
use crate::scenario::action::TierStatus;
use crate::units::{Duration, Time};

/// Clock drift as scenario files state it, in parts per million, is a thousand times this.
pub(super) const NANOS_PER_PPM: i64 = 1_000;

impl Action {
    /// True if it sets a level, which another of its kind may overwrite.
    pub(super) const fn is_level(&self) -> bool {
        !matches!(
            self,
            Self::Partition { .. }
                | Self::Isolate {}
                | Self::Bridge {}
                | Self::Ring {}
                | Self::Clog { .. }
                | Self::SwizzleClog {}
                | Self::HalfOpen { .. }
                | Self::StallDisk { .. }
                | Self::Corrupt { .. }
                | Self::SwapDisks {}
                | Self::ClockOffset { .. }
                | Self::ClockStep { .. }
                | Self::Crash {}
                | Self::CrashLoop { .. }
                | Self::Shutdown { .. }
                | Self::Pause {}
                | Self::GcPauses { .. }
                | Self::PowerCut {}
                | Self::Wipe { .. }
        )
    }
}

fn at_once(faults: impl IntoIterator<Item = Fault>) -> Vec<Timed> {
    faults.into_iter().map(|fault| (Duration::ZERO, fault)).collect()
}

impl Injector<'_> {
    /// The kernel's faults with which this one begins.
    pub(super) fn beginning(&self, index: usize) -> Vec<Timed> {
        let hit = &self.hit[index];
        let each = |make: &dyn Fn(NodeId) -> Fault| at_once(hit.nodes.iter().map(|n| make(*n)));
        match &self.faults[index].action {
            Action::Crash {} => each(&|node| Fault::Crash { node }),
            Action::Pause {} => each(&|node| Fault::Pause { node }),
            Action::Refuse {} => each(&|node| Fault::Refuse { node, refuse: true }),
            Action::Wipe { disk } => {
                let wipe = |node: &NodeId| {
                    let node = *node;
                    [Fault::Crash { node }, Fault::WipeDisk { node, disk: *disk }]
                };
                at_once(hit.nodes.iter().flat_map(wipe))
            }
            Action::WipeIdentity {} => {
                let aside = |node: &NodeId| {
                    let (node, (file, aside)) = (*node, self.identity(*node)?);
                    let restart = (!self.keeps_down(node)).then_some(Fault::Restart { node });
                    let rename = Fault::RenameFile { node, from: file, to: aside };
                    Some([Fault::Crash { node }, rename].into_iter().chain(restart))
                };
                at_once(hit.nodes.iter().filter_map(aside).flatten())
            }
            Action::SwapDisks {} => match hit.nodes[..] {
                [node, other, ..] => at_once([
                    Fault::Crash { node },
                    Fault::Crash { node: other },
                    Fault::SwapDisks { node, other },
                ]),
                _ => Vec::new(),
            },
            Action::Shutdown { grace } => {
                let stop = hit.nodes.iter().map(|n| (Duration::ZERO, Fault::Shutdown { node: *n }));
                let kill = hit.nodes.iter().map(|n| (*grace, Fault::Crash { node: *n }));
                let within = |(after, _): &Timed| *after < self.lasts(index);
                stop.chain(kill.filter(within)).collect()
            }
            Action::ClockOffset { by } => {
                each(&|node| Fault::Clock { node, change: ClockChange::Step(by.0) })
            }
            Action::ClockDrift { ppm } => {
                let change = ClockChange::Drift(i64::from(*ppm) * NANOS_PER_PPM);
                each(&|node| Fault::Clock { node, change })
            }
            Action::ClockJitter { up_to } => {
                each(&|node| Fault::Clock { node, change: ClockChange::Jitter(*up_to) })
            }
            Action::CrashLoop { .. } | Action::GcPauses { .. } | Action::ClockStep { .. } => {
                self.repeated(index)
            }
            Action::TierErrors { .. }
            | Action::TierDelay { .. }
            | Action::TierPartialUploads { .. }
            | Action::TierStaleList { .. }
            | Action::TierFull {} => {
                let (name, value) = condition(&self.faults[index].action);
                let set = Condition { name: name.into(), value };
                each(&|node| Fault::Condition { node, condition: set.clone() })
            }
            _ => self.on_network(index).unwrap_or_else(|| self.on_machines(index)),
        }
    }

    /// How long a fault lasts; one without an end for as long as anything does.
    fn lasts(&self, index: usize) -> Duration {
        let fault = &self.faults[index];
        fault.until.map_or(Duration::MAX, |until| until.saturating_sub(fault.at))
    }

    /// A fault that comes and goes until it is over.
    fn repeated(&self, index: usize) -> Vec<Timed> {
        let (hit, lasts) = (&self.hit[index], self.lasts(index));
        let mut stream = self.stream(index);
        let mut faults = Vec::new();
        for node in hit.nodes.iter().copied() {
            let mut at = Duration::ZERO;
            while at < lasts {
                let (down, up, on, off) = match &self.faults[index].action {
                    Action::CrashLoop { up, down } => {
                        (*down, *up, Fault::Crash { node }, Fault::Restart { node })
                    }
                    Action::GcPauses { length, every } => {
                        let length = length.0.sample(&mut stream);
                        (length, *every, Fault::Pause { node }, Fault::Resume { node })
                    }
                    Action::ClockStep { by, every } => {
                        let step = |by| Fault::Clock { node, change: ClockChange::Step(by) };
                        (*every, *every, step(by.0), step(-by.0))
                    }
                    other => unreachable!("{} does not come and go", other.name()),
                };
                faults.push((at, on));
                let (back, from) = ((at + down).min(lasts), Time::ZERO + self.faults[index].at);
                let restarts = matches!(off, Fault::Restart { .. });
                if !(restarts && self.is_gone(node, from + back)) {
                    faults.push((back, off));
                }
                // Something must pass, or the loop would not end.
                at += (down + up).max(Duration::from_millis(1));
            }
        }
        faults
    }

    fn on_machines(&self, index: usize) -> Vec<Timed> {
        let hit = &self.hit[index];
        let machines =
            |make: &dyn Fn(MachineId) -> Fault| at_once(hit.machines.iter().map(|m| make(*m)));
        let cpu = |percent: u32| {
            let percent = (u64::from(percent) * u64::from(self.cpu_percent) / 100).max(1);
            u32::try_from(percent).unwrap_or(u32::MAX)
        };
        match &self.faults[index].action {
            Action::PowerCut {} => machines(&|machine| Fault::PowerCut { machine }),
            Action::SlowDisk { disk, factor } => {
                let (disk, percent) = (*disk, factor.percent());
                machines(&|machine| Fault::SlowDisk { machine, disk, percent })
            }
            Action::StallDisk { disk } => {
                let (disk, time) = (*disk, self.lasts(index));
                machines(&|machine| Fault::StallDisk { machine, disk, time })
            }
            Action::FillDisk { disk } => {
                machines(&|machine| Fault::FillDisk { machine, disk: *disk, full: true })
            }
            Action::Corrupt { disk, rate } => {
                let (disk, ppm) = (*disk, rate.ppm());
                machines(&|machine| Fault::Corrupt { machine, disk, ppm })
            }
            Action::SlowCpu { factor } => {
                let percent = cpu(factor.percent());
                machines(&|machine| Fault::SlowCpu { machine, percent })
            }
            Action::ThrottleCpu { share, period } => {
                let percent = (share.ppm() / 10_000).max(1);
                machines(&|machine| Fault::ThrottleCpu { machine, percent, period: *period })
            }
            Action::SlowNic { factor } => {
                machines(&|machine| Fault::SlowNic { machine, percent: factor.percent() })
            }
            Action::Limp { factor } => {
                let percent = factor.percent();
                let slow = |machine: &MachineId| {
                    let machine = *machine;
                    [
                        Fault::SlowCpu { machine, percent: cpu(percent) },
                        Fault::SlowDisk { machine, disk: 0, percent },
                        Fault::SlowNic { machine, percent },
                    ]
                };
                at_once(hit.machines.iter().flat_map(slow))
            }
            action => {
                let (disk, how, _) = action.disk_fault().unwrap_or_else(|| {
                    unreachable!("{} is begun elsewhere", action.name());
                });
                machines(&|machine| Fault::Disk { machine, disk, how })
            }
        }
    }

    /// A fault of the network; nothing if it is none.
    fn on_network(&self, index: usize) -> Option<Vec<Timed>> {
        let hit = &self.hit[index];
        let (here, there) = (hit.nodes.clone(), hit.peers.clone());
        let impair = |by: Impairment, symmetric: bool| {
            let (from, to) = (there.clone(), here.clone());
            let back = symmetric.then(|| Fault::Impair { from, to, by: by.clone() });
            let (from, to) = (here.clone(), there.clone());
            at_once(std::iter::once(Fault::Impair { from, to, by }).chain(back))
        };
        Some(match &self.faults[index].action {
            Action::Partition { symmetric, .. } => {
                let (from, to, symmetric) = (here, there, *symmetric);
                at_once([Fault::Partition { from, to, symmetric }])
            }
            Action::Isolate {} | Action::Bridge {} | Action::Ring {} => {
                let symmetric = !matches!(self.faults[index].action, Action::Ring {});
                let cuts = self.cuts(index).into_iter();
                at_once(cuts.map(|(from, to)| Fault::Partition { from, to, symmetric }))
            }
            Action::SlowLink { extra, .. } | Action::SlowPairs { extra, .. } => {
                let lasting = matches!(self.faults[index].action, Action::SlowPairs { .. });
                let slow = |from: &[NodeId], to: &[NodeId]| {
                    let (from, to, extra) = (from.to_vec(), to.to_vec(), extra.0.clone());
                    Fault::SlowLink { from, to, extra, lasting }
                };
                at_once([slow(&here, &there), slow(&there, &here)])
            }
            Action::Loss { rate, symmetric, .. } => {
                impair(Impairment::Loss(rate.ppm()), *symmetric)
            }
            Action::Duplicate { rate, .. } => impair(Impairment::Duplicate(rate.ppm()), true),
            Action::Reorder { rate, by, .. } => {
                impair(Impairment::Reorder { ppm: rate.ppm(), by: by.0.clone() }, true)
            }
            Action::Bandwidth { rate, queue, .. } => {
                impair(Impairment::Bandwidth { rate: *rate, queue: *queue }, true)
            }
            Action::Clog { symmetric, .. } => {
                let (from, to) = (there.clone(), here.clone());
                let back = symmetric.then_some(Fault::Clog { from, to });
                at_once(std::iter::once(Fault::Clog { from: here, to: there }).chain(back))
            }
            Action::SwizzleClog {} => self.swizzle(index),
            Action::HalfOpen { .. } => at_once([Fault::HalfOpen { from: here, to: there }]),
            _ => return None,
        })
    }

    /// What a partition with a shape cuts: pairs of sides.
    pub(super) fn cuts(&self, index: usize) -> Vec<(Vec<NodeId>, Vec<NodeId>)> {
        let hit = &self.hit[index];
        let (nodes, count) = (&hit.nodes, hit.nodes.len());
        match &self.faults[index].action {
            Action::Isolate {} => {
                let one = nodes[self.stream(index).below(count as u64) as usize];
                let others = nodes.iter().chain(&hit.peers).copied();
                vec![(vec![one], others.filter(|node| *node != one).collect())]
            }
            Action::Bridge {} => {
                let half = count / 2;
                vec![(nodes[..half].to_vec(), nodes[(half + 1).min(count)..].to_vec())]
            }
            Action::Ring {} => {
                // Each hears those that follow it, as many as make a majority with itself.
                let hears = |a: usize, b: usize| (b + count - a) % count <= count / 2;
                let deaf = |a: usize| {
                    let others = (0..count).filter(move |b| !hears(a, *b)).map(|b| nodes[b]);
                    (others.collect(), vec![nodes[a]])
                };
                (0..count).map(deaf).collect()
            }
            action => unreachable!("{} has no shape", action.name()),
        }
    }

    /// Clogs one node after another, and frees them one after another in another order, all within
    /// the time that the fault lasts.
    fn swizzle(&self, index: usize) -> Vec<Timed> {
        let hit = &self.hit[index];
        let mut order = hit.nodes.clone();
        let mut stream = self.stream(index);
        for at in (1..order.len()).rev() {
            order.swap(at, stream.below(at as u64 + 1) as usize);
        }
        let step = self.lasts(index) / (2 * order.len() as u64).max(1);
        let everyone = (0..self.machine_of.len() as u32).map(NodeId).collect::<Vec<_>>();
        let ways = |node: NodeId| {
            let others: Vec<_> = everyone.iter().copied().filter(|other| *other != node).collect();
            [(vec![node], others.clone()), (others, vec![node])]
        };
        let mut faults = Vec::new();
        for (turn, node) in (0_u64..).zip(&hit.nodes) {
            let clogs = ways(*node).map(|(from, to)| Fault::Clog { from, to });
            faults.extend(clogs.map(|clog| (step * turn, clog)));
        }
        for (turn, node) in (hit.nodes.len() as u64..).zip(&order) {
            let frees = ways(*node).map(|(from, to)| Fault::Unclog { from, to });
            faults.extend(frees.map(|free| (step * turn, free)));
        }
        faults
    }
}

/// The condition of tiered storage that a fault sets: see `headwater_models::tier`.
pub(super) fn condition(action: &Action) -> (&'static str, u64) {
    match action {
        Action::TierErrors { status, rate } => {
            let name = match status {
                TierStatus::TooManyRequests => "too_many_requests_ppm",
                TierStatus::InternalError => "internal_error_ppm",
                TierStatus::Unavailable => "unavailable_ppm",
            };
            (name, u64::from(rate.ppm()))
        }
        Action::TierDelay { extra } => ("delay_ns", extra.0),
        Action::TierPartialUploads { rate } => ("partial_upload_ppm", u64::from(rate.ppm())),
        Action::TierStaleList { lag } => ("stale_list_ns", lag.0),
        Action::TierFull {} => ("full", 1),
        other => unreachable!("{} is no condition of tiered storage", other.name()),
    }
}
