//! The charts of a report.

use crate::chart::{Axis, Band, Chart, Line, Tick, Unit};
use crate::latency::{Latency, spectrum_shares};
use crate::outcome::Outcome;
use crate::text::duration;

/// Events marked on a chart at most; the table below the charts counts all.
const MARKS_MAX: usize = 120;

/// Resources and gauges charted at most, busiest first.
const LINES_MAX: usize = 8;

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A chart over the run's time, with the faults and marks on it.
fn over_time(outcome: &Outcome, id: &str, title: &str, y: Axis, lines: Vec<Line>) -> Chart {
    let end = seconds(outcome.duration_ns);
    let bands = outcome.faults.iter().enumerate().map(|(index, fault)| {
        let until = fault.until_ns.map_or(end, seconds);
        let lifted = fault.until_ns.map_or_else(|| "the end".to_owned(), |ns| duration(ns as f64));
        Band {
            from: seconds(fault.from_ns),
            until,
            badge: format!("F{}", index + 1),
            title: format!(
                "F{}: {} {}, {} to {lifted}",
                index + 1,
                fault.name,
                fault.target,
                duration(fault.from_ns as f64)
            ),
        }
    });
    let ticks = outcome.marks.iter().take(MARKS_MAX).map(|mark| Tick {
        at: seconds(mark.at_ns),
        title: format!("{} at {}: {}", mark.name, duration(mark.at_ns as f64), mark.detail),
    });
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        x: Axis::linear("time since the start, seconds", Unit::Seconds).reaching(end),
        y,
        lines,
        bands: bands.collect(),
        ticks: ticks.collect(),
        height: 210.0,
    }
}

/// A line over a column of the series, each value at its interval's middle or end.
fn line<T: Copy>(
    outcome: &Outcome,
    label: &str,
    colour: usize,
    column: &[T],
    value: impl Fn(T, f64) -> Option<f64>,
) -> Line {
    let interval = outcome.series.interval_seconds();
    let end = seconds(outcome.duration_ns);
    let points = column.iter().enumerate().filter_map(|(index, item)| {
        let from = index as f64 * interval;
        // The last interval may be cut short; its rate is over what there is of it.
        let length = interval.min(end - from);
        (length > 0.0).then(|| (from + length / 2.0, value(*item, length)))
    });
    Line { label: label.to_owned(), colour, dashed: false, points: points.collect() }
}

/// The four rates.
pub(crate) fn rate_lines(outcome: &Outcome) -> Vec<Line> {
    let series = &outcome.series;
    let rate = |events: u64, length: f64| Some(events as f64 / length);
    let mut lines = vec![
        line(outcome, "offered", 7, &series.offered, rate),
        line(outcome, "sent", 3, &series.sent, rate),
        line(outcome, "acked", 0, &series.acked, rate),
    ];
    if outcome.counts.delivered > 0 {
        lines.push(line(outcome, "consumed", 2, &series.consumed, rate));
    }
    lines
}

pub(super) fn rates(outcome: &Outcome) -> Chart {
    let lines = if outcome.counts.scheduled == 0 { vec![] } else { rate_lines(outcome) };
    let axis = Axis::linear("events per second", Unit::PerSecond);
    over_time(outcome, "rates", "Rates over time", axis, lines)
}

pub(super) fn backlog(outcome: &Outcome) -> Chart {
    let mut lines = vec![];
    if outcome.counts.scheduled > 0 {
        let events = |events: u64, _| Some(events as f64);
        lines.push(line(outcome, "backlog", 1, &outcome.series.backlog, events));
    }
    let axis = Axis::linear("events", Unit::Events);
    let title = "Backlog: intended, not yet acknowledged or failed";
    Chart { height: 120.0, ..over_time(outcome, "backlog", title, axis, lines) }
}

/// p50, p99 and maximum of the response time.
fn response_lines(outcome: &Outcome) -> Vec<Line> {
    let series = &outcome.series;
    let latency = |ns: Option<u64>, _| ns.map(|ns| ns as f64);
    vec![
        line(outcome, "p50", 2, &series.response_p50_ns, latency),
        line(outcome, "p99", 0, &series.response_p99_ns, latency),
        line(outcome, "max", 1, &series.response_max_ns, latency),
    ]
}

pub(super) fn response(outcome: &Outcome) -> Chart {
    let axis = Axis::log("response time", Unit::Nanoseconds);
    let title = "Response time from intended start, by time of acknowledgement";
    over_time(outcome, "response", title, axis, response_lines(outcome))
}

pub(super) fn lag(outcome: &Outcome) -> Chart {
    let latency = |ns: Option<u64>, _| ns.map(|ns| ns as f64);
    let column = &outcome.series.schedule_lag_p99_ns;
    let lines = vec![line(outcome, "schedule lag p99", 3, column, latency)];
    let axis = Axis::log("schedule lag", Unit::Nanoseconds);
    let title = "Own lag: how late producers took what was due";
    Chart { height: 90.0, ..over_time(outcome, "lag", title, axis, lines) }
}

/// What each stream acknowledged over time, where there are several.
pub(super) fn streams(outcome: &Outcome) -> Chart {
    let rate = |events: u64, length: f64| Some(events as f64 / length);
    let several = outcome.several().into_iter().enumerate();
    // The first is drawn whole and the others dashed: a stream that keeps up with the one before it
    // would hide its line.
    let lines = several.map(|(colour, (name, _, view))| Line {
        dashed: colour > 0,
        ..line(outcome, name, colour, &view.series.acked, rate)
    });
    let axis = Axis::linear("events per second", Unit::PerSecond);
    over_time(outcome, "streams", "Acknowledged by each stream", axis, lines.collect())
}

/// The end-to-end latencies of each stream, where there are several.
pub(super) fn stream_spectra(outcome: &Outcome) -> Chart {
    let several = outcome.several().into_iter().enumerate();
    let lines = several
        .filter(|(_, (_, _, view))| view.latency.end_to_end.count() > 0)
        .map(|(colour, (name, _, view))| spectrum_line(name, colour, &view.latency.end_to_end));
    spectra("stream-spectra", "End to end of each stream, to its readers", lines)
}

/// The percentile spectrum of a distribution: five points per factor of ten of `1 / (1 - p)`, as
/// far as ten samples lie beyond.
pub(crate) fn spectrum_line(label: &str, colour: usize, latency: &Latency) -> Line {
    let at = |share| latency.quantile(share).map(|ns| (share, Some(ns as f64)));
    let points = spectrum_shares().map_while(at).collect();
    Line { label: label.to_owned(), colour, dashed: false, points }
}

pub(super) fn spectrum(outcome: &Outcome) -> Chart {
    let colours = [3, 4, 0, 2];
    let lines = outcome
        .latency
        .named()
        .into_iter()
        .zip(colours)
        .filter(|((_, latency), _)| latency.count() > 0)
        .map(|((name, latency), colour)| spectrum_line(name, colour, latency));
    spectra("spectrum", "Percentile spectrum (as far as ten events lie beyond)", lines)
}

/// A chart of percentile spectra.
pub(crate) fn spectra(id: &str, title: &str, lines: impl IntoIterator<Item = Line>) -> Chart {
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        x: Axis::tail("share of events, by log 1/(1-p)"),
        y: Axis::log("latency", Unit::Nanoseconds),
        lines: lines.into_iter().collect(),
        bands: vec![],
        ticks: vec![],
        height: 260.0,
    }
}

/// Utilisation over time, then one chart per unit of the gauges.
pub(super) fn resources(outcome: &Outcome) -> Vec<Chart> {
    let mut charts = vec![];
    let mut busiest: Vec<_> =
        outcome.resources.iter().filter(|resource| !resource.series.is_empty()).collect();
    busiest.sort_by(|left, right| right.utilisation_mean.total_cmp(&left.utilisation_mean));
    let lines: Vec<Line> = busiest
        .into_iter()
        .take(LINES_MAX)
        .enumerate()
        .map(|(colour, resource)| {
            line(outcome, &resource.name, colour, &resource.series, |share, _| Some(share))
        })
        .collect();
    if !lines.is_empty() {
        let axis = Axis::linear("utilisation", Unit::Share).reaching(1.0);
        let title = format!("Utilisation over time (the {} busiest)", lines.len());
        charts.push(over_time(outcome, "utilisation", &title, axis, lines));
    }
    let gauges = &outcome.series.gauges;
    let mut units: Vec<&str> = gauges.iter().map(|gauge| gauge.unit.as_str()).collect();
    units.sort_unstable();
    units.dedup();
    for (index, unit) in units.into_iter().enumerate() {
        let mut of_unit: Vec<_> = gauges.iter().filter(|gauge| gauge.unit == unit).collect();
        let largest = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
        of_unit.sort_by(|left, right| largest(&right.values).total_cmp(&largest(&left.values)));
        let total = of_unit.len();
        let lines: Vec<Line> = of_unit
            .into_iter()
            .filter(|gauge| largest(&gauge.values) > 0.0)
            .take(LINES_MAX)
            .enumerate()
            .map(|(colour, gauge)| {
                line(outcome, &gauge.name, colour, &gauge.values, |value, _| value)
            })
            .collect();
        if lines.is_empty() {
            continue;
        }
        let title = format!("Levels in {unit} ({} of {total}, the largest)", lines.len());
        let axis = Axis::linear(unit, gauge_unit(unit));
        let id = format!("gauges-{index}");
        charts.push(Chart { height: 150.0, ..over_time(outcome, &id, &title, axis, lines) });
    }
    charts
}

fn gauge_unit(unit: &str) -> Unit {
    match unit {
        "bytes" => Unit::Bytes,
        "ns" => Unit::Nanoseconds,
        "events" => Unit::Events,
        _ => Unit::Plain,
    }
}
