//! What is asked of a plan: a load, perhaps in three guesses, and what is to hold of it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::prices::Prices;
use crate::find::Objective;
use crate::sweep::Settings;
use crate::units::{Bytes, Duration, Rate};

/// A figure that is known, or guessed as low, mid and high: its 10th, 50th and 90th percentile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Guess(Vec<f64>);

/// The weights of low, mid and high: Swanson's rule (A. Hurst, G. C. Brown, R. I. Swanson,
/// "Swanson's 30-40-30 rule", AAPG Bulletin 84, 2000).
const WEIGHTS: [f64; 3] = [0.3, 0.4, 0.3];

impl Guess {
    /// One that is known.
    pub fn known(value: f64) -> Self {
        Self(vec![value])
    }

    /// Each value with its weight.
    pub fn weighted(&self) -> Vec<(f64, f64)> {
        match self.0.as_slice() {
            [value] => vec![(*value, 1.0)],
            values => values.iter().copied().zip(WEIGHTS).collect(),
        }
    }

    /// The middle one.
    pub fn mid(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    fn read(text: &str, what: &str, one: impl Fn(&str) -> Option<f64>) -> Result<Self, String> {
        let error = || format!("`{text}`: expected {what}, or low/mid/high of it");
        let parts = || text.split('/').map(|part| one(part.trim())).collect::<Option<Vec<f64>>>();
        let values = one(text.trim()).map(|one| vec![one]).or_else(parts).ok_or_else(error)?;
        let rises = values.windows(2).all(|two| two[0] <= two[1]);
        let sensible = values.iter().all(|value| value.is_finite() && *value > 0.0);
        match values.len() {
            1 | 3 if rises && sensible => Ok(Self(values)),
            _ => Err(error()),
        }
    }

    /// Events a second: `1600`, `1600/s`, `50k/s`, `1200/1600/2400`.
    ///
    /// # Errors
    /// What was expected.
    pub fn rate(text: &str) -> Result<Self, String> {
        let one = |text: &str| match text.parse::<f64>() {
            Ok(number) => Some(number),
            Err(_) => text.parse::<Rate>().ok().map(Rate::as_per_second),
        };
        let text = text.strip_suffix("/s").filter(|rest| rest.contains('/')).unwrap_or(text);
        Self::read(text, "events a second, such as 1600", one)
    }

    /// Bytes: `2500`, `2500B`, `1KB/2KB/4KB`.
    ///
    /// # Errors
    /// What was expected.
    pub fn bytes(text: &str) -> Result<Self, String> {
        let one = |text: &str| match text.parse::<u64>() {
            Ok(number) => Some(number as f64),
            Err(_) => text.parse::<Bytes>().ok().map(|bytes| bytes.0 as f64),
        };
        Self::read(text, "a size such as 2500 or 2KB", one)
    }

    /// How many times the mean: `25x`, `10x/25x/40x`.
    ///
    /// # Errors
    /// What was expected.
    pub fn times(text: &str) -> Result<Self, String> {
        let one = |text: &str| {
            text.strip_suffix('x').unwrap_or(text).parse().ok().filter(|times| *times >= 1.0)
        };
        Self::read(text, "a multiple of the mean from 1x on, such as 25x", one)
    }
}

/// A time above zero, such as `7d` or `5m`.
///
/// # Errors
/// What was expected.
pub fn time(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(Duration::ZERO) => Err(format!("`{text}`: expected a time above zero")),
        read => read.map_err(|error| format!("{error}")),
    }
}

/// A time in the largest unit that it is a whole number of.
fn span(time: Duration) -> String {
    let units = [(86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min")];
    let whole = units.iter().find(|(nanos, _)| time.0.is_multiple_of(*nanos));
    whole.map_or_else(|| time.to_string(), |(nanos, unit)| format!("{}{unit}", time.0 / nanos))
}

/// What may be away: `none`, `1-node`, `2-nodes`, `1-zone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survive {
    /// So many servers, 0 to 2.
    Nodes(u32),
    /// All servers of an availability zone.
    Zone,
}

impl Survive {
    /// How many servers, or zones of them.
    pub const fn count(self) -> u32 {
        match self {
            Self::Nodes(count) => count,
            Self::Zone => 1,
        }
    }
}

impl fmt::Display for Survive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(0) => f.write_str("none of its servers"),
            Self::Nodes(count) => write!(f, "{count} of its servers"),
            Self::Zone => f.write_str("a zone of its servers"),
        }
    }
}

impl FromStr for Survive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().trim_end_matches("-nodes").trim_end_matches("-node") {
            "0" | "none" => Ok(Self::Nodes(0)),
            "1" => Ok(Self::Nodes(1)),
            "2" => Ok(Self::Nodes(2)),
            "zone" | "1-zone" => Ok(Self::Zone),
            _ => Err(format!("`{text}`: expected none, 1-node, 2-nodes or 1-zone")),
        }
    }
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// The kind of system.
    pub system: String,
    /// Events a second on average.
    pub rate: Guess,
    /// Bytes of an event.
    pub event_bytes: Guess,
    /// The peak, as a multiple of the mean.
    pub peak: Guess,
    /// How long the peak lasts.
    pub peak_for: Duration,
    /// The response time that 99 of 100 events keep below.
    pub p99: Duration,
    /// How long events are kept.
    pub retention: Duration,
    /// Servers that may be away.
    pub survive: Survive,
    /// After the loss of a server, the response time is kept again after this at the latest.
    pub recover: Duration,
    /// The machines that servers may run on, one of them in each candidate; the first is the one
    /// that formulas are asked about.
    pub profiles: Vec<String>,
    /// What a message from one zone to another takes longer than one within, each way; zero for
    /// nothing.
    pub zone_latency: Duration,
    /// The share of the worlds, by weight, in which all is to be kept.
    pub share: f64,
    /// Seeds of each run: the first, and how many from there on.
    pub seeds: (u64, u64),
    /// Servers of a kind at the most.
    pub servers_max: u32,
    /// Availability zones.
    pub zones: u32,
    /// Writers, and as many readers; without it one for each 20 MB/s of the peak, and two at least.
    pub clients: Option<u32>,
    /// Options that are fixed, by their paths in the file.
    pub settings: Settings,
    /// What things cost.
    pub prices: Prices,
    /// Tries every candidate in every world, and refuses none by arithmetic.
    pub exhaustive: bool,
    /// Looks for the rate at which what is taken breaks.
    pub knee: bool,
    /// Runs whatever it is estimated to take.
    pub insist: bool,
}

impl Question {
    /// What is to hold of a run.
    pub fn objective(&self) -> String {
        format!("response.p99 < {}, lost = 0, failed = 0, acked_share = 100%", self.p99)
    }

    /// The same, read.
    pub(super) fn read_objective(&self) -> Objective {
        self.objective().parse().expect("it is written as it is read")
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guess = |guess: &Guess, show: &dyn Fn(f64) -> String| {
            guess.0.iter().map(|value| show(*value)).collect::<Vec<_>>().join(" | ")
        };
        let plain = |value: f64| format!("{value}");
        write!(
            f,
            "{}: {} events/s of {} B, peak {} for {}, p99 < {}, kept for {}, {} may be away, as \
             before after {}, on {}",
            self.system,
            guess(&self.rate, &plain),
            guess(&self.event_bytes, &plain),
            guess(&self.peak, &|times| format!("{times}x")),
            span(self.peak_for),
            self.p99,
            span(self.retention),
            self.survive,
            span(self.recover),
            self.profiles.join(" or "),
        )?;
        match self.zone_latency {
            Duration::ZERO => Ok(()),
            more => write!(f, ", {more} more from one zone to another"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_one_or_three_that_rise() {
        let rate = |text: &str| Guess::rate(text).map(|guess| guess.0);
        assert_eq!(rate("1600"), Ok(vec![1600.0]));
        assert_eq!(rate("1600/s"), Ok(vec![1600.0]));
        assert_eq!(rate("50k/s"), Ok(vec![50_000.0]));
        assert_eq!(rate("1200/1600/2400"), Ok(vec![1200.0, 1600.0, 2400.0]));
        assert_eq!(rate("1200/1600/2400/s"), rate("1200/1600/2400"));
        assert_eq!(Guess::bytes("1KB/2KB/4KB").unwrap().mid(), 2_000.0);
        assert_eq!(Guess::times("25x"), Ok(Guess::known(25.0)));
        for wrong in ["fast", "0", "1/2", "3/2/1", "1/2/3/4"] {
            assert!(rate(wrong).unwrap_err().contains("low/mid/high"), "{wrong}");
        }
        assert!(Guess::times("0.5x").unwrap_err().contains("1x"));
    }

    #[test]
    fn times_are_in_days_and_minutes_too() {
        let seconds = |text: &str| time(text).map(|time| time.as_secs_f64());
        assert_eq!([seconds("7d"), seconds("5m")], [Ok(604_800.0), Ok(300.0)]);
        assert_eq!([seconds("50ms"), seconds("2min")], [Ok(0.05), Ok(120.0)]);
        assert!(time("5").is_err() && time("0s").is_err());
        for (text, survive) in [
            ("none", Survive::Nodes(0)),
            ("1-node", Survive::Nodes(1)),
            ("2-nodes", Survive::Nodes(2)),
            ("1-zone", Survive::Zone),
        ] {
            assert_eq!(text.parse(), Ok(survive));
        }
        assert!("3-node".parse::<Survive>().unwrap_err().contains("2-nodes or 1-zone"));
    }
}
