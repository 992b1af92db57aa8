//! The log of one replica of a partition.
//!
//! Stands for `UnifiedLog`, `LeaderEpochFileCache` and `ProducerStateManager` of apache/kafka @
//! 3.9.0. The batches stay in memory beside the disk; whether that has to be waited for is asked
//! for each fetch ([`super::broker`]). Segments are places in one file: where they begin says what
//! is checked after an unclean stop, and what is removed at a time ([`super::segments`]). What
//! nobody needs any more may be folded ([`headwater_sim::fold`]), as what is removed is: then what
//! followed from it is kept, and not the batches. Left out: indexes, expiry of producer ids.

use std::cmp::Ordering;
use std::collections::VecDeque;

use headwater_sim::fingerprint::mix;
use headwater_sim::node::READ;
use headwater_sim::time::Time;

use super::record::{Folded, LogBatch, ProducerEpoch, ProducerId};
use super::segments::{Appended, Retention, Rolling, Segments};
use crate::batch::{Range, SharedBatch, extend};
use crate::bugs::{Bug, BugSet};
use crate::collections::SortedVecMap;

/// Batches that a broker remembers of each producer (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
const BATCHES_RETAINED: usize = 5;

/// The last batches, among which most that is asked for is found.
const TAIL: usize = 8;

/// What a sequence number says about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// It follows.
    InOrder,
    /// It is in the log already, up to this offset.
    Duplicate {
        /// End offset of the copy in the log.
        end_offset: u64,
    },
    /// Events before it are missing.
    OutOfOrder,
}

/// What a log remembers besides its batches: all that follows from those so far.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    end_offset: u64,
    /// Batches.
    records: u64,
    last_epoch: Option<u32>,
    /// (epoch, its first offset), ascending.
    epochs: Vec<(u32, u64)>,
    producers: SortedVecMap<ProducerId, ProducerState>,
    segments: Segments,
    /// Of folded batches: the hash of a read of them.
    read: u64,
}

/// A replica's log.
#[derive(Debug, Default)]
pub struct PartitionLog {
    /// What stood in the log before the first of the batches.
    folded: Summary,
    batches: Vec<LogBatch>,
    now: Summary,
    /// The log start offset: nothing before it is to be had any more.
    start: u64,
    /// The local log start offset: nothing before it is here any more.
    local_start: u64,
}

/// What was removed from the beginning of a log.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// Records of the file that go, counted from its beginning.
    pub records: u64,
    /// What stands for those of them that nothing has stood for yet.
    pub folded: Folded,
}

/// What the log remembers of an idempotent producer.
#[derive(Clone, Debug, Default)]
struct ProducerState {
    epoch: u32,
    /// Its last batches: (first, last, end offset).
    recent: VecDeque<(u64, u64, u64)>,
}

impl Summary {
    /// Of a log that begins at an offset.
    fn starting_at(end_offset: u64) -> Self {
        Self { end_offset, ..Self::default() }
    }

    /// With one more batch. True if it begins another segment.
    fn take(&mut self, batch: &LogBatch, rolling: Rolling) -> bool {
        let new = Appended {
            first: batch.base_offset,
            record: self.records,
            bytes: batch.size_bytes(),
            times: batch.times(),
        };
        let rolls = self.segments.take(new, rolling);
        self.start_epoch(batch.leader_epoch);
        // It was on its way to the file when its replica took the lead, which waits for the log's
        // lock (`Partition.makeLeader` @ 3.9.0): the leader's epoch begins behind it.
        if let Some((last, start)) = self.epochs.last_mut()
            && batch.leader_epoch < *last
        {
            *start = batch.end_offset();
        }
        if let Some(epoch) = batch.producer_epoch {
            let state = self.producers.entry_or_default(epoch.producer);
            if state.epoch != epoch.number {
                *state = ProducerState { epoch: epoch.number, recent: VecDeque::new() };
            }
            let recent = &mut state.recent;
            recent.push_back((batch.batch.first, batch.batch.last(), batch.end_offset()));
            if recent.len() > BATCHES_RETAINED {
                recent.pop_front();
            }
        }
        self.end_offset = batch.end_offset();
        self.records += 1;
        self.last_epoch = Some(batch.leader_epoch);
        rolls
    }

    fn start_epoch(&mut self, epoch: u32) {
        if self.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            self.epochs.push((epoch, self.end_offset));
        }
    }

    /// Batches that it is of.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The hash of a read of all of them, from the first.
    pub const fn digest_of_read(&self) -> u64 {
        self.read
    }
}

impl PartitionLog {
    /// A log from what was read from disk, up to the first batch that does not follow: the check
    /// of a segment ends it there (`LogSegment.recover` @ 3.9.0).
    pub fn recover(batches: impl IntoIterator<Item = LogBatch>, rolling: Rolling) -> Self {
        let mut log = Self::default();
        log.load(batches, rolling);
        log
    }

    /// The same behind what is known already of folded batches.
    pub fn behind(folded: Summary) -> Self {
        Self { now: folded.clone(), folded, ..Self::default() }
    }

    /// An empty log that begins at an offset (`UnifiedLog.truncateFullyAndStartAt`).
    pub fn starting_at(offset: u64) -> Self {
        Self { start: offset, local_start: offset, ..Self::behind(Summary::starting_at(offset)) }
    }

    /// An empty log that begins behind what remote storage has, with the epochs of that.
    pub fn behind_tier(offset: u64, start: u64, epochs: Vec<(u32, u64)>) -> Self {
        let summary = Summary { epochs, ..Summary::starting_at(offset) };
        Self { start, local_start: offset, ..Self::behind(summary) }
    }

    /// The log start offset is this, of a log whose files begin later: the rest is in remote
    /// storage.
    pub fn begins(&mut self, start: u64) {
        self.start = start.min(self.local_start);
    }

    /// Leader epochs of the records from `first` to `end`, with their first offsets there.
    pub fn epochs_in(&self, first: u64, end: u64) -> Vec<(u32, u64)> {
        let epochs = &self.now.epochs;
        let until = epochs.iter().skip(1).map(|(_, next)| *next).chain([u64::MAX]);
        let all = epochs.iter().zip(until);
        let within =
            all.filter(|((_, start), next)| *start < end && *next > first && *next > *start);
        within.map(|((epoch, start), _)| (*epoch, *start.max(&first))).collect()
    }

    /// Adds batches that were read from disk, up to the first that does not follow.
    pub fn load(&mut self, batches: impl IntoIterator<Item = LogBatch>, rolling: Rolling) {
        for batch in batches {
            if batch.base_offset != self.end_offset() {
                break;
            }
            self.push(batch, rolling);
        }
    }

    /// Bytes of the segments that do not end before the recovery point, which are checked after an
    /// unclean stop.
    pub fn unchecked(&self, recovery_point: u64) -> u64 {
        self.now.segments.bytes_from(recovery_point)
    }

    /// First offset of the active segment.
    pub fn active_segment(&self) -> u64 {
        self.now.segments.active().map_or(self.end_offset(), |active| active.first)
    }

    /// The segments that are here.
    pub const fn segments(&self) -> &Segments {
        &self.now.segments
    }

    /// Begins another segment, unless the active one has nothing yet. True if it does.
    pub fn roll(&mut self) -> bool {
        let (end, records) = (self.now.end_offset, self.now.records);
        self.now.segments.roll(end, records)
    }

    /// The log start offset.
    pub const fn start_offset(&self) -> u64 {
        self.start
    }

    /// The local log start offset.
    pub const fn local_start(&self) -> u64 {
        self.local_start
    }

    /// Moves the log start offset up, and with it that of what is here.
    pub fn raise_start(&mut self, offset: u64) {
        self.start = self.start.max(offset);
        self.local_start = self.local_start.max(offset);
    }

    /// Where the log is to begin by its retention ([`Segments::retained`]).
    pub fn retained(&self, of: &Retention, high_watermark: u64, now: Time) -> (u64, bool) {
        self.now.segments.retained(of, (self.end_offset(), high_watermark), now)
    }

    /// Removes the segments that end before `offset`.
    pub fn delete_before(&mut self, offset: u64, rolling: Rolling) -> Deleted {
        self.local_start = self.local_start.max(offset);
        let folded = self.fold(offset, 0, rolling).expect("none at least is folded");
        let end = self.end_offset();
        let first = self.now.segments.drop_before(offset, end);
        let end = self.folded.end_offset;
        self.folded.segments.drop_before(offset, end);
        Deleted { records: first.unwrap_or(self.now.records), folded }
    }

    /// The log end offset.
    pub const fn end_offset(&self) -> u64 {
        self.now.end_offset
    }

    /// Number of batches, which are the file's records.
    pub const fn len(&self) -> u64 {
        self.now.records
    }

    /// True without any batch.
    pub const fn is_empty(&self) -> bool {
        self.now.records == 0
    }

    /// Whether the batches from `offset` on are there, if they have not been removed: those before
    /// have been folded.
    pub const fn holds(&self, offset: u64) -> bool {
        offset >= self.folded.end_offset || offset < self.local_start
    }

    /// End offset of the first `records` batches.
    pub fn end_of(&self, records: u64) -> u64 {
        let behind = records.saturating_sub(self.folded.records) as usize;
        match behind.min(self.batches.len()).checked_sub(1) {
            Some(last) => self.batches[last].end_offset(),
            None => self.folded.end_offset,
        }
    }

    /// Replaces the batches that end before `offset` by what stands for them. Nothing, while that
    /// would be fewer than `least`.
    pub fn fold(&mut self, offset: u64, least: usize, rolling: Rolling) -> Option<Folded> {
        let count = self.batches.partition_point(|batch| batch.end_offset() <= offset);
        if count < least {
            return None;
        }
        let mut ranges: Vec<Range> = Vec::new();
        let (mut bytes, before) = (0, &mut self.folded);
        for batch in self.batches.drain(..count) {
            let size = batch.size_bytes();
            let read = if before.records == 0 { READ } else { before.read };
            before.read = mix(read, mix(batch.digest(), size));
            before.take(&batch, rolling);
            extend(&mut ranges, Range::from(&*batch.batch));
            bytes += size;
        }
        Some(Folded { before: before.clone(), ranges, bytes })
    }

    /// Appends a batch, which must follow. True if it begins another segment.
    pub fn push(&mut self, batch: LogBatch, rolling: Rolling) -> bool {
        assert_eq!(batch.base_offset, self.end_offset(), "a log has no gaps");
        let rolls = self.now.take(&batch, rolling);
        self.batches.push(batch);
        rolls
    }

    /// From the end of the log on, batches are of this epoch.
    pub fn start_epoch(&mut self, epoch: u32) {
        self.now.start_epoch(epoch);
    }

    /// Epoch of the last batch.
    pub const fn last_epoch(&self) -> Option<u32> {
        self.now.last_epoch
    }

    /// The largest epoch not above `epoch`, and its end offset (`LeaderEpochFileCache.endOffsetFor`
    /// @ 3.9.0). Where the log begins with a later one, where that begins: what was before has been
    /// removed.
    pub fn end_offset_for(&self, epoch: u32) -> (u32, u64) {
        let epochs = &self.now.epochs;
        let next = epochs.partition_point(|(of, _)| *of <= epoch);
        let end = epochs.get(next).map_or(self.end_offset(), |(_, start)| *start);
        match next.checked_sub(1) {
            Some(at) => (epochs[at].0, end),
            None if epochs.is_empty() => (0, 0),
            None => (epoch, end),
        }
    }

    /// Whether the log of a follower, whose last batch is of `epoch` and ends at `offset`, is not a
    /// prefix of this one: then the largest epoch not above `epoch` here, and its end offset.
    pub fn diverges(&self, epoch: Option<u32>, offset: u64, bugs: BugSet) -> Option<(u32, u64)> {
        let Some(epoch) = epoch else {
            return (offset > self.end_offset()).then_some((u32::MAX, self.end_offset()));
        };
        let (of, end) = self.end_offset_for(epoch);
        let unknown = of < epoch && !bugs.has(Bug::FastLeaderFailover);
        (unknown || end < offset).then_some((of, end))
    }

    /// Forgets the producers' sequence numbers.
    pub fn forget_producers(&mut self) {
        self.now.producers.clear();
    }

    /// What the epoch and sequence number of a batch of an idempotent producer say. For a producer
    /// that the log does not know, any are in order; a new epoch has to begin at its beginning.
    pub fn sequence(&self, batch: &SharedBatch, epoch: ProducerEpoch) -> Sequence {
        let Some(state) = self.now.producers.get(&epoch.producer) else { return Sequence::InOrder };
        match epoch.number.cmp(&state.epoch) {
            Ordering::Greater if batch.first == epoch.first => return Sequence::InOrder,
            Ordering::Greater | Ordering::Less => return Sequence::OutOfOrder,
            Ordering::Equal => {}
        }
        let recent = &state.recent;
        let same =
            |(first, last, _): &&(u64, u64, u64)| *first == batch.first && *last == batch.last();
        if let Some((_, _, end_offset)) = recent.iter().find(same) {
            return Sequence::Duplicate { end_offset: *end_offset };
        }
        match recent.back() {
            Some((_, last, _)) if last + 1 != batch.first => Sequence::OutOfOrder,
            _ => Sequence::InOrder,
        }
    }

    /// Cuts everything from `offset` on. How many batches are left.
    pub fn truncate(&mut self, offset: u64, rolling: Rolling) -> u64 {
        let keep = self.batches.partition_point(|batch| batch.end_offset() <= offset);
        self.batches.truncate(keep);
        let batches = std::mem::take(&mut self.batches);
        self.now = self.folded.clone();
        self.load(batches, rolling);
        self.len()
    }

    /// Number of the batch with this offset, which is that of its record in the file.
    pub fn record_at(&self, offset: u64) -> u64 {
        self.folded.records + self.place(offset) as u64
    }

    /// How many of the batches end before `offset`, or there.
    fn place(&self, offset: u64) -> usize {
        if offset >= self.end_offset() {
            return self.batches.len();
        }
        // Without a gap the next batch says where one ends. Most ask for what came last.
        let begins = |batch: &LogBatch| batch.base_offset <= offset;
        let tail = self.batches.len().saturating_sub(TAIL);
        let (from, some) = match self.batches.get(tail) {
            Some(batch) if begins(batch) => (tail, &self.batches[tail..]),
            _ => (0, &self.batches[..tail]),
        };
        (from + some.partition_point(begins)).saturating_sub(1)
    }

    /// Batches from `offset` up to `limit`, of at most `bytes` (one at least, if there is any).
    pub fn read(&self, offset: u64, limit: u64, bytes: u64) -> Vec<LogBatch> {
        let from = self.place(offset);
        let (mut size, mut to) = (0, from);
        for batch in &self.batches[from..] {
            size += batch.size_bytes();
            if batch.end_offset() > limit || (size > bytes && to > from) {
                break;
            }
            to += 1;
        }
        self.batches[from..to].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use headwater_sim::time::Duration;

    use super::*;
    use crate::batch::{Batch, Lane, StreamWriter};

    const PRODUCER: ProducerId = ProducerId::new(0);
    const SEGMENT: Rolling = segment(1 << 30);
    const EPOCH: ProducerEpoch = ProducerEpoch { producer: PRODUCER, number: 0, first: 0 };

    const fn segment(bytes: u64) -> Rolling {
        Rolling { bytes, after: Duration::from_secs(604_800) }
    }

    fn batch(first: u64, count: usize, base_offset: u64, leader_epoch: u32) -> LogBatch {
        let times = vec![Time::ZERO; count];
        let (intended, started) = (times.clone(), times);
        let batch = Batch {
            bytes: 100,
            intended,
            started,
            ..Batch::empty(StreamWriter::default(), Lane(0), first)
        };
        LogBatch { base_offset, leader_epoch, producer_epoch: Some(EPOCH), batch: Rc::new(batch) }
    }

    fn log() -> PartitionLog {
        let batches =
            [batch(0, 4, 0, 0), batch(4, 4, 4, 0), batch(8, 2, 8, 3), batch(10, 2, 10, 5)];
        PartitionLog::recover(batches, SEGMENT)
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let log = log();
        assert_eq!(log.end_offset_for(0), (0, 8));
        assert_eq!(log.end_offset_for(4), (3, 10));
        assert_eq!(log.end_offset_for(9), (5, 12));
    }

    #[test]
    fn a_repeated_batch_is_a_duplicate_and_a_missing_one_is_noticed() {
        let log = log();
        assert_eq!(
            log.sequence(&batch(8, 2, 0, 0).batch, EPOCH),
            Sequence::Duplicate { end_offset: 10 }
        );
        assert_eq!(log.sequence(&batch(12, 1, 0, 0).batch, EPOCH), Sequence::InOrder);
        assert_eq!(log.sequence(&batch(14, 1, 0, 0).batch, EPOCH), Sequence::OutOfOrder);
    }

    #[test]
    fn a_new_epoch_begins_at_its_first_event_and_ends_the_old_one() {
        let mut log = log();
        let bumped = ProducerEpoch { producer: PRODUCER, number: 1, first: 14 };
        assert_eq!(log.sequence(&batch(16, 1, 0, 0).batch, bumped), Sequence::OutOfOrder);
        assert_eq!(log.sequence(&batch(14, 2, 0, 0).batch, bumped), Sequence::InOrder);
        log.push(LogBatch { producer_epoch: Some(bumped), ..batch(14, 2, 12, 5) }, SEGMENT);
        assert_eq!(log.sequence(&batch(16, 1, 0, 0).batch, bumped), Sequence::InOrder);
        assert_eq!(log.sequence(&batch(12, 2, 0, 0).batch, EPOCH), Sequence::OutOfOrder);
    }

    #[test]
    fn a_producer_that_started_again_has_another_id_and_goes_on_with_any_number() {
        let mut log = log();
        let reborn = ProducerEpoch { producer: ProducerId::new(77), number: 0, first: 20 };
        assert_eq!(log.sequence(&batch(20, 2, 0, 0).batch, EPOCH), Sequence::OutOfOrder);
        assert_eq!(log.sequence(&batch(20, 2, 0, 0).batch, reborn), Sequence::InOrder);
        log.push(LogBatch { producer_epoch: Some(reborn), ..batch(20, 2, 12, 5) }, SEGMENT);
        let repeated = log.sequence(&batch(20, 2, 0, 0).batch, reborn);
        assert_eq!(repeated, Sequence::Duplicate { end_offset: 14 });
        // A batch of the earlier life that is still on its way is told by its own id.
        assert_eq!(log.sequence(&batch(12, 2, 0, 0).batch, EPOCH), Sequence::InOrder);
    }

    #[test]
    fn what_was_under_way_when_its_replica_took_the_lead_is_of_the_epoch_before() {
        let mut log = log();
        log.start_epoch(6);
        log.push(batch(12, 2, 12, 5), SEGMENT);
        log.push(batch(14, 1, 14, 6), SEGMENT);
        assert_eq!([log.end_offset_for(5), log.end_offset_for(6)], [(5, 14), (6, 15)]);
        assert_eq!(log.diverges(Some(5), 14, BugSet::default()), None);
    }

    #[test]
    fn truncation_forgets_epochs_and_producers_of_what_is_cut() {
        let mut log = log();
        assert_eq!(log.truncate(9, SEGMENT), 2);
        assert_eq!((log.end_offset(), log.end_offset_for(9)), (8, (0, 8)));
        assert_eq!(log.sequence(&batch(8, 2, 0, 0).batch, EPOCH), Sequence::InOrder);
    }

    #[test]
    fn a_segment_that_is_full_is_rolled() {
        let size = batch(0, 4, 0, 0).size_bytes();
        let mut log = PartitionLog::default();
        let two = segment(2 * size);
        let rolled: Vec<_> = (0..5).map(|n| log.push(batch(4 * n, 4, 4 * n, 0), two)).collect();
        assert_eq!(rolled, [false, false, true, false, true]);
        assert_eq!(log.active_segment(), 16);
        log.truncate(14, two);
        assert_eq!(log.active_segment(), 8);
    }

    #[test]
    fn what_is_removed_goes_by_whole_segments_and_is_known_no_more() {
        let two = segment(2 * batch(0, 4, 0, 0).size_bytes());
        let batches = (0..7).map(|n| batch(4 * n, 4, 4 * n, 0));
        let mut log = PartitionLog::recover(batches, two);
        let gone = log.delete_before(16, two);
        assert_eq!((gone.records, gone.folded.ranges[0].count), (4, 16));
        assert_eq!((log.local_start(), log.end_offset(), log.len()), (16, 28, 7));
        assert_eq!(log.read(16, 28, u64::MAX).len(), 3);
        assert_eq!(log.record_at(20), 5, "records keep their numbers");
        assert!(log.holds(3), "what was removed was not folded");
        log.truncate(24, two);
        assert_eq!((log.active_segment(), log.segments().bytes()), (16, 2 * gone.folded.bytes / 4));
        assert_eq!(log.delete_before(24, two).records, 6);
        assert!(log.segments().active().is_none());
        assert!(!log.push(batch(24, 4, 24, 0), two));
        assert_eq!(
            log.sequence(&batch(24, 4, 0, 0).batch, EPOCH),
            Sequence::Duplicate { end_offset: 28 }
        );
    }

    #[test]
    fn a_read_stops_at_the_limit_and_at_the_bytes_but_returns_one_batch() {
        let log = log();
        assert_eq!(log.read(0, 8, u64::MAX).len(), 2);
        assert_eq!(log.read(4, 12, 1).len(), 1);
        assert!(log.read(12, 12, 100).is_empty());
    }
}
