//! Rates over windows, and what a quota makes of them.
//!
//! Stands for `SampledStat`, `Rate`, `SimpleRate` and `Quota` of apache/kafka @ 3.9.0
//! (`clients/src/main/java/org/apache/kafka/common/metrics`) and for
//! `ClientQuotaManager.throttleTime`. A rate is what lies in the windows that are kept, over the
//! time since the oldest of them began; a client's, over ten windows at the least
//! (`Rate.windowSize`), so that it may first use ten seconds of its quota at once. Parameters:
//! [`Quota`], `quota.window.num`, `quota.window.size.seconds`. Left out: quotas of users, of
//! several clients by one `client.id` (each client has its own here), of one client by name, of
//! connections and of controller mutations.

use headwater_sim::time::{Duration, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What each client may take of each broker, by the names of `kafka-configs.sh --entity-type
/// clients --entity-default`. 0 for no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "QuotaConfigs and ClientQuotaManager @ apache/kafka 3.9.0"))]
pub struct Quota {
    /// Bytes of produce requests in a second; 0 for no limit.
    pub producer_byte_rate: u64,
    /// Bytes of fetch responses in a second; 0 for no limit.
    pub consumer_byte_rate: u64,
    /// Time of network threads and request handlers, in percent of one of them; 0 for no limit.
    pub request_percentage: u64,
}

impl Quota {
    /// There is any.
    pub const fn is_set(&self) -> bool {
        self.producer_byte_rate > 0 || self.consumer_byte_rate > 0 || self.request_percentage > 0
    }

    /// Nanoseconds of threads in a second; 0 for no limit.
    pub const fn request_ns(&self) -> u64 {
        self.request_percentage.saturating_mul(10_000_000)
    }
}

/// How a rate is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How many windows there are (`quota.window.num`), the current one with them.
    pub count: u64,
    /// How long each is.
    pub size: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    value: i64,
    begins: Time,
    last: Time,
}

impl Sample {
    const fn fresh(now: Time) -> Self {
        Self { value: 0, begins: now, last: now }
    }
}

/// What was recorded of late.
#[derive(Debug, Default)]
pub struct Sampled {
    samples: Vec<Sample>,
    current: usize,
}

impl Sampled {
    /// Takes a value in, which is negative if an earlier one is taken back.
    pub fn record(&mut self, windows: Windows, now: Time, value: i64) {
        if self.samples.is_empty() {
            self.samples.push(Sample::fresh(now));
        }
        if now.since(self.samples[self.current].begins) >= windows.size {
            // One more than there are, for a sample that overlaps the oldest window.
            self.current = (self.current + 1) % (windows.count as usize + 1);
            match self.samples.get_mut(self.current) {
                Some(old) => *old = Sample::fresh(now),
                None => self.samples.push(Sample::fresh(now)),
            }
        }
        let sample = &mut self.samples[self.current];
        sample.value += value;
        sample.last = now;
    }

    /// What is in the windows, and since when the oldest of them runs.
    fn measure(&mut self, windows: Windows, now: Time) -> (u64, Duration) {
        let age = windows.size * windows.count;
        for sample in &mut self.samples {
            if now.since(sample.last) >= age {
                *sample = Sample::fresh(now);
            }
        }
        let sum: i64 = self.samples.iter().map(|sample| sample.value).sum();
        let oldest = self.samples.iter().map(|sample| sample.begins).min().unwrap_or(now);
        (sum.max(0) as u64, now.since(oldest))
    }

    /// For how long a client is held back that may have so much in a second; nothing if it is
    /// within that (`ClientQuotaManager.throttleTime`: until its rate would have come down to it).
    pub fn throttle(&mut self, windows: Windows, now: Time, limit: u64) -> Option<Duration> {
        let (sum, mut window) = self.measure(windows, now);
        let (whole, least) = (window.0 / windows.size.0, windows.count - 1);
        window += windows.size * least.saturating_sub(whole);
        let window = window.max(Duration::from_millis(1));
        let due = u128::from(sum) * 1_000_000_000 / u128::from(limit.max(1));
        let over = due.checked_sub(u128::from(window.0)).filter(|over| *over > 0)?;
        let ms = u64::try_from((over + 500_000) / 1_000_000).unwrap_or(u64::MAX);
        Some(Duration::from_millis(ms)).filter(|time| *time > Duration::ZERO)
    }

    /// More was recorded than may be in a second, since the oldest window began
    /// (`SimpleRate.windowSize`: over one window at the least).
    pub fn exceeds(&mut self, windows: Windows, now: Time, limit: u64) -> bool {
        let (sum, window) = self.measure(windows, now);
        let window = window.max(windows.size);
        u128::from(sum) * 1_000_000_000 > u128::from(limit) * u128::from(window.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size: Duration::from_secs(1) };

    fn second(at: u64) -> Time {
        Time(at * 1_000_000_000)
    }

    #[test]
    fn a_client_may_use_ten_seconds_of_its_quota_at_once_and_is_then_held_back() {
        let mut rate = Sampled::default();
        rate.record(WINDOWS, second(0), 10_000);
        assert_eq!(rate.throttle(WINDOWS, second(0), 1_000), None);
        rate.record(WINDOWS, second(0), 2_000);
        // 12,000 in ten seconds are 1,200 a second: (1,200 - 1,000) / 1,000 * 10 s.
        let held = rate.throttle(WINDOWS, second(0), 1_000);
        assert_eq!(held, Some(Duration::from_secs(2)));
        assert_eq!(rate.throttle(WINDOWS, second(2), 1_000), Some(Duration::from_secs(2)));
        rate.record(WINDOWS, second(2), -2_000);
        assert_eq!(rate.throttle(WINDOWS, second(2), 1_000), None, "taken back");
    }

    #[test]
    fn what_is_older_than_the_windows_no_longer_counts() {
        let mut rate = Sampled::default();
        rate.record(WINDOWS, second(0), 1_000_000);
        assert!(rate.throttle(WINDOWS, second(10), 1_000).is_some());
        assert_eq!(rate.throttle(WINDOWS, second(11), 1_000), None);
    }

    #[test]
    fn a_replicas_rate_is_over_the_time_since_the_oldest_window() {
        let mut rate = Sampled::default();
        rate.record(WINDOWS, second(1), 3_000);
        assert!(rate.exceeds(WINDOWS, second(1), 1_000), "3,000 in a second");
        assert!(rate.exceeds(WINDOWS, second(3), 1_000), "in two");
        assert!(!rate.exceeds(WINDOWS, second(4), 1_000), "in three");
    }
}
