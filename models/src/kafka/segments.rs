//! The segments of a log: when another begins, and which are removed.
//!
//! Stands for `LogSegments`, `LogSegment.shouldRoll` and `UnifiedLog.deletableSegments` of
//! apache/kafka @ 3.9.0. Time is that of the records (`CreateTime`: when the producer was handed
//! each). Parameters: `segment.bytes`, `segment.ms`, `retention.bytes`, `retention.ms` and their
//! local counterparts ([`super::config::Topic`]). Left out: rolling by full indexes,
//! `segment.jitter.ms` (0), compaction.

use headwater_sim::time::{Duration, Time};

/// When a log begins another segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling {
    /// When the active one would have more than so many bytes.
    pub bytes: u64,
    /// When a record is that much later than the first of the active one.
    pub after: Duration,
}

/// Which segments of a log are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those whose last record is older.
    pub time: Option<Duration>,
    /// The oldest, while the log has so many bytes without them.
    pub bytes: Option<u64>,
    /// Those that end before this offset.
    pub floor: u64,
    /// The log start offset.
    pub start: u64,
    /// Of a log with remote storage: what lies before this offset is there; other segments are not
    /// removed.
    pub tiered: Option<u64>,
}

/// A segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first offset.
    pub first: u64,
    /// The number of its first record in the log's file.
    pub record: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Time of its first record.
    began: Time,
    /// The latest time of a record.
    pub largest: Time,
}

/// What is appended to a segment.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    /// The first offset.
    pub first: u64,
    /// The record's number in the log's file.
    pub record: u64,
    /// How much.
    pub bytes: u64,
    /// Times of the first and the last.
    pub times: (Time, Time),
}

/// All segments of a log, the active one last.
#[derive(Clone, Debug, Default)]
pub struct Segments(Vec<Segment>);

impl Segments {
    /// A batch is appended. True if it begins another segment.
    pub fn take(&mut self, new: Appended, rolling: Rolling) -> bool {
        let (began, largest) = new.times;
        let filled = self.0.last().filter(|active| active.bytes > 0);
        let rolls = filled.is_some_and(|active| {
            active.bytes + new.bytes > rolling.bytes || largest.since(active.began) > rolling.after
        });
        match self.0.last_mut().filter(|_| !rolls) {
            Some(active) => {
                if active.bytes == 0 {
                    (active.began, active.record) = (began, new.record);
                }
                active.bytes += new.bytes;
                active.largest = active.largest.max(largest);
            }
            None => {
                let Appended { first, record, bytes, .. } = new;
                self.0.push(Segment { first, record, bytes, began, largest });
            }
        }
        rolls
    }

    /// Another segment begins at `end`, the log's, unless the active one has nothing yet.
    pub fn roll(&mut self, end: u64, record: u64) -> bool {
        let rolls = self.0.last().is_some_and(|active| active.bytes > 0);
        if rolls {
            let (began, largest) = (Time::ZERO, Time::ZERO);
            self.0.push(Segment { first: end, record, bytes: 0, began, largest });
        }
        rolls
    }

    /// The segments, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.0.iter()
    }

    /// The active one.
    pub fn active(&self) -> Option<&Segment> {
        self.0.last()
    }

    /// Bytes of all.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|of| of.bytes).sum()
    }

    /// Bytes of those that do not end before `offset`.
    pub fn bytes_from(&self, offset: u64) -> u64 {
        let before = self.0.partition_point(|of| of.first <= offset);
        self.0[before.saturating_sub(1)..].iter().map(|of| of.bytes).sum()
    }

    /// Forgets those that end before `offset`, of a log that ends at `end`. The number of the first
    /// record that is left, if any of them is.
    pub fn drop_before(&mut self, offset: u64, end: u64) -> Option<u64> {
        let ends = |at: usize| self.0.get(at + 1).map_or(end, |next| next.first);
        let gone = (0..self.0.len()).take_while(|at| ends(*at) <= offset).count();
        self.0.drain(..gone);
        self.0.first().map(|of| of.record)
    }

    /// Where the log is to begin, whose end and high watermark are given; its active segment may
    /// have to be rolled first, so that it can be removed the next time.
    pub fn retained(&self, of: &Retention, (end, mark): (u64, u64), now: Time) -> (u64, bool) {
        let mut walk = Walk { segments: &self.0, of, end, mark, kept: 0, rolls: false };
        walk.pass(|_, next| next.is_some_and(|next| next <= of.floor));
        let size = walk.left();
        if let Some(limit) = of.bytes.filter(|limit| size >= *limit) {
            let mut over = size - limit;
            walk.pass(|segment, _| {
                let gone = over >= segment.bytes;
                over -= if gone { segment.bytes } else { 0 };
                gone
            });
        }
        if let Some(time) = of.time {
            walk.pass(|segment, _| now.since(segment.largest) > time);
        }
        let (kept, rolls) = (walk.kept, walk.rolls);
        (self.0.get(kept).map_or(end, |first| first.first), rolls)
    }
}

/// A walk over segments, oldest first, up to the first that stays.
struct Walk<'a> {
    segments: &'a [Segment],
    of: &'a Retention,
    end: u64,
    mark: u64,
    kept: usize,
    rolls: bool,
}

impl Walk<'_> {
    fn left(&self) -> u64 {
        self.segments[self.kept..].iter().map(|segment| segment.bytes).sum()
    }

    /// `UnifiedLog.deletableSegments`: nothing at or beyond the high watermark, nothing that only
    /// this log has.
    fn pass(&mut self, mut gone: impl FnMut(&Segment, Option<u64>) -> bool) {
        while let Some(segment) = self.segments.get(self.kept) {
            let next = self.segments.get(self.kept + 1).map(|next| next.first);
            let until = next.unwrap_or(self.end);
            if self.mark < until || !gone(segment, next) {
                return;
            }
            if next.is_none() && segment.bytes == 0 {
                return;
            }
            if let Some(tiered) = self.of.tiered {
                self.rolls |= next.is_none();
                let below = next.is_some_and(|next| next <= self.of.start);
                if until > tiered && !below {
                    return;
                }
            }
            self.kept += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLLING: Rolling = Rolling { bytes: 250, after: Duration::from_secs(3_600) };
    const NONE: Retention = Retention { time: None, bytes: None, floor: 0, start: 0, tiered: None };

    fn second(at: u64) -> Time {
        Time(at * 1_000_000_000)
    }

    /// Ten batches of 10 events and 100 bytes, one a second: segments of two.
    fn ten() -> Segments {
        let mut segments = Segments::default();
        for n in 0..10 {
            let times = (second(n), second(n));
            segments.take(Appended { first: 10 * n, record: n, bytes: 100, times }, ROLLING);
        }
        segments
    }

    fn retained(of: Retention, mark: u64, now: u64) -> (u64, bool) {
        ten().retained(&of, (100, mark), second(now))
    }

    #[test]
    fn a_segment_ends_when_it_is_full_or_when_its_first_record_is_too_old() {
        let firsts: Vec<_> = ten().iter().map(|of| (of.first, of.record)).collect();
        assert_eq!(firsts, [(0, 0), (20, 2), (40, 4), (60, 6), (80, 8)]);
        let mut segments = ten();
        let late = |at: u64| Appended {
            first: 100,
            record: 10,
            bytes: 1,
            times: (second(8), second(8 + at)),
        };
        assert!(!segments.take(late(3_600), ROLLING));
        assert!(segments.take(late(3_601), ROLLING));
    }

    #[test]
    fn by_size_the_oldest_go_while_the_rest_has_that_much() {
        let by = |bytes| retained(Retention { bytes: Some(bytes), ..NONE }, 100, 10).0;
        assert_eq!(
            [by(1_001), by(1_000), by(801), by(800), by(799), by(0)],
            [0, 0, 0, 20, 20, 100]
        );
    }

    #[test]
    fn by_time_those_go_whose_last_record_is_older() {
        let by =
            |now| retained(Retention { time: Some(Duration::from_secs(5)), ..NONE }, 100, now).0;
        assert_eq!([by(6), by(7), by(9), by(14), by(15)], [0, 20, 40, 80, 100]);
    }

    #[test]
    fn what_is_not_committed_stays() {
        let all = Retention { time: Some(Duration::ZERO), ..NONE };
        assert_eq!((retained(all, 59, 99).0, retained(all, 60, 99).0), (40, 60));
    }

    #[test]
    fn of_a_tiered_log_only_what_is_there_goes_and_the_active_segment_is_rolled() {
        let all = Retention { time: Some(Duration::ZERO), tiered: Some(40), ..NONE };
        assert_eq!(retained(all, 100, 99), (40, false));
        assert_eq!(retained(Retention { tiered: Some(80), ..all }, 100, 99), (80, true));
        let below = Retention { floor: 60, start: 60, tiered: Some(0), ..NONE };
        assert_eq!(retained(below, 100, 99), (60, false), "its beginning was moved");
    }

    #[test]
    fn what_is_dropped_is_all_that_ends_before() {
        let mut segments = ten();
        assert_eq!(segments.drop_before(45, 100), Some(4));
        assert_eq!((segments.bytes(), segments.bytes_from(81)), (600, 200));
        assert_eq!(segments.drop_before(100, 100), None);
    }
}
