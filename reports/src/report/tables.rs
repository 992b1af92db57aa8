//! The tables of a report.

use std::collections::BTreeMap;

use crate::outcome::{Difference, Outcome};
use crate::page::table;
use crate::resource::ResourceKind;
use crate::text::{bytes, count, duration, duration_or_dash, escape, per_second, percent};

/// Marks listed one by one at most.
const MARKS_LISTED_MAX: usize = 60;

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
    format!(
        "<h2>Not as the scenario asks</h2>\n{}",
        table(&["option", "asked", "done", "why"], &rows)
    )
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
        let mut row = vec![name.to_owned(), count(summary.count)];
        row.push(if summary.count == 0 { "–".to_owned() } else { duration(summary.mean_ns) });
        row.extend(summary.percentiles().map(|(_, ns)| duration_or_dash(ns)));
        row.push(duration_or_dash(latency.max()));
        rows.push(row);
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
    let Some(binding) = outcome.resources.binding() else {
        return "<p class=\"nothing\">No resource was measured.</p>\n".to_owned();
    };
    let mut html =
        format!("<p>Binding constraint: <strong>{}</strong>.</p>\n", escape(&binding.to_string()));
    let mut sorted: Vec<_> = outcome.resources.iter().collect();
    sorted.sort_by(|left, right| right.utilisation_mean.total_cmp(&left.utilisation_mean));
    let rows: Vec<Vec<String>> = sorted
        .into_iter()
        .map(|resource| {
            let width = (resource.utilisation_mean * 100.0).clamp(0.0, 100.0);
            vec![
                escape(&resource.name),
                resource.kind.to_string(),
                percent(resource.utilisation_mean),
                percent(resource.utilisation_max),
                queue(resource.kind, resource.queue_max),
                format!("<span class=\"bar\"><i style=\"width:{width:.1}%\"></i></span>"),
            ]
        })
        .collect();
    html.push_str(&table(&["resource", "kind", "#mean", "#busiest", "#longest queue", ""], &rows));
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
                escape(&group.process),
                escape(&group.name),
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
                escape(&fault.target),
                duration(fault.from_ns as f64),
                until.map_or_else(|| "the end".to_owned(), |ns| duration(ns as f64)),
                escape(&parameters.join(", ")),
            ]
        })
        .collect();
    table(&["", "fault", "target", "#from", "#until", "parameters"], &rows)
}

pub(super) fn marks(outcome: &Outcome) -> String {
    if outcome.marks.is_empty() {
        return String::new();
    }
    let mut by_name: BTreeMap<&str, u64> = BTreeMap::new();
    for mark in &outcome.marks {
        *by_name.entry(&mark.name).or_default() += 1;
    }
    let counted: Vec<String> =
        by_name.iter().map(|(name, number)| format!("{} {number}", escape(name))).collect();
    let listed: Vec<Vec<String>> = outcome
        .marks
        .iter()
        .take(MARKS_LISTED_MAX)
        .map(|mark| vec![duration(mark.at_ns as f64), escape(&mark.name), escape(&mark.detail)])
        .collect();
    format!(
        "<details><summary>{} events: {} (the first {} listed)</summary>\n{}</details>\n",
        count(outcome.marks.len() as u64),
        counted.join(", "),
        listed.len(),
        table(&["#at", "event", "detail"], &listed)
    )
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

pub(super) fn configuration(outcome: &Outcome) -> String {
    if outcome.configuration.is_empty() {
        return "<p class=\"nothing\">Not recorded.</p>\n".to_owned();
    }
    let rows: Vec<Vec<String>> = outcome
        .configuration
        .iter()
        .map(|(key, value)| {
            vec![format!("<code>{}</code>", escape(key)), format!("<code>{}</code>", escape(value))]
        })
        .collect();
    format!(
        "<details><summary>{} options in effect</summary>\n{}</details>\n",
        rows.len(),
        table(&["option", "value"], &rows)
    )
}
