//! Quantities as people write them: a number and a unit.

use std::fmt;

/// A text that is not the expected quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    text: String,
    expected: String,
}

impl ParseError {
    /// `text` was found where `expected` (a noun with an example) was wanted.
    pub fn new(text: &str, expected: &str) -> Self {
        Self { text: text.into(), expected: expected.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not {}", self.text, self.expected)
    }
}

impl std::error::Error for ParseError {}

/// Parses a number, whole or decimal (`1600`, `0.5`, `1e6`), followed by one of `units` (name,
/// factor).
pub fn parse_with_unit(
    text: &str,
    units: &[(&str, u64)],
    expected: &str,
) -> Result<u64, ParseError> {
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let fail = || ParseError::new(text, &format!("{expected} (units: {})", names()));
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let (number, rest) = trimmed.split_at(split.ok_or_else(fail)?);
    let (exponent, unit) = exponent(rest).ok_or_else(fail)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(fail)?;
    let digits = shifted(&number.replace('_', ""), exponent);
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let whole: u64 = whole.parse().map_err(|_| fail())?;
    let mut value = whole.checked_mul(*factor).ok_or_else(fail)?;
    let mut scale = *factor;
    for digit in fraction.chars() {
        let digit = digit.to_digit(10).ok_or_else(fail)?;
        if scale % 10 != 0 && digit != 0 {
            return Err(fail());
        }
        scale /= 10;
        value += u64::from(digit) * scale;
    }
    Ok(value)
}

/// The exponent of a number (`e6/s`), and the unit behind it.
fn exponent(rest: &str) -> Option<(i8, &str)> {
    let Some(power) = rest.strip_prefix(['e', 'E']) else { return Some((0, rest)) };
    let signless = power.trim_start_matches(['-', '+']);
    let digits = signless.find(|c: char| !c.is_ascii_digit()).unwrap_or(signless.len());
    let end = power.len() - signless.len() + digits;
    Some((power[..end].parse().ok()?, &power[end..]))
}

/// A decimal number with its point moved, to the right if `places` is positive.
fn shifted(number: &str, places: i8) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if places == 0 || whole.is_empty() || fraction.contains('.') {
        return number.to_owned();
    }
    let zeros = "0".repeat(usize::from(places.unsigned_abs()));
    if places > 0 {
        let padded = format!("{fraction}{zeros}");
        let (more, rest) = padded.split_at(zeros.len());
        return format!("{whole}{more}.{rest}");
    }
    let padded = format!("{zeros}{whole}");
    let (kept, behind) = padded.split_at(padded.len() - zeros.len());
    format!("{kept}.{behind}{fraction}")
}

/// Implements serde by way of `Display` and `FromStr`, and says in a schema that it is text:
/// `$such` is an example.
macro_rules! serde_as_text {
    ($type:ident, $such:literal) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "examples": [$such] })
            }
        }

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str>>::deserialize(source)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

#[cfg(test)]
mod tests {
    use crate::time::Duration;
    use crate::units::{Bytes, BytesPerSecond};

    #[test]
    fn quantities_are_read_as_written() {
        assert_eq!("20ms".parse(), Ok(Duration::from_millis(20)));
        assert_eq!("2.5us".parse(), Ok(Duration(2_500)));
        assert_eq!("1 MiB".parse(), Ok(Bytes::from_mib(1)));
        assert_eq!("0.5KB".parse(), Ok(Bytes(500)));
        assert_eq!("10Gbit/s".parse(), Ok(BytesPerSecond(1_250_000_000)));
        assert_eq!("1e3ms".parse(), Ok(Duration::from_secs(1)));
        assert_eq!("2.5e-1s".parse(), Ok(Duration::from_millis(250)));
        assert_eq!("1.25E2 ms".parse(), Ok(Duration::from_millis(125)));
        assert_eq!("unlimited".parse(), Ok(BytesPerSecond::UNLIMITED));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for text in [
            "20",
            "ms",
            "20 parsecs",
            "-1ms",
            "",
            "1.2.3s",
            "99999999999999d",
            "1e99s",
            "1es",
            "1e+-3s",
        ] {
            let error = text.parse::<Duration>().unwrap_err().to_string();
            assert!(error.contains("20ms") && error.contains("us"), "{error}");
        }
        assert!("0MB/s".parse::<BytesPerSecond>().is_err());
    }

    #[test]
    fn display_reads_back() {
        for nanos in [0, 1, 1_500, 2_000_000, 61_000_000_000, 123_456_789] {
            let duration = Duration(nanos);
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
