//! The charts of a report.

use crate::chart::{Axis, Chart, Line, Unit};
use crate::latency::{Latency, spectrum_shares};
use crate::outcome::Outcome;
use crate::text::duration;

/// Resources and gauges charted at most, busiest first.
const LINES_MAX: usize = 8;

/// Points of a line at most: of a longer run each stands for several intervals, so that the page
/// stays small enough to be mailed.
const POINTS_MAX: usize = 1_200;

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Intervals of the series that a point of a line stands for.
pub(super) fn intervals_per_point(outcome: &Outcome) -> usize {
    outcome.series.len().div_ceil(POINTS_MAX).max(1)
}

/// A chart over the run's time.
fn over_time(outcome: &Outcome, id: &str, title: &str, y: Axis, lines: Vec<Line>) -> Chart {
    Chart::over_time(id, title, y, seconds(outcome.duration_ns), lines)
}

/// A line over a column of the series, each value in the middle of what it stands for: `value` is
/// given some intervals and how many seconds they last.
fn line<T>(
    outcome: &Outcome,
    label: &str,
    colour: usize,
    column: &[T],
    value: impl Fn(&[T], f64) -> Option<f64>,
) -> Line {
    let interval = outcome.series.interval_seconds();
    let end = seconds(outcome.duration_ns);
    let several = intervals_per_point(outcome);
    let points = column.chunks(several).enumerate().filter_map(|(index, items)| {
        let from = (index * several) as f64 * interval;
        // The last interval may be cut short; its rate is over what there is of it.
        let length = (interval * items.len() as f64).min(end - from);
        (length > 0.0).then(|| (from + length / 2.0, value(items, length)))
    });
    Line { label: label.to_owned(), colour, points: points.collect(), ..Line::default() }
}

fn rate(events: &[u64], length: f64) -> Option<f64> {
    Some(events.iter().sum::<u64>() as f64 / length)
}

fn most(values: &[u64], _: f64) -> Option<f64> {
    values.iter().max().map(|value| *value as f64)
}

fn slowest(values: &[Option<u64>], _: f64) -> Option<f64> {
    values.iter().flatten().max().map(|ns| *ns as f64)
}

fn middle(values: &[Option<u64>], _: f64) -> Option<f64> {
    let mut there: Vec<u64> = values.iter().flatten().copied().collect();
    there.sort_unstable();
    there.get(there.len() / 2).map(|ns| *ns as f64)
}

fn highest(values: &[Option<f64>], _: f64) -> Option<f64> {
    values.iter().flatten().copied().reduce(f64::max)
}

/// The four rates.
pub(crate) fn rate_lines(outcome: &Outcome) -> Vec<Line> {
    let series = &outcome.series;
    let offered = line(outcome, "offered", 7, &series.offered, rate);
    let mut lines = vec![
        Line { base: true, width: Some(5.0), ..offered },
        Line { width: Some(3.0), ..line(outcome, "sent", 3, &series.sent, rate) },
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

/// Events intended and not yet resolved.
pub(crate) fn backlog_line(outcome: &Outcome) -> Line {
    line(outcome, "backlog", 1, &outcome.series.backlog, most)
}

pub(super) fn backlog(outcome: &Outcome) -> Chart {
    let due = outcome.counts.scheduled > 0;
    let lines = due.then(|| backlog_line(outcome)).into_iter().collect();
    let axis = Axis::linear("events", Unit::Events);
    let title = "Backlog: intended, not yet acknowledged or failed";
    Chart { height: 130.0, ..over_time(outcome, "backlog", title, axis, lines) }
}

/// p50, p99 and maximum of the response time.
pub(crate) fn response_lines(outcome: &Outcome) -> Vec<Line> {
    let series = &outcome.series;
    vec![
        line(outcome, "p50", 2, &series.response_p50_ns, middle),
        line(outcome, "p99", 0, &series.response_p99_ns, slowest),
        line(outcome, "max", 1, &series.response_max_ns, slowest),
    ]
}

pub(super) fn response(outcome: &Outcome) -> Chart {
    let axis = Axis::log("response time", Unit::Nanoseconds);
    let title = "Response time from intended start, by time of acknowledgement";
    over_time(outcome, "response", title, axis, response_lines(outcome))
}

/// Below this a producer took what was due at once.
const LAG_AT_ONCE_NS: u64 = 1_000;

/// How late producers took what was due; a sentence where it is not worth a chart.
pub(super) fn lag(outcome: &Outcome) -> String {
    let latest = outcome.latency.schedule_lag.max();
    let column = &outcome.series.schedule_lag_p99_ns;
    let at_once = |ns: &u64| *ns < LAG_AT_ONCE_NS;
    if let Some(latest) = latest.filter(|_| column.iter().flatten().all(at_once)) {
        let latest = duration(latest as f64);
        return format!("<p>Producers took events at once: at most {latest} late.</p>\n");
    }
    let lines = vec![line(outcome, "schedule lag p99", 3, column, slowest)];
    let axis = Axis::log("schedule lag", Unit::Nanoseconds);
    let title = "Own lag: how late producers took what was due";
    Chart { height: 110.0, ..over_time(outcome, "lag", title, axis, lines) }.render()
}

/// What each stream acknowledged over time, where there are several.
pub(super) fn streams(outcome: &Outcome) -> Chart {
    let several = outcome.several().into_iter().enumerate();
    // The first is drawn whole and the others dashed: a stream that keeps up with the one before it
    // would hide its line.
    let lines = several.map(|(colour, (name, _, view))| Line {
        dashed: colour > 0,
        ..line(outcome, name, colour, &view.series.acked, rate)
    });
    let axis = Axis::linear("events per second", Unit::PerSecond);
    let title = "Acknowledged by each stream";
    over_time(outcome, "streams-acked", title, axis, lines.collect())
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
    Line { label: label.to_owned(), colour, points, ..Line::default() }
}

pub(super) fn spectrum(outcome: &Outcome) -> Chart {
    let colours = [3, 4, 0, 2];
    let lines = outcome
        .latency
        .named()
        .into_iter()
        .zip(colours)
        .map(|((name, latency), colour)| spectrum_line(name, colour, latency))
        // What was never late has no place on the axis.
        .filter(|line| line.points.iter().any(|(_, ns)| ns.is_some_and(|ns| ns > 0.0)));
    spectra("spectrum", "Percentile spectrum (as far as ten events lie beyond)", lines)
}

/// The response times of each phase, where there are several.
pub(super) fn phase_spectra(outcome: &Outcome) -> Option<Chart> {
    let phases = outcome.phases.iter().enumerate().take(LINES_MAX);
    let lines: Vec<Line> = phases
        .filter(|(_, phase)| phase.response.count() > 0)
        .map(|(colour, phase)| spectrum_line(&phase.name, colour, &phase.response))
        .collect();
    let title = "Response time of what was due before, during and after faults";
    (lines.len() > 1).then(|| spectra("phase-spectra", title, lines))
}

/// A chart of percentile spectra.
pub(crate) fn spectra(id: &str, title: &str, lines: impl IntoIterator<Item = Line>) -> Chart {
    let x = Axis::tail("share of events, by log 1/(1-p)");
    Chart::new(id, title, x, Axis::log("latency", Unit::Nanoseconds), lines.into_iter().collect())
}

fn mean(shares: &[f64], _: f64) -> Option<f64> {
    Some(shares.iter().sum::<f64>() / shares.len() as f64)
}

/// How busy the busiest resource was over time, by its name.
pub(crate) fn busiest_line(outcome: &Outcome) -> Option<Line> {
    let binding = outcome.resources.binding()?;
    let resource = outcome.resources.iter().find(|resource| resource.name == binding.name)?;
    let there = !resource.series.is_empty();
    there.then(|| line(outcome, &resource.name, 0, &resource.series, mean))
}

/// How busy the busiest resources were over time.
pub(super) fn utilisation(outcome: &Outcome) -> Option<Chart> {
    let mut busiest: Vec<_> =
        outcome.resources.iter().filter(|it| it.series.iter().any(|share| *share > 0.0)).collect();
    busiest.sort_by(|left, right| right.utilisation_mean.total_cmp(&left.utilisation_mean));
    let chosen = busiest.into_iter().take(LINES_MAX).enumerate();
    let lines: Vec<Line> = chosen
        .map(|(colour, resource)| line(outcome, &resource.name, colour, &resource.series, mean))
        .collect();
    let axis = Axis::linear("utilisation", Unit::Share).reaching(1.0);
    let title = format!("Utilisation over time (the {} busiest)", lines.len());
    (!lines.is_empty()).then(|| over_time(outcome, "utilisation", &title, axis, lines))
}

/// A chart for each unit of the levels.
pub(super) fn levels(outcome: &Outcome) -> Vec<Chart> {
    let mut charts = vec![];
    let gauges = &outcome.series.gauges;
    let mut units: Vec<&str> = gauges.iter().map(|gauge| gauge.unit.as_str()).collect();
    units.sort_unstable();
    units.dedup();
    for (index, unit) in units.into_iter().enumerate() {
        let largest = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
        let mut of_unit: Vec<_> = gauges
            .iter()
            .filter(|gauge| gauge.unit == unit && largest(&gauge.values) > 0.0)
            .collect();
        of_unit.sort_by(|left, right| largest(&right.values).total_cmp(&largest(&left.values)));
        let total = of_unit.len();
        let lines: Vec<Line> = of_unit
            .into_iter()
            .take(LINES_MAX)
            .enumerate()
            .map(|(colour, gauge)| line(outcome, &gauge.name, colour, &gauge.values, highest))
            .collect();
        if lines.is_empty() {
            continue;
        }
        let title = match total > lines.len() {
            true => format!("Levels in {unit} (the {} highest of {total})", lines.len()),
            false => format!("Levels in {unit}"),
        };
        let axis = Axis::linear(unit, gauge_unit(unit));
        let id = format!("levels-{index}");
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
