//! The tables of a report.

use crate::account;
use crate::outcome::{Difference, Outcome};
use crate::page::{name, stacked, table};
use crate::resource::{Resource, ResourceKind};
use crate::text::{bytes, count, duration, duration_or_dash, escape, per_second, percent};

/// Mean utilisation below which a resource is only counted, if no interval had much more.
const IDLE_BELOW: f64 = 0.001;

/// Where the run differs from the one that the scenario asks for; nothing if it doesn't.
pub(super) fn differences(outcome: &Outcome) -> String {
    if outcome.differences.is_empty() {
        return String::new();
    }
    let row = |difference: &Difference| {
        let Difference { option, asked, done, why } = difference;
        vec![format!("<code>{}</code>", escape(option)), escape(asked), escape(done), escape(why)]
    };
    let rows: Vec<Vec<String>> = outcome.differences.iter().map(row).collect();
    stacked(&["option", "asked", "done", "why"], &rows)
}

pub(super) fn rates(outcome: &Outcome) -> String {
    let rows: Vec<Vec<String>> = outcome
        .rates
        .named()
        .into_iter()
        .map(|(name, rate)| {
            vec![
                name.to_owned(),
                per_second(rate.events_per_second),
                format!("{}/s", bytes(rate.bytes_per_second)),
            ]
        })
        .collect();
    table(&["mean over the window", "#events", "#bytes"], &rows)
}

pub(super) fn latencies(outcome: &Outcome) -> String {
    let mut rows = vec![];
    for (name, latency) in outcome.latency.named() {
        let summary = latency.summary();
        if summary.count == 0 {
            continue;
        }
        let mut row = vec![name.to_owned(), count(summary.count)];
        row.push(duration(summary.mean_ns));
        row.extend(summary.percentiles().map(|(_, ns)| duration_or_dash(ns)));
        row.push(duration_or_dash(latency.max()));
        rows.push(row);
    }
    if rows.is_empty() {
        return "<p class=\"nothing\">No event was taken within the window.</p>\n".to_owned();
    }
    let headers = [
        "latency", "#events", "#mean", "#p50", "#p90", "#p95", "#p99", "#p99.9", "#p99.99", "#max",
    ];
    let mut html = table(&headers, &rows);
    html.push_str(
        "<p class=\"dim\">Response: from intended start to acknowledgement. Service: from the \
         producer taking the event. Schedule lag: how late it took it. End to end: from intended \
         start to a reader. A dash: fewer than ten events lie beyond the percentile.</p>\n",
    );
    html
}

pub(super) fn resources(outcome: &Outcome) -> String {
    if outcome.resources.is_empty() {
        return "<p class=\"nothing\">No resource was measured.</p>\n".to_owned();
    }
    let constraint = account::constraint(outcome);
    let mut html =
        format!("<p>Binding constraint: <strong>{}</strong>.</p>\n", escape(&constraint));
    let mut sorted: Vec<_> = outcome.resources.iter().collect();
    sorted.sort_by(|left, right| right.utilisation_mean.total_cmp(&left.utilisation_mean));
    let idle = |it: &&Resource| it.utilisation_mean < IDLE_BELOW && it.utilisation_max < 0.05;
    let (idle, busy): (Vec<_>, Vec<_>) = sorted.into_iter().partition(idle);
    let rows: Vec<Vec<String>> = busy
        .into_iter()
        .map(|resource| {
            let width = (resource.utilisation_mean * 100.0).clamp(0.0, 100.0);
            vec![
                name(&resource.name),
                resource.kind.to_string(),
                percent(resource.utilisation_mean),
                percent(resource.utilisation_max),
                queue(resource.kind, resource.queue_max),
                format!("<span class=\"bar\"><i style=\"width:{width:.1}%\"></i></span>"),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let headers = ["resource", "kind", "#mean", "#busiest", "#longest queue", ""];
        html.push_str(&table(&headers, &rows));
    }
    if !idle.is_empty() {
        let names: Vec<String> = idle.iter().map(|resource| name(&resource.name)).collect();
        html.push_str(&format!(
            "<details><summary>{} more that did next to nothing</summary><p class=\"dim\">{}</p>\
             </details>\n",
            idle.len(),
            names.join(", ")
        ));
    }
    html
}

/// CPU by thread group; nothing where it was not recorded.
pub(super) fn threads(outcome: &Outcome) -> String {
    let busiest = outcome.threads.busiest();
    if busiest.is_empty() {
        return String::new();
    }
    let seconds = outcome.window.seconds().max(1e-9);
    let rows: Vec<Vec<String>> = busiest
        .into_iter()
        .map(|group| {
            // A simulated process has no dispatches.
            let told = |text| if group.dispatches == 0 { "–".to_owned() } else { text };
            vec![
                name(&group.process),
                name(&group.name),
                told(count(group.threads.into())),
                percent(group.cpu_ns as f64 / 1e9 / seconds),
                told(count((group.dispatches as f64 / seconds) as u64)),
                told(duration(group.per_dispatch(group.cpu_ns))),
                told(duration(group.per_dispatch(group.wait_ns))),
            ]
        })
        .collect();
    let headers = [
        "process",
        "threads",
        "#how many",
        "#of a core",
        "#dispatches/s",
        "#CPU each",
        "#waited for a core each",
    ];
    format!("<h3>CPU by thread</h3>\n{}", table(&headers, &rows))
}

fn queue(kind: ResourceKind, queue_max: u64) -> String {
    match kind {
        ResourceKind::Disk => format!("{} dirty", bytes(queue_max as f64)),
        _ => count(queue_max),
    }
}

pub(super) fn faults(outcome: &Outcome) -> String {
    if outcome.faults.is_empty() {
        return "<p>No fault was injected.</p>\n".to_owned();
    }
    let rows: Vec<Vec<String>> = outcome
        .faults
        .iter()
        .enumerate()
        .map(|(index, fault)| {
            let until = fault.until_ns;
            let parameters: Vec<String> =
                fault.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            vec![
                format!("F{}", index + 1),
                escape(&fault.name),
                name(&fault.target),
                duration(fault.from_ns as f64),
                until.map_or_else(|| "the end".to_owned(), |ns| duration(ns as f64)),
                escape(&parameters.join(", ")),
            ]
        })
        .collect();
    table(&["", "fault", "target", "#from", "#until", "parameters"], &rows)
}

pub(super) fn counts(outcome: &Outcome) -> String {
    let rows: Vec<Vec<String>> = outcome
        .counts
        .named()
        .into_iter()
        .map(|(name, number, meaning)| vec![name.to_owned(), count(number), meaning.to_owned()])
        .collect();
    table(&["events over the whole run", "#number", ""], &rows)
}
