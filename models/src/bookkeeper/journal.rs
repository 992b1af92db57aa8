//! A bookie's journal: group commit by a journal thread, sync by a force-write thread.
//!
//! Stands for `bookie/Journal.java` of apache/bookkeeper @ branch-4.15. The journal thread takes
//! what is queued and flushes a group to the page cache when
//! (a) its oldest entry has waited longer than `journalMaxGroupWaitMSec` and no entry that has
//! waited
//!     as long is left in the queue,
//! (b) more than `journalBufferedWritesThreshold` bytes are buffered and more is queued, or
//! (c) the queue is empty and `journalFlushWhenQueueEmpty` says so.
//!
//! It hands the group to the force-write thread, which syncs one at a time: everything that is
//! queued when a sync starts is covered by it (`journalAdaptiveGroupWrites`), up to the end of the
//! file.
//!
//! Both threads take CPU time ([`config::Bookie::costs`]): the journal's as it wakes for an entry,
//! and for a group; the force-write thread's before a sync and after it, whose entries it hands to
//! those that answer.
//!
//! Parameters: [`config::Bookie`]. Left out: pre-allocation and removal from the page cache (they
//! cost no time here), the explicit LAC, and the write buffer of 64 KiB, whose writes to the page
//! cache before the flush cost nothing that the flush doesn't.

use std::collections::VecDeque;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::collections::append_or_replace;
use crate::protocol::{self, Streaming};

use super::config;
use super::entry::SharedEntry;
use super::ids::LedgerId;
use super::record::Record;
use super::waits;

/// What is to be made durable, and who waits for it.
#[derive(Clone, Debug)]
pub enum JournalItem {
    /// An add.
    Add {
        /// The entry.
        entry: SharedEntry,
        /// Whom to answer.
        client: NodeId,
        /// Under which tag.
        request: u64,
    },
    /// A fence; the bookie knows who waits for it.
    Fence {
        /// The ledger.
        ledger: LedgerId,
    },
}

impl JournalItem {
    /// Bytes in the journal: a length of 4 bytes and the entry; a fence is a ledger id and a marker
    /// (`METAENTRY_ID_FENCE_KEY`).
    fn bytes(&self) -> u64 {
        match self {
            Self::Add { entry, .. } => 4 + entry.size_bytes(),
            Self::Fence { .. } => 4 + 16,
        }
    }
}

#[derive(Debug)]
struct Queued {
    at: Time,
    bytes: u64,
    item: JournalItem,
}

/// A group in the page cache, waiting for the force-write thread.
#[derive(Debug)]
struct Flushed {
    file: u64,
    /// Records of the file up to and including this group.
    records: u64,
    items: Vec<JournalItem>,
    /// The last group of its file.
    ends_file: bool,
}

/// A group on its way to the page cache.
#[derive(Debug)]
struct Flushing {
    items: Vec<JournalItem>,
    /// Bytes of the items.
    item_bytes: u64,
    /// Until it is written.
    record: Option<Record>,
    /// Bytes of the record.
    bytes: u64,
}

/// The tags that a journal uses with the kernel.
#[derive(Clone, Copy, Debug)]
pub struct JournalTags {
    /// Timer of the group wait.
    pub wait: u64,
    /// CPU work of waking up for an entry.
    pub wake: u64,
    /// CPU work of a flush.
    pub compute: u64,
    /// The write of a flush.
    pub write: u64,
    /// CPU work before a sync.
    pub force: u64,
    /// The sync.
    pub sync: u64,
    /// CPU work after it.
    pub forced: u64,
}

/// What came of a step.
#[derive(Debug, Default)]
pub struct JournalOutcome {
    /// To be answered with success.
    pub done: Vec<JournalItem>,
    /// To be answered with an error: the disk is full.
    pub failed: Vec<JournalItem>,
}

/// The files of journal directory `directory` are numbered from here on.
pub const fn journal_file(directory: u32, number: u64) -> FileId {
    FileId(1 << 60 | (directory as u64) << 40 | number)
}

/// The number of a journal file of `directory`, if it is one.
pub const fn journal_number(directory: u32, file: FileId) -> Option<u64> {
    let first = journal_file(directory, 0).0;
    if file.0 >> 40 == first >> 40 { Some(file.0 - first) } else { None }
}

/// One journal directory with its two threads.
#[derive(Debug)]
pub struct Journal {
    config: config::Bookie,
    directory: u32,
    disk: DiskId,
    pool: PoolId,
    force_pool: PoolId,
    tags: JournalTags,
    queue: VecDeque<Queued>,
    memory: u64,
    group: Vec<JournalItem>,
    group_bytes: u64,
    /// When the oldest of the group was queued.
    group_since: Time,
    /// The oldest of the group has timed out: others that have timed out join it.
    sweeping: bool,
    flushing: Option<Flushing>,
    /// Its thread wakes up for an entry.
    waking: bool,
    wait_armed: Option<Time>,
    file: u64,
    file_bytes: u64,
    file_records: u64,
    to_force: VecDeque<Flushed>,
    forcing: Vec<Flushed>,
    last_force: Time,
    mark: (u64, u64),
}

impl Journal {
    /// An empty journal whose next file is number `file`; the pools are those of the journal's
    /// thread and of the one that forces.
    pub fn new(
        config: &config::Bookie,
        directory: u32,
        disk: DiskId,
        [pool, force_pool]: [PoolId; 2],
        tags: JournalTags,
        file: u64,
    ) -> Self {
        Self {
            config: config.clone(),
            directory,
            disk,
            pool,
            force_pool,
            tags,
            queue: VecDeque::new(),
            memory: 0,
            group: Vec::new(),
            group_bytes: 0,
            group_since: Time::ZERO,
            sweeping: false,
            flushing: None,
            waking: false,
            wait_armed: None,
            file,
            file_bytes: 0,
            file_records: 0,
            to_force: VecDeque::new(),
            forcing: Vec::new(),
            last_force: Time::ZERO,
            mark: (file, 0),
        }
    }

    /// True if an add of `bytes` may be queued: neither memory nor places are used up.
    pub fn has_room(&self, bytes: u64) -> bool {
        let directories = u64::from(self.config.journal_directories);
        let memory_max = (self.config.journal_max_memory_size_mb << 20) / directories;
        (self.memory == 0 || self.memory + bytes <= memory_max)
            && (self.queue.len() as u64) < self.config.journal_queue_size
    }

    /// Items that wait for the journal thread.
    pub fn queued(&self) -> u64 {
        (self.queue.len() + self.group.len()) as u64
    }

    /// The disk it lies on.
    pub const fn disk(&self) -> DiskId {
        self.disk
    }

    /// Up to where everything is durable: (file, records).
    pub const fn mark(&self) -> (u64, u64) {
        self.mark
    }

    /// Queues an item.
    pub fn push(&mut self, ctx: &mut Context<'_, Streaming>, item: JournalItem) {
        let bytes = item.bytes();
        self.memory += bytes;
        self.queue.push_back(Queued { at: ctx.now(), bytes, item });
        let costs = &self.config.costs;
        if costs.journal_wake_ns > 0 && !self.waking && self.flushing.is_none() {
            // What it does next has to wait for that: it is one thread.
            self.waking = true;
            costs.work(ctx, self.pool, Duration(costs.journal_wake_ns), self.tags.wake);
        }
        self.turn(ctx);
    }

    /// Its thread is awake: it has taken what there was.
    pub const fn on_awake(&mut self) {
        self.waking = false;
    }

    fn max_wait(&self) -> Duration {
        Duration::from_millis(self.config.journal_max_group_wait_msec)
    }

    /// Lets the journal thread work until it must wait.
    fn turn(&mut self, ctx: &mut Context<'_, Streaming>) {
        while self.flushing.is_none() {
            if !self.group.is_empty() && self.group_is_due(ctx.now()) {
                self.flush(ctx);
                return;
            }
            if let Some(next) = self.queue.pop_front() {
                if self.group.is_empty() {
                    self.group_since = next.at;
                }
                self.group_bytes += next.bytes;
                self.group.push(next.item);
            } else {
                self.arm_wait(ctx);
                return;
            }
        }
    }

    fn group_is_due(&mut self, now: Time) -> bool {
        let wait = self.max_wait();
        let next = self.queue.front();
        let flush_when_empty = wait == Duration::ZERO || self.config.journal_flush_when_queue_empty;
        if wait > Duration::ZERO && !self.sweeping {
            self.sweeping = now.since(self.group_since) >= wait;
        }
        if self.sweeping {
            return next.is_none_or(|next| now.since(next.at) < wait);
        }
        let entries_max = self.config.journal_buffered_entries_threshold;
        let many = entries_max > 0 && self.group.len() as u64 > entries_max;
        let large = self.group_bytes > self.config.journal_buffered_writes_threshold;
        if next.is_some() { many || large } else { flush_when_empty }
    }

    fn arm_wait(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.group.is_empty() {
            return;
        }
        let due = self.group_since + self.max_wait();
        if self.wait_armed.is_none_or(|armed| armed > due || armed <= ctx.now()) {
            self.wait_armed = Some(due);
            ctx.timer_for(due - ctx.now(), self.tags.wait, waits::GROUP);
        }
    }

    /// The group wait has run out.
    pub fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.wait_armed.is_some_and(|armed| armed <= ctx.now()) {
            self.wait_armed = None;
        }
        self.turn(ctx);
    }

    fn flush(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.sweeping = false;
        let items = std::mem::take(&mut self.group);
        let item_bytes = std::mem::take(&mut self.group_bytes);
        let (mut entries, mut fences) = (Vec::with_capacity(items.len()), Vec::new());
        for item in &items {
            match item {
                JournalItem::Add { entry, .. } => entries.push(entry.clone()),
                JournalItem::Fence { ledger } => fences.push(*ledger),
            }
        }
        let bytes = padded(item_bytes, self.config.journal_alignment_size);
        let cost = self.config.cost_journal * items.len() as u64
            + self.config.cost_per_kib.per_kib(item_bytes)
            + Duration(self.config.costs.journal_flush_ns);
        let record = Some(Record::Journal { entries, fences: fences.into(), bytes });
        self.flushing = Some(Flushing { items, item_bytes, record, bytes });
        self.config.costs.work(ctx, self.pool, cost, self.tags.compute);
    }

    /// The journal thread has put the group together: writes it.
    pub fn on_computed(&mut self, ctx: &mut Context<'_, Streaming>) {
        let flushing = self.flushing.as_mut().expect("a flush is under way");
        let record = flushing.record.take().expect("a group is written once");
        let file = journal_file(self.directory, self.file);
        ctx.write(self.disk, file, protocol::Record::BookKeeper(record), self.tags.write);
    }

    /// The group lies in the page cache.
    pub fn on_written(&mut self, ctx: &mut Context<'_, Streaming>) -> JournalOutcome {
        let Flushing { mut items, item_bytes, bytes, .. } =
            self.flushing.take().expect("a flush is under way");
        self.memory -= item_bytes;
        self.file_bytes += bytes;
        self.file_records += 1;
        let ends_file = self.file_bytes > self.config.journal_max_size_mb << 20;
        let (file, records) = (self.file, self.file_records);
        let mut outcome = JournalOutcome::default();
        if !self.config.journal_sync_data {
            outcome.done = std::mem::take(&mut items);
        }
        let interval = Duration::from_millis(self.config.journal_page_cache_flush_interval_msec);
        let due = ctx.now().since(self.last_force) >= interval;
        if self.config.journal_sync_data || ends_file || due {
            self.last_force = ctx.now();
            self.to_force.push_back(Flushed { file, records, items, ends_file });
            self.force(ctx);
        }
        if ends_file {
            self.file += 1;
            (self.file_bytes, self.file_records) = (0, 0);
        }
        self.turn(ctx);
        outcome
    }

    fn force(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.forcing.is_empty() {
            return;
        }
        while let Some(flushed) = self.to_force.pop_front() {
            let last = flushed.ends_file || !self.config.journal_adaptive_group_writes;
            self.forcing.push(flushed);
            if last {
                break;
            }
        }
        if self.forcing.is_empty() {
            return;
        }
        match Duration(self.config.costs.force_ns) {
            Duration::ZERO => self.sync(ctx),
            cost => self.config.costs.work(ctx, self.force_pool, cost, self.tags.force),
        }
    }

    /// The force-write thread has got as far as the disk.
    pub fn sync(&self, ctx: &mut Context<'_, Streaming>) {
        let first = self.forcing.first().expect("groups are being forced");
        ctx.sync(self.disk, journal_file(self.directory, first.file), self.tags.sync);
    }

    /// The sync is done.
    pub fn on_synced(&mut self, ctx: &mut Context<'_, Streaming>) -> JournalOutcome {
        let entries: usize = self.forcing.iter().map(|flushed| flushed.items.len()).sum();
        match self.config.costs.forced(entries as u64) {
            Duration::ZERO => self.on_forced(ctx),
            cost => {
                self.config.costs.work(ctx, self.force_pool, cost, self.tags.forced);
                JournalOutcome::default()
            }
        }
    }

    /// The force-write thread has handed on what was synced.
    pub fn on_forced(&mut self, ctx: &mut Context<'_, Streaming>) -> JournalOutcome {
        let mut done = Vec::new();
        for flushed in self.forcing.drain(..) {
            self.mark = (flushed.file, flushed.records);
            append_or_replace(&mut done, flushed.items);
        }
        self.force(ctx);
        JournalOutcome { done, failed: Vec::new() }
    }

    /// There was no room for a group.
    pub fn on_full(&mut self, ctx: &mut Context<'_, Streaming>) -> JournalOutcome {
        let Flushing { items, item_bytes, .. } =
            self.flushing.take().expect("a flush is under way");
        self.memory -= item_bytes;
        self.turn(ctx);
        JournalOutcome { done: Vec::new(), failed: items }
    }
}

/// Bytes with padding: a padding record of at least 8 bytes fills up to the alignment
/// (`Journal.writePaddingBytes` @ branch-4.15).
fn padded(bytes: u64, alignment: u64) -> u64 {
    match bytes % alignment {
        0 => bytes,
        rest if alignment - rest < 8 => bytes + 2 * alignment - rest,
        rest => bytes + alignment - rest,
    }
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn flushes_are_padded_to_the_alignment_with_room_for_the_padding_header() {
        assert_eq!([0, 1, 504, 505, 511, 512].map(|bytes| padded(bytes, 512)), {
            [0, 512, 512, 1024, 1024, 512]
        });
    }
}
