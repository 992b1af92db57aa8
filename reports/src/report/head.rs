//! The top of a report: what was run, how it came out, how to run it again.

use crate::account;
use crate::outcome::{Outcome, VerdictStatus};
use crate::page::{name, stacked};
use crate::text::{count, duration, duration_or_dash, escape, per_second};

/// Title, verdict box, key figures, and what reproduces the run.
pub(super) fn head(outcome: &Outcome) -> String {
    let scenario = &outcome.scenario;
    let title = if scenario.title.is_empty() { &scenario.name } else { &scenario.title };
    format!(
        "<header><h1>{}</h1>\n<p class=\"dim\"><code>{}</code> · {} · <span \
         class=\"badge-source\">{}</span></p>\n{}</header>\n{}{}{}",
        escape(title),
        escape(&scenario.name),
        escape(&outcome.environment.systems()),
        outcome.source,
        hypothesis(&scenario.hypothesis),
        verdicts(outcome),
        tiles(outcome),
        facts(outcome),
    )
}

fn hypothesis(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("<p><span class=\"dim\">Hypothesis:</span> {}</p>\n", escape(text))
}

fn verdicts(outcome: &Outcome) -> String {
    let conclusion = outcome.conclusion();
    let (class, text) = (conclusion.result.class(), conclusion.text);
    let mut html = format!(
        "<section class=\"box {class}\" aria-label=\"Verdicts\"><strong class=\"{class}\">{}\
         </strong>\n",
        escape(&text)
    );
    if !outcome.verdicts.is_empty() {
        let mut sorted: Vec<_> = outcome.verdicts.iter().collect();
        sorted.sort_by_key(|verdict| verdict.status);
        let rows: Vec<Vec<String>> = sorted
            .into_iter()
            .map(|verdict| {
                let stream = verdict.stream.as_ref();
                let stream = stream.map(|name| format!(" <code>{}</code>", escape(name)));
                vec![
                    status(verdict.status),
                    format!(
                        "{}{}<br><span class=\"dim\">{}</span>",
                        escape(&verdict.name),
                        stream.unwrap_or_default(),
                        escape(&verdict.explanation)
                    ),
                    escape(&verdict.measured),
                    escape(&verdict.expected),
                ]
            })
            .collect();
        html.push_str(&stacked(&["", "verdict", "measured", "expected"], &rows));
    }
    if !outcome.expectations.is_empty() {
        let rows: Vec<Vec<String>> = outcome
            .expectations
            .iter()
            .map(|expectation| {
                vec![
                    status(if expectation.ok { VerdictStatus::Pass } else { VerdictStatus::Fail }),
                    format!("<code>{}</code>", escape(&expectation.expression)),
                    escape(&expectation.measured),
                ]
            })
            .collect();
        html.push_str(&stacked(&["", "expectation", "measured"], &rows));
    }
    if let Some(generator) = &outcome.generator {
        let class = if generator.bottleneck || generator.overload { "warn" } else { "pass" };
        html.push_str(&format!(
            "<p class=\"{class}\"><b class=\"s\">generator</b> {} Lag p99 {}.</p>\n",
            escape(&generator.explanation),
            duration_or_dash(generator.lag_p99_ns)
        ));
    }
    html.push_str("</section>\n");
    html
}

/// A status word in its colour.
fn status(word: VerdictStatus) -> String {
    format!("<span class=\"{word}\"><b class=\"s\">{word}</b></span>")
}

fn tiles(outcome: &Outcome) -> String {
    let response = outcome.latency.response.summary();
    let binding = outcome.resources.binding();
    let constraint = match &binding {
        Some(binding) if binding.binds => name(&binding.name),
        _ if account::stood_still(outcome).is_some() => {
            let stalled = account::stood_still(outcome).unwrap_or_default();
            format!("stood still {}", account::clock(stalled))
        }
        Some(_) => "none".to_owned(),
        None => "not measured".to_owned(),
    };
    let all = [
        (per_second(outcome.rates.acked.events_per_second), "acknowledged"),
        (per_second(outcome.rates.offered.events_per_second), "offered"),
        (duration_or_dash(response.p50_ns), "response p50"),
        (duration_or_dash(response.p99_ns), "response p99"),
        (count(outcome.counts.lost), "lost"),
        (constraint, "binding constraint"),
    ];
    let several = outcome.streams.len() > 1;
    let mut html = String::from("<div class=\"tiles\">");
    for (value, label) in all {
        let class = if value.chars().count() > 16 { " class=\"long\"" } else { "" };
        html.push_str(&format!(
            "<div class=\"tile\"><b{class}>{value}</b><span>{label}{}</span></div>\n",
            if several && label != "binding constraint" { ", all streams" } else { "" }
        ));
    }
    html.push_str("</div>\n");
    html
}

/// The command line, with a button that copies it.
fn reproduce(line: &str) -> String {
    if line.is_empty() {
        return String::new();
    }
    format!(
        "<pre><code id=\"reproduce\">{}</code></pre><button type=\"button\" \
         data-copy=\"reproduce\">Copy</button>",
        escape(line)
    )
}

fn facts(outcome: &Outcome) -> String {
    let environment = &outcome.environment;
    let mut machine = environment.profile.clone();
    if let Some(system) = &environment.operating_system {
        machine.push_str(&format!(", {system}"));
    }
    if let Some(cores) = environment.cores {
        machine.push_str(&format!(", {cores} cores"));
    }
    let window = format!(
        "{} to {} of {}",
        duration(outcome.window.from_ns as f64),
        duration(outcome.window.until_ns as f64),
        duration(outcome.duration_ns as f64)
    );
    let fingerprint = outcome.fingerprint.as_deref().unwrap_or("none (live)");
    let rows = [
        ("Reproduce", reproduce(&outcome.reproduce)),
        ("Seed", format!("<code>{}</code>", outcome.seed)),
        ("Fingerprint", format!("<code>{}</code>", escape(fingerprint))),
        ("Traffic", escape(&outcome.traffic.describes)),
        ("Machine profile", escape(&machine)),
        ("Measured", escape(&window)),
        ("Scenario file", format!("<code>{}</code>", escape(&outcome.scenario.file))),
    ];
    let mut html = String::from("<dl>\n");
    for (name, value) in rows {
        if value.is_empty() || value.contains("<code></code>") {
            continue;
        }
        html.push_str(&format!("<dt>{name}</dt><dd>{value}</dd>\n"));
    }
    html.push_str("</dl>\n");
    html
}
