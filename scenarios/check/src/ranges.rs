//! Sets of sequence numbers as ranges with times.

use headwater_sim::time::{Duration, Time};

/// Consecutive sequence numbers `first ..= last`, and when they were observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The last, included.
    pub last: u64,
    /// The earliest observation of any of them.
    pub from: Time,
    /// The latest.
    pub until: Time,
}

impl Range {
    /// Number of events.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    /// The part from `first` to `last`.
    pub(super) fn part(&self, first: u64, last: u64) -> Self {
        Self { first, last, ..*self }
    }
}

/// Ranges grow while their observations lie within so much time, 10 ms, so that a part of one can
/// still be told in time: at any event rate that makes at most 100 ranges per second.
pub(super) const GRAIN: Duration = Duration::from_millis(10);

/// A set of sequence numbers: disjoint ranges, ascending.
#[derive(Clone, Debug, Default)]
pub struct RangeSet {
    ranges: Vec<Range>,
}

impl RangeSet {
    /// Adds `first ..= last`, observed at `at`. Adding what is there already changes only times.
    #[inline]
    pub fn insert(&mut self, first: u64, last: u64, at: Time) {
        self.insert_range(Range { first, last, from: at, until: at });
    }

    /// Adds a range with its times.
    #[inline]
    pub fn insert_range(&mut self, range: Range) {
        match self.ranges.last_mut() {
            Some(end) if range.first > end.last => {
                if range.first == end.last + 1 && near(end, &range) {
                    end.last = range.last;
                    widen(end, &range);
                } else {
                    self.ranges.push(range);
                }
            }
            None => self.ranges.push(range),
            Some(_) => self.insert_within(range),
        }
    }

    /// Adds a range that does not lie behind all others.
    fn insert_within(&mut self, mut range: Range) {
        let mut start = self.ranges.partition_point(|have| have.last < range.first);
        let mut end = self.ranges.partition_point(|have| have.first <= range.last);
        if let Some(left) = start.checked_sub(1).map(|left| &self.ranges[left])
            && left.last + 1 == range.first
            && near(left, &range)
        {
            start -= 1;
        }
        if let Some(right) = self.ranges.get(end)
            && range.last + 1 == right.first
            && near(right, &range)
        {
            end += 1;
        }
        for have in &self.ranges[start..end] {
            range.first = range.first.min(have.first);
            range.last = range.last.max(have.last);
            widen(&mut range, have);
        }
        self.ranges.splice(start..end, [range]);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for range in &other.ranges {
            self.insert_range(*range);
        }
    }

    /// Makes one range of neighbours that were observed before `before` and that `may`.
    pub(super) fn fold(&mut self, before: Time, may: impl Fn(&Range) -> bool) {
        let old = self.ranges.iter().take_while(|range| range.until < before).count();
        if old < 2 {
            return;
        }
        let mut folded: Vec<(Range, bool)> = Vec::new();
        for range in &self.ranges[..old] {
            let may = may(range);
            match folded.last_mut() {
                Some((last, true)) if may && last.last + 1 == range.first => {
                    last.last = range.last;
                    widen(last, range);
                }
                _ => folded.push((*range, may)),
            }
        }
        self.ranges.splice(..old, folded.into_iter().map(|(range, _)| range));
    }

    /// Whether all of `first ..= last` is in the set.
    pub(super) fn covers(&self, first: u64, last: u64) -> bool {
        let mut all = true;
        self.gaps_in(first, last, |_, _| all = false);
        all
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &Range> {
        self.ranges.iter()
    }

    /// Number of sequence numbers in the set.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(Range::count).sum()
    }

    /// The largest number in the set.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|range| range.last)
    }

    /// When the first number above `last` was seen; nothing if none is in the set.
    pub(super) fn seen_after(&self, last: u64) -> Option<Time> {
        let next = self.ranges.partition_point(|have| have.last <= last);
        self.ranges.get(next).map(|have| have.from)
    }

    /// Calls `each` with the parts of `first ..= last` that are in the set, and when each was seen.
    pub(super) fn parts_in(&self, first: u64, last: u64, mut each: impl FnMut(Range)) {
        let start = self.ranges.partition_point(|have| have.last < first);
        for have in self.ranges[start..].iter().take_while(|have| have.first <= last) {
            each(have.part(have.first.max(first), have.last.min(last)));
        }
    }

    /// Calls `each` with the parts of `first ..= last` that are not in the set.
    pub(super) fn gaps_in(&self, first: u64, last: u64, mut each: impl FnMut(u64, u64)) {
        let mut next = first;
        let mut done = false;
        self.parts_in(first, last, |part| {
            if part.first > next {
                each(next, part.first - 1);
            }
            done = part.last == last;
            next = part.last.saturating_add(1);
        });
        if !done && next <= last {
            each(next, last);
        }
    }

    /// What of `self` is not in `other`, with the times of `self`.
    pub(super) fn minus(&self, other: &Self) -> Vec<Range> {
        let mut left = vec![];
        for range in &self.ranges {
            other
                .gaps_in(range.first, range.last, |first, last| left.push(range.part(first, last)));
        }
        left
    }
}

/// Whether two ranges lie so near in time that they may become one.
fn near(one: &Range, other: &Range) -> bool {
    one.until.max(other.until).since(one.from.min(other.from)) <= GRAIN
}

fn widen(range: &mut Range, other: &Range) {
    range.from = range.from.min(other.from);
    range.until = range.until.max(other.until);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(ranges: &[(u64, u64, u64)]) -> (RangeSet, BTreeSet<u64>) {
        let (mut set, mut naive) = (RangeSet::default(), BTreeSet::new());
        for (first, length, ms) in ranges {
            set.insert(*first, first + length, Time(ms * 1_000_000));
            naive.extend(*first..=first + length);
        }
        (set, naive)
    }

    fn numbers(ranges: &[Range]) -> Vec<u64> {
        ranges.iter().flat_map(|range| range.first..=range.last).collect()
    }

    proptest! {
        #[test]
        fn a_set_of_ranges_is_the_set_of_its_numbers(
            left in prop::collection::vec((0_u64..60, 0_u64..9, 0_u64..30), 0..12),
            right in prop::collection::vec((0_u64..60, 0_u64..9, 0_u64..30), 0..12),
        ) {
            let ((left, naive_left), (right, naive_right)) = (set(&left), set(&right));
            prop_assert_eq!(
                numbers(&left.ranges),
                naive_left.iter().copied().collect::<Vec<_>>()
            );
            let apart = left.ranges.windows(2).all(|pair| pair[0].last < pair[1].first);
            prop_assert!(apart, "{:?}", left.ranges);
            let difference = naive_left.difference(&naive_right).copied().collect::<Vec<_>>();
            prop_assert_eq!(numbers(&left.minus(&right)), difference);
        }
    }

    #[test]
    fn a_range_grows_for_ten_milliseconds_so_that_its_parts_have_times() {
        let mut set = RangeSet::default();
        for event in 0..3_000_u64 {
            set.insert(event, event, Time(event * 100_000));
        }
        assert_eq!((set.ranges.len(), set.count()), (30, 3_000));
        let mut width = 0;
        set.parts_in(1_000, 1_000, |part| width = part.until.since(part.from).0);
        assert!(width <= GRAIN.0, "event 1,000 is known to {width} ns");
    }

    #[test]
    fn the_ends_of_the_number_line_are_numbers_too() {
        let mut set = RangeSet::default();
        set.insert(u64::MAX, u64::MAX, Time(1));
        set.insert(0, 0, Time(2));
        let mut gaps = vec![];
        set.gaps_in(0, u64::MAX, |first, last| gaps.push((first, last)));
        assert_eq!((set.count(), gaps), (2, vec![(1, u64::MAX - 1)]));
    }
}
