//! The files of one node on one disk: what is there, what of it is durable, what a power cut
//! leaves.

mod folding;

use std::collections::BTreeMap;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::disk::FileId;
use crate::node::Record;
use crate::page_cache::PageCache;
use crate::random::Stream;
use crate::time::Time;

/// A record and its state.
#[derive(Clone, Debug)]
pub struct Stored<R> {
    /// The record.
    pub record: R,
    /// Its size in bytes.
    pub bytes: u64,
    /// The page cache's stamp ([`crate::page_cache`]): tells whether it is still there.
    pub(crate) stamp: u64,
    /// Records that it stands for: more than one where they were folded.
    count: u64,
    /// Part of it was lost with the power: it can't be read.
    pub torn: bool,
    /// What the medium holds in its place, if that is something else.
    pub(crate) medium: Medium<R>,
}

/// What the medium holds, or will hold after a sync, in the place of a record.
#[derive(Clone, Debug)]
pub(crate) enum Medium<R> {
    /// The record.
    Same,
    /// Nothing that can be read.
    Bad,
    /// Another record, that was meant for elsewhere.
    Other(Box<R>),
}

/// What a power cut leaves of the records that no sync has covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tearing {
    /// The first of them, up to a drawn one, which may be torn: a file system that allocates and
    /// writes in order.
    #[default]
    Prefix,
    /// Each of them or not; where one is missing there is a hole that can't be read.
    Subset,
    /// The last of them, from a drawn one on, behind holes: pages written back in reverse.
    Reordered,
}

impl<R> Stored<R> {
    /// True if the record is, or will be, on the medium as it was written.
    pub const fn is_sound(&self) -> bool {
        !self.torn && matches!(self.medium, Medium::Same)
    }
}

/// Pieces that stand for folded records of a file at most; then neighbours become one.
const PIECES_MAX: usize = 64;

/// One file.
#[derive(Clone, Debug)]
pub struct File<R> {
    /// First what stands for records that were folded, with those that were left between them, then
    /// the others.
    records: Vec<Stored<R>>,
    /// How many of them are such pieces, and how many records these stand for.
    pieces: usize,
    folded: u64,
    /// Records below this number are durable.
    durable: u64,
    /// Records below this number are vouched for by a sync that was reported.
    vouched: u64,
    /// Records below this number have been handed to the device, to be written.
    submitted: u64,
    /// When the oldest of the others was written.
    dirty_since: Option<Time>,
    dirty_bytes: u64,
    /// Counts truncations, so that a sync asked for before one doesn't vouch for what came after.
    truncations: u64,
    /// The least length since the last truncation counted above.
    truncated_to: u64,
    /// Durable records that were cut off, until the cut is durable itself.
    cut_off: Vec<Stored<R>>,
    /// Tells it from files of the same name before it: a sync of theirs does not vouch for it.
    birth: u64,
    /// A writeback has failed, and no sync has reported it yet.
    owes_error: bool,
}

impl<R> Default for File<R> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            pieces: 0,
            folded: 0,
            durable: 0,
            vouched: 0,
            submitted: 0,
            dirty_since: None,
            dirty_bytes: 0,
            truncations: 0,
            truncated_to: u64::MAX,
            cut_off: Vec::new(),
            birth: 0,
            owes_error: false,
        }
    }
}

/// What a sync will vouch for when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncMark {
    /// From this record on it is handed to the device.
    from: u64,
    records: u64,
    truncations: u64,
    birth: u64,
}

impl<R: Record> File<R> {
    /// An empty file with this number, which no other on its disk has had.
    pub fn new(birth: u64) -> Self {
        Self { birth, ..Self::default() }
    }

    /// Its disk was unmounted in good order and mounted elsewhere, where the file has the number
    /// `birth`: all of it is durable, nothing is cached.
    pub fn remount(&mut self, birth: u64) {
        self.records.iter_mut().for_each(|stored| stored.stamp = 0);
        self.cut_off.clear();
        self.durable = self.len();
        self.submitted = self.durable;
        (self.dirty_bytes, self.dirty_since) = (0, None);
        (self.birth, self.owes_error) = (birth, false);
    }

    /// Bytes of all its records.
    pub fn bytes(&self) -> u64 {
        self.records.iter().map(|stored| stored.bytes).sum()
    }

    /// A writeback has failed: the next sync reports it.
    pub const fn owe_error(&mut self) {
        self.owes_error = true;
    }

    /// True if a writeback has failed since the last sync.
    pub const fn take_error(&mut self) -> bool {
        std::mem::replace(&mut self.owes_error, false)
    }

    /// Appends a record to the page cache; its number.
    pub fn append(&mut self, record: R, bytes: u64, now: Time, stamp: u64) -> u64 {
        let medium = Medium::Same;
        self.records.push(Stored { record, bytes, stamp, count: 1, torn: false, medium });
        self.dirty_bytes += bytes;
        self.dirty_since.get_or_insert(now);
        self.len() - 1
    }

    /// Where a record of this number stands: what stands for it, if it was folded.
    fn place(&self, number: u64) -> usize {
        self.place_and_first(number).0
    }

    /// The same, and the number of the first record that what stands there is of.
    fn place_and_first(&self, number: u64) -> (usize, u64) {
        if number >= self.folded {
            return (self.pieces + (number - self.folded) as usize, number);
        }
        let mut first = 0;
        for (place, piece) in self.records.iter().enumerate() {
            if number < first + piece.count {
                return (place, first);
            }
            first += piece.count;
        }
        unreachable!("a piece stands for each folded record")
    }

    /// Records, from the first, that are and stay on the medium whatever happens to the power.
    pub fn settled(&self) -> u64 {
        if self.cut_off.is_empty() { self.durable } else { self.folded }
    }

    /// The record written last will never reach the medium.
    pub fn lose_last(&mut self) {
        if let Some(last) = self.records.last_mut() {
            last.medium = Medium::Bad;
        }
    }

    /// The record written last lands in the place of an earlier one, picked by `pick`; where it
    /// belongs the medium holds nothing. The first record of a file has nowhere else to go.
    pub fn misdirect_last(&mut self, pick: u64) {
        let Some((last, before)) = self.records.split_last_mut() else { return };
        last.medium = Medium::Bad;
        if !before.is_empty() {
            let hit = (pick % before.len() as u64) as usize;
            before[hit].medium = Medium::Other(Box::new(last.record.clone()));
        }
    }

    /// The sync that the mark stands for has failed: what it covered is dirty again, or
    /// (`forgotten`) counts as clean without being on the medium. True if it is dirty again.
    pub fn fail_sync(&mut self, mark: SyncMark, bytes: u64, forgotten: bool, now: Time) -> bool {
        if mark.birth != self.birth {
            return false;
        }
        if !forgotten {
            self.submitted = self.submitted.min(mark.from);
            self.dirty_bytes += bytes;
            self.dirty_since.get_or_insert(now);
            return true;
        }
        let rewritten = mark.truncations != self.truncations;
        let covered = if rewritten { mark.records.min(self.truncated_to) } else { mark.records };
        let (durable, covered) = (self.place(self.durable), self.place(covered.min(self.len())));
        for stored in self.records[..covered].iter_mut().skip(durable) {
            stored.medium = Medium::Bad;
        }
        false
    }

    /// Durable records go bad on the medium, each with this chance. How many.
    pub fn corrupt(&mut self, ppm: u32, stream: &mut Stream) -> u64 {
        let place = self.place(self.durable);
        let durable = self.records.iter_mut().take(place);
        let mut hit = 0;
        for stored in durable.filter(|_| stream.chance_ppm(ppm)) {
            stored.medium = Medium::Bad;
            hit += 1;
        }
        hit
    }

    /// What a sync asked for now covers, and how many bytes it has to move.
    pub fn begin_sync(&mut self) -> (SyncMark, u64) {
        let len = self.len();
        let from = std::mem::replace(&mut self.submitted, len);
        self.dirty_since = None;
        (self.mark(from), std::mem::take(&mut self.dirty_bytes))
    }

    /// Hands up to `bytes` of what is dirty to the device, oldest first, of the records below
    /// `until`; one at least. What that covers, and how many bytes it has to move.
    pub fn begin_writeback(&mut self, bytes: u64, until: u64, now: Time) -> (SyncMark, u64) {
        let (from, len) = (self.submitted, self.len());
        let until = until.min(len);
        let mut moved = 0;
        while self.submitted < until && moved < bytes {
            moved += self.records[self.place(self.submitted)].bytes;
            self.submitted += 1;
        }
        let moved = moved.min(self.dirty_bytes);
        self.dirty_bytes -= moved;
        if self.submitted == len {
            self.dirty_since = None;
        } else if self.submitted == until {
            // The rest is younger than what was asked for.
            self.dirty_since = Some(now);
        }
        (self.mark(from), moved)
    }

    /// True if records below `until` have not been handed to the device.
    pub const fn is_dirty_below(&self, until: u64) -> bool {
        let len = self.len();
        self.submitted < if until < len { until } else { len }
    }

    fn mark(&self, from: u64) -> SyncMark {
        let (truncations, birth) = (self.truncations, self.birth);
        SyncMark { from, records: self.submitted, truncations, birth }
    }

    /// Puts up to `count` records from number `from` into the page cache, but for those that are
    /// there or can't be read.
    pub fn warm(&mut self, cache: &mut PageCache, from: u64, count: u64) {
        let wanted = self.range(from, count).len();
        let start = self.place(from.min(self.len()));
        for stored in &mut self.records[start..start + wanted] {
            if stored.is_sound() && !cache.holds(stored.stamp) {
                stored.stamp = cache.take_in(stored.bytes);
            }
        }
    }

    /// The device has written what the mark covers.
    pub fn end_sync(&mut self, mark: SyncMark) {
        if mark.birth != self.birth {
            return;
        }
        let mut records = mark.records;
        if mark.truncations != self.truncations {
            records = records.min(self.truncated_to);
        } else {
            self.cut_off.clear();
            self.truncated_to = u64::MAX;
        }
        self.durable = self.durable.max(records.min(self.len()));
    }

    /// The sync that the mark stands for is reported as done: what it covered is to survive from
    /// now on. False if some of it would not.
    pub fn vouch(&mut self, mark: SyncMark) -> bool {
        if mark.birth != self.birth {
            return true;
        }
        let rewritten = mark.truncations != self.truncations;
        let covered = if rewritten { mark.records.min(self.truncated_to) } else { mark.records };
        let covered = covered.min(self.len());
        self.vouched = self.vouched.max(covered);
        self.durable >= covered
    }

    /// Whether everything is there, and whole, that a sync has vouched for.
    pub fn keeps_its_word(&self) -> bool {
        let until = self.place(self.vouched.min(self.len()));
        self.len() >= self.vouched && self.records[..until].iter().all(|stored| !stored.torn)
    }

    /// Keeps the first `keep` records.
    pub fn truncate(&mut self, keep: u64, now: Time) {
        let keep = keep.min(self.len());
        assert!(keep >= self.folded, "who cuts a file needs what is there");
        let gone = self.records.split_off(self.place(keep));
        let was_durable = self.durable.saturating_sub(keep) as usize;
        if was_durable > 0 {
            self.cut_off = gone.into_iter().take(was_durable).collect();
        }
        self.durable = self.durable.min(keep);
        self.vouched = self.vouched.min(keep);
        self.submitted = self.submitted.min(keep);
        let dirty =
            self.records[self.place(self.submitted)..].iter().map(|stored| stored.bytes).sum();
        self.dirty_bytes = self.dirty_bytes.min(dirty);
        self.dirty_since.get_or_insert(now);
        self.truncations += 1;
        self.truncated_to = self.truncated_to.min(keep);
    }

    /// Planted: the last durable record is not.
    pub fn forget_last_sync(&mut self) {
        self.durable = self.durable.saturating_sub(1).max(self.folded).min(self.durable);
    }

    /// The power goes: what is durable stays, of the rest a drawn prefix, its last record perhaps
    /// torn; a cut that was not durable may be undone.
    pub fn power_cut(&mut self, tearing: Tearing, stream: &mut Stream) {
        let undone = !self.cut_off.is_empty() && stream.chance_ppm(500_000);
        if undone {
            self.records.truncate(self.place(self.durable));
            self.records.append(&mut self.cut_off);
        } else {
            self.tear(tearing, stream);
        }
        self.cut_off.clear();
        self.durable = self.len();
        self.submitted = self.durable;
        (self.dirty_bytes, self.dirty_since) = (0, None);
        self.owes_error = false;
    }

    /// Draws what is left of the records that no sync has covered.
    fn tear(&mut self, tearing: Tearing, stream: &mut Stream) {
        let durable = self.place(self.durable);
        let volatile = self.len() - self.durable;
        let drawn = if volatile == 0 { 0 } else { stream.random_range(0..=volatile) };
        match tearing {
            Tearing::Prefix => {
                self.records.truncate(durable + drawn as usize);
                if drawn > 0 && stream.chance_ppm(500_000) {
                    self.records.last_mut().expect("a volatile record was kept").torn = true;
                }
            }
            Tearing::Subset => {
                for stored in &mut self.records[durable..] {
                    stored.torn |= stream.chance_ppm(500_000);
                }
                // What is missing at the end was never allocated.
                while self.len() > self.durable && self.records.last().is_some_and(|r| r.torn) {
                    self.records.pop();
                }
            }
            Tearing::Reordered => {
                if drawn == volatile {
                    return self.records.truncate(durable);
                }
                let holes = self.records[durable..].iter_mut().take(drawn as usize);
                holes.for_each(|stored| stored.torn = true);
            }
        }
    }

    /// The records, or what stands for them, and whether each is durable.
    pub fn records(&self) -> impl Iterator<Item = (u64, &Stored<R>, bool)> {
        let (durable, mut next) = (self.durable, 0);
        self.records.iter().map(move |stored| {
            let at = next;
            next += stored.count;
            (at, stored, at < durable && stored.is_sound())
        })
    }

    /// The records, or what stands for them, from the last to the first, and whether each is
    /// durable.
    pub fn latest(&self) -> impl Iterator<Item = (&Stored<R>, bool)> {
        let (pieces, durable, folded) = (self.pieces, self.durable, self.folded);
        self.records.iter().enumerate().rev().map(move |(place, stored)| {
            let synced = place < pieces || folded + ((place - pieces) as u64) < durable;
            (stored, synced && stored.is_sound())
        })
    }

    /// Up to `count` records from number `from`, or what stands for them.
    pub fn range(&self, from: u64, count: u64) -> &[Stored<R>] {
        let len = self.len();
        let (from, until) = (from.min(len), from.saturating_add(count).min(len));
        let (start, (end, first)) = (self.place(from), self.place_and_first(until));
        // A piece that is wanted in part is given whole.
        let in_part = first < until && until > from;
        &self.records[start..end + usize::from(in_part)]
    }

    /// Whether all of up to `count` records from number `from` are in the page cache.
    pub fn is_cached(&self, cache: &PageCache, from: u64, count: u64) -> bool {
        self.range(from, count).iter().all(|stored| cache.holds(stored.stamp))
    }

    /// Number of records.
    pub const fn len(&self) -> u64 {
        self.folded + (self.records.len() - self.pieces) as u64
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
    pub(super) struct Word(pub u64);

    impl Record for Word {
        fn size_bytes(&self) -> u64 {
            8
        }
        fn digest(&self) -> u64 {
            self.0
        }
        fn joined(&self, next: &Self) -> Option<Self> {
            Some(next.clone())
        }
    }

    pub(super) fn file(records: u64) -> File<Word> {
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
            file.power_cut(Tearing::Prefix, &mut Seed(seed).stream("power", 0));
            assert!(file.records().take(4).all(|(at, stored, _)| stored.record.0 == at));
            lengths.insert(file.len());
        }
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn a_power_cut_leaves_holes_where_pages_are_written_out_of_order() {
        for (tearing, holes_first) in [(Tearing::Subset, false), (Tearing::Reordered, true)] {
            let mut with_holes = 0;
            for seed in 0..64 {
                let mut file = file(6);
                file.power_cut(tearing, &mut Seed(seed).stream("power", 0));
                let torn: Vec<_> = file.records().map(|(_, stored, _)| stored.torn).collect();
                assert_ne!(torn.last(), Some(&true), "{tearing:?}: a file ends with what is there");
                assert!(!holes_first || torn.is_sorted_by(|a, b| a >= b), "{torn:?}");
                with_holes += usize::from(torn.contains(&true));
            }
            assert!(with_holes > 32, "{tearing:?}: {with_holes} of 64");
        }
    }

    #[test]
    fn what_stands_for_folded_records_keeps_their_numbers_and_their_bytes() {
        let mut file = file(1_000);
        let (mark, _) = file.begin_sync();
        file.end_sync(mark);
        file.append(Word(1_000), 8, Time::ZERO, 0);
        let bytes = file.bytes();
        for records in (5..=900).step_by(5) {
            file.fold(records, Word(records));
        }
        assert_eq!((file.len(), file.bytes(), file.settled()), (1_001, bytes, 1_000));
        assert!(file.records().count() <= 102 + 2 * PIECES_MAX);
        assert_eq!(
            file.range(950, 3).iter().map(|of| of.record.0).collect::<Vec<_>>(),
            [950, 951, 952]
        );
        assert_eq!(file.range(899, 2).len(), 2, "a piece, and a record");
        assert_eq!(file.append(Word(7), 8, Time::ZERO, 0), 1_001);
        file.truncate(960, Time::ZERO);
        file.power_cut(Tearing::Prefix, &mut Seed(1).stream("power", 0));
        assert!([960, 1_000].contains(&file.len()), "{}", file.len());
        let numbers: Vec<_> = file.records().map(|(at, ..)| at).collect();
        assert_eq!(numbers.last(), Some(&(file.len() - 1)));
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
    fn a_sync_that_was_reported_and_made_nothing_durable_breaks_the_file_s_word() {
        let mut file = file(4);
        let (mark, _) = file.begin_sync();
        assert!(!file.vouch(mark), "nothing ended it");
        file.power_cut(Tearing::Prefix, &mut Seed(1).stream("power", 0));
        assert_eq!(file.keeps_its_word(), file.len() == 4 && file.records().all(|of| !of.1.torn));
        let mut file = self::file(4);
        let (mark, _) = file.begin_sync();
        file.end_sync(mark);
        file.append(Word(9), 8, Time::ZERO, 0);
        assert!(file.vouch(mark));
        file.power_cut(Tearing::Prefix, &mut Seed(1).stream("power", 0));
        assert!(file.keeps_its_word());
    }

    #[test]
    fn a_truncation_that_was_not_synced_may_be_undone_by_a_power_cut() {
        let outcomes: std::collections::BTreeSet<_> = (0..64)
            .map(|seed| {
                let mut file = file(4);
                let (mark, _) = file.begin_sync();
                file.end_sync(mark);
                file.truncate(1, Time::ZERO);
                file.power_cut(Tearing::Prefix, &mut Seed(seed).stream("power", 0));
                file.len()
            })
            .collect();
        assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), [1, 4]);
    }
}
