//! Effects: carrying out what a node asked for.

use super::{Pending, Simulation, Status, Syncing};
use crate::buggify::Site;
use crate::cpu::Job;
use crate::device::{Device, ReadFate, SyncFate, WriteFate};
use crate::disk::{DiskError, DiskId, DiskOp, FileId};
use crate::effect::{Effect, PoolId, Transport};
use crate::files::{File, Files, Medium, Stored};
use crate::impairment::Fate;
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
                Effect::Timer { delay, tag } => self.timer(node, delay, tag),
                Effect::Compute { pool, cost, tag } => self.compute(node, pool, cost, tag),
                Effect::Disk { disk, op, tag } => self.disk(node, disk, op, tag),
                Effect::Note(note) => {
                    self.fingerprint.fold(note.digest());
                    self.observer.note(self.now, node, note);
                }
                Effect::Gauge { name, value } => {
                    self.nodes[node.index()].gauges.set(name, value);
                }
                Effect::Exit => {
                    self.crash(node, true);
                    break;
                }
            }
        }
        self.effects = effects;
    }

    #[inline]
    fn timer(&mut self, node: NodeId, mut delay: Duration, tag: u64) {
        let state = &mut self.nodes[node.index()];
        let mut due = self.now + delay;
        if let Some((clock, stream)) = state.clock.as_deref_mut() {
            due = clock.monotonic(self.now) + delay;
            delay = clock.real(delay, stream);
        }
        if let Some(buggify) = &mut self.buggify {
            delay += buggify.delay(Site::LateTimer);
        }
        let incarnation = state.incarnation;
        self.push(self.now + delay, Pending::Timer { node, incarnation, tag, due });
    }

    #[inline(always)]
    fn send(&mut self, from: NodeId, to: NodeId, message: P::Message, transport: Transport) {
        let link_id = self.link_id(from, to);
        if transport == Transport::Datagram {
            let life = self.nodes[to.index()].incarnation;
            return self.send_datagram(link_id, life, message);
        }
        if !self.network.link(link_id).open && !self.open(link_id) {
            self.totals.messages_lost += 1;
            return;
        }
        let link = self.network.link(link_id);
        let life = link.life;
        // Messages are held back already: to keep the order, this one waits with them.
        if link.keeps_back() {
            return link.held.push_back((life, message));
        }
        self.transmit(link_id, life, message);
    }

    /// Puts a message of a connection on its way.
    #[inline]
    pub(super) fn transmit(&mut self, link_id: u32, incarnation: u32, message: P::Message) {
        let rto_min = self.network.spec.rto_min;
        let link = self.network.link(link_id);
        let machine = &mut self.machines[link.from_machine.index()];
        let bytes = message.size_bytes();
        let out = if link.is_local() { self.now } else { machine.nic.send(self.now, bytes) };
        let mut departs = link.segment(out, bytes, rto_min);
        if let Some(buggify) = &mut self.buggify {
            departs += buggify.delay(Site::LateMessage);
        }
        let at = self.network.arrival(link_id, departs, &machine.spec.loopback, true);
        let (taken_in, datagram) = (false, false);
        self.push(at, Pending::Arrive { link: link_id, incarnation, taken_in, datagram, message });
    }

    fn send_datagram(&mut self, link_id: u32, incarnation: u32, message: P::Message) {
        let link = self.network.link(link_id);
        let bytes = message.size_bytes();
        let machine = &mut self.machines[link.from_machine.index()];
        let departs = if link.is_local() { self.now } else { machine.nic.send(self.now, bytes) };
        let fate = if link.cuts > 0 { Fate::Lost } else { link.datagram(departs, bytes) };
        let Fate::Leaves { at, twice, held_back } = fate else {
            self.totals.messages_lost += 1;
            return;
        };
        let copy = if twice { message.duplicate() } else { None };
        for message in [Some(message), copy].into_iter().flatten() {
            let loopback = &self.machines[self.network.link(link_id).from_machine.index()].spec;
            let at = self.network.arrival(link_id, at, &loopback.loopback, false) + held_back;
            let (taken_in, datagram) = (false, true);
            let event = Pending::Arrive { link: link_id, incarnation, taken_in, datagram, message };
            self.push(at, event);
        }
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
        let mut late = Duration::ZERO;
        if let Some(buggify) = &mut self.buggify {
            late = buggify.delay(Site::SlowDisk);
        }
        let power = machine.power;
        if let DiskOp::Sync { file } = op
            && let Some(held) = files.get_mut(&file)
        {
            let (mark, bytes) = held.begin_sync();
            let at = device.sync(self.now, bytes) + late;
            let (mut fate, background) = (device.sync_fate(), false);
            if held.take_error() && fate == SyncFate::Good {
                fate = SyncFate::TellsOfEarlier;
            }
            let mark = Syncing { disk, file, mark, bytes, fate, power, background };
            return self.push(at, Pending::Synced(Box::new((node, incarnation, tag, mark))));
        }
        let (at, completion) = operate(self.now, device, files, op);
        self.push(at + late, Pending::Done { node, incarnation, tag, completion });
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
            let fate = device.write_fate();
            if fate == WriteFate::Failed {
                return (now, Completion::Failed(DiskError::Io));
            }
            let Some((at, stamp)) = device.write(now, bytes) else {
                return (now, Completion::Failed(DiskError::Full));
            };
            let file = files.entry(file).or_insert_with(|| File::new(device.birth()));
            let index = file.append(record, bytes, now, stamp);
            match fate {
                WriteFate::Good | WriteFate::Failed => {}
                WriteFate::Lost => file.lose_last(),
                WriteFate::Misdirected(pick) => file.misdirect_last(pick),
            }
            (at, Completion::Written { index })
        }
        DiskOp::Read { file, from, count } => read(now, device, files, (file, from, count), false),
        DiskOp::ReadOnce { file, from, count } => {
            read(now, device, files, (file, from, count), true)
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

/// Reads records of a file: which, from where, how many at the most. `once`: as read(2), which may
/// give fewer; else a short read is followed by another for the rest.
fn read<R: Record>(
    now: Time,
    device: &mut Device,
    files: &Files<R>,
    (file, from, count): (FileId, u64, u64),
    once: bool,
) -> (Time, Completion<R>) {
    let Some(file) = files.get(&file) else {
        return (now, Completion::Failed(DiskError::NoSuchFile));
    };
    let mut range = file.range(from, count);
    let mut at = now;
    let given = device.short_read(range.len());
    if given < range.len() && once {
        range = &range[..given];
    }
    let mut bytes = cold_bytes(device, range);
    if given < range.len() {
        let first = cold_bytes(device, &range[..given]);
        at = device.read(now, first);
        bytes -= first;
    }
    let fate = if bytes == 0 { ReadFate::Good } else { device.read_fate() };
    let shifted = match fate {
        ReadFate::Failed => return (device.read(at, bytes), Completion::Failed(DiskError::Io)),
        ReadFate::Misdirected => file.range(from + 1, range.len() as u64),
        ReadFate::Good => range,
    };
    let mut records = Vec::with_capacity(shifted.len());
    records.extend(shifted.iter().map_while(|stored| match &stored.medium {
        _ if stored.torn => None,
        Medium::Same => Some(stored.record.clone()),
        _ if device.is_cached(stored.stamp) => Some(stored.record.clone()),
        Medium::Bad => None,
        Medium::Other(record) => Some((**record).clone()),
    }));
    let damaged = records.len() < shifted.len();
    (device.read(at, bytes), Completion::Read { records, damaged })
}

/// Bytes of whole records that are not in the page cache.
fn cold_bytes<R>(device: &Device, range: &[Stored<R>]) -> u64 {
    let whole = range.iter().take_while(|stored| !stored.torn);
    whole.filter(|stored| !device.is_cached(stored.stamp)).map(|stored| stored.bytes).sum()
}
