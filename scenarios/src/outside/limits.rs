//! How much a run may take, and what it is that takes more.

use std::collections::BTreeMap;

use headwater_models::batch::StreamId;
use headwater_sim::limits::{Exceeded, Limit};
use headwater_sim::log::LogEntry;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::Found;
use crate::scenario::Scenario;
use crate::scenario::metric::WITHIN_LIMITS;
use headwater_check::{Finding, Verdict, grouped};

/// Events of the kernel that a run may take in any case, for each event of the schedule so far, and
/// for each node in each millisecond of virtual time so far: five times what the greediest runs of
/// the library take, or more.
const EVENTS: u64 = 10_000_000;
const FOR_EACH_EVENT: u64 = 2_000;
const FOR_EACH_NODE_MS: u64 = 20;

/// The events of the kernel that a scenario's run on so many nodes may have taken by `now`, when
/// so many events were due.
pub fn events_by(scenario: &Scenario, nodes: usize, due: u64, now: Time) -> u64 {
    match scenario.measure.events_max {
        0 => EVENTS + due * FOR_EACH_EVENT + nodes as u64 * FOR_EACH_NODE_MS * (now.0 / 1_000_000),
        most => most,
    }
}

/// What a run that has exceeded a limit was at when it ended: who did what most often, of the last
/// events.
pub fn exceeded<'a>(
    exceeded: Exceeded,
    last: impl Iterator<Item = &'a LogEntry>,
    name: impl Fn(NodeId) -> String,
) -> Verdict {
    let Exceeded { limit, most, at } = exceeded;
    let mut often: BTreeMap<(NodeId, &str, &str), u64> = BTreeMap::new();
    let mut all: u64 = 0;
    for LogEntry { node, what, kind, .. } in last {
        *often.entry((*node, what, kind)).or_default() += 1;
        all += 1;
    }
    let what = match limit {
        Limit::AtOnce => "events at one instant",
        Limit::Events => "events in all",
        Limit::Waiting => "events that wait to be due",
    };
    let mut summary = format!("more than {} {what}, at {at}", grouped(most));
    if let Some(((node, what, kind), count)) = often.into_iter().max_by_key(|(_, count)| *count) {
        let kind = if kind.is_empty() { String::new() } else { format!(" {kind}") };
        summary += &format!("; of the last {all}, {count} are {what}{kind} of {}", name(node));
    }
    let mut found = Found { checked: 1, ..Found::default() };
    found.add(|| Finding { detail: summary.clone(), ..Finding::at("a run without an end", at) });
    found.verdict(WITHIN_LIMITS, StreamId(0), summary)
}
