//! What the controller keeps of a stream that is truncated: stream cuts, sizes of what was sealed,
//! the last truncation.
//!
//! Stands for `RetentionSet`, `StreamCutRecord`, `SealedSegmentsMapShard`, `StreamTruncationRecord`
//! and `StreamMetadataTasks.getBoundStreamCuts` @ v0.13.0. A cut is of one epoch: a truncation at
//! it takes away the segments that were sealed before. No parameters. Left out: cuts across epochs,
//! as only readers make them; sizes of sealed segments are asked for with the next cut, not with
//! the scale.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::batch::{Range, decode_ranges, encode_ranges};
use crate::collections::SortedVecMap;
use crate::pravega::config::{RetentionPolicy, RetentionType};
use crate::pravega::epochs::{Epochs, read_segments, write_segments};
use crate::pravega::segment::SegmentId;
use crate::pravega::truncation::{Consumed, SegmentInfo, Truncation as Message};

use super::scale_operation::Step;

/// A place in a segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub segment: SegmentId,
    pub offset: u64,
    /// For those who watch the run: when the last byte before it was committed, in ns, and which
    /// events lie before it.
    pub newest_ns: u64,
    pub events: Rc<[Range]>,
}

impl Place {
    /// The end of a segment.
    pub(super) fn end_of(segment: SegmentId, info: &SegmentInfo) -> Self {
        let (newest_ns, events) = (info.newest.as_nanos(), Rc::clone(&info.events));
        Self { segment, offset: info.length, newest_ns, events }
    }

    fn encode(&self, words: &mut Vec<u64>) {
        words.extend([u64::from(self.segment), self.offset, self.newest_ns]);
        encode_ranges(words, &self.events);
    }

    fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let segment = SegmentId(next(words) as u32);
        let (offset, newest_ns) = (next(words), next(words));
        Self { segment, offset, newest_ns, events: decode_ranges(words).into() }
    }
}

/// How two cuts stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Against {
    /// In no segment is the first behind the second.
    EqualOrAfter,
    /// In some it is, and in none ahead.
    Before,
    /// In some it is, and in others ahead.
    Overlaps,
}

/// A stream cut: where the stream ended at a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cut {
    pub at_ms: u64,
    /// Bytes that the stream had had by then.
    pub size: u64,
    pub epoch: u32,
    /// One for each segment that was active.
    pub places: Vec<Place>,
}

impl Cut {
    /// Where it is in a segment.
    pub(super) fn place(&self, segment: SegmentId) -> Option<&Place> {
        self.places.iter().find(|place| place.segment == segment)
    }

    /// How it stands to another, which is of the same epoch, of an earlier, or of a later
    /// (`StreamCutComparison`).
    fn against(&self, other: &Self) -> Against {
        match self.epoch.cmp(&other.epoch) {
            Ordering::Less => return Against::Before,
            Ordering::Greater => return Against::EqualOrAfter,
            Ordering::Equal => {}
        }
        let pairs = self.places.iter().filter_map(|one| Some((one, other.place(one.segment)?)));
        let (mut ahead, mut behind) = (false, false);
        for (one, other) in pairs {
            ahead |= one.offset > other.offset;
            behind |= one.offset < other.offset;
        }
        match (ahead, behind) {
            (true, true) => Against::Overlaps,
            (false, true) => Against::Before,
            _ => Against::EqualOrAfter,
        }
    }

    /// The same, no younger than another that it is not behind.
    fn young_as(mut self, other: &Self) -> Self {
        for place in &mut self.places {
            place.newest_ns = other.place(place.segment).map_or(0, |other| other.newest_ns);
        }
        self
    }

    fn encode(&self, words: &mut Vec<u64>) {
        words.extend([self.at_ms, self.size, u64::from(self.epoch), self.places.len() as u64]);
        self.places.iter().for_each(|place| place.encode(words));
    }

    fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let (at_ms, size, epoch) = (next(words), next(words), next(words) as u32);
        let count = next(words);
        Self { at_ms, size, epoch, places: (0..count).map(|_| Place::decode(words)).collect() }
    }
}

/// A truncation, under way or done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Truncation {
    pub cut: Cut,
    /// Segments that it takes away.
    pub to_delete: Vec<SegmentId>,
    /// Events that go with it, for those who watch the run.
    pub expired: Vec<Range>,
    /// It is under way.
    pub updating: bool,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Retained {
    /// The retention set, oldest first.
    pub cuts: Vec<Cut>,
    /// Ends of the segments that are sealed, those that are gone included.
    pub sealed: SortedVecMap<SegmentId, Place>,
    /// How far the readers are that hold truncation up.
    consumed: SortedVecMap<SegmentId, Place>,
    /// The last one.
    pub truncation: Option<Truncation>,
}

impl Retained {
    /// A truncation is under way.
    pub(super) fn is_truncating(&self) -> bool {
        self.truncation.as_ref().is_some_and(|one| one.updating)
    }

    /// It is done (`completeTruncation`).
    pub(super) fn truncated(&mut self) {
        if let Some(truncation) = &mut self.truncation {
            truncation.updating = false;
        }
    }

    /// Where the last truncation was in a segment.
    pub(super) fn truncated_at(&self, segment: SegmentId) -> u64 {
        let place = self.truncation.as_ref().and_then(|one| one.cut.place(segment));
        place.map_or(0, |place| place.offset)
    }

    /// What is asked of a segment's store.
    pub(super) fn request(&self, step: Step, segment: SegmentId, request: u64) -> Message {
        match step {
            Step::Truncating => {
                let offset = self.truncated_at(segment);
                Message::Truncate { segment, offset, request }
            }
            Step::Deleting => Message::Delete { segment, request },
            _ => Message::GetInfo { segment, request },
        }
    }

    /// A reader has come so far. False if that was known
    /// (`updateSubscriberStreamCut` takes no cut behind the last).
    pub(super) fn consumed(&mut self, place: &Consumed) -> bool {
        let Consumed { segment, offset, events } = place;
        let known = self.consumed.get(segment).map_or(0, |place| place.offset);
        let further = *offset > known;
        if further {
            let events = Rc::clone(events);
            let place = Place { segment: *segment, offset: *offset, newest_ns: 0, events };
            self.consumed.insert(*segment, place);
        }
        further
    }

    /// How far the readers are in the segments of a cut; nothing as long as they have not said so
    /// of all (an empty stream cut holds nothing up).
    fn lower_bound(&self, latest: &Cut) -> Option<Cut> {
        let places: Option<Vec<Place>> =
            latest.places.iter().map(|place| self.consumed.get(&place.segment).cloned()).collect();
        let places = places?;
        let ends = places.iter().chain(self.sealed.values());
        let size = ends.map(|place| place.offset).sum();
        Some(Cut { size, places, ..latest.clone() })
    }

    /// Where to truncate, if anywhere: a cut of the set, or how far the readers are.
    pub(super) fn truncates_at(&self, policy: &RetentionPolicy, now_ms: u64) -> Option<Cut> {
        let latest = self.cuts.last()?;
        let leaves = |cut: &Cut| match policy.retention_type {
            RetentionType::Size => latest.size.saturating_sub(cut.size),
            RetentionType::Time | RetentionType::None => now_ms - cut.at_ms,
        };
        let (least, most) = policy.limits();
        // `getBoundStreamCuts`: of cuts that leave enough the one that leaves least, and of those
        // that leave no more than the most the one that leaves most.
        let min = self.cuts.iter().rev().find(|cut| leaves(cut) >= least);
        let within = |cut: &&Cut| (least..=most).contains(&leaves(cut));
        let max = self.cuts.iter().find(within).or(min);
        let cut = match (self.lower_bound(latest), policy.retention_type) {
            (None, _) => min.cloned(),
            (Some(bound), RetentionType::Size) => {
                let retained = latest.size.saturating_sub(bound.size);
                if retained < least {
                    self.before_both(min?, &bound)
                } else if retained < most {
                    Some(bound)
                } else {
                    Some(max.filter(|max| leaves(max) < retained).cloned().unwrap_or(bound))
                }
            }
            (Some(bound), _) if min?.against(&bound) != Against::EqualOrAfter => {
                self.before_both(min?, &bound)
            }
            (Some(bound), _) => {
                let old = self.cuts.iter().rev().find(|cut| leaves(cut) >= most);
                match old.map(|old| (bound.against(old), old)) {
                    None | Some((Against::EqualOrAfter, _)) => Some(bound.young_as(min?)),
                    Some((Against::Before, _)) => max.cloned(),
                    Some((Against::Overlaps, old)) => Some(old.clone()),
                }
            }
        };
        // One behind the last truncation is refused (`streamCutEqualOrAfter`).
        let last = self.truncation.as_ref().map(|last| &last.cut);
        cut.filter(|cut| last.is_none_or(|last| cut.against(last) == Against::EqualOrAfter))
    }

    /// Of two bounds the first, if the readers are ahead of it; else the youngest cut of the set
    /// that they have passed (`findStreamCutReferenceRecordBefore`).
    fn before_both(&self, min: &Cut, bound: &Cut) -> Option<Cut> {
        if min.against(bound) == Against::Before {
            return Some(min.clone());
        }
        let passed = |cut: &&Cut| bound.against(cut) == Against::EqualOrAfter;
        self.cuts.iter().rev().find(passed).cloned()
    }

    /// Begins to truncate at a cut; those of the set that are not behind it go
    /// (`startTruncation`, `deleteStreamCutBefore`).
    pub(super) fn begin(&mut self, cut: Cut, epochs: &Epochs) {
        self.cuts.retain(|other| cut.against(other) != Against::EqualOrAfter);
        let before = self.truncation.take();
        // What was sealed before the epoch of the last truncation went with that.
        let gone = before.as_ref().map_or(0, |before| before.cut.epoch);
        let to_delete: Vec<SegmentId> =
            epochs.sealed_before(cut.epoch).skip(epochs.sealed_before(gone).count()).collect();
        let mut expired = Vec::new();
        let ends = to_delete.iter().filter_map(|segment| self.sealed.get(segment));
        for place in cut.places.iter().chain(ends) {
            let old = before.as_ref().and_then(|one| one.cut.place(place.segment));
            expired.extend(beyond(&place.events, old.map_or(&[], |old| &old.events)));
        }
        self.truncation = Some(Truncation { cut, to_delete, expired, updating: true });
    }

    /// Writes it as numbers: none where there is nothing.
    pub(super) fn encode(&self, words: &mut Vec<u64>) {
        if *self == Self::default() {
            return;
        }
        words.push(self.cuts.len() as u64);
        self.cuts.iter().for_each(|cut| cut.encode(words));
        words.push(self.sealed.iter().count() as u64);
        self.sealed.values().for_each(|place| place.encode(words));
        words.push(self.consumed.iter().count() as u64);
        self.consumed.values().for_each(|place| place.encode(words));
        words.push(u64::from(self.truncation.is_some()));
        if let Some(Truncation { cut, to_delete, expired, updating }) = &self.truncation {
            cut.encode(words);
            write_segments(words, to_delete);
            encode_ranges(words, expired);
            words.push(u64::from(*updating));
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let Some(cuts) = words.next() else { return Self::default() };
        let cuts = (0..cuts).map(|_| Cut::decode(words)).collect();
        let places = |words: &mut _| {
            let count = next(words);
            let places = (0..count).map(|_| Place::decode(words));
            places.map(|place| (place.segment, place)).collect()
        };
        let (sealed, consumed) = (places(words), places(words));
        let truncation = (next(words) == 1).then(|| Truncation {
            cut: Cut::decode(words),
            to_delete: read_segments(words),
            expired: decode_ranges(words),
            updating: next(words) == 1,
        });
        Self { cuts, sealed, consumed, truncation }
    }
}

/// What of events that were counted from the beginning of a segment is not among those that were
/// counted before: each range goes on where it ended then.
fn beyond(all: &[Range], before: &[Range]) -> Vec<Range> {
    let rest = |range: &Range| {
        let same = |old: &&Range| {
            let place = |of: &Range| (of.stream, of.writer, of.lane, of.first);
            place(old) == place(range)
        };
        let known = before.iter().find(same).map_or(0, |old| old.count);
        Range { first: range.first + known, count: range.count.saturating_sub(known), ..*range }
    };
    all.iter().map(rest).filter(|rest| rest.count > 0).collect()
}

fn next(words: &mut impl Iterator<Item = u64>) -> u64 {
    words.next().expect("a record of a stream is whole")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Lane, StreamId};
    use crate::pravega::epochs::KeyRange;

    fn events(lane: u32, count: u64) -> Rc<[Range]> {
        let (stream, lane) = (StreamId(0), Lane(lane));
        Rc::new([Range { stream, writer: 0, lane, first: 0, count }])
    }

    fn place(segment: u32, offset: u64) -> Place {
        let events = events(segment, offset / 10);
        Place { segment: SegmentId(segment), offset, newest_ns: 7, events }
    }

    fn cut(at_ms: u64, size: u64, epoch: u32, places: &[(u32, u64)]) -> Cut {
        let places = places.iter().map(|(segment, offset)| place(*segment, *offset)).collect();
        Cut { at_ms, size, epoch, places }
    }

    fn retained(cuts: &[(u64, &[(u32, u64)])]) -> Retained {
        let cuts = cuts.iter().map(|(at_ms, places)| {
            cut(*at_ms, places.iter().map(|(_, offset)| offset).sum(), 0, places)
        });
        Retained { cuts: cuts.collect(), ..Retained::default() }
    }

    fn policy(retention_type: RetentionType, least: u64, most: u64) -> RetentionPolicy {
        RetentionPolicy {
            retention_type,
            duration_ms_min: least,
            duration_ms_max: most,
            size_bytes_min: least,
            size_bytes_max: most,
        }
    }

    /// Offsets at which is truncated 240 ms after the beginning.
    fn at(retained: &Retained, policy: RetentionPolicy) -> Option<Vec<u64>> {
        let cut = retained.truncates_at(&policy, 240)?;
        Some(cut.places.iter().map(|place| place.offset).collect())
    }

    #[test]
    fn the_youngest_cut_that_leaves_enough_is_the_one() {
        let ends = [(60, 100), (120, 250), (180, 400), (240, 700)];
        let places = ends.map(|(at_ms, end)| (at_ms, [(0, end)]));
        let cuts = places.each_ref().map(|(at_ms, places)| (*at_ms, places.as_slice()));
        let retained = retained(&cuts);
        let bound = |of, least| at(&retained, policy(of, least, 0)).map(|at| at[0]);
        let by_size = [1, 300, 301, 600, 601].map(|least| bound(RetentionType::Size, least));
        assert_eq!(by_size, [Some(400), Some(400), Some(250), Some(100), None]);
        let by_time = [1, 60, 61, 181].map(|least| bound(RetentionType::Time, least));
        assert_eq!(by_time, [Some(400), Some(400), Some(250), None]);
        assert_eq!(at(&Retained::default(), RetentionPolicy::default()), None);
    }

    #[test]
    fn readers_hold_a_truncation_up_but_not_beyond_the_most() {
        let of = |at_ms, one, other| (at_ms, [(0, one), (1, other)]);
        let places = [of(60, 50, 50), of(120, 100, 100), of(180, 150, 150), of(240, 200, 200)];
        let cuts = places.each_ref().map(|(at_ms, places)| (*at_ms, places.as_slice()));
        let read = |one, other| {
            let mut retained = retained(&cuts);
            for (segment, offset) in [(0, one), (1, other)] {
                let (segment, events) = (SegmentId(segment), events(segment, offset / 10));
                retained.consumed(&Consumed { segment, offset, events });
            }
            retained
        };
        let time = |one, other, most| at(&read(one, other), policy(RetentionType::Time, 60, most));
        let size = |one, other, most| at(&read(one, other), policy(RetentionType::Size, 100, most));
        for by in [&time as &dyn Fn(u64, u64, u64) -> Option<Vec<u64>>, &size] {
            assert_eq!(by(190, 160, 0), Some(vec![150, 150]), "they are ahead of what must stay");
            assert_eq!(by(120, 130, 0), Some(vec![120, 130]), "they are between the limits");
            assert_eq!(by(170, 140, 0), Some(vec![100, 100]), "one of them is ahead");
        }
        // At 240 the cuts of 60 and 120 leave 180 and 120 ms, 300 and 200 bytes.
        assert_eq!(time(60, 60, 120), Some(vec![100, 100]), "not beyond the most");
        assert_eq!(time(90, 110, 120), Some(vec![100, 100]), "one of them is");
        assert_eq!(size(60, 60, 200), Some(vec![100, 100]), "nor in bytes");
        assert_eq!(size(60, 60, 0), Some(vec![60, 60]), "there is no most");
        let mut retained = read(120, 130);
        let bound = retained.truncates_at(&policy(RetentionType::Time, 60, 0), 240);
        retained.begin(bound.expect("where they are"), &Epochs::new(2));
        assert_eq!(retained.cuts.len(), 2, "those that they have passed go");
        assert_eq!(at(&retained, policy(RetentionType::Time, 150, 0)), None, "no way back");
        let read = Consumed { segment: SegmentId(0), offset: 110, events: events(0, 11) };
        assert!(!retained.consumed(&read), "nobody reads backwards");
    }

    #[test]
    fn a_truncation_takes_away_what_was_sealed_since_the_last_and_reads_back_as_written() {
        let mut epochs = Epochs::new(1);
        let all = KeyRange { low: 0.0, high: 1.0 };
        for (sealed, parts) in [(0, 2), (1, 2)] {
            let range = epochs.range(SegmentId(sealed));
            let ranges: Vec<_> = (0..parts).map(|part| range.part(part, parts)).collect();
            let scale = epochs.begin(&[SegmentId(sealed)], &ranges).expect("it is active");
            epochs.enter(&scale);
        }
        assert_eq!(epochs.range(SegmentId(0)), all);
        let sealed = [(0, 200), (1, 100)].map(|(one, end)| (SegmentId(one), place(one, end)));
        let cuts = vec![
            cut(1, 100, 0, &[(0, 100)]),
            cut(2, 300, 1, &[(1, 50), (2, 50)]),
            cut(3, 400, 2, &[(2, 70), (3, 10), (4, 20)]),
        ];
        let sealed = sealed.into_iter().collect();
        let mut retained = Retained { cuts, sealed, ..Retained::default() };
        let mut gone = Vec::new();
        for _ in 0..3 {
            retained.begin(retained.cuts[0].clone(), &epochs);
            assert!(retained.is_truncating());
            let mut words = Vec::new();
            retained.encode(&mut words);
            assert_eq!(Retained::decode(&mut words.into_iter()), retained);
            let of = retained.truncation.as_ref().expect("it has begun");
            let expired = of.expired.iter().map(|one| (one.lane.0, one.first, one.count));
            let deleted = of.to_delete.iter().map(|one| one.0);
            gone.push((deleted.collect::<Vec<_>>(), expired.collect::<Vec<_>>()));
            retained.truncated();
        }
        assert_eq!(gone[0], (vec![], vec![(0, 0, 10)]));
        assert_eq!(gone[1], (vec![0], vec![(1, 0, 5), (2, 0, 5), (0, 10, 10)]));
        assert_eq!(gone[2], (vec![1], vec![(2, 5, 2), (3, 0, 1), (4, 0, 2), (1, 5, 5)]));
        assert_eq!((retained.truncated_at(SegmentId(4)), retained.cuts.len()), (20, 0));
        let mut words = Vec::new();
        Retained::default().encode(&mut words);
        assert!(words.is_empty(), "a stream that is not truncated has nothing more in its record");
    }
}
