//! What came out behind an engine, and the audit of it: by their numbers, each event once.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use crate::systems::engine::Received;
use crate::systems::services::said::Said;

/// A record, as the engine's job writes it; what else it has of the event is for others.
#[derive(Deserialize)]
struct Written {
    /// The event's number in the schedule.
    id: u64,
    /// Its intended time, microseconds since 1970.
    at: u64,
    /// The batch that it was worked on in.
    batch: u64,
    /// When, microseconds since 1970.
    worked_at: u64,
    /// What it says.
    #[serde(default)]
    text: String,
    /// Its hashtags.
    #[serde(default)]
    hashtags: Vec<String>,
}

/// A record that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// When a reader was handed it, nanoseconds since the start of the run.
    pub(super) at: u64,
    /// The event's number in the schedule.
    pub(super) number: u64,
    /// When the schedule meant it to be sent, microseconds since 1970.
    pub(super) intended_unix_us: u64,
    /// The batch that it was worked on in.
    pub(super) batch: u64,
    /// When it was worked on, microseconds since 1970.
    pub(super) worked_unix_us: u64,
    /// Its size.
    pub(super) bytes: u32,
}

/// What has come so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrived {
    /// Records, in the order in which readers were handed them.
    pub(super) records: Vec<Record>,
    /// How often each event came, by its number.
    pub(super) times: BTreeMap<u64, u32>,
    /// Records that say nothing of an event: the first of them, and how many.
    pub(super) malformed: (Option<String>, u64),
    /// What the events said.
    pub(super) said: Said,
}

/// Characters of a malformed record that are told.
const TOLD: usize = 80;

impl Arrived {
    /// Takes one.
    pub(super) fn take(&mut self, received: &Received) {
        match serde_json::from_slice::<Written>(&received.payload) {
            Ok(Written { id, at, batch, worked_at, text, hashtags }) => {
                let times = self.times.entry(id).or_default();
                *times += 1;
                if *times == 1 {
                    self.said.take(id, at, text, &hashtags);
                }
                self.records.push(Record {
                    at: received.at,
                    number: id,
                    intended_unix_us: at,
                    batch,
                    worked_unix_us: worked_at,
                    bytes: received.payload.len() as u32,
                });
            }
            Err(error) => {
                let text = String::from_utf8_lossy(&received.payload);
                let text: String = text.chars().take(TOLD).collect();
                let (first, count) = &mut self.malformed;
                *count += 1;
                first.get_or_insert_with(|| {
                    let Received { lane, position, .. } = received;
                    format!("lane {lane}, position {position}: {error} in `{text}`")
                });
            }
        }
    }

    /// How many different events came.
    pub(super) fn distinct(&self) -> u64 {
        self.times.len() as u64
    }
}

/// Takes what comes until nobody sends any more.
pub(super) fn gather(received: &Receiver<Received>, into: &Arc<Mutex<Arrived>>) {
    while let Ok(one) = received.recv() {
        if let Ok(mut arrived) = into.lock() {
            arrived.take(&one);
        }
    }
}

/// How many numbers of each are told.
const NAMED: usize = 5;

/// The audit: what became, behind the engine, of what was acknowledged before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Audit {
    /// Events that were acknowledged before the engine.
    pub(super) acked: u64,
    /// Different events that came.
    pub(super) distinct: u64,
    /// Those that were acknowledged and never came.
    pub(super) lost: u64,
    /// Records of events that had come before.
    pub(super) repeated: u64,
    /// Events that came and that nobody sent.
    pub(super) unsent: u64,
    /// The first of each, for people.
    pub(super) first: Vec<String>,
}

impl Audit {
    /// Of what has come of these: the numbers of those that were acknowledged, and of all that were
    /// sent.
    pub(super) fn of(
        arrived: &Arrived,
        acked: impl Iterator<Item = u64>,
        sent: &dyn Fn(u64) -> bool,
    ) -> Self {
        let mut audit = Self { distinct: arrived.distinct(), ..Self::default() };
        let mut lost = vec![];
        for number in acked {
            audit.acked += 1;
            if !arrived.times.contains_key(&number) {
                audit.lost += 1;
                lost.push(number);
            }
        }
        let more = |(number, times): (&u64, &u32)| (*times > 1).then_some(*number);
        let repeated: Vec<u64> = arrived.times.iter().filter_map(more).collect();
        audit.repeated = arrived.times.values().map(|times| u64::from(*times) - 1).sum();
        let unsent: Vec<u64> =
            arrived.times.keys().copied().filter(|number| !sent(*number)).collect();
        audit.unsent = unsent.len() as u64;
        for (what, numbers) in [("lost", lost), ("repeated", repeated), ("never sent", unsent)] {
            if !numbers.is_empty() {
                let named: Vec<_> = numbers.iter().take(NAMED).map(u64::to_string).collect();
                let more = if numbers.len() > NAMED { ", ..." } else { "" };
                audit.first.push(format!("{what}: {}{more}", named.join(", ")));
            }
        }
        audit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(payloads: &[&str]) -> Arrived {
        let mut arrived = Arrived::default();
        for (position, payload) in (0..).zip(payloads) {
            let payload = payload.as_bytes().to_vec();
            arrived.take(&Received { at: position * 10, lane: 3, position, payload });
        }
        arrived
    }

    fn record(id: u64) -> String {
        format!(
            "{{\"id\":{id},\"at\":17000,\"user\":\"user_1\",\"lang\":\"en\",\"text\":\"a #b\",\
             \"hashtags\":[\"b\"],\"batch\":4,\"worked_at\":18000}}"
        )
    }

    #[test]
    fn a_record_is_read_and_one_that_is_none_is_told_with_its_place() {
        let arrived = arrived(&[&record(7), "{\"id\":8", &record(7)]);
        let expected = Record {
            at: 0,
            number: 7,
            intended_unix_us: 17_000,
            batch: 4,
            worked_unix_us: 18_000,
            bytes: record(7).len() as u32,
        };
        assert_eq!(arrived.records[0], expected);
        assert_eq!((arrived.records.len(), arrived.distinct(), arrived.malformed.1), (2, 1, 1));
        let told = arrived.malformed.0.unwrap();
        assert!(told.starts_with("lane 3, position 1: EOF") && told.ends_with("`{\"id\":8`"));
    }

    #[test]
    fn what_is_planted_as_lost_repeated_or_never_sent_is_found() {
        let records: Vec<String> = [0, 1, 3, 3, 3, 9].map(record).into();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let audit = Audit::of(&arrived(&records), 0..5, &|number| number < 6);
        let expected = Audit {
            acked: 5,
            distinct: 4,
            lost: 2,
            repeated: 2,
            unsent: 1,
            first: vec!["lost: 2, 4".into(), "repeated: 3".into(), "never sent: 9".into()],
        };
        assert_eq!(audit, expected);
        let whole = Audit::of(&arrived(&records[..2]), 0..2, &|number| number < 2);
        assert_eq!((whole.lost, whole.repeated, whole.unsent, whole.first.len()), (0, 0, 0, 0));
    }
}
