//! A latency histogram that is written with its percentiles beside it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HdrReader, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// Percentiles that are written out, as shares.
pub const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999)];

/// Observations that must lie above a percentile before it is stated.
const ABOVE_MIN: f64 = 10.0;

/// Latencies in nanoseconds, to three significant digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three significant digits are within the histogram's range"))
    }
}

/// As written: the histogram, and what people read from it. All times in nanoseconds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    count: u64,
    mean_ns: f64,
    min_ns: u64,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p95_ns: Option<u64>,
    p99_ns: Option<u64>,
    p999_ns: Option<u64>,
    p9999_ns: Option<u64>,
    max_ns: u64,
    /// HdrHistogram V2, deflated, base64.
    hdr: String,
}

impl Latency {
    /// Adds one observation.
    pub fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Adds another's observations.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both resize themselves");
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Mean in nanoseconds; zero without observations.
    pub fn mean(&self) -> f64 {
        self.0.mean()
    }

    /// Greatest observation in nanoseconds; zero without observations.
    pub fn max(&self) -> u64 {
        self.0.max()
    }

    /// Least observation in nanoseconds; zero without observations.
    pub fn min(&self) -> u64 {
        if self.0.is_empty() { 0 } else { self.0.min() }
    }

    /// The value at `share` (0.99 for the 99th percentile) in nanoseconds. Nothing if fewer than ten
    /// observations lie above it, since it would be one draw of chance; the median is always stated.
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let above = self.count() as f64 * (1.0 - share);
        if self.0.is_empty() || (share > 0.5 && above + 1e-6 < ABOVE_MIN) {
            return None;
        }
        Some(self.0.value_at_quantile(share))
    }

    /// A 95 % confidence interval of the value at `share`, by order statistics.
    pub fn interval(&self, share: f64) -> Option<(u64, u64)> {
        self.percentile(share)?;
        let n = self.count() as f64;
        let half = 1.96 * (share * (1.0 - share) / n).sqrt();
        let at = |share: f64| self.0.value_at_quantile(share.clamp(0.0, 1.0));
        Some((at(share - half), at(share + half)))
    }

    /// The histogram itself.
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Whole microseconds of what people read, for snapshots.
    pub(crate) fn compact_us(&self) -> serde_json::Value {
        let us = |share| self.percentile(share).map(|nanos| nanos / 1_000);
        serde_json::json!({
            "count": self.count(),
            "p50": us(0.5),
            "p99": us(0.99),
            "max": self.max() / 1_000,
        })
    }
}

impl Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .map_err(|error| serde::ser::Error::custom(format!("histogram: {error:?}")))?;
        let written = Written {
            count: self.count(),
            mean_ns: self.mean(),
            min_ns: self.min(),
            p50_ns: self.percentile(0.5),
            p90_ns: self.percentile(0.9),
            p95_ns: self.percentile(0.95),
            p99_ns: self.percentile(0.99),
            p999_ns: self.percentile(0.999),
            p9999_ns: self.percentile(0.9999),
            max_ns: self.max(),
            hdr: STANDARD.encode(bytes),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let written = Written::deserialize(source)?;
        let bytes = STANDARD
            .decode(&written.hdr)
            .map_err(|error| Error::custom(format!("hdr is not base64: {error}")))?;
        let mut histogram: Histogram<u64> = HdrReader::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| Error::custom(format!("hdr is no histogram: {error:?}")))?;
        if histogram.len() != written.count {
            let (has, said) = (histogram.len(), written.count);
            return Err(Error::custom(format!("hdr holds {has} observations, count says {said}")));
        }
        histogram.auto(true);
        Ok(Self(histogram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_json_and_states_no_percentile_it_has_no_data_for() {
        let mut latency = Latency::default();
        (1..=500).for_each(|micros| latency.record(micros * 1_000));
        let text = serde_json::to_string(&latency).unwrap();
        let back: Latency = serde_json::from_str(&text).unwrap();
        assert_eq!(back, latency);
        assert_eq!((back.percentile(0.98).is_some(), back.percentile(0.99)), (true, None));
        assert!(
            serde_json::from_str::<Latency>(&text.replace("\"count\":500", "\"count\":7")).is_err()
        );
    }
}
