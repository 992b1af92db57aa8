//! Axes: what they count and how it is spread. The page's script finds their ticks.

use crate::text;

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from zero.
    Linear,
    /// By powers of ten; zero and below lie on the axis's lower end.
    Log,
    /// A share `p` of all events, spread by `log10(1 / (1 - p))`: each nine takes the same room.
    Tail,
}

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since the run's start.
    Seconds,
    /// Latency, nanoseconds.
    Nanoseconds,
    /// Events per second.
    PerSecond,
    /// Events.
    Events,
    /// Bytes.
    Bytes,
    /// A share of one.
    Share,
    /// Any other figure.
    Plain,
}

impl Unit {
    /// A value in this unit, with the unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{} s", text::significant(value)),
            Self::Nanoseconds => text::duration(value),
            Self::PerSecond => text::per_second(value),
            Self::Events | Self::Plain => text::prefixed(value),
            Self::Bytes => text::bytes(value),
            Self::Share => text::percent(value),
        }
    }

    /// The name the page's script knows it by.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Nanoseconds => "ns",
            Self::PerSecond => "rate",
            Self::Events | Self::Plain => "n",
            Self::Bytes => "bytes",
            Self::Share => "share",
        }
    }

    /// What a column of a table without prefixes calls it.
    pub(super) const fn plain(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Nanoseconds => "ns",
            Self::PerSecond => "events/s",
            Self::Events => "events",
            Self::Bytes => "bytes",
            Self::Share => "share",
            Self::Plain => "number",
        }
    }
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows, with the unit.
    pub label: String,
    /// The unit of its values.
    pub unit: Unit,
    /// How they are spread, to begin with: a reader may change it.
    pub scale: Scale,
    /// The least value that it must reach, if the data's largest is less.
    pub at_least: f64,
}

impl Axis {
    /// An axis from zero over the data.
    pub fn linear(label: &str, unit: Unit) -> Self {
        Self { label: label.to_owned(), unit, scale: Scale::Linear, at_least: 0.0 }
    }

    /// An axis of powers of ten over the data.
    pub fn log(label: &str, unit: Unit) -> Self {
        Self { label: label.to_owned(), unit, scale: Scale::Log, at_least: 0.0 }
    }

    /// An axis of percentiles.
    pub fn tail(label: &str) -> Self {
        Self { label: label.to_owned(), unit: Unit::Share, scale: Scale::Tail, at_least: 0.0 }
    }

    /// The same axis, reaching at least `value`.
    pub fn reaching(self, value: f64) -> Self {
        Self { at_least: value, ..self }
    }

    /// Where a value lies on it.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Tail => -libm::log10((1.0 - value).max(1e-9)),
            Scale::Linear | Scale::Log => value,
        }
    }
}
