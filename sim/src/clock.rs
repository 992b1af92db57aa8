//! The clock of a process: what it reads, which need not be the true time.
//!
//! [`Clock::monotonic`] (CLOCK_MONOTONIC) drifts and never steps; timers run on it. A timer never
//! runs out before its clock shows the time, though that may have become slower meanwhile; if it
//! has become faster, a timer that was set before comes late.
//! [`Clock::wall`] (CLOCK_REALTIME) is that plus an offset, which a step changes.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::random::Stream;
use crate::time::{Duration, Time};

/// A change of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockChange {
    /// The wall clock jumps by this many nanoseconds.
    Step(i64),
    /// From now on it gains this many nanoseconds a second (negative: loses); quartz is within
    /// 100,000 (100 ppm), a virtual machine's can be ten times worse. Above -900,000,000.
    Drift(i64),
    /// From now on each timer fires late, by a draw of up to this much.
    Jitter(Duration),
    /// From now on it is right: no offset, drift or jitter.
    Right,
}

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// The slowest clock, in nanoseconds lost a second.
const DRIFT_MIN: i64 = -900_000_000;

/// A clock that may be wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// The world's time, and this clock's monotonic time, when its drift last changed.
    since: (Time, Time),
    /// Nanoseconds gained a second.
    drift: i64,
    offset: i64,
    jitter: Duration,
}

impl Clock {
    /// What it reads as the time since the start.
    #[inline]
    pub fn monotonic(&self, now: Time) -> Time {
        let passed = i128::from(now.since(self.since.0).0);
        let gained = passed * i128::from(self.drift) / SECOND;
        self.since.1 + Duration((passed + gained) as u64)
    }

    /// What it reads as the time of day.
    pub fn wall(&self, now: Time) -> Time {
        Time(self.monotonic(now).0.saturating_add_signed(self.offset))
    }

    /// How long it really takes until a timer of `delay` runs out: never so short that this clock
    /// shows less than the delay.
    pub fn real(&self, delay: Duration, stream: &mut Stream) -> Duration {
        let pace = (SECOND + i128::from(self.drift)) as u128;
        let real = (u128::from(delay.0) * SECOND as u128).div_ceil(pace);
        let late =
            if self.jitter == Duration::ZERO { 0 } else { stream.random_range(0..=self.jitter.0) };
        Duration(u64::try_from(real).unwrap_or(u64::MAX)) + Duration(late)
    }

    /// Changes it at the world's time `now`.
    pub fn change(&mut self, now: Time, change: ClockChange) {
        match change {
            ClockChange::Step(by) => self.offset = self.offset.saturating_add(by),
            ClockChange::Drift(gains) => {
                self.since = (now, self.monotonic(now));
                self.drift = gains.max(DRIFT_MIN);
            }
            ClockChange::Jitter(jitter) => self.jitter = jitter,
            ClockChange::Right => {
                // A monotonic clock that ran ahead can't go back: only its rate is corrected.
                self.since = (now, self.monotonic(now));
                (self.drift, self.offset, self.jitter) = (0, 0, Duration::ZERO);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn a_clock_that_gains_shows_more_time_and_its_timers_run_out_early() {
        let mut clock = Clock::default();
        let second = Duration::from_secs(1);
        clock.change(Time::ZERO + second, ClockChange::Drift(1_000_000));
        let later = Time::ZERO + second * 11;
        assert_eq!(clock.monotonic(later), later + Duration::from_millis(10));
        let mut stream = Seed(1).stream("clock", 0);
        assert_eq!(clock.real(Duration(1_001_000_000), &mut stream), second);
        for delay in 1..2_000 {
            let out = later + clock.real(Duration(delay), &mut stream);
            let shown = clock.monotonic(out).since(clock.monotonic(later)).0;
            assert!((delay..=delay + 1).contains(&shown), "{delay} ns on, it shows {shown} ns");
        }
        clock.change(later, ClockChange::Step(-2_000_000_000));
        assert_eq!(clock.wall(later), Time(9_010_000_000));
        clock.change(later, ClockChange::Right);
        assert_eq!(clock.monotonic(later), later + Duration::from_millis(10));
        clock.change(later, ClockChange::Jitter(Duration(5)));
        let late: Vec<_> = (0..64).map(|_| clock.real(second, &mut stream).0 - second.0).collect();
        assert!(late.iter().all(|late| *late <= 5) && late.contains(&5), "{late:?}");
    }
}
