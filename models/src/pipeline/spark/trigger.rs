//! When a batch begins; what it is of is [`crate::pipeline::offsets`]'s to say.
//!
//! Stands for `ProcessingTimeExecutor` in `TriggerExecutor.scala` (apache/spark @ v3.5.6,
//! `sql/core/.../execution/streaming/`). Parameter: `trigger`.

use headwater_sim::time::{Duration, Time};

/// When the trigger after one at `at` is: at a multiple of the interval; at once without one.
/// `waitTillTime` of a time that has passed waits for nothing, so that a batch that took longer
/// than the interval is followed by the next one at once.
pub fn next_after(at: Time, interval: Duration) -> Time {
    match interval {
        Duration::ZERO => at,
        interval => Time((at.0 / interval.0 + 1) * interval.0),
    }
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
}
