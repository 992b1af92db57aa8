//! Lines of the logs of launched JVMs, with their times.

/// A line of a log: when, milliseconds since 1970, and the message.
pub(crate) struct Line<'a> {
    /// When, milliseconds since 1970.
    pub(crate) unix_ms: u64,
    /// What it says behind the level.
    pub(crate) message: &'a str,
}

/// The line, if it has a time as log4j and logback write it: `2026-11-28 11:18:01,123 INFO ...`,
/// in UTC.
pub(crate) fn line(text: &str) -> Option<Line<'_>> {
    let (time, rest) = (text.get(..23)?, text.get(24..)?);
    let field = |from: usize, to: usize| time.get(from..to)?.parse::<u64>().ok();
    let shape = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':'), (19, b',')];
    if shape.iter().any(|(at, sign)| time.as_bytes()[*at] != *sign) {
        return None;
    }
    let days = days(field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let seconds = ((days * 24 + field(11, 13)?) * 60 + field(14, 16)?) * 60 + field(17, 19)?;
    let message = rest.split_once(' ')?.1;
    Some(Line { unix_ms: seconds * 1_000 + field(20, 23)?, message })
}

/// Days since 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
