//! Swarms: many seeds, each of which draws its configuration and its faults, in search of one that
//! breaks a promise.
//!
//! A seed's case is a scenario file like any other: what a swarm finds is run, replayed and shrunk
//! without the swarm. Damage stays within what the system claims to survive ([`Atlas`]), unless
//! the file asks for more, so that what fails is a finding. Faults are over before the traffic is,
//! on all servers or, in a quarter of the seeds, on a core quorum alone; then everything has to
//! settle ([`crate::scenario::Promise::converges`]).
//!
//! A guided swarm looks at what its runs reach: most of its cases are variants of those that
//! reached something new (`corpus.rs`). It goes from chunk to chunk, so that it is one job.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_check::Verdict;
use headwater_reports::outcome::Status;
use headwater_sim::random::Seed;
use rayon::prelude::*;

use crate::run::{self, Finished, Options};
use crate::scenario::{Finding, Problems, Source};
use crate::sweep::Settings;
use crate::units::Time;

pub(crate) mod atlas;
mod case;
mod corpus;
mod coverage;
mod tally;
mod variant;

pub use crate::shard::Shard;
pub use atlas::Atlas;
pub use case::{Base, Case, Keep};
pub use tally::{CASES_MAX, Failure, Guided, Swarm};

use case::Drawn;
use corpus::{Corpus, Seen};

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
    /// Most cases are not what their seeds draw, but variants of those that reached something new.
    pub guided: bool,
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

/// Cases of a guided swarm that are chosen by the same corpus, and run before it learns from them;
/// fixed, so that it does not depend on the machine either.
const GUIDED_CHUNK: usize = 16;

/// Of a million seeds, those that are run twice: one in twenty.
const AGAIN_PPM: u32 = 50_000;

/// The name of the verdict on a seed that came out differently the second time.
pub const DETERMINISM: &str = "determinism";

/// A case that is to be run.
struct Next {
    /// Its number, and its seed if it is no variant.
    number: u64,
    variant: Option<Drawn>,
}

/// The result of one case.
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
    /// What a guided swarm learns from it.
    seen: Option<Seen>,
    /// It is a variant.
    variant: bool,
    /// Its scenario file, if it is a variant that failed.
    case: Option<String>,
}

/// Runs a swarm to its end.
pub fn swarm(spec: &SwarmRun<'_>) -> Result<Swarm, Problems> {
    if spec.guided && spec.shard != Shard::ALL {
        return Err(no_shards(spec.shard));
    }
    let base = Base::read(spec.source.clone(), &spec.settings)?;
    // What can't be drawn is wrong for any seed: an error before the first run.
    base.draw(spec.seeds.0)?;
    let mut swarm = Swarm::new(&base, spec);
    let mut corpus = spec.guided.then(Corpus::default);
    let (guided, stop) = (spec.guided, spec.stop);
    let (first, count) = spec.seeds;
    let numbers = (0..count).filter(|number| spec.shard.has(*number));
    let seeds: Vec<u64> = numbers.map(|number| first.wrapping_add(number)).collect();
    for chunk in seeds.chunks(if guided { GUIDED_CHUNK } else { CHUNK }) {
        let next = chunk.iter().map(|&number| {
            let variant = corpus.as_mut().and_then(|corpus| corpus.next(&base, number));
            Next { number, variant }
        });
        let next: Vec<Next> = next.collect();
        let run = |next| shown_or_panicked(&base, next, guided, stop);
        let shown: Vec<Option<Shown>> = next.par_iter().map(run).collect();
        for shown in shown {
            let Some(mut shown) = shown else {
                swarm.interrupted = true;
                continue;
            };
            let seen = shown.seen.take();
            swarm.add(shown);
            if let (Some(corpus), Some(seen)) = (&mut corpus, seen) {
                corpus.learn(seen);
                swarm.learnt(corpus.size());
            }
            if spec.until_failure && !swarm.failures.is_empty() {
                return Ok(swarm);
            }
        }
        (spec.progress)(&swarm);
        if swarm.interrupted || stop.load(Ordering::Relaxed) {
            swarm.interrupted = true;
            break;
        }
    }
    Ok(swarm)
}

/// Why a guided swarm is not one of several parts.
fn no_shards(shard: Shard) -> Problems {
    let message = format!("a guided swarm has no shards, and this is {shard} of one");
    let why = "it learns from each case for the next: give each job a first seed of its own, such \
               as --seed 1000001, and leave --shard out";
    Problems::one(Finding::new(message, None).help(why))
}

/// The name of the verdict on a seed whose run panicked: an invariant of a model is broken.
pub const PANIC: &str = "panic";

/// The result of a case; a panic ends its run, not the swarm.
fn shown_or_panicked(base: &Base, next: &Next, guided: bool, stop: &AtomicBool) -> Option<Shown> {
    let run = AssertUnwindSafe(|| show(base, next, guided, stop));
    let shown = catch_unwind(run).unwrap_or_else(|panic| {
        let text = message_of(&*panic);
        Some(Shown::nothing(next.number, vec![Failure::new(next.number, PANIC, text)]))
    })?;
    let failed = next.variant.as_ref().filter(|_| !shown.failures.is_empty());
    let case = failed.map(|drawn| drawn.clone().text());
    Some(Shown { variant: next.variant.is_some(), case, ..shown })
}

/// What a panic says.
pub fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Runs a case, some of them twice; nothing if it was stopped.
fn show(base: &Base, next: &Next, guided: bool, stop: &AtomicBool) -> Option<Shown> {
    let seed = next.number;
    let drawn = match &next.variant {
        Some(drawn) => Ok(drawn.clone()),
        None => base.drawn(seed),
    };
    let drawn = match drawn {
        Ok(drawn) => drawn,
        Err(problems) => {
            let failures = vec![Failure::new(seed, "draw", &problems.to_string())];
            return Some(Shown::nothing(seed, failures));
        }
    };
    let kept = guided.then(|| drawn.clone());
    let case = drawn.case();
    let run = || {
        let options = Options { stop: Some(stop), ..Options::default() };
        let finished = run::run(&case.scenario, &options);
        (finished.outcome.status == Status::Completed).then_some(finished)
    };
    let finished = run()?;
    let may_fail = &base.scenario().swarm.may_fail;
    let mut failures = failures(seed, &finished, may_fail);
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
    let seen = kept.map(|drawn| Seen {
        features: coverage::features(&finished),
        moments: coverage::moments(&finished, base.window(drawn.setting.traffic())),
        failed: !failures.is_empty(),
        drawn,
    });
    Some(Shown {
        fingerprint: finished.outcome.fingerprint.unwrap_or_default(),
        events: finished.events,
        simulated: finished.end,
        again,
        core: case.core.is_some(),
        excused: case.excused.is_some(),
        kinds,
        properties: finished.properties.reached().collect(),
        checked: finished.verdicts.iter().map(|verdict| verdict.name).collect(),
        seen,
        ..Shown::nothing(seed, failures)
    })
}

/// What a run has broken, but for what it may.
fn failures(seed: u64, finished: &Finished, may_fail: &[String]) -> Vec<Failure> {
    let broken = finished.verdicts.iter().filter(|verdict| !verdict.passed);
    let findings = broken.filter(|verdict| !may_fail.iter().any(|name| name == verdict.name));
    let failure = |verdict: &Verdict| {
        let first = verdict.findings.first().map(ToString::to_string);
        Failure::new(seed, verdict.name, &first.unwrap_or_else(|| verdict.summary.clone()))
    };
    findings.map(failure).collect()
}

impl Shown {
    /// Of a case that could not be run.
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
            seen: None,
            variant: false,
            case: None,
        }
    }
}
