//! A trace in Chrome's trace event format, which <https://ui.perfetto.dev> and `chrome://tracing`
//! open: a process per node, a slice per event, an arrow per message, a slice per fault.
//!
//! Format: "Trace Event Format", Google, document
//! `1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU` (phases `M`, `X`, `i`, `s`, `f`; times in
//! microseconds, fractions allowed).

use std::collections::BTreeMap;

use headwater_reports::outcome::Fault;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;
use serde_json::{Value, json};

use super::messages::messages;
use super::{Record, Trace, What};

/// An event takes no virtual time. Its slice is this long where the next one leaves room, so that
/// it can be seen and an arrow can end in it: nanoseconds.
const SLICE_NS: u64 = 1_000;

/// The process that the faults are shown as; nodes follow it.
const FAULTS: u32 = 0;

/// The trace as a document. `faults` are those of the run, as they were injected; `end` is its end.
pub fn document(trace: &Trace, faults: &[Fault], end: Time) -> Value {
    let mut events = processes(trace);
    events.push(start());
    events.extend(faults.iter().enumerate().flat_map(|(index, fault)| slices(index, fault, end)));
    let until = slice_ends(trace);
    for (index, record) in trace.records().iter().enumerate() {
        events.extend(event(trace, record, until.get(&index).copied()));
    }
    events.extend(arrows(trace));
    json!({ "traceEvents": events, "displayTimeUnit": "ns" })
}

fn process(node: NodeId) -> u32 {
    node.0 + 1
}

fn micros(at: Time) -> f64 {
    at.0 as f64 / 1e3
}

/// A mark at the start of the run. A viewer's ruler counts from the first event of a document: with
/// this one its times are those of the event log.
fn start() -> Value {
    json!({"ph": "i", "s": "p", "pid": FAULTS, "tid": 0, "name": "start", "cat": "run", "ts": 0})
}

fn processes(trace: &Trace) -> Vec<Value> {
    let name = |pid: u32, name: &str| {
        [
            json!({"ph": "M", "pid": pid, "tid": 0, "name": "process_name",
                   "args": {"name": name}}),
            json!({"ph": "M", "pid": pid, "tid": 0, "name": "process_sort_index",
                   "args": {"sort_index": pid}}),
            json!({"ph": "M", "pid": pid, "tid": 0, "name": "thread_name",
                   "args": {"name": "events"}}),
        ]
    };
    let nodes = (0..).map(NodeId).zip(trace.names());
    let nodes = nodes.flat_map(|(node, called)| name(process(node), called));
    name(FAULTS, "faults").into_iter().chain(nodes).collect()
}

/// A fault is a slice on a thread of its own, so that faults may overlap.
fn slices(index: usize, fault: &Fault, end: Time) -> [Value; 2] {
    let until = fault.until_ns.unwrap_or(end.0).max(fault.from_ns);
    let thread = index + 1;
    let title = format!("{} {}", fault.name, fault.target);
    let name = json!({"ph": "M", "pid": FAULTS, "tid": thread, "name": "thread_name",
                      "args": {"name": format!("F{thread}")}});
    let slice = json!({
        "ph": "X", "pid": FAULTS, "tid": thread, "name": title, "cat": "fault",
        "ts": micros(Time(fault.from_ns)), "dur": micros(Time(until - fault.from_ns)),
        "args": fault.parameters,
    });
    [name, slice]
}

/// Where the slice of each event ends: slices of one thread must not overlap in part.
fn slice_ends(trace: &Trace) -> BTreeMap<usize, Time> {
    let mut ends = BTreeMap::new();
    let mut next: BTreeMap<NodeId, Time> = BTreeMap::new();
    for (index, record) in trace.records().iter().enumerate().rev() {
        if is_slice(record) {
            let free = next.get(&record.node).copied().unwrap_or(Time::MAX);
            let own = Time(record.at.0 + SLICE_NS);
            // Events of one instant lie within each other.
            let same = free == record.at;
            let end = if same { record.at } else { own.min(free) };
            ends.insert(index, end);
            next.insert(record.node, record.at);
        }
    }
    ends
}

const fn is_slice(record: &Record) -> bool {
    use What::{Fault, Note, Sent, SentDatagram};
    !matches!(record.what, Sent | SentDatagram | Fault | Note)
}

fn event(trace: &Trace, record: &Record, until: Option<Time>) -> Option<Value> {
    let pid = process(record.node);
    let title = if record.kind.is_empty() { record.what.name() } else { &record.kind };
    let mut arguments = json!({ "event": record.number });
    if !record.text.is_empty() {
        arguments["says"] = json!(record.text);
    }
    if let Some(peer) = record.peer {
        arguments["peer"] = json!(trace.name(peer));
    }
    let (ts, args) = (micros(record.at), arguments);
    let category = record.what.name();
    match record.what {
        What::Sent | What::SentDatagram => None,
        What::Note => Some(json!({"ph": "i", "s": "p", "pid": pid, "tid": 0, "name": title,
                                  "cat": category, "ts": ts, "args": args})),
        What::Fault => Some(json!({"ph": "i", "s": "g", "pid": FAULTS, "tid": 0, "name": title,
                                   "cat": category, "ts": ts, "args": args})),
        _ => {
            let dur = micros(Time(until.map_or(0, |until| until.0 - record.at.0)));
            Some(json!({"ph": "X", "pid": pid, "tid": 0, "name": title, "cat": category,
                        "ts": ts, "dur": dur, "args": args}))
        }
    }
}

/// An arrow from the slice in which a message was sent to the one that it arrived in.
fn arrows(trace: &Trace) -> Vec<Value> {
    let mut arrows = Vec::new();
    for (id, message) in messages(trace).iter().enumerate() {
        let (Some(sent), Some(received)) = (message.sent_at(trace), message.received_at(trace))
        else {
            continue;
        };
        let kind = &message.record(trace).kind;
        let end = |phase: &str, node, at| {
            json!({"ph": phase, "pid": process(node), "tid": 0, "name": kind, "cat": "message",
                   "id": id, "ts": micros(at)})
        };
        arrows.push(end("s", message.from, sent));
        let mut finish = end("f", message.to, received);
        finish["bp"] = json!("e");
        arrows.push(finish);
    }
    arrows
}
