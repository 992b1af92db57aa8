//! Disks: the operations of nodes, and the writeback that nobody waits for.

use super::{MachineState, NodeState, Pending, Simulation};
use crate::buggify::Site;
use crate::causes::{Causes, Spent};
use crate::device::{Device, ReadFate, SyncFate, WriteFate};
use crate::disk::{DiskError, DiskId, DiskOp, FileId};
use crate::files::{File, Files, Medium, Stored, SyncMark};
use crate::node::{Completion, Observer, Protocol, Record};
use crate::page_cache::PageCache;
use crate::queue::EventQueue;
use crate::time::{Duration, Time};
use crate::units::{MachineId, NodeId};
use crate::writeback::Dirty;

use super::Input;

/// Period of the background writeback (Linux `vm.dirty_writeback_centisecs`: 5 s).
const WRITEBACK_PERIOD: Duration = Duration::from_secs(5);

/// What the device is writing of a file.
pub(super) struct Writing {
    pub(super) node: NodeId,
    file: FileId,
    pub(super) mark: SyncMark,
    bytes: u64,
    fate: SyncFate,
}

/// A sync that is under way, and which life of its node waits for it.
pub(super) struct Syncing {
    disk: DiskId,
    what: Writing,
    incarnation: u32,
    tag: u64,
    /// Which power-on of the machine it belongs to.
    power: u32,
}

/// A piece of writeback that the device has.
pub(super) struct Piece {
    machine: MachineId,
    disk: DiskId,
    files: Vec<Writing>,
    power: u32,
    /// The flusher goes on when it is written.
    goes_on: bool,
}

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Bytes of a node's files on all of its disks.
    pub fn disk_bytes(&self, node: NodeId) -> u64 {
        let files = self.nodes[node.index()].files.iter().flat_map(|of| of.values());
        files.map(File::bytes).sum()
    }

    pub(super) fn disk(&mut self, node: NodeId, disk: DiskId, op: DiskOp<P::Record>, tag: u64) {
        let state = &mut self.nodes[node.index()];
        let (incarnation, machine_id) = (state.incarnation, state.spec.machine);
        let machine = &mut self.machines[machine_id.index()];
        let at = disk.0 as usize;
        assert!(at < machine.devices.len(), "{} has no disk {}", state.spec.name, disk.0);
        let mut late = Duration::ZERO;
        if let Some(buggify) = &mut self.buggify {
            late = buggify.delay(Site::SlowDisk);
        }
        if let DiskOp::Sync { file } = op
            && state.files[at].contains_key(&file)
        {
            return self.sync((node, disk, file), tag, late);
        }
        let device = &mut machine.devices[at];
        let files = &mut state.files[at];
        let (done, completion) = operate(self.now, device, &mut machine.cache, files, op);
        let too_much = device.wants_writeback() && !machine.flushers[at].active;
        self.push(done + late, Pending::Done { node, incarnation, tag, completion });
        if too_much {
            self.flush(machine_id, disk);
        }
        self.arm_writeback(machine_id);
    }

    fn sync(&mut self, (node, disk, file): (NodeId, DiskId, FileId), tag: u64, late: Duration) {
        let machine = self.nodes[node.index()].spec.machine;
        let at = disk.0 as usize;
        let device = &self.machines[machine.index()].devices[at];
        if device.is_ordered() {
            self.write_others(machine, disk, (node, file));
        }
        let state = &mut self.nodes[node.index()];
        let held = state.files[at].get_mut(&file).expect("the caller has looked");
        let device = &mut self.machines[machine.index()].devices[at];
        let (mark, bytes) = held.begin_sync();
        device.submit(bytes);
        let begins = device.free_at();
        let done = device.sync(self.now, bytes) + late;
        let mut fate = device.sync_fate();
        if held.take_error() && fate == SyncFate::Good {
            fate = SyncFate::TellsOfEarlier;
        }
        let (incarnation, power) = (state.incarnation, self.machines[machine.index()].power);
        let what = Writing { node, file, mark, bytes, fate };
        let sync = Syncing { disk, what, incarnation, tag, power };
        let queued = |causes: &mut Causes| causes.detour(begins, node, Spent::DiskQueue);
        let before = self.causes.as_deref_mut().map(queued);
        self.push(done, Pending::Synced(Box::new(sync)));
        if let (Some(causes), Some(before)) = (&mut self.causes, before) {
            causes.back(before);
        }
    }

    /// Hands the device all that is dirty on a disk but one file.
    fn write_others(&mut self, machine: MachineId, disk: DiskId, but: (NodeId, FileId)) {
        let (at, mut files, mut bytes) = (disk.0 as usize, Vec::new(), 0);
        let device = &mut self.machines[machine.index()].devices[at];
        for (node, state) in here(&mut self.nodes, machine) {
            for (id, file) in &mut state.files[at] {
                if (node, *id) != but && file.dirty_bytes() > 0 {
                    let (mark, moved) = file.begin_sync();
                    device.submit(moved);
                    bytes += moved;
                    let fate = device.sync_fate();
                    files.push(Writing { node, file: *id, mark, bytes: moved, fate });
                }
            }
        }
        self.hand_over((machine, disk), files, bytes, false);
    }

    /// Gives the device a piece of writeback, if there is any.
    fn hand_over(
        &mut self,
        (machine, disk): (MachineId, DiskId),
        files: Vec<Writing>,
        bytes: u64,
        goes_on: bool,
    ) {
        if files.is_empty() {
            return;
        }
        let state = &mut self.machines[machine.index()];
        let done = state.devices[disk.0 as usize].write_back(self.now, bytes);
        let piece = Piece { machine, disk, files, power: state.power, goes_on };
        self.push(done, Pending::WrittenBack(Box::new(piece)));
    }

    /// The flusher of a disk hands the device its next piece, if it has any.
    fn flush(&mut self, machine: MachineId, disk: DiskId) {
        let (now, at) = (self.now, disk.0 as usize);
        let (mut files, mut bytes) = (Vec::new(), 0);
        let MachineState { devices, flushers, .. } = &mut self.machines[machine.index()];
        let (device, flusher) = (&mut devices[at], &mut flushers[at]);
        let most = device.piece();
        while bytes < most {
            let nodes = &mut self.nodes;
            let next = flusher.next(device.wants_writeback(), || dirty_files(nodes, machine, at));
            let Some((node, id, until)) = next else { break };
            let file = self.nodes[node.index()].files[at].get_mut(&id);
            let Some(file) = file.filter(|file| file.dirty_since().is_some()) else {
                flusher.took(false);
                continue;
            };
            let (mark, moved) = file.begin_writeback(most - bytes, until, now);
            device.submit(moved);
            bytes += moved;
            flusher.took(file.is_dirty_below(until));
            let fate = device.sync_fate();
            files.push(Writing { node, file: id, mark, bytes: moved, fate });
        }
        flusher.active = !files.is_empty();
        self.hand_over((machine, disk), files, bytes, true);
    }

    /// Every five seconds: what has been dirty for long enough goes to the device.
    pub(super) fn write_back(&mut self, machine: MachineId) {
        let now = self.now;
        let MachineState { devices, flushers, writeback_armed, .. } =
            &mut self.machines[machine.index()];
        *writeback_armed = false;
        for (node, state) in here(&mut self.nodes, machine) {
            for (disk, files) in state.files.iter().enumerate() {
                let after = devices[disk].writeback_after();
                let old = |file: &File<_>| file.dirty_since().is_some_and(|at| at + after <= now);
                let expired = files.iter().filter(|(_, file)| old(file));
                expired.for_each(|(id, file)| flushers[disk].expire((node, *id, file.len())));
            }
        }
        for disk in (0..self.machines[machine.index()].devices.len() as u8).map(DiskId) {
            if !self.machines[machine.index()].flushers[disk.0 as usize].active {
                self.flush(machine, disk);
            }
        }
        self.arm_writeback(machine);
    }

    /// Sees to it that dirty data is written back in time, as long as there is any.
    fn arm_writeback(&mut self, machine: MachineId) {
        let state = &mut self.machines[machine.index()];
        if state.writeback_armed || state.devices.iter().all(|device| device.dirty() == 0) {
            return;
        }
        state.writeback_armed = true;
        let next = (self.now.0 / WRITEBACK_PERIOD.0 + 1) * WRITEBACK_PERIOD.0;
        self.push(Time(next), Pending::WriteBack { machine });
    }

    /// The device has written a piece of writeback.
    pub(super) fn written_back(&mut self, piece: Piece) {
        let Piece { machine, disk, files, power, goes_on } = piece;
        if power != self.machines[machine.index()].power {
            return;
        }
        for writing in &files {
            if self.done_writing(disk, writing).is_some()
                && let Some(file) = self.file(disk, writing)
            {
                // There is nobody to report to but the next sync.
                file.owe_error();
            }
        }
        if goes_on {
            self.flush(machine, disk);
        }
    }

    pub(super) fn synced(&mut self, sync: &Syncing) {
        let node = sync.what.node;
        let machine = self.nodes[node.index()].spec.machine;
        if sync.power != self.machines[machine.index()].power {
            return;
        }
        let error = self.done_writing(sync.disk, &sync.what);
        if sync.what.fate == SyncFate::Good {
            self.vouch(sync.disk, &sync.what);
        }
        let completion = error.map_or(Completion::Synced, Completion::Failed);
        self.input_if_alive(node, sync.incarnation, Input::Done(sync.tag, completion));
    }

    pub(super) fn file(&mut self, disk: DiskId, writing: &Writing) -> Option<&mut File<P::Record>> {
        let state = &mut self.nodes[writing.node.index()];
        state.files[disk.0 as usize].get_mut(&writing.file)
    }

    /// The device is done with what it was to write of a file. What it reports.
    fn done_writing(&mut self, disk: DiskId, writing: &Writing) -> Option<DiskError> {
        let now = self.now;
        let state = &mut self.nodes[writing.node.index()];
        let machine = &mut self.machines[state.spec.machine.index()];
        let mut dirty_again = false;
        let mut error = None;
        if let Some(file) = state.files[disk.0 as usize].get_mut(&writing.file) {
            match writing.fate {
                SyncFate::Good if self.defects.forgets(self.kept.syncs) => {}
                SyncFate::Good => file.end_sync(writing.mark),
                SyncFate::Lost => {}
                SyncFate::TellsOfEarlier => {
                    file.end_sync(writing.mark);
                    error = Some(DiskError::Io);
                }
                SyncFate::Failed { forgotten } => {
                    dirty_again = file.fail_sync(writing.mark, writing.bytes, forgotten, now);
                    error = Some(DiskError::Io);
                }
            }
        }
        machine.devices[disk.0 as usize].complete(writing.bytes, dirty_again);
        error
    }
}

/// The nodes of a machine.
fn here<P: Protocol>(
    nodes: &mut [NodeState<P>],
    machine: MachineId,
) -> impl Iterator<Item = (NodeId, &mut NodeState<P>)> {
    let nodes = nodes.iter_mut().enumerate();
    let nodes = nodes.map(|(index, state)| (NodeId(index as u32), state));
    nodes.filter(move |(_, state)| state.spec.machine == machine)
}

/// What is dirty on a disk of a machine, all of each file, the one that has been for longest first.
fn dirty_files<P: Protocol>(
    nodes: &mut [NodeState<P>],
    machine: MachineId,
    disk: usize,
) -> Vec<Dirty> {
    let mut dirty = Vec::new();
    for (node, state) in here(nodes, machine) {
        let files = state.files[disk].iter();
        dirty.extend(files.filter_map(|(id, file)| Some((file.dirty_since()?, node, *id))));
    }
    dirty.sort_unstable();
    dirty.into_iter().map(|(_, node, file)| (node, file, u64::MAX)).collect()
}

/// Carries out every operation but the sync of a file that is there. When it completes, and how.
fn operate<R: Record>(
    now: Time,
    device: &mut Device,
    cache: &mut PageCache,
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
            let Some(at) = device.write(now, bytes) else {
                return (now, Completion::Failed(DiskError::Full));
            };
            let file = files.entry(file).or_insert_with(|| File::new(device.birth()));
            let index = file.append(record, bytes, now, cache.take_in(bytes));
            match fate {
                WriteFate::Good | WriteFate::Failed => {}
                WriteFate::Lost => file.lose_last(),
                WriteFate::Misdirected(pick) => file.misdirect_last(pick),
            }
            (at, Completion::Written { index })
        }
        DiskOp::Read { file, from, count } => {
            read(now, device, cache, files, (file, from, count), false)
        }
        DiskOp::ReadOnce { file, from, count } => {
            read(now, device, cache, files, (file, from, count), true)
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
        DiskOp::Discard { file, records, record } => {
            let Some(file) = files.get_mut(&file) else {
                return (now, Completion::Failed(DiskError::NoSuchFile));
            };
            let dirty = file.dirty_bytes();
            device.release(file.discard(records, *record));
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
    cache: &mut PageCache,
    files: &mut Files<R>,
    (file, from, count): (FileId, u64, u64),
    once: bool,
) -> (Time, Completion<R>) {
    let Some(file) = files.get_mut(&file) else {
        return (now, Completion::Failed(DiskError::NoSuchFile));
    };
    let mut range = file.range(from, count);
    let mut at = now;
    let given = device.short_read(range.len());
    if given < range.len() && once {
        range = &range[..given];
    }
    let mut bytes = cold_bytes(cache, range);
    if given < range.len() {
        let first = cold_bytes(cache, &range[..given]);
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
        _ if cache.holds(stored.stamp) => Some(stored.record.clone()),
        Medium::Bad => None,
        Medium::Other(record) => Some((**record).clone()),
    }));
    let damaged = records.len() < shifted.len();
    let count = range.len() as u64;
    if fate == ReadFate::Good {
        file.warm(cache, from, count);
    }
    (device.read(at, bytes), Completion::Read { records, damaged })
}

/// Bytes of whole records that are not in the page cache.
fn cold_bytes<R>(cache: &PageCache, range: &[Stored<R>]) -> u64 {
    if cache.holds_everything() {
        return 0;
    }
    let whole = range.iter().take_while(|stored| !stored.torn);
    whole.filter(|stored| !cache.holds(stored.stamp)).map(|stored| stored.bytes).sum()
}
