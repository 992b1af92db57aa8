//! What is to hold of a run, whole or in each phase of it.

use std::fmt;
use std::str::FromStr;

use headwater_reports::Outcome;

use crate::scenario::expect::{Expectation, Quantity};
use crate::scenario::metric::Statistic;
use crate::scenario::phase_metric::{PhaseFigure, PhaseName};
use crate::scenario::{Metric, Scenario};

/// What is to hold, as several bounds on figures: `response.p99 < 50ms, lost = 0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective(pub(super) Vec<Expectation>);

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all: Vec<(&str, String)> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let ends = |at: char| at.is_whitespace() || "<>=!".contains(at);
            let (name, bound) = part.split_at(part.find(ends).unwrap_or(part.len()));
            match all.last_mut() {
                // One more bound on the same figure.
                Some((_, bounds)) if name.is_empty() => *bounds += &format!(", {bound}"),
                _ => all.push((name, bound.trim().to_owned())),
            }
        }
        let expectation = |(name, bounds): &(&str, String)| {
            let metric = Metric::parse(name)?;
            if bounds.is_empty() {
                return Err(format!("`{name}`: no bound; such as response.p99 < 50ms, lost = 0"));
            }
            Expectation::parse(metric, bounds).map_err(|error| format!("{name}: {error}"))
        };
        all.iter().map(expectation).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

/// How a run came out by an objective.
pub(super) struct Judged {
    /// Everything held, of the whole run and in each phase.
    pub(super) kept: bool,
    /// Its phases in which something was due, and whether everything held in each.
    pub(super) phases: Vec<(String, bool)>,
}

impl Objective {
    /// Whether a run keeps it. One that has no such figure does not.
    pub fn is_kept(&self, outcome: &Outcome) -> bool {
        self.0.iter().all(|of| holds(of, of.metric.read(outcome)))
    }

    /// How a run came out, where figures that a phase can have must hold in each on its own.
    pub(super) fn judge(&self, outcome: &Outcome, per_phase: bool) -> Judged {
        if !per_phase {
            return Judged { kept: self.is_kept(outcome), phases: vec![] };
        }
        let mut phases: Vec<(String, bool)> = Vec::new();
        for phase in outcome.phases.iter().filter(|phase| phase.due > 0) {
            if !phases.iter().any(|(name, _)| *name == phase.name) {
                phases.push((phase.name.clone(), self.is_kept_in(outcome, &phase.name)));
            }
        }
        let kept = self.whole(outcome) && phases.iter().all(|(_, kept)| *kept);
        Judged { kept, phases }
    }

    /// Whether what no phase has of its own holds of the whole run, and what was counted: some of
    /// it may have been before the first phase.
    pub(super) fn whole(&self, outcome: &Outcome) -> bool {
        let counted = |metric: &Metric| matches!(metric, Metric::Count(_));
        let whole = self.0.iter().filter(|of| !is_of_phase(&of.metric) || counted(&of.metric));
        whole.into_iter().all(|of| holds(of, of.metric.read(outcome)))
    }

    fn is_kept_in(&self, outcome: &Outcome, phase: &str) -> bool {
        let phase = PhaseName::of(phase);
        let of_phase = |of: &Expectation| {
            let metric = of.metric.in_phase(&phase)?;
            Some(holds(of, read(&metric, outcome)))
        };
        self.0.iter().filter_map(of_phase).all(|holds| holds)
    }

    /// The figures that a phase can have.
    pub(super) fn of_phase(&self) -> impl Iterator<Item = &Metric> {
        self.0.iter().map(|of| &of.metric).filter(|metric| is_of_phase(metric))
    }

    /// That it can be judged of the runs of a scenario.
    ///
    /// # Errors
    /// A phase that they have not; that no figure is of a phase, where each is to be looked at.
    pub(super) fn check(&self, scenario: &Scenario, per_phase: bool) -> Result<(), String> {
        let names = scenario.phase_names();
        self.0.iter().try_for_each(|of| scenario.has(&of.metric))?;
        if per_phase && names.is_empty() {
            return Err("--per-phase: no fault begins or ends in the measured window, so that \
                        the run has no phases; leave it out"
                .into());
        }
        if per_phase && self.of_phase().next().is_none() {
            return Err(format!(
                "--per-phase: no phase has a figure of its own in `{self}`; those are response, \
                 end_to_end, rates, lost, failed and acked_share (headwater metrics phase)"
            ));
        }
        Ok(())
    }
}

fn holds(of: &Expectation, found: Option<Quantity>) -> bool {
    found.is_some_and(|found| of.holds(&found))
}

fn is_of_phase(metric: &Metric) -> bool {
    metric.in_phase(&PhaseName::of("before")).is_some()
}

/// A figure of a phase. A short phase has too few events for a high percentile: its maximum, which
/// is no less, then stands for it.
pub(super) fn read(metric: &Metric, outcome: &Outcome) -> Option<Quantity> {
    let instead = || match metric {
        Metric::Phase(phase, PhaseFigure::Latency(of, Statistic::Percentile(_))) => {
            let most = PhaseFigure::Latency(*of, Statistic::Max);
            Metric::Phase(phase.clone(), most).read(outcome)
        }
        _ => None,
    };
    metric.read(outcome).or_else(instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_as_expectations_are() {
        let read = |text: &str| text.parse::<Objective>();
        let two = read("response.p99 < 50ms, lost = 0").unwrap();
        assert_eq!(two.to_string(), "response.p99 < 50ms, lost = 0");
        assert_eq!(read("acked_rate > 1500/s, < 1700/s").unwrap().0.len(), 1);
        for (text, want) in [
            ("respnse.p99 < 50ms", "respnse"),
            ("response.p99 < 50", "20ms"),
            ("lost", "no bound"),
            ("", "unknown metric"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
