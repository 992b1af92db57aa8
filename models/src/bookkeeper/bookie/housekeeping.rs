//! What a bookie does besides serving: checkpoints, garbage collection, and handling disks that
//! fail.
//!
//! Stands for `bookie/SyncThread.java`, `bookie/GarbageCollectorThread.java`,
//! `bookie/ScanAndCompareGarbageCollector.java`, `bookie/BookieStateManager.java` and the
//! `LedgerDirsListener` of `bookie/BookieImpl.java` of apache/bookkeeper @ release-4.15.0.
//!
//! Disk errors: one in the journal, on a write or a sync, ends its thread and with it the process
//! (`Journal.ForceWriteThread.run`, `BookieCriticalThread`); a memtable that can't be flushed makes
//! the bookie read-only (`SortedLedgerStorage.onSizeLimitReached`); a checkpoint that fails is
//! tried again at the next interval (`SyncThread.checkpoint`). A full disk makes the bookie
//! read-only wherever it shows: `LedgerDirsMonitor` does so at 95 % (`diskUsageThreshold`), before
//! the journal on the same disk runs out of space.
//!
//! Parameters: `flushInterval`, `gcWaitTime` (ms), `journalMaxBackups`, `DISK_CHECK_INTERVAL`. Left
//! out: compaction, the usage thresholds below full, the supervisor that starts the process again
//! (the scenario does that). A file system that forgets the pages of a failed sync lets the next
//! checkpoint pass without having written them, here as there.

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskOp};
use headwater_sim::node::Completion;
use headwater_sim::time::Duration;

use crate::bookkeeper::ids::LedgerId;
use crate::bookkeeper::journal::{Journal, journal_file};
use crate::bookkeeper::ledger_storage::entry_log_file;
use crate::bookkeeper::metadata::message::{
    LEDGERS, Operation, Path, READ_ONLY, Value, bookie_path,
};
use crate::bookkeeper::properties;
use crate::bookkeeper::signals;
use crate::bugs::Bug;
use crate::protocol::{self, Streaming};

use super::{
    Bookie, COLLECT_TIMER, DELETED, FORCED, KIND_HOUSEKEEPING, KIND_JOURNAL_SYNC,
    KIND_JOURNAL_WRITE, TAGS, WRITABLE_TIMER, ledger_disk,
};

/// Time between checks whether a full disk has space again (`diskCheckInterval`, 10 s @
/// branch-4.15).
const DISK_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Why the disk refused, if it did.
fn refusal(completion: &Completion<protocol::Record>) -> Option<DiskError> {
    match completion {
        Completion::Failed(error) => Some(*error),
        _ => None,
    }
}

impl Bookie {
    pub(super) fn on_checkpoint_timer(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.storage.start(ctx);
        self.checkpoint(ctx);
    }

    pub(super) fn checkpoint(&mut self, ctx: &mut Context<'_, Streaming>) {
        let marks = self.journals.iter().map(Journal::mark).collect();
        self.storage.begin_checkpoint(ctx, marks);
    }

    /// The process is asked to stop: it serves no more, writes a last checkpoint, takes its
    /// registration away with its session, and ends (`BookieServer.shutdown`,
    /// `BookieImpl.shutdown`, `SyncThread.shutdown`).
    pub(super) fn stop(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.restart.is_some() {
            return ctx.exit();
        }
        (self.stopping, self.serving) = (true, false);
        self.checkpoint(ctx);
        self.leave_if_done(ctx);
    }

    fn leave_if_done(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.stopping && self.storage.is_idle() && !self.service.close(ctx) {
            ctx.exit();
        }
    }

    /// A step of checkpoint number `number` is done, or was refused.
    pub(super) fn on_storage(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        completion: &Completion<protocol::Record>,
    ) {
        if self.config.bugs.has(Bug::MarksAfterFlush) {
            self.storage.mark_again(self.journals.iter().map(Journal::mark).collect());
        }
        if let Some(error) = refusal(completion) {
            if self.storage.on_checkpoint_failed(number) {
                properties::CHECKPOINT_FAILED.reached(ctx);
            }
            if error == DiskError::Full {
                self.turn_read_only(ctx);
            }
        } else if let Some(marks) = self.storage.on_checkpoint_step(ctx, number) {
            self.on_checkpoint_done(ctx, &marks);
        }
        self.leave_if_done(ctx);
    }

    /// A checkpoint is done: removes journal files that are no longer needed, except some backups
    /// (`Journal.checkpointComplete`).
    fn on_checkpoint_done(&mut self, ctx: &mut Context<'_, Streaming>, marks: &[(u64, u64)]) {
        self.marks = marks.to_vec();
        let backups = self.config.journal_max_backups as usize;
        for (directory, files) in self.journal_files.iter_mut().enumerate() {
            let current = self.journals[directory].mark().0;
            if files.last().is_some_and(|last| *last < current) {
                files.push(current);
            }
            let old = files.iter().filter(|file| **file < marks[directory].0).count();
            for file in files.drain(..old.saturating_sub(backups)) {
                let file = journal_file(directory as u32, file);
                let disk = self.journals[directory].disk();
                ctx.disk(disk, DiskOp::Delete { file }, TAGS.tag(KIND_HOUSEKEEPING, DELETED));
            }
        }
    }

    /// A buffer of the entry log is written, or was refused.
    pub(super) fn on_buffer(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        completion: &Completion<protocol::Record>,
    ) {
        let record = match completion {
            Completion::Written { index } => Some(*index),
            _ => None,
        };
        self.storage.on_written(ctx, number, record);
        if record.is_none() {
            self.turn_read_only(ctx);
        }
        self.admit(ctx);
        self.leave_if_done(ctx);
    }

    /// A group of a journal is written or synced, or was refused.
    pub(super) fn on_journal_step(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        kind: u64,
        number: u64,
        completion: &Completion<protocol::Record>,
    ) {
        let journal = &mut self.journals[number as usize];
        let outcome = match refusal(completion) {
            Some(DiskError::Full) if kind == KIND_JOURNAL_WRITE => journal.on_full(ctx),
            Some(_) => return self.die(ctx),
            None if kind == KIND_JOURNAL_SYNC => journal.on_synced(ctx),
            None => journal.on_written(ctx),
        };
        if !outcome.failed.is_empty() {
            self.turn_read_only(ctx);
        }
        self.on_journal(ctx, outcome);
    }

    /// The force-write thread of a journal has done its work before a sync, or after it.
    pub(super) fn on_force_write(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let journal = &mut self.journals[(number % FORCED) as usize];
        if number < FORCED {
            return journal.sync(ctx);
        }
        let outcome = journal.on_forced(ctx);
        self.on_journal(ctx, outcome);
    }

    /// The disk has failed at something that the process can't do without: it ends.
    pub(super) fn die(&mut self, ctx: &mut Context<'_, Streaming>) {
        signals::BOOKIE_DIED_OF_ITS_DISK.note(ctx, 0, 0);
        properties::BOOKIE_DIED_OF_ITS_DISK.reached(ctx);
        ctx.exit();
    }

    /// The disk has refused a write: no more adds until it is looked at again.
    fn turn_read_only(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.read_only && !self.stopping {
            self.read_only = true;
            signals::BOOKIE_READ_ONLY.note(ctx, 0, 0);
            properties::BOOKIE_READ_ONLY.reached(ctx);
            // Never in neither list (`ZKRegistrationManager.registerReadOnlyBookie`).
            let path = Path::new(READ_ONLY, u64::from(ctx.me().0));
            let value = Value::Words(Vec::new());
            self.service.request(ctx, Operation::Create { path, value, ephemeral: true });
            self.service
                .request(ctx, Operation::Delete { path: bookie_path(ctx.me()), version: None });
            ctx.timer(DISK_CHECK_INTERVAL, TAGS.tag(KIND_HOUSEKEEPING, WRITABLE_TIMER));
        }
    }

    pub(super) fn on_housekeeping(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        match number {
            COLLECT_TIMER => {
                self.arm_collect(ctx);
                let known = self.storage.index.ledgers().collect();
                let list = Operation::List { directory: LEDGERS, watch: false };
                self.asked.ledgers = Some((self.service.request(ctx, list), known));
            }
            WRITABLE_TIMER => {
                self.read_only = false;
                self.register(ctx);
                let path = Path::new(READ_ONLY, u64::from(ctx.me().0));
                self.service.request(ctx, Operation::Delete { path, version: None });
            }
            _ => {}
        }
    }

    pub(super) fn arm_collect(&self, ctx: &mut Context<'_, Streaming>) {
        let wait = Duration::from_millis(self.config.gc_wait_time);
        ctx.timer(wait, TAGS.tag(KIND_HOUSEKEEPING, COLLECT_TIMER));
    }

    /// Garbage collection: forgets ledgers that are no longer in the metadata and removes entry
    /// logs without a live entry (`ScanAndCompareGarbageCollector`, `GarbageCollectorThread`).
    pub(super) fn collect(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        known: &[LedgerId],
        ledgers: &[(u64, Value)],
    ) {
        let exists =
            |ledger: &LedgerId| ledgers.binary_search_by_key(&ledger.0, |(id, _)| *id).is_ok();
        for ledger in known.iter().filter(|ledger| !exists(ledger)) {
            self.storage.remove(*ledger);
        }
        for file in self.storage.take_dead_logs() {
            let (disk, file) = (ledger_disk(&self.config, self.disks), entry_log_file(file));
            ctx.disk(disk, DiskOp::Delete { file }, TAGS.tag(KIND_HOUSEKEEPING, DELETED));
        }
    }
}
