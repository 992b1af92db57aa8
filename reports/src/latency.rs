//! Latency histograms and the percentiles that may be read from them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// Significant decimal digits every histogram keeps: a recorded value is off by at most 0.1 %.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// The longest latency recorded, in nanoseconds: one hour. Longer ones count as one hour.
pub const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Samples that must lie beyond a percentile before it is reported: with fewer, the figure is the
/// luck of a handful of events.
pub const SAMPLES_BEYOND_MIN: f64 = 10.0;

/// A latency distribution in nanoseconds: an HDR histogram of three significant digits. On disk it
/// is `{"summary": ..., "hdr": ...}`, `hdr` being the V2 encoding, deflated, in base64: what the
/// HdrHistogram libraries of other languages read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LatencyFile", into = "LatencyFile")]
pub struct Latency {
    histogram: Histogram<u64>,
}

/// What a histogram says in a few numbers. A percentile is absent where fewer than
/// [`SAMPLES_BEYOND_MIN`] samples lie beyond it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Events recorded.
    pub count: u64,
    /// Arithmetic mean, nanoseconds; zero without events.
    pub mean_ns: f64,
    /// Median, nanoseconds.
    pub p50_ns: Option<u64>,
    /// 90th percentile, nanoseconds.
    pub p90_ns: Option<u64>,
    /// 95th percentile, nanoseconds.
    pub p95_ns: Option<u64>,
    /// 99th percentile, nanoseconds.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile, nanoseconds.
    pub p99_9_ns: Option<u64>,
    /// 99.99th percentile, nanoseconds.
    pub p99_99_ns: Option<u64>,
    /// Largest, nanoseconds; zero without events.
    pub max_ns: u64,
}

impl Summary {
    /// The percentiles with their names, lowest first.
    pub fn percentiles(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("p50", self.p50_ns),
            ("p90", self.p90_ns),
            ("p95", self.p95_ns),
            ("p99", self.p99_ns),
            ("p99.9", self.p99_9_ns),
            ("p99.99", self.p99_99_ns),
        ]
    }
}

/// The four latencies of an event, each its own distribution, over the measurement window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Started minus intended: how late the producer took the event.
    pub schedule_lag: Latency,
    /// Acknowledged minus started: what the system itself took.
    pub service: Latency,
    /// Acknowledged minus intended: what a user waited, waiting to be sent included.
    pub response: Latency,
    /// Delivered to a reader minus intended.
    pub end_to_end: Latency,
}

impl Latencies {
    /// The four with their names.
    pub fn named(&self) -> [(&'static str, &Latency); 4] {
        [
            ("schedule lag", &self.schedule_lag),
            ("service", &self.service),
            ("response", &self.response),
            ("end to end", &self.end_to_end),
        ]
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// An empty distribution.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds are valid");
        Self { histogram }
    }

    /// Records one event, in nanoseconds.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.histogram.saturating_record(ns);
    }

    /// Records `count` events of the same latency, in nanoseconds.
    #[inline]
    pub fn record_n(&mut self, ns: u64, count: u64) {
        self.histogram.saturating_record_n(ns, count);
    }

    /// Adds what another distribution recorded.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("all latencies have the same bounds");
    }

    /// Events recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The histogram, in nanoseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Latency below which a share `quantile` (0 to 1) of the events lie, in nanoseconds; `None`
    /// where fewer than [`SAMPLES_BEYOND_MIN`] events lie beyond it.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        // One part in 10^9 of slack: 1 - 0.999 is a little less than 0.001 in binary.
        let beyond = self.count() as f64 * (1.0 - quantile) * (1.0 + 1e-9);
        (beyond >= SAMPLES_BEYOND_MIN).then(|| self.histogram.value_at_quantile(quantile))
    }

    /// Largest latency, in nanoseconds; `None` without events.
    pub fn max(&self) -> Option<u64> {
        (self.count() > 0).then(|| self.histogram.max())
    }

    /// The 95 % confidence interval of a quantile by order statistics: the values at the ranks
    /// `np ± 1.96 sqrt(np(1-p))` (Conover, Practical Nonparametric Statistics, 3.2). `None` where
    /// [`Latency::quantile`] is.
    pub fn quantile_interval(&self, quantile: f64) -> Option<(u64, u64)> {
        self.quantile(quantile)?;
        let count = self.count() as f64;
        let half = 1.96 * libm::sqrt(count * quantile * (1.0 - quantile));
        let at = |rank: f64| self.histogram.value_at_quantile((rank / count).clamp(0.0, 1.0));
        Some((at(count * quantile - half), at(count * quantile + half)))
    }

    /// The distribution in a few numbers.
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.count(),
            mean_ns: if self.count() == 0 { 0.0 } else { self.histogram.mean() },
            p50_ns: self.quantile(0.5),
            p90_ns: self.quantile(0.9),
            p95_ns: self.quantile(0.95),
            p99_ns: self.quantile(0.99),
            p99_9_ns: self.quantile(0.999),
            p99_99_ns: self.quantile(0.9999),
            max_ns: self.max().unwrap_or(0),
        }
    }
}

/// Shares at which a percentile spectrum is drawn: five for each factor of ten of `1 / (1 - p)`.
pub(crate) fn spectrum_shares() -> impl Iterator<Item = f64> {
    (0..=50).map(|step| 1.0 - libm::pow(10.0, -f64::from(step) / 10.0))
}

/// A latency as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyFile {
    summary: Summary,
    hdr: String,
}

impl From<Latency> for LatencyFile {
    fn from(latency: Latency) -> Self {
        let mut bytes = vec![];
        V2DeflateSerializer::new()
            .serialize(&latency.histogram, &mut bytes)
            .expect("writing to memory does not fail");
        Self { summary: latency.summary(), hdr: BASE64.encode(bytes) }
    }
}

impl TryFrom<LatencyFile> for Latency {
    type Error = String;

    fn try_from(file: LatencyFile) -> Result<Self, String> {
        let bytes =
            BASE64.decode(&file.hdr).map_err(|error| format!("`hdr` is not base64: {error}"))?;
        let decoded: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("`hdr` is not a V2 HDR histogram: {error:?}"))?;
        if decoded.sigfig() != SIGNIFICANT_DIGITS {
            return Err(format!(
                "`hdr` keeps {} significant digits, expected {SIGNIFICANT_DIGITS}",
                decoded.sigfig()
            ));
        }
        let mut latency = Self::new();
        latency
            .histogram
            .add(&decoded)
            .map_err(|error| format!("`hdr` goes beyond {LATENCY_NS_MAX} ns: {error}"))?;
        if latency.summary() != file.summary {
            return Err("`summary` is not what `hdr` gives".to_owned());
        }
        Ok(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        let mut latency = Latency::new();
        latency.record_n(1_000, 999);
        assert_eq!((latency.summary().p99_ns, latency.summary().p90_ns.is_some()), (None, true));
        latency.record(2_000);
        assert_eq!(latency.summary().p99_ns.map(|ns| ns / 10), Some(100));
        assert_eq!(latency.summary().p99_9_ns, None);
        assert_eq!(Latency::new().summary(), Summary::default());
    }

    #[test]
    fn the_interval_of_the_median_of_a_uniform_has_the_ranks_of_the_binomial() {
        let mut latency = Latency::new();
        (1..=10_000).for_each(|ns| latency.record(ns));
        let (low, high) = latency.quantile_interval(0.5).expect("10,000 samples");
        // Ranks 4902 and 5098, each rounded by the histogram to 8 ns.
        assert!((4_902..4_910).contains(&low) && (5_098..5_106).contains(&high), "{low} {high}");
    }

    #[test]
    fn longer_than_an_hour_counts_as_an_hour() {
        let mut latency = Latency::new();
        latency.record(u64::MAX);
        let hour = latency.max().expect("one event");
        assert!(hour.abs_diff(LATENCY_NS_MAX) < LATENCY_NS_MAX / 100, "{hour}");
    }
}
