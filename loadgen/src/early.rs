//! Waking up early: a sleep ends late, by some 50 us where an idle core has to be woken by its
//! host, and what is left until the intended time is spun, for a bounded share of a core.

/// A step of the estimate, nanoseconds.
const STEP_NS: u64 = 1_000;

/// The estimate is the lateness that one sleep in so many exceeds.
pub(crate) const ONE_IN: u64 = 10;

/// Earliest that a sleep is ended, nanoseconds.
pub(crate) const EARLY_NS_MAX: u64 = 150_000;

/// Share of a core that may be spun, in per cent, and what may be spun before that, nanoseconds.
pub(crate) const SPIN_PERCENT: u64 = 3;
const SPIN_NS: u64 = 2_000_000;

/// How much earlier than intended to end a sleep. Times are nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Early {
    early: u64,
    spun: u64,
}

impl Early {
    /// When to end a sleep that is meant to end at `at`.
    pub(crate) fn before(&self, at: u64) -> u64 {
        at.saturating_sub(self.early)
    }

    /// A sleep that was meant to end at `at`, and to be ended [`Self::before`] that, ended at
    /// `now`: the rest is spun.
    pub(crate) fn woke(&mut self, at: u64, now: u64) {
        self.spun += at.saturating_sub(now);
        let late = now.saturating_sub(self.before(at));
        let affordable = self.spun <= SPIN_NS + now / 100 * SPIN_PERCENT;
        self.early = if late > self.early && affordable {
            (self.early + STEP_NS * (ONE_IN - 1)).min(EARLY_NS_MAX)
        } else {
            self.early.saturating_sub(STEP_NS)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sleeps every `every` ns for ten seconds, of which each ends late by what `late` says of its
    /// number. The share of them that ended after their time, and the share of time that was spun.
    fn sleeps(every: u64, late: impl Fn(u64) -> u64) -> (f64, f64) {
        let (mut early, mut missed) = (Early::default(), 0);
        let count = 10_000_000_000 / every;
        for number in 1..=count {
            let at = number * every;
            let now = early.before(at) + late(number);
            missed += u64::from(now > at);
            early.woke(at, now);
        }
        (missed as f64 / count as f64, early.spun as f64 / 1e10)
    }

    #[test]
    fn nine_sleeps_in_ten_end_in_time_once_their_lateness_is_known() {
        // 40 to 60 us late, and one in fifty by a millisecond.
        let late = |number: u64| {
            if number.is_multiple_of(50) { 1_000_000 } else { 40_000 + number * 7_919 % 20_000 }
        };
        let (missed, spun) = sleeps(625_000, late);
        assert!(missed < 0.2, "{missed} missed");
        assert!(spun < 0.04, "{spun} of a core spun");
    }

    #[test]
    fn what_is_spun_is_bounded_whatever_the_timers_do() {
        for every in [50_000, 200_000, 1_000_000] {
            let erratic = |number: u64| number * 7_919 % 150_000;
            let (_, spun) = sleeps(every, erratic);
            assert!(spun < 0.035, "every {every} ns: {spun} of a core spun");
        }
    }
}
