//! What a bookie need not keep ([`headwater_sim::fold`]).
//!
//! Of a journal, what lies before the last mark: it is not read again. Of the entry logs, records
//! in which nothing is left that the index has: entries of ledgers that are deleted, or that nobody
//! will ask for. Of the index, where each of these lay: it is kept how many there are in each entry
//! log, which is removed when none of its entries is live. Two checkpoints' pages of the index stay
//! as they are, as a journal may bring entries again that lie in them.

use std::rc::Rc;

use headwater_sim::fold::{Folding, Needs};

use super::{Bookie, ledger_disk};
use crate::batch::extend;
use crate::bookkeeper::folded::{Folded, Summary};
use crate::bookkeeper::journal::journal_number;
use crate::bookkeeper::ledger_index::LedgerIndex;
use crate::bookkeeper::ledger_storage::{INDEX_FILE, LAST_MARK_FILE, entry_log_number};
use crate::bookkeeper::record::Record;
use crate::protocol;

/// Records of the index that stay.
const INDEX_KEPT: u64 = 2;
/// Records of the index or of last marks that are worth a fold.
const LEAST: u64 = 10;
/// Entries that are worth a look at all records which have not been folded.
const ENTRIES: usize = 100;

fn record(folded: Folded) -> protocol::Record {
    protocol::Record::BookKeeper(Record::Folded(Rc::new(folded)))
}

fn entries(records: &[&protocol::Record]) -> protocol::Record {
    let mut ranges = Vec::new();
    for record in records {
        record.for_each_range(&mut |range| extend(&mut ranges, range));
    }
    record(Folded::of(records, Summary::Events(ranges)))
}

impl Bookie {
    pub(super) fn fold_files(&mut self, files: &mut Folding<'_, protocol::Record>, needs: &Needs) {
        if self.restart.is_some() || self.journals.is_empty() {
            return;
        }
        self.entries_folded += self.storage.index.fold(needs);
        if self.entries_folded >= ENTRIES {
            self.entries_folded = 0;
            self.fold_entry_logs(files);
            self.fold_index(files, needs);
        }
        self.fold_marks(files);
        self.fold_journals(files);
    }

    fn fold_entry_logs(&self, files: &mut Folding<'_, protocol::Record>) {
        let disk = ledger_disk(&self.config, self.disks);
        for file in files.files(disk) {
            let Some(log) = entry_log_number(file) else { continue };
            let index = &self.storage.index;
            let may = |number, record: &protocol::Record| match record {
                protocol::Record::BookKeeper(Record::EntryLog { entries }) => {
                    !entries.iter().any(|entry| index.needs(entry, log, number))
                }
                _ => true,
            };
            files.fold_runs(disk, file, u64::MAX, may, entries);
        }
    }

    fn fold_index(&mut self, files: &mut Folding<'_, protocol::Record>, needs: &Needs) {
        let disk = ledger_disk(&self.config, self.disks);
        let until = files.durable(disk, INDEX_FILE).saturating_sub(INDEX_KEPT);
        if until < self.index_folded + LEAST {
            return;
        }
        let mut index = LedgerIndex::default();
        for record in files.records(disk, INDEX_FILE, until) {
            let protocol::Record::BookKeeper(record) = record else { continue };
            match record {
                Record::Index { pages } => {
                    for page in pages {
                        let mut places = page.entries.iter();
                        if places.any(|(entry, ..)| index.has_folded(page.ledger, *entry)) {
                            return;
                        }
                        index.load(page);
                    }
                }
                Record::Folded(folded) => {
                    if let Summary::Index(ledgers) = &folded.summary {
                        ledgers.iter().for_each(|ledger| index.load_summary(ledger));
                    }
                }
                _ => {}
            }
        }
        index.fold(needs);
        let of = |records: &[&protocol::Record]| {
            record(Folded::of(records, Summary::Index(index.summary())))
        };
        files.fold_runs(disk, INDEX_FILE, until, |_, _| true, of);
        self.index_folded = until;
    }

    fn fold_marks(&self, files: &mut Folding<'_, protocol::Record>) {
        let disk = ledger_disk(&self.config, self.disks);
        let until = files.durable(disk, LAST_MARK_FILE);
        if files.records(disk, LAST_MARK_FILE, until).count() < LEAST as usize {
            return;
        }
        let of = |records: &[&protocol::Record]| {
            let marks = match records.last() {
                Some(protocol::Record::BookKeeper(Record::LastMark { marks })) => marks.clone(),
                _ => unreachable!("last marks follow what stands for others"),
            };
            record(Folded::of(records, Summary::Marks(marks)))
        };
        files.fold_runs(disk, LAST_MARK_FILE, until, |_, _| true, of);
    }

    fn fold_journals(&self, files: &mut Folding<'_, protocol::Record>) {
        for ((directory, journal), (last, records)) in (0..).zip(&self.journals).zip(&self.marks) {
            for file in files.files(journal.disk()) {
                let Some(number) = journal_number(directory, file) else { continue };
                let until = match number.cmp(last) {
                    std::cmp::Ordering::Less => u64::MAX,
                    std::cmp::Ordering::Equal => *records,
                    std::cmp::Ordering::Greater => continue,
                };
                files.fold_runs(journal.disk(), file, until, |_, _| true, entries);
            }
        }
    }
}
