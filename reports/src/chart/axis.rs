//! Axes: range, ticks, labels.

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
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows, with the unit.
    pub label: String,
    /// The unit of its values.
    pub unit: Unit,
    /// How they are spread.
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

    /// Lays the axis over the data `values`.
    pub(super) fn fit(&self, values: impl Iterator<Item = f64> + Clone) -> Fitted {
        let finite = values.filter(|value| value.is_finite());
        let largest = finite.clone().fold(self.at_least, f64::max);
        match self.scale {
            Scale::Linear => {
                let step = round_step(largest);
                // A last value at the very end of the axis needs no further step.
                let steps = libm::ceil(largest / step - 1e-9).max(1.0);
                let end = if self.unit == Unit::Seconds { largest.max(step) } else { step * steps };
                let ticks = (0..=steps as usize)
                    .map(|index| index as f64 * step)
                    .filter(|tick| *tick <= end)
                    .map(|tick| (tick, self.unit.show(tick)))
                    .collect();
                Fitted { scale: self.scale, low: 0.0, high: end, ticks }
            }
            Scale::Log => {
                let positive = finite.filter(|value| *value > 0.0);
                let smallest = positive.fold(f64::INFINITY, f64::min);
                let smallest = if smallest.is_finite() { smallest } else { 1.0 };
                fit_log(self.unit, smallest, largest.max(smallest))
            }
            Scale::Tail => {
                let high = finite.filter(|value| *value < 1.0).fold(0.99, f64::max);
                fit_tail(spread(Scale::Tail, high))
            }
        }
    }
}

/// An axis over data: what `0..=1` of its length stands for.
#[derive(Clone, Debug)]
pub(super) struct Fitted {
    scale: Scale,
    low: f64,
    high: f64,
    /// Values to label, with the labels.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Fitted {
    /// Where on the axis a value lies, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let spread = spread(self.scale, value);
        ((spread - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

fn spread(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => libm::log10(value.max(1e-9)),
        Scale::Tail => -libm::log10((1.0 - value).max(1e-9)),
    }
}

/// The smallest of 1, 2, 5 times a power of ten that covers `largest` in at most six steps.
fn round_step(largest: f64) -> f64 {
    if largest <= 0.0 {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(largest / 6.0)));
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| largest / step <= 6.0)
        .unwrap_or(power * 10.0)
}

fn fit_log(unit: Unit, smallest: f64, largest: f64) -> Fitted {
    let low = libm::floor(libm::log10(smallest) + 1e-9);
    let high = libm::ceil(libm::log10(largest) - 1e-9).max(low + 1.0);
    let ticks = (low as i32..=high as i32)
        .map(|power| {
            let value = libm::pow(10.0, f64::from(power));
            (value, unit.show(value))
        })
        .collect();
    Fitted { scale: Scale::Log, low, high, ticks }
}

fn fit_tail(high: f64) -> Fitted {
    let named = [
        (0.0, "min"),
        (0.5, "p50"),
        (0.9, "p90"),
        (0.99, "p99"),
        (0.999, "p99.9"),
        (0.9999, "p99.99"),
        (0.99999, "p99.999"),
        (0.999_999, "p99.9999"),
    ];
    let ticks = named
        .into_iter()
        .filter(|(share, _)| spread(Scale::Tail, *share) <= high + 1e-9)
        .map(|(share, label)| (share, label.to_owned()))
        .collect();
    Fitted { scale: Scale::Tail, low: 0.0, high, ticks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64]) -> Vec<String> {
        axis.fit(values.iter().copied()).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        let rate = Axis::linear("rate", Unit::PerSecond);
        assert_eq!(labels(&rate, &[1_600.0]), ["0/s", "500/s", "1,000/s", "1,500/s", "2,000/s"]);
        assert_eq!(labels(&rate, &[]), ["0/s", "1/s"]);
        let latency = Axis::log("latency", Unit::Nanoseconds);
        assert_eq!(labels(&latency, &[2e5, 3e6]), ["100 µs", "1 ms", "10 ms"]);
        assert_eq!(labels(&latency, &[0.0]), ["1 ns", "10 ns"]);
        assert_eq!(labels(&Axis::tail("share"), &[0.9991]), ["min", "p50", "p90", "p99", "p99.9"]);
    }

    #[test]
    fn each_nine_takes_the_same_room() {
        let fitted = Axis::tail("share").fit([0.9999].into_iter());
        let places = [0.0, 0.9, 0.99, 0.999, 0.9999].map(|share| fitted.place(share));
        for pair in places.windows(2) {
            assert!((pair[1] - pair[0] - 0.25).abs() < 1e-6, "{places:?}");
        }
    }
}
