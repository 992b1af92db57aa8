//! The wall clock beside the monotonic one: whether somebody set it during a run.

use std::fmt;

use rustix::time::{ClockId, clock_gettime};

/// A difference between two looks above this is a step, nanoseconds: NTP slews by half a
/// millisecond a second at the most (`adjtimex(2)`, 500 ppm), and looks are a second apart at the
/// most.
const STEP_NS: u64 = 5_000_000;

/// How long a look may take to be believed, nanoseconds.
const LOOK_NS: i64 = 1_000_000;

/// A jump of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// When it was noticed, nanoseconds from the start of the run.
    pub(crate) at_ns: u64,
    /// How far it went, nanoseconds.
    pub(crate) by_ns: i64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, at) = (self.by_ns as f64 / 1e6, self.at_ns as f64 / 1e9);
        write!(f, "{by:+.1} ms at {at:.1} s")
    }
}

/// Watches the wall clock.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    /// How far it was ahead of the monotonic clock.
    ahead_ns: Option<i64>,
    steps: Vec<Step>,
}

impl WallClock {
    /// Looks at both clocks; it is `now` in the run.
    pub(crate) fn look(&mut self, now: u64) {
        let ns = |clock| {
            let time = clock_gettime(clock);
            time.tv_sec * 1_000_000_000 + time.tv_nsec
        };
        let before = ns(ClockId::Monotonic);
        let wall = ns(ClockId::Realtime);
        let took = ns(ClockId::Monotonic) - before;
        // Who was interrupted in between looks again the next time.
        if took < LOOK_NS {
            self.note(now, wall - before);
        }
    }

    fn note(&mut self, at_ns: u64, ahead_ns: i64) {
        let by_ns = ahead_ns - self.ahead_ns.unwrap_or(ahead_ns);
        if by_ns.unsigned_abs() > STEP_NS {
            self.steps.push(Step { at_ns, by_ns });
        }
        self.ahead_ns = Some(ahead_ns);
    }

    /// The steps that were seen.
    pub(crate) fn steps(self) -> Vec<Step> {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_seen_and_one_that_is_slewed_is_not() {
        let (ms, s) = (1_000_000, 1_000_000_000);
        let mut clock = WallClock::default();
        for second in 0..10 {
            clock.note(second * s as u64, 1_700_000_000 * s + second as i64 * ms / 2);
        }
        assert_eq!(clock.steps, []);
        clock.note(10 * s as u64, 1_700_000_000 * s + 1_200 * ms);
        clock.note(11 * s as u64, 1_700_000_000 * s + 1_200 * ms);
        let step = Step { at_ns: 10 * s as u64, by_ns: 1_200 * ms - 9 * ms / 2 };
        assert_eq!(clock.steps(), [step]);
    }

    #[test]
    fn the_clocks_of_this_machine_are_looked_at() {
        let mut clock = WallClock::default();
        (0..3).for_each(|at| clock.look(at));
        assert!(clock.ahead_ns.is_some_and(|ahead| ahead > 0));
    }
}
