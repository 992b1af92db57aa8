//! Parts of the runs side by side: verdicts, phases, resources.

use serde::Serialize;

use super::{Figure, Row, row};
use crate::latency::Latencies;
use crate::outcome::{Counts, Outcome, Phase, Rates, VerdictStatus, View};
use crate::series::Series;

/// Resources compared at most, the busiest first.
const RESOURCES_MAX: usize = 8;

/// Mean utilisation below which a resource is not worth a comparison.
const RESOURCE_BELOW: f64 = 0.01;

/// A verdict that found something in a run, or that the runs differ in.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictRow {
    /// The checker.
    pub name: String,
    /// The stream that it is about, where it is about one of several.
    pub stream: Option<String>,
    /// How it came out in each run; absent where it was not checked.
    pub statuses: Vec<Option<VerdictStatus>>,
}

/// The figures of a phase in all runs.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseRows {
    /// What it is, such as `during F1`.
    pub name: String,
    /// One row per figure; the cell of a run without such a phase is empty.
    pub rows: Vec<Row>,
}

/// How busy a resource was in each run.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceRow {
    /// The resource.
    pub name: String,
    /// Mean utilisation over the window, 0 to 1; absent where a run has no such resource.
    pub utilisation: Vec<Option<f64>>,
}

/// The verdicts that are worth a look, what failed first.
pub(super) fn verdicts(outcomes: &[Outcome]) -> Vec<VerdictRow> {
    let mut rows: Vec<VerdictRow> = Vec::new();
    for verdict in outcomes.iter().flat_map(|outcome| &outcome.verdicts) {
        let same = |row: &VerdictRow| row.name == verdict.name && row.stream == verdict.stream;
        if rows.iter().any(same) {
            continue;
        }
        let status = |outcome: &Outcome| {
            let all = outcome.verdicts.iter();
            let of = all.filter(|it| it.name == verdict.name && it.stream == verdict.stream);
            of.map(|it| it.status).min()
        };
        let (name, stream) = (verdict.name.clone(), verdict.stream.clone());
        rows.push(VerdictRow { name, stream, statuses: outcomes.iter().map(status).collect() });
    }
    let bad = |status: &Option<VerdictStatus>| status.is_some_and(|it| it <= VerdictStatus::Warn);
    let differ = |row: &VerdictRow| {
        let there: Vec<_> = row.statuses.iter().flatten().collect();
        there.windows(2).any(|pair| pair[0] != pair[1])
    };
    rows.retain(|row| row.statuses.iter().any(bad) || differ(row));
    rows.sort_by_key(|row| row.statuses.iter().flatten().min().copied());
    rows
}

/// The figures of each phase that at least two runs have, or all where there is one run.
pub(super) fn phases(outcomes: &[Outcome]) -> Vec<PhaseRows> {
    let mut names: Vec<&str> = Vec::new();
    for phase in outcomes.iter().flat_map(|outcome| &outcome.phases) {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    let of_name = |name: &str| {
        let phase = |outcome: &Outcome| outcome.phases.iter().find(|it| it.name == name).map(view);
        let figures: Vec<Option<Owned>> = outcomes.iter().map(phase).collect();
        let there = figures.iter().flatten().count();
        let views: Vec<Option<View<'_>>> =
            figures.iter().map(|it| it.as_ref().map(Owned::view)).collect();
        let rows = Figure::OF_PHASE.into_iter().map(|figure| row(figure, &views));
        let rows: Vec<Row> =
            rows.filter(|row| row.cells.iter().any(|cell| cell.value.is_some())).collect();
        (there > 1).then(|| PhaseRows { name: name.to_owned(), rows })
    };
    names.into_iter().filter_map(of_name).collect()
}

/// The figures of a phase.
struct Owned {
    counts: Counts,
    rates: Rates,
    latency: Latencies,
    series: Series,
}

fn view(phase: &Phase) -> Owned {
    let acked = phase.response.count();
    let delivered = phase.end_to_end.count();
    let latency = Latencies {
        response: phase.response.clone(),
        end_to_end: phase.end_to_end.clone(),
        ..Latencies::default()
    };
    Owned {
        counts: Counts {
            scheduled: phase.due,
            acked,
            delivered,
            lost: phase.lost,
            ..Counts::default()
        },
        rates: Rates { acked: phase.acked_rate(), ..Rates::default() },
        latency,
        series: Series::default(),
    }
}

impl Owned {
    fn view(&self) -> View<'_> {
        let Self { counts, rates, latency, series } = self;
        View { counts, rates, latency, series, found: 0 }
    }
}

/// The busiest resources of all runs.
pub(super) fn resources(outcomes: &[Outcome]) -> Vec<ResourceRow> {
    let mut names: Vec<(&str, f64)> = Vec::new();
    for resource in outcomes.iter().flat_map(|outcome| outcome.resources.iter()) {
        match names.iter_mut().find(|(name, _)| *name == resource.name) {
            Some((_, most)) => *most = most.max(resource.utilisation_mean),
            None => names.push((&resource.name, resource.utilisation_mean)),
        }
    }
    names.retain(|(_, most)| *most >= RESOURCE_BELOW);
    names.sort_by(|left, right| right.1.total_cmp(&left.1));
    let row = |(name, _): (&str, f64)| {
        let of = |outcome: &Outcome| {
            outcome.resources.iter().find(|it| it.name == name).map(|it| it.utilisation_mean)
        };
        ResourceRow { name: name.to_owned(), utilisation: outcomes.iter().map(of).collect() }
    };
    names.into_iter().take(RESOURCES_MAX).map(row).collect()
}
