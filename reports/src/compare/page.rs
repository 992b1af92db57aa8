//! A comparison as an HTML file.

use super::text::INDISTINCT;
use super::{Cell, Comparison, Figure, Row, Run};
use crate::chart::{Axis, Chart, Line, Unit};
use crate::latency::Latency;
use crate::outcome::{Outcome, Source};
use crate::page::{page, table};
use crate::report::{rate_lines, spectra, spectrum_line};
use crate::text::escape;

/// Which distribution of a run.
type Of = fn(&Outcome) -> &Latency;

pub(super) fn html(comparison: &Comparison) -> String {
    page("Comparison", &format!("<header><h1>Comparison</h1></header>\n{}", body(comparison)))
}

/// The page without its head.
pub(super) fn body(comparison: &Comparison) -> String {
    let class = if comparison.ok() { "pass" } else { "fail" };
    let mut body = format!(
        "<section class=\"box {class}\" \
         aria-label=\"How the runs came out\"><strong class=\"{class}\">{}</strong></section>\n",
        escape(&comparison.heading())
    );
    body.push_str(&runs(comparison));
    body.push_str("<h2>Figures</h2>\n");
    body.push_str(&figures(comparison, &comparison.rows));
    body.push_str(INTERVALS);
    for stream in &comparison.streams {
        body.push_str(&format!("<h3>Stream <code>{}</code></h3>\n", escape(&stream.name)));
        body.push_str(&figures(comparison, &stream.rows));
    }
    if !comparison.errors.is_empty() {
        body.push_str("<h2>How wrong the simulation was</h2>\n");
        body.push_str(&errors(comparison));
    }
    body.push_str("<h2>Rates</h2>\n");
    let solid = "Simulated runs are dashed, live runs solid.";
    body.push_str(&format!("<p class=\"dim\">{solid}</p>\n"));
    body.push_str(&rates(comparison).render());
    body.push_str("<h2>Percentile spectra</h2>\n");
    body.push_str(&format!("<p class=\"dim\">{solid}</p>\n"));
    let kinds: [(&str, &str, Of); 3] = [
        ("response", "Response time", |outcome| &outcome.latency.response),
        ("service", "Service time", |outcome| &outcome.latency.service),
        ("end-to-end", "End to end latency", |outcome| &outcome.latency.end_to_end),
    ];
    for (id, title, of) in kinds {
        body.push_str(&run_spectra(comparison, id, title, of).render());
    }
    body.push_str("<h2>Reproduce</h2>\n");
    for (run, outcome) in comparison.outcomes() {
        body.push_str(&format!(
            "<p><strong>{}</strong></p><pre><code>{}</code></pre>\n",
            run.label,
            escape(&outcome.reproduce)
        ));
    }
    body
}

fn runs(comparison: &Comparison) -> String {
    let rows: Vec<Vec<String>> = comparison
        .outcomes()
        .map(|(run, outcome)| {
            let class = if run.lost > 0 { "fail" } else { run.conclusion.result.class() };
            vec![
                format!("<strong>{}</strong>", run.label),
                format!("<code>{}</code>", escape(&run.scenario)),
                run.source.to_string(),
                escape(&run.system),
                escape(&outcome.environment.profile),
                escape(&outcome.traffic.describes),
                run.seed.to_string(),
                format!("<span class=\"{class}\"><b class=\"s\">{}</b></span>", run.words()),
            ]
        })
        .collect();
    let headers = ["", "scenario", "source", "system", "profile", "traffic", "#seed", "verdicts"];
    let mut html = table(&headers, &rows);
    if !comparison.warnings.is_empty() {
        html.push_str("<section class=\"box warn\" aria-label=\"Warnings\">");
        for warning in &comparison.warnings {
            html.push_str(&format!("<p>{}</p>\n", escape(warning)));
        }
        html.push_str("</section>\n");
    }
    html
}

/// What stands below the figures.
const INTERVALS: &str = "<p class=\"dim\">In brackets the 95 % interval by order \
     statistics, which takes events for \
     independent: events that wait in one queue are not, so the true interval is wider.</p>\n";

fn figures(comparison: &Comparison, rows: &[Row]) -> String {
    let first = &comparison.runs[0].label;
    let mut headers = vec!["metric".to_owned()];
    for run in &comparison.runs {
        headers.push(format!("#{}", run.label));
    }
    for run in comparison.runs.iter().skip(1) {
        headers.push(format!("#{} / {first}", run.label));
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut cells = vec![row.figure.to_string()];
            cells.extend(row.cells.iter().map(|cell| shown(row.figure, cell)));
            cells.extend(row.cells.iter().skip(1).map(ratio));
            cells
        })
        .collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    table(&headers, &rows)
}

fn shown(figure: Figure, cell: &Cell) -> String {
    let Some(value) = cell.value else { return "–".to_owned() };
    if figure.counts() && value > 0.0 {
        return format!("<span class=\"fail\"><b class=\"s\">{}</b></span>", figure.show(value));
    }
    match cell.interval {
        Some((low, high)) => format!(
            "{}<br><span class=\"dim\">[{}, {}]</span>",
            figure.show(value),
            figure.show(low),
            figure.show(high)
        ),
        None => figure.show(value),
    }
}

fn ratio(cell: &Cell) -> String {
    let Some(ratio) = cell.ratio else { return "–".to_owned() };
    let note = if cell.indistinct {
        format!("<br><span class=\"dim\">{INDISTINCT}</span>")
    } else {
        String::new()
    };
    format!("{ratio:.2}x{note}")
}

fn errors(comparison: &Comparison) -> String {
    let mut html = String::from(
        "<p class=\"dim\">Error: (simulated - live) / live. Below zero the simulation was too \
         optimistic about latency, or too pessimistic about a rate.</p>\n",
    );
    for pair in &comparison.errors {
        html.push_str(&format!(
            "<p><strong>Simulated {} against live {}</strong></p>\n",
            pair.simulated, pair.live
        ));
        if let Some(why) = &pair.withheld {
            let why = escape(why);
            html.push_str(&format!("<p>No error is told: {why}.</p>\n"));
            continue;
        }
        let rows: Vec<Vec<String>> = pair
            .errors
            .iter()
            .map(|error| {
                let note = if error.indistinct { INDISTINCT } else { "" };
                vec![
                    error.figure.to_string(),
                    error.figure.show(error.simulated),
                    error.figure.show(error.live),
                    format!("{:+.1} %", error.error_percent),
                    note.to_owned(),
                ]
            })
            .collect();
        html.push_str(&table(&["metric", "#simulated", "#live", "#error", ""], &rows));
    }
    html
}

/// A run's line in an overlay.
fn overlay(run: &Run, index: usize, line: Line) -> Line {
    Line {
        label: format!("{} {} ({})", run.label, run.scenario, run.source),
        colour: index,
        dashed: run.source == Source::Simulated,
        ..line
    }
}

fn rates(comparison: &Comparison) -> Chart {
    let mut lines = vec![];
    for (index, (run, outcome)) in comparison.outcomes().enumerate() {
        let acked = rate_lines(outcome).into_iter().find(|line| line.label == "acked");
        lines.extend(acked.map(|line| overlay(run, index, line)));
    }
    let durations = comparison.outcomes().map(|(_, outcome)| outcome.duration_ns);
    let longest = durations.max().unwrap_or(0) as f64 / 1e9;
    let axis = Axis::linear("events per second", Unit::PerSecond);
    Chart::over_time("acked", "Acknowledged over time", axis, longest, lines)
}

fn run_spectra(comparison: &Comparison, id: &str, title: &str, of: Of) -> Chart {
    let lines = comparison
        .outcomes()
        .enumerate()
        .filter(|(_, (_, outcome))| of(outcome).count() > 0)
        .map(|(index, (run, outcome))| overlay(run, index, spectrum_line("", 0, of(outcome))));
    spectra(id, title, lines)
}
