//! A comparison for a pull request: tables of GitHub's Markdown.

use std::fmt::Write as _;

use super::text::{INDISTINCT, ratio};
use super::{Cell, Comparison, Row};
use crate::markdown::{code, plain, table};
use crate::text::percent;

/// Differences of the configuration that are listed at most.
const DIFFERENCES_MAX: usize = 40;

pub(super) fn markdown(comparison: &Comparison) -> String {
    let mark = if comparison.ok() { "✅" } else { "❌" };
    let mut text = format!("### {mark} {}\n\n", plain(&comparison.heading()));
    let runs = comparison.runs.iter().map(|run| {
        let source = run.source.to_string();
        let seed = run.seed.to_string();
        let about = [run.label.clone(), code(&run.scenario), source, plain(&run.system), seed];
        [&about[..], &[plain(&run.words())]].concat()
    });
    text +=
        &table(&["", "scenario", "source", "system", "#seed", "result"], &runs.collect::<Vec<_>>());
    for warning in &comparison.warnings {
        let _ = writeln!(text, "> **Warning:** {}\n", plain(warning));
    }
    let (broken, latency, rates) = comparison.by_kind();
    section(&mut text, "Verdicts and losses", &figures(comparison, &broken));
    section(&mut text, "", &verdicts(comparison));
    section(&mut text, "Configuration", &differences(comparison));
    section(&mut text, "Latency", &figures(comparison, &latency));
    for phase in &comparison.phases {
        let rows: Vec<&Row> = phase.rows.iter().collect();
        section(&mut text, &format!("Latency {}", phase.name), &figures(comparison, &rows));
    }
    section(&mut text, "Rates", &figures(comparison, &rates));
    section(&mut text, "Utilisation, mean", &resources(comparison));
    for stream in &comparison.streams {
        let rows: Vec<&Row> = stream.rows.iter().collect();
        let title = format!("Stream {}", code(&stream.name));
        section(&mut text, &title, &figures(comparison, &rows));
    }
    if comparison.cells().any(|cell| cell.indistinct) {
        let _ = writeln!(text, "`=`: {INDISTINCT} (95 % intervals overlap).\n");
    }
    text += "<details><summary>Reproduce</summary>\n\n```sh\n";
    for (_, outcome) in comparison.outcomes() {
        let _ = writeln!(text, "{}", outcome.reproduce);
    }
    text + "```\n\n</details>\n"
}

fn section(text: &mut String, title: &str, table: &str) {
    if !table.is_empty() {
        if !title.is_empty() {
            let _ = writeln!(text, "**{title}**\n");
        }
        text.push_str(table);
    }
}

fn figures(comparison: &Comparison, rows: &[&Row]) -> String {
    let labels = comparison.runs.iter().map(|run| run.label.as_str());
    let first = labels.clone().next().unwrap_or_default();
    let mut headers = vec![String::new()];
    headers.extend(labels.clone().map(|label| format!("#{label}")));
    headers.extend(labels.skip(1).map(|label| format!("#{label}/{first}")));
    let shown = |row: &&Row| {
        let value = |cell: &Cell| {
            cell.value.map_or_else(
                || "–".to_owned(),
                |value| match value > 0.0 {
                    true if row.figure.counts() => format!("**{}**", row.figure.show(value)),
                    _ => row.figure.show(value),
                },
            )
        };
        let mut cells = vec![row.figure.to_string()];
        cells.extend(row.cells.iter().map(value));
        cells.extend(row.cells.iter().skip(1).map(ratio));
        cells
    };
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    table(&headers, &rows.iter().map(shown).collect::<Vec<_>>())
}

/// The headers of a table with a column for each run.
fn headers<'a>(comparison: &'a Comparison, first: &'a str) -> Vec<&'a str> {
    let labels = comparison.runs.iter().map(|run| run.label.as_str());
    std::iter::once(first).chain(labels).collect()
}

fn verdicts(comparison: &Comparison) -> String {
    let rows = comparison.verdicts.iter().map(|row| {
        let stream = row.stream.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let mut cells = vec![plain(&format!("{}{stream}", row.name))];
        let word = |status: &Option<_>| status.map_or_else(|| "–".to_owned(), |it| format!("{it}"));
        cells.extend(row.statuses.iter().map(word));
        cells
    });
    table(&headers(comparison, "verdict"), &rows.collect::<Vec<_>>())
}

fn differences(comparison: &Comparison) -> String {
    let shown = comparison.configuration.iter().take(DIFFERENCES_MAX).map(|difference| {
        let value =
            |value: &Option<String>| value.as_ref().map_or_else(|| "–".into(), |it| code(it));
        let mut cells = vec![code(&difference.option)];
        cells.extend(difference.values.iter().map(value));
        cells
    });
    let mut text = table(&headers(comparison, "differs"), &shown.collect::<Vec<_>>());
    let more = comparison.configuration.len().saturating_sub(DIFFERENCES_MAX);
    if more > 0 {
        let _ = writeln!(text, "and {more} more\n");
    }
    text
}

fn resources(comparison: &Comparison) -> String {
    let rows = comparison.resources.iter().map(|row| {
        let mut cells = vec![code(&row.name)];
        let share = |share: &Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
        cells.extend(row.utilisation.iter().map(share));
        cells
    });
    table(&headers(comparison, "resource"), &rows.collect::<Vec<_>>())
}
