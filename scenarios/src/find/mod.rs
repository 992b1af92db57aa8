//! Where an objective breaks: the highest (or the lowest) value of one setting at which a scenario
//! still keeps it.
//!
//! A ramp doubles the value until the objective is broken, or halves it until it is kept; a
//! bisection narrows what lies between. Each value is run on the same seeds, which see the same
//! traffic and faults where these are not what is changed. Where some seeds keep the objective and
//! others break it, both ends are looked for: the last value that all seeds keep it at, and the
//! first at which none does. That what lies beyond a value that broke it breaks it as well is taken
//! for granted.

mod amount;
mod answer;
mod objective;
mod search;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reading::problem::{Finding, Problems};
use headwater_reports::Outcome;
use serde::Serialize;

pub use self::amount::Amount;
pub use self::answer::{Answer, Spread, Tried, TriedPhase};
pub use self::objective::Objective;
use self::search::Search;
use crate::estimate::Estimate;
use crate::scenario::{Scenario, Source};
use crate::sweep::{Settings, outcomes};

/// Which end of the values that keep the objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Extreme {
    /// The highest: it breaks somewhere above.
    Highest,
    /// The lowest: it breaks somewhere below.
    Lowest,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct FindSpec {
    /// The scenario.
    pub source: Source,
    /// Settings of all runs.
    pub settings: Settings,
    /// The setting that is changed, such as `traffic.rate`.
    pub path: String,
    /// Which of its values.
    pub extreme: Extreme,
    /// What is to hold.
    pub objective: Objective,
    /// It is to hold in each phase (before, during and after each fault) on its own, as far as a
    /// phase has such figures.
    pub per_phase: bool,
    /// Where to begin; without it where the scenario is.
    pub from: Option<Amount>,
    /// The furthest value that is tried.
    pub limit: Option<Amount>,
    /// Seeds: the first, and how many from there on. Without a first the scenario's own.
    pub seeds: (Option<u64>, u64),
    /// How far apart the two ends may be, as a share.
    pub within: f64,
    /// Tries a value whatever it is estimated to take.
    pub insist: bool,
}

/// How much further than where it began the ramp goes at the most.
const FURTHEST: u64 = 4_096;

/// What became of the runs at a value.
pub enum Runs {
    /// All were made: the outcomes in the order of the seeds.
    Made(Vec<Outcome>),
    /// They can't be made, and why: nothing further is tried.
    Refused(String),
    /// The search was stopped.
    Stopped,
}

/// Finds it by simulation. `progress` is called before each value is tried, and after each of its
/// runs with the number done for that value.
///
/// # Errors
/// If the scenario can't be read with its first value, or does not say where to begin.
pub fn find(
    spec: &FindSpec,
    stop: &AtomicBool,
    progress: &(dyn Fn(&str, usize) + Sync),
) -> Result<Answer, Problems> {
    let simulate = |value: &str, scenario: &Scenario, seeds: &[u64]| {
        let estimate = Estimate::simulated(scenario).check();
        if let Err(refused) = if spec.insist { Ok(()) } else { estimate } {
            return Runs::Refused(refused);
        }
        progress(value, 0);
        let all = outcomes(scenario, seeds, stop, &|done| progress(value, done));
        if all.len() < seeds.len() { Runs::Stopped } else { Runs::Made(all) }
    };
    let answer = find_by(spec, simulate)?;
    Ok(Answer { interrupted: stop.load(Ordering::Relaxed), ..answer })
}

/// Finds it by runs that somebody else makes, of a scenario at a value and with these seeds.
///
/// # Errors
/// As [`find`].
pub fn find_by(
    spec: &FindSpec,
    runs: impl FnMut(&str, &Scenario, &[u64]) -> Runs,
) -> Result<Answer, Problems> {
    let (from, scenario) = spec.first()?;
    let first = spec.seeds.0.unwrap_or(scenario.seed);
    let seeds: Vec<u64> = (first..first.saturating_add(spec.seeds.1)).collect();
    let low = u64::from(from.number > 0);
    let furthest = from.number.max(1).saturating_mul(FURTHEST);
    let limit = spec.limit_beside(&from)?;
    let limits = match spec.extreme {
        Extreme::Highest => (low, limit.unwrap_or(furthest)),
        Extreme::Lowest => (limit.unwrap_or(low), furthest),
    };
    let count = seeds.len();
    let (unit, tried) = (from.unit.clone(), BTreeMap::new());
    let mut trials = Trials { spec, seeds, unit, runs, tried, refused: None, stopped: false };
    let mut search = Search {
        rises: spec.extreme == Extreme::Highest,
        seeds: count,
        within: spec.within,
        limits,
        at: |number| trials.at(number),
        kept: None,
        broken: None,
    };
    // Where it ends early, what was found until then is told.
    let _ = search.run(from.number);
    let ends = [search.kept, search.broken];
    let [kept, broken] = ends.map(|end| end.map(|number| trials.amount(number).to_string()));
    Ok(Answer {
        schema: "headwater-find/1",
        live: false,
        scenario: spec.source.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        path: spec.path.clone(),
        extreme: spec.extreme,
        objective: spec.objective.to_string(),
        per_phase: spec.per_phase,
        kept,
        broken,
        tried: trials.tried.into_values().collect(),
        refused: trials.refused,
        interrupted: trials.stopped,
    })
}

/// The values that are tried.
struct Trials<'a, R> {
    spec: &'a FindSpec,
    seeds: Vec<u64>,
    unit: String,
    runs: R,
    tried: BTreeMap<u64, Tried>,
    refused: Option<String>,
    stopped: bool,
}

impl<R: FnMut(&str, &Scenario, &[u64]) -> Runs> Trials<'_, R> {
    fn amount(&self, number: u64) -> Amount {
        Amount { number, unit: self.unit.clone() }
    }

    /// How many seeds keep the objective at a value; none if it can't be tried, or was stopped.
    fn at(&mut self, number: u64) -> Option<usize> {
        if let Some(known) = self.tried.get(&number) {
            return Some(known.kept);
        }
        let amount = self.amount(number);
        let value = amount.to_string();
        let runs = match self.spec.read(&amount) {
            Ok(scenario) => (self.runs)(&value, &scenario, &self.seeds),
            Err(problems) => Runs::Refused(problems.line()),
        };
        match runs {
            Runs::Made(all) => {
                let one = Tried::of(value, self.spec, &all);
                let kept = one.kept;
                self.tried.insert(number, one);
                Some(kept)
            }
            Runs::Refused(message) => {
                self.refused = Some(format!("{value}: {message}"));
                None
            }
            Runs::Stopped => {
                self.stopped = true;
                None
            }
        }
    }
}

impl FindSpec {
    /// Whether a run keeps the objective, of the whole run or in each phase.
    pub fn is_kept(&self, outcome: &Outcome) -> bool {
        self.objective.judge(outcome, self.per_phase).kept
    }

    /// The value that is tried first, and the scenario with it.
    ///
    /// # Errors
    /// If the scenario does not say it, or can't be read with it; if the limit is of another
    /// quantity; if the objective names a phase that there is not.
    pub fn first(&self) -> Result<(Amount, Scenario), Problems> {
        let from = match &self.from {
            Some(from) => from.clone(),
            None => self.written()?,
        };
        self.limit_beside(&from)?;
        let scenario = self.read(&from)?;
        let judged = self.objective.check(&scenario, self.per_phase);
        judged.map_err(|message| Problems::one(Finding::new(message, None)))?;
        Ok((from, scenario))
    }

    /// The limit, in the unit of the value that is tried first.
    fn limit_beside(&self, from: &Amount) -> Result<Option<u64>, Problems> {
        let Some(limit) = &self.limit else { return Ok(None) };
        let number = limit.in_unit_of(from).map_err(|wanted| {
            let message = format!("--limit {limit}: the value begins as {from}; {wanted}");
            Problems::one(Finding::new(message, None))
        })?;
        Ok(Some(number))
    }

    /// The scenario with a value of the setting.
    fn read(&self, amount: &Amount) -> Result<Scenario, Problems> {
        let mut settings = self.settings.clone();
        settings.push((self.path.clone(), amount.to_string()));
        self.source.read(&settings)
    }

    /// The value that the scenario has without any.
    fn written(&self) -> Result<Amount, Problems> {
        let fail = |message: String| {
            let help = "say where to begin with --from, such as --from 1600/s";
            Problems::one(Finding::new(message, None).help(help))
        };
        // The whole file is checked first: an error in it has a place then.
        self.source.read(&self.settings)?;
        let set = self.settings.iter().rev().find(|(path, _)| *path == self.path);
        let table = self.source.text.parse::<toml::Table>().unwrap_or_default();
        let text = match (set, below(&table, &self.path)) {
            (Some((_, value)), _) => value.clone(),
            (None, Some(toml::Value::String(text))) => text.clone(),
            (None, Some(value)) => value.to_string(),
            (None, None) => {
                // A name that there is not is told with the nearest one.
                let any = self.read(&Amount { number: 1, unit: String::new() });
                let unknown = any.err().filter(|of| of.to_string().contains("unknown key"));
                let unsaid = || fail(format!("{} does not say {}", self.source.name, self.path));
                return Err(unknown.unwrap_or_else(unsaid));
            }
        };
        text.parse().map_err(|error| fail(format!("{}: {error}", self.path)))
    }
}

/// What a path leads to; keys may have dots in them (`linger.ms`).
fn below<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    table.iter().find_map(|(key, value)| match (path.strip_prefix(key.as_str())?, value) {
        ("", value) => Some(value),
        (rest, toml::Value::Table(table)) => below(table, rest.strip_prefix('.')?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_where_the_scenario_is() {
        let table: toml::Table =
            "[system.producer]\n'linger.ms' = 5\n[traffic]\nrate = '500/s'\n".parse().unwrap();
        let at = |path| below(&table, path).map(ToString::to_string);
        assert_eq!(at("system.producer.linger.ms").as_deref(), Some("5"));
        assert_eq!(at("traffic.rate").as_deref(), Some("\"500/s\""));
        assert_eq!(at("traffic.rat"), None);
    }
}
