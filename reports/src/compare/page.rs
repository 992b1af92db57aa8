//! A comparison as an HTML file.

use super::over_time;
use super::text::INDISTINCT;
use super::{
    Cell, Comparison, ConfigurationDifference, Figure, PhaseRows, ResourceRow, Row, VerdictRow,
};
use crate::chart::Chart;
use crate::latency::Latency;
use crate::outcome::{Outcome, VerdictStatus};
use crate::page::{Sections, name, page, stacked, table};
use crate::report::{spectra, spectrum_line};
use crate::text::{escape, percent};

/// Which distribution of a run.
type Of = fn(&Outcome) -> &Latency;

pub(super) fn html(comparison: &Comparison) -> String {
    page("Comparison", &format!("<header><h1>Comparison</h1></header>\n{}", body(comparison)))
}

/// The page without its head: what broke, then what differs, then how fast and how busy they were.
pub(super) fn body(comparison: &Comparison) -> String {
    let class = if comparison.ok() { "pass" } else { "fail" };
    let mut top = format!(
        "<section class=\"box {class}\" \
         aria-label=\"How the runs came out\"><strong class=\"{class}\">{}</strong></section>\n",
        escape(&comparison.heading())
    );
    top.push_str(&runs(comparison));
    let mut sections = Sections::default();
    let (broken, latency, rates) = comparison.by_kind();
    let ills = figures(comparison, &broken) + &verdicts(comparison);
    sections.add("verdicts", "Verdicts and losses", &ills);
    sections.add("configuration", "What differs", &differences(comparison));
    let solid = "<p class=\"dim\">Simulated runs are dashed, live runs solid.</p>\n";
    let spectra = |kinds: [(&str, &str, Of); 3]| {
        let all = kinds.map(|(id, title, of)| run_spectra(comparison, id, title, of).render());
        all.concat()
    };
    let spectra = spectra([
        ("response", "Response time", |outcome| &outcome.latency.response),
        ("service", "Service time", |outcome| &outcome.latency.service),
        ("end-to-end", "End to end latency", |outcome| &outcome.latency.end_to_end),
    ]);
    let over_time = over_time::charts(comparison);
    let times = figures(comparison, &latency) + INTERVALS + solid + &over_time.latency + &spectra;
    sections.add("latency", "Latency", &times);
    sections.add("phases", "Before, during and after faults", &phases(comparison));
    let rates = figures(comparison, &rates) + &over_time.rates;
    sections.add("rates", "Rates and backlog", &rates);
    let resources = resources(comparison) + &over_time.resources;
    sections.add("resources", "Resources", &resources);
    let streams = comparison.streams.iter().map(|stream| {
        let rows: Vec<&Row> = stream.rows.iter().collect();
        let name = escape(&stream.name);
        format!("<h3>Stream <code>{name}</code></h3>\n{}", figures(comparison, &rows))
    });
    sections.add("streams", "Streams", &streams.collect::<String>());
    if !comparison.errors.is_empty() {
        sections.add("errors", "How wrong the simulation was", &errors(comparison));
    }
    let reproduce = comparison.outcomes().map(|(run, outcome)| {
        let (label, line) = (&run.label, escape(&outcome.reproduce));
        format!(
            "<p><strong>{label}</strong> <button type=\"button\" data-copy=\"reproduce-{label}\">\
             Copy</button></p><pre><code id=\"reproduce-{label}\">{line}</code></pre>\n"
        )
    });
    sections.add("reproduce", "Reproduce", &reproduce.collect::<String>());
    top + &over_time.timeline + &sections.html()
}

/// The headers of a table with a column for each run.
fn headers<'a>(comparison: &'a Comparison, first: &'a str) -> Vec<&'a str> {
    let labels = comparison.runs.iter().map(|run| run.label.as_str());
    std::iter::once(first).chain(labels).collect()
}

fn or_dash<T>(value: &Option<T>, show: impl Fn(&T) -> String) -> String {
    value.as_ref().map_or_else(|| "–".to_owned(), show)
}

fn verdicts(comparison: &Comparison) -> String {
    let row = |row: &VerdictRow| {
        let stream = row.stream.as_ref().map(|stream| format!(" <code>{}</code>", escape(stream)));
        let mut cells = vec![name(&row.name) + &stream.unwrap_or_default()];
        let word =
            |it: &VerdictStatus| format!("<span class=\"{it}\"><b class=\"s\">{it}</b></span>");
        cells.extend(row.statuses.iter().map(|status| or_dash(status, word)));
        cells
    };
    let rows: Vec<Vec<String>> = comparison.verdicts.iter().map(row).collect();
    match rows.is_empty() {
        true => "<p>No verdict found anything in any run.</p>\n".to_owned(),
        false => table(&headers(comparison, "verdict"), &rows),
    }
}

fn differences(comparison: &Comparison) -> String {
    let row = |difference: &ConfigurationDifference| {
        let code = |text: &String| format!("<code>{}</code>", name(text));
        let mut cells = vec![code(&difference.option)];
        cells.extend(difference.values.iter().map(|value| or_dash(value, code)));
        cells
    };
    let rows: Vec<Vec<String>> = comparison.configuration.iter().map(row).collect();
    match rows.is_empty() {
        true => "<p>Nothing: the runs have the same configuration, traffic and seed.</p>\n".into(),
        false => stacked(&headers(comparison, "option"), &rows),
    }
}

fn phases(comparison: &Comparison) -> String {
    let phase = |phase: &PhaseRows| {
        let rows: Vec<&Row> = phase.rows.iter().collect();
        format!("<h3>{}</h3>\n{}", escape(&phase.name), figures(comparison, &rows))
    };
    comparison.phases.iter().map(phase).collect()
}

fn resources(comparison: &Comparison) -> String {
    let row = |row: &ResourceRow| {
        let mut cells = vec![name(&row.name)];
        let share = |share: &f64| percent(*share);
        cells.extend(row.utilisation.iter().map(|of| or_dash(of, share)));
        cells
    };
    let rows: Vec<Vec<String>> = comparison.resources.iter().map(row).collect();
    match rows.is_empty() {
        true => String::new(),
        false => table(&headers(comparison, "mean utilisation"), &rows),
    }
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

fn figures(comparison: &Comparison, rows: &[&Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
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

fn run_spectra(comparison: &Comparison, id: &str, title: &str, of: Of) -> Chart {
    let lines =
        comparison.outcomes().enumerate().filter(|(_, (_, outcome))| of(outcome).count() > 0).map(
            |(index, (run, outcome))| {
                over_time::overlay(run, index, spectrum_line("", 0, of(outcome)))
            },
        );
    spectra(id, title, lines)
}
