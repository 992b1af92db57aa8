//! The report of one run: a self-contained HTML file.

mod charts;
mod head;
mod streams;
mod tables;

pub(crate) use charts::{rate_lines, spectra, spectrum_line};

use std::path::Path;

use crate::error::OutcomeError;
use crate::file;
use crate::outcome::Outcome;
use crate::page::page;
use crate::text::escape;

/// The report of an Outcome as one HTML file that needs nothing else, not even a network: verdicts
/// on top, then the figures, the charts, the faults and the configuration.
pub fn report(outcome: &Outcome) -> String {
    let mut body = head::head(outcome);
    body.push_str(&tables::differences(outcome));
    if let Some(diagram) = &outcome.diagram {
        body.push_str("<h2>What happened</h2>\n");
        body.push_str(&diagram.figure());
    }
    body.push_str(&streams::streams(outcome));
    let all = if outcome.streams.len() > 1 { ", all streams" } else { "" };
    body.push_str(&format!("<h2>Rates and backlog{all}</h2>\n"));
    body.push_str(&tables::rates(outcome));
    body.push_str(&charts::rates(outcome).render());
    body.push_str(&charts::backlog(outcome).render());
    body.push_str(&format!("<h2>Latency{all}</h2>\n"));
    body.push_str(&tables::latencies(outcome));
    body.push_str(&charts::response(outcome).render());
    body.push_str(&charts::lag(outcome).render());
    body.push_str(&charts::spectrum(outcome).render());
    body.push_str("<h2>Resources</h2>\n");
    body.push_str(&tables::resources(outcome));
    for chart in charts::resources(outcome) {
        body.push_str(&chart.render());
    }
    body.push_str(&tables::threads(outcome));
    body.push_str("<h2>Faults and events</h2>\n");
    body.push_str(&tables::faults(outcome));
    body.push_str(&tables::marks(outcome));
    body.push_str(&format!("<h2>Counts{all}</h2>\n"));
    body.push_str(&tables::counts(outcome));
    body.push_str("<h2>Configuration</h2>\n");
    body.push_str(&tables::configuration(outcome));
    body.push_str(&format!(
        "<p class=\"dim\">headwater {} · schema {}</p>\n",
        escape(&outcome.version),
        escape(&outcome.schema)
    ));
    page(&format!("{} · {}", outcome.scenario.name, outcome.source), &body)
}

/// Writes [`report`] to `path`.
pub fn write_report(outcome: &Outcome, path: &Path) -> Result<(), OutcomeError> {
    file::replace(path, report(outcome).as_bytes())
}
