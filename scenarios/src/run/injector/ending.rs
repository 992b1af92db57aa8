//! How a fault ends: the kernel's faults that lift it.

use headwater_sim::clock::ClockChange;
use headwater_sim::condition::Condition;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::impairment::Impairment;
use headwater_sim::units::{Bytes, BytesPerSecond, MachineId, NodeId};

use super::beginning::condition;
use super::{Injector, Timed};
use crate::scenario::Action;
use crate::units::Duration;

impl Injector<'_> {
    /// The kernel's faults with which this one ends.
    pub(super) fn ending(&self, index: usize) -> Vec<Timed> {
        let faults = self.lifted(index);
        faults.into_iter().map(|fault| (Duration::ZERO, fault)).collect()
    }

    fn lifted(&self, index: usize) -> Vec<Fault> {
        let hit = &self.hit[index];
        let each = |make: &dyn Fn(NodeId) -> Fault| hit.nodes.iter().map(|n| make(*n)).collect();
        match &self.faults[index].action {
            Action::Crash {}
            | Action::CrashLoop { .. }
            | Action::Wipe { .. }
            | Action::SwapDisks {} => each(&|node| Fault::Restart { node }),
            // It may not have found out yet that it lacks it.
            Action::WipeIdentity {} => {
                let back = |node: &NodeId| {
                    let (node, (file, aside)) = (*node, self.identity(*node)?);
                    let rename = Fault::RenameFile { node, from: aside, to: file };
                    Some([Fault::Crash { node }, rename, Fault::Restart { node }])
                };
                hit.nodes.iter().filter_map(back).flatten().collect()
            }
            // A node that has not exited yet is killed first.
            Action::Shutdown { .. } => {
                let again =
                    |node: &NodeId| [Fault::Crash { node: *node }, Fault::Restart { node: *node }];
                hit.nodes.iter().flat_map(again).collect()
            }
            Action::Pause {} | Action::GcPauses { .. } => each(&|node| Fault::Resume { node }),
            Action::Refuse {} => each(&|node| Fault::Refuse { node, refuse: false }),
            Action::ClockOffset { by } => {
                each(&|node| Fault::Clock { node, change: ClockChange::Step(-by.0) })
            }
            Action::ClockDrift { .. } => {
                each(&|node| Fault::Clock { node, change: ClockChange::Drift(0) })
            }
            Action::ClockJitter { .. } => {
                let change = ClockChange::Jitter(Duration::ZERO);
                each(&|node| Fault::Clock { node, change })
            }
            // They leave nothing behind: each jump was taken back, what is corrupt stays so.
            Action::ClockStep { .. } | Action::StallDisk { .. } | Action::Corrupt { .. } => {
                Vec::new()
            }
            Action::TierErrors { .. }
            | Action::TierDelay { .. }
            | Action::TierPartialUploads { .. }
            | Action::TierStaleList { .. }
            | Action::TierFull {} => {
                let (name, _) = condition(&self.faults[index].action);
                let lifted = Condition { name: name.into(), value: 0 };
                each(&|node| Fault::Condition { node, condition: lifted.clone() })
            }
            _ => self.freed(index).unwrap_or_else(|| self.mended(index)),
        }
    }

    fn mended(&self, index: usize) -> Vec<Fault> {
        let hit = &self.hit[index];
        let machines =
            |make: &dyn Fn(MachineId) -> Fault| hit.machines.iter().map(|m| make(*m)).collect();
        let percent = 100;
        let usual = self.cpu_percent;
        match &self.faults[index].action {
            Action::PowerCut {} => machines(&|machine| Fault::PowerOn { machine }),
            Action::SlowDisk { disk, .. } => {
                machines(&|machine| Fault::SlowDisk { machine, disk: *disk, percent })
            }
            Action::FillDisk { disk } => {
                machines(&|machine| Fault::FillDisk { machine, disk: *disk, full: false })
            }
            Action::SlowCpu { .. } => {
                machines(&|machine| Fault::SlowCpu { machine, percent: usual })
            }
            Action::ThrottleCpu { period, .. } => {
                machines(&|machine| Fault::ThrottleCpu { machine, percent, period: *period })
            }
            Action::SlowNic { .. } => machines(&|machine| Fault::SlowNic { machine, percent }),
            Action::Limp { .. } => {
                let as_before = |machine: &MachineId| {
                    let machine = *machine;
                    [
                        Fault::SlowCpu { machine, percent: usual },
                        Fault::SlowDisk { machine, disk: 0, percent },
                        Fault::SlowNic { machine, percent },
                    ]
                };
                hit.machines.iter().flat_map(as_before).collect()
            }
            action => {
                let (disk, _, how) = action.disk_fault().unwrap_or_else(|| {
                    unreachable!("{} is ended elsewhere", action.name());
                });
                machines(&|machine| Fault::Disk { machine, disk, how })
            }
        }
    }

    /// The end of a fault of the network; nothing if it is none.
    fn freed(&self, index: usize) -> Option<Vec<Fault>> {
        let hit = &self.hit[index];
        let (here, there) = (hit.nodes.clone(), hit.peers.clone());
        let both = |make: &dyn Fn(Vec<NodeId>, Vec<NodeId>) -> Fault| {
            vec![make(here.clone(), there.clone()), make(there.clone(), here.clone())]
        };
        let sound = |by: Impairment| both(&|from, to| Fault::Impair { from, to, by: by.clone() });
        Some(match &self.faults[index].action {
            Action::Partition { symmetric, .. } => {
                let (from, to, symmetric) = (here, there, *symmetric);
                vec![Fault::Rejoin { from, to, symmetric }]
            }
            Action::Isolate {} | Action::Bridge {} | Action::Ring {} => {
                let symmetric = !matches!(self.faults[index].action, Action::Ring {});
                let cuts = self.cuts(index).into_iter();
                cuts.map(|(from, to)| Fault::Rejoin { from, to, symmetric }).collect()
            }
            Action::SlowLink { .. } | Action::SlowPairs { .. } => {
                both(&|from, to| Fault::RestoreLink { from, to })
            }
            Action::Loss { .. } => sound(Impairment::Loss(0)),
            Action::Duplicate { .. } => sound(Impairment::Duplicate(0)),
            Action::Reorder { .. } => {
                let by = Distribution::constant(Duration::ZERO);
                sound(Impairment::Reorder { ppm: 0, by })
            }
            Action::Bandwidth { .. } => {
                let (rate, queue) = (BytesPerSecond::UNLIMITED, Bytes(0));
                sound(Impairment::Bandwidth { rate, queue })
            }
            Action::Clog { symmetric: true, .. } => both(&|from, to| Fault::Unclog { from, to }),
            Action::Clog { .. } => vec![Fault::Unclog { from: here, to: there }],
            // Each was freed in its turn.
            Action::SwizzleClog {} => Vec::new(),
            Action::HalfOpen { .. } => vec![Fault::Reset { from: here, to: there }],
            _ => return None,
        })
    }
}
