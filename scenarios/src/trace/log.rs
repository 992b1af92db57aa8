//! The event log of a trace: fixed columns for people, JSON for programs.
//!
//! ```text
//!    event           time  node             what       peer             kind       detail
//!    48211    7.000124500  broker-1         receive    producer-0       produce    ...
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use headwater_reports::text;
use headwater_sim::time::Time;
use serde_json::{Value, json};

use super::messages::messages;
use super::{Record, Trace, What};

/// Which records to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// At, or from, or to one of these nodes; any if empty.
    pub nodes: Vec<String>,
    /// Of one of these kinds (`produce`, `acked`, `crash`) or whats (`send`, `fault`); any if
    /// empty.
    pub kinds: Vec<String>,
}

impl Filter {
    /// True if the record is to be shown.
    pub fn shows(&self, trace: &Trace, record: &Record) -> bool {
        let is = |node| self.nodes.iter().any(|name| *name == trace.name(node));
        let node = self.nodes.is_empty() || is(record.node) || record.peer.is_some_and(is);
        let named = |name: &String| *name == record.kind || *name == record.what.name();
        node && (self.kinds.is_empty() || self.kinds.iter().any(named))
    }

    /// The records to show.
    pub fn of<'a>(&'a self, trace: &'a Trace) -> impl Iterator<Item = &'a Record> {
        trace.records().iter().filter(move |record| self.shows(trace, record))
    }
}

/// The columns' names, in their places.
pub fn header() -> String {
    let columns = ("event", "time", "node", "what", "peer", "kind", "detail");
    let (event, time, node, what, peer, kind, detail) = columns;
    format!("{event:>9} {time:>14}  {node:<16} {what:<10} {peer:<16} {kind:<26} {detail}")
}

/// The lines that the filter shows, in the columns of [`header`]. What was received tells how long
/// it was under way.
pub fn lines<'a>(trace: &'a Trace, filter: &'a Filter) -> impl Iterator<Item = String> + 'a {
    let mut sent: BTreeMap<usize, Time> = BTreeMap::new();
    for message in messages(trace) {
        sent.extend(message.received.zip(message.sent_at(trace)));
    }
    let shown = trace.records().iter().enumerate();
    let shown = shown.filter(|(_, record)| filter.shows(trace, record));
    shown.map(move |(index, record)| {
        let line = line(trace, record);
        match sent.get(&index) {
            Some(sent) => {
                let under_way = text::duration(record.at.since(*sent).0 as f64);
                format!("{line}, sent {under_way} before")
            }
            None => line,
        }
    })
}

/// A record as a line of the log, in the columns of [`header`].
pub fn line(trace: &Trace, record: &Record) -> String {
    let Record { number, at, node, what, kind, peer, .. } = record;
    let time = seconds(*at);
    let (node, what) = match what {
        What::Fault => ("-".into(), what.name()),
        _ => (trace.name(*node), what.name()),
    };
    let peer = peer.map_or("-".into(), |peer| trace.name(peer));
    let kind = if kind.is_empty() { "-" } else { kind };
    let detail = detail(record);
    let mut line = String::new();
    let written = write!(
        line,
        "{number:>9} {time:>14}  {node:<16} {what:<10} {peer:<16} {kind:<26} {detail}"
    );
    written.expect("a string takes anything");
    line
}

/// Seconds with all nine decimals, so that the columns stand under each other.
pub fn seconds(at: Time) -> String {
    format!("{}.{:09}", at.0 / 1_000_000_000, at.0 % 1_000_000_000)
}

fn detail(record: &Record) -> String {
    match (&record.text, record.what) {
        (text, _) if !text.is_empty() => text.clone(),
        (_, What::Timer) => format!("tag {:x}", record.detail),
        _ => format!("{:x}", record.detail),
    }
}

/// The log as JSON: one object per record.
pub fn json(trace: &Trace, filter: &Filter) -> Value {
    let object = |record: &Record| {
        json!({
            "event": record.number,
            "time_ns": record.at.0,
            "node": trace.name(record.node),
            "what": record.what.name(),
            "peer": record.peer.map(|peer| trace.name(peer)),
            "kind": record.kind,
            "detail": detail(record),
            "fingerprint": format!("{:016x}", record.hash),
        })
    };
    filter.of(trace).map(object).collect()
}
