//! Errors and medians with intervals, by the bootstrap (Efron and Tibshirani, An Introduction to
//! the Bootstrap, chapter 13: percentiles).
//!
//! The error of a case is that of the median over the seeds against the median over the repeats.
//! Its interval draws seeds and repeats with replacement; that of a median over cases draws cases
//! as well, and within each drawn case its seeds and repeats.

use headwater_reports::forecast::median;
use headwater_sim::random::{Seed, Stream};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

/// Resamples: the ends of the intervals then repeat within a few per cent of their width.
const RESAMPLES: usize = 2_000;

/// Ends of the interval.
const ENDS: [f64; 2] = [0.025, 0.975];

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Interval {
    /// The value.
    pub(super) value: f64,
    /// Where the interval begins.
    pub(super) low: f64,
    /// Where it ends.
    pub(super) high: f64,
}

/// A figure of a case: what its seeds and its repeats gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Simulated, one a seed.
    pub(super) seeds: Vec<f64>,
    /// Measured, one a repeat.
    pub(super) repeats: Vec<f64>,
    /// What is measured is taken for no less than this: below it there is nothing to be relative
    /// to.
    pub(super) least: f64,
}

impl Sample {
    /// `(simulated - measured) / measured` of the medians; none where either is missing.
    pub(super) fn error(&self) -> Option<f64> {
        relative(median(&self.seeds)?, median(&self.repeats)?, self.least)
    }

    /// The error with its interval.
    pub(super) fn interval(&self, seed: u64) -> Option<Interval> {
        let value = self.error()?;
        let mut stream = Seed(seed).stream("case", 0);
        let drawn = (0..RESAMPLES).filter_map(|_| self.redrawn(&mut stream));
        Some(ends(value, drawn.collect()))
    }

    /// The error of seeds and repeats that are drawn from its own.
    fn redrawn(&self, stream: &mut Stream) -> Option<f64> {
        let (seeds, repeats) = (redraw(&self.seeds, stream), redraw(&self.repeats, stream));
        relative(median(&seeds)?, median(&repeats)?, self.least)
    }
}

fn relative(simulated: f64, measured: f64, least: f64) -> Option<f64> {
    let base = measured.max(least);
    (base > 0.0).then(|| (simulated - measured) / base)
}

fn redraw(values: &[f64], stream: &mut Stream) -> Vec<f64> {
    values.iter().map(|_| values[stream.random_range(0..values.len())]).collect()
}

fn ends(value: f64, mut drawn: Vec<f64>) -> Interval {
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let last = drawn.len().saturating_sub(1);
        drawn.get((share * last as f64).round() as usize).copied().unwrap_or(value)
    };
    let [low, high] = ENDS.map(at);
    Interval { value, low: low.min(value), high: high.max(value) }
}

/// The median of the errors of these cases, by size, with its interval; none without cases.
pub(super) fn median_size(cases: &[&Sample], seed: u64) -> Option<Interval> {
    let sizes = |errors: Vec<f64>| errors.into_iter().map(f64::abs).collect::<Vec<_>>();
    over(cases, seed, |errors| median(&sizes(errors)))
}

/// The median of the errors with their signs, with its interval.
pub(super) fn median_signed(cases: &[&Sample], seed: u64) -> Option<Interval> {
    over(cases, seed, |errors| median(&errors))
}

fn over(
    cases: &[&Sample],
    seed: u64,
    statistic: impl Fn(Vec<f64>) -> Option<f64>,
) -> Option<Interval> {
    let value = statistic(cases.iter().filter_map(|case| case.error()).collect())?;
    let mut stream = Seed(seed).stream("set", 0);
    let mut draw = || {
        let one = |_| cases[stream.random_range(0..cases.len())].redrawn(&mut stream);
        (0..cases.len()).filter_map(one).collect::<Vec<_>>()
    };
    let drawn: Vec<f64> = (0..RESAMPLES).filter_map(|_| statistic(draw())).collect();
    Some(ends(value, drawn))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seeds: &[f64], repeats: &[f64]) -> Sample {
        Sample { seeds: seeds.into(), repeats: repeats.into(), least: 0.0 }
    }

    #[test]
    fn an_error_is_that_of_the_medians_and_its_interval_that_of_both() {
        let of = sample(&[8.0, 9.0, 10.0, 9.0, 9.0], &[10.0, 9.5, 10.5]);
        let error = of.interval(1).unwrap();
        assert!((error.value + 0.1).abs() < 1e-12, "{error:?}");
        // 8 against 10.5 at the least, 10 against 9.5 at the most; single draws of both are rare.
        assert!((-0.24..-0.13).contains(&error.low), "{error:?}");
        assert!((-0.06..0.06).contains(&error.high), "{error:?}");
        assert_eq!(of.interval(1), of.interval(1), "the same seed, the same interval");
        assert_eq!(sample(&[], &[1.0]).error(), None);
        assert_eq!(sample(&[1.0], &[0.0]).error(), None);
    }

    #[test]
    fn what_is_too_small_to_be_relative_to_is_taken_for_the_least() {
        let of = Sample { least: 10.0, ..sample(&[15.0], &[1.0]) };
        assert!((of.error().unwrap() - 1.4).abs() < 1e-12);
    }

    #[test]
    fn a_median_over_cases_is_as_wide_as_the_cases_differ() {
        let exact = |error: f64| sample(&[100.0 + error], &[100.0]);
        let alike: Vec<Sample> = (0..20).map(|_| exact(-5.0)).collect();
        let all: Vec<&Sample> = alike.iter().collect();
        let size = median_size(&all, 1).unwrap();
        assert_eq!([size.value, size.low, size.high].map(|x| (x * 1e9).round() / 1e9), [0.05; 3]);
        assert!((median_signed(&all, 1).unwrap().value + 0.05).abs() < 1e-12);
        let apart: Vec<Sample> = (0..20).map(|n| exact(f64::from(n) - 10.0)).collect();
        let all: Vec<&Sample> = apart.iter().collect();
        let size = median_size(&all, 1).unwrap();
        assert!((size.value - 0.05).abs() < 1e-9, "{size:?}");
        assert!(size.low < 0.04 && size.high > 0.06, "{size:?}");
        assert_eq!(median_size(&[], 1), None);
    }
}
