//! The start of a bookie: everything that it knows comes from its disks.
//!
//! 1. List the files of every disk.
//! 2. Read the last mark and the index.
//! 3. Read the journals from the last mark on, and take their entries and fences in again.
//! 4. Write a checkpoint, register, serve (`BookieImpl.start` @ branch-4.15).
//!
//! Stands for `BookieImpl.readJournal` and `Journal.replay` of apache/bookkeeper @ branch-4.15.
//! Parameters: none of its own; the disks' speed decides. Left out: the check that the index's
//! files agree with the entry logs (`dataIntegrityCheckingEnabled`, off by default), and the
//! deletion of journals that a checkpoint has made superfluous before the crash (the next
//! checkpoint does it).

use std::collections::{BTreeMap, VecDeque};

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, DiskOp, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::node::Completion;

use crate::bookkeeper::journal::{Journal, journal_number};
use crate::bookkeeper::ledger_index::LedgerIndex;
use crate::bookkeeper::ledger_storage::{
    INDEX_FILE, LAST_MARK_FILE, LedgerStorage, entry_log_number,
};
use crate::bookkeeper::record::Record;
use crate::protocol::{self, Streaming};

use super::{
    Bookie, KIND_RESTART, POOL_JOURNAL, Place, journal_disk, journal_tags, ledger_disk,
    storage_tags, tag,
};

const STEP_LIST: u64 = 0;
const STEP_READ: u64 = 1;
const STEP_TRUNCATED: u64 = 2;

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Restart {
    lists: VecDeque<DiskId>,
    files: BTreeMap<DiskId, Vec<FileId>>,
    /// To be read, and from which record.
    reads: VecDeque<(Place, u64)>,
    index: LedgerIndex,
    marks: Vec<(u64, u64)>,
    replay: Vec<Record>,
    journals_listed: bool,
}

impl Bookie {
    pub(super) fn begin_restart(&mut self, ctx: &mut Context<'_, Streaming>) {
        let directories = 0..self.config.journal_directories;
        let mut disks: Vec<_> = directories
            .map(|directory| journal_disk(&self.config, self.disks, directory))
            .chain([ledger_disk(&self.config, self.disks)])
            .collect();
        disks.sort_unstable();
        disks.dedup();
        for disk in &disks {
            ctx.disk(*disk, DiskOp::List, tag(KIND_RESTART, STEP_LIST));
        }
        self.restart = Some(Restart { lists: disks.into(), ..Restart::default() });
    }

    pub(super) fn on_restart_step(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        step: u64,
        completion: Completion<protocol::Record>,
    ) {
        let Some(restart) = &mut self.restart else { return };
        match (step, completion) {
            (STEP_LIST, completion) => {
                let disk = restart.lists.pop_front().expect("a list was asked for");
                if let Completion::Listed { files } = completion {
                    restart.files.insert(disk, files.into_iter().map(|(file, _)| file).collect());
                }
                if restart.lists.is_empty() {
                    let ledgers = ledger_disk(&self.config, self.disks);
                    let place = |file| ((ledgers, file), 0);
                    let found = restart.files.get(&ledgers).cloned().unwrap_or_default();
                    let wanted = [LAST_MARK_FILE, INDEX_FILE];
                    let wanted = wanted.into_iter().filter(|file| found.contains(file));
                    restart.reads = wanted.map(place).collect();
                    self.read_next(ctx);
                }
            }
            (STEP_READ, completion) => {
                let (place, _) = restart.reads.pop_front().expect("a read was asked for");
                if let Completion::Read { records, damaged } = completion {
                    self.on_restart_read(ctx, place, records, damaged);
                }
                self.read_next(ctx);
            }
            _ => {}
        }
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
            let keep = records.len() as u64;
            let tag = tag(KIND_RESTART, STEP_TRUNCATED);
            ctx.disk(disk, DiskOp::Truncate { file, keep }, tag);
        }
        for record in records {
            let protocol::Record::BookKeeper(record) = record else { continue };
            match record {
                Record::Index { pages } => pages.iter().for_each(|page| restart.index.load(page)),
                Record::LastMark { marks } => restart.marks = marks,
                record @ Record::Journal { .. } => restart.replay.push(record),
                Record::EntryLog { .. } | Record::Transaction { .. } => {}
            }
        }
    }

    fn read_next(&mut self, ctx: &mut Context<'_, Streaming>) {
        let restart = self.restart.as_mut().expect("the bookie is starting");
        if restart.reads.is_empty() && !restart.journals_listed {
            restart.journals_listed = true;
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
                ctx.read(*disk, *file, *from, u64::MAX, tag(KIND_RESTART, STEP_READ));
            }
            None => self.end_restart(ctx),
        }
    }

    fn end_restart(&mut self, ctx: &mut Context<'_, Streaming>) {
        let restart = self.restart.take().expect("the bookie is starting");
        let disk = ledger_disk(&self.config, self.disks);
        let files = |disk: DiskId| restart.files.get(&disk).into_iter().flatten().copied();
        let log = files(disk).filter_map(entry_log_number).max().map_or(0, |last| last + 1);
        self.storage = LedgerStorage::new(&self.config, disk, storage_tags(), restart.index, log);
        for directory in 0..self.config.journal_directories {
            let disk = journal_disk(&self.config, self.disks, directory);
            let mut old: Vec<_> =
                files(disk).filter_map(|file| journal_number(directory, file)).collect();
            let next = old.last().map_or(0, |last| last + 1);
            let pool = PoolId(POOL_JOURNAL + directory as u8);
            let tags = journal_tags(directory);
            old.push(next);
            self.journals.push(Journal::new(&self.config, directory, disk, pool, tags, next));
            self.journal_files.push(old);
        }
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
        ctx.note(crate::note::Note::Event {
            name: "bookie_replayed",
            entity: u64::from(ctx.me().0),
            peer: None,
            value: replayed,
        });
        self.storage.start(ctx);
        self.arm_collect(ctx);
        self.checkpoint(ctx);
        self.service.start(ctx);
    }
}
