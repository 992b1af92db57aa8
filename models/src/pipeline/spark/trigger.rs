//! When a batch begins, and what it is of.
//!
//! Stands for `ProcessingTimeExecutor` in `TriggerExecutor.scala` and for `KafkaMicroBatchStream`'s
//! `rateLimit` (apache/spark @ v3.5.6, `sql/core/.../execution/streaming/` and
//! `connector/kafka-0-10-sql/`). Parameters: `trigger`, `maxOffsetsPerTrigger`.

use headwater_sim::time::{Duration, Time};

use crate::batch::Lane;

/// When the trigger after one at `at` is: at a multiple of the interval; at once without one.
/// `waitTillTime` of a time that has passed waits for nothing, so that a batch that took longer
/// than the interval is followed by the next one at once.
pub fn next_after(at: Time, interval: Duration) -> Time {
    match interval {
        Duration::ZERO => at,
        interval => Time((at.0 / interval.0 + 1) * interval.0),
    }
}

/// Where a lane begins or ends of several.
pub fn offset_of(lanes: &[(Lane, u64)], lane: Lane) -> u64 {
    lanes.iter().find(|(of, _)| *of == lane).map_or(0, |(_, offset)| *offset)
}

/// The part of each lane that a batch of at most `limit` events is of: as much of each as is its
/// share of what is new, and of one that has anything an event at least.
pub fn limited(from: &[(Lane, u64)], until: &[(Lane, u64)], limit: u64) -> Vec<(Lane, u64)> {
    let size = |lane: Lane, end: u64| end - offset_of(from, lane);
    let total: u64 = until.iter().map(|(lane, end)| size(*lane, *end)).sum();
    if limit == 0 || total <= limit {
        return until.to_vec();
    }
    let end = |(lane, end): &(Lane, u64)| {
        let size = size(*lane, *end);
        // `Math.ceil` of what is below 1, else `Math.floor`.
        let share = (u128::from(limit) * u128::from(size) / u128::from(total)) as u64;
        let share = if size == 0 { 0 } else { share.max(1) };
        (*lane, (offset_of(from, *lane) + share).min(*end))
    };
    until.iter().map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_multiples_of_the_interval_and_one_without_is_now() {
        let second = Duration::from_secs(1);
        assert_eq!(next_after(Time(0), second), Time(1_000_000_000));
        assert_eq!(next_after(Time(2_300_000_000), second), Time(3_000_000_000));
        assert_eq!(next_after(Time(2_300_000_000), Duration::ZERO), Time(2_300_000_000));
    }

    #[test]
    fn a_limit_is_shared_out_by_what_each_lane_has() {
        let from = [(Lane(0), 10), (Lane(1), 0)];
        let until = [(Lane(0), 310), (Lane(1), 100), (Lane(2), 1)];
        assert_eq!(limited(&from, &until, 0), until);
        assert_eq!(limited(&from, &until, 401), until);
        assert_eq!(limited(&from, &until, 40), [(Lane(0), 39), (Lane(1), 9), (Lane(2), 1)]);
    }
}
