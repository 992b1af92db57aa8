//! What both shapes of a tweet are made of.

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;

use super::json::{EPOCH_MS, SNOWFLAKE_MS, number, tag_name};
use super::text::Stock;
use super::{Payloads, SEALED, Tweet};

/// Letters of a retweet's text at the most: the limit in the compatible form of version 1.1.
const RETWEET_MOST: usize = 140;

/// One status: the tweet itself, or what it retweets.
#[derive(Clone, Copy)]
pub(super) struct Status {
    /// Nanoseconds from the start.
    pub(super) at: i64,
    /// Who wrote it.
    pub(super) user: u64,
}

/// A text with what stands in it, in letters from its beginning.
#[derive(Default)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Who is retweeted, and where the name stands.
    pub(super) mention: Option<(u64, usize, usize)>,
    /// The hashtag, and where it stands.
    pub(super) tag: Option<(u64, usize, usize)>,
}

impl Status {
    /// Milliseconds since 1970. What is far from any schedule is put within the years of tweets.
    pub(super) fn ms(self) -> u64 {
        let ms = EPOCH_MS.saturating_add_signed(self.at.div_euclid(1_000_000));
        ms.clamp(SNOWFLAKE_MS, EPOCH_MS + (1 << 40))
    }

    /// Its id: as [`super::snowflake`], with the nanoseconds of its millisecond where worker and
    /// sequence stand, so that the time alone gives it.
    pub(super) fn id(self) -> u64 {
        (self.ms() - SNOWFLAKE_MS) << 22 | self.at.rem_euclid(1_000_000) as u64
    }
}

impl Tweet {
    pub(super) fn status(&self, payloads: &Payloads) -> Status {
        let at = i64::try_from(self.arrival.at.0).unwrap_or(i64::MAX);
        Status { at, user: payloads.plan.user(&self.arrival) }
    }

    /// What it retweets.
    pub(super) fn retweeted(&self, payloads: &Payloads) -> Option<Status> {
        let at = self.original?;
        Some(Status { at, user: payloads.plan.users.rank(self.about()) })
    }

    /// What it retweets, as a tweet of its own.
    pub(super) fn as_original(&self) -> Self {
        let arrival = Arrival { at: self.about(), ..self.arrival };
        Self { arrival, original: None }
    }
}

impl Payloads {
    /// The text of a tweet in up to `room` bytes.
    pub(super) fn text_of(&self, tweet: &Tweet, room: usize) -> Text {
        let mut text = Text::default();
        let mut letters = 0;
        if let Some(original) = tweet.retweeted(self) {
            text.bytes.extend_from_slice(b"RT @");
            screen_name(original.user, &mut text.bytes);
            letters = text.bytes.len();
            text.mention = Some((original.user, 3, letters));
            text.bytes.extend_from_slice(b": ");
            letters += 2;
        }
        let language = self.plan.language(tweet);
        let stock = self.stocks.iter().find(|stock| stock.language == language);
        let stock: &Stock = stock.unwrap_or(&self.stocks[0]);
        let about = tweet.about();
        let mut most = (self.plan.sizes.text(about) / stock.weight).max(1) as usize;
        let cut = text.mention.is_some() && letters + most > RETWEET_MOST;
        if cut {
            most = RETWEET_MOST - 1 - letters.min(RETWEET_MOST - 1);
        }
        let mut tag = vec![b'#'];
        let tagged = self.plan.tag(tweet).inspect(|number| tag_name(*number, &mut tag));
        if let Some(number) =
            tagged.filter(|_| most > tag.len() + 24 && room > text.bytes.len() + tag.len() + 24)
        {
            text.tag = Some((number, letters, letters + tag.len()));
            text.bytes.extend_from_slice(&tag);
            text.bytes.push(b' ');
            most -= tag.len() + 1;
        }
        let room = room.saturating_sub(text.bytes.len() + 3);
        stock.cut(about.0, most, room, &mut text.bytes);
        if cut {
            text.bytes.extend_from_slice("…".as_bytes());
        }
        text
    }
}

/// Bytes of each text from which on there is room for what is retweeted.
const ROOM: usize = 150;

/// What of it stands in a tweet as a whole, if there is room for that, and how many bytes the text
/// may have, of each then: everything else takes `frame` bytes, and what is retweeted `inner`.
pub(super) fn fit(
    tweet: &Tweet,
    retweeted: Option<Status>,
    frame: usize,
    inner: usize,
) -> (Option<Status>, usize) {
    let room = (tweet.arrival.bytes as usize).saturating_sub(frame + SEALED);
    match retweeted.filter(|_| room > inner + 2 * ROOM) {
        Some(whole) => (Some(whole), (room - inner) / 2),
        None => (None, room),
    }
}

pub(super) fn screen_name(user: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"user_");
    number(user, out);
}

/// A count of something that a user has, up to `most`: small ones are frequent.
pub(super) fn count_of(user: u64, what: u64, most: u64) -> u64 {
    let hash = mix(user, what);
    ((hash >> 32) % most) >> (hash % 12)
}

/// When a user signed up, in milliseconds since 1970: within the eleven years before the start.
pub(super) fn signed_up(user: u64) -> u64 {
    EPOCH_MS - mix(user, 0x5be0_cd19) % (11 * 365 * 86_400_000)
}

/// Writes a template: pieces of JSON and what stands between them.
macro_rules! pieces {
    ($out:expr; $($piece:expr),* $(,)?) => {
        $( $crate::payload::writing::Piece::put($piece, $out); )*
    };
}
pub(super) use pieces;

/// A piece of JSON.
pub(super) trait Piece {
    fn put(self, out: &mut Vec<u8>);
}

impl Piece for &str {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Piece for &[u8] {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl Piece for u64 {
    fn put(self, out: &mut Vec<u8>) {
        number(self, out);
    }
}

impl Piece for usize {
    fn put(self, out: &mut Vec<u8>) {
        number(self as u64, out);
    }
}
