//! A message as a line of the backup.

use std::borrow::Cow;

use serde::Deserialize;

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tweet with a number.
    Tweet(u64),
    /// A JSON object that says no number.
    Unnumbered,
    /// No tweet, for this reason.
    Malformed(String),
}

#[derive(Deserialize)]
struct Numbered {
    headwater: Option<Stamp>,
    id: Option<Id>,
}

/// What the load generator puts in front of a tweet.
#[derive(Deserialize)]
struct Stamp {
    index: u64,
}

/// A tweet's own id, a number in version 1.1 of the API and a text in version 2.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

/// What `value` is, and its line, without the line's end.
///
/// A tweet is kept as it came. Line breaks, which JSON may have between its parts alone, become
/// blanks; what is no JSON is kept as a text in JSON, so that a reader of the file is not led
/// astray.
pub fn line(value: &[u8]) -> (Kind, Cow<'_, [u8]>) {
    let kind = match serde_json::from_slice::<Numbered>(value) {
        Ok(Numbered { headwater: Some(stamp), .. }) => Kind::Tweet(stamp.index),
        Ok(Numbered { id: Some(Id::Number(id)), .. }) => Kind::Tweet(id),
        Ok(Numbered { id: Some(Id::Text(id)), .. }) => {
            id.parse().map_or(Kind::Unnumbered, Kind::Tweet)
        }
        Ok(Numbered { id: None, .. }) => Kind::Unnumbered,
        Err(_) => other(value),
    };
    if !value.is_empty() && !matches!(kind, Kind::Malformed(_)) {
        return (kind, joined(value));
    }
    let text = serde_json::to_vec(&String::from_utf8_lossy(value)).unwrap_or_default();
    (kind, Cow::Owned(text))
}

/// An object whose numbers are of another kind, or no object at all.
fn other(value: &[u8]) -> Kind {
    match serde_json::from_slice::<serde_json::Value>(value) {
        Ok(serde_json::Value::Object(_)) => Kind::Unnumbered,
        Ok(_) => Kind::Malformed("it is JSON, and no object; a tweet is expected".into()),
        Err(error) => Kind::Malformed(format!("{error}; a tweet in JSON is expected")),
    }
}

fn joined(value: &[u8]) -> Cow<'_, [u8]> {
    let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !value.iter().any(breaks) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.iter().map(|byte| if breaks(byte) { b' ' } else { *byte }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> (Kind, String) {
        let (kind, line) = line(value.as_bytes());
        (kind, String::from_utf8(line.into_owned()).expect("text"))
    }

    #[test]
    fn a_tweet_is_kept_as_it_came_and_known_by_its_number() {
        let cases = [
            (r#"{"headwater":{"index":4},"id":9,"text":"a"}"#, Kind::Tweet(4)),
            (r#"{"id":9,"text":"a"}"#, Kind::Tweet(9)),
            (r#"{"id":"12","text":"a"}"#, Kind::Tweet(12)),
            (r#"{"id":"no","text":"a"}"#, Kind::Unnumbered),
            (r#"{"text":"a\nb"}"#, Kind::Unnumbered),
            (r#"{"id":[],"text":"a"}"#, Kind::Unnumbered),
        ];
        for (value, kind) in cases {
            assert_eq!(of(value), (kind, value.to_string()));
        }
    }

    #[test]
    fn whatever_came_is_one_line_of_json() {
        assert_eq!(of("{\r\n \"id\": 1\n}"), (Kind::Tweet(1), "{   \"id\": 1 }".into()));
        for value in ["", "{\"id\":1", "no\njson", "[1]", "\"text\""] {
            let (kind, line) = of(value);
            assert!(matches!(kind, Kind::Malformed(_)), "{value}: {kind:?}");
            assert!(!line.contains('\n'), "{line}");
            let kept: String = serde_json::from_str(&line).expect("a text in JSON");
            assert_eq!(kept, value);
        }
    }
}
