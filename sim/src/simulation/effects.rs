//! Effects: carrying out what a node asked for.

use super::{Pending, Simulation, Status};
use crate::cpu::Job;
use crate::device::Device;
use crate::disk::{DiskError, DiskId, DiskOp};
use crate::effect::{Effect, PoolId, Transport};
use crate::files::{Files, Stored};
use crate::node::{Completion, Message, Note, Observer, Protocol, Record};
use crate::queue::EventQueue;
use crate::time::{Duration, Time};
use crate::units::{MachineId, NodeId};

/// Period of the background writeback (Linux `vm.dirty_writeback_centisecs`: 5 s).
const WRITEBACK_PERIOD: Duration = Duration::from_secs(5);

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Carries out what `node` has just recorded, in order.
    #[inline]
    pub(super) fn carry_out(&mut self, node: NodeId) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.observer.effect(self.now, node, &effect);
            match effect {
                Effect::Send { to, message, transport } => self.send(node, to, message, transport),
                Effect::Timer { delay, tag } => {
                    let incarnation = self.nodes[node.index()].incarnation;
                    self.push(self.now + delay, Pending::Timer { node, incarnation, tag });
                }
                Effect::Compute { pool, cost, tag } => self.compute(node, pool, cost, tag),
                Effect::Disk { disk, op, tag } => self.disk(node, disk, op, tag),
                Effect::Note(note) => {
                    self.fingerprint.fold(note.digest());
                    self.observer.note(self.now, node, note);
                }
                Effect::Gauge { name, value } => {
                    let gauge = self.nodes[node.index()].gauges.entry(name).or_default();
                    gauge.value = value;
                    gauge.max = gauge.max.max(value);
                }
            }
        }
        self.effects = effects;
    }

    #[inline]
    fn send(&mut self, from: NodeId, to: NodeId, message: P::Message, transport: Transport) {
        let incarnation = self.nodes[to.index()].incarnation;
        let link_id = self.link_id(from, to);
        let datagram = transport == Transport::Datagram;
        let link = self.network.link(link_id);
        link.open |= !datagram;
        if datagram && link.cuts > 0 {
            self.totals.messages_lost += 1;
            return;
        }
        // Behind what is held back already, order is kept by waiting with it.
        if !datagram && !link.held.is_empty() {
            return link.held.push_back((incarnation, message));
        }
        let local = link.is_local();
        let machine = &mut self.machines[link.from_machine.index()];
        let departs =
            if local { self.now } else { machine.nic.send(self.now, message.size_bytes()) };
        let at = self.network.arrival(link_id, departs, &machine.spec.loopback, !datagram);
        let taken_in = false;
        self.push(at, Pending::Arrive { link: link_id, incarnation, taken_in, datagram, message });
    }

    /// Keeps a message that did not get through, to be retransmitted.
    pub(super) fn hold(&mut self, link_id: u32, incarnation: u32, message: P::Message) {
        let rto_min = self.network.spec.rto_min;
        let link = self.network.link(link_id);
        if link.held.is_empty() {
            link.rto = rto_min;
            self.push(self.now + rto_min, Pending::Retransmit { link: link_id });
        }
        self.network.link(link_id).held.push_back((incarnation, message));
    }

    /// The retransmission timer of a link: tries again, or doubles the timeout.
    pub(super) fn retransmit(&mut self, link_id: u32) {
        let rto_max = self.network.spec.rto_max;
        let link = self.network.link(link_id);
        let machine = link.to_machine;
        if link.held.is_empty() {
            return;
        }
        if link.cuts > 0 || !self.machines[machine.index()].powered {
            link.rto = (link.rto * 2).min(rto_max);
            let again = self.now + link.rto;
            return self.push(again, Pending::Retransmit { link: link_id });
        }
        let (sender, held) = (link.from_machine, std::mem::take(&mut link.held));
        for (incarnation, message) in held {
            let loopback = &self.machines[sender.index()].spec.loopback;
            let at = self.network.arrival(link_id, self.now, loopback, true);
            let (taken_in, datagram) = (false, false);
            let event = Pending::Arrive { link: link_id, incarnation, taken_in, datagram, message };
            self.push(at, event);
        }
    }

    /// The receiver's machine answers that nobody is there: the sender's connection breaks.
    pub(super) fn refuse(&mut self, link_id: u32) {
        let link = self.network.link(link_id);
        let (from, to, was_open) = (link.from, link.to, link.open);
        link.open = false;
        link.held.clear();
        if was_open {
            self.notify_disconnect(from, to);
        }
    }

    /// Tells `node`, after the latency of the way, that its connection with `peer` has broken.
    pub(super) fn notify_disconnect(&mut self, node: NodeId, peer: NodeId) {
        let incarnation = self.nodes[node.index()].incarnation;
        let machine = self.nodes[peer.index()].spec.machine;
        let back = self.link_id(peer, node);
        let loopback = &self.machines[machine.index()].spec.loopback;
        let at = self.network.arrival(back, self.now, loopback, true);
        self.push(at, Pending::Disconnect { node, incarnation, peer });
    }

    fn compute(&mut self, node: NodeId, pool: PoolId, cost: Duration, tag: u64) {
        let state = &mut self.nodes[node.index()];
        let job = Job { node, incarnation: state.incarnation, pool: pool.0, cost, tag };
        let has_thread =
            state.pools.get_mut(pool.0 as usize).is_none_or(|pool| pool.admit(self.now, job));
        if has_thread {
            self.ask_for_core(job);
        }
    }

    fn disk(&mut self, node: NodeId, disk: DiskId, op: DiskOp<P::Record>, tag: u64) {
        let state = &mut self.nodes[node.index()];
        let (incarnation, machine_id) = (state.incarnation, state.spec.machine);
        let machine = &mut self.machines[machine_id.index()];
        let device = machine.devices.get_mut(disk.0 as usize);
        let device = device.unwrap_or_else(|| panic!("{} has no disk {}", state.spec.name, disk.0));
        let files = &mut state.files[disk.0 as usize];
        if let DiskOp::Sync { file } = op
            && let Some(of) = files.get_mut(&file)
        {
            let (mark, bytes) = of.begin_sync();
            let (at, power) = (device.sync(self.now, bytes), machine.power);
            let background = false;
            let event =
                Pending::Synced { node, incarnation, tag, disk, file, mark, power, background };
            return self.push(at, event);
        }
        let (at, completion) = operate(self.now, device, files, op);
        self.push(at, Pending::Done { node, incarnation, tag, completion });
        self.arm_writeback(machine_id);
    }

    /// Sees to it that dirty data is written back in time, as long as there is any.
    pub(super) fn arm_writeback(&mut self, machine: MachineId) {
        let state = &mut self.machines[machine.index()];
        if state.writeback_armed || state.devices.iter().all(|device| device.dirty() == 0) {
            return;
        }
        state.writeback_armed = true;
        let next = (self.now.0 / WRITEBACK_PERIOD.0 + 1) * WRITEBACK_PERIOD.0;
        self.push(Time(next), Pending::WriteBack { machine });
    }

    /// Starts a node, for the first time or again.
    pub(super) fn boot(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.status != Status::Down || !self.machines[state.spec.machine.index()].powered {
            return;
        }
        state.status = Status::Running;
        state.node = Some((state.spec.factory)(node));
        let life = u64::from(state.incarnation) << 32 | u64::from(node.0);
        state.random = self.seed.stream("node", life);
        self.input(node, super::Input::Start);
    }
}

/// Carries out every operation but the sync of a file that is there. When it completes, and how.
fn operate<R: Record>(
    now: Time,
    device: &mut Device,
    files: &mut Files<R>,
    op: DiskOp<R>,
) -> (Time, Completion<R>) {
    let bytes_of = |stored: &[Stored<R>]| stored.iter().map(|stored| stored.bytes).sum();
    match op {
        DiskOp::Write { file, record } => {
            let bytes = record.size_bytes();
            let Some((at, stamp)) = device.write(now, bytes) else {
                return (now, Completion::Failed(DiskError::Full));
            };
            let index = files.entry(file).or_default().append(record, bytes, now, stamp);
            (at, Completion::Written { index })
        }
        DiskOp::Read { file, from, count } => {
            let Some(file) = files.get(&file) else {
                return (now, Completion::Failed(DiskError::NoSuchFile));
            };
            let range = file.range(from, count);
            let whole = range.iter().take_while(|stored| !stored.torn).count();
            let cold = range[..whole].iter().filter(|stored| !device.is_cached(stored.stamp));
            let bytes = cold.map(|stored| stored.bytes).sum();
            let records = range[..whole].iter().map(|stored| stored.record.clone()).collect();
            let damaged = whole < range.len();
            (device.read(now, bytes), Completion::Read { records, damaged })
        }
        DiskOp::Truncate { file, keep } => {
            let Some(file) = files.get_mut(&file) else {
                return (now, Completion::Failed(DiskError::NoSuchFile));
            };
            device.release(bytes_of(file.range(keep, u64::MAX)));
            let dirty = file.dirty_bytes();
            file.truncate(keep, now);
            device.clean(dirty - file.dirty_bytes());
            (now, Completion::Written { index: file.len() })
        }
        DiskOp::Delete { file } => {
            let gone = files.remove(&file).unwrap_or_default();
            device.release(bytes_of(gone.range(0, u64::MAX)));
            device.clean(gone.dirty_bytes());
            (device.sync(now, 0), Completion::Synced)
        }
        DiskOp::List => {
            let files = files.iter().map(|(id, file)| (*id, file.len())).collect();
            (now, Completion::Listed { files })
        }
        DiskOp::Sync { .. } => (now, Completion::Failed(DiskError::NoSuchFile)),
    }
}
