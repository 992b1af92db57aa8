//! Rates of events, written as `1600/s`.

use std::fmt;
use std::str::FromStr;

use headwater_sim::text::{ParseError, parse_with_unit};
use serde::{Deserialize, Serialize};

/// A rate of events, kept as millionths of an event per hour so that `/s`, `/min` and `/h` are all
/// whole numbers of it. At most 5 thousand million events per second. A number alone, where it is
/// no text, is events per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

const PER_SECOND: u64 = 3_600_000_000;
const UNITS: [(&str, u64); 5] = [
    ("/s", PER_SECOND),
    ("/min", 60_000_000),
    ("/h", 1_000_000),
    ("k/s", 1_000 * PER_SECOND),
    ("M/s", 1_000_000 * PER_SECOND),
];
/// How many of them a rate is written in: those without a multiple.
const WRITTEN: usize = 3;

impl Rate {
    /// From events per second; negative and NaN give zero.
    pub fn per_second(rate: f64) -> Self {
        Self((rate * PER_SECOND as f64) as u64)
    }

    /// Events per second.
    pub fn as_per_second(self) -> f64 {
        self.0 as f64 / PER_SECOND as f64
    }

    /// Events per nanosecond.
    pub(super) fn per_nano(self) -> f64 {
        self.0 as f64 / (PER_SECOND as f64 * 1e9)
    }
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse_with_unit(text, &UNITS, "a rate such as \"1600/s\"").map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS[..WRITTEN].iter().find(|(_, factor)| self.0.is_multiple_of(*factor));
        match whole {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}.{:06}/h", self.0 / 1_000_000, self.0 % 1_000_000),
        }
    }
}

impl schemars::JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number"], "examples": ["1600/s", "50k/s"] })
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Reader)
    }
}

/// Reads a rate with its unit, or a number alone as events per second.
struct Reader;

impl serde::de::Visitor<'_> for Reader {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate such as \"1600/s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Rate, E> {
        self.visit_str(&format!("{number}/s"))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Rate, E> {
        self.visit_str(&format!("{number}/s"))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Rate, E> {
        self.visit_str(&format!("{number}/s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_back_as_written_and_ask_for_a_unit() {
        for (text, per_second) in [
            ("1600/s", 1600.0),
            ("96000/min", 1600.0),
            ("0.5/s", 0.5),
            ("50k/s", 50_000.0),
            ("1.5M/s", 1_500_000.0),
            ("1e9/s", 1e9),
            ("2.5e-1/s", 0.25),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.as_per_second(), per_second);
            assert_eq!(rate.to_string().parse(), Ok(rate), "{rate}");
        }
        assert_eq!("1600/s".parse::<Rate>().unwrap().to_string(), "1600/s");
        assert_eq!("50k/s".parse::<Rate>().unwrap().to_string(), "50000/s");
        let error = "1600".parse::<Rate>().unwrap_err().to_string();
        assert!(error.contains("1600/s") && error.contains("/min"), "{error}");
    }
}
