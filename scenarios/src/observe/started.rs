//! When events were taken by their writers. A simulated writer reports it with the acknowledgement,
//! out of time order, so that it is kept apart from what the recorder counts as it goes.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use headwater_reports::Series;
use headwater_sim::time::{Duration, Time};

/// Intervals whose lags are still added to: an event is told of when it is acknowledged, which
/// takes longer than these in a run that is stuck. Its lag is then left out of its interval's
/// percentile.
const OPEN_MAX: usize = 3_000;

/// Events taken, and how late, by the interval in which they were taken.
#[derive(Clone, Debug)]
pub struct Started {
    interval: Duration,
    counts: Vec<u64>,
    /// 99th percentile of the lags of intervals that are closed.
    closed: Vec<Option<u64>>,
    /// Lags of the intervals behind them.
    open: VecDeque<Histogram<u64>>,
}

impl Started {
    /// Intervals of this length, from the start of the run.
    pub fn new(interval: Duration) -> Self {
        assert!(interval > Duration::ZERO, "an interval has a length");
        Self { interval, counts: Vec::new(), closed: Vec::new(), open: VecDeque::new() }
    }

    /// An event was taken at `at`, `lag` after its intended time.
    #[inline]
    pub fn add(&mut self, at: Time, lag: Duration) {
        let index = (at.0 / self.interval.0) as usize;
        while index >= self.counts.len() {
            self.counts.push(0);
            self.open.push_back(Histogram::new(2).expect("two digits are in range"));
            if self.open.len() > OPEN_MAX {
                self.closed.extend(self.open.pop_front().map(|lags| p99(&lags)));
            }
        }
        self.counts[index] += 1;
        if let Some(open) = index.checked_sub(self.closed.len()) {
            self.open[open].saturating_record(lag.0);
        }
    }

    /// Puts both columns in place of those of `series`.
    pub fn replace_in(&self, series: &mut Series) {
        let count = series.offered.len();
        let open = self.open.iter().map(p99);
        let lags = self.closed.iter().copied().chain(open).chain(std::iter::repeat(None));
        series.sent = (0..count).map(|at| self.counts.get(at).copied().unwrap_or(0)).collect();
        series.schedule_lag_p99_ns = lags.take(count).collect();
    }
}

fn p99(lags: &Histogram<u64>) -> Option<u64> {
    (!lags.is_empty()).then(|| lags.value_at_quantile(0.99))
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
