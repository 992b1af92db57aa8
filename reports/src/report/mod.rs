//! The report of one run: a self-contained HTML file.

mod charts;
mod configuration;
mod head;
mod phases;
mod streams;
mod tables;
mod timeline;
mod waited;

pub(crate) use charts::{
    backlog_line, busiest_line, rate_lines, response_lines, spectra, spectrum_line,
};
pub(crate) use timeline::phases_behind;

use std::path::Path;

use crate::account;
use crate::error::OutcomeError;
use crate::file;
use crate::outcome::Outcome;
use crate::page::{Sections, page};
use crate::text::{duration, escape};

/// The report of an Outcome as one HTML file that needs nothing else, not even a network: verdicts
/// on top, then the figures, the charts, the faults and the configuration.
pub fn report(outcome: &Outcome) -> String {
    let mut sections = Sections::default();
    sections.add("account", "In plain words", &account::html(outcome));
    sections.add("differences", "Not as the scenario asks", &tables::differences(outcome));
    if let Some(diagram) = &outcome.diagram {
        sections.add("diagram", "What happened", &diagram.figure());
    }
    sections.add("streams", "Streams", &streams::streams(outcome));
    let all = if outcome.streams.len() > 1 { ", all streams" } else { "" };
    let rates = [
        tables::rates(outcome),
        about_charts(outcome),
        charts::rates(outcome).render(),
        charts::backlog(outcome).render(),
    ];
    sections.add("throughput", &format!("Rates and backlog{all}"), &rates.concat());
    let latency = [
        tables::latencies(outcome),
        charts::response(outcome).render(),
        charts::lag(outcome),
        charts::spectrum(outcome).render(),
    ];
    sections.add("latency", &format!("Latency{all}"), &latency.concat());
    sections.add("waited", "Where events waited", &waited::waited(outcome));
    sections.add("phases", "Before, during and after faults", &phases::phases(outcome));
    let mut resources = tables::resources(outcome);
    resources.extend(charts::utilisation(outcome).map(|chart| chart.render()));
    resources.push_str(&tables::threads(outcome));
    sections.add("resources", "Resources", &resources);
    let levels: Vec<_> = charts::levels(outcome).iter().map(crate::chart::Chart::render).collect();
    sections.add("levels", "Levels", &levels.concat());
    let events = tables::faults(outcome) + &timeline::events(outcome);
    sections.add("events", "Faults and events", &events);
    sections.add("counts", &format!("Counts{all}"), &tables::counts(outcome));
    sections.add("configuration", "Configuration", &configuration::configuration(outcome));
    sections.add("scenario", "Scenario", &configuration::scenario(outcome));
    let foot = format!(
        "<p class=\"dim\">headwater {} · schema {}</p>\n",
        escape(&outcome.version),
        escape(&outcome.schema)
    );
    let body = [head::head(outcome), timeline::data(outcome), sections.html(), foot].concat();
    page(&format!("{} · {}", outcome.scenario.name, outcome.source), &body)
}

/// How charts are used, and what they leave out.
fn about_charts(outcome: &Outcome) -> String {
    if outcome.series.is_empty() {
        return String::new();
    }
    let several = charts::intervals_per_point(outcome);
    let folded = match several {
        1 => String::new(),
        several => format!(
            " Each point stands for {several} intervals of {}: of latencies, backlog and levels it \
             is the highest, of medians the middle one.",
            duration(outcome.series.interval_ns as f64)
        ),
    };
    let stem = outcome.scenario.name.rsplit('/').next().unwrap_or_default();
    format!(
        "<p class=\"dim\">Drag to zoom all charts over time, double click to see all again; on a \
         chart in focus: arrows, Home, End, Page Up and Down, + and -, 0, l for a logarithmic \
         axis.{folded} <button type=\"button\" data-csv=\"{}-{}.csv\">Series as CSV</button>\
         </p>\n",
        escape(stem.trim_end_matches(".toml")),
        outcome.seed
    )
}

/// Writes [`report`] to `path`.
pub fn write_report(outcome: &Outcome, path: &Path) -> Result<(), OutcomeError> {
    file::replace(path, report(outcome).as_bytes())
}
