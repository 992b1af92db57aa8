//! Swarms: many seeds, each of which draws its configuration and its faults, in search of one that
//! breaks a promise.
//!
//! A seed's case is a scenario file like any other: what a swarm finds is run, replayed and shrunk
//! without the swarm. Damage stays within what the system claims to survive ([`Atlas`]), unless
//! the file asks for more, so that what fails is a finding. Faults are over before the traffic is,
//! on all servers or, in a quarter of the seeds, on a core quorum alone; then everything has to
//! settle ([`crate::scenario::Promise::converges`]).

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::outcome::Status;
use headwater_sim::random::Seed;
use rayon::prelude::*;

use crate::run::{self, Options};
use crate::scenario::{Problems, Source};
use crate::sweep::Settings;
use crate::units::Time;

pub(crate) mod atlas;
mod case;
mod tally;

pub use crate::shard::Shard;
pub use atlas::Atlas;
pub use case::{Base, Case, Keep};
pub use tally::{Failure, Swarm};

/// A swarm to run: which scenario, which seeds, until when.
pub struct SwarmRun<'a> {
    /// The scenario.
    pub source: Source,
    /// Values laid over it.
    pub settings: Settings,
    /// The first seed, and how many from there on.
    pub seeds: (u64, u64),
    /// Which of them.
    pub shard: Shard,
    /// Ends with the first seed that fails.
    pub until_failure: bool,
    /// Raised to end with the results so far.
    pub stop: &'a AtomicBool,
    /// Called after every chunk.
    pub progress: &'a dyn Fn(&Swarm),
}

/// Seeds that are run between two looks at the stop flag; fixed, so that where a swarm ends at the
/// first failure does not depend on the machine.
const CHUNK: usize = 32;

/// Of a million seeds, those that are run twice: one in twenty.
const AGAIN_PPM: u32 = 50_000;

/// The name of the verdict on a seed that came out differently the second time.
pub const DETERMINISM: &str = "determinism";

/// The result of one seed.
pub(crate) struct Shown {
    seed: u64,
    fingerprint: String,
    events: u64,
    simulated: Time,
    again: bool,
    core: bool,
    excused: bool,
    kinds: Vec<String>,
    properties: Vec<&'static str>,
    checked: BTreeSet<&'static str>,
    failures: Vec<Failure>,
}

/// Runs a swarm to its end.
pub fn swarm(spec: &SwarmRun<'_>) -> Result<Swarm, Problems> {
    let base = Base::read(spec.source.clone(), &spec.settings)?;
    // What can't be drawn is wrong for any seed: an error before the first run.
    base.draw(spec.seeds.0)?;
    let mut swarm = Swarm::new(&base, spec);
    let (first, count) = spec.seeds;
    let numbers = (0..count).filter(|number| spec.shard.has(*number));
    let seeds: Vec<u64> = numbers.map(|number| first.wrapping_add(number)).collect();
    for chunk in seeds.chunks(CHUNK) {
        let shown: Vec<Option<Shown>> =
            chunk.par_iter().map(|seed| shown_or_panicked(&base, *seed, spec.stop)).collect();
        for shown in shown {
            let Some(shown) = shown else {
                swarm.interrupted = true;
                continue;
            };
            swarm.add(shown);
            if spec.until_failure && !swarm.failures.is_empty() {
                return Ok(swarm);
            }
        }
        (spec.progress)(&swarm);
        if swarm.interrupted || spec.stop.load(Ordering::Relaxed) {
            swarm.interrupted = true;
            break;
        }
    }
    Ok(swarm)
}

/// The name of the verdict on a seed whose run panicked: an invariant of a model is broken.
pub const PANIC: &str = "panic";

/// The result of a seed; a panic ends its run, not the swarm.
fn shown_or_panicked(base: &Base, seed: u64, stop: &AtomicBool) -> Option<Shown> {
    let run = AssertUnwindSafe(|| show(base, seed, stop));
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = message_of(&*panic);
        Some(Shown::nothing(seed, vec![Failure::new(seed, PANIC, text)]))
    })
}

/// What a panic says.
pub fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Runs a seed, some of them twice; nothing if it was stopped.
fn show(base: &Base, seed: u64, stop: &AtomicBool) -> Option<Shown> {
    let case = match base.draw(seed) {
        Ok(case) => case,
        Err(problems) => {
            let failures = vec![Failure::new(seed, "draw", &problems.to_string())];
            return Some(Shown::nothing(seed, failures));
        }
    };
    let run = || {
        let options = Options { stop: Some(stop), ..Options::default() };
        let finished = run::run(&case.scenario, &options);
        (finished.outcome.status == Status::Completed).then_some(finished)
    };
    let finished = run()?;
    let may_fail = &base.scenario().swarm.may_fail;
    let broken = finished.verdicts.iter().filter(|verdict| !verdict.passed);
    let findings = broken.filter(|verdict| !may_fail.iter().any(|name| name == verdict.name));
    let mut failures: Vec<Failure> = findings
        .map(|verdict| {
            let first = verdict.findings.first().map(ToString::to_string);
            Failure::new(seed, verdict.name, &first.unwrap_or_else(|| verdict.summary.clone()))
        })
        .collect();
    let again = Seed(seed).stream("swarm again", 0).chance_ppm(AGAIN_PPM);
    if again {
        let second = run()?.outcome.fingerprint;
        let first = &finished.outcome.fingerprint;
        if second != *first {
            let what = format!("fingerprints {first:?} and {second:?}: headwater run --check");
            failures.push(Failure::new(seed, DETERMINISM, &what));
        }
    }
    let mut kinds: Vec<String> =
        finished.outcome.faults.iter().map(|fault| fault.name.clone()).collect();
    kinds.sort();
    kinds.dedup();
    Some(Shown {
        seed,
        fingerprint: finished.outcome.fingerprint.unwrap_or_default(),
        events: finished.events,
        simulated: finished.end,
        again,
        core: case.core.is_some(),
        excused: case.excused.is_some(),
        kinds,
        properties: finished.properties.reached().collect(),
        checked: finished.verdicts.iter().map(|verdict| verdict.name).collect(),
        failures,
    })
}

impl Shown {
    /// Of a seed that could not be run.
    fn nothing(seed: u64, failures: Vec<Failure>) -> Self {
        Self {
            seed,
            fingerprint: String::new(),
            events: 0,
            simulated: Time::ZERO,
            again: false,
            core: false,
            excused: false,
            kinds: Vec::new(),
            properties: Vec::new(),
            checked: BTreeSet::new(),
            failures,
        }
    }
}
