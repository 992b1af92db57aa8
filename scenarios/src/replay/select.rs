//! What is shown in a diagram: a few messages around each moment that matters.

use std::collections::{BTreeMap, BTreeSet};

use headwater_reports::Diagram;
use headwater_reports::diagram::{Arrow, Moment, Shade, Weight};
use headwater_sim::units::NodeId;

use super::story::{begins, node_of};
use super::{Anchor, Violation, hit, turns, violation};
use crate::run::Finished;
use crate::trace::{Message, Trace, What, messages};
use crate::units::Time;

/// Selecting from a trace.
struct Selection<'a> {
    trace: &'a Trace,
    messages: Vec<Message>,
    chosen: BTreeSet<usize>,
}

/// The diagram around `anchors`, with about `arrows` messages.
pub(super) fn diagram(
    finished: &Finished,
    trace: &Trace,
    anchors: &[Anchor],
    arrows: usize,
) -> Diagram {
    let messages = messages(trace);
    let mut selection = Selection { trace, messages, chosen: BTreeSet::new() };
    let wanted: usize = anchors.iter().map(|anchor| anchor.arrows.0 + anchor.arrows.1).sum();
    for anchor in anchors {
        // If together they want too many, each gets its share.
        let share = |asked: usize| (asked * arrows).div_ceil(wanted.max(arrows));
        selection.around(anchor, share(anchor.arrows.0), share(anchor.arrows.1));
        if selection.chosen.len() >= arrows {
            break;
        }
    }
    let lanes = selection.lanes(finished);
    let shown: Vec<Arrow> = selection.arrows(&lanes);
    let left_out = (selection.messages.len() - shown.len()) as u64;
    let found = violation(&finished.verdicts);
    let title = title(finished, found.as_ref());
    let moments = moments(finished, trace, &lanes, found.as_ref());
    let names = lanes.keys().map(|node| trace.name(*node).into_owned()).collect();
    let shades = shades(finished, trace, &lanes);
    Diagram { title, lanes: names, arrows: shown, moments, shades, left_out }
}

fn title(finished: &Finished, found: Option<&Violation>) -> String {
    let (name, seed) = (&finished.outcome.scenario.name, finished.outcome.seed);
    match found {
        Some(found) => format!("{name}, seed {seed}: {} fails", found.verdict),
        None => format!("{name}, seed {seed}"),
    }
}

impl Selection<'_> {
    /// Chooses the messages nearest to an anchor: those that arrive last before it, and those that
    /// are sent first after it.
    fn around(&mut self, anchor: &Anchor, before: usize, after: usize) {
        let about = |message: &&(usize, &Message)| {
            let (_, Message { from, to, .. }) = message;
            let named =
                |node: NodeId| anchor.nodes.iter().any(|name| *name == self.trace.name(node));
            // A node's messages to itself seldom matter, and can't be drawn as arrows.
            from != to && (anchor.nodes.is_empty() || named(*from) || named(*to))
        };
        let all: Vec<_> = self.messages.iter().enumerate().collect();
        let about: Vec<(usize, &Message)> = all.iter().filter(about).copied().collect();
        let mut earlier: Vec<(Time, usize)> = about
            .iter()
            .filter_map(|(index, message)| Some((message.received_at(self.trace)?, *index)))
            .filter(|(at, _)| *at <= anchor.at)
            .collect();
        earlier.sort_unstable();
        let mut later: Vec<(Time, usize)> = about
            .iter()
            .filter_map(|(index, message)| Some((message.sent_at(self.trace)?, *index)))
            .filter(|(at, _)| *at >= anchor.at)
            .collect();
        later.sort_unstable();
        let near = earlier.iter().rev().take(before).chain(later.iter().take(after));
        let near: Vec<usize> = near.map(|(_, index)| *index).collect();
        self.chosen.extend(near);
    }

    /// The lanes: nodes that a chosen message or a fault is about, in the order of the deployment.
    fn lanes(&self, finished: &Finished) -> BTreeMap<NodeId, usize> {
        let ends = self.chosen.iter().flat_map(|index| {
            let Message { from, to, .. } = self.messages[*index];
            [from, to]
        });
        let marks = turns(finished).map(|mark| node_of(mark).to_owned());
        let named: BTreeSet<String> =
            finished.outcome.faults.iter().flat_map(hit).chain(marks).collect();
        let all = (0..).map(NodeId).zip(self.trace.names());
        let hit = all.filter(|(_, name)| named.contains(*name)).map(|(node, _)| node);
        let nodes: BTreeSet<NodeId> = ends.chain(hit).collect();
        nodes.into_iter().zip(0..).collect()
    }

    fn arrows(&self, lanes: &BTreeMap<NodeId, usize>) -> Vec<Arrow> {
        let arrow = |index: &usize| {
            let message = self.messages[*index];
            let record = message.record(self.trace);
            Some(Arrow {
                from: *lanes.get(&message.from)?,
                to: *lanes.get(&message.to)?,
                sent_ns: message.sent_at(self.trace).or(message.received_at(self.trace))?.0,
                received_ns: message.received_at(self.trace).map(|at| at.0),
                label: record.kind.clone().into_owned(),
                detail: record.text.clone(),
            })
        };
        let mut arrows: Vec<Arrow> = self.chosen.iter().filter_map(arrow).collect();
        arrows.sort_by_key(|arrow| (arrow.sent_ns, arrow.received_ns));
        arrows
    }
}

fn lane_of(trace: &Trace, lanes: &BTreeMap<NodeId, usize>, name: &str) -> Option<usize> {
    let found = lanes.iter().find(|(node, _)| trace.name(**node) == name);
    found.map(|(_, lane)| *lane)
}

fn moments(
    finished: &Finished,
    trace: &Trace,
    lanes: &BTreeMap<NodeId, usize>,
    found: Option<&Violation>,
) -> Vec<Moment> {
    let outcome = &finished.outcome;
    let mut moments = Vec::new();
    for (index, fault) in outcome.faults.iter().enumerate().take(super::FAULTS_MAX) {
        let lane = hit(fault).iter().find_map(|name| lane_of(trace, lanes, name));
        let number = index + 1;
        let (at_ns, weight) = (fault.from_ns, Weight::Fault);
        moments.push(Moment { at_ns, lane, text: format!("F{number}: {}", begins(fault)), weight });
        let text = format!("F{number} ends: {} {}", fault.name, fault.target);
        moments.extend(fault.until_ns.map(|at_ns| Moment { at_ns, lane, text, weight }));
    }
    for mark in turns(finished) {
        let lane = lane_of(trace, lanes, node_of(mark));
        let text = format!("{} {}", mark.name, mark.detail);
        moments.push(Moment { at_ns: mark.at_ns, lane, text, weight: Weight::Note });
    }
    if let Some(Violation { verdict, finding }) = found {
        // The note that the checker's finding rests on, where it is in the trace.
        let at = |record: &&crate::trace::Record| {
            record.what == What::Note
                && [finding.from, finding.until].contains(&record.at)
                && tells_of(&record.text, [finding.first, finding.last])
        };
        let notes = trace.records().iter().filter(at).take(2);
        moments.extend(notes.map(|record| Moment {
            at_ns: record.at.0,
            lane: lanes.get(&record.node).copied(),
            text: format!("{} {} {}", trace.name(record.node), record.kind, record.text),
            weight: Weight::Note,
        }));
        let text = format!("{verdict}: {finding}");
        let (at_ns, weight) = (finding.from.0, Weight::Finding);
        moments.push(Moment { at_ns, lane: None, text, weight });
    }
    moments.sort_by(|one, other| {
        (one.at_ns, one.weight, &one.text).cmp(&(other.at_ns, other.weight, &other.text))
    });
    moments
}

/// True if a note about events `#first..=last` is about one of `numbers`; also if it is about no
/// events at all.
fn tells_of(text: &str, numbers: [u64; 2]) -> bool {
    let Some((_, range)) = text.split_once('#') else { return true };
    let number = |text: &str| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..digits].parse::<u64>().ok()
    };
    let Some(first) = number(range) else { return true };
    let last = range.split_once("..=").and_then(|(_, last)| number(last)).unwrap_or(first);
    numbers.iter().any(|number| (first..=last).contains(number)) || text.starts_with("of #")
}

fn shades(finished: &Finished, trace: &Trace, lanes: &BTreeMap<NodeId, usize>) -> Vec<Shade> {
    let shade = |fault: &headwater_reports::outcome::Fault| Shade {
        lanes: hit(fault).iter().filter_map(|name| lane_of(trace, lanes, name)).collect(),
        from_ns: fault.from_ns,
        until_ns: fault.until_ns,
        label: begins(fault),
    };
    finished.outcome.faults.iter().take(super::FAULTS_MAX).map(shade).collect()
}
