//! Shrinking: a scenario that fails, made as small as it can be while it fails in the same way.
//!
//! Delta debugging (A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing
//! Input", IEEE TSE 28(2), 2002) over the scenario as data: faults, their targets and windows,
//! traffic, nodes, and what the configuration has beside the defaults. Every step is run, and kept
//! only if the same checker finds the same kind of thing. Nothing is ever made harsher: what is
//! tried has fewer faults, shorter ones, less traffic, fewer nodes, fewer keys.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;
use toml::Table;

use crate::replay::{Violation, hit, violation};
use crate::run::{self, Finished, Options, Progress};
use crate::scenario::{Problems, Scenario, Source};
use crate::swarm::atlas;
use headwater_reading::tree::Tree;

mod ddmin;
mod faults;
mod file;
mod passes;

pub use file::{failing, text};

/// What is shrunk, and how.
pub struct ShrinkSpec<'a> {
    /// The scenario.
    pub source: Source,
    /// Values laid over it.
    pub settings: Vec<(String, String)>,
    /// In place of its seed.
    pub seed: Option<u64>,
    /// The verdict that has to keep failing; by default the first that fails.
    pub keep: Option<String>,
    /// Runs that may be made, about.
    pub budget: u64,
    /// Raised to end with the best so far.
    pub stop: &'a AtomicBool,
    /// Called after every improvement: runs so far, and the size.
    pub progress: &'a (dyn Fn(u64, Size) + Sync),
}

/// Why nothing was shrunk.
#[derive(Debug)]
pub enum Refused {
    /// The scenario is wrong.
    Input(Problems),
    /// It does not fail, or not so.
    Passes(String),
}

impl From<Problems> for Refused {
    fn from(problems: Problems) -> Self {
        Self::Input(problems)
    }
}

/// How large a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Faults.
    pub faults: usize,
    /// Nodes.
    pub nodes: usize,
    /// Keys in the file, those of faults not counted.
    pub keys: usize,
    /// Events of the kernel that a run takes.
    pub events: u64,
}

/// A scenario that was shrunk.
pub struct Shrunk {
    /// The smallest scenario that still fails, as data.
    pub table: Table,
    /// Its run.
    pub finished: Finished,
    /// What fails, and how.
    pub violation: Violation,
    /// Size before and after.
    pub sizes: (Size, Size),
    /// Runs that were made.
    pub runs: u64,
    /// Ended by the user or the budget, not because nothing smaller fails.
    pub cut_short: bool,
}

/// Candidates that are run at the same time; fixed, so that the result does not depend on the
/// machine.
const AT_ONCE: usize = 4;

/// A candidate may take this many times the events of the first run.
const EVENTS_TIMES: u64 = 2;

/// A shrink under way.
struct Shrinker<'a> {
    spec: &'a ShrinkSpec<'a>,
    /// What has to be found: the verdict, and what is wrong.
    wanted: (&'static str, &'static str),
    events_max: u64,
    /// The system claims to survive the faults; a candidate beyond that claim proves nothing.
    claimed: bool,
    runs: AtomicU64,
    best: Table,
    size: Size,
}

/// Shrinks a scenario that fails.
pub fn shrink(spec: &ShrinkSpec<'_>) -> Result<Shrunk, Refused> {
    let mut table = table(&spec.source, &spec.settings)?;
    let read = |table: &Table| read(table, &spec.source);
    let scenario = read(&table)?;
    let seed = spec.seed.unwrap_or(scenario.seed);
    table.insert("seed".into(), toml::Value::Integer(seed.cast_signed()));
    // Its own expectations don't matter here.
    table.remove("expect");
    let scenario = read(&table)?;
    let first = run::run(&scenario, &Options { stop: Some(spec.stop), ..Options::default() });
    let wanted = wanted(&first, spec.keep.as_deref())?;
    faults::name_targets(&mut table, &first);
    let size = size(&table, &scenario, &first);
    let mut shrinker = Shrinker {
        spec,
        wanted,
        events_max: first.events.saturating_mul(EVENTS_TIMES),
        claimed: atlas::is_claimed(&scenario),
        runs: AtomicU64::new(1),
        best: table,
        size,
    };
    let unnamed = shrinker.failing(&shrinker.best).is_none();
    if unnamed {
        // A target that was looked up and is named now hits somebody else: left as it was.
        shrinker.best = self::table(&spec.source, &spec.settings)?;
        shrinker.best.insert("seed".into(), toml::Value::Integer(seed.cast_signed()));
        shrinker.best.remove("expect");
    }
    (spec.progress)(shrinker.runs.load(Ordering::Relaxed), size);
    while !shrinker.is_over() && passes::round(&mut shrinker) {}
    let scenario = read(&shrinker.best)?;
    let finished = run::run(&scenario, &Options::default());
    let violation = found(&finished, wanted).expect("the best candidate fails");
    let after = self::size(&shrinker.best, &scenario, &finished);
    Ok(Shrunk {
        violation,
        finished,
        sizes: (size, after),
        runs: shrinker.runs.load(Ordering::Relaxed),
        cut_short: shrinker.is_over(),
        table: shrinker.best,
    })
}

/// The scenario as data, with settings laid over it.
fn table(source: &Source, settings: &[(String, String)]) -> Result<Table, Problems> {
    // Reading it reports everything that is wrong with it.
    let scenario = source.read(settings)?;
    let mut tree = Tree::parse(&source.text).expect("it was just read");
    scenario.lay_settings(&mut tree);
    match tree.to_toml() {
        toml::Value::Table(table) => Ok(table),
        _ => unreachable!("a document is a table"),
    }
}

fn read(table: &Table, source: &Source) -> Result<Scenario, Problems> {
    source.with_text(toml::to_string(table).expect("a scenario is plain data")).read(&[])
}

fn wanted(first: &Finished, keep: Option<&str>) -> Result<(&'static str, &'static str), Refused> {
    let reproduce = &first.outcome.reproduce;
    let failed: Vec<&str> = first
        .verdicts
        .iter()
        .filter(|verdict| !verdict.passed)
        .map(|verdict| verdict.name)
        .collect();
    let asked = |verdict: &&headwater_check::Verdict| keep.is_none_or(|name| name == verdict.name);
    let judged: Vec<_> = first.verdicts.iter().filter(asked).cloned().collect();
    match (violation(&judged), keep) {
        (Some(found), _) => Ok((found.verdict, found.finding.what)),
        (None, Some(name)) if !failed.is_empty() => Err(Refused::Passes(format!(
            "{name} does not fail in `{reproduce}`; what fails there: {}",
            failed.join(", ")
        ))),
        _ => Err(Refused::Passes(format!("no verdict fails in `{reproduce}`: nothing to shrink"))),
    }
}

/// What was wanted, if the run has it.
fn found(finished: &Finished, (verdict, what): (&str, &str)) -> Option<Violation> {
    let found = finished.verdicts.iter().find(|one| one.name == verdict && !one.passed)?;
    let finding = found.findings.iter().find(|finding| finding.what == what)?;
    Some(Violation { verdict: found.name, finding: finding.clone() })
}

fn size(table: &Table, scenario: &Scenario, finished: &Finished) -> Size {
    fn keys(table: &Table) -> usize {
        let count = |value: &toml::Value| value.as_table().map_or(1, keys);
        table.values().map(count).sum()
    }
    let sections = ["system", "traffic", "measure", "promise"];
    let keys = sections.iter().filter_map(|name| table.get(*name)?.as_table()).map(keys).sum();
    Size {
        faults: scenario.faults.len(),
        nodes: scenario.systems.node_names().len(),
        keys,
        events: finished.events,
    }
}

impl Shrinker<'_> {
    /// No more candidates may be run.
    fn is_over(&self) -> bool {
        let spent = self.runs.load(Ordering::Relaxed) >= self.spec.budget;
        spent || self.spec.stop.load(Ordering::Relaxed)
    }

    /// Runs a candidate; its size if it fails as wanted. One that can't be read does not.
    fn failing(&self, candidate: &Table) -> Option<Size> {
        let scenario = read(candidate, &self.spec.source).ok()?;
        if self.claimed && !atlas::is_claimed(&scenario) {
            return None;
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        let stop = AtomicBool::new(false);
        let watch = |progress: Progress| {
            let over = progress.events > self.events_max;
            stop.fetch_or(over || self.spec.stop.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        let (stop, progress) = (Some(&stop), Some(&watch as &dyn Fn(Progress)));
        let finished = run::run(&scenario, &Options { stop, progress, ..Options::default() });
        let completed = finished.outcome.status == headwater_reports::outcome::Status::Completed;
        let fails = completed && found(&finished, self.wanted).is_some();
        fails.then(|| size(candidate, &scenario, &finished))
    }

    /// Takes the first of the candidates that fails, in their order; its place.
    fn take_first(&mut self, candidates: Vec<Table>) -> Option<usize> {
        let fresh: Vec<(usize, Table)> = (0..).zip(candidates).collect();
        let fresh: Vec<_> = fresh.into_iter().filter(|(_, table)| *table != self.best).collect();
        for some in fresh.chunks(AT_ONCE) {
            if self.is_over() {
                return None;
            }
            let sizes: Vec<Option<Size>> =
                some.par_iter().map(|(_, table)| self.failing(table)).collect();
            let first = sizes.iter().position(Option::is_some);
            if let Some(first) = first {
                let (place, table) = &some[first];
                self.best = table.clone();
                self.size = sizes[first].expect("it fails");
                (self.spec.progress)(self.runs.load(Ordering::Relaxed), self.size);
                return Some(*place);
            }
        }
        None
    }
}

/// The names of those that fault `index` of the run hit, if it has begun.
fn names_hit(finished: &Finished, name: &str, from_ns: u64) -> Vec<String> {
    let faults = &finished.outcome.faults;
    let fault = faults.iter().find(|fault| fault.name == name && fault.from_ns == from_ns);
    fault.map(hit).unwrap_or_default()
}
