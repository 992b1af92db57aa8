//! Payloads: the bytes of an event, made from the event alone, of exactly the scheduled size.
//!
//! | size | form |
//! |---|---|
//! | 640 B and more | a tweet's JSON: id, time, hashtags, user, text, and filler up to the size |
//! | 200 to 639 B | JSON with the stamp and text only |
//! | 49 to 199 B | a binary stamp and filler |
//! | below 49 B | filler: nothing to check it by |
//!
//! The first three carry a [`Stamp`] and, over everything before it, a 64-bit checksum;
//! [`super::parse::parse`] gives the stamp back or says what is damaged.

use std::sync::Arc;

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_sim::time::Time;
use rand::Rng;

use super::plan::Plan;

/// Where an event stands among its writer's: the numbers that the checkers work with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The producer, from 0.
    pub writer: u32,
    /// The lane (partition, or bucket of keys) in which order is promised.
    pub lane: u32,
    /// The writer's sequence number on that lane, from 0, without a gap.
    pub seq: u64,
}

/// What a payload says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The event's number in the schedule.
    pub index: u64,
    /// Its key.
    pub key: u64,
    /// Its intended time.
    pub at: Time,
    /// Its place among its writer's events.
    pub place: Place,
}

/// From this size on a payload is a tweet's JSON.
pub(super) const TWEET_MIN: usize = 640;
/// From this size on a payload is JSON.
pub(super) const JSON_MIN: usize = 200;
/// From this size on a payload has a stamp: tag 1, index, key, time and sequence number 8 each,
/// writer and lane 4 each, checksum 8.
pub(super) const STAMP_MIN: usize = 49;
/// First byte of a binary stamp.
pub(super) const STAMP_TAG: u8 = 1;
/// What stands before the 16 hexadecimal digits of a JSON checksum, and after them.
pub(super) const CHECKSUM_HEAD: &[u8] = b"\",\"checksum\":\"";
pub(super) const CHECKSUM_TAIL: &[u8] = b"\"}";
/// Bytes of the whole checksum field.
pub(super) const CHECKSUM_LEN: usize = CHECKSUM_HEAD.len() + 16 + CHECKSUM_TAIL.len();

/// Makes payloads for the events of one plan.
#[derive(Clone, Debug)]
pub struct Payloads {
    plan: Arc<Plan>,
    /// Words to cut texts from; longer than any cut, so that a cut is one copy.
    words: Vec<u8>,
}

/// Length of the words; texts longer than a half are made of several cuts.
const WORDS_LEN: usize = 8_192;

impl Payloads {
    /// For the events of `plan`.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut draws = plan.seed.stream("words", 0);
        let mut words = Vec::with_capacity(WORDS_LEN + 16);
        while words.len() < WORDS_LEN {
            tag_name(draws.random_range(0..1 << 14), &mut words);
            words.push(b' ');
        }
        words.truncate(WORDS_LEN);
        Self { plan, words }
    }

    /// Puts the payload of `arrival` into `out`, in place of what was there: `arrival.bytes` bytes,
    /// the same for the same plan, arrival and place.
    pub fn write(&self, arrival: &Arrival, place: Place, out: &mut Vec<u8>) {
        let bytes = arrival.bytes as usize;
        let stamp = Stamp { index: arrival.index, key: arrival.key, at: arrival.at, place };
        out.clear();
        out.reserve(bytes);
        if bytes >= JSON_MIN {
            json_head(&stamp, out);
            if bytes >= TWEET_MIN {
                self.tweet(arrival, out);
            }
            out.extend_from_slice(b"\"text\":\"");
            self.text(arrival, bytes - CHECKSUM_LEN, out);
            out.extend_from_slice(CHECKSUM_HEAD);
            let sum = checksum(out);
            let digit = |shift: u32| b"0123456789abcdef"[(sum >> shift) as usize & 15];
            out.extend((0..16).rev().map(|nibble| digit(nibble * 4)));
            out.extend_from_slice(CHECKSUM_TAIL);
        } else if bytes >= STAMP_MIN {
            binary_head(&stamp, out);
            self.fill(arrival.at.0, bytes - 8, out);
            let sum = checksum(out);
            out.extend_from_slice(&sum.to_le_bytes());
        } else {
            self.fill(arrival.at.0, bytes, out);
        }
    }

    /// What a tweet has before its text.
    fn tweet(&self, arrival: &Arrival, out: &mut Vec<u8>) {
        let user = self.plan.users.rank(arrival.at);
        out.extend_from_slice(b"\"id_str\":\"");
        number(snowflake(arrival), out);
        out.extend_from_slice(b"\",\"created_at\":\"");
        created_at(arrival.at, out);
        out.extend_from_slice(b"\",\"lang\":\"en\",\"truncated\":false,\"user\":{\"id\":");
        number(user, out);
        out.extend_from_slice(b",\"screen_name\":\"user_");
        number(user, out);
        out.extend_from_slice(b"\",\"verified\":false},\"entities\":{\"hashtags\":[");
        if let Some(tag) = self.plan.tag(arrival) {
            out.extend_from_slice(b"{\"text\":\"");
            tag_name(tag, out);
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b"],\"urls\":[],\"user_mentions\":[]},");
    }

    /// The text, of the scheduled length, and in `description` what is left up to `end`.
    fn text(&self, arrival: &Arrival, end: usize, out: &mut Vec<u8>) {
        const REST: &[u8] = b"\",\"description\":\"";
        let room = end.saturating_sub(out.len());
        let text = self.plan.sizes.text(arrival.at) as usize;
        if room < text + REST.len() {
            return self.fill(arrival.at.0, end, out);
        }
        let stop = out.len() + text;
        if let Some(tag) = self.plan.tag(arrival).filter(|_| text > 24) {
            out.push(b'#');
            tag_name(tag, out);
            out.push(b' ');
        }
        self.fill(arrival.at.0, stop, out);
        out.extend_from_slice(REST);
        self.fill(arrival.at.0 ^ 1, end, out);
    }

    /// Words up to a length of `end`, cut at a place that `salt` decides.
    fn fill(&self, salt: u64, end: usize, out: &mut Vec<u8>) {
        let half = WORDS_LEN / 2;
        let mut salt = mix(salt, 0x3c6e_f372_fe94_f82b);
        while out.len() < end {
            let from = (salt >> 32) as usize % half;
            let take = (end - out.len()).min(half);
            out.extend_from_slice(&self.words[from..from + take]);
            salt = mix(salt, 1);
        }
    }
}

fn json_head(stamp: &Stamp, out: &mut Vec<u8>) {
    let fields: [(&[u8], u64); 6] = [
        (b"{\"index\":", stamp.index),
        (b",\"key\":", stamp.key),
        (b",\"at_ns\":", stamp.at.0),
        (b",\"writer\":", stamp.place.writer.into()),
        (b",\"lane\":", stamp.place.lane.into()),
        (b",\"seq\":", stamp.place.seq),
    ];
    for (name, value) in fields {
        out.extend_from_slice(name);
        number(value, out);
    }
    out.push(b',');
}

fn binary_head(stamp: &Stamp, out: &mut Vec<u8>) {
    out.push(STAMP_TAG);
    for value in [stamp.index, stamp.key, stamp.at.0, stamp.place.seq] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    for value in [stamp.place.writer, stamp.place.lane] {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// 64-bit checksum: four chains side by side, each of which takes eight bytes at a step.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut chains = [1, 2, 3, 4];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (chain, word) in chains.iter_mut().zip(words) {
            *chain = mix(*chain, u64::from_le_bytes(*word));
        }
    }
    let hash = chains.into_iter().fold(bytes.len() as u64, mix);
    rest.chunks(8).fold(hash, |hash, part| {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        mix(hash, u64::from_le_bytes(word))
    })
}

fn number(mut value: u64, out: &mut Vec<u8>) {
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
pub(super) fn tag_name(tag: u64, out: &mut Vec<u8>) {
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

/// Milliseconds from 1970 to the schedule's start as the payloads state it: 2022-01-05 00:00 UTC,
/// the date of the paper. A fixed one, so that payloads are the same on every run.
const EPOCH_MS: u64 = 1_641_340_800_000;

/// A tweet id: milliseconds since 2010-11-04 01:42:54.657 UTC, 10 bits of worker, 12 of sequence
/// (Twitter's Snowflake announcement, June 2010).
fn snowflake(arrival: &Arrival) -> u64 {
    let since = (EPOCH_MS - 1_288_834_974_657).wrapping_add(arrival.at.0 / 1_000_000);
    since << 22 | arrival.index & 0x3f_ffff
}

/// `at` after the schedule's start, as `2022-01-05T00:00:00.000Z`.
fn created_at(at: Time, out: &mut Vec<u8>) {
    let ms = EPOCH_MS + at.0 / 1_000_000;
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let mut field = |value: u64, width: u64, after: u8| {
        let mut power = 10_u64.pow(width as u32 - 1);
        while power > 0 {
            out.push(b'0' + (value / power % 10) as u8);
            power /= 10;
        }
        out.push(after);
    };
    field(year, 4, b'-');
    field(month, 2, b'-');
    field(day, 2, b'T');
    field(ms / 3_600_000, 2, b':');
    field(ms / 60_000 % 60, 2, b':');
    field(ms / 1_000 % 60, 2, b'.');
    field(ms % 1_000, 3, b'Z');
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
    }
}
