//! The types of parameters, and what the catalogue says about those that many kinds share.

use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;
use serde::{Deserialize, Serialize};

/// Parameter `disk`, with its default.
pub(super) const DISK: (&str, &str) = ("disk", "which disk of the machine, from 0; 0");

/// Parameter `peers`.
pub(super) const PEERS: (&str, &str) = ("peers", "the other side; everybody else");

/// Parameter `symmetric`, of faults that can be one-way.
pub(super) const SYMMETRIC: (&str, &str) =
    ("symmetric", "both ways, or only from the target; true");

/// A default.
pub(super) const fn yes() -> bool {
    true
}

/// How many times as long something takes: 0.01 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Factor(f64);

impl TryFrom<f64> for Factor {
    type Error = String;

    fn try_from(factor: f64) -> Result<Self, String> {
        match factor {
            _ if (0.01..=1e6).contains(&factor) => Ok(Self(factor)),
            _ => Err(format!("a factor is {factor}; expected 0.01 to 1,000,000")),
        }
    }
}

impl From<Factor> for f64 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

impl Factor {
    /// In percent, at least 1.
    pub const fn percent(self) -> u32 {
        (self.0 * 100.0) as u32
    }
}

/// A share, or a probability: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        match rate {
            _ if (0.0..=1.0).contains(&rate) => Ok(Self(rate)),
            _ => Err(format!("a part of all is {rate}; expected 0 to 1")),
        }
    }
}

impl From<Probability> for f64 {
    fn from(rate: Probability) -> Self {
        rate.0
    }
}

impl Probability {
    /// In a million.
    pub const fn ppm(self) -> u32 {
        (self.0 * 1e6) as u32
    }
}

/// A duration that may be a draw: `"50ms"`, or a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Extra(pub Distribution);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a duration such as \"50ms\", or a distribution")]
enum Written {
    Always(Duration),
    Drawn(Distribution),
}

impl TryFrom<Written> for Extra {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let shape = match written {
            Written::Always(value) => Distribution::constant(value),
            Written::Drawn(shape) => shape,
        };
        shape.check()?;
        Ok(Self(shape))
    }
}

impl From<Extra> for Written {
    fn from(extra: Extra) -> Self {
        match extra.0 {
            Distribution::Constant { value } => Self::Always(value),
            shape => Self::Drawn(shape),
        }
    }
}

/// A shift of a clock, forward or (`"-3s"`) back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shift(pub i64);

impl TryFrom<String> for Shift {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (sign, size) = match text.strip_prefix('-') {
            Some(size) => (-1, size),
            None => (1, text.as_str()),
        };
        let size: Duration = size.parse().map_err(|error| format!("{error}"))?;
        let nanos = i64::try_from(size.0).map_err(|_| format!("{text} is too long"))?;
        Ok(Self(sign * nanos))
    }
}

impl From<Shift> for String {
    fn from(shift: Shift) -> Self {
        let sign = if shift.0 < 0 { "-" } else { "" };
        format!("{sign}{}", Duration(shift.0.unsigned_abs()))
    }
}

/// How an object store refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum TierStatus {
    /// 429, or S3's `SlowDown`: too many requests.
    TooManyRequests,
    /// 500: internal error; whether the request was carried out is not known.
    InternalError,
    /// 503: unavailable; the request was not carried out.
    Unavailable,
}

impl TryFrom<u16> for TierStatus {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            429 => Ok(Self::TooManyRequests),
            500 => Ok(Self::InternalError),
            503 => Ok(Self::Unavailable),
            other => Err(format!("a status is {other}; expected 429, 500 or 503")),
        }
    }
}

impl From<TierStatus> for u16 {
    fn from(status: TierStatus) -> Self {
        match status {
            TierStatus::TooManyRequests => 429,
            TierStatus::InternalError => 500,
            TierStatus::Unavailable => 503,
        }
    }
}
