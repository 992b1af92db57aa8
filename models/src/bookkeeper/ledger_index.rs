//! A bookie's index: which entries it has, where they lie, which ledgers are fenced.
//!
//! Stands for `LedgerCacheImpl` and the index files (or RocksDB) of apache/bookkeeper @
//! branch-4.15.
//!
//! Parameters: none; 8 bytes of index for each entry are counted where the pages are written
//! ([`super::record`]). Left out: index pages and their cache (all of the index is in memory),
//! page-wise eviction, `openFileLimit`.

use headwater_sim::fold::Needs;

use super::entry::SharedEntry;
use super::ids::{EntryId, LedgerId};
use super::record::IndexPage;
use crate::collections::SortedVecMap;
use crate::logs;

/// Where an entry lies.
#[derive(Clone, Debug)]
pub enum Location {
    /// In memory, not yet in an entry log.
    Memory(SharedEntry),
    /// In record `record` of entry log `file`, at place `slot`.
    Log {
        /// The entry log file's number.
        file: u64,
        /// The record's number.
        record: u64,
        /// The entry's place in the record.
        slot: u32,
    },
    /// Nobody was to ask for it any more: it has been folded.
    Folded,
}

/// Entries of a ledger that have been folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct FoldedEntries {
    /// All that there were before this one.
    until: EntryId,
    /// How many lie in each entry log file.
    live: SortedVecMap<u64, u64>,
}

/// What the index says of a ledger, on disk.
#[derive(Clone, Debug)]
pub struct LedgerSummary {
    page: IndexPage,
    folded: FoldedEntries,
}

#[derive(Debug, Default)]
struct Ledger {
    fenced: bool,
    fence_durable: bool,
    folded: FoldedEntries,
    entries: SortedVecMap<EntryId, Location>,
}

/// Every ledger that the bookie knows.
#[derive(Debug, Default)]
pub struct LedgerIndex {
    ledgers: SortedVecMap<LedgerId, Ledger>,
    /// Live entries of each entry log file.
    live: SortedVecMap<u64, u64>,
    /// What the next checkpoint adds to the index on disk.
    changed: SortedVecMap<LedgerId, Vec<(EntryId, u64, u64, u32)>>,
}

impl LedgerIndex {
    /// Takes a new entry in, in memory. Gives the bytes of the one that it replaces in memory, if
    /// any.
    pub fn put(&mut self, entry: &SharedEntry) -> u64 {
        let ledger = self.ledgers.entry_or_default(entry.ledger);
        let before = ledger.entries.insert(entry.id, Location::Memory(entry.clone()));
        match before {
            Some(Location::Memory(before)) => before.size_bytes(),
            Some(Location::Log { file, .. }) => {
                self.forget(file);
                0
            }
            Some(Location::Folded) | None => 0,
        }
    }

    fn forget(&mut self, file: u64) {
        if let Some(live) = self.live.get_mut(&file) {
            *live = live.saturating_sub(1);
        }
    }

    /// The entries of one record of an entry log have been written.
    pub fn written(&mut self, file: u64, record: u64, entries: &[SharedEntry]) {
        for (slot, entry) in entries.iter().enumerate() {
            let slot = slot as u32;
            let place = self.ledgers.get_mut(&entry.ledger);
            let place = place.and_then(|ledger| ledger.entries.get_mut(&entry.id));
            // Deleted meanwhile, or written again: then the newer one will follow.
            let Some(place) = place else { continue };
            if matches!(place, Location::Memory(held) if std::rc::Rc::ptr_eq(held, entry)) {
                *place = Location::Log { file, record, slot };
                *self.live.entry_or_default(file) += 1;
                self.changed.entry_or_default(entry.ledger).push((entry.id, file, record, slot));
            }
        }
    }

    /// Fences a ledger, known or not; true if it wasn't fenced before.
    pub fn fence(&mut self, id: LedgerId) -> bool {
        let ledger = self.ledgers.entry_or_default(id);
        self.changed.entry_or_default(id);
        !std::mem::replace(&mut ledger.fenced, true)
    }

    /// The fence is on disk.
    pub fn fence_is_durable(&mut self, id: LedgerId) {
        self.ledgers.entry_or_default(id).fence_durable = true;
    }

    /// True if the ledger is fenced.
    pub fn is_fenced(&self, id: LedgerId) -> bool {
        self.ledgers.get(&id).is_some_and(|ledger| ledger.fenced)
    }

    /// True if the ledger's fence is on disk.
    pub fn has_durable_fence(&self, id: LedgerId) -> bool {
        self.ledgers.get(&id).is_some_and(|ledger| ledger.fence_durable)
    }

    /// True if the ledger is known.
    pub fn knows(&self, id: LedgerId) -> bool {
        self.ledgers.contains_key(&id)
    }

    /// Where an entry lies.
    pub fn find(&self, id: LedgerId, entry: EntryId) -> Option<Location> {
        let found = self.ledgers.get(&id)?.entries.get(&entry).cloned();
        found.or(self.has_folded(id, entry).then_some(Location::Folded))
    }

    /// Where the newest entry lies.
    pub fn newest(&self, id: LedgerId) -> Option<Location> {
        let ledger = self.ledgers.get(&id)?;
        let is_folded = ledger.folded.until > EntryId(0);
        ledger.entries.last().cloned().or(is_folded.then_some(Location::Folded))
    }

    /// The ledgers, in order.
    pub fn ledgers(&self) -> impl Iterator<Item = LedgerId> + '_ {
        self.ledgers.keys().copied()
    }

    /// Forgets a deleted ledger.
    pub fn remove(&mut self, id: LedgerId) {
        self.changed.remove(&id);
        let Some(ledger) = self.ledgers.remove(&id) else { return };
        for location in ledger.entries.values() {
            if let Location::Log { file, .. } = location {
                self.forget(*file);
            }
        }
        for (file, folded) in ledger.folded.live {
            if let Some(live) = self.live.get_mut(&file) {
                *live = live.saturating_sub(folded);
            }
        }
    }

    /// Entry log files below `current` without a live entry; they are forgotten.
    pub fn take_dead_files(&mut self, current: u64) -> Vec<u64> {
        let dead = self.live.iter().filter(|(file, live)| **file < current && **live == 0);
        let dead: Vec<_> = dead.map(|(file, _)| *file).collect();
        dead.iter().for_each(|file| {
            self.live.remove(file);
        });
        dead
    }

    /// What has changed since the last call: the next checkpoint's index pages.
    pub fn take_changes(&mut self) -> Vec<IndexPage> {
        let changed = std::mem::take(&mut self.changed);
        let page =
            |(ledger, entries)| IndexPage { ledger, fenced: self.is_fenced(ledger), entries };
        changed.into_iter().map(page).collect()
    }

    /// Puts back what a checkpoint took and could not write.
    pub fn restore_changes(&mut self, pages: Vec<IndexPage>) {
        for page in pages {
            let changed = self.changed.entry_or_default(page.ledger);
            let newer = std::mem::replace(changed, page.entries);
            changed.extend(newer);
        }
    }

    /// Takes a page of the index on disk in, at start.
    pub fn load(&mut self, page: &IndexPage) {
        let ledger = self.ledgers.entry_or_default(page.ledger);
        ledger.fenced |= page.fenced;
        ledger.fence_durable |= page.fenced;
        for (entry, file, record, slot) in &page.entries {
            let location = Location::Log { file: *file, record: *record, slot: *slot };
            if let Some(Location::Log { file, .. }) = ledger.entries.insert(*entry, location) {
                let live = self.live.entry_or_default(file);
                *live = live.saturating_sub(1);
            }
            *self.live.entry_or_default(*file) += 1;
        }
    }

    /// Whether an entry, or one that was not there, lies among those that have been folded.
    pub fn has_folded(&self, id: LedgerId, entry: EntryId) -> bool {
        self.ledgers.get(&id).is_some_and(|ledger| entry < ledger.folded.until)
    }

    /// Whether an entry lies in this record of an entry log, and has not been folded.
    pub fn needs(&self, entry: &SharedEntry, file: u64, record: u64) -> bool {
        let ledger = self.ledgers.get(&entry.ledger);
        let found = ledger.and_then(|ledger| ledger.entries.get(&entry.id));
        matches!(found, Some(Location::Log { file: of, record: at, .. })
            if (*of, *at) == (file, record))
    }

    /// Forgets where each of the entries lies that are needed no more. How many there were.
    pub fn fold(&mut self, needs: &Needs) -> usize {
        let mut folded = 0;
        for (id, ledger) in self.ledgers.iter_mut() {
            let Some(newest) = ledger.entries.last_key() else { continue };
            let from = needed_from(needs, *id, *newest);
            let in_log = |(entry, location): &(&EntryId, &Location)| {
                **entry < from && matches!(location, Location::Log { .. })
            };
            let count = ledger.entries.iter().take_while(in_log).count();
            folded += count;
            for (entry, location) in ledger.entries.drain_first(count) {
                let Location::Log { file, .. } = location else { continue };
                ledger.folded.until = ledger.folded.until.max(entry.next());
                *ledger.folded.live.entry_or_default(file) += 1;
            }
        }
        folded
    }

    /// All that it says.
    pub fn summary(&self) -> Vec<LedgerSummary> {
        let place = |(entry, location): (&EntryId, &Location)| match location {
            Location::Log { file, record, slot } => Some((*entry, *file, *record, *slot)),
            Location::Memory(_) | Location::Folded => None,
        };
        let of = |(id, ledger): (&LedgerId, &Ledger)| {
            let entries = ledger.entries.iter().filter_map(place).collect();
            let page = IndexPage { ledger: *id, fenced: ledger.fenced, entries };
            LedgerSummary { page, folded: ledger.folded.clone() }
        };
        self.ledgers.iter().map(of).collect()
    }

    /// Takes in what another index says, of what was before all that this one knows.
    pub fn load_summary(&mut self, summary: &LedgerSummary) {
        self.load(&summary.page);
        for (file, folded) in summary.folded.live.iter() {
            *self.live.entry_or_default(*file) += folded;
        }
        self.ledgers.entry_or_default(summary.page.ledger).folded = summary.folded.clone();
    }
}

/// From which entry on a ledger may still be asked for. Whoever closes one asks for the newest, as
/// long as there is a record of it.
fn needed_from(needs: &Needs, LedgerId(ledger): LedgerId, newest: EntryId) -> EntryId {
    let made = needs.before(logs::LEDGERS_MADE).unwrap_or(0);
    if ledger < made && !needs.speaks_of(logs::record_of_ledger(ledger)) {
        return EntryId(i64::MAX);
    }
    let from = needs.before(logs::of_ledger(ledger)).unwrap_or(0);
    EntryId(i64::try_from(from).unwrap_or(i64::MAX)).min(newest)
}
