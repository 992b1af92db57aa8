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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent_or_fraction() {
        assert_eq!("95%".parse(), Ok(Share(0.95)));
        assert_eq!("0.5".parse(), Ok(Share(0.5)));
        assert!("half".parse::<Share>().unwrap_err().to_string().contains("95%"));
    }
}
