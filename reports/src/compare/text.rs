//! A comparison for the terminal.

use std::fmt::Write as _;

use super::{Cell, Comparison, Row};

/// What an overlap of the intervals means.
pub(super) const INDISTINCT: &str = "no detectable difference";

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
    let _ = write!(text, "\n{:20}", "");
    for run in &comparison.runs {
        let _ = write!(text, "{:>12}", run.label);
    }
    let first = &comparison.runs[0].label;
    for run in comparison.runs.iter().skip(1) {
        let _ = write!(text, "{:>12}", format!("{}/{first}", run.label));
    }
    text.push('\n');
    for row in &comparison.rows {
        line(&mut text, row);
    }
    for stream in &comparison.streams {
        let _ = writeln!(text, "\nstream {}", stream.name);
        stream.rows.iter().for_each(|row| line(&mut text, row));
    }
    let streams = comparison.streams.iter().flat_map(|stream| &stream.rows);
    let mut cells = comparison.rows.iter().chain(streams).flat_map(|row| &row.cells);
    let footnote = cells.any(|cell| cell.indistinct);
    if footnote {
        let _ = writeln!(text, "=: {INDISTINCT} to {first} (95 % intervals overlap)");
    }
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
    text
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
fn ratio(cell: &Cell) -> String {
    let equal = if cell.indistinct { "= " } else { "" };
    cell.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{equal}{ratio:.2}x"))
}
