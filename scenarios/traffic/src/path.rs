//! A path: what the base rate is multiplied by over time, constant from one point to the next.
//!
//! Days of the week, noise and regimes are each such a path, and so is their product. It is made
//! once for a plan, up to its end, so that the rate at any time and the time of any event are
//! looked up; what a path is up to some time does not depend on how long the schedule is.

use headwater_sim::inversion::{Exp1, OpenUnit, StandardNormal};
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::TrafficError;

/// Busier and quieter days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeeklySpec {
    /// How busy the days are from Monday to Sunday, in any unit: their mean is the rate. A day is
    /// as long as `diurnal.period`. All alike (off) by default: no published shape was found for
    /// Twitter as a whole.
    pub days: [f64; 7],
    /// Where in the week the schedule begins, in days from the beginning of Monday, 0 to below 7.
    /// Default 2, Wednesday: the date that the payloads begin with (2022-01-05) is one.
    pub start: f64,
}

/// Slow random swings of the base rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NoiseSpec {
    /// Standard deviation of ln(rate), 0 (off) to 2: the logarithm of the rate is an
    /// Ornstein-Uhlenbeck process (G. Uhlenbeck and L. Ornstein, Physical Review 36, 1930), begun
    /// in its stationary state. The mean rate stays.
    pub sigma: f64,
    /// Time in which what it was counts for 1/e. It moves in steps of a sixteenth of that.
    pub correlation: Duration,
}

/// Two regimes that take turns: a Markov-modulated Poisson process (W. Fischer and
/// K. Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook", Performance
/// Evaluation 18, 1993).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegimeSpec {
    /// The rate while busy, as a multiple of the mean: 1 (off) up to what leaves nothing for the
    /// calm times, `(busy_for + calm_for) / busy_for`.
    pub busy: f64,
    /// How long a busy time lasts on average; how long one does is exponential.
    pub busy_for: Duration,
    /// How long a calm time lasts on average.
    pub calm_for: Duration,
}

/// Steps of noise in its correlation time.
const STEPS: u64 = 16;
/// Points of a path at the most: 64 MB.
const POINTS_MAX: u64 = 2_000_000;

impl Default for WeeklySpec {
    fn default() -> Self {
        Self { days: [1.0; 7], start: 2.0 }
    }
}

impl Default for NoiseSpec {
    fn default() -> Self {
        Self { sigma: 0.0, correlation: Duration::from_secs(300) }
    }
}

impl Default for RegimeSpec {
    fn default() -> Self {
        let (busy_for, calm_for) = (Duration::from_secs(3), Duration::from_secs(57));
        Self { busy: 1.0, busy_for, calm_for }
    }
}

impl WeeklySpec {
    pub(super) fn check(&self, day: Duration, duration: Duration) -> Result<(), TrafficError> {
        if self.uneven() && day.0 <= duration.0 / POINTS_MAX {
            let want = "days above a 100,000th of the traffic's duration";
            return Err(TrafficError::new("diurnal.period", day, want));
        }
        let days = "seven numbers from 0 to 1,000,000, not all 0";
        for day in self.days {
            TrafficError::within("weekly.days", day, (0.0, 1e6), days)?;
        }
        if self.days.iter().sum::<f64>() <= 0.0 {
            return Err(TrafficError::new("weekly.days", "all 0", days));
        }
        let start = "days from the beginning of Monday, 0 to below 7";
        TrafficError::within("weekly.start", self.start, (0.0, 6.999_999), start)
    }

    /// Whether days differ.
    pub(super) fn uneven(&self) -> bool {
        self.days.iter().any(|day| *day != self.days[0])
    }

    fn steps(&self, day: Duration, end: f64) -> Vec<(f64, f64)> {
        if !self.uneven() {
            return vec![];
        }
        let mean = self.days.iter().sum::<f64>() / 7.0;
        let (day, first) = (day.0 as f64, libm::floor(self.start));
        let begin = (first - self.start) * day;
        let step = |n: u64| {
            let of_week = (first as u64 + n) % 7;
            ((begin + n as f64 * day).max(0.0), self.days[of_week as usize] / mean)
        };
        (0..).map(step).take_while(|(from, _)| *from < end).collect()
    }
}

impl NoiseSpec {
    pub(super) fn check(&self, duration: Duration) -> Result<(), TrafficError> {
        let range = "a number from 0 to 2";
        TrafficError::within("noise.sigma", self.sigma, (0.0, 2.0), range)?;
        let few = self.correlation.0 / STEPS > duration.0 / POINTS_MAX;
        if self.correlation.0 < STEPS || (self.sigma > 0.0 && !few) {
            let want = "a time above a 100,000th of the traffic's duration";
            return Err(TrafficError::new("noise.correlation", self.correlation, want));
        }
        Ok(())
    }

    fn steps(&self, seed: Seed, end: f64) -> Vec<(f64, f64)> {
        if self.sigma == 0.0 {
            return vec![];
        }
        let mut stream = seed.stream("noise", 0);
        let step = (self.correlation.0 / STEPS) as f64;
        let keep = libm::exp(-1.0 / STEPS as f64);
        let fresh = libm::sqrt(1.0 - keep * keep);
        let mut level: f64 = stream.sample(StandardNormal);
        let mut steps = Vec::new();
        let mut from = 0.0;
        while from < end {
            // The mean of a lognormal law is exp(sigma^2 / 2) times its median.
            let factor = libm::exp(self.sigma * level - self.sigma * self.sigma / 2.0);
            steps.push((from, factor));
            level = keep * level + fresh * stream.sample(StandardNormal);
            from += step;
        }
        steps
    }
}

impl RegimeSpec {
    pub(super) fn check(&self, duration: Duration) -> Result<(), TrafficError> {
        let (busy, calm) = (self.busy_for, self.calm_for);
        for (field, length) in [("regimes.busy_for", busy), ("regimes.calm_for", calm)] {
            if length == Duration::ZERO {
                let want = "a length above zero, such as \"3s\"";
                return Err(TrafficError::new(field, length, want));
            }
        }
        let most = 1.0 + calm.0 as f64 / busy.0 as f64;
        let want = "a multiple from 1 to (busy_for + calm_for) / busy_for";
        TrafficError::within("regimes.busy", self.busy, (1.0, most), want)?;
        if self.busy > 1.0 && (busy.0 + calm.0) / 4 <= duration.0 / POINTS_MAX {
            let want = "busy and calm times above a 100,000th of the traffic's duration";
            return Err(TrafficError::new("regimes.calm_for", calm, want));
        }
        Ok(())
    }

    fn steps(&self, seed: Seed, end: f64) -> Vec<(f64, f64)> {
        if self.busy == 1.0 {
            return vec![];
        }
        let mut stream = seed.stream("regimes", 0);
        let (busy_for, calm_for) = (self.busy_for.0 as f64, self.calm_for.0 as f64);
        let share = busy_for / (busy_for + calm_for);
        let calm = ((1.0 - share * self.busy) / (1.0 - share)).max(0.0);
        // Its stationary state: which regime by their shares, and no regime remembers how long it
        // has lasted.
        let mut busy = stream.sample(OpenUnit) < share;
        let mut steps = Vec::new();
        let mut from = 0.0;
        while from < end {
            steps.push((from, if busy { self.busy } else { calm }));
            from += stream.sample(Exp1) * if busy { busy_for } else { calm_for };
            busy = !busy;
        }
        steps
    }
}

/// From a point on to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Where it begins, nanoseconds.
    pub(super) from: f64,
    /// What the base rate is multiplied by.
    pub(super) factor: f64,
    /// Events of the base, without the path, expected before it.
    pub(super) base: f64,
    /// Events with the path expected before it.
    pub(super) count: f64,
}

/// The product of all paths; empty where there is none.
#[derive(Clone, Debug)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// The product of these paths, up to `end`; `cumulative` is that of the base alone.
    pub(super) fn new(
        (weekly, day): (&WeeklySpec, Duration),
        noise: &NoiseSpec,
        regimes: &RegimeSpec,
        (seed, end): (Seed, Duration),
        cumulative: impl Fn(f64) -> f64,
    ) -> Option<Self> {
        let end = end.0 as f64;
        let paths = [weekly.steps(day, end), noise.steps(seed, end), regimes.steps(seed, end)];
        let paths: Vec<_> = paths.into_iter().filter(|path| !path.is_empty()).collect();
        if paths.is_empty() {
            return None;
        }
        let mut points: Vec<f64> = paths.iter().flatten().map(|(from, _)| *from).collect();
        points.sort_unstable_by(f64::total_cmp);
        points.dedup();
        let mut at = vec![0; paths.len()];
        let mut steps: Vec<Step> = Vec::with_capacity(points.len());
        for from in points {
            let mut factor = 1.0;
            for (path, at) in paths.iter().zip(&mut at) {
                while path.get(*at + 1).is_some_and(|(next, _)| *next <= from) {
                    *at += 1;
                }
                factor *= path[*at].1;
            }
            let base = cumulative(from);
            let before = |last: &Step| last.count + (base - last.base) * last.factor;
            let count = steps.last().map_or(0.0, before);
            steps.push(Step { from, factor, base, count });
        }
        Some(Self(steps))
    }

    /// The step at `at`.
    pub(super) fn step_at(&self, at: Time) -> Step {
        let behind = self.0.partition_point(|step| step.from <= at.0 as f64);
        self.0[behind.max(1) - 1]
    }

    /// The step in which event number `count` is expected.
    pub(super) fn step_of(&self, count: f64) -> Step {
        let behind = self.0.partition_point(|step| step.count <= count);
        self.0[behind.max(1) - 1]
    }
}
