//! The runs over time: rates, latency, backlog and the busiest resources, one over the other.

use super::{Comparison, Run};
use crate::chart::{Axis, Chart, Line, Unit};
use crate::outcome::{Outcome, Source};
use crate::report::{backlog_line, busiest_line, phases_behind, rate_lines, response_lines};

/// Charts over time, and what stands behind them.
pub(super) struct Charts {
    /// Response times.
    pub(super) latency: String,
    /// Acknowledged events and backlog.
    pub(super) rates: String,
    /// The busiest resource of each run.
    pub(super) resources: String,
    /// The phases behind all of them, where the runs have the same faults.
    pub(super) timeline: String,
}

/// A run's line in an overlay.
pub(super) fn overlay(run: &Run, index: usize, line: Line) -> Line {
    Line {
        label: format!("{} {} ({})", run.label, run.scenario, run.source),
        colour: index,
        dashed: run.source == Source::Simulated,
        width: None,
        ..line
    }
}

/// The charts of a comparison.
pub(super) fn charts(comparison: &Comparison) -> Charts {
    let named = |lines: Vec<Line>, name: &str| lines.into_iter().find(|line| line.label == name);
    let chart = |id: &str, title: &str, axis: Axis, of: &dyn Fn(&Outcome) -> Option<Line>| {
        let all = comparison.outcomes().enumerate();
        let lines =
            all.filter_map(|(index, (run, outcome))| Some(overlay(run, index, of(outcome)?)));
        over_time(comparison, id, title, axis, lines.collect()).render()
    };
    let rate = Axis::linear("events per second", Unit::PerSecond);
    let time = Axis::log("response time", Unit::Nanoseconds);
    let acked = chart("acked", "Acknowledged over time", rate, &|outcome| {
        named(rate_lines(outcome), "acked")
    });
    let title = "Response time, p99 of each interval";
    let latency = chart("p99", title, time, &|outcome| named(response_lines(outcome), "p99"));
    let events = Axis::linear("events", Unit::Events);
    let title = "Backlog: intended, not yet acknowledged or failed";
    let backlog = chart("backlog", title, events, &|outcome| Some(backlog_line(outcome)));
    Charts {
        latency,
        rates: acked + &backlog,
        resources: resources(comparison),
        timeline: timeline(comparison),
    }
}

fn over_time(
    comparison: &Comparison,
    id: &str,
    title: &str,
    axis: Axis,
    lines: Vec<Line>,
) -> Chart {
    let durations = comparison.outcomes().map(|(_, outcome)| outcome.duration_ns);
    let longest = durations.max().unwrap_or(0) as f64 / 1e9;
    Chart::over_time(id, title, axis, longest, lines)
}

/// The busiest resource of each run, which need not be the same.
fn resources(comparison: &Comparison) -> String {
    let all = comparison.outcomes().enumerate();
    let lines: Vec<Line> = all
        .filter_map(|(index, (run, outcome))| {
            let line = busiest_line(outcome)?;
            let label = format!("{} {}", run.label, line.label);
            Some(Line { label, ..overlay(run, index, line) })
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let axis = Axis::linear("utilisation", Unit::Share).reaching(1.0);
    over_time(comparison, "busiest", "The busiest resource of each run", axis, lines).render()
}

/// The phases behind the charts, if all runs have the same.
fn timeline(comparison: &Comparison) -> String {
    let mut outcomes = comparison.outcomes().map(|(_, outcome)| outcome);
    let Some(first) = outcomes.next() else { return String::new() };
    let lasts = |outcome: &Outcome| {
        let faults = outcome.faults.iter();
        faults.map(|fault| (fault.from_ns, fault.until_ns)).collect::<Vec<_>>()
    };
    let same = |other: &Outcome| other.window == first.window && lasts(other) == lasts(first);
    if outcomes.all(same) { phases_behind(first) } else { String::new() }
}
