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
    let unix_ms = unix_ms(time, [b' ', b','])?;
    let message = rest.split_once(' ')?.1;
    Some(Line { unix_ms, message })
}

/// Milliseconds since 1970 of a time such as `2026-11-28 11:18:01,123`, with these signs behind
/// the day and before the milliseconds.
pub(crate) fn unix_ms(time: &str, [behind_day, before_ms]: [u8; 2]) -> Option<u64> {
    let field = |from: usize, to: usize| time.get(from..to)?.parse::<u64>().ok();
    let shape = [(4, b'-'), (7, b'-'), (10, behind_day), (13, b':'), (16, b':'), (19, before_ms)];
    let is_shaped = |(at, sign): &(usize, u8)| time.as_bytes().get(*at) == Some(sign);
    let (month, day) = (field(5, 7)?, field(8, 10)?);
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day);
    if time.len() != 23 || !shape.iter().all(is_shaped) || !is_day {
        return None;
    }
    let days = days(field(0, 4)?, month, day);
    let seconds = ((days * 24 + field(11, 13)?) * 60 + field(14, 16)?) * 60 + field(17, 19)?;
    Some(seconds * 1_000 + field(20, 23)?)
}

/// Days since 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
