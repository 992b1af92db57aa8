//! What a segment has been written lately: averages over 2, 5, 10 and 20 minutes.
//!
//! Stands for `SegmentAggregates` @ v0.13.0. A tick is 5 s, and is only looked at when something is
//! written: silent ones are made up for then. The first average is the first tick's rate itself.
//!
//! Parameters: [`ScaleType`]; ticks and weights are constants of the code. Left out: transactions,
//! whose events are spread over their lives.

use crate::pravega::config::ScaleType;

/// `TICK_INTERVAL`, ms.
const TICK_MS: u64 = 5_000;
/// `DEFAULT_REPORTING_DURATION` of `SegmentStatsRecorderImpl`, ms.
const REPORT_MS: u64 = 120_000;
/// Minutes of the averages.
const MINUTES: [f64; 4] = [2.0, 5.0, 10.0, 20.0];

/// Averages over 2, 5, 10 and 20 minutes, in events or kilobytes per second.
pub(super) type Rates = [f64; 4];

/// One segment's.
#[derive(Clone, Debug)]
pub(super) struct Aggregates {
    by: ScaleType,
    /// When the count began, ms.
    pub started_ms: u64,
    reported_ms: u64,
    ticked_ms: u64,
    count: u64,
    rates: Rates,
}

impl Aggregates {
    /// From `now` on.
    pub(super) fn new(by: ScaleType, now_ms: u64) -> Self {
        let (started_ms, reported_ms, ticked_ms) = (now_ms, now_ms, now_ms);
        Self { by, started_ms, reported_ms, ticked_ms, count: 0, rates: [0.0; 4] }
    }

    /// So much was written.
    pub(super) fn update(&mut self, now_ms: u64, bytes: u64, events: u64) {
        self.count += match self.by {
            ScaleType::ByRateInKbytesPerSec => bytes,
            ScaleType::ByRateInEventsPerSec | ScaleType::FixedNumSegments => events,
        };
        let age = now_ms - self.ticked_ms;
        if age <= TICK_MS {
            return;
        }
        self.ticked_ms = now_ms;
        let count = std::mem::take(&mut self.count);
        let silent = age / TICK_MS - 1;
        for _ in 0..silent {
            self.decay(0, TICK_MS);
        }
        self.decay(count, age - silent * TICK_MS);
    }

    /// `computeDecay`: a tick of this length, in which so much was written, has passed.
    fn decay(&mut self, count: u64, ms: u64) {
        let instant = count as f64 / (ms as f64 / 1_000.0);
        for (rate, minutes) in self.rates.iter_mut().zip(MINUTES) {
            let alpha = 1.0 - libm::exp(-5.0 / 60.0 / minutes);
            *rate = if *rate == 0.0 { instant } else { *rate + alpha * (instant - *rate) };
        }
    }

    /// The averages, if it is time to tell of them.
    pub(super) fn report(&mut self, now_ms: u64) -> Option<Rates> {
        if now_ms - self.reported_ms <= REPORT_MS {
            return None;
        }
        self.reported_ms = now_ms;
        let unit = if self.by == ScaleType::ByRateInKbytesPerSec { 1_024.0 } else { 1.0 };
        Some(self.rates.map(|rate| rate / unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Averages after `seconds` of `rate` events a second, one at a time, after those before.
    fn written(to: &mut Aggregates, from: u64, seconds: u64, rate: u64) -> Rates {
        for number in 1..=seconds * rate {
            to.update(from * 1_000 + number * 1_000 / rate, 100, 1);
        }
        to.rates
    }

    #[test]
    fn a_steady_load_is_seen_at_once_and_a_burst_by_the_short_averages_first() {
        let mut aggregates = Aggregates::new(ScaleType::ByRateInEventsPerSec, 0);
        let steady = written(&mut aggregates, 0, 60, 20);
        assert!(steady.iter().all(|rate| (19.0..=21.0).contains(rate)), "{steady:?}");
        let [two, five, ten, twenty] = written(&mut aggregates, 60, 60, 120);
        // 20 + 100 * (1 - e^(-1/minutes)), less what rounding of ticks takes.
        assert!((55.0..61.0).contains(&two), "{two}");
        assert!((35.0..39.0).contains(&five), "{five}");
        assert!((27.0..30.0).contains(&ten) && (23.0..26.0).contains(&twenty), "{ten} {twenty}");
    }

    #[test]
    fn silence_is_made_up_for_by_the_next_write() {
        let mut aggregates = Aggregates::new(ScaleType::ByRateInEventsPerSec, 0);
        written(&mut aggregates, 0, 60, 20);
        aggregates.update(660_000, 100, 1);
        let [two, _, ten, _] = aggregates.rates;
        // Ten minutes of silence: e^-5 and e^-1 of it are left, and what was written since the last
        // tick before is taken for written in the last one now.
        assert!((0.4..0.7).contains(&two) && (7.2..7.6).contains(&ten), "{two} {ten}");
    }

    #[test]
    fn kilobytes_have_1024_bytes_and_reports_are_more_than_two_minutes_apart() {
        let mut aggregates = Aggregates::new(ScaleType::ByRateInKbytesPerSec, 0);
        aggregates.update(5_001, 51_210, 7);
        assert_eq!(aggregates.report(120_000), None);
        let rates = aggregates.report(120_001).expect("it is time");
        assert!((9.9..10.1).contains(&rates[0]), "{rates:?}");
        assert_eq!(aggregates.report(240_001), None);
    }
}
