//! A bookie's ledger storage: memtable, entry log, index, checkpoints.
//!
//! Stands for `SortedLedgerStorage`, `EntryMemTable`, `InterleavedLedgerStorage`, `EntryLogger` and
//! `SyncThread` of apache/bookkeeper @ branch-4.15. Entries wait in a memtable; when it is full, or
//! a checkpoint is due (`flushInterval`), it is written to the entry log in buffers. Adds block
//! while two memtables' worth are in memory. A checkpoint also syncs the entry log and the index,
//! and then notes up to where the journal is no longer needed (`lastMark`). The interleaved storage
//! has no memtable: each write buffer goes to the entry log when it is full.
//!
//! Parameters: [`config::Bookie`]. Left out: `DbLedgerStorage`, compaction of entry logs that are
//! partly dead (they are removed once nothing in them is live), several ledger directories, index
//! pages as such (what a checkpoint adds to the index is one record).

use std::collections::BTreeMap;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::time::Duration;

use crate::protocol::{self, Streaming};

use super::config::{self, LedgerStorageClass};
use super::entry::SharedEntry;
use super::ids::{EntryId, LedgerId};
use super::ledger_index::LedgerIndex;
use super::record::{IndexPage, Record};
use crate::collections::SortedVecMap;
use crate::note::Note;

/// The file of the ledger index.
pub const INDEX_FILE: FileId = FileId(2 << 60);
/// The file of last marks.
pub const LAST_MARK_FILE: FileId = FileId(2 << 60 | 1);

/// The file of entry log `number`.
pub const fn entry_log_file(number: u64) -> FileId {
    FileId(3 << 60 | number)
}

/// The number of an entry log's file, if it is one.
pub const fn entry_log_number(file: FileId) -> Option<u64> {
    if file.0 >> 60 == 3 { Some(file.0 & ((1 << 60) - 1)) } else { None }
}

/// The tags that the storage uses with the kernel.
#[derive(Clone, Copy, Debug)]
pub struct StorageTags {
    /// Timer of checkpoints.
    pub flush: u64,
    /// Steps of a checkpoint: this and the number of the checkpoint.
    pub checkpoint: u64,
    /// Writes of buffers: this and the number of the write.
    pub write: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Checkpoint {
    Idle,
    /// Waits until the memtable is in the entry log.
    Flushing,
    /// Waits for syncs of entry logs, this many.
    SyncingLogs(u64),
    WritingIndex,
    SyncingIndex,
    WritingMark,
    SyncingMark,
}

/// Ledger storage of a bookie.
#[derive(Debug)]
pub struct LedgerStorage {
    config: config::Bookie,
    disk: DiskId,
    tags: StorageTags,
    /// The index.
    pub index: LedgerIndex,
    memtable: SortedVecMap<LedgerId, SortedVecMap<EntryId, SharedEntry>>,
    memtable_bytes: u64,
    /// Buffers on their way to the entry log.
    writing: BTreeMap<u64, (u64, Vec<SharedEntry>, u64)>,
    writing_bytes: u64,
    writes: u64,
    log: u64,
    log_bytes: u64,
    unsynced_logs: SortedVecMap<u64, ()>,
    syncing_logs: SortedVecMap<u64, ()>,
    checkpoint: Checkpoint,
    /// Number of the checkpoint: what a given up one still waited for is not this one's.
    checkpoint_number: u64,
    marks: Vec<(u64, u64)>,
    pages: Vec<IndexPage>,
}

impl LedgerStorage {
    /// Empty storage whose next entry log is number `log`.
    pub fn new(
        config: &config::Bookie,
        disk: DiskId,
        tags: StorageTags,
        index: LedgerIndex,
        log: u64,
    ) -> Self {
        Self {
            config: config.clone(),
            disk,
            tags,
            index,
            memtable: SortedVecMap::default(),
            memtable_bytes: 0,
            writing: BTreeMap::new(),
            writing_bytes: 0,
            writes: 0,
            log,
            log_bytes: 0,
            unsynced_logs: SortedVecMap::default(),
            syncing_logs: SortedVecMap::default(),
            checkpoint: Checkpoint::Idle,
            checkpoint_number: 0,
            marks: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// Starts the timer of checkpoints.
    pub fn start(&self, ctx: &mut Context<'_, Streaming>) {
        ctx.timer(Duration::from_millis(self.config.flush_interval), self.tags.flush);
    }

    const fn is_sorted(&self) -> bool {
        matches!(self.config.ledger_storage_class, LedgerStorageClass::SortedLedgerStorage)
    }

    /// True if an entry of `bytes` may be taken in: twice the memtable's size is not used up
    /// (`EntryMemTable.skipListSemaphore`). The interleaved storage always has room.
    pub fn has_room(&self, bytes: u64) -> bool {
        let used = self.memory_bytes();
        !self.is_sorted() || used == 0 || used + bytes <= 2 * self.config.skip_list_size_limit
    }

    /// Bytes of entries that are not in the entry log yet.
    pub const fn memory_bytes(&self) -> u64 {
        self.memtable_bytes + self.writing_bytes
    }

    /// Forgets a deleted ledger.
    pub fn remove(&mut self, ledger: LedgerId) {
        self.index.remove(ledger);
        let gone = self.memtable.remove(&ledger).unwrap_or_default();
        self.memtable_bytes -= gone.values().map(|entry| entry.size_bytes()).sum::<u64>();
    }

    /// Entry logs without a live entry: their files may go.
    pub fn take_dead_logs(&mut self) -> Vec<u64> {
        let oldest_in_use = self.writing.values().map(|(log, _, _)| *log).min();
        let unsynced = self.unsynced_logs.first().map(|(log, ())| *log);
        let current = [Some(self.log), oldest_in_use, unsynced].into_iter().flatten().min();
        self.index.take_dead_files(current.unwrap_or(self.log))
    }

    /// Takes an entry in.
    pub fn add(&mut self, ctx: &mut Context<'_, Streaming>, entry: &SharedEntry) {
        if self.index.has_folded(entry.ledger, entry.id) {
            ctx.note(Note::Folded);
        }
        self.index.put(entry);
        self.memtable_bytes += entry.size_bytes();
        let before = self.keep(entry.clone());
        self.memtable_bytes -= before.map_or(0, |before| before.size_bytes());
        self.flush_if_full(ctx);
    }

    /// Puts an entry in the memtable; the one that was there.
    fn keep(&mut self, entry: SharedEntry) -> Option<SharedEntry> {
        self.memtable.entry_or_default(entry.ledger).insert(entry.id, entry)
    }

    fn flush_if_full(&mut self, ctx: &mut Context<'_, Streaming>) {
        let full = match self.config.ledger_storage_class {
            LedgerStorageClass::SortedLedgerStorage => {
                self.memtable_bytes >= self.config.skip_list_size_limit && self.writing.is_empty()
            }
            LedgerStorageClass::InterleavedLedgerStorage => {
                self.memtable_bytes >= self.config.write_buffer_size_bytes
            }
        };
        if full {
            self.flush(ctx);
        }
    }

    /// Writes the memtable to the entry log, in buffers.
    fn flush(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.writing_bytes += std::mem::take(&mut self.memtable_bytes);
        let (mut buffer, mut bytes) = (Vec::new(), 0);
        let memtable = std::mem::take(&mut self.memtable);
        for (_, entry) in memtable.into_iter().flat_map(|(_, entries)| entries) {
            bytes += entry.size_bytes();
            buffer.push(entry);
            if bytes >= self.config.write_buffer_size_bytes {
                self.write(ctx, std::mem::take(&mut buffer), std::mem::take(&mut bytes));
            }
        }
        if !buffer.is_empty() {
            self.write(ctx, buffer, bytes);
        }
    }

    fn write(&mut self, ctx: &mut Context<'_, Streaming>, entries: Vec<SharedEntry>, bytes: u64) {
        if self.log_bytes >= self.config.log_size_limit {
            self.log += 1;
            self.log_bytes = 0;
        }
        self.log_bytes += bytes;
        self.unsynced_logs.insert(self.log, ());
        let number = self.writes;
        self.writes = (self.writes + 1) & 0xff_ffff;
        let record = Record::EntryLog { entries: entries.clone() };
        self.writing.insert(number, (self.log, entries, bytes));
        let (file, record) = (entry_log_file(self.log), protocol::Record::BookKeeper(record));
        ctx.write(self.disk, file, record, self.tags.write + number);
    }

    /// Buffer `number` lies in the entry log's page cache, as record `record`; none if the disk
    /// refused it: then its entries stay in memory and are written again.
    pub fn on_written(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        record: Option<u64>,
    ) {
        let (file, entries, bytes) = self.writing.remove(&number).expect("a buffer was written");
        self.writing_bytes -= bytes;
        match record {
            Some(record) => self.index.written(file, record, &entries),
            None => {
                self.memtable_bytes += bytes;
                for entry in entries {
                    self.keep(entry);
                }
                if self.checkpoint == Checkpoint::Flushing {
                    self.checkpoint = Checkpoint::Idle;
                }
            }
        }
        if self.checkpoint == Checkpoint::Flushing && self.writing.is_empty() {
            self.sync_logs(ctx);
        }
        if record.is_some() {
            self.flush_if_full(ctx);
        }
    }

    /// No checkpoint is under way.
    pub fn is_idle(&self) -> bool {
        self.checkpoint == Checkpoint::Idle
    }

    /// Begins a checkpoint, unless one is under way: what the journals hold before `marks` will be
    /// in the entry logs, and no longer needed in the journals.
    pub fn begin_checkpoint(&mut self, ctx: &mut Context<'_, Streaming>, marks: Vec<(u64, u64)>) {
        if self.checkpoint != Checkpoint::Idle {
            return;
        }
        self.marks = marks;
        self.checkpoint = Checkpoint::Flushing;
        self.checkpoint_number = (self.checkpoint_number + 1) & 0xff_ffff;
        self.flush(ctx);
        if self.writing.is_empty() {
            self.sync_logs(ctx);
        }
    }

    /// Planted: the journals have come as far as this by now.
    pub fn mark_again(&mut self, marks: Vec<(u64, u64)>) {
        if self.checkpoint == Checkpoint::SyncingIndex {
            self.marks = marks;
        }
    }

    fn sync_logs(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.pages = self.index.take_changes();
        if self.pages.is_empty() {
            self.checkpoint = Checkpoint::Idle;
            return;
        }
        let logs = std::mem::take(&mut self.unsynced_logs);
        self.checkpoint = Checkpoint::SyncingLogs(logs.len() as u64);
        for log in logs.keys() {
            ctx.sync(self.disk, entry_log_file(*log), self.checkpoint_tag());
        }
        if logs.is_empty() {
            self.write_index(ctx);
        }
        self.syncing_logs = logs;
    }

    fn write_index(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.checkpoint = Checkpoint::WritingIndex;
        let record = protocol::Record::BookKeeper(Record::Index { pages: self.pages.clone() });
        ctx.write(self.disk, INDEX_FILE, record, self.checkpoint_tag());
    }

    const fn checkpoint_tag(&self) -> u64 {
        self.tags.checkpoint + self.checkpoint_number
    }

    /// The disk refused a step of checkpoint `number`: it is given up, and the next one does
    /// everything. False if it was given up already.
    pub fn on_checkpoint_failed(&mut self, number: u64) -> bool {
        if number != self.checkpoint_number || self.checkpoint == Checkpoint::Idle {
            return false;
        }
        self.checkpoint = Checkpoint::Idle;
        self.unsynced_logs.extend(std::mem::take(&mut self.syncing_logs));
        self.index.restore_changes(std::mem::take(&mut self.pages));
        true
    }

    /// A step of checkpoint `number` is done. At its end gives its marks: journal files before them
    /// may go.
    pub fn on_checkpoint_step(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
    ) -> Option<Vec<(u64, u64)>> {
        if number != self.checkpoint_number {
            return None;
        }
        let tag = self.checkpoint_tag();
        match self.checkpoint {
            Checkpoint::SyncingLogs(1) => self.write_index(ctx),
            Checkpoint::SyncingLogs(left) => self.checkpoint = Checkpoint::SyncingLogs(left - 1),
            Checkpoint::WritingIndex => {
                self.checkpoint = Checkpoint::SyncingIndex;
                ctx.sync(self.disk, INDEX_FILE, tag);
            }
            Checkpoint::SyncingIndex => {
                self.checkpoint = Checkpoint::WritingMark;
                let record = Record::LastMark { marks: self.marks.clone() };
                let record = protocol::Record::BookKeeper(record);
                ctx.write(self.disk, LAST_MARK_FILE, record, tag);
            }
            Checkpoint::WritingMark => {
                self.checkpoint = Checkpoint::SyncingMark;
                ctx.sync(self.disk, LAST_MARK_FILE, tag);
            }
            Checkpoint::SyncingMark => {
                self.checkpoint = Checkpoint::Idle;
                self.pages.clear();
                return Some(std::mem::take(&mut self.marks));
            }
            Checkpoint::Idle | Checkpoint::Flushing => {}
        }
        None
    }
}
