//! What all charts over time share: the phases behind them, and the events on them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::outcome::{Fault, Outcome};
use crate::page;
use crate::text::{count, duration, escape};

/// Events in a page at most: of a run with more, each kind has its share, the rare ones all of
/// theirs.
const EVENTS_MAX: usize = 4_000;

/// A kind with more events than this is not marked on the charts until the reader asks for it.
const MARKED_MAX: usize = 40;

fn seconds(ns: u64) -> f64 {
    (ns as f64 / 1e3).round() / 1e6
}

/// A stretch of time behind the charts.
fn span(kind: &str, (from, until): (u64, u64), label: &str, brief: &str, title: &str) -> Value {
    json!({
        "kind": kind, "from": seconds(from), "until": seconds(until),
        "label": label, "brief": brief, "title": title,
    })
}

/// A fault in words: `F1: crash broker-1, 8 s to 23 s`.
pub(super) fn told(index: usize, fault: &Fault) -> String {
    let until = fault.until_ns.map_or_else(|| "the end".to_owned(), |ns| duration(ns as f64));
    let from = duration(fault.from_ns as f64);
    format!("F{}: {} {}, {from} to {until}", index + 1, fault.name, fault.target)
}

/// The phases of a run, what comes before the window, and what after it; of a run without phases
/// its faults.
fn spans(outcome: &Outcome) -> Vec<Value> {
    let window = &outcome.window;
    let mut spans = Vec::new();
    if window.from_ns > 0 {
        let title = "warm-up: in no figure but the counts";
        spans.push(span("outside", (0, window.from_ns), "warm-up", "", title));
    }
    if window.until_ns < outcome.duration_ns {
        let title = "after the window: what was due is waited for";
        spans.push(span("outside", (window.until_ns, outcome.duration_ns), "drain", "", title));
    }
    for phase in &outcome.phases {
        let kind = match phase.name.as_str() {
            name if name.starts_with("during") => "during",
            "before" => "before",
            _ => "after",
        };
        let brief = phase.name.trim_start_matches("during ").trim_start_matches("between ");
        let lasts = (phase.from_ns, phase.until_ns);
        spans.push(span(kind, lasts, &phase.name, brief, &phase.name));
    }
    for (index, fault) in outcome.faults.iter().enumerate() {
        let until = fault.until_ns.unwrap_or(outcome.duration_ns);
        let outside = until <= window.from_ns || fault.from_ns >= window.until_ns;
        if outcome.phases.is_empty() || outside {
            let (number, title) = (format!("F{}", index + 1), told(index, fault));
            spans.push(span("during", (fault.from_ns, until), &title, &number, &title));
        }
    }
    spans
}

/// The kinds of events with how many there are, the rarest first.
fn kinds(outcome: &Outcome) -> Vec<(&str, usize)> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for mark in &outcome.marks {
        *numbers.entry(&mark.name).or_default() += 1;
    }
    let mut kinds: Vec<_> = numbers.into_iter().collect();
    kinds.sort_by_key(|(name, number)| (*number, *name));
    kinds
}

/// How many events of each kind are in the page, where all together may be `most`: a kind that has
/// fewer than an equal share leaves the rest of it to those that have more.
fn shares(numbers: &[usize], most: usize) -> Vec<usize> {
    let (mut left, mut kinds) = (most, numbers.len());
    let share = |number: &usize| {
        let share = (*number).min(left / kinds.max(1));
        (left, kinds) = (left - share, kinds - 1);
        share
    };
    numbers.iter().map(share).collect()
}

/// The data behind all charts over time.
pub(super) fn data(outcome: &Outcome) -> String {
    let kinds = kinds(outcome);
    let mut left = shares(&kinds.iter().map(|it| it.1).collect::<Vec<_>>(), EVENTS_MAX);
    let number: BTreeMap<&str, usize> =
        kinds.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
    let mut marks = Vec::new();
    for mark in &outcome.marks {
        let kind = number[mark.name.as_str()];
        if left[kind] > 0 {
            left[kind] -= 1;
            marks.push(json!([seconds(mark.at_ns), kind, mark.detail]));
        }
    }
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let data = json!({ "spans": spans(outcome), "kinds": names, "marks": marks });
    format!("<script type=\"application/json\" id=\"timeline\">{}</script>\n", page::json(&data))
}

/// The phases alone, behind charts of several runs.
pub(crate) fn phases_behind(outcome: &Outcome) -> String {
    let data = json!({ "spans": spans(outcome), "kinds": [], "marks": [] });
    format!("<script type=\"application/json\" id=\"timeline\">{}</script>\n", page::json(&data))
}

/// The events, with a box for each kind.
pub(super) fn events(outcome: &Outcome) -> String {
    let kinds = kinds(outcome);
    if kinds.is_empty() {
        return String::new();
    }
    let left = shares(&kinds.iter().map(|it| it.1).collect::<Vec<_>>(), EVENTS_MAX);
    let only_one = kinds.len() == 1;
    let mut html = String::from(
        "<p class=\"dim\">Events by kind: what is ticked is marked on the charts and \
         listed.</p>\n<div class=\"kinds\" role=\"group\" aria-label=\"Kinds of events\">\n",
    );
    for (index, ((name, number), kept)) in kinds.iter().zip(left).enumerate() {
        let checked = if *number <= MARKED_MAX || only_one { " checked" } else { "" };
        let all = match *number > kept {
            true => format!("the first {} of {}", count(kept as u64), count(*number as u64)),
            false => count(*number as u64),
        };
        html.push_str(&format!(
            "<label><input type=\"checkbox\" data-kind=\"{index}\"{checked}> <b class=\"c{}\">\
             &#9662;</b> {} <span class=\"dim\">{all}</span></label>\n",
            index % 8,
            page::name(name),
        ));
    }
    html.push_str(
        "<button type=\"button\" id=\"all-kinds\">all</button> <button type=\"button\" \
         id=\"no-kind\">none</button>\n</div>\n<div class=\"scroll\" id=\"event-list\"><table>\
         <thead><tr><th class=\"n\" scope=\"col\">at</th><th scope=\"col\">event</th>\
         <th scope=\"col\">detail</th></tr></thead><tbody></tbody></table></div>\n\
         <button type=\"button\" id=\"more-events\" hidden>more</button>\n",
    );
    html.push_str(&format!(
        "<noscript><p class=\"nothing\">The list needs scripts; outcome.json has all events, such \
         as {}.</p></noscript>\n",
        escape(&outcome.marks[0].detail)
    ));
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_event_is_crowded_out_by_another() {
        assert_eq!(shares(&[3, 10, 5_000, 9_000], 4_000), [3, 10, 1_993, 1_994]);
        assert_eq!(shares(&[3, 10], 4_000), [3, 10]);
        assert_eq!(shares(&[], 4_000), [0; 0]);
    }
}
