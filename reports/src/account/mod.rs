//! The account of a run in plain words: when writers were held up and why, what the system made of
//! it, whether they caught up, and what was lost. Made from the series, the faults, the marks, the
//! levels and the verdicts of an Outcome, simulated or live; it names no system.

mod stretches;

use std::collections::BTreeMap;

use crate::outcome::{Fault, Mark, Outcome, VerdictStatus};
use crate::resource::ResourceKind;
use crate::stages;
use crate::text::{bytes, count, escape, percent, significant};

use self::stretches::{HeldUp, Span, Starved, held_up, starved};

/// Stretches that are told one by one; more are counted.
const TOLD_MAX: usize = 4;

/// Marks that are told of one stretch.
const MARKS_MAX: usize = 4;

/// Kinds of marks that are told at the end.
const KINDS_MAX: usize = 5;

/// What happens before belongs to the start of a cluster, nanoseconds.
const START_NS: u64 = 1_000_000_000;

/// How long before a stretch a fault may have ended that still counts as its reason, nanoseconds.
const AFTERMATH_NS: u64 = 2_000_000_000;

/// The account, a sentence each, in order of time; what was lost last.
pub fn account(outcome: &Outcome) -> Vec<String> {
    let mut sentences = Vec::new();
    let (held_up, starved) = (held_up(&outcome.series), starved(&outcome.series));
    let mut told = BTreeMap::new();
    for of in held_up.iter().take(TOLD_MAX) {
        told.insert((of.span.from_ns, 0), writers(outcome, of));
    }
    for of in starved.iter().take(TOLD_MAX) {
        told.insert((of.span.from_ns, 1), readers(outcome, of));
    }
    let became = became(outcome);
    for (number, mark) in (2..).zip(became.iter().take(TOLD_MAX)) {
        told.insert((mark.at_ns, number), happened(mark));
    }
    sentences.extend(told.into_values());
    if let Some(more @ 1..) = became.len().checked_sub(TOLD_MAX) {
        sentences.push(format!("{} more times the like", count(more as u64)));
    }
    let more = held_up.len().saturating_sub(TOLD_MAX) + starved.len().saturating_sub(TOLD_MAX);
    if more > 0 {
        sentences.push(format!("{} more times somebody was held up", count(more as u64)));
    }
    let spans: Vec<Span> =
        held_up.iter().map(HeldUp::whole).chain(starved.iter().map(|of| of.span)).collect();
    sentences.extend(unfelt(outcome, &spans));
    sentences.extend(stages::sentences(outcome));
    sentences.extend(also(outcome));
    sentences.push(end(outcome));
    sentences
}

/// How long writers have to stand still in the measured window before that is what binds,
/// nanoseconds.
const STANDS_STILL_NS: u64 = 1_000_000_000;

/// How long writers stood still in the measured window, nanoseconds; none if hardly.
pub fn stood_still(outcome: &Outcome) -> Option<u64> {
    let window = outcome.window;
    let stalled = held_up(&outcome.series).into_iter().filter(|of| of.stalled);
    let within = |of: HeldUp| {
        let from = of.span.from_ns.max(window.from_ns);
        of.span.until_ns.min(window.until_ns).saturating_sub(from)
    };
    let all: u64 = stalled.map(within).sum();
    (all >= STANDS_STILL_NS).then_some(all)
}

/// What bound the run, in a sentence: the busiest resource; where none was busy and writers stood
/// still nevertheless, that, for how long, and why.
pub fn constraint(outcome: &Outcome) -> String {
    let binding = outcome.resources.binding();
    let busiest = binding
        .as_ref()
        .map_or_else(|| "no resource was measured".to_owned(), |binding| binding.to_string());
    let stalled = held_up(&outcome.series).into_iter().filter(|of| of.stalled);
    let longest = stalled.max_by_key(|of| of.span.until_ns - of.span.from_ns);
    let idle = binding.is_none_or(|binding| !binding.binds);
    match (stood_still(outcome), longest) {
        (Some(all), Some(of)) if idle => {
            let reasons = behind(because(outcome, of.span));
            let busiest = busiest.trim_start_matches("none: ");
            format!(
                "no resource, yet writers stood still for {}, longest {}{reasons}; {busiest}",
                clock(all),
                from_to(of.span)
            )
        }
        _ => busiest,
    }
}

/// The account for the terminal: a line a sentence.
pub(crate) fn lines(outcome: &Outcome) -> String {
    account(outcome).iter().map(|sentence| format!("  {sentence}\n")).collect()
}

/// The account for a page.
pub(crate) fn html(outcome: &Outcome) -> String {
    let items = account(outcome);
    let items = items.iter().map(|sentence| format!("<li>{}</li>\n", escape(sentence)));
    format!("<ul>\n{}</ul>\n", items.collect::<String>())
}

/// `8.2 s`, or from a minute on `8m50s`.
pub(crate) fn clock(ns: u64) -> String {
    let tenths = (ns + 50_000_000) / 100_000_000;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    match (minutes, rest % 10) {
        (0, 0) => format!("{} s", rest / 10),
        (0, tenth) => format!("{}.{tenth} s", rest / 10),
        (_, 0) => format!("{minutes}m{:02}s", rest / 10),
        (_, tenth) => format!("{minutes}m{:02}.{tenth}s", rest / 10),
    }
}

fn from_to(of: Span) -> String {
    format!("from {} to {}", clock(of.from_ns), clock(of.until_ns))
}

/// One stretch in which writers were held up, with why, what happened, and how it ended.
fn writers(outcome: &Outcome, of: &HeldUp) -> String {
    let mut sentence = match of.stalled {
        true => format!("writers stalled {}", from_to(of.span)),
        false => format!("writers were slowed down {}", from_to(of.span)),
    };
    sentence += &why(outcome, of.span);
    sentence += &match of.caught_up_ns {
        Some(at) => format!("; caught up at {}", clock(at)),
        None => "; they had not caught up at the end".to_owned(),
    };
    if of.backlog > 0 {
        sentence += &format!(", {} events behind at the most", count(of.backlog));
    }
    sentence
}

/// One stretch in which readers were handed nothing, with why, and how it ended.
fn readers(outcome: &Outcome, of: &Starved) -> String {
    let mut sentence = format!("readers were handed nothing {}", from_to(of.span));
    sentence += &why(outcome, of.span);
    if of.lags() {
        sentence += &match of.caught_up_ns {
            Some(at) => format!("; caught up at {}", clock(at)),
            None => "; they had not caught up at the end".to_owned(),
        };
        sentence += &format!(", {} events behind at the most", count(of.behind));
    }
    sentence
}

/// Faults, levels and marks that belong to a stretch, behind a colon.
fn why(outcome: &Outcome, of: Span) -> String {
    let mut reasons = because(outcome, of);
    reasons.extend(marks(outcome, of));
    behind(reasons)
}

/// Faults and levels that belong to a stretch.
fn because(outcome: &Outcome, of: Span) -> Vec<String> {
    let faults = outcome.faults.iter().filter(|fault| is_about(fault, of)).map(named);
    faults.chain(quotas(outcome, of)).chain(full(outcome, of)).collect()
}

/// What a limit is called that a server sets to a client, and not a client to itself.
const QUOTA: &str = "quota";

/// The share of a stretch in which a client had used up its quota, from which on that is why.
const HELD_BACK: f64 = 0.3;

/// Clients that servers held back, because they had had their quota.
fn quotas<'a>(outcome: &'a Outcome, of: Span) -> impl Iterator<Item = String> + 'a {
    let interval = outcome.series.interval_ns.max(1);
    let (from, until) = ((of.from_ns / interval) as usize, (of.until_ns / interval) as usize);
    let limits = outcome.resources.iter().filter(|it| it.kind == ResourceKind::Limit);
    limits.filter_map(move |limit| {
        let client = limit.name.strip_suffix(QUOTA)?.strip_suffix('/')?;
        let within = limit.series.get(from..until.min(limit.series.len()))?;
        let share = within.iter().sum::<f64>() / within.len().max(1) as f64;
        let held = (share >= HELD_BACK).then(|| percent(share.min(1.0)))?;
        Some(format!("{client} had used up its quota and was held back ({held} of the time)"))
    })
}

fn behind(reasons: Vec<String>) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) }
}

fn is_about(fault: &Fault, of: Span) -> bool {
    let until = fault.until_ns.map_or(u64::MAX, |until| until.saturating_add(AFTERMATH_NS));
    // A stretch is known to an interval.
    fault.from_ns < of.until_ns && until > of.from_ns
}

/// `crash of broker-1 (leader) from 8 s to 23 s`.
fn named(fault: &Fault) -> String {
    let when = match fault.until_ns {
        Some(until) if until > fault.from_ns => {
            format!("from {} to {}", clock(fault.from_ns), clock(until))
        }
        Some(_) => format!("at {}", clock(fault.from_ns)),
        None => format!("from {} on", clock(fault.from_ns)),
    };
    format!("{} of {} {when}", fault.name.replace('-', " "), fault.target)
}

/// A level of a server that stood at its highest, and far above what it was before.
fn full(outcome: &Outcome, of: Span) -> Option<String> {
    let series = &outcome.series;
    let interval = series.interval_ns.max(1);
    let (from, until) = ((of.from_ns / interval) as usize, (of.until_ns / interval) as usize);
    let mean = |values: &[Option<f64>]| {
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let risen = series.gauges.iter().filter(|gauge| !is_client(&gauge.name)).filter_map(|gauge| {
        let within = gauge.values.get(from..until.min(gauge.values.len()))?;
        let (level, before) = (mean(within)?, mean(&gauge.values[..from]).unwrap_or(0.0));
        let most = gauge.values.iter().copied().flatten().fold(0.0, f64::max);
        let risen = level / before.max(most / 1e3).max(1.0);
        (risen >= LEVEL_RISES && level >= most * LEVEL_FULL).then_some((gauge, most, risen))
    });
    let (gauge, most, _) = risen.max_by(|one, other| one.2.total_cmp(&other.2))?;
    let most = match gauge.unit.as_str() {
        "bytes" => bytes(most),
        unit => format!("{} {unit}", significant(most)).trim_end().to_owned(),
    };
    let (node, level) = gauge.name.split_once('/').unwrap_or(("", &gauge.name));
    Some(format!("{} of {node} at its highest ({most})", level.replace('_', " ")))
}

/// How many times its level before a stretch a level has to be there.
const LEVEL_RISES: f64 = 2.0;

/// And of its highest, as a share, in the mean.
const LEVEL_FULL: f64 = 0.8;

/// Its clients' levels rise because writers are held up; they are not why.
fn is_client(gauge: &str) -> bool {
    gauge.contains("producer-") || gauge.contains("consumer-")
}

/// The first of each kind of marks in a stretch, in order of time.
fn marks(outcome: &Outcome, of: Span) -> Vec<String> {
    let within = |mark: &&Mark| {
        mark.at_ns >= of.from_ns.max(START_NS) && mark.at_ns <= of.until_ns + AFTERMATH_NS / 10
    };
    let mut seen: Vec<&Mark> = Vec::new();
    for mark in outcome.marks.iter().filter(within) {
        if !seen.iter().any(|known| known.name == mark.name) {
            seen.push(mark);
        }
    }
    seen.iter().take(MARKS_MAX).map(|mark| happened(mark)).collect()
}

fn happened(mark: &Mark) -> String {
    format!("{} at {} ({})", words(&mark.name), clock(mark.at_ns), mark.detail)
}

/// Marks that say what became of something (`segment 0, into 1 and 2`).
fn became(outcome: &Outcome) -> Vec<&Mark> {
    outcome.marks.iter().filter(|mark| mark.detail.contains(", into ")).collect()
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// The faults that held nobody up.
fn unfelt(outcome: &Outcome, spans: &[Span]) -> Option<String> {
    let felt = |fault: &&Fault| !spans.iter().any(|span| is_about(fault, *span));
    let unfelt: Vec<String> = outcome.faults.iter().filter(felt).map(named).collect();
    if unfelt.is_empty() {
        return spans.is_empty().then(|| "nobody was held up".to_owned());
    }
    Some(format!("nobody was held up by the {}", unfelt.join(", nor by the ")))
}

/// How often what happened.
fn also(outcome: &Outcome) -> Option<String> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for mark in outcome.marks.iter().filter(|mark| mark.at_ns >= START_NS) {
        *kinds.entry(&mark.name).or_default() += 1;
    }
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(name, times)| (std::cmp::Reverse(*times), *name));
    let more = kinds.len().saturating_sub(KINDS_MAX);
    let told = |(name, times): &(&str, u64)| match times {
        1 => format!("{} once", words(name)),
        times => format!("{} {} times", words(name), count(*times)),
    };
    let mut told: Vec<String> = kinds.iter().take(KINDS_MAX).map(told).collect();
    match more {
        0 => {}
        1 => told.push("and events of one more kind".to_owned()),
        more => told.push(format!("and events of {more} more kinds")),
    }
    (!told.is_empty()).then(|| format!("in all: {}", told.join(", ")))
}

/// What was lost, given up and disordered.
fn end(outcome: &Outcome) -> String {
    let counts = outcome.counts;
    let status = outcome.verdicts.iter().filter(|verdict| verdict.name == "no_acked_loss");
    let checked = status.map(|verdict| verdict.status).collect::<Vec<_>>();
    let events = |number: u64, what: &str| match number {
        1 => format!("1 event {what}"),
        number => format!("{} events {what}", count(number)),
    };
    let mut parts = vec![match counts.lost {
        0 if checked.contains(&VerdictStatus::Pass) => "nothing lost".to_owned(),
        0 => "whether anything was lost was not checked".to_owned(),
        lost => events(lost, "lost that had been acknowledged"),
    }];
    let open = counts.scheduled.saturating_sub(counts.acked + counts.failed);
    let others = [
        (counts.failed, "given up by their writers"),
        (open, "never answered"),
        (counts.expired, "removed by retention before they were read"),
        (counts.duplicated, "stored more than once"),
        (counts.reordered, "out of order"),
    ];
    let others = others.iter().filter(|(number, _)| *number > 0);
    parts.extend(others.map(|(number, what)| events(*number, what)));
    parts.join(", ")
}
