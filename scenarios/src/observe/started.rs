//! When events were taken by their writers. A simulated writer reports it with the acknowledgement,
//! out of time order, so that it is kept apart from what the recorder counts as it goes.

use hdrhistogram::Histogram;
use headwater_reports::Series;
use headwater_sim::time::{Duration, Time};

/// Events taken, and how late, by the interval in which they were taken.
#[derive(Clone, Debug)]
pub struct Started {
    interval: Duration,
    counts: Vec<u64>,
    lags: Vec<Histogram<u64>>,
}

impl Started {
    /// Intervals of this length, from the start of the run.
    pub fn new(interval: Duration) -> Self {
        assert!(interval > Duration::ZERO, "an interval has a length");
        Self { interval, counts: Vec::new(), lags: Vec::new() }
    }

    /// An event was taken at `at`, `lag` after its intended time.
    #[inline]
    pub fn add(&mut self, at: Time, lag: Duration) {
        let index = (at.0 / self.interval.0) as usize;
        if index >= self.counts.len() {
            let histogram = || Histogram::new(2).expect("two digits are in range");
            self.counts.resize(index + 1, 0);
            self.lags.resize_with(index + 1, histogram);
        }
        self.counts[index] += 1;
        self.lags[index].saturating_record(lag.0);
    }

    /// Puts both columns in place of those of `series`.
    pub fn replace_in(&self, series: &mut Series) {
        let count = series.offered.len();
        let lag = |index: usize| {
            let lags = self.lags.get(index).filter(|lags| !lags.is_empty());
            lags.map(|lags| lags.value_at_quantile(0.99))
        };
        series.sent = (0..count).map(|at| self.counts.get(at).copied().unwrap_or(0)).collect();
        series.schedule_lag_p99_ns = (0..count).map(lag).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_count_in_the_interval_in_which_they_were_taken() {
        let mut started = Started::new(Duration(10));
        [(25, 5), (3, 0), (26, 7)]
            .into_iter()
            .for_each(|(at, lag)| started.add(Time(at), Duration(lag)));
        let mut series = Series { offered: vec![0; 4], ..Series::default() };
        started.replace_in(&mut series);
        assert_eq!(series.sent, [1, 0, 2, 0]);
        assert_eq!(series.schedule_lag_p99_ns, [Some(0), None, Some(7), None]);
    }
}
