//! The result as Markdown, and a document that has it between two markers.

use std::fmt::Write as _;
use std::path::Path;

use super::statistics::Interval;
use super::summary::{CaseErrors, Median, Summary};
use crate::failure::{Failure, Result};
use crate::forecast::{ACKED, CPU, GAP, HIGHEST, RECOVERY};

/// What stands before and behind the tables in a document.
const BEGIN: &str = "<!-- validation: written by `loadgen validate --write` from here";
const END: &str = "<!-- validation: to here";

/// Figures of the table of cases.
const COLUMNS: [&str; 9] = [
    "response p50",
    "response p90",
    "response p99",
    "end to end p50",
    ACKED,
    CPU,
    HIGHEST,
    GAP,
    RECOVERY,
];

/// Replaces what stands between the markers of the document at `path`.
///
/// # Errors
/// If it can't be read or written, or has no markers.
pub(super) fn replace(path: &Path, tables: &str) -> Result<()> {
    let text = read(path)?;
    let new = between(&text, tables).ok_or_else(|| no_markers(path))?;
    std::fs::write(path, new).map_err(|error| Failure::io(path.display(), &error))
}

/// Whether a document can be written to, before anything is run.
///
/// # Errors
/// As [`replace`].
pub(super) fn check(path: &Path) -> Result<()> {
    between(&read(path)?, "").map(drop).ok_or_else(|| no_markers(path))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Failure::io(path.display(), &error))
}

fn no_markers(path: &Path) -> Failure {
    Failure::new(format!(
        "{}: expected a line that begins with `{BEGIN}` and one that begins with `{END}`; put them \
         where the tables belong",
        path.display()
    ))
}

fn between(text: &str, tables: &str) -> Option<String> {
    let begin = text.find(BEGIN)?;
    let from = begin + text[begin..].find('\n')? + 1;
    let until = from + text[from..].find(END)?;
    Some(format!("{}\n{}\n\n{}", &text[..from], tables.trim(), &text[until..]))
}

/// The tables.
pub(super) fn tables(summary: &Summary) -> String {
    let mut text = head(summary);
    targets(summary, &mut text);
    text.push_str(
        "\nMedians over the cases, and by the share of its cores that the cluster used:\n\n",
    );
    medians(summary, &mut text);
    pairs(summary, &mut text);
    text.push_str("\nThe cases; errors in brackets are in no median:\n\n");
    cases(summary, &mut text);
    let broken = summary.cases.iter().filter(|case| !case.broken.is_empty());
    for case in broken {
        let _ = writeln!(text, "\n`{}` did not keep: {}.", case.name, case.broken.join("; "));
    }
    text
}

fn head(summary: &Summary) -> String {
    let about = &summary.about;
    let runs: u64 = summary.cases.iter().map(|case| case.runs).sum();
    let kind = if about.hindcast {
        " Some runs were made before the forecast that they are held against, on an older model or \
         profile: what is told of them is no forecast."
    } else {
        ""
    };
    format!(
        "{}, {}; profile {}; cores {}. {} cases, {} seeds and up to {} repeats each: {runs} runs \
         count, {} were late or disturbed and discarded, {} are missing.{kind} Errors are \
         (simulated - measured) / measured of the medians, with 95 % intervals by drawing seeds \
         and repeats again, and cases as well where they are several. Latencies under faults and \
         of queues that grow are in no median.\n\n",
        about.date,
        about.machine,
        about.profile,
        about.cores,
        summary.cases.len(),
        about.seeds,
        about.repeats,
        about.discarded,
        about.missing,
    )
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn size(interval: Interval) -> String {
    let Interval { value, low, high } = interval;
    format!("{} % [{} .. {}]", percent(value), percent(low), percent(high))
}

fn signed(interval: Interval) -> String {
    let Interval { value, low, high } = interval;
    let sign = |share: f64| format!("{:+.0}", share * 100.0);
    format!("{} % [{} .. {}]", sign(value), sign(low), sign(high))
}

fn targets(summary: &Summary, text: &mut String) {
    text.push_str(
        "| target: median error | at most | cases | measured | |\n|---|---|---|---|---|\n",
    );
    for target in &summary.targets {
        let measured = target.median.map_or_else(|| "-".to_owned(), size);
        let kept = match target.kept {
            Some(true) => "kept",
            Some(false) => "**missed**",
            None => "no case",
        };
        let (name, cases) = (target.name, target.cases);
        let limit = percent(target.limit);
        let _ = writeln!(text, "| {name} | {limit} % | {cases} | {measured} | {kept} |");
    }
    let judged: Vec<bool> = summary.pairs.iter().filter_map(|pair| pair.right()).collect();
    let right = judged.iter().filter(|right| **right).count();
    let kept = match (judged.len(), right) {
        (0, _) => "no case",
        (all, right) if all == right => "kept",
        _ => "**missed**",
    };
    let _ = writeln!(
        text,
        "| better configuration named, where repeats agree | all | {} | {right} | {kept} |",
        judged.len()
    );
}

fn medians(summary: &Summary, text: &mut String) {
    text.push_str("| figure | all: by size | all: with sign |");
    for band in &summary.bands {
        let _ = write!(text, " {} |", band.name);
    }
    let _ = writeln!(text, "\n|---|---|---|{}", "---|".repeat(summary.bands.len()));
    let of = |all: &[Median], figure: &str| -> Option<(usize, Interval)> {
        all.iter().find(|one| one.figure == figure).map(|one| (one.cases, one.size))
    };
    let shown = |found: Option<(usize, Interval)>| {
        found.map_or_else(|| "-".to_owned(), |(cases, of)| format!("{}, {cases} cases", size(of)))
    };
    for median in &summary.medians {
        let all = shown(Some((median.cases, median.size)));
        let _ = write!(text, "| {} | {all} | {} |", median.figure, signed(median.signed));
        for band in &summary.bands {
            let _ = write!(text, " {} |", shown(of(&band.medians, median.figure)));
        }
        text.push('\n');
    }
}

fn pairs(summary: &Summary, text: &mut String) {
    if summary.pairs.is_empty() {
        return;
    }
    text.push_str(
        "\nThe better one of two configurations:\n\n\
         | experiment | of | by | forecast | measured |\n|---|---|---|---|---|\n",
    );
    for pair in &summary.pairs {
        let measured = match (&pair.measured, pair.right()) {
            (Some(measured), Some(true)) => measured.clone(),
            (Some(measured), _) => format!("**{measured}**"),
            (None, _) => "repeats do not agree".to_owned(),
        };
        let [first, second] = &pair.of;
        let _ = writeln!(
            text,
            "| `{}` | {first}, {second} | {} | {} | {measured} |",
            pair.experiment, pair.figure, pair.forecast
        );
    }
}

fn cases(summary: &Summary, text: &mut String) {
    let has = |name: &&str| {
        let of_case = |case: &CaseErrors| {
            case.figures.iter().any(|figure| figure.name == *name && figure.error.is_some())
        };
        summary.cases.iter().any(of_case)
    };
    let columns: Vec<&str> = COLUMNS.into_iter().filter(has).collect();
    let _ = writeln!(text, "| case | runs | cores busy | {} |", columns.join(" | "));
    let _ = writeln!(text, "|---|---|---|{}", "---|".repeat(columns.len()));
    for case in &summary.cases {
        let busy = case.utilisation.map_or_else(|| "-".to_owned(), |of| percent(of) + " %");
        let _ = write!(text, "| `{}` | {} | {busy} |", case.name, case.runs);
        for column in &columns {
            let _ = write!(text, " {} |", cell(case, column));
        }
        text.push('\n');
    }
}

/// What was measured of a figure, and the error of what was simulated.
fn cell(case: &CaseErrors, column: &str) -> String {
    let Some(figure) = case.figures.iter().find(|figure| figure.name == column) else {
        return "-".to_owned();
    };
    let Some(measured) = figure.measured.map(|value| figure.unit.show(value)) else {
        return "-".to_owned();
    };
    match figure.error {
        Some(error) if figure.counted => format!("{measured}: {}", signed(error)),
        Some(error) => format!("{measured}: ({})", signed(error)),
        None => measured,
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::Summary;
    use super::super::summary::tests::{about, case};
    use super::*;

    #[test]
    fn the_tables_have_targets_medians_pairs_and_cases() {
        let cases = [
            case("small@a", [1.1, 9.0], [1.0, 8.0], 0.1),
            case("small@b", [3.0, 7.0], [4.0, 9.0], 0.5),
        ];
        let text = tables(&Summary::of(&cases, about(), 1));
        for part in [
            "2026-11-28, linux, 2 cores; profile here; cores own. 2 cases, 20 seeds",
            "6 runs count, 1 were late or disturbed",
            "| response p50 | 7.0 % | 2 | 17.5 % [10.0 .. 25.0] | **missed** |",
            "| CPU of the cluster | 15.0 % | 2 | 0.0 % [0.0 .. 0.0] | kept |",
            "| longest gap | 10.0 % | 0 | - | no case |",
            "| better configuration named, where repeats agree | all | 2 | 1 | **missed** |",
            "| `small` | a, b | response p50 | a | a |",
            "| `small` | a, b | response p99 | b | **a** |",
            "| `small@a` | 3 | 10.0 % | 1 ms: +10 % [+10 .. +10] |",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
    }

    #[test]
    fn what_stands_between_the_markers_is_replaced_and_nothing_else() {
        let document = format!("# A\n\n{BEGIN} -->\nold\n{END} -->\n\nZ\n");
        let once = between(&document, "new\n").unwrap();
        assert_eq!(once, format!("# A\n\n{BEGIN} -->\n\nnew\n\n{END} -->\n\nZ\n"));
        assert_eq!(between(&once, "new").unwrap(), once);
        assert_eq!(between("no markers", "new"), None);
    }

    #[test]
    fn the_document_of_validation_has_the_markers() {
        let document = include_str!("../../../docs/VALIDATION.md");
        assert!(between(document, "").is_some());
    }
}
