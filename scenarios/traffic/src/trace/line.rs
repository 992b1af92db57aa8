//! One line of a trace.

use std::borrow::Cow;

use headwater_sim::fingerprint::mix;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::spec::{Format, Unit};
use crate::form::BYTES_MAX;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its time in nanoseconds, by the trace's own clock.
    pub(super) time: u64,
    /// Its key; none where it is empty.
    pub(super) key: Option<u64>,
    /// Bytes.
    pub(super) bytes: u32,
}

/// What was expected of a line, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amiss {
    pub(super) expected: String,
    pub(super) found: String,
}

impl Amiss {
    pub(super) fn new(expected: impl Into<String>, found: &[u8]) -> Self {
        const MOST: usize = 40;
        let text = String::from_utf8_lossy(&found[..found.len().min(4 * MOST)]);
        let mut short: String = text.chars().take(MOST).collect();
        if short.len() < text.len() || found.len() > 4 * MOST {
            short.push_str("...");
        }
        Self { expected: expected.into(), found: short }
    }
}

/// Reads lines of one trace.
#[derive(Debug)]
pub(super) struct Parser {
    format: Format,
    unit: Unit,
    /// Columns of time, key and size, once the first line has said or not said them.
    columns: Option<[Option<usize>; 3]>,
    /// Whether events have keys.
    keyed: bool,
}

/// Names of columns and fields.
const NAMES: [&[&str]; 3] = [&["time", "timestamp", "at"], &["key"], &["size", "bytes"]];

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, alias = "timestamp", alias = "at")]
    time: &'a RawValue,
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, alias = "bytes")]
    size: &'a RawValue,
}

impl Parser {
    pub(super) fn new(format: Format, unit: Unit, keyed: bool) -> Self {
        Self { format, unit, columns: None, keyed }
    }

    /// What a line says; none of a comment, an empty one, and one that names the columns.
    pub(super) fn parse(&mut self, line: &[u8]) -> Result<Option<Entry>, Amiss> {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            return Ok(None);
        }
        match self.format {
            Format::Csv => self.csv(line),
            Format::Ndjson => self.object(line).map(Some),
        }
    }

    fn csv(&mut self, line: &[u8]) -> Result<Option<Entry>, Amiss> {
        let Some(columns) = self.columns else {
            let fields: Vec<_> = fields(line).collect();
            let number = fields.first().is_some_and(|field| nanos(field, self.unit).is_some());
            let plain = [Some(0), Some(1), Some(2)];
            self.columns = Some(if number { plain } else { self.header(line, &fields)? });
            return if number { self.csv(line) } else { Ok(None) };
        };
        let mut found: [Option<Cow<'_, [u8]>>; 3] = [None, None, None];
        for (index, field) in fields(line).enumerate() {
            if let Some(place) = columns.iter().position(|column| *column == Some(index)) {
                found[place] = Some(field);
            }
        }
        let [time, key, size] = found;
        let missing = || Amiss::new("time, key and size, with commas in between", line);
        let (time, size) = (time.ok_or_else(missing)?, size.ok_or_else(missing)?);
        let key = key.filter(|key| !key.is_empty()).map(|key| key_of(&key));
        self.entry(&time, key, &size, line).map(Some)
    }

    fn header(&self, line: &[u8], fields: &[Cow<'_, [u8]>]) -> Result<[Option<usize>; 3], Amiss> {
        let named = |names: &[&str]| {
            let is = |field: &Cow<'_, [u8]>| {
                names.iter().any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
            };
            fields.iter().position(is)
        };
        let columns = NAMES.map(named);
        if columns[0].is_none() || columns[2].is_none() || (self.keyed && columns[1].is_none()) {
            let want = format!(
                "numbers (time in {}, key, size), or a first line that names time, key and size",
                self.unit.name()
            );
            return Err(Amiss::new(want, line));
        }
        Ok(columns)
    }

    fn object(&self, line: &[u8]) -> Result<Entry, Amiss> {
        let example = "an object such as {\"time\": 12.5, \"key\": \"user-7\", \"size\": 2111}";
        let object: Object<'_> =
            serde_json::from_slice(line).map_err(|_| Amiss::new(example, line))?;
        let key = match object.key.map(RawValue::get) {
            None | Some("null" | "\"\"") => None,
            Some(text) if text.starts_with('"') => {
                let word: Cow<'_, str> =
                    serde_json::from_str(text).map_err(|_| Amiss::new(example, line))?;
                Some(key_of(word.as_bytes()))
            }
            Some(number) if number.parse::<u64>().is_ok() => Some(key_of(number.as_bytes())),
            Some(other) => {
                return Err(Amiss::new("a string or a whole number as key", other.as_bytes()));
            }
        };
        let (time, size) = (object.time.get(), object.size.get());
        self.entry(time.as_bytes(), key, size.as_bytes(), line)
    }

    fn entry(
        &self,
        time: &[u8],
        key: Option<u64>,
        size: &[u8],
        line: &[u8],
    ) -> Result<Entry, Amiss> {
        let unit = self.unit.name();
        let wrong_time = || Amiss::new(format!("a time in {unit}, such as 12.5"), time);
        let wrong_size = || Amiss::new("a size from 1 to 67108864 bytes", size);
        let time = nanos(time, self.unit).ok_or_else(wrong_time)?;
        let bytes: Option<u64> = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
        let bytes = bytes.filter(|bytes| (1..=BYTES_MAX).contains(bytes)).ok_or_else(wrong_size)?;
        if self.keyed && key.is_none() {
            return Err(Amiss::new("a key (or traffic.key = \"none\")", line));
        }
        Ok(Entry { time, key, bytes: bytes as u32 })
    }
}

/// Fields between commas; one in quotes may have commas, and quotes twice (RFC 4180).
fn fields(line: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        if !text.trim_ascii_start().starts_with(b"\"") {
            let end = text.iter().position(|byte| *byte == b',');
            rest = end.map(|end| &text[end + 1..]);
            return Some(Cow::Borrowed(text[..end.unwrap_or(text.len())].trim_ascii()));
        }
        let text = &text.trim_ascii_start()[1..];
        let (mut field, mut at) = (Vec::new(), 0);
        while at < text.len() {
            match (text[at], text.get(at + 1)) {
                (b'"', Some(b'"')) => at += 1,
                (b'"', _) => break,
                _ => {}
            }
            field.push(text[at]);
            at += 1;
        }
        let behind = text.get(at + 1..).unwrap_or_default();
        rest = behind.iter().position(|byte| *byte == b',').map(|comma| &behind[comma + 1..]);
        Some(Cow::Owned(field))
    })
}

/// A key: a whole number is itself, any other word its hash.
fn key_of(word: &[u8]) -> u64 {
    let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| {
        let (words, rest) = word.as_chunks::<8>();
        let hash =
            words.iter().fold(word.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
    })
}

/// A decimal number of `unit` as nanoseconds, rounded to the nearest; none if it is no number, is
/// negative, or does not fit.
fn nanos(text: &[u8], unit: Unit) -> Option<u64> {
    let (mut digits, mut power, mut count) = (0_u128, unit.power(), 0);
    let mut rest = text;
    let mut behind_point = false;
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            b'0'..=b'9' if count < 30 => {
                digits = digits * 10 + u128::from(byte - b'0');
                count += 1;
                power -= i32::from(behind_point);
            }
            b'.' if !behind_point => behind_point = true,
            b'e' | b'E' if count > 0 => {
                let exponent: i32 = std::str::from_utf8(after).ok()?.parse().ok()?;
                power += exponent.clamp(-1_000, 1_000);
                break;
            }
            _ => return None,
        }
        rest = after;
    }
    if count == 0 {
        return None;
    }
    let nanos = if power >= 0 {
        digits.checked_mul(10_u128.checked_pow(power.unsigned_abs())?)?
    } else {
        // Of more digits than a number has nothing is left.
        10_u128.checked_pow(power.unsigned_abs()).map_or(0, |scale| (digits + scale / 2) / scale)
    };
    nanos.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_to_the_nanosecond_in_any_unit_and_notation() {
        let cases = [
            ("0.000281480", Unit::S, Some(281_480)),
            ("1641340800.123456789", Unit::S, Some(1_641_340_800_123_456_789)),
            ("2.8148e-4", Unit::S, Some(281_480)),
            ("1e3", Unit::Us, Some(1_000_000)),
            ("1641340800123", Unit::Ms, Some(1_641_340_800_123_000_000)),
            ("0.4", Unit::Ns, Some(0)),
            ("0.6", Unit::Ns, Some(1)),
            ("-1", Unit::S, None),
            ("", Unit::S, None),
            (".", Unit::S, None),
            ("1.2.3", Unit::S, None),
            ("99999999999", Unit::S, None),
        ];
        for (text, unit, expected) in cases {
            assert_eq!(nanos(text.as_bytes(), unit), expected, "{text} {unit:?}");
        }
    }

    #[test]
    fn fields_may_stand_in_quotes() {
        let text = br#"1.5, "a ""b"", c" ,7,"#;
        let found: Vec<_> = fields(text).map(|f| String::from_utf8(f.into_owned())).collect();
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(found, ["1.5", "a \"b\", c", "7", ""]);
    }
}
