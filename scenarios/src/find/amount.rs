//! A value that can be raised and lowered.

use std::fmt;
use std::str::FromStr;

use crate::units::{Duration, Rate};
use headwater_sim::units::Bytes;

/// A value that can be raised and lowered: a whole number, and its unit if it has one (`1600/s`,
/// `50k/s`, `5ms`, `3`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    pub(super) number: u64,
    pub(super) unit: String,
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_digit = |at: char| at.is_ascii_digit() || at == '_';
        let (digits, unit) = text.split_at(text.find(|at| !is_digit(at)).unwrap_or(text.len()));
        let error = || format!("`{text}`: expected a whole number with its unit, such as 1600/s");
        let number = digits.replace('_', "").parse().map_err(|_| error())?;
        if unit.starts_with('.') {
            return Err(error());
        }
        Ok(Self { number, unit: unit.to_owned() })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}

/// What a unit is of, and how much of it one is: events a second, nanoseconds, bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Plain,
    Rate(f64),
    Time(f64),
    Size(f64),
}

impl Amount {
    fn unit(&self) -> Option<Unit> {
        let one = format!("1{}", self.unit);
        if self.unit.is_empty() {
            return Some(Unit::Plain);
        }
        let rate = one.parse::<Rate>().map(|rate| Unit::Rate(rate.as_per_second()));
        let time = || one.parse::<Duration>().map(|time| Unit::Time(time.0 as f64));
        let size = || one.parse::<Bytes>().map(|size| Unit::Size(size.0 as f64));
        rate.or_else(|_| time()).or_else(|_| size()).ok()
    }

    /// The number that it is in the unit of another: a rate without a unit is per second.
    ///
    /// # Errors
    /// That it can't be told in it, with the forms that can.
    pub(super) fn in_unit_of(&self, other: &Self) -> Result<u64, String> {
        if self.unit == other.unit {
            return Ok(self.number);
        }
        let factor = match (self.unit(), other.unit()) {
            (Some(Unit::Rate(one)), Some(Unit::Rate(per)))
            | (Some(Unit::Time(one)), Some(Unit::Time(per)))
            | (Some(Unit::Size(one)), Some(Unit::Size(per))) => one / per,
            (Some(Unit::Rate(one)), Some(Unit::Plain)) => one,
            // Sizes are bytes wherever they have no unit.
            (Some(Unit::Size(one)), Some(Unit::Plain)) => one,
            (Some(Unit::Plain), Some(Unit::Rate(per) | Unit::Size(per))) => 1.0 / per,
            (_, Some(Unit::Time(_))) => return Err("expected a time, such as 20ms or 2s".into()),
            (_, Some(Unit::Rate(_))) => {
                return Err("expected a rate, such as 5000, 5000/s or 5k/s".into());
            }
            (_, Some(Unit::Size(_))) => return Err("expected a size, such as 64MiB".into()),
            _ => return Err("expected a whole number without a unit, such as 3".into()),
        };
        Ok((self.number as f64 * factor).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_unit() {
        let read = |text: &str| text.parse::<Amount>();
        for text in ["1600/s", "50k/s", "5ms", "3"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        for text in ["fast", "2.5us", ""] {
            assert!(read(text).unwrap_err().contains("whole number"), "{text}");
        }
    }

    #[test]
    fn a_limit_is_told_in_the_unit_of_the_value_it_limits() {
        let number = |limit: &str, from: &str| {
            let [limit, from] = [limit, from].map(|text| text.parse::<Amount>().unwrap());
            limit.in_unit_of(&from)
        };
        for (limit, from, found) in [
            ("5000", "200/s", 5_000),
            ("5k/s", "200/s", 5_000),
            ("80000", "50k/s", 80),
            ("5000/s", "200", 5_000),
            ("2s", "5ms", 2_000),
            ("1GiB", "64MiB", 1_024),
            ("64KiB", "16384", 65_536),
            ("7", "3", 7),
        ] {
            assert_eq!(number(limit, from), Ok(found), "{limit} beside {from}");
        }
        for (limit, from, want) in [
            ("5", "5ms", "such as 20ms"),
            ("5ms", "200/s", "5000/s or 5k/s"),
            ("5ms", "3", "without a unit"),
            ("5ms", "64MiB", "64MiB"),
        ] {
            let error = number(limit, from).unwrap_err();
            assert!(error.contains(want), "{limit} beside {from}: {error}");
        }
    }
}
