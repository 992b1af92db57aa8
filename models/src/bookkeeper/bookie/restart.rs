//! The start of a bookie: everything that it knows comes from its disks.
//!
//! 1. List the files of every disk.
//! 2. Read the cookies, the last mark and the index.
//! 3. Read the journals from the last mark on, and take their entries and fences in again.
//! 4. Write a checkpoint, compare the cookies, register, serve (`BookieImpl.start` @ branch-4.15).
//!
//! Stands for `BookieImpl.readJournal` and `Journal.replay` of apache/bookkeeper @ branch-4.15.
//! Parameters: none of its own; the disks' speed decides. Left out: the check that the index's
//! files agree with the entry logs (`dataIntegrityCheckingEnabled`, off by default), and the
//! deletion of journals that a checkpoint has made superfluous before the crash (the next
//! checkpoint does it).

use std::collections::VecDeque;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, DiskOp, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::node::{Completion, Record as _};

use crate::bookkeeper::folded::{Folded, Summary};
use crate::bookkeeper::ids::EntryId;
use crate::bookkeeper::journal::{Journal, journal_number};
use crate::bookkeeper::ledger_index::LedgerIndex;
use crate::bookkeeper::ledger_storage::{
    INDEX_FILE, LAST_MARK_FILE, LedgerStorage, entry_log_number,
};
use crate::bookkeeper::properties;
use crate::bookkeeper::record::Record;
use crate::bookkeeper::signals;
use crate::collections::SortedVecMap;
use crate::note::Note;
use crate::protocol::{self, Streaming};

use super::registration::COOKIE_FILE;
use super::{
    Bookie, KIND_RESTART, POOL_JOURNAL, Place, TAGS, force_pool, journal_disk, journal_tags,
    ledger_disk, storage_tags,
};

const STEP_LIST: u64 = 0;
const STEP_READ: u64 = 1;
const STEP_TRUNCATED: u64 = 2;
/// Of cookies.
pub(super) const STEP_STAMPED: u64 = 3;

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Restart {
    lists: VecDeque<DiskId>,
    files: SortedVecMap<DiskId, Vec<FileId>>,
    /// To be read, and from which record.
    reads: VecDeque<(Place, u64)>,
    index: LedgerIndex,
    marks: Vec<(u64, u64)>,
    /// Records of the index and of last marks that could be read.
    index_records: u64,
    mark_records: u64,
    /// Disks with this bookie's cookie.
    cookies: u32,
    replay: Vec<Record>,
    journals_listed: bool,
}

impl Restart {
    fn take_folded(&mut self, ctx: &mut Context<'_, Streaming>, folded: &Folded) {
        match &folded.summary {
            Summary::Index(ledgers) => {
                self.index_records += folded.records;
                ledgers.iter().for_each(|ledger| self.index.load_summary(ledger));
            }
            Summary::Marks(marks) => {
                self.mark_records += folded.records;
                self.marks.clone_from(marks);
            }
            // Journals are read from the last mark on.
            Summary::Events(_) | Summary::Tree(_) => ctx.note(Note::Folded),
        }
    }
}

impl Bookie {
    pub(super) fn begin_restart(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.ask_for_cookie(ctx);
        let disks = self.own_disks();
        for disk in &disks {
            ctx.disk(*disk, DiskOp::List, TAGS.tag(KIND_RESTART, STEP_LIST));
        }
        self.restart = Some(Restart { lists: disks.into(), ..Restart::default() });
    }

    pub(super) fn on_restart_step(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        step: u64,
        completion: Completion<protocol::Record>,
    ) {
        if matches!(completion, Completion::Failed(_)) {
            // A disk can't be read or stamped: the bookie does not come up.
            return self.die(ctx);
        }
        let Some(restart) = &mut self.restart else { return };
        match (step, completion) {
            (STEP_LIST, Completion::Listed { files }) => {
                let disk = restart.lists.pop_front().expect("a list was asked for");
                restart.files.insert(disk, files.into_iter().map(|(file, _)| file).collect());
                if restart.lists.is_empty() {
                    self.begin_reading(ctx);
                }
            }
            (STEP_READ, Completion::Read { records, damaged }) => {
                let (place, _) = restart.reads.pop_front().expect("a read was asked for");
                self.on_restart_read(ctx, place, records, damaged);
                self.read_next(ctx);
            }
            _ => {}
        }
    }

    /// Reads the cookie of each disk, the last mark and the index, as far as there are any.
    fn begin_reading(&mut self, ctx: &mut Context<'_, Streaming>) {
        let ledgers = ledger_disk(&self.config, self.disks);
        let cookies = self.own_disks().into_iter().map(|disk| (disk, COOKIE_FILE));
        let wanted = cookies.chain([(ledgers, LAST_MARK_FILE), (ledgers, INDEX_FILE)]);
        let restart = self.restart.as_mut().expect("the bookie is starting");
        let files = &restart.files;
        let there =
            |(disk, file): &Place| files.get(disk).is_some_and(|on_disk| on_disk.contains(file));
        restart.reads = wanted.filter(there).map(|place| (place, 0)).collect();
        self.read_next(ctx);
    }

    fn on_restart_read(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        (disk, file): Place,
        records: Vec<protocol::Record>,
        damaged: bool,
    ) {
        let restart = self.restart.as_mut().expect("the bookie is starting");
        if damaged && (file == INDEX_FILE || file == LAST_MARK_FILE) {
            // What follows a torn record could not be read: cut it off before writing on.
            let keep = records.iter().map(protocol::Record::stands_for).sum();
            let tag = TAGS.tag(KIND_RESTART, STEP_TRUNCATED);
            ctx.disk(disk, DiskOp::Truncate { file, keep }, tag);
        }
        for record in records {
            let protocol::Record::BookKeeper(record) = record else { continue };
            match record {
                Record::Index { pages } => {
                    restart.index_records += 1;
                    for page in &pages {
                        let folded = |place: &(EntryId, _, _, _)| {
                            restart.index.has_folded(page.ledger, place.0)
                        };
                        if page.entries.iter().any(folded) {
                            ctx.note(Note::Folded);
                        }
                        restart.index.load(page);
                    }
                }
                Record::LastMark { marks } => {
                    restart.mark_records += 1;
                    restart.marks = marks;
                }
                Record::Cookie { bookie } => restart.cookies += u32::from(bookie == ctx.me()),
                record @ Record::Journal { .. } => restart.replay.push(record),
                Record::Folded(folded) => restart.take_folded(ctx, &folded),
                Record::EntryLog { .. } | Record::Transaction { .. } => {}
            }
        }
    }

    fn read_next(&mut self, ctx: &mut Context<'_, Streaming>) {
        let restart = self.restart.as_mut().expect("the bookie is starting");
        if restart.reads.is_empty() && !restart.journals_listed {
            restart.journals_listed = true;
            // Each mark was written after a record of the index was durable.
            if restart.index_records < restart.mark_records {
                return self.die(ctx);
            }
            for directory in 0..self.config.journal_directories {
                let disk = journal_disk(&self.config, self.disks, directory);
                let (file, records) =
                    restart.marks.get(directory as usize).copied().unwrap_or((0, 0));
                for found in restart.files.get(&disk).into_iter().flatten() {
                    let Some(number) = journal_number(directory, *found) else { continue };
                    if number >= file {
                        let from = if number == file { records } else { 0 };
                        restart.reads.push_back(((disk, *found), from));
                    }
                }
            }
        }
        match restart.reads.front() {
            Some(((disk, file), from)) => {
                ctx.read(*disk, *file, *from, u64::MAX, TAGS.tag(KIND_RESTART, STEP_READ));
            }
            None => self.end_restart(ctx),
        }
    }

    fn end_restart(&mut self, ctx: &mut Context<'_, Streaming>) {
        let restart = self.restart.take().expect("the bookie is starting");
        self.cookie.on_disks = Some(restart.cookies as usize == self.own_disks().len());
        let disk = ledger_disk(&self.config, self.disks);
        let files = |disk: DiskId| restart.files.get(&disk).into_iter().flatten().copied();
        let log = files(disk).filter_map(entry_log_number).max().map_or(0, |last| last + 1);
        self.storage = LedgerStorage::new(&self.config, disk, storage_tags(), restart.index, log);
        for directory in 0..self.config.journal_directories {
            let disk = journal_disk(&self.config, self.disks, directory);
            let mut old: Vec<_> =
                files(disk).filter_map(|file| journal_number(directory, file)).collect();
            let next = old.last().map_or(0, |last| last + 1);
            let pools =
                [PoolId(POOL_JOURNAL + directory as u8), force_pool(&self.config, directory)];
            let tags = journal_tags(directory);
            old.push(next);
            self.journals.push(Journal::new(&self.config, directory, disk, pools, tags, next));
            self.journal_files.push(old);
        }
        self.marks = restart.marks;
        let mut replayed = 0;
        for record in restart.replay {
            let Record::Journal { entries, fences, .. } = record else { continue };
            replayed += entries.len() as u64;
            for ledger in fences {
                self.storage.index.fence(ledger);
                self.storage.index.fence_is_durable(ledger);
            }
            entries.iter().for_each(|entry| self.storage.add(ctx, entry));
        }
        if replayed > 0 {
            properties::JOURNAL_REPLAYED.reached(ctx);
        }
        let me = u64::from(ctx.me().0);
        signals::BOOKIE_REPLAYED.note(ctx, me, replayed);
        self.storage.start(ctx);
        self.arm_collect(ctx);
        self.checkpoint(ctx);
        self.service.start(ctx);
        self.check_cookie(ctx);
    }
}
