//! A comparison for the terminal.

use std::fmt::Write as _;

use super::{Cell, Comparison, Row};
use crate::text::percent;

/// What an overlap of the intervals means.
pub(super) const INDISTINCT: &str = "no detectable difference";

/// Differences of the configuration that are listed at most.
const DIFFERENCES_MAX: usize = 20;

pub(super) fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", comparison.heading());
    for run in &comparison.runs {
        let _ = writeln!(
            text,
            "{}  {} ({}, {}, seed {}): {}",
            run.label,
            run.scenario,
            run.source,
            run.system,
            run.seed,
            run.words()
        );
    }
    for warning in &comparison.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    let _ = writeln!(text, "\n{:20}{}", "", labels(comparison));
    let (broken, latency, rates) = comparison.by_kind();
    broken.iter().for_each(|row| line(&mut text, row));
    verdicts(&mut text, comparison);
    differences(&mut text, comparison);
    section(&mut text, "latency", &latency);
    for phase in &comparison.phases {
        section(&mut text, &phase.name, &phase.rows.iter().collect::<Vec<_>>());
    }
    section(&mut text, "rates", &rates);
    resources(&mut text, comparison);
    for stream in &comparison.streams {
        let title = format!("stream {}", stream.name);
        section(&mut text, &title, &stream.rows.iter().collect::<Vec<_>>());
    }
    if comparison.cells().any(|cell| cell.indistinct) {
        let first = &comparison.runs[0].label;
        let _ = writeln!(text, "=: {INDISTINCT} to {first} (95 % intervals overlap)");
    }
    errors(&mut text, comparison);
    text
}

/// The runs' letters, and those of the ratios, above their columns.
fn labels(comparison: &Comparison) -> String {
    let first = &comparison.runs[0].label;
    let runs = comparison.runs.iter().map(|run| run.label.clone());
    let ratios = comparison.runs.iter().skip(1).map(|run| format!("{}/{first}", run.label));
    runs.chain(ratios).map(|label| format!("{label:>12}")).collect()
}

fn section(text: &mut String, title: &str, rows: &[&Row]) {
    if !rows.is_empty() {
        let _ = writeln!(text, "\n{title}");
        rows.iter().for_each(|row| line(text, row));
    }
}

fn line(text: &mut String, row: &Row) {
    let _ = write!(text, "{:20}", row.figure);
    for cell in &row.cells {
        let shown = cell.value.map_or_else(|| "–".to_owned(), |value| row.figure.show(value));
        let _ = write!(text, "{shown:>12}");
    }
    for cell in row.cells.iter().skip(1) {
        let _ = write!(text, "{:>12}", ratio(cell));
    }
    text.push('\n');
}

/// The ratio to the first run, with `=` where no difference can be told.
pub(super) fn ratio(cell: &Cell) -> String {
    let equal = if cell.indistinct { "= " } else { "" };
    cell.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{equal}{ratio:.2}x"))
}

fn verdicts(text: &mut String, comparison: &Comparison) {
    for row in &comparison.verdicts {
        let stream = row.stream.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let _ = write!(text, "{:20}", format!("{stream}{}", row.name));
        for status in &row.statuses {
            let word = status.map_or_else(|| "–".to_owned(), |status| status.to_string());
            let _ = write!(text, "{word:>12}");
        }
        text.push('\n');
    }
}

/// What differs, a line for each with the values of all runs.
fn differences(text: &mut String, comparison: &Comparison) {
    if comparison.configuration.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nconfiguration");
    for difference in comparison.configuration.iter().take(DIFFERENCES_MAX) {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
        let runs = comparison.runs.iter().zip(&difference.values);
        let values: Vec<_> = runs.map(|(run, of)| format!("{} {}", run.label, value(of))).collect();
        let _ = writeln!(text, "{}: {}", difference.option, values.join(", "));
    }
    let more = comparison.configuration.len().saturating_sub(DIFFERENCES_MAX);
    if more > 0 {
        let _ = writeln!(text, "and {more} more (--json has all)");
    }
}

fn resources(text: &mut String, comparison: &Comparison) {
    if comparison.resources.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nmean utilisation");
    let names = comparison.resources.iter().map(|row| row.name.chars().count());
    let width = names.max().unwrap_or(0).max(20);
    for row in &comparison.resources {
        let _ = write!(text, "{:width$}", row.name);
        for share in &row.utilisation {
            let shown = share.map_or_else(|| "–".to_owned(), percent);
            let _ = write!(text, "{shown:>12}");
        }
        text.push('\n');
    }
}

fn errors(text: &mut String, comparison: &Comparison) {
    for pair in &comparison.errors {
        let _ = writeln!(text, "\nsimulated {} against live {}", pair.simulated, pair.live);
        if let Some(why) = &pair.withheld {
            let _ = writeln!(text, "no error is told: {why}");
            continue;
        }
        let _ = writeln!(text, "{:20}{:>12}{:>12}{:>12}", "", "simulated", "live", "error");
        for error in &pair.errors {
            let note = if error.indistinct { format!("  {INDISTINCT}") } else { String::new() };
            let _ = writeln!(
                text,
                "{:20}{:>12}{:>12}{:>12}{note}",
                error.figure,
                error.figure.show(error.simulated),
                error.figure.show(error.live),
                format!("{:+.1} %", error.error_percent)
            );
        }
    }
}
