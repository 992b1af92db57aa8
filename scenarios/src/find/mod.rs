//! Where an objective breaks: the highest (or the lowest) value of one setting at which a scenario
//! still keeps it.
//!
//! A ramp doubles the value until the objective is broken, or halves it until it is kept; a
//! bisection narrows what lies between. Each value is run on the same seeds, which see the same
//! traffic and faults where these are not what is changed. Where some seeds keep the objective and
//! others break it, both ends are looked for: the last value that all seeds keep it at, and the
//! first at which none does. That what lies beyond a value that broke it breaks it as well is taken
//! for granted.

mod search;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reading::problem::{Finding, Problems};
use headwater_reports::Outcome;
use headwater_reports::resource::Binding;
use serde::Serialize;

use self::search::Search;
use crate::estimate::Estimate;
use crate::scenario::expect::{Expectation, Quantity};
use crate::scenario::{Metric, Scenario, Source};
use crate::sweep::{Settings, aligned, outcomes};

/// What is to hold, as several bounds on figures: `response.p99 < 50ms, lost = 0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective(Vec<Expectation>);

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

impl Objective {
    /// Whether a run keeps it. One that has no such figure does not.
    pub fn is_kept(&self, outcome: &Outcome) -> bool {
        let holds =
            |of: &Expectation| of.metric.read(outcome).is_some_and(|found| of.holds(&found));
        self.0.iter().all(holds)
    }
}

/// A value that can be raised and lowered: a whole number, and its unit if it has one (`1600/s`,
/// `50k/s`, `5ms`, `3`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    number: u64,
    unit: String,
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_digit = |at: char| at.is_ascii_digit() || at == '_';
        let (digits, unit) = text.split_at(text.find(|at| !is_digit(at)).unwrap_or(text.len()));
        let error = || format!("`{text}`: expected a whole number with its unit, such as 1600/s");
        let number = digits.replace('_', "").parse().map_err(|_| error())?;
        if unit.starts_with('.') {
            return Err(error());
        }
        Ok(Self { number, unit: unit.to_owned() })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}

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
    /// The busiest resource, of the first seed that broke the objective if one did.
    pub binding: Option<Binding>,
    /// The line that runs that seed again.
    pub reproduce: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Schema of this value as JSON.
    pub schema: &'static str,
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

/// How much further than where it began the ramp goes at the most.
const FURTHEST: u64 = 4_096;

/// Finds it. `progress` is called before each value is tried, and after each of its runs with the
/// number done for that value.
///
/// # Errors
/// If the scenario can't be read with its first value, or does not say where to begin.
pub fn find(
    spec: &FindSpec,
    stop: &AtomicBool,
    progress: &(dyn Fn(&str, usize) + Sync),
) -> Result<Answer, Problems> {
    let (from, scenario) = spec.first()?;
    let first = spec.seeds.0.unwrap_or(scenario.seed);
    let seeds: Vec<u64> = (first..first.saturating_add(spec.seeds.1)).collect();
    let low = u64::from(from.number > 0);
    let furthest = from.number.max(1).saturating_mul(FURTHEST);
    let limit = spec.limit.as_ref().map(|limit| limit.number);
    let limits = match spec.extreme {
        Extreme::Highest => (low, limit.unwrap_or(furthest)),
        Extreme::Lowest => (limit.unwrap_or(low), furthest),
    };
    let count = seeds.len();
    let unit = from.unit.clone();
    let mut trials =
        Trials { spec, seeds, unit, stop, progress, tried: BTreeMap::new(), refused: None };
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
        scenario: spec.source.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        path: spec.path.clone(),
        extreme: spec.extreme,
        objective: spec.objective.to_string(),
        kept,
        broken,
        tried: trials.tried.into_values().collect(),
        refused: trials.refused,
        interrupted: stop.load(Ordering::Relaxed),
    })
}

/// The values that are tried.
struct Trials<'a> {
    spec: &'a FindSpec,
    seeds: Vec<u64>,
    unit: String,
    stop: &'a AtomicBool,
    progress: &'a (dyn Fn(&str, usize) + Sync),
    tried: BTreeMap<u64, Tried>,
    refused: Option<String>,
}

impl Trials<'_> {
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
        let read = self.spec.read(&amount).map_err(|problems| problems.line());
        let scenario = read.and_then(|scenario| {
            let estimate = Estimate::simulated(&scenario).check();
            if self.spec.insist { Ok(scenario) } else { estimate.map(|()| scenario) }
        });
        let scenario = match scenario {
            Ok(scenario) => scenario,
            Err(message) => {
                self.refused = Some(format!("{value}: {message}"));
                return None;
            }
        };
        (self.progress)(&value, 0);
        let done = |done| (self.progress)(&value, done);
        let all = outcomes(&scenario, &self.seeds, self.stop, &done);
        if all.len() < self.seeds.len() {
            return None;
        }
        let one = Tried::of(value, &self.spec.objective, &all);
        let kept = one.kept;
        self.tried.insert(number, one);
        Some(kept)
    }
}

impl FindSpec {
    /// The value that is tried first, and the scenario with it.
    ///
    /// # Errors
    /// If the scenario does not say it, or can't be read with it; if the limit has another unit.
    pub fn first(&self) -> Result<(Amount, Scenario), Problems> {
        let from = match &self.from {
            Some(from) => from.clone(),
            None => self.written()?,
        };
        if let Some(limit) = self.limit.as_ref().filter(|limit| limit.unit != from.unit) {
            let message = format!("--limit {limit}: the value begins as {from}, in another unit");
            return Err(Problems::one(Finding::new(message, None)));
        }
        let scenario = self.read(&from)?;
        Ok((from, scenario))
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

impl Tried {
    fn of(value: String, objective: &Objective, all: &[Outcome]) -> Self {
        let broke: Vec<&Outcome> = all.iter().filter(|of| !objective.is_kept(of)).collect();
        let shown = broke.first().copied().or(all.first());
        let spread = |of: &Expectation| {
            let mut values: Vec<Quantity> =
                all.iter().filter_map(|one| of.metric.read(one)).collect();
            values
                .sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
            let [least, median, greatest] =
                [values.first(), values.get(values.len() / 2), values.last()];
            Some(Spread {
                metric: of.metric.to_string(),
                least: least?.clone(),
                median: median?.clone(),
                greatest: greatest?.clone(),
            })
        };
        Self {
            value,
            kept: all.len() - broke.len(),
            seeds: all.len(),
            figures: objective.0.iter().filter_map(spread).collect(),
            binding: shown.and_then(|of| of.resources.binding()),
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

impl Spread {
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

    /// In one line.
    pub fn headline(&self) -> String {
        let seeds = self.tried.first().map_or(0, |one| one.seeds);
        let ways = match self.extreme {
            Extreme::Highest => ["up to", "from", "on"],
            Extreme::Lowest => ["down to", "at", "and below"],
        };
        let [as_far_as, beyond, on] = ways;
        match (&self.kept, &self.broken) {
            (Some(kept), Some(broken)) => format!(
                "breaks between {kept} and {broken}: {seeds} of {seeds} seeds keep it {as_far_as} \
                 {kept}, none {beyond} {broken} {on}"
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

    /// For people: what was tried, the headline, and what binds beyond it.
    pub fn text(&self) -> String {
        let metrics: Vec<String> = self
            .tried
            .iter()
            .max_by_key(|one| one.figures.len())
            .map(|one| one.figures.iter().map(|of| of.metric.clone()).collect())
            .unwrap_or_default();
        let mut head = vec![self.path.clone(), "kept by".into()];
        head.extend(metrics.iter().cloned());
        head.push("busiest".into());
        let rows: Vec<Vec<String>> =
            std::iter::once(head).chain(self.tried.iter().map(|one| one.row(&metrics))).collect();
        let mut text = format!("{}: {}\n\n{}\n\n", self.scenario, self.objective, aligned(&rows));
        text += &format!("{} {}\n", self.path, self.headline());
        let harder = |one: &&Tried| one.kept < one.seeds;
        let first = match self.extreme {
            Extreme::Highest => self.tried.iter().find(harder),
            Extreme::Lowest => self.tried.iter().rev().find(harder),
        };
        if let Some(one) = first {
            if let Some(binding) = &one.binding {
                text += &format!("what binds at {}: {binding}\n", one.value);
            }
            text += &format!("reproduce: {}\n", one.reproduce);
        }
        if let Some(refused) = &self.refused {
            text += &format!("not tried: {refused}\n");
        }
        text
    }
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

    #[test]
    fn amounts_keep_their_unit() {
        let read = |text: &str| text.parse::<Amount>();
        for text in ["1600/s", "50k/s", "5ms", "3"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        for text in ["fast", "2.5us", ""] {
            assert!(read(text).unwrap_err().contains("whole number"), "{text}");
        }
    }

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
