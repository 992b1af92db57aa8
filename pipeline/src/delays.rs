//! How long things took: percentiles since the start, and of the last seconds.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Longest time that is told apart from longer ones: an hour, in microseconds.
const LONGEST_US: u64 = 3_600_000_000;
/// Half of what counts as the last seconds.
const HALF: Duration = Duration::from_secs(5);

/// Times in microseconds.
#[derive(Clone, Debug)]
pub struct Delays {
    all: Histogram<u64>,
    /// This half of the last seconds, and the one before.
    halves: [Histogram<u64>; 2],
    since: Instant,
}

impl Default for Delays {
    fn default() -> Self {
        let empty = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are in order");
        Self { halves: [empty.clone(), empty.clone()], all: empty, since: Instant::now() }
    }
}

impl Delays {
    /// Adds a time.
    pub fn record(&mut self, us: u64) {
        self.turn();
        self.all.saturating_record(us);
        self.halves[0].saturating_record(us);
    }

    fn turn(&mut self) {
        let passed = self.since.elapsed();
        if passed < HALF {
            return;
        }
        self.halves.swap(0, 1);
        self.halves[0].reset();
        if passed >= 2 * HALF {
            self.halves[1].reset();
        }
        self.since = Instant::now();
    }

    /// Percentiles of all times since the start.
    pub fn told(&self) -> Value {
        told(&self.all)
    }

    /// The same of the last five to ten seconds.
    pub fn recent(&mut self) -> Value {
        self.turn();
        let mut both = self.halves[0].clone();
        both.add(&self.halves[1]).expect("both have the same bounds");
        told(&both)
    }
}

fn told(times: &Histogram<u64>) -> Value {
    let at = |quantile| times.value_at_quantile(quantile);
    json!({
        "count": times.len(),
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "max": times.max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_times() {
        let mut delays = Delays::default();
        (1..=1_000).for_each(|us| delays.record(us));
        let told = delays.told();
        assert_eq!((told["count"].as_u64(), told["p50"].as_u64()), (Some(1_000), Some(500)));
        assert_eq!((told["p99"].as_u64(), told["max"].as_u64()), (Some(990), Some(1_000)));
        assert_eq!(delays.recent(), told);
        delays.record(u64::MAX);
        assert!(delays.told()["max"].as_u64().is_some_and(|max| max >= LONGEST_US));
    }
}
