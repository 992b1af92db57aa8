//! Faults: how the environment changes.

use super::{Simulation, Status};
use crate::cpu::Servers;
use crate::fault::Fault;
use crate::log::LogEntry;
use crate::node::{Observer, Protocol};
use crate::queue::EventQueue;
use crate::units::{MachineId, NodeId};

/// Faults in the fingerprint.
const FAULT: u64 = 6 << 32;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Lets a fault happen now.
    pub fn inject(&mut self, fault: &Fault) {
        self.start();
        self.apply_fault(fault);
    }

    pub(super) fn apply_fault(&mut self, fault: &Fault) {
        let node = match fault {
            Fault::Crash { node }
            | Fault::Restart { node }
            | Fault::Pause { node }
            | Fault::Resume { node }
            | Fault::WipeDisk { node } => *node,
            _ => NodeId(0),
        };
        let detail = fault.name().bytes().fold(0, |hash, byte| hash << 5 ^ u64::from(byte));
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
            Fault::PowerCut { machine } => self.power_cut(*machine),
            Fault::PowerOn { machine } => self.power_on(*machine),
            Fault::Partition { from, to, symmetric } => self.partition(from, to, *symmetric),
            Fault::Heal => self.network.links().iter_mut().for_each(|link| link.cuts = 0),
            Fault::SlowLink { from, to, extra } => {
                self.between(from, to, |link| link.extra = Some(extra.clone()));
            }
            Fault::RestoreLinks => {
                self.network.links().iter_mut().for_each(|link| link.extra = None);
            }
            Fault::SlowDisk { machine, disk, percent } => {
                self.machines[machine.index()].devices[*disk as usize].slow(*percent);
            }
            Fault::StallDisk { machine, disk, time } => {
                self.machines[machine.index()].devices[*disk as usize].stall(self.now, *time);
            }
            Fault::FillDisk { machine, disk, full } => {
                self.machines[machine.index()].devices[*disk as usize].fill(*full);
            }
            Fault::WipeDisk { node } => self.wipe(*node),
            Fault::SlowCpu { machine, percent } => {
                self.machines[machine.index()].cpu_percent = (*percent).max(1);
            }
        }
    }

    /// The process is gone. `closed`: its machine lives and closes its connections.
    fn crash(&mut self, node: NodeId, closed: bool) {
        let state = &mut self.nodes[node.index()];
        if state.status == Status::Down {
            return;
        }
        state.status = Status::Down;
        state.node = None;
        // From now on, what is sent is sent to the next life.
        state.incarnation += 1;
        state.waiting.clear();
        state.parked.clear();
        state.gauges.clear();
        state.pools = state.spec.pools.iter().map(|threads| Servers::new(*threads)).collect();
        // A job that is on a core runs to its end; nobody hears of it.
        self.machines[state.spec.machine.index()].cores.purge(node);
        let mut peers = Vec::new();
        for link in self.network.links() {
            let peer = if link.from == node { link.to } else { link.from };
            if (link.from != node && link.to != node) || !std::mem::take(&mut link.open) {
                continue;
            }
            if link.from == node {
                link.held.clear();
            }
            if closed && link.cuts == 0 && !peers.contains(&peer) {
                peers.push(peer);
            }
        }
        for peer in peers {
            self.notify_disconnect(peer, node);
        }
    }

    fn pause(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.status != Status::Running {
            return;
        }
        state.status = Status::Paused;
        let queued = self.machines[state.spec.machine.index()].cores.purge(node);
        state.parked.extend(queued);
    }

    fn resume(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.status != Status::Paused {
            return;
        }
        state.status = Status::Running;
        for job in std::mem::take(&mut state.parked) {
            self.ask_for_core(job);
        }
        while let Some(input) = self.nodes[node.index()].waiting.pop_front() {
            self.input(node, input);
        }
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
            for files in &mut self.nodes[node.index()].files {
                for file in files.values_mut() {
                    file.power_cut(&mut self.faults);
                }
            }
        }
        let state = &mut self.machines[machine.index()];
        state.interrupted = up;
        state.power += 1;
        state.devices.iter_mut().for_each(|device| device.power_cut(self.now));
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

    fn wipe(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        let machine = &mut self.machines[state.spec.machine.index()];
        for (disk, files) in state.files.iter_mut().enumerate() {
            let bytes = files.values().flat_map(|file| file.records()).map(|(_, of, _)| of.bytes);
            machine.devices[disk].release(bytes.sum());
            machine.devices[disk].clean(files.values().map(|file| file.dirty_bytes()).sum());
            files.clear();
        }
    }

    fn partition(&mut self, from: &[NodeId], to: &[NodeId], symmetric: bool) {
        self.between(from, to, |link| link.cuts += 1);
        if symmetric {
            self.between(to, from, |link| link.cuts += 1);
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
