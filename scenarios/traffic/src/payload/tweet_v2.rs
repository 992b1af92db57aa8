//! A tweet as version 2 of Twitter's API has it, in the frame of `GET /2/tweets/search/stream`:
//! the tweet in `data`, its author and what it retweets in `includes` ("Filtered stream" and "Data
//! dictionary: v2", developer.twitter.com).

use super::json::{iso_date, tag_name};
use super::writing::{Status, Text, count_of, fit, pieces, screen_name, signed_up};
use super::{Payloads, Tweet};

/// Bytes of everything but its text, stamp and checksum included, at the most. With 75 B and more
/// of text it is [`super::PayloadForm::least`].
const FRAME: usize = 1_100;
/// The same of what it retweets.
const INNER: usize = 650;

/// Writes its fields, without braces.
pub(super) fn write(payloads: &Payloads, tweet: &Tweet, out: &mut Vec<u8>) {
    let retweeted = tweet.retweeted(payloads);
    let (whole, room) = fit(tweet, retweeted, FRAME, INNER);
    let status = tweet.status(payloads);
    pieces!(out; "\"data\":{");
    data(payloads, tweet, status, room, out);
    if let Some(original) = retweeted {
        let id = original.id();
        pieces!(out; ",\"referenced_tweets\":[{\"type\":\"retweeted\",\"id\":\"", id, "\"}]");
    }
    pieces!(out; "},\"includes\":{\"users\":[");
    user(status.user, out);
    if let Some(original) = whole {
        if original.user != status.user {
            out.push(b',');
            user(original.user, out);
        }
        pieces!(out; "],\"tweets\":[{");
        data(payloads, &tweet.as_original(), original, room, out);
        out.push(b'}');
    }
    pieces!(out; "]},\"matching_rules\":[{\"id\":\"1\",\"tag\":\"all\"}]");
}

fn data(payloads: &Payloads, tweet: &Tweet, status: Status, room: usize, out: &mut Vec<u8>) {
    let text = payloads.text_of(tweet, room);
    let id = status.id();
    pieces!(out;
        "\"author_id\":\"", status.user, "\",\"conversation_id\":\"", id, "\",\"created_at\":\"",
    );
    iso_date(status.ms(), out);
    pieces!(out; "\",\"edit_history_tweet_ids\":[\"", id, "\"]");
    entities(&text, out);
    pieces!(out;
        ",\"id\":\"", id, "\",\"lang\":\"", payloads.plan.language(tweet).code(),
        "\",\"possibly_sensitive\":false,\"public_metrics\":{\"retweet_count\":0,",
        "\"reply_count\":0,\"like_count\":0,\"quote_count\":0},\"text\":\"",
        &text.bytes[..], "\"",
    );
}

fn user(user: u64, out: &mut Vec<u8>) {
    pieces!(out; "{\"created_at\":\"");
    iso_date(signed_up(user), out);
    pieces!(out; "\",\"id\":\"", user, "\",\"name\":\"User ", user, "\",\"username\":\"");
    screen_name(user, out);
    pieces!(out;
        "\",\"verified\":false,\"public_metrics\":{\"followers_count\":",
        count_of(user, 1, 1_000_000), ",\"following_count\":", count_of(user, 2, 5_000),
        ",\"tweet_count\":", count_of(user, 5, 100_000), ",\"listed_count\":",
        count_of(user, 3, 1_000), "}}",
    );
}

/// As the API does, entities are left out where there are none.
fn entities(text: &Text, out: &mut Vec<u8>) {
    if text.tag.is_none() && text.mention.is_none() {
        return;
    }
    pieces!(out; ",\"entities\":{");
    if let Some((tag, from, until)) = text.tag {
        pieces!(out; "\"hashtags\":[{\"start\":", from, ",\"end\":", until, ",\"tag\":\"");
        tag_name(tag, out);
        pieces!(out; "\"}]");
    }
    if let Some((user, from, until)) = text.mention {
        let comma = if text.tag.is_some() { "," } else { "" };
        pieces!(out; comma, "\"mentions\":[{\"start\":", from, ",\"end\":", until);
        pieces!(out; ",\"username\":\"");
        screen_name(user, out);
        pieces!(out; "\",\"id\":\"", user, "\"}]");
    }
    out.push(b'}');
}
