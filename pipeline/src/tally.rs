//! What every service counts, and the JSON in which it says so.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::delays::Delays;
use crate::ids::Ids;
use crate::malformed::Malformed;
use crate::record;
use crate::source::Message;

/// The counts of a service. What was received is distinct, repeated or malformed.
#[derive(Clone, Debug)]
pub struct Tally {
    stage: &'static str,
    started_at: u64,
    received: u64,
    distinct: u64,
    repeated: u64,
    malformed: Malformed,
    seen: Ids,
    delays: Delays,
    /// The offset that comes next, by partition.
    next: BTreeMap<i32, i64>,
}

impl Tally {
    /// Of the service `stage`.
    pub fn new(stage: &'static str) -> Self {
        Self {
            stage,
            started_at: record::now(),
            received: 0,
            distinct: 0,
            repeated: 0,
            malformed: Malformed::default(),
            seen: Ids::default(),
            delays: Delays::default(),
            next: BTreeMap::new(),
        }
    }

    /// A message was read.
    pub fn received(&mut self, message: &Message) {
        self.received += 1;
        self.next.insert(message.partition, message.offset + 1);
    }

    /// It is the tweet `id`: false if that came before.
    pub fn tweet(&mut self, id: u64) -> bool {
        let first = self.seen.insert(id);
        if first {
            self.distinct += 1
        } else {
            self.repeated += 1
        }
        first
    }

    /// It is a tweet without a number, which can't be told from another.
    pub fn unnumbered(&mut self) {
        self.distinct += 1;
    }

    /// It is no tweet, for this reason.
    pub fn malformed(&mut self, message: &Message, why: &str) {
        if let Some(told) = self.malformed.add(self.stage, message, why) {
            eprintln!("{told}");
        }
    }

    /// A query would find it, `now`, and its time was `at`.
    pub fn visible(&mut self, at: u64, now: u64) {
        self.delays.record(now.saturating_sub(at));
    }

    /// What `/stats` says, with `more` fields of the service's own.
    pub fn told(&mut self, more: Value) -> Value {
        let mut told = json!({
            "stage": self.stage,
            "started_at": self.started_at,
            "now": record::now(),
            "received": self.received,
            "distinct": self.distinct,
            "repeated": self.repeated,
            "malformed": self.malformed.count(),
            "delay_us": self.delays.told(),
            "recent_delay_us": self.delays.recent(),
            "offsets": self.next.iter().map(|(partition, next)| (partition.to_string(), *next))
                .collect::<BTreeMap<_, _>>(),
        });
        let fields = told.as_object_mut().expect("it is an object");
        fields.extend(more.as_object().cloned().unwrap_or_else(Map::new));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_is_distinct_repeated_or_malformed() {
        let mut tally = Tally::new("trending");
        let of = |offset| Message { partition: 1, offset, ..Message::default() };
        for (offset, id) in [(0, 5), (1, 6), (2, 5)] {
            tally.received(&of(offset));
            if tally.tweet(id) {
                tally.visible(100, 350);
            }
        }
        tally.received(&of(3));
        tally.malformed(&of(3), "EOF");
        let told = tally.told(json!({ "late": 0 }));
        let counts = ["received", "distinct", "repeated", "malformed", "late"];
        assert_eq!(counts.map(|name| told[name].as_u64()), [4, 2, 1, 1, 0].map(Some));
        assert_eq!((&told["offsets"]["1"], &told["delay_us"]["p50"]), (&json!(4), &json!(250)));
    }
}
