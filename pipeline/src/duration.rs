//! Times of the command line: a number with its unit, as scenario files have them.

use std::time::Duration;

/// Units and their nanoseconds; the longer names first where one ends with another.
const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// `text` as a time: `500ms`, `5s`, `1m`.
///
/// # Errors
/// What was expected in its place.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: a number with its unit, such as 500ms, 5s or 1m");
    let split = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let (_, ns) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.checked_mul(*ns).map(Duration::from_nanos).ok_or_else(wrong)
}

/// The same, above 0.
///
/// # Errors
/// What was expected in its place.
pub fn positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err(format!("{text:?} is no time at all: it is above that")),
        time => Ok(time),
    }
}

/// Whole microseconds, the unit of the records' times.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_its_unit() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["", "5", "s", "5 s", "-5s", "5sec", "1.5s", "99999999999h"] {
            let told = parse(wrong).expect_err(wrong);
            assert!(told.contains("a number with its unit"), "{told}");
        }
        assert!(positive("0s").is_err() && parse("0s").is_ok());
    }
}
