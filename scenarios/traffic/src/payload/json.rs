//! Pieces of JSON: numbers, dates, names and ids.

use headwater_sim::time::Time;

/// Milliseconds from 1970 to the schedule's start as the payloads state it: 2022-01-05 00:00 UTC,
/// the date of the paper. A fixed one, so that payloads are the same on every run.
pub(super) const EPOCH_MS: u64 = 1_641_340_800_000;

/// Milliseconds from 1970 to 2010-11-04 01:42:54.657 UTC, from which tweet ids count (Twitter's
/// Snowflake announcement, June 2010).
pub(super) const SNOWFLAKE_MS: u64 = 1_288_834_974_657;

pub(super) fn number(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

/// A pronounceable name for a hashtag by its rank: two letters per digit in base 70.
pub(crate) fn tag_name(tag: u64, out: &mut Vec<u8>) {
    const CONSONANTS: &[u8; 14] = b"tnrskmdlpbghvz";
    const VOWELS: &[u8; 5] = b"aeiou";
    let mut left = tag;
    loop {
        let digit = (left % 70) as usize;
        out.extend_from_slice(&[CONSONANTS[digit / 5], VOWELS[digit % 5]]);
        left /= 70;
        if left == 0 {
            break;
        }
    }
}

/// `at` after the schedule's start, as `2022-01-05T00:00:00.000Z`.
pub(super) fn created_at(at: Time, out: &mut Vec<u8>) {
    iso_date(EPOCH_MS + at.0 / 1_000_000, out);
}

/// Milliseconds since 1970 as `2022-01-05T00:00:00.000Z`.
pub(super) fn iso_date(ms: u64, out: &mut Vec<u8>) {
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    padded(year, 4, b"-", out);
    padded(month, 2, b"-", out);
    padded(day, 2, b"T", out);
    padded(ms / 3_600_000, 2, b":", out);
    padded(ms / 60_000 % 60, 2, b":", out);
    padded(ms / 1_000 % 60, 2, b".", out);
    padded(ms % 1_000, 3, b"Z", out);
}

/// Milliseconds since 1970 as `Wed Jan 05 00:00:00 +0000 2022`.
pub(super) fn long_date(ms: u64, out: &mut Vec<u8>) {
    // 1970-01-01 was a Thursday.
    const DAYS: [&[u8]; 7] = [b"Thu ", b"Fri ", b"Sat ", b"Sun ", b"Mon ", b"Tue ", b"Wed "];
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    out.extend_from_slice(DAYS[(days % 7) as usize]);
    let from = (month as usize - 1) * 3;
    out.extend_from_slice(&MONTHS[from..from + 3]);
    out.push(b' ');
    padded(day, 2, b" ", out);
    padded(ms / 3_600_000, 2, b":", out);
    padded(ms / 60_000 % 60, 2, b":", out);
    padded(ms / 1_000 % 60, 2, b" +0000 ", out);
    padded(year, 4, b"", out);
}

/// `value` in `width` digits, and what stands behind it.
fn padded(value: u64, width: u32, behind: &[u8], out: &mut Vec<u8>) {
    let mut power = 10_u64.pow(width - 1);
    while power > 0 {
        out.push(b'0' + (value / power % 10) as u8);
        power /= 10;
    }
    out.extend_from_slice(behind);
}

/// Year, month and day of a day counted from 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", civil_from_days).
pub fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let january = month >= 10;
    let month = if january { month - 9 } else { month + 3 };
    (era * 400 + year + u64::from(january), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases =
            [(0, "2022-01-05T00:00:00.000Z"), (47 * 86_400 + 3_723, "2022-02-21T01:02:03.")];
        for (seconds, text) in cases {
            let mut out = vec![];
            created_at(Time(seconds * 1_000_000_000), &mut out);
            assert!(out.starts_with(text.as_bytes()), "{}", String::from_utf8_lossy(&out));
        }
        assert_eq!(civil(19_782), (2024, 2, 29));
        let mut out = vec![];
        long_date(EPOCH_MS + 47 * 86_400_000 + 3_723_000, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "Mon Feb 21 01:02:03 +0000 2022");
    }
}
