//! Collects what an Outcome says about events: counts, rates, latencies, series.

use hdrhistogram::Histogram;

use crate::latency::{LATENCY_NS_MAX, Latencies};
use crate::outcome::{Counts, Outcome, Rate, Rates, Window};
use crate::phase::Phases;
use crate::series::Series;
use crate::streams::Figures;

/// Significant digits of an interval's histogram: it lives for one interval and gives three points
/// of a chart.
const INTERVAL_DIGITS: u8 = 2;

/// Collects the events of a stream as they happen; where there are several, one more collects those
/// of all, for the totals. Times are nanoseconds since the run's start; calls should come about in
/// order of time: a late one counts towards the interval that is open.
///
/// ```
/// use headwater_reports::outcome::Window;
/// use headwater_reports::Recorder;
///
/// let mut recorder = Recorder::new(1_000_000_000, Window { from_ns: 0, until_ns: 5_000_000_000 });
/// recorder.offered(0, 1, 300);
/// recorder.sent(10_000, 0, 1, 300);
/// recorder.acked(2_000_000, 0, 10_000, 1, 300);
/// assert_eq!(recorder.counts().acked, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Recorder {
    window: Window,
    counts: Counts,
    totals: [Total; 4],
    latency: Latencies,
    phases: Phases,
    series: Series,
    response: Histogram<u64>,
    lag: Histogram<u64>,
}

/// Events and bytes within the window.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    events: u64,
    bytes: u64,
}

impl Total {
    fn add(&mut self, events: u64, bytes: u64) {
        self.events += events;
        self.bytes += bytes;
    }

    fn rate(self, seconds: f64) -> Rate {
        if seconds <= 0.0 {
            return Rate::default();
        }
        Rate {
            events_per_second: self.events as f64 / seconds,
            bytes_per_second: self.bytes as f64 / seconds,
        }
    }
}

const OFFERED: usize = 0;
const SENT: usize = 1;
const ACKED: usize = 2;
const CONSUMED: usize = 3;

impl Recorder {
    /// A recorder whose series has intervals of `interval_ns` (above zero) and whose rates and
    /// latencies cover `window`.
    pub fn new(interval_ns: u64, window: Window) -> Self {
        assert!(interval_ns > 0, "an interval has a length");
        let interval = || {
            Histogram::new_with_bounds(1, LATENCY_NS_MAX, INTERVAL_DIGITS)
                .expect("the bounds are valid")
        };
        let mut recorder = Self {
            window,
            counts: Counts::default(),
            totals: [Total::default(); 4],
            latency: Latencies::default(),
            phases: Phases::default(),
            series: Series { interval_ns, ..Series::default() },
            response: interval(),
            lag: interval(),
        };
        recorder.open();
        recorder
    }

    /// The same, which also tells the events of phases apart: those that were intended before the
    /// first of these times (nanoseconds, rising), from there to the second, and so on.
    #[must_use]
    pub fn with_phases(self, at: &[u64]) -> Self {
        Self { phases: Phases::new(at, self.window), ..self }
    }

    /// A round interval that cuts a run of `duration_ns` into at most 300: enough for a chart, and
    /// small enough for a report that is mailed.
    pub const fn interval_for(duration_ns: u64) -> u64 {
        const MILLISECOND: u64 = 1_000_000;
        let mut interval = 100 * MILLISECOND;
        // 1, 2, 5, 10, 20, 50 ... tenths of a second: halves and fifths of a power of ten.
        let mut next = 2;
        while duration_ns > interval * 300 {
            interval = if next == 5 { interval / 2 * 5 } else { interval * 2 };
            next = match next {
                2 => 5,
                5 => 10,
                _ => 2,
            };
        }
        interval
    }

    /// `events` of `bytes` altogether were intended for `at`.
    pub fn offered(&mut self, at: u64, events: u64, bytes: u64) {
        let last = self.advance(at);
        self.series.offered[last] += events;
        self.counts.scheduled += events;
        if self.window.contains(at) {
            self.totals[OFFERED].add(events, bytes);
            self.phases.at(at, |phase| phase.due += events);
        }
    }

    /// A producer took `events` of `bytes` altogether at `at` that were intended at `intended`.
    pub fn sent(&mut self, at: u64, intended: u64, events: u64, bytes: u64) {
        let last = self.advance(at);
        let lag = at.saturating_sub(intended);
        self.series.sent[last] += events;
        self.counts.sent += events;
        self.lag.saturating_record_n(lag, events);
        if self.window.contains(intended) {
            self.latency.schedule_lag.record_n(lag, events);
        }
        if self.window.contains(at) {
            self.totals[SENT].add(events, bytes);
            self.phases.at(at, |phase| phase.sent += events);
        }
    }

    /// `events` of `bytes` altogether were acknowledged at `at`, intended at `intended` and taken
    /// by their producer at `started`.
    pub fn acked(&mut self, at: u64, intended: u64, started: u64, events: u64, bytes: u64) {
        let last = self.advance(at);
        let response = at.saturating_sub(intended);
        self.series.acked[last] += events;
        self.counts.acked += events;
        self.response.saturating_record_n(response, events);
        if self.window.contains(intended) {
            self.latency.response.record_n(response, events);
            self.latency.service.record_n(at.saturating_sub(started), events);
            self.phases.at(intended, |phase| phase.response.record_n(response, events));
        }
        if self.window.contains(at) {
            self.totals[ACKED].add(events, bytes);
            self.phases.at(at, |phase| phase.acked += events);
        }
    }

    /// A producer gave `events` up at `at`.
    pub fn failed(&mut self, at: u64, events: u64) {
        self.advance(at);
        self.counts.failed += events;
        if self.window.contains(at) {
            self.phases.at(at, |phase| phase.failed += events);
        }
    }

    /// A reader was handed `events` of `bytes` altogether at `at` that were intended at `intended`.
    pub fn delivered(&mut self, at: u64, intended: u64, events: u64, bytes: u64) {
        let last = self.advance(at);
        self.series.consumed[last] += events;
        self.counts.delivered += events;
        if self.window.contains(intended) {
            let end_to_end = at.saturating_sub(intended);
            self.latency.end_to_end.record_n(end_to_end, events);
            self.phases.at(intended, |phase| phase.end_to_end.record_n(end_to_end, events));
        }
        if self.window.contains(at) {
            self.totals[CONSUMED].add(events, bytes);
            self.phases.at(at, |phase| phase.delivered += events);
        }
    }

    /// What has been counted so far; `lost`, `duplicated` and `reordered` are the checkers' to
    /// fill.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The series so far: its percentiles and its backlog are those of the intervals that are over.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The latencies so far.
    pub fn latency(&self) -> &Latencies {
        &self.latency
    }

    /// Ends the run at `end` (nanoseconds) and gives what was collected to `outcome`: counts,
    /// rates, latencies, phases, series, window and duration. Rates of a run that ended within the
    /// window are over the part of it that was reached.
    pub fn finish(mut self, end: u64, outcome: &mut Outcome) {
        outcome.window = self.reached(end);
        outcome.phases = std::mem::take(&mut self.phases).until(outcome.window.until_ns);
        outcome.duration_ns = end;
        let Figures { counts, rates, latency, series } = self.figures(end);
        let Counts { lost, expired, duplicated, reordered, .. } = outcome.counts;
        outcome.counts = Counts { lost, expired, duplicated, reordered, ..counts };
        (outcome.rates, outcome.latency) = (rates, latency);
        let gauges = std::mem::take(&mut outcome.series.gauges);
        outcome.series = Series { gauges, ..series };
    }

    /// The part of the window that a run that ended at `end` has reached.
    fn reached(&self, end: u64) -> Window {
        let Window { from_ns, until_ns } = self.window;
        Window { from_ns: from_ns.min(end), until_ns: until_ns.min(end) }
    }

    /// Ends the run at `end` (nanoseconds); what was collected of it, one of several streams.
    pub fn figures(mut self, end: u64) -> Figures {
        let seconds = self.reached(end).seconds();
        let last_full = end.div_ceil(self.series.interval_ns).saturating_sub(1);
        self.advance(last_full * self.series.interval_ns);
        self.close();
        let rates = Rates {
            offered: self.totals[OFFERED].rate(seconds),
            sent: self.totals[SENT].rate(seconds),
            acked: self.totals[ACKED].rate(seconds),
            consumed: self.totals[CONSUMED].rate(seconds),
        };
        Figures { counts: self.counts, rates, latency: self.latency, series: self.series }
    }

    /// Closes intervals until `at` is in the open one, whose index it returns.
    #[inline]
    fn advance(&mut self, at: u64) -> usize {
        let interval = (at / self.series.interval_ns) as usize;
        while interval >= self.series.offered.len() {
            self.close();
            self.open();
        }
        self.series.offered.len() - 1
    }

    /// Adds an interval.
    fn open(&mut self) {
        self.series.offered.push(0);
        self.series.sent.push(0);
        self.series.acked.push(0);
        self.series.consumed.push(0);
    }

    /// Reads off the open interval's histograms and backlog.
    fn close(&mut self) {
        let settled = self.counts.acked + self.counts.failed;
        self.series.backlog.push(self.counts.scheduled.saturating_sub(settled));
        let some = |histogram: &Histogram<u64>, quantile: f64| {
            (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile))
        };
        self.series.response_p50_ns.push(some(&self.response, 0.5));
        self.series.response_p99_ns.push(some(&self.response, 0.99));
        self.series.response_max_ns.push(some(&self.response, 1.0));
        self.series.schedule_lag_p99_ns.push(some(&self.lag, 0.99));
        self.response.reset();
        self.lag.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Scenario, Source};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn warm_up_is_counted_and_charted_but_not_rated() {
        let mut recorder = Recorder::new(SECOND, Window { from_ns: SECOND, until_ns: 3 * SECOND });
        for second in 0..3 {
            let at = second * SECOND;
            recorder.offered(at, 100, 30_000);
            recorder.sent(at + 1_000, at, 100, 30_000);
            recorder.acked(at + 2_000_000, at, at + 1_000, 90, 27_000);
        }
        recorder.failed(3 * SECOND - 1, 10);
        let mut outcome = Outcome::empty(Scenario::default(), Source::Simulated, 1);
        recorder.finish(3 * SECOND, &mut outcome);
        assert_eq!((outcome.counts.scheduled, outcome.counts.acked), (300, 270));
        assert_eq!(outcome.latency.response.count(), 180);
        assert_eq!(outcome.rates.offered.events_per_second, 100.0);
        assert_eq!(outcome.rates.acked.bytes_per_second, 27_000.0);
        assert_eq!(outcome.series.acked, [90, 90, 90]);
        assert_eq!(outcome.series.backlog, [10, 20, 20]);
    }

    #[test]
    fn intervals_are_round_and_few() {
        let millis = |seconds| Recorder::interval_for(seconds * SECOND) / 1_000_000;
        assert_eq!(
            [1, 30, 60, 150, 300, 600, 3_600].map(millis),
            [100, 100, 200, 500, 1_000, 2_000, 20_000]
        );
    }

    #[test]
    fn a_run_that_stops_at_once_has_no_rates_and_no_latencies() {
        let recorder = Recorder::new(SECOND, Window { from_ns: SECOND, until_ns: 3 * SECOND });
        let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
        recorder.finish(0, &mut outcome);
        assert_eq!(outcome.rates, Rates::default());
        assert_eq!(outcome.latency.response.summary().p50_ns, None);
        assert_eq!(outcome.series.len(), 1);
        assert!(outcome.window.seconds() == 0.0, "{:?}", outcome.window);
    }
}
