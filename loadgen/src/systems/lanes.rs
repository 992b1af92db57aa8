//! The lanes of a run: what a system keeps in order, and how events are spread over it.

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_sim::time::Duration;
use headwater_traffic::{Lanes, Place};

/// Which lane an event goes to. A lane is what order is promised in.
pub(crate) struct LanePlan {
    lanes: Lanes,
    spread: Spread,
}

/// How events are spread over lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spread {
    /// All of a writer's events share this lane, which is its own.
    One(u32),
    /// A key's events share a lane.
    ByKey,
    /// The same, where the system's own clients have a rule for it: the lane of a key among so
    /// many.
    ByRule {
        /// The rule.
        lane_of_key: fn(u64, u32) -> u32,
        /// Lanes.
        count: u32,
    },
    /// Whatever is due within so many nanoseconds shares a lane: what clients do with records that
    /// have no key. Within none, each event has one of its own.
    Sticky {
        /// Lanes.
        count: u32,
        /// The writer: each chooses for itself.
        writer: u32,
        /// How long it stays with a lane.
        stays_ns: u64,
    },
}

/// Where a client has no rule of its own.
const STICKY_NS: u64 = 10_000_000;

impl LanePlan {
    /// Spreads the events of `writer` over `count` lanes, above zero.
    pub(crate) fn new(writer: u32, count: u32, keyed: bool) -> Self {
        let sticky = Spread::Sticky { count, writer, stays_ns: STICKY_NS };
        let spread = if keyed { Spread::ByKey } else { sticky };
        Self { lanes: Lanes::new(writer, count), spread }
    }

    /// One lane for each of `writers` writers.
    pub(crate) fn one_each(writers: u32) -> Vec<Self> {
        let one = |writer| Self { lanes: Lanes::new(writer, writers), spread: Spread::One(writer) };
        (0..writers).map(one).collect()
    }

    /// The lanes of `writers` writers.
    pub(crate) fn of_writers(writers: u32, count: u32, keyed: bool) -> Vec<Self> {
        (0..writers).map(|writer| Self::new(writer, count, keyed)).collect()
    }

    /// With keys spread as the system's own clients do it, if the events have any.
    pub(crate) fn ruled_by(mut self, lane_of_key: fn(u64, u32) -> u32, count: u32) -> Self {
        if matches!(self.spread, Spread::ByKey) {
            self.spread = Spread::ByRule { lane_of_key, count };
        }
        self
    }

    /// Without keys, with another lane after so long.
    pub(crate) const fn staying(mut self, stays: Duration) -> Self {
        if let Spread::Sticky { stays_ns, .. } = &mut self.spread {
            *stays_ns = stays.0;
        }
        self
    }

    /// The place of the next event of the schedule.
    pub(crate) fn place(&mut self, arrival: &Arrival) -> Place {
        match self.spread {
            Spread::One(lane) => self.lanes.on(lane),
            Spread::ByKey => self.lanes.by_key(arrival.key),
            Spread::ByRule { lane_of_key, count } => self.lanes.on(lane_of_key(arrival.key, count)),
            Spread::Sticky { count, writer, stays_ns } => {
                let salt = mix(writer.into(), 0x1f83_d9ab_fb41_bd6b);
                let hash = mix(arrival.at.0.checked_div(stays_ns).unwrap_or(arrival.index), salt);
                self.lanes.on(((u128::from(hash) * u128::from(count)) >> 64) as u32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use headwater_models::key_hash::lane_of_key;
    use headwater_sim::time::Time;

    use super::*;

    #[test]
    fn keys_go_where_the_rule_says_and_events_without_keys_do_not() {
        let arrival = |key| Arrival { index: 0, at: Time(5), key, bytes: 10 };
        let mut keyed = LanePlan::new(0, 24, true).ruled_by(lane_of_key, 24);
        let lanes: Vec<_> = (0..4).map(|key| keyed.place(&arrival(key)).lane).collect();
        assert_eq!(lanes, [0, 1, 2, 3].map(|key| lane_of_key(key, 24)));
        let mut sticky = LanePlan::new(0, 24, false).ruled_by(lane_of_key, 24);
        let first = sticky.place(&arrival(0)).lane;
        assert!((1..4).all(|key| sticky.place(&arrival(key)).lane == first));
    }

    #[test]
    fn a_lane_of_ones_own_is_no_other_writers() {
        let mut plans = LanePlan::one_each(3);
        let arrival = |key| Arrival { index: key, at: Time(5), key, bytes: 10 };
        for (writer, plan) in plans.iter_mut().enumerate() {
            let places: Vec<_> = (0..4).map(|key| plan.place(&arrival(key))).collect();
            let lanes: Vec<_> = places.iter().map(|place| place.lane as usize).collect();
            let order: Vec<_> = places.iter().map(|place| place.seq).collect();
            assert_eq!((lanes, order), (vec![writer; 4], vec![0, 1, 2, 3]));
        }
    }

    #[test]
    fn events_without_keys_change_lanes_as_often_as_their_client_does() {
        let changes = |stays: Duration| {
            let mut plan = LanePlan::new(0, 1_000, false).staying(stays);
            let at = |index| Arrival { index, at: Time(index * 1_000_000), key: 0, bytes: 10 };
            let lanes: Vec<_> = (0..100).map(|ms| plan.place(&at(ms)).lane).collect();
            lanes.windows(2).filter(|pair| pair[0] != pair[1]).count()
        };
        let changes = [0, 4, 20].map(|ms| changes(Duration::from_millis(ms)));
        assert_eq!(changes, [99, 24, 4]);
    }
}
