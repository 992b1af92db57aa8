//! Where events waited: a bar for each, cut by what it waited for, and the figures.

use crate::outcome::{Outcome, Waited};
use crate::page::table;
use crate::text::{duration, escape, percent};

/// The colours of a page; what is beyond them is told together.
const COLOURS: usize = 7;

/// Share of a bar from which a part has room for its name.
const NAMED: f64 = 0.16;

/// Bars and a table for each latency; nothing of a run whose events were not followed.
pub(super) fn waited(outcome: &Outcome) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for one in &outcome.waited {
        if !kinds.contains(&one.latency.as_str()) {
            kinds.push(&one.latency);
        }
    }
    if kinds.is_empty() {
        return String::new();
    }
    let names = names(&outcome.waited);
    let of_kind = |kind: &&str| {
        let these: Vec<&Waited> =
            outcome.waited.iter().filter(|one| one.latency == *kind).collect();
        figure(kind, &these, &names)
    };
    let figures: String = kinds.iter().map(of_kind).collect();
    format!(
        "{figures}<p class=\"dim\">Each bar is one event, from when it was due until it was \
         acknowledged or a reader was handed it, and its parts add up to that; bars are of one \
         length whatever they last. <code>headwater explain</code> has every step.</p>\n"
    )
}

/// All mechanisms, those that took the greatest share of the events first: the same colours in
/// all bars.
fn names(all: &[Waited]) -> Vec<&str> {
    let mut shares: Vec<(&str, f64)> = Vec::new();
    for one in all {
        for part in &one.parts {
            let share = part.ns as f64 / one.latency_ns.max(1) as f64;
            match shares.iter_mut().find(|(name, _)| *name == part.name) {
                Some((_, sum)) => *sum += share,
                None => shares.push((&part.name, share)),
            }
        }
    }
    shares.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    shares.into_iter().map(|(name, _)| name).collect()
}

fn colour(names: &[&str], name: &str) -> usize {
    names.iter().position(|known| *known == name).map_or(COLOURS, |at| at.min(COLOURS))
}

fn figure(kind: &str, events: &[&Waited], names: &[&str]) -> String {
    let bars: String = events.iter().map(|one| bar(one, names)).collect();
    let title = format!("Where events waited, {kind}");
    format!(
        "<figure class=\"waits\"><figcaption>{}</figcaption>\n{bars}</figure>\n{}",
        escape(&title),
        figures(events, names)
    )
}

fn bar(one: &Waited, names: &[&str]) -> String {
    let whole = one.latency_ns.max(1) as f64;
    // In the order of the colours, so that bars can be compared from top to bottom.
    let mut parts: Vec<_> = one.parts.iter().filter(|part| part.ns > 0).collect();
    parts.sort_by_key(|part| names.iter().position(|name| *name == part.name));
    let told = |name: &str, ns: u64| {
        format!("{} {} ({})", escape(name), duration(ns as f64), share(ns as f64 / whole))
    };
    let all: Vec<String> = parts.iter().map(|part| told(&part.name, part.ns)).collect();
    let piece = |part: &&crate::outcome::WaitedPart| {
        let of = part.ns as f64 / whole;
        let name = if of >= NAMED { escape(&part.name) } else { String::new() };
        format!(
            "<i class=\"b{}\" style=\"flex-grow:{of:.5}\" title=\"{}\">{name}</i>",
            colour(names, &part.name),
            told(&part.name, part.ns)
        )
    };
    let pieces: String = parts.iter().map(piece).collect();
    let length = duration(one.latency_ns as f64);
    format!(
        "<div class=\"wait\"><span><b>{}</b> {length}</span><div class=\"parts\" role=\"img\" \
         aria-label=\"{} {length}: {}\">{pieces}</div></div>\n",
        escape(&one.at),
        escape(&one.at),
        all.join(", ")
    )
}

/// A share as a percentage without digits that say nothing, for HTML.
fn share(of: f64) -> String {
    match (of * 1e3).round() {
        0.0 => "&lt; 0.1 %".to_owned(),
        thousandths => percent(thousandths / 1e3),
    }
}

/// What the bars show in figures; the names are their legend.
fn figures(events: &[&Waited], names: &[&str]) -> String {
    let heads: Vec<String> = events.iter().map(|one| format!("#{}", one.at)).collect();
    let mut headers = vec!["waited for"];
    headers.extend(heads.iter().map(String::as_str));
    let row = |name: &&str| {
        let means = events
            .iter()
            .find_map(|one| one.parts.iter().find(|part| part.name == *name))?
            .means
            .as_str();
        let mut row = vec![format!(
            "<i class=\"key b{}\"></i>{}<br><span class=\"dim\">{}</span>",
            colour(names, name),
            escape(name),
            escape(means)
        )];
        row.extend(events.iter().map(|one| match one.of(name) {
            0 => "–".to_owned(),
            ns => format!(
                "{}<br><span class=\"dim\">{}</span>",
                duration(ns as f64),
                share(ns as f64 / one.latency_ns.max(1) as f64)
            ),
        }));
        Some(row)
    };
    let mut rows: Vec<Vec<String>> = names.iter().filter_map(row).collect();
    let mut last = vec!["<span class=\"dim\">the event</span>".to_owned()];
    last.extend(events.iter().map(|one| {
        let due = duration(one.due_ns as f64);
        format!("<span class=\"dim event\">{}<br>due at {due}</span>", escape(&one.event))
    }));
    rows.push(last);
    table(&headers, &rows)
}
