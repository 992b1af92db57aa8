//! How long a resource has had something to do.

use crate::time::{Duration, Time};

/// The time during which a resource has had something to do: what `iostat` calls utilisation. It
/// never runs faster than the clock, however much has been asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    until: Time,
    booked: Duration,
}

impl Meter {
    /// Something to do from now until `until`; what overlaps counts once.
    #[inline]
    pub fn until(&mut self, now: Time, until: Time) {
        self.booked += until.since(self.until.max(now));
        self.until = self.until.max(until);
    }

    /// Work of `cost` behind all that is booked. When it is done.
    #[inline]
    pub fn add(&mut self, now: Time, cost: Duration) -> Time {
        self.until = self.until.max(now) + cost;
        self.booked += cost;
        self.until
    }

    /// What is booked for later is called off.
    pub fn stop(&mut self, now: Time) {
        self.booked = self.busy(now);
        self.until = self.until.min(now);
    }

    /// Busy time up to `now`.
    pub const fn busy(&self, now: Time) -> Duration {
        self.booked.saturating_sub(self.until.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_runs_no_faster_than_the_clock_and_counts_what_overlaps_once() {
        let mut meter = Meter::default();
        meter.until(Time(10), Time(40));
        meter.until(Time(20), Time(30));
        meter.until(Time(30), Time(50));
        assert_eq!([10, 25, 60].map(|at| meter.busy(Time(at)).0), [0, 15, 40]);
        assert_eq!(meter.add(Time(100), Duration(1_000)), Time(1_100));
        assert_eq!(meter.busy(Time(150)).0, 90);
        meter.stop(Time(150));
        assert_eq!(meter.busy(Time(2_000)).0, 90);
    }
}
