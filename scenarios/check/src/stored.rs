//! Which events something holds: a set of ranges per lane and writer.

use headwater_sim::time::Time;

use super::history::Events;
use super::ranges::{Range, RangeSet};

/// Sets of sequence numbers, one per lane and writer. Lanes and writers count from 0, densely.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    lanes: Vec<Vec<RangeSet>>,
}

impl Stored {
    /// Adds events, observed at `at`. Events may be added again.
    #[inline]
    pub fn insert(&mut self, events: Events, at: Time) {
        if events.count > 0 {
            let set = self.set(events.lane, events.writer);
            set.insert(events.first, events.first + (events.count - 1), at);
        }
    }

    #[inline]
    fn set(&mut self, lane: u32, writer: u32) -> &mut RangeSet {
        let (lane, writer) = (lane as usize, writer as usize);
        if lane >= self.lanes.len() {
            self.lanes.resize_with(lane + 1, Vec::new);
        }
        let writers = &mut self.lanes[lane];
        if writer >= writers.len() {
            writers.resize_with(writer + 1, RangeSet::default);
        }
        &mut writers[writer]
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (lane, writer, set) in other.iter() {
            self.set(lane, writer).extend(set);
        }
    }

    /// The set of one lane and writer, if it has ever been added to.
    pub fn get(&self, lane: u32, writer: u32) -> Option<&RangeSet> {
        self.lanes.get(lane as usize)?.get(writer as usize)
    }

    /// (lane, writer, set), ascending, empty sets included.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, &RangeSet)> {
        (0..).zip(&self.lanes).flat_map(|(lane, writers)| {
            (0..).zip(writers).map(move |(writer, set)| (lane, writer, set))
        })
    }

    /// See [`RangeSet::fold`]; `may` is asked of ranges of a lane and a writer.
    pub(super) fn fold(&mut self, before: Time, may: impl Fn(u32, u32, &Range) -> bool) {
        for (lane, writers) in (0..).zip(&mut self.lanes) {
            for (writer, set) in (0..).zip(writers) {
                set.fold(before, |range| may(lane, writer, range));
            }
        }
    }

    /// Number of ranges.
    #[cfg(test)]
    pub(super) fn ranges(&self) -> usize {
        self.iter().map(|(_, _, set)| set.iter().count()).sum()
    }

    /// Number of events.
    pub fn count(&self) -> u64 {
        self.iter().map(|(_, _, set)| set.count()).sum()
    }
}

/// What one disk, or one copy in tiered storage, holds at the end of a run.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// The node that has it, such as `bookie-2`.
    pub name: String,
    /// How many copies it stands for: 1 for a disk; tiered storage that keeps copies of its own may
    /// count for more.
    pub copies: u32,
    /// The events.
    pub stored: Stored,
}
