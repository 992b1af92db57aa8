//! Payloads: the bytes of an event, made from the event alone, of exactly the scheduled size.
//!
//! | size | form |
//! |---|---|
//! | 640 B and more | a tweet's JSON: id, time, hashtags, user, text, and filler up to the size |
//! | 200 to 639 B | JSON with the stamp and text only |
//! | 49 to 199 B | a binary stamp and filler |
//! | below 49 B | filler: nothing to check it by |
//!
//! With `payload = "tweet-v1"` or `"tweet-v2"` an event that is large enough for it is a tweet as
//! Twitter's API has it, with the stamp in a field `headwater` in front, and behind everything else
//! a field `padding` for what is left of the size.
//!
//! The first three of the table, and tweets, carry a [`Stamp`] and, over everything before it, a
//! 64-bit checksum; [`super::parse::parse`] gives the stamp back or says what is damaged.

mod json;
mod text;
mod tweet_v1;
mod tweet_v2;
mod writing;

use std::sync::Arc;

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_sim::time::Time;
use rand::Rng;

pub use self::json::civil;
pub(super) use self::json::tag_name;
use self::json::{EPOCH_MS, SNOWFLAKE_MS, created_at, number};
use self::text::Stock;
use super::form::PayloadForm;
use super::languages::Language;
use super::plan::{Plan, Tweet};

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
/// What stands before the stamp of a tweet.
pub(super) const STAMP_FIELD: &[u8] = b"{\"headwater\":";
/// Bytes of the whole checksum field.
pub(super) const CHECKSUM_LEN: usize = CHECKSUM_HEAD.len() + 16 + CHECKSUM_TAIL.len();

/// What stands before the padding of a tweet.
const PADDING: &[u8] = b",\"padding\":\"";
/// Bytes of padding and checksum at the least.
const SEALED: usize = PADDING.len() + CHECKSUM_LEN;

/// Makes payloads for the events of one plan.
#[derive(Clone, Debug)]
pub struct Payloads {
    plan: Arc<Plan>,
    /// Words to cut texts from; longer than any cut, so that a cut is one copy.
    words: Vec<u8>,
    /// Texts of tweets, by language.
    stocks: Vec<Stock>,
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
        let spec = plan.spec();
        let mut spoken: Vec<Language> = spec.languages.iter().map(|of| of.code).collect();
        if spoken.is_empty() {
            spoken.push(Language::default());
        }
        if spec.payload == PayloadForm::Filler {
            spoken.clear();
        }
        let stocks = spoken.into_iter().map(|language| Stock::new(language, plan.seed));
        Self { stocks: stocks.collect(), plan, words }
    }

    /// Puts the payload of `arrival`, which retweets nothing, into `out`, in place of what was
    /// there: `arrival.bytes` bytes, the same for the same plan, arrival and place.
    pub fn write(&self, arrival: &Arrival, place: Place, out: &mut Vec<u8>) {
        self.write_tweet(&Tweet { arrival: *arrival, original: None }, place, out);
    }

    /// The same of an event that may retweet another.
    pub fn write_tweet(&self, tweet: &Tweet, place: Place, out: &mut Vec<u8>) {
        let form = self.plan.spec.payload;
        if tweet.arrival.bytes < form.least() {
            return self.filler(tweet, place, out);
        }
        match form {
            PayloadForm::Filler => self.filler(tweet, place, out),
            PayloadForm::TweetV1 => self.api_tweet(tweet, place, tweet_v1::write, out),
            PayloadForm::TweetV2 => self.api_tweet(tweet, place, tweet_v2::write, out),
        }
    }

    fn filler(&self, tweet: &Tweet, place: Place, out: &mut Vec<u8>) {
        let arrival = &tweet.arrival;
        let bytes = arrival.bytes as usize;
        let stamp = Stamp { index: arrival.index, key: arrival.key, at: arrival.at, place };
        out.clear();
        out.reserve(bytes);
        if bytes >= JSON_MIN {
            json_head(&stamp, out);
            if bytes >= TWEET_MIN {
                self.tweet(tweet, out);
            }
            out.extend_from_slice(b"\"text\":\"");
            self.text(tweet, bytes - CHECKSUM_LEN, out);
            seal(out);
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
    fn tweet(&self, tweet: &Tweet, out: &mut Vec<u8>) {
        let arrival = &tweet.arrival;
        let user = self.plan.user(arrival);
        out.extend_from_slice(b"\"id_str\":\"");
        number(snowflake(arrival), out);
        out.extend_from_slice(b"\",\"created_at\":\"");
        created_at(arrival.at, out);
        out.extend_from_slice(b"\",\"lang\":\"");
        out.extend_from_slice(self.plan.language(tweet).code().as_bytes());
        out.extend_from_slice(b"\",\"truncated\":false,\"user\":{\"id\":");
        number(user, out);
        out.extend_from_slice(b",\"screen_name\":\"user_");
        number(user, out);
        out.extend_from_slice(b"\",\"verified\":false},\"entities\":{\"hashtags\":[");
        if let Some(tag) = self.plan.tag(tweet) {
            out.extend_from_slice(b"{\"text\":\"");
            tag_name(tag, out);
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b"],\"urls\":[],\"user_mentions\":[]},");
    }

    /// The text, of the scheduled length, and in `description` what is left up to `end`.
    fn text(&self, tweet: &Tweet, end: usize, out: &mut Vec<u8>) {
        let arrival = &tweet.arrival;
        const REST: &[u8] = b"\",\"description\":\"";
        let room = end.saturating_sub(out.len());
        let text = self.plan.sizes.text(arrival.at) as usize;
        if room < text + REST.len() {
            return self.fill(arrival.at.0, end, out);
        }
        let stop = out.len() + text;
        if let Some(tag) = self.plan.tag(tweet).filter(|_| text > 24) {
            out.push(b'#');
            tag_name(tag, out);
            out.push(b' ');
        }
        self.fill(arrival.at.0, stop, out);
        out.extend_from_slice(REST);
        self.fill(arrival.at.0 ^ 1, end, out);
    }

    /// A tweet by `write`, between its stamp and its padding.
    fn api_tweet(
        &self,
        tweet: &Tweet,
        place: Place,
        write: fn(&Self, &Tweet, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        let arrival = &tweet.arrival;
        let stamp = Stamp { index: arrival.index, key: arrival.key, at: arrival.at, place };
        out.clear();
        out.reserve(arrival.bytes as usize);
        out.extend_from_slice(STAMP_FIELD);
        json_head(&stamp, out);
        out.pop();
        out.extend_from_slice(b"},");
        write(self, tweet, out);
        out.extend_from_slice(PADDING);
        self.fill(arrival.at.0 ^ 1, arrival.bytes as usize - CHECKSUM_LEN, out);
        seal(out);
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

/// Closes a string and adds the checksum of all before it.
fn seal(out: &mut Vec<u8>) {
    out.extend_from_slice(CHECKSUM_HEAD);
    let sum = checksum(out);
    let digit = |shift: u32| b"0123456789abcdef"[(sum >> shift) as usize & 15];
    out.extend((0..16).rev().map(|nibble| digit(nibble * 4)));
    out.extend_from_slice(CHECKSUM_TAIL);
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

/// A tweet id: milliseconds since 2010-11-04 01:42:54.657 UTC, 10 bits of worker, 12 of sequence
/// (Twitter's Snowflake announcement, June 2010).
fn snowflake(arrival: &Arrival) -> u64 {
    let since = (EPOCH_MS - SNOWFLAKE_MS).wrapping_add(arrival.at.0 / 1_000_000);
    since << 22 | arrival.index & 0x3f_ffff
}
