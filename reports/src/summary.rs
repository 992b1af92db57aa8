//! The summary of a run for the terminal.

use std::fmt::Write as _;

use crate::account;
use crate::outcome::{Difference, Outcome, VerdictStatus};
use crate::text::{bytes, count, duration, duration_or_dash, per_second};

/// A run in some thirty lines: an account in plain words and the verdicts first, then rates,
/// percentiles and the binding constraint. Plain text, so that it may be piped.
pub fn summary(outcome: &Outcome) -> String {
    let mut text = String::new();
    let environment = &outcome.environment;
    let _ = writeln!(
        text,
        "{} ({}, {}, seed {})",
        outcome.scenario.name,
        outcome.source,
        environment.systems(),
        outcome.seed
    );
    let _ = writeln!(text, "{}", outcome.conclusion().text);
    text += &account::lines(outcome);
    text.push('\n');
    verdicts(&mut text, outcome);
    differences(&mut text, outcome);
    rates(&mut text, outcome);
    streams(&mut text, outcome);
    latencies(&mut text, outcome);
    let constraint = account::constraint(outcome);
    let _ = writeln!(text, "\n  binding constraint  {constraint}");
    if let Some(fingerprint) = &outcome.fingerprint {
        let _ = writeln!(text, "  fingerprint         {fingerprint}");
    }
    if !outcome.reproduce.is_empty() {
        let _ = writeln!(text, "  reproduce           {}", outcome.reproduce);
    }
    text
}

fn verdicts(text: &mut String, outcome: &Outcome) {
    let mut sorted: Vec<_> = outcome.verdicts.iter().collect();
    sorted.sort_by_key(|verdict| verdict.status);
    let width = sorted.iter().map(|verdict| verdict.name.chars().count()).max().unwrap_or(0);
    // The names of streams are left out where there is only one.
    let streams = sorted.iter().filter_map(|verdict| verdict.stream.as_ref());
    let stream = streams.map(|name| name.chars().count() + 2).max().unwrap_or(0);
    let found = sorted.iter().any(|verdict| verdict.status == VerdictStatus::Expected);
    let word = if found { 8 } else { 4 };
    for verdict in sorted {
        let of = verdict.stream.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:word$}  {of:stream$}{:width$}  {}",
            verdict.status, verdict.name, verdict.measured
        );
        if verdict.status <= VerdictStatus::Warn {
            let _ =
                writeln!(text, "        expected {}: {}", verdict.expected, verdict.explanation);
        }
    }
    let lengths =
        outcome.expectations.iter().map(|expectation| expectation.expression.chars().count());
    let width = lengths.max().unwrap_or(0);
    for expectation in &outcome.expectations {
        let met = if expectation.ok { "met" } else { "MISS" };
        let _ = writeln!(
            text,
            "  {met:word$}  {:width$}  {}",
            expectation.expression, expectation.measured
        );
    }
    if let Some(generator) = &outcome.generator {
        let how = if generator.bottleneck || generator.overload { "warn" } else { "pass" };
        let _ = writeln!(text, "  {how:word$}  generator: {}", generator.explanation);
    }
}

/// Where the run differs from the one that the scenario asks for.
fn differences(text: &mut String, outcome: &Outcome) {
    if outcome.differences.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n  not as the scenario asks:");
    for difference in &outcome.differences {
        let Difference { option, asked, done, why } = difference;
        let _ = writeln!(text, "  {option}: asked {asked}, done {done}");
        let _ = writeln!(text, "        {why}");
    }
}

fn rates(text: &mut String, outcome: &Outcome) {
    let _ = writeln!(text, "\n  {:14}{:>12}{:>14}", "rate", "events", "bytes");
    for (name, rate) in outcome.rates.named() {
        let _ = writeln!(
            text,
            "  {name:14}{:>12}{:>14}",
            per_second(rate.events_per_second),
            format!("{}/s", bytes(rate.bytes_per_second))
        );
    }
    let counts = outcome.counts;
    let _ = writeln!(
        text,
        "  {} scheduled, {} acked, {} failed, {} lost, {} duplicated, {} reordered",
        count(counts.scheduled),
        count(counts.acked),
        count(counts.failed),
        count(counts.lost),
        count(counts.duplicated),
        count(counts.reordered)
    );
    if counts.expired > 0 {
        let expired = count(counts.expired);
        let _ = writeln!(text, "  {expired} removed by retention before they were read");
    }
}

/// A line for each stream, where there are several; the rates above and the latencies below are of
/// all together.
fn streams(text: &mut String, outcome: &Outcome) {
    let several = outcome.several();
    if several.is_empty() {
        return;
    }
    let width = several.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).max(6);
    let _ = writeln!(
        text,
        "\n  {:width$}{:>11}{:>11}{:>9}{:>9}{:>15}{:>17}",
        "stream", "taken", "acked", "lost", "failed", "response p99", "end to end p99"
    );
    for (name, _, view) in several {
        let _ = writeln!(
            text,
            "  {name:width$}{:>11}{:>11}{:>9}{:>9}{:>15}{:>17}",
            count(view.counts.scheduled),
            count(view.counts.acked),
            count(view.counts.lost),
            count(view.counts.failed),
            duration_or_dash(view.latency.response.summary().p99_ns),
            duration_or_dash(view.latency.end_to_end.summary().p99_ns)
        );
    }
    let _ =
        writeln!(text, "  Above and below is the whole, from the schedule to the last readers.");
}

fn latencies(text: &mut String, outcome: &Outcome) {
    let _ = writeln!(
        text,
        "\n  {:14}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "latency", "mean", "p50", "p99", "p99.9", "max"
    );
    for (name, latency) in outcome.latency.named() {
        if latency.count() == 0 {
            continue;
        }
        let summary = latency.summary();
        let _ = writeln!(
            text,
            "  {name:14}{:>10}{:>10}{:>10}{:>10}{:>10}",
            duration(summary.mean_ns),
            duration_or_dash(summary.p50_ns),
            duration_or_dash(summary.p99_ns),
            duration_or_dash(summary.p99_9_ns),
            duration(summary.max_ns as f64)
        );
    }
}
