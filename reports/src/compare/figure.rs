//! What is compared.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::latency::Latency;
use crate::outcome::{Counts, View};
use crate::text;

/// One figure of an Outcome, or of one of its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Verdicts that found what they look for, whether the scenario expects it or not.
    Found,
    /// Events acknowledged and not found again.
    Lost,
    /// Events found more than once.
    Duplicated,
    /// Events found behind a later one.
    Reordered,
    /// Events given up with an error.
    Failed,
    /// Events that were due and never acknowledged.
    Unanswered,
    /// The longest time without an acknowledgement though something was due.
    AckGap,
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

/// What a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What went wrong.
    Broken,
    /// How long it took.
    Latency,
    /// How much went through.
    Rate,
}

impl Figure {
    /// What is compared of a phase.
    pub const OF_PHASE: [Self; 8] = [
        Self::Lost,
        Self::Unanswered,
        Self::Acked,
        Self::Response(50_000),
        Self::Response(99_000),
        Self::Response(99_900),
        Self::EndToEnd(50_000),
        Self::EndToEnd(99_000),
    ];

    /// All, in the order of a table: what broke first.
    pub const ALL: [Self; 19] = [
        Self::Found,
        Self::Lost,
        Self::Duplicated,
        Self::Reordered,
        Self::Failed,
        Self::AckGap,
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

    /// The figure: verdicts, events, events per second or nanoseconds. Absent where it was not
    /// measured.
    pub fn value(self, of: &View<'_>) -> Option<f64> {
        if let Some((latency, share)) = self.percentile(of) {
            return latency.quantile(share).map(|ns| ns as f64);
        }
        let Counts { scheduled, lost, duplicated, reordered, failed, delivered, acked, .. } =
            *of.counts;
        let value = match self {
            Self::Found => return Some(of.found as f64),
            Self::Consumed if delivered == 0 => return None,
            _ if scheduled == 0 => return None,
            Self::Lost => lost as f64,
            Self::Duplicated => duplicated as f64,
            Self::Reordered => reordered as f64,
            Self::Failed => failed as f64,
            Self::Unanswered => scheduled.saturating_sub(acked) as f64,
            Self::AckGap => of.series.longest_ack_gap_ns() as f64,
            Self::Consumed => of.rates.consumed.events_per_second,
            _ => of.rates.acked.events_per_second,
        };
        Some(value)
    }

    /// The 95 % confidence interval of a percentile, nanoseconds.
    pub fn interval(self, of: &View<'_>) -> Option<(f64, f64)> {
        let (latency, share) = self.percentile(of)?;
        latency.quantile_interval(share).map(|(low, high)| (low as f64, high as f64))
    }

    /// Whether it is a count: zero is the good value, and a ratio says little.
    pub const fn counts(self) -> bool {
        let ills = matches!(self, Self::Lost | Self::Duplicated | Self::Reordered | Self::Failed);
        ills || matches!(self, Self::Found | Self::Unanswered)
    }

    /// What it is about.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Acked | Self::Consumed => Kind::Rate,
            Self::AckGap => Kind::Broken,
            _ if self.counts() => Kind::Broken,
            _ => Kind::Latency,
        }
    }

    /// A value of this figure with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Acked | Self::Consumed => text::per_second(value),
            _ if self.counts() => text::count(value as u64),
            _ => text::duration(value),
        }
    }

    fn percentile<'a>(self, of: &View<'a>) -> Option<(&'a Latency, f64)> {
        let latency = of.latency;
        let (latency, share) = match self {
            Self::Service(share) => (&latency.service, share),
            Self::Response(share) => (&latency.response, share),
            Self::EndToEnd(share) => (&latency.end_to_end, share),
            Self::ScheduleLag(share) => (&latency.schedule_lag, share),
            _ => return None,
        };
        Some((latency, f64::from(share) / 100_000.0))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, share) = match self {
            Self::Found => return formatter.pad("verdicts failed"),
            Self::Lost => return formatter.pad("lost"),
            Self::Duplicated => return formatter.pad("duplicated"),
            Self::Reordered => return formatter.pad("reordered"),
            Self::Failed => return formatter.pad("failed"),
            Self::Unanswered => return formatter.pad("never acked"),
            Self::AckGap => return formatter.pad("longest gap in acks"),
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

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = match self {
            Self::Acked | Self::Consumed => "events/s",
            Self::Found => "verdicts",
            _ if self.counts() => "events",
            _ => "ns",
        };
        serializer.collect_str(&format_args!("{self} ({unit})"))
    }
}
