//! What was gathered of each case: its forecast and the runs that count, as figures.

use std::collections::BTreeMap;

use headwater_reports::forecast::{Unit, median};
use headwater_reports::outcome::Status;
use headwater_reports::{Forecast, Outcome};

use super::case::{Case, configuration};
use super::statistics::Sample;
use crate::forecast::{CPU, GAP, HIGHEST, RECOVERY, measured};

/// A gap shorter than so many intervals of the series is none.
const GAP_INTERVALS: u64 = 5;

/// The option that lets a producer wait for more.
const LINGER: &str = "producer.linger.ms";

/// A case with its figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// Its name.
    pub(super) name: String,
    /// Its title.
    pub(super) title: String,
    /// SHA-256 of its forecast.
    pub(super) forecast: String,
    /// Seeds and repeats of each figure, by its name.
    pub(super) figures: Vec<(String, Unit, Sample)>,
    /// Cores of the cluster.
    pub(super) cores: usize,
    /// Its events wait for others.
    pub(super) lingers: bool,
    /// It has faults.
    pub(super) faulty: bool,
    /// In a run that counts, more was offered than the system took.
    pub(super) overloaded: bool,
    /// A run was made before the forecast was.
    pub(super) hindcast: bool,
    /// Runs that count.
    pub(super) runs: u64,
    /// Why others do not, a line each.
    pub(super) discarded: Vec<String>,
    /// Runs that have no outcome.
    pub(super) failed: u64,
    /// What its runs did not keep, also those that don't count, a line each.
    pub(super) broken: Vec<String>,
}

impl Gathered {
    /// Nothing yet of a case but its forecast.
    pub(super) fn new(case: &Case, forecast: &Forecast, hash: &str, cores: usize) -> Self {
        let scenario = &case.plan.scenario;
        let least = |name: &str| match name {
            GAP | RECOVERY => (scenario.measure.interval.0 * GAP_INTERVALS) as f64,
            _ => 0.0,
        };
        let figure = |of: &headwater_reports::forecast::FigureForecast| {
            let seeds = of.values.iter().copied().flatten().collect();
            let sample = Sample { seeds, repeats: vec![], least: least(&of.name) };
            (of.name.clone(), of.unit, sample)
        };
        let linger = scenario.configuration().get(LINGER).and_then(|ms| ms.parse::<f64>().ok());
        Self {
            name: case.name.clone(),
            title: scenario.title.clone(),
            forecast: hash.to_owned(),
            figures: forecast.figures.iter().map(figure).collect(),
            cores,
            lingers: linger.is_some_and(|ms| ms > 0.0),
            faulty: !scenario.faults.is_empty(),
            ..Self::default()
        }
    }

    /// Adds a run that counts.
    pub(super) fn add(&mut self, case: &Case, run: &Outcome) {
        self.runs += 1;
        self.overloaded |= run.generator.as_ref().is_some_and(|generator| generator.overload);
        let values: BTreeMap<&str, Option<f64>> =
            measured(&case.plan, run).into_iter().map(|of| (of.name, of.value)).collect();
        for (name, _, sample) in &mut self.figures {
            sample.repeats.extend(values.get(name.as_str()).copied().flatten());
        }
    }

    /// Looks at what a run kept, whether it counts or not: how fast the machine was has nothing to
    /// do with it.
    pub(super) fn hold(&mut self, run: &Outcome) {
        if run.status != Status::Completed {
            return;
        }
        let broken = run.verdicts.iter().filter(|verdict| verdict.status.found());
        self.broken.extend(
            broken.map(|verdict| {
                format!("{} (seed {}): {}", verdict.name, run.seed, verdict.measured)
            }),
        );
    }

    /// Seeds and repeats of a figure.
    pub(super) fn sample(&self, name: &str) -> Option<&Sample> {
        self.figures.iter().find(|(have, ..)| have == name).map(|(.., sample)| sample)
    }

    /// The same, where it counts in medians over cases. Latencies do not count under faults, which
    /// set them, nor of a queue that grows, of which they say how long the run was; a gap or a
    /// recovery only where there was one in either world.
    pub(super) fn counted(&self, name: &str) -> Option<&Sample> {
        let sample = self.sample(name)?;
        let counts = match name {
            GAP | RECOVERY => {
                let felt = |values: &[f64]| median(values).is_some_and(|of| of >= sample.least);
                felt(&sample.seeds) || felt(&sample.repeats)
            }
            CPU => !self.faulty,
            HIGHEST => true,
            _ => !self.faulty && !self.overloaded,
        };
        (counts && sample.error().is_some()).then_some(sample)
    }

    /// Share of the cluster's cores that it used, as measured.
    pub(super) fn utilisation(&self) -> Option<f64> {
        let cores = median(&self.sample(CPU)?.repeats)?;
        Some(cores / self.cores.max(1) as f64)
    }

    /// The experiment that it is a configuration of, and which.
    pub(super) fn configuration(&self) -> Option<(&str, &str)> {
        configuration(&self.name)
    }
}
