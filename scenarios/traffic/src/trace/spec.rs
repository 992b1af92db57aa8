//! The description of a trace, as it stands under `[traffic.trace]`.

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TrafficError;

/// A recorded trace in place of a drawn schedule: it says when events are due, their keys and their
/// sizes. `duration` cuts it off; in a scenario file without one it is replayed to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceSpec {
    /// Its file, from the scenario's folder on.
    pub file: String,
    /// How many times as fast as recorded it is replayed, 0.001 to 1,000,000: an hour in a minute
    /// at 60. Default 1.
    #[serde(default = "one")]
    pub speed: f64,
    /// What its lines are; without it the file's ending says it (`.csv`; `.ndjson`, `.jsonl`).
    #[serde(default)]
    pub format: Option<Format>,
    /// What its times are in. Default seconds.
    #[serde(default)]
    pub unit: Unit,
    /// Which of its times is the start.
    #[serde(default)]
    pub origin: Origin,
    /// How much of its beginning is left out, in its own time. Default 0s.
    #[serde(default)]
    pub from: Duration,
    /// What becomes of the rest when a line is malformed.
    #[serde(default)]
    pub malformed: Malformed,
}

const fn one() -> f64 {
    1.0
}

/// What the lines of a trace are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Columns between commas: `time,key,size`, or others with a first line that names these.
    Csv,
    /// An object of JSON each, with the fields `time`, `key` and `size`.
    Ndjson,
}

/// What the times of a trace are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds, with as many decimals as there are.
    #[default]
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// Which time of a trace is the start of the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Zero: its times count from the start, as those of a schedule that was saved do.
    #[default]
    Zero,
    /// That of its first line, whatever its times count from.
    First,
}

/// What becomes of the rest when a line is malformed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Malformed {
    /// Nothing is used: an error, with the line's number and what was expected.
    #[default]
    Refuse,
    /// The rest is used, and a warning says how many lines were left out and which was the first.
    Skip,
}

impl Unit {
    /// Its power of ten in nanoseconds.
    pub(super) fn power(self) -> i32 {
        match self {
            Self::S => 9,
            Self::Ms => 6,
            Self::Us => 3,
            Self::Ns => 0,
        }
    }

    /// As a word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S => "seconds",
            Self::Ms => "milliseconds",
            Self::Us => "microseconds",
            Self::Ns => "nanoseconds",
        }
    }
}

impl Format {
    /// That of a file with this name, if its ending says it.
    pub fn of(file: &str) -> Option<Self> {
        let lower = file.to_ascii_lowercase();
        let ends = |ending: &str| lower.ends_with(ending);
        match () {
            () if ends(".csv") => Some(Self::Csv),
            () if ends(".ndjson") || ends(".jsonl") => Some(Self::Ndjson),
            () => None,
        }
    }
}

impl TraceSpec {
    /// A trace in this file, with defaults.
    pub fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            speed: 1.0,
            format: None,
            unit: Unit::S,
            origin: Origin::Zero,
            from: Duration::ZERO,
            malformed: Malformed::Refuse,
        }
    }

    /// The first field that is out of its range, if any. The file is not looked at.
    pub(crate) fn check(&self) -> Result<(), TrafficError> {
        let want = "a factor from 0.001 to 1,000,000";
        TrafficError::within("trace.speed", self.speed, (0.001, 1e6), want)?;
        self.lines().map(|_| ())
    }

    /// What its lines are.
    pub(super) fn lines(&self) -> Result<Format, TrafficError> {
        let want = "a name that ends in .csv, .ndjson or .jsonl, or trace.format beside it";
        let format = self.format.or_else(|| Format::of(&self.file));
        format.ok_or_else(|| TrafficError::new("trace.file", &self.file, want))
    }
}
