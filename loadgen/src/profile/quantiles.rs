//! Measured times as a distribution that the simulator can draw from.

use hdrhistogram::Histogram;
use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;

/// Measured times in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Times(Histogram<u64>);

/// Probabilities, in millionths, at which the distribution is kept: finer where the tail is.
const POINTS: [u32; 11] =
    [0, 50_000, 250_000, 500_000, 750_000, 900_000, 950_000, 990_000, 995_000, 999_000, 999_900];

/// How many times lie beyond the single ones that are kept above these.
const SINGLE: [u64; 6] = [8, 5, 4, 3, 2, 1];

/// Longer than this, nanoseconds, counts as this: a minute.
const TIME_NS_MAX: u64 = 60_000_000_000;

impl Times {
    /// None yet.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, TIME_NS_MAX, 3);
        Self(histogram.expect("the bounds are valid"))
    }

    /// Adds a time.
    pub(crate) fn add(&mut self, time: std::time::Duration) {
        self.0.saturating_record(time.as_nanos() as u64);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The same, each halved: one way of a round trip.
    pub(crate) fn halved(&self) -> Self {
        let mut half = Self::new();
        for step in self.0.iter_recorded() {
            half.0.saturating_record_n(step.value_iterated_to() / 2, step.count_at_value());
        }
        half
    }

    /// A quantile, 0 to 1, in nanoseconds.
    pub(crate) fn at(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    /// The distribution. A point needs ten times beyond it; above are single times, each as often
    /// as it came: one that is rare is not drawn out over all that lies below it.
    pub(crate) fn distribution(&self) -> Distribution {
        if self.0.is_empty() {
            return super::constant(0);
        }
        let known = |ppm: u32| {
            let beyond = self.count() as f64 * f64::from(1_000_000 - ppm) / 1e6;
            beyond >= 10.0 || ppm <= 500_000
        };
        // Rounded down, so that it is the value below those beyond.
        let single =
            |beyond: u64| (self.count().saturating_sub(beyond) * 1_000_000 / self.count()) as u32;
        let mut all: Vec<u32> = POINTS.into_iter().filter(|ppm| known(*ppm)).collect();
        let last = all.last().copied().unwrap_or(0);
        all.extend(SINGLE.map(single).into_iter().filter(|ppm| *ppm > last));
        all.push(1_000_000);
        // Of more than a million times, several are at the same point.
        all.dedup();
        let mut least = self.0.min();
        let mut points = Vec::new();
        for ppm in all {
            let value = match ppm {
                0 => self.0.min(),
                ppm => self.at(f64::from(ppm) / 1e6),
            };
            least = least.max(value);
            points.push((ppm, Duration(least)));
        }
        Distribution::Quantiles { points }
    }

    /// In a line: p50, p99, p99.9, max in microseconds, and how many.
    pub(crate) fn tell(&self) -> String {
        let us = |ns: u64| ns as f64 / 1e3;
        format!(
            "p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us, max {:.1} us ({} samples)",
            us(self.at(0.5)),
            us(self.at(0.99)),
            us(self.at(0.999)),
            us(self.0.max()),
            self.count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_times_become_a_distribution_that_can_be_drawn_from() {
        let mut times = Times::new();
        (1..=1_000).for_each(|us| times.add(std::time::Duration::from_micros(us)));
        let distribution = times.distribution();
        distribution.check().unwrap();
        let Distribution::Quantiles { points } = &distribution else { panic!("{distribution:?}") };
        assert_eq!(points.first().map(|(ppm, _)| *ppm), Some(0));
        // 99.5 % and above have fewer than ten of a thousand beyond them, and are single times.
        let above: Vec<u32> = points.iter().map(|of| of.0).filter(|ppm| *ppm > 990_000).collect();
        assert_eq!(above, [992_000, 995_000, 996_000, 997_000, 998_000, 999_000, 1_000_000]);
        assert_eq!(times.halved().at(0.5) / 1_000, 250);
    }

    #[test]
    fn one_long_time_among_few_is_drawn_as_rarely_as_it_came() {
        let mut times = Times::new();
        (0..82).for_each(|us| times.add(std::time::Duration::from_micros(60 + us / 2)));
        times.add(std::time::Duration::from_micros(9_500));
        let distribution = times.distribution();
        distribution.check().unwrap();
        let mut stream = headwater_sim::random::Seed(1).stream("test", 0);
        let drawn = (0..10_000).map(|_| rand::Rng::sample(&mut stream, &distribution).0);
        let long = drawn.filter(|ns| *ns > 150_000).count();
        assert!((50..200).contains(&long), "{long} of 10,000");
    }
}
