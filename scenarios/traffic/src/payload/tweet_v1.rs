//! A tweet as version 1.1 of Twitter's API has it: the Tweet object with its User and Entities
//! ("Data dictionary: Standard v1.1", developer.twitter.com), as the streaming endpoints sent it.

use super::json::{long_date, tag_name};
use super::writing::{Status, Text, count_of, fit, pieces, screen_name, signed_up};
use super::{Payloads, Tweet};

/// Bytes of everything but its text, stamp and checksum included, at the most. With 75 B and more
/// of text it is [`super::PayloadForm::least`].
const FRAME: usize = 1_480;
/// The same of what it retweets.
const INNER: usize = 1_200;

/// Writes its fields, without braces.
pub(super) fn write(payloads: &Payloads, tweet: &Tweet, out: &mut Vec<u8>) {
    let retweeted = tweet.retweeted(payloads);
    let (whole, room) = fit(tweet, retweeted, FRAME, INNER);
    status(payloads, tweet, tweet.status(payloads), room, out, |out| {
        if let Some(original) = whole {
            out.extend_from_slice(b"\"retweeted_status\":{");
            status(payloads, &tweet.as_original(), original, room, out, |_| ());
            out.extend_from_slice(b"},");
        }
    });
}

fn status(
    payloads: &Payloads,
    tweet: &Tweet,
    status: Status,
    room: usize,
    out: &mut Vec<u8>,
    retweeted: impl FnOnce(&mut Vec<u8>),
) {
    let text = payloads.text_of(tweet, room);
    let id = status.id();
    pieces!(out; "\"created_at\":\"");
    long_date(status.ms(), out);
    pieces!(out; "\",\"id\":", id, ",\"id_str\":\"", id, "\",\"text\":\"", &text.bytes[..]);
    pieces!(out;
        "\",\"source\":\"<a href=\\\"https://mobile.twitter.com\\\" rel=\\\"nofollow\\\">",
        "Twitter Web App</a>\",\"truncated\":false,\"in_reply_to_status_id\":null,",
        "\"in_reply_to_status_id_str\":null,\"in_reply_to_user_id\":null,",
        "\"in_reply_to_user_id_str\":null,\"in_reply_to_screen_name\":null,",
    );
    user(status.user, out);
    pieces!(out; ",\"geo\":null,\"coordinates\":null,\"place\":null,\"contributors\":null,");
    retweeted(out);
    pieces!(out;
        "\"is_quote_status\":false,\"quote_count\":0,\"reply_count\":0,\"retweet_count\":0,",
        "\"favorite_count\":0,\"entities\":{",
    );
    entities(&text, out);
    pieces!(out;
        "},\"favorited\":false,\"retweeted\":false,\"filter_level\":\"low\",\"lang\":\"",
        payloads.plan.language(tweet).code(), "\",\"timestamp_ms\":\"", status.ms(), "\"",
    );
}

fn user(user: u64, out: &mut Vec<u8>) {
    pieces!(out; "\"user\":{\"id\":", user, ",\"id_str\":\"", user, "\",\"name\":\"User ", user);
    pieces!(out; "\",\"screen_name\":\"");
    screen_name(user, out);
    pieces!(out;
        "\",\"location\":null,\"url\":null,\"description\":null,\"protected\":false,",
        "\"verified\":false,\"followers_count\":", count_of(user, 1, 1_000_000),
        ",\"friends_count\":", count_of(user, 2, 5_000),
        ",\"listed_count\":", count_of(user, 3, 1_000),
        ",\"favourites_count\":", count_of(user, 4, 100_000),
        ",\"statuses_count\":", count_of(user, 5, 100_000), ",\"created_at\":\"",
    );
    long_date(signed_up(user), out);
    pieces!(out; "\",\"default_profile\":true,\"default_profile_image\":false}");
}

fn entities(text: &Text, out: &mut Vec<u8>) {
    pieces!(out; "\"hashtags\":[");
    if let Some((tag, from, until)) = text.tag {
        pieces!(out; "{\"text\":\"");
        tag_name(tag, out);
        pieces!(out; "\",\"indices\":[", from, ",", until, "]}");
    }
    pieces!(out; "],\"urls\":[],\"user_mentions\":[");
    if let Some((user, from, until)) = text.mention {
        pieces!(out; "{\"screen_name\":\"");
        screen_name(user, out);
        pieces!(out;
            "\",\"name\":\"User ", user, "\",\"id\":", user, ",\"id_str\":\"", user,
            "\",\"indices\":[", from, ",", until, "]}",
        );
    }
    pieces!(out; "],\"symbols\":[]");
}
