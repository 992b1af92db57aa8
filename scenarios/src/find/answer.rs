//! What was found, and what it is told as.

use headwater_reports::Outcome;
use headwater_reports::resource::Binding;
use serde::Serialize;

use super::objective::{self, Judged};
use super::{Extreme, FindSpec};
use crate::scenario::Metric;
use crate::scenario::expect::Quantity;
use crate::scenario::phase_metric::PhaseName;
use crate::table::{aligned, fits, fitted, short, wrapped};

/// A figure of the objective over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Which figure.
    pub metric: String,
    /// The least over the seeds, seconds, events per second, a count or a share.
    pub least: Quantity,
    /// The median.
    pub median: Quantity,
    /// The greatest.
    pub greatest: Quantity,
}

/// A value that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// It, as in a setting.
    pub value: String,
    /// How many seeds keep the objective.
    pub kept: usize,
    /// Of how many.
    pub seeds: usize,
    /// The figures of the objective; those that it has.
    pub figures: Vec<Spread>,
    /// The phases of the runs, where each was looked at on its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<TriedPhase>,
    /// The busiest resource, of the first seed that broke the objective if one did.
    pub binding: Option<Binding>,
    /// What bound that seed, in a sentence: that resource, or why writers stood still.
    pub constraint: String,
    /// The line that runs that seed again.
    pub reproduce: String,
}

/// A phase at a value that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriedPhase {
    /// Its name, as in an Outcome: `during F1`.
    pub name: String,
    /// How many seeds keep the objective in it.
    pub kept: usize,
    /// Figures of the objective in it. Where fewer than ten events lie beyond a percentile, the
    /// maximum stands for it.
    pub figures: Vec<Spread>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Schema of this value as JSON.
    pub schema: &'static str,
    /// The runs were made on a real cluster, and no seed gives them again.
    pub live: bool,
    /// The scenario's name.
    pub scenario: String,
    /// Version of headwater.
    pub version: &'static str,
    /// The setting.
    pub path: String,
    /// Which of its values was looked for.
    pub extreme: Extreme,
    /// What was to hold.
    pub objective: String,
    /// In each phase on its own.
    pub per_phase: bool,
    /// The last value at which all seeds keep it.
    pub kept: Option<String>,
    /// The first value beyond at which none does.
    pub broken: Option<String>,
    /// All values that were tried, from the lowest on.
    pub tried: Vec<Tried>,
    /// Why nothing further was tried, where that was not for the limit.
    pub refused: Option<String>,
    /// It was stopped before the ends were found.
    pub interrupted: bool,
}

impl Tried {
    pub(super) fn of(value: String, spec: &FindSpec, all: &[Outcome]) -> Self {
        let judged: Vec<(&Outcome, Judged)> =
            all.iter().map(|of| (of, spec.objective.judge(of, spec.per_phase))).collect();
        let broke: Vec<&Outcome> =
            judged.iter().filter(|(_, judged)| !judged.kept).map(|(of, _)| *of).collect();
        let shown = broke.first().copied().or(all.first());
        let metrics = spec.objective.0.iter().map(|of| &of.metric);
        Self {
            value,
            kept: all.len() - broke.len(),
            seeds: all.len(),
            figures: metrics.filter_map(|metric| Spread::of(metric, metric, all)).collect(),
            phases: phases(spec, &judged, all),
            binding: shown.and_then(|of| of.resources.binding()),
            constraint: shown.map(headwater_reports::constraint).unwrap_or_default(),
            reproduce: shown.map(|of| of.reproduce.clone()).unwrap_or_default(),
        }
    }

    /// Its cells in the table.
    fn row(&self, metrics: &[String]) -> Vec<String> {
        let figure = |name: &String| {
            let of = self.figures.iter().find(|of| of.metric == *name);
            of.map_or_else(|| "-".to_owned(), Spread::show)
        };
        let binding = self.binding.as_ref().map_or_else(
            || "-".to_owned(),
            |of| format!("{} {:.0} %", of.name, of.utilisation_mean * 100.0),
        );
        let kept = format!("{} of {}", self.kept, self.seeds);
        let mut row = vec![self.value.clone(), kept];
        row.extend(metrics.iter().map(figure));
        row.push(binding);
        row
    }
}

/// What became of each phase that a run has, over all of them.
fn phases(spec: &FindSpec, judged: &[(&Outcome, Judged)], all: &[Outcome]) -> Vec<TriedPhase> {
    let named = judged.iter().flat_map(|(_, judged)| &judged.phases).map(|(name, _)| name);
    let mut names: Vec<&String> = Vec::new();
    for name in named {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let phase = |name: &&String| {
        let kept = |(_, judged): &&(&Outcome, Judged)| {
            judged.phases.iter().all(|(of, kept)| of != *name || *kept)
        };
        let figure = |metric: &Metric| {
            let of_phase = metric.in_phase(&PhaseName::of(name))?;
            Spread::of(metric, &of_phase, all)
        };
        TriedPhase {
            name: (*name).clone(),
            kept: judged.iter().filter(kept).count(),
            figures: spec.objective.of_phase().filter_map(figure).collect(),
        }
    };
    names.iter().map(phase).collect()
}

impl Spread {
    /// Of a figure over runs, under the name of another.
    fn of(named: &Metric, metric: &Metric, all: &[Outcome]) -> Option<Self> {
        let mut values: Vec<Quantity> =
            all.iter().filter_map(|one| objective::read(metric, one)).collect();
        values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        let [least, median, greatest] =
            [values.first(), values.get(values.len() / 2), values.last()];
        Some(Self {
            metric: named.to_string(),
            least: least?.clone(),
            median: median?.clone(),
            greatest: greatest?.clone(),
        })
    }

    fn show_median(&self) -> String {
        let kind = Metric::parse(&self.metric).map(|metric| metric.kind());
        kind.map_or_else(|_| "-".to_owned(), |kind| self.median.show(kind))
    }

    fn show(&self) -> String {
        let Ok(kind) = Metric::parse(&self.metric).map(|metric| metric.kind()) else {
            return "-".to_owned();
        };
        let [least, median, greatest] =
            [&self.least, &self.median, &self.greatest].map(|of| of.show(kind));
        if least == greatest { median } else { format!("{median} ({least} .. {greatest})") }
    }
}

impl Answer {
    /// Whether both ends were found.
    pub fn is_found(&self) -> bool {
        self.kept.is_some() && self.broken.is_some()
    }

    /// What the runs at a value are called.
    fn runs(&self) -> &'static str {
        if self.live { "runs" } else { "seeds" }
    }

    /// In one line.
    pub fn headline(&self) -> String {
        let count = self.tried.first().map_or(0, |one| one.seeds);
        let runs = self.runs();
        let ways = match self.extreme {
            Extreme::Highest => ["up to", "from", "on"],
            Extreme::Lowest => ["down to", "at", "and below"],
        };
        let [as_far_as, beyond, on] = ways;
        match (&self.kept, &self.broken) {
            (Some(kept), Some(broken)) => format!(
                "breaks between {kept} and {broken}: {count} of {count} {runs} keep it \
                 {as_far_as} {kept}, none {beyond} {broken} {on}"
            ),
            (Some(kept), None) => {
                format!("kept {as_far_as} {kept}; where none keeps it was not found")
            }
            (None, Some(broken)) => {
                format!("broken at every value that was tried, {broken} the nearest to keeping it")
            }
            (None, None) => "not found".to_owned(),
        }
    }

    /// The first value beyond which not all keep the objective: where it begins to break.
    fn first_broken(&self) -> Option<&Tried> {
        let harder = |one: &&Tried| one.kept < one.seeds;
        match self.extreme {
            Extreme::Highest => self.tried.iter().find(harder),
            Extreme::Lowest => self.tried.iter().rev().find(harder),
        }
    }

    /// The phases that broke in most seeds at the first value at which any did; none if only the
    /// whole run did.
    pub fn breaks_first(&self) -> Vec<&TriedPhase> {
        let Some(one) = self.first_broken() else { return vec![] };
        let least = one.phases.iter().map(|phase| phase.kept).min().unwrap_or(one.seeds);
        let worst = one.phases.iter().filter(|phase| phase.kept == least && least < one.seeds);
        worst.collect()
    }

    /// For people: what was tried, the headline, and what binds beyond it.
    pub fn text(&self) -> String {
        let by_phase = if self.per_phase { " (in each phase)" } else { "" };
        let live = if self.live { ", live" } else { "" };
        let mut text = format!("{}{live}: {}{by_phase}\n\n", self.scenario, self.objective);
        text += &format!("{}\n\n", self.table());
        if self.per_phase {
            text += &self.phase_tables();
        }
        let line = |line: String| wrapped(&line, "  ") + "\n";
        text += &line(format!("{} {}", self.path, self.headline()));
        if let Some(one) = self.first_broken() {
            if self.per_phase {
                text += &line(self.told_first(one));
            }
            text += &line(format!("what binds at {}: {}", one.value, one.constraint));
            let again = if self.live { "run that again" } else { "reproduce" };
            text += &format!("{again}: {}\n", one.reproduce);
        }
        if let Some(refused) = &self.refused {
            text += &format!("not tried: {refused}\n");
        }
        text
    }

    fn table(&self) -> String {
        let metrics: Vec<String> = self
            .tried
            .iter()
            .max_by_key(|one| one.figures.len())
            .map(|one| one.figures.iter().map(|of| of.metric.clone()).collect())
            .unwrap_or_default();
        let mut head = vec![self.path.clone(), "kept by".into()];
        head.extend(metrics.iter().cloned());
        head.push("busiest".into());
        let rows = self.tried.iter().map(|one| one.row(&metrics));
        let mut rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        if !fits(&aligned(&rows)) {
            rows[0][0] = short(&[&self.path]).concat();
        }
        fitted(&rows)
    }

    /// A table for each figure that phases have: a row for a phase, a column for a value.
    fn phase_tables(&self) -> String {
        let Some(widest) = self.tried.iter().max_by_key(|one| one.phases.len()) else {
            return String::new();
        };
        let figures = widest.phases.first().map_or(&[][..], |phase| &phase.figures);
        let mut text = String::new();
        for metric in figures.iter().map(|of| &of.metric) {
            let names = widest.phases.iter().map(|phase| phase.name.clone());
            let mut rows = vec![std::iter::once(metric.clone()).chain(names).collect::<Vec<_>>()];
            for one in &self.tried {
                let cell = |phase: &TriedPhase| {
                    let of = one.phases.iter().find(|other| other.name == phase.name);
                    let figure =
                        of.and_then(|of| of.figures.iter().find(|of| of.metric == *metric));
                    figure.map_or_else(|| "-".to_owned(), Spread::show_median)
                };
                let cells = widest.phases.iter().map(cell);
                rows.push(std::iter::once(one.value.clone()).chain(cells).collect());
            }
            text += &format!("{}\n\n", fitted(&rows));
        }
        let runs = self.runs();
        text + &format!(
            "medians over the {runs}; the maximum where fewer than ten events lie beyond\na \
             percentile\n\n"
        )
    }

    /// Which phase breaks first, and what the others did there.
    fn told_first(&self, one: &Tried) -> String {
        let (value, runs) = (&one.value, self.runs());
        let first = self.breaks_first();
        let kept = |phase: &TriedPhase| format!("{} of {}", phase.kept, one.seeds);
        let Some(of) = first.first() else {
            return format!("at {value} every phase keeps it: what breaks is of the whole run");
        };
        let names: Vec<&str> = first.iter().map(|phase| phase.name.as_str()).collect();
        let others = one.phases.iter().filter(|phase| !names.contains(&phase.name.as_str()));
        let others: Vec<String> =
            others.map(|phase| format!("{} in {}", phase.name, kept(phase))).collect();
        let others = match others.as_slice() {
            [] => String::new(),
            some => format!("; kept {}", some.join(", ")),
        };
        let verb = if names.len() == 1 { "breaks" } else { "break" };
        format!(
            "`{}` {verb} first: at {value}, {} {runs} keep it there{others}",
            names.join("`, `"),
            kept(of)
        )
    }
}
