//! Latency before, during and after each fault.

use super::{charts, timeline};
use crate::outcome::{Outcome, Phase};
use crate::page::table;
use crate::text::{count, duration, duration_or_dash, escape, per_second};

/// A table of the phases and their spectra; nothing of a run without faults.
pub(super) fn phases(outcome: &Outcome) -> String {
    if outcome.phases.is_empty() {
        return String::new();
    }
    let delivered = outcome.phases.iter().any(|phase| phase.end_to_end.count() > 0);
    let rows: Vec<Vec<String>> = outcome.phases.iter().map(|phase| row(phase, delivered)).collect();
    let mut headers =
        vec!["events that were due", "#from", "#until", "#events", "#never acked", "#p50", "#p99"];
    headers.extend(["#p99.9", "#max", "#acked per s", "#lost"]);
    headers.extend(delivered.then_some("#end to end p99"));
    let mut html = table(&headers, &rows);
    let faults: Vec<String> = (outcome.faults.iter().enumerate())
        .map(|(index, fault)| escape(&timeline::told(index, fault)))
        .collect();
    html.push_str(&format!(
        "<p class=\"dim\">{}. Response times; an event counts where it was due, however late its \
         acknowledgement came, but for those acknowledged per second and those that were lost: \
         they count where they were acknowledged. A dash: fewer than ten events lie beyond the \
         percentile.</p>\n",
        faults.join("; ")
    ));
    html.extend(charts::phase_spectra(outcome).map(|chart| chart.render()));
    html
}

fn row(phase: &Phase, delivered: bool) -> Vec<String> {
    let summary = phase.response.summary();
    let unanswered = match phase.unanswered() {
        0 => "0".to_owned(),
        some => format!("<span class=\"warn\"><b class=\"s\">{}</b></span>", count(some)),
    };
    let mut row = vec![
        escape(&phase.name),
        duration(phase.from_ns as f64),
        duration(phase.until_ns as f64),
        count(phase.due),
        unanswered,
        duration_or_dash(summary.p50_ns),
        duration_or_dash(summary.p99_ns),
        duration_or_dash(summary.p99_9_ns),
        duration_or_dash(phase.response.max()),
        per_second(phase.acked_rate().events_per_second),
        count(phase.lost),
    ];
    row.extend(delivered.then(|| duration_or_dash(phase.end_to_end.quantile(0.99))));
    row
}
