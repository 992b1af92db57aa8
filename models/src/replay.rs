//! A replay: what a system takes that keeps its own position, and may ask again for what it had.
//!
//! Stands for a stream with offsets, as an engine reads it that writes its position down itself
//! (Spark's offset log): a later life gets the same events at the same offsets. Events of the
//! schedule are spread over lanes in turn, as by Spark's source `rate`.
//!
//! No parameters. Left out: requests to the stream. Its readers fetch ahead, and what they were
//! handed is there.

use std::ops::Range;

use headwater_sim::context::Context;
use headwater_sim::time::Time;

use crate::arrival::{Arrival, Arrivals};
use crate::batch::{Lane, StreamId};
use crate::handover::{Handed, Handover};
use crate::protocol::Streaming;
use crate::shelf::Shelf;

enum Source {
    Schedule { arrivals: Arrivals, next: Option<Arrival>, taken: u64, lanes: u64, shelf: Shelf },
    Readers { from: Handover, stream: StreamId },
}

/// What a system that keeps its own position takes.
pub struct Replay {
    source: Source,
    /// For which event of the schedule a timer was last set.
    looks_at: Option<Time>,
}

impl Replay {
    pub(crate) fn schedule(mut arrivals: Arrivals, lanes: u32) -> Self {
        let (next, lanes) = (arrivals.next(), lanes.max(1).into());
        Self::of(Source::Schedule { arrivals, next, taken: 0, lanes, shelf: Shelf::default() })
    }

    pub(crate) const fn readers(from: Handover, stream: StreamId) -> Self {
        Self::of(Source::Readers { from, stream })
    }

    const fn of(source: Source) -> Self {
        Self { source, looks_at: None }
    }

    fn shelf<R>(&mut self, use_it: impl FnOnce(&mut Shelf) -> R) -> R {
        match &mut self.source {
            Source::Schedule { shelf, .. } => use_it(shelf),
            Source::Readers { from, stream } => from.shelf(*stream, use_it),
        }
    }

    /// Where each lane ends now: the offset of its next event. Lanes ascend; one that never had an
    /// event may be missing.
    pub fn latest(&mut self, now: Time) -> Vec<(Lane, u64)> {
        if let Source::Schedule { arrivals, next, taken, lanes, shelf } = &mut self.source {
            while let Some(arrival) = next.take_if(|next| next.at <= now) {
                let lane = Lane((*taken % *lanes) as u32);
                let event = Handed { arrival, due: arrival.at, again: false };
                shelf.put_at(lane, *taken / *lanes, event);
                *taken += 1;
                *next = arrivals.next();
            }
        }
        match &self.source {
            Source::Schedule { shelf, .. } => shelf.ends(),
            Source::Readers { from, stream } => from.look(*stream),
        }
    }

    /// Everything is read: sets a timer for the schedule's next event, once for each. Another
    /// stream tells of what is new itself.
    pub fn look_when_due(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        let Source::Schedule { next: Some(next), .. } = &self.source else { return };
        let at = next.at;
        if self.looks_at != Some(at) {
            ctx.timer_for(at.since(ctx.now()), tag, "look");
            self.looks_at = Some(at);
        }
    }

    /// The first offset of each lane that is still there.
    pub fn earliest(&mut self) -> Vec<(Lane, u64)> {
        self.shelf(|shelf| shelf.firsts())
    }

    /// Events of a lane, which [`Self::latest`] has told of in this life.
    pub fn events(&mut self, lane: Lane, offsets: Range<u64>) -> Vec<Handed> {
        self.shelf(|shelf| shelf.get(lane, offsets))
    }

    /// Events of a lane before `offset` are not asked for any more, by any life.
    pub fn drop_before(&mut self, lane: Lane, offset: u64) {
        self.shelf(|shelf| shelf.drop_before(lane, offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals() -> Arrivals {
        let all = (0..10).map(|index| Arrival { index, at: Time(index), key: index, bytes: 100 });
        Box::new(all)
    }

    #[test]
    fn a_later_life_gets_the_same_events_at_the_same_offsets() {
        let mut first = Replay::schedule(arrivals(), 3);
        assert_eq!(first.latest(Time(6)), [(Lane(0), 3), (Lane(1), 2), (Lane(2), 2)]);
        let of_first: Vec<_> = first.events(Lane(1), 1..2).iter().map(|e| e.arrival).collect();
        let mut later = Replay::schedule(arrivals(), 3);
        later.drop_before(Lane(0), 2);
        assert_eq!(later.latest(Time(9)), [(Lane(0), 4), (Lane(1), 3), (Lane(2), 3)]);
        let of_later: Vec<_> = later.events(Lane(1), 1..2).iter().map(|e| e.arrival).collect();
        assert_eq!((of_first.len(), of_first[0]), (1, of_later[0]));
        assert_eq!(later.events(Lane(0), 2..4)[1].arrival.index, 9);
    }
}
