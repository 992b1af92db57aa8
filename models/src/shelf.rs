//! A shelf: events by lane and offset, for as long as somebody may ask for them again.
//!
//! Stands for what a stream keeps for a reader that holds its position itself. No parameters; who
//! reads says how far it is, and what lies before is dropped.

use std::collections::VecDeque;
use std::ops::Range;

use crate::batch::Lane;
use crate::collections::SortedVecMap;
use crate::handover::Handed;

/// The events of a stream by lane and offset; offsets count from 0.
#[derive(Debug, Default)]
pub struct Shelf(SortedVecMap<Lane, Row>);

#[derive(Debug, Default)]
struct Row {
    /// Offset of the first event that is kept.
    first: u64,
    events: VecDeque<Handed>,
}

impl Row {
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

impl Shelf {
    /// The next event of a lane.
    pub fn put(&mut self, lane: Lane, event: Handed) {
        self.0.entry_or_default(lane).events.push_back(event);
    }

    /// The event of a lane at `offset`, which follows the last; one that was dropped before it came
    /// stays away.
    pub fn put_at(&mut self, lane: Lane, offset: u64, event: Handed) {
        let row = self.0.entry_or_default(lane);
        if offset >= row.first {
            assert_eq!(offset, row.end(), "{lane:?} has no gaps");
            row.events.push_back(event);
        }
    }

    /// Where each lane ends: the offset of its next event.
    pub fn ends(&self) -> Vec<(Lane, u64)> {
        self.0.iter().map(|(lane, row)| (*lane, row.end())).collect()
    }

    /// The offset of the first event of each lane that is there.
    pub fn firsts(&self) -> Vec<(Lane, u64)> {
        self.0.iter().map(|(lane, row)| (*lane, row.first)).collect()
    }

    /// Events of a lane.
    ///
    /// # Panics
    /// If some of them are not there, or no more.
    pub fn get(&self, lane: Lane, offsets: Range<u64>) -> Vec<Handed> {
        let Some(row) = self.0.get(&lane).filter(|_| !offsets.is_empty()) else {
            assert!(offsets.is_empty(), "{lane:?} has {offsets:?}");
            return Vec::new();
        };
        assert!(row.first <= offsets.start && offsets.end <= row.end(), "{lane:?}: {offsets:?}");
        let place = |offset: u64| (offset - row.first) as usize;
        row.events.range(place(offsets.start)..place(offsets.end)).copied().collect()
    }

    /// Events of a lane before `offset` are not asked for any more.
    pub fn drop_before(&mut self, lane: Lane, offset: u64) {
        let row = self.0.entry_or_default(lane);
        if offset > row.first {
            let gone = (offset - row.first).min(row.events.len() as u64);
            row.events.drain(..gone as usize);
            row.first = offset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Arrival;
    use headwater_sim::time::Time;

    fn event(index: u64) -> Handed {
        let arrival = Arrival { index, at: Time(index), key: 0, bytes: 1 };
        Handed { arrival, due: arrival.at, again: false }
    }

    fn indices(events: Vec<Handed>) -> Vec<u64> {
        events.iter().map(|event| event.arrival.index).collect()
    }

    #[test]
    fn what_lies_on_it_is_there_until_it_is_dropped() {
        let mut shelf = Shelf::default();
        (0..5).for_each(|index| shelf.put(Lane(index as u32 % 2), event(index)));
        assert_eq!(shelf.ends(), [(Lane(0), 3), (Lane(1), 2)]);
        assert_eq!(indices(shelf.get(Lane(0), 1..3)), [2, 4]);
        shelf.drop_before(Lane(0), 2);
        assert_eq!(indices(shelf.get(Lane(0), 2..3)), [4]);
        assert_eq!(shelf.ends()[0], (Lane(0), 3));
        assert_eq!(indices(shelf.get(Lane(7), 0..0)), [] as [u64; 0]);
    }

    #[test]
    fn what_is_dropped_before_it_comes_stays_away() {
        let mut shelf = Shelf::default();
        shelf.drop_before(Lane(0), 2);
        (0..4).for_each(|index| shelf.put_at(Lane(0), index, event(index)));
        assert_eq!(
            (indices(shelf.get(Lane(0), 2..4)), shelf.ends()),
            (vec![2, 3], vec![(Lane(0), 4)])
        );
    }
}
