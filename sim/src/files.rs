//! The files of one node on one disk: what is there, what of it is durable, what a power cut
//! leaves.

use std::collections::BTreeMap;

use crate::disk::FileId;
use crate::node::Record;
use crate::random::Stream;
use crate::time::Time;

/// A record and its state.
#[derive(Clone, Debug)]
pub struct Stored<R> {
    /// The record.
    pub record: R,
    /// Its size in bytes.
    pub bytes: u64,
    /// The disk's count of cached bytes when it was written: tells whether it is still in the
    /// cache.
    pub(crate) stamp: u64,
    /// Part of it was lost with the power: it can't be read.
    pub torn: bool,
}

/// One file.
#[derive(Clone, Debug)]
pub struct File<R> {
    records: Vec<Stored<R>>,
    /// Records below this number are durable.
    durable: u64,
    /// When the oldest record that isn't durable was written.
    dirty_since: Option<Time>,
    dirty_bytes: u64,
    /// Counts truncations, so that a sync asked for before one doesn't vouch for what came after.
    truncations: u64,
    /// The least length since the last truncation counted above.
    truncated_to: u64,
    /// Durable records that were cut off, until the cut is durable itself.
    cut_off: Vec<Stored<R>>,
}

impl<R> Default for File<R> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            durable: 0,
            dirty_since: None,
            dirty_bytes: 0,
            truncations: 0,
            truncated_to: u64::MAX,
            cut_off: Vec::new(),
        }
    }
}

/// What a sync will vouch for when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncMark {
    records: u64,
    truncations: u64,
}

impl<R: Record> File<R> {
    /// Appends a record to the page cache; its number.
    pub fn append(&mut self, record: R, bytes: u64, now: Time, stamp: u64) -> u64 {
        self.records.push(Stored { record, bytes, stamp, torn: false });
        self.dirty_bytes += bytes;
        self.dirty_since.get_or_insert(now);
        self.records.len() as u64 - 1
    }

    /// What a sync asked for now covers, and how many bytes it has to move.
    pub fn begin_sync(&mut self) -> (SyncMark, u64) {
        let mark = SyncMark { records: self.records.len() as u64, truncations: self.truncations };
        self.dirty_since = None;
        (mark, std::mem::take(&mut self.dirty_bytes))
    }

    /// The device has written what the mark covers.
    pub fn end_sync(&mut self, mark: SyncMark) {
        let mut records = mark.records;
        if mark.truncations != self.truncations {
            records = records.min(self.truncated_to);
        } else {
            self.cut_off.clear();
            self.truncated_to = u64::MAX;
        }
        self.durable = self.durable.max(records.min(self.records.len() as u64));
    }

    /// Keeps the first `keep` records.
    pub fn truncate(&mut self, keep: u64, now: Time) {
        let keep = keep.min(self.records.len() as u64);
        let gone = self.records.split_off(keep as usize);
        let was_durable = self.durable.saturating_sub(keep) as usize;
        if was_durable > 0 {
            self.cut_off = gone.into_iter().take(was_durable).collect();
        }
        self.durable = self.durable.min(keep);
        let dirty = self.records[self.durable as usize..].iter().map(|stored| stored.bytes).sum();
        self.dirty_bytes = self.dirty_bytes.min(dirty);
        self.dirty_since.get_or_insert(now);
        self.truncations += 1;
        self.truncated_to = self.truncated_to.min(keep);
    }

    /// The power goes: what is durable stays, of the rest a drawn prefix, its last record perhaps
    /// torn; a cut that was not durable may be undone. Bytes lost.
    pub fn power_cut(&mut self, stream: &mut Stream) -> u64 {
        let before: u64 = self.records.iter().map(|stored| stored.bytes).sum();
        let undone = !self.cut_off.is_empty() && stream.chance_ppm(500_000);
        if undone {
            self.records.truncate(self.durable as usize);
            self.records.append(&mut self.cut_off);
        } else {
            let volatile = self.records.len() as u64 - self.durable;
            let kept = if volatile == 0 { 0 } else { stream.between(0, volatile) };
            self.records.truncate((self.durable + kept) as usize);
            if kept > 0 && stream.chance_ppm(500_000) {
                self.records.last_mut().expect("a volatile record was kept").torn = true;
            }
        }
        self.cut_off.clear();
        self.durable = self.records.len() as u64;
        (self.dirty_bytes, self.dirty_since) = (0, None);
        before.saturating_sub(self.records.iter().map(|stored| stored.bytes).sum())
    }

    /// The records and whether each is durable.
    pub fn records(&self) -> impl Iterator<Item = (u64, &Stored<R>, bool)> {
        let durable = self.durable;
        self.records.iter().zip(0..).map(move |(stored, at)| (at, stored, at < durable))
    }

    /// Up to `count` records from number `from`.
    pub fn range(&self, from: u64, count: u64) -> &[Stored<R>] {
        let len = self.records.len() as u64;
        let start = from.min(len);
        &self.records[start as usize..start.saturating_add(count).min(len) as usize]
    }

    /// Number of records.
    pub const fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// True if it holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes that are not on their way to the device yet.
    pub const fn dirty_bytes(&self) -> u64 {
        self.dirty_bytes
    }

    /// When the oldest dirty byte was written.
    pub const fn dirty_since(&self) -> Option<Time> {
        self.dirty_since
    }
}

/// The files of one node on one disk.
pub type Files<R> = BTreeMap<FileId, File<R>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[derive(Clone, Debug, PartialEq)]
    struct Word(u64);

    impl Record for Word {
        fn size_bytes(&self) -> u64 {
            8
        }
        fn digest(&self) -> u64 {
            self.0
        }
    }

    fn file(records: u64) -> File<Word> {
        let mut file = File::default();
        for word in 0..records {
            file.append(Word(word), 8, Time::ZERO, 0);
        }
        file
    }

    #[test]
    fn a_power_cut_keeps_the_durable_and_a_drawn_prefix_of_the_rest() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mut file = file(4);
            let (mark, bytes) = file.begin_sync();
            assert_eq!(bytes, 32);
            file.append(Word(4), 8, Time::ZERO, 0);
            file.append(Word(5), 8, Time::ZERO, 0);
            file.end_sync(mark);
            file.power_cut(&mut Seed(seed).stream("power", 0));
            assert!(file.records().take(4).all(|(at, stored, _)| stored.record.0 == at));
            lengths.insert(file.len());
        }
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn a_sync_does_not_vouch_for_what_was_rewritten_after_a_truncation() {
        let mut file = file(4);
        let (mark, _) = file.begin_sync();
        file.truncate(2, Time::ZERO);
        file.append(Word(9), 8, Time::ZERO, 0);
        file.end_sync(mark);
        let durable: Vec<_> = file.records().map(|(_, _, durable)| durable).collect();
        assert_eq!(durable, [true, true, false]);
    }

    #[test]
    fn a_truncation_that_was_not_synced_may_be_undone_by_a_power_cut() {
        let outcomes: std::collections::BTreeSet<_> = (0..64)
            .map(|seed| {
                let mut file = file(4);
                let (mark, _) = file.begin_sync();
                file.end_sync(mark);
                file.truncate(1, Time::ZERO);
                file.power_cut(&mut Seed(seed).stream("power", 0));
                file.len()
            })
            .collect();
        assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), [1, 4]);
    }
}
