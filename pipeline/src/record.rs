//! A record of the second stream: a tweet as Spark hands it on.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

/// How far ahead of the clock a tweet's time may be; beyond that the record is malformed, since one
/// such time would end all windows before it.
const AHEAD_US: u64 = 3_600_000_000;

/// What the fields of a record must be, for those who sent another.
const EXPECTED: &str =
    "a JSON object with id (below 2^63), at (us since 1970) and text is expected";

/// A tweet on the second stream; other fields are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// Its sequence number.
    pub id: u64,
    /// Its intended time, in microseconds since 1970.
    pub at: u64,
    /// Who wrote it.
    pub user: Option<String>,
    /// The code of its language.
    pub lang: Option<String>,
    /// What it says.
    pub text: String,
    /// Its hashtags.
    pub hashtags: Option<Vec<String>>,
    /// The micro-batch that it was in.
    pub batch: Option<i64>,
    /// When Spark worked on it, in microseconds since 1970.
    pub worked_at: Option<i64>,
}

impl Record {
    /// The record that `value` is at `now`, in microseconds since 1970.
    ///
    /// # Errors
    /// Why it is none, and what was expected.
    pub fn parse(value: &[u8], now: u64) -> Result<Self, String> {
        let record: Self =
            serde_json::from_slice(value).map_err(|error| format!("{error}; {EXPECTED}"))?;
        if i64::try_from(record.id).is_err() {
            return Err(format!("its id {} is too large; {EXPECTED}", record.id));
        }
        if record.at > now.saturating_add(AHEAD_US) {
            return Err(format!("its time {} is over an hour ahead; {EXPECTED}", record.at));
        }
        Ok(record)
    }

    /// Its hashtags as they are counted: each once, in small letters, without their sign.
    pub fn tags(&self) -> Vec<String> {
        let given = self.hashtags.iter().flatten();
        let mut tags: Vec<String> = given
            .map(|tag| tag.trim().trim_start_matches('#').to_lowercase())
            .filter(|tag| !tag.is_empty())
            .collect();
        tags.sort();
        tags.dedup();
        tags
    }
}

/// Microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    crate::duration::micros(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Result<Record, String> {
        Record::parse(value.as_bytes(), 1_000_000)
    }

    #[test]
    fn a_record_needs_id_time_and_text_and_may_have_more() {
        let whole = r#"{"id":7,"at":5,"user":"a","lang":"en","text":"hi #Tea","hashtags":["Tea",
            "tea","","tEA "],"batch":3,"worked_at":9,"colour":"blue"}"#;
        let record = parsed(whole).expect("a record");
        assert_eq!((record.id, record.at, record.batch), (7, 5, Some(3)));
        assert_eq!(record.tags(), ["tea"]);
        let least = parsed(r#"{"id":7,"at":5,"text":""}"#).expect("a record");
        assert!(least.tags().is_empty() && least.user.is_none());
    }

    #[test]
    fn what_is_no_record_is_told_with_what_was_expected() {
        let cases = [
            ("{}", "missing field `id`"),
            ("[1", "EOF"),
            (r#"{"id":-1,"at":5,"text":""}"#, "invalid value"),
            (r#"{"id":9223372036854775808,"at":5,"text":""}"#, "too large"),
            (r#"{"id":1,"at":3601000001,"text":""}"#, "ahead"),
        ];
        for (value, why) in cases {
            let told = parsed(value).expect_err(value);
            assert!(told.contains(why) && told.contains(EXPECTED), "{value}: {told}");
        }
    }
}
