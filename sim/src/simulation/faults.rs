//! Faults: how the environment changes.

use rand::distr::Distribution as _;

use super::{Input, Simulation, Status};
use crate::clock::{Clock, ClockChange};
use crate::cpu::{Quota, Servers};
use crate::device::Device;
use crate::disk::FileId;
use crate::distribution::Distribution;
use crate::fault::Fault;
use crate::fingerprint::mix;
use crate::impairment::Impaired;
use crate::log::LogEntry;
use crate::node::{Observer, Protocol};
use crate::queue::EventQueue;
use crate::units::{MachineId, NodeId};
use crate::writeback::Flusher;

/// Faults in the fingerprint.
const FAULT: u64 = 6 << 32;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Makes a fault happen now.
    pub fn inject(&mut self, fault: &Fault) {
        self.start();
        self.apply_fault(fault);
    }

    pub(super) fn apply_fault(&mut self, fault: &Fault) {
        let node = fault.node().unwrap_or(NodeId(0));
        // Faults are rare: their whole text goes in.
        let detail = format!("{fault:?}").bytes().fold(0, |hash, byte| mix(hash, u64::from(byte)));
        self.fingerprint.event(self.now.0, FAULT | u64::from(node.0), detail);
        let (kind, peer) = (fault.name(), None);
        let entry = LogEntry { at: self.now, node, what: "fault", kind, peer, detail };
        self.observer.event(self.log.total(), self.fingerprint.value(), &entry);
        self.observer.fault(self.now, fault);
        self.log.push(entry);
        match fault {
            Fault::Crash { node } => self.crash(*node, true),
            Fault::Restart { node } => self.boot(*node),
            Fault::Pause { node } => self.pause(*node),
            Fault::Resume { node } => self.resume(*node),
            Fault::Shutdown { node } => self.input(*node, Input::Shutdown),
            Fault::Condition { node, condition } => {
                self.input(*node, Input::Condition(condition.clone()));
            }
            Fault::PowerCut { machine } => self.power_cut(*machine),
            Fault::PowerOn { machine } => self.power_on(*machine),
            Fault::Clock { node, change } => self.change_clock(*node, *change),
            Fault::WipeDisk { node, disk } => self.wipe(*node, *disk),
            Fault::RenameFile { node, from, to } => self.rename(*node, *from, *to),
            Fault::SwapDisks { node, other } => self.swap(*node, *other),
            Fault::SlowCpu { machine, percent } => {
                self.machines[machine.index()].cores.slow(*percent);
            }
            Fault::ThrottleCpu { machine, percent, period } => {
                let runs = *period * u64::from(*percent) / 100;
                let quota = Quota { runs, period: *period };
                let quota = (*percent < 100).then_some(quota);
                self.machines[machine.index()].cores.throttle(quota);
            }
            Fault::SlowNic { machine, percent } => {
                self.machines[machine.index()].nic.slow(*percent)
            }
            Fault::Refuse { node, refuse } => self.nodes[node.index()].refuses = *refuse,
            Fault::SlowDisk { .. }
            | Fault::StallDisk { .. }
            | Fault::FillDisk { .. }
            | Fault::Disk { .. }
            | Fault::Corrupt { .. } => self.apply_disk_fault(fault),
            _ => self.apply_link_fault(fault),
        }
    }

    fn apply_disk_fault(&mut self, fault: &Fault) {
        let now = self.now;
        let mut device = |machine: &MachineId, disk: &u8, change: &dyn Fn(&mut Device)| {
            change(&mut self.machines[machine.index()].devices[*disk as usize]);
        };
        match fault {
            Fault::SlowDisk { machine, disk, percent } => {
                device(machine, disk, &|device| device.slow(*percent));
            }
            Fault::StallDisk { machine, disk, time } => {
                device(machine, disk, &|device| device.stall(now, *time));
            }
            Fault::FillDisk { machine, disk, full } => {
                device(machine, disk, &|device| device.fill(*full));
            }
            Fault::Disk { machine, disk, how } => {
                device(machine, disk, &|device| device.misbehave(*how));
            }
            Fault::Corrupt { machine, disk, ppm } => {
                let here = self.nodes.iter_mut().filter(|node| node.spec.machine == *machine);
                for file in here.flat_map(|node| node.files[*disk as usize].values_mut()) {
                    file.corrupt(*ppm, &mut self.faults);
                }
            }
            _ => unreachable!("{} is no fault of a disk", fault.name()),
        }
    }

    fn apply_link_fault(&mut self, fault: &Fault) {
        match fault {
            Fault::Partition { from, to, symmetric } => {
                self.both(from, to, *symmetric, |link| link.cuts += 1);
            }
            Fault::Rejoin { from, to, symmetric } => {
                self.both(from, to, *symmetric, |link| link.cuts = link.cuts.saturating_sub(1));
            }
            Fault::Heal => {
                let mut clogged = Vec::new();
                for (id, link) in (0..).zip(self.network.links()) {
                    link.cuts = 0;
                    if std::mem::take(&mut link.clogs) > 0 {
                        clogged.push(id);
                    }
                }
                self.unclog(&clogged);
            }
            Fault::Clog { from, to } => self.between(from, to, |link| link.clogs += 1),
            Fault::Unclog { from, to } => {
                self.between(from, to, |link| link.clogs = link.clogs.saturating_sub(1));
                let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
                let links: Vec<u32> =
                    pairs.filter_map(|(from, to)| self.network.find(from, to)).collect();
                self.unclog(&links);
            }
            Fault::SlowLink { from, to, extra, lasting } => {
                let mut faults = self.faults.clone();
                self.between(from, to, |link| {
                    let mut kept = || Distribution::constant(extra.sample(&mut faults));
                    link.extra = Some(if *lasting { kept() } else { extra.clone() });
                });
                self.faults = faults;
            }
            Fault::RestoreLink { from, to } => self.between(from, to, |link| link.extra = None),
            Fault::Impair { from, to, by } => {
                let seed = self.seed;
                self.between(from, to, |link| {
                    let entity = u64::from(link.from.0) << 32 | u64::from(link.to.0);
                    let new = || Box::new(Impaired::new(seed.stream("impairment", entity)));
                    link.impaired.get_or_insert_with(new).set(by.clone());
                });
            }
            Fault::HalfOpen { from, to } => self.both(from, to, true, |link| {
                link.half_open = link.open;
            }),
            Fault::Reset { from, to } => self.reset(from, to),
            _ => unreachable!("{} is no fault of a link", fault.name()),
        }
    }

    fn change_clock(&mut self, node: NodeId, change: ClockChange) {
        let seed = self.seed;
        let clock = &mut self.nodes[node.index()].clock;
        let new = || Box::new((Clock::default(), seed.stream("clock", u64::from(node.0))));
        clock.get_or_insert_with(new).0.change(self.now, change);
    }

    /// The process is gone. `closed`: its machine lives and closes its connections.
    pub(super) fn crash(&mut self, node: NodeId, closed: bool) {
        let state = &mut self.nodes[node.index()];
        if state.status == Status::Down {
            return;
        }
        state.status = Status::Down;
        state.node = None;
        // From now on, what is sent is sent to the next life.
        state.incarnation += 1;
        state.waiting.clear();
        if let Some(causes) = &mut self.causes {
            causes.went_on(self.now, node);
        }
        state.parked.clear();
        (state.signalled, state.collectors) = (false, 0);
        state.gauges.clear();
        state.pools = state.pools.iter().map(Servers::again).collect();
        // A job that is on a core runs to its end; nobody is told.
        self.machines[state.spec.machine.index()].cores.purge(node);
        self.close_connections(node, closed);
    }

    fn pause(&mut self, node: NodeId) {
        self.nodes[node.index()].signalled = true;
        self.halt(node);
    }

    fn resume(&mut self, node: NodeId) {
        self.nodes[node.index()].signalled = false;
        self.go_on(node);
    }

    fn on_machine(&self, machine: MachineId) -> Vec<NodeId> {
        let nodes = self.nodes.iter().enumerate();
        let here = nodes.filter(|(_, state)| state.spec.machine == machine);
        here.map(|(index, _)| NodeId(index as u32)).collect()
    }

    fn power_cut(&mut self, machine: MachineId) {
        if !std::mem::replace(&mut self.machines[machine.index()].powered, false) {
            return;
        }
        let here = self.on_machine(machine);
        let up = here.iter().copied().filter(|node| self.is_up(*node)).collect();
        for node in here {
            self.crash(node, false);
            let devices = &mut self.machines[machine.index()].devices;
            for (files, device) in self.nodes[node.index()].files.iter_mut().zip(devices) {
                for file in files.values_mut() {
                    device.release(file.bytes());
                    if self.defects.takes_synced() {
                        file.forget_last_sync();
                    }
                    file.power_cut(device.tearing(), &mut self.faults);
                    self.kept.files += 1;
                    if !file.keeps_its_word() {
                        self.kept.add(self.now, node, "the power took what a sync had reported");
                    }
                    device.take(file.bytes());
                }
            }
        }
        let state = &mut self.machines[machine.index()];
        state.interrupted = up;
        state.power += 1;
        state.devices.iter_mut().for_each(|device| device.power_cut(self.now));
        state.flushers.iter_mut().for_each(Flusher::power_cut);
        state.cache.power_cut();
    }

    fn power_on(&mut self, machine: MachineId) {
        let state = &mut self.machines[machine.index()];
        if std::mem::replace(&mut state.powered, true) {
            return;
        }
        for node in std::mem::take(&mut state.interrupted) {
            self.boot(node);
        }
    }

    fn wipe(&mut self, node: NodeId, only: Option<u8>) {
        let state = &mut self.nodes[node.index()];
        let machine = &mut self.machines[state.spec.machine.index()];
        for (disk, files) in state.files.iter_mut().enumerate() {
            if only.is_some_and(|only| usize::from(only) != disk) {
                continue;
            }
            machine.devices[disk].release(files.values().map(|file| file.bytes()).sum());
            machine.devices[disk].clean(files.values().map(|file| file.dirty_bytes()).sum());
            files.clear();
        }
    }

    fn rename(&mut self, node: NodeId, from: FileId, to: FileId) {
        let state = &mut self.nodes[node.index()];
        let machine = &mut self.machines[state.spec.machine.index()];
        for (disk, files) in state.files.iter_mut().enumerate() {
            let Some(file) = files.remove(&from) else { continue };
            if let Some(old) = files.insert(to, file) {
                machine.devices[disk].release(old.bytes());
                machine.devices[disk].clean(old.dirty_bytes());
            }
        }
    }

    /// Two processes swap files, disk by disk. How full their disks are goes with them.
    fn swap(&mut self, node: NodeId, other: NodeId) {
        let ends = [node, other].map(|end| (end.index(), self.nodes[end.index()].spec.machine));
        let disks = ends.map(|(end, _)| self.nodes[end].files.len()).into_iter().min();
        for disk in 0..disks.unwrap_or(0) {
            let [here, there] = ends.map(|(end, machine)| {
                let device = &mut self.machines[machine.index()].devices[disk];
                let files = std::mem::take(&mut self.nodes[end].files[disk]);
                for file in files.values() {
                    device.release(file.bytes());
                    device.clean(file.dirty_bytes());
                }
                files
            });
            for ((end, machine), mut files) in ends.into_iter().zip([there, here]) {
                let state = &mut self.machines[machine.index()];
                state.cache.meet_strangers();
                let device = &mut state.devices[disk];
                for file in files.values_mut() {
                    device.take(file.bytes());
                    file.remount(device.birth());
                }
                self.nodes[end].files[disk] = files;
            }
        }
    }

    fn both(
        &mut self,
        from: &[NodeId],
        to: &[NodeId],
        symmetric: bool,
        mut change: impl FnMut(&mut crate::network::Link<P::Message>),
    ) {
        self.between(from, to, &mut change);
        if symmetric {
            self.between(to, from, change);
        }
    }

    fn between(
        &mut self,
        from: &[NodeId],
        to: &[NodeId],
        mut change: impl FnMut(&mut crate::network::Link<P::Message>),
    ) {
        for sender in from {
            for receiver in to.iter().filter(|receiver| *receiver != sender) {
                let id = self.link_id(*sender, *receiver);
                change(self.network.link(id));
            }
        }
    }
}
