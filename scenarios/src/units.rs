//! The quantities of scenario files, in one place: what is written with which unit.
//!
//! | quantity | type | written |
//! |---|---|---|
//! | duration | [`Duration`] | `"20ms"`, `"2.5us"`, `"1h"` |
//! | size | [`Bytes`] | `"512B"`, `"1MiB"`, `"2GB"` |
//! | bandwidth | [`BytesPerSecond`] | `"250MB/s"`, `"10Gbit/s"`, `"unlimited"` |
//! | rate of events | [`Rate`] | `"1600/s"`, `"96000/min"` |
//! | share | [`Share`] | `"95%"`, `0.95` |

use std::fmt;
use std::str::FromStr;

pub use headwater_sim::text::ParseError;
pub use headwater_sim::time::{Duration, Time};
pub use headwater_sim::units::{Bytes, BytesPerSecond};

pub use headwater_traffic::Rate;

/// A share of a whole, 0 to 1 as a rule; written `95%` or `0.95`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let trimmed = text.trim();
        let (number, divisor) = match trimmed.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (trimmed, 1.0),
        };
        let parsed = number.parse::<f64>().ok().filter(|number| number.is_finite());
        let error = || ParseError::new(text, "a share such as \"95%\" or 0.95");
        parsed.map(|number| Self(number / divisor)).ok_or_else(error)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}%", self.0 * 100.0)
    }
}

/// A duration for people: three digits and the unit that keeps them short.
pub fn short(duration: Duration) -> String {
    let nanos = duration.0 as f64;
    let (value, unit) = match duration.0 {
        0..1_000 => return format!("{}ns", duration.0),
        1_000..1_000_000 => (nanos / 1e3, "us"),
        1_000_000..1_000_000_000 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    match value {
        ..10.0 => format!("{value:.2}{unit}"),
        ..100.0 => format!("{value:.1}{unit}"),
        _ => format!("{value:.0}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent_or_fraction() {
        assert_eq!("95%".parse(), Ok(Share(0.95)));
        assert_eq!("0.5".parse(), Ok(Share(0.5)));
        assert!("half".parse::<Share>().unwrap_err().to_string().contains("95%"));
    }

    #[test]
    fn durations_are_short_for_people() {
        let shown = [12_345, 3_200_000, 45_670_000_000].map(|nanos| short(Duration(nanos)));
        assert_eq!(shown, ["12.3us", "3.20ms", "45.7s"]);
    }
}
