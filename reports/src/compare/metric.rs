//! What is compared.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::latency::Latency;
use crate::outcome::{Outcome, Rate, Rates};
use crate::text;

/// One figure of an Outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Events acknowledged per second.
    Acked,
    /// Events consumed per second.
    Consumed,
    /// A percentile of service time, in thousandths of a per cent.
    Service(u32),
    /// A percentile of response time.
    Response(u32),
    /// A percentile of end to end latency.
    EndToEnd(u32),
    /// A percentile of schedule lag.
    ScheduleLag(u32),
}

impl Metric {
    /// All, in the order of a table.
    pub const ALL: [Self; 13] = [
        Self::Acked,
        Self::Consumed,
        Self::Response(50_000),
        Self::Response(90_000),
        Self::Response(99_000),
        Self::Response(99_900),
        Self::Service(50_000),
        Self::Service(99_000),
        Self::Service(99_900),
        Self::EndToEnd(50_000),
        Self::EndToEnd(99_000),
        Self::EndToEnd(99_900),
        Self::ScheduleLag(99_000),
    ];

    /// The figure: events per second or nanoseconds. Absent where it was not measured.
    pub fn value(self, outcome: &Outcome) -> Option<f64> {
        match self.percentile(outcome) {
            Some((latency, share)) => latency.quantile(share).map(|ns| ns as f64),
            None => {
                let Rate { events_per_second, .. } = self.rate(&outcome.rates);
                let measured = match self {
                    Self::Consumed => outcome.counts.delivered > 0,
                    _ => outcome.counts.scheduled > 0,
                };
                measured.then_some(events_per_second)
            }
        }
    }

    /// The 95 % confidence interval of a percentile, nanoseconds.
    pub fn interval(self, outcome: &Outcome) -> Option<(f64, f64)> {
        let (latency, share) = self.percentile(outcome)?;
        latency.quantile_interval(share).map(|(low, high)| (low as f64, high as f64))
    }

    /// A value of this metric with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Acked | Self::Consumed => text::per_second(value),
            _ => text::duration(value),
        }
    }

    fn percentile(self, outcome: &Outcome) -> Option<(&Latency, f64)> {
        let latency = &outcome.latency;
        let (latency, share) = match self {
            Self::Acked | Self::Consumed => return None,
            Self::Service(share) => (&latency.service, share),
            Self::Response(share) => (&latency.response, share),
            Self::EndToEnd(share) => (&latency.end_to_end, share),
            Self::ScheduleLag(share) => (&latency.schedule_lag, share),
        };
        Some((latency, f64::from(share) / 100_000.0))
    }

    fn rate(self, rates: &Rates) -> Rate {
        if self == Self::Consumed { rates.consumed } else { rates.acked }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, share) = match self {
            Self::Acked => return formatter.pad("acked"),
            Self::Consumed => return formatter.pad("consumed"),
            Self::Service(share) => ("service", share),
            Self::Response(share) => ("response", share),
            Self::EndToEnd(share) => ("end to end", share),
            Self::ScheduleLag(share) => ("schedule lag", share),
        };
        formatter.pad(&format!("{name} p{}", f64::from(*share) / 1_000.0))
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = match self {
            Self::Acked | Self::Consumed => "events/s",
            _ => "ns",
        };
        serializer.collect_str(&format_args!("{self} ({unit})"))
    }
}
