//! The watermark: how far event time is, as far as anybody can know.
//!
//! Stands for `CustomTimestampPolicyWithLimitedDelay.getWatermark` (`sdks/java/io/kafka` @
//! apache/beam v2.60.0) of each partition, and for the least of them, which a runner takes.
//! Parameter: `max.delay`.

use headwater_sim::time::{Duration, Time};

use crate::batch::Lane;
use crate::collections::SortedVecMap;

/// How far event time is in each lane.
#[derive(Clone, Debug, Default)]
pub struct Watermark {
    delay: Duration,
    /// The watermark of an earlier life: no lane's is below.
    least: Time,
    /// The latest event time of a lane.
    latest: SortedVecMap<Lane, Time>,
}

impl Watermark {
    /// Of a life that begins where an earlier one had it.
    pub fn new(delay: Duration, least: Time) -> Self {
        Self { delay, least, latest: SortedVecMap::default() }
    }

    /// An event of this time was read.
    pub fn event(&mut self, lane: Lane, at: Time) {
        let latest = self.latest.entry_or_default(lane);
        *latest = at.max(*latest);
    }

    /// The latest event time of a lane; of one that this life has not read, what an earlier one's
    /// watermark stands for.
    fn latest(&self, lane: Lane) -> Option<Time> {
        let earlier = Some(self.least + self.delay).filter(|_| self.least > Time::ZERO);
        self.latest.get(&lane).copied().max(earlier)
    }

    /// When, by the time of day, the watermark passes `time` if nothing comes any more and nothing
    /// is left to read: each of the lanes has to be idle, unless it is there.
    pub fn passes(&self, time: Time, lanes: impl Iterator<Item = Lane>) -> Time {
        let latest = lanes.filter_map(|lane| self.latest(lane));
        let behind = latest.filter(|latest| latest.0 < time.0 + self.delay.0).max();
        // Idle it is a moment after the delay.
        behind.unwrap_or_default().max(time) + self.delay + Duration(1)
    }

    /// No event before is expected any more. By the time of day it is `wall`; of the lanes, which
    /// had an event at least, these have something to be read or not.
    pub fn at(&self, wall: Time, lanes: impl Iterator<Item = (Lane, bool)>) -> Time {
        let earlier = |at: Time| Time(at.0.saturating_sub(self.delay.0));
        let of_lane = |(lane, backlog): (Lane, bool)| {
            let latest = self.latest(lane);
            let idle = !backlog && latest.is_some_and(|latest| earlier(wall) > latest);
            let latest = latest.filter(|_| !idle).map_or(Time::ZERO, |latest| latest.min(wall));
            earlier(if idle { wall } else { latest }).max(self.least)
        };
        lanes.map(of_lane).min().unwrap_or(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_lane_that_is_behind_unless_nothing_is_left_to_read_there() {
        let mut of = Watermark::new(Duration(10), Time::ZERO);
        of.event(Lane(0), Time(100));
        of.event(Lane(0), Time(90));
        of.event(Lane(1), Time(60));
        let at =
            |wall, backlog| of.at(Time(wall), [(Lane(0), false), (Lane(1), backlog)].into_iter());
        assert_eq!((at(105, true), at(105, false)), (Time(50), Time(90)));
        // Before the delay is over, a lane without a backlog is not idle.
        assert_eq!((at(69, false), at(140, false)), (Time(50), Time(130)));
        // Lane 1 is idle 10 after its last event, and then passes what the time of day less 10 has.
        let passes = |time| of.passes(Time(time), [Lane(0), Lane(1)].into_iter());
        assert_eq!([55, 80, 95].map(passes), [Time(71), Time(91), Time(111)]);
        // Nothing is known of a lane that was never read.
        assert_eq!(of.at(Time(105), [(Lane(2), true)].into_iter()), Time::ZERO);
    }

    #[test]
    fn it_never_lies_in_the_future_and_not_before_an_earlier_life_s() {
        let mut of = Watermark::new(Duration(10), Time(40));
        let at = |wall, backlog| of.at(Time(wall), [(Lane(0), backlog)].into_iter());
        assert_eq!((at(55, true), at(55, false), at(70, false)), (Time(40), Time(40), Time(60)));
        assert_eq!(of.passes(Time(60), [Lane(0)].into_iter()), Time(71));
        of.event(Lane(0), Time(500));
        assert_eq!(of.at(Time(70), [(Lane(0), true)].into_iter()), Time(60));
    }
}
