//! Running a scenario in virtual time: deploy, inject, record, drain, check, account.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::Outcome;
use headwater_reports::outcome::{Environment, Status};
use headwater_sim::fingerprint::Checkpoint;

use crate::scenario::Scenario;
use crate::trace::{Trace, Watch};
use crate::units::Time;
use headwater_check::{Properties, Verdict};

pub mod account;
mod replicas;
mod sampler;
mod stage;

pub use account::{Account, StreamAccount, account};
use stage::Stage;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Virtual time so far.
    pub now: Time,
    /// End of the traffic; draining goes on after it.
    pub end: Time,
    /// Events of the kernel so far.
    pub events: u64,
}

/// How to run.
#[derive(Default)]
pub struct Options<'a> {
    /// In place of the scenario's seed.
    pub seed: Option<u64>,
    /// Polled: true ends the run with the results so far.
    pub stop: Option<&'a AtomicBool>,
    /// Told after every interval.
    pub progress: Option<&'a dyn Fn(Progress)>,
    /// What to trace.
    pub watch: Watch,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// Its account of itself.
    pub outcome: Outcome,
    /// The kernel's last events, one a line: what a failing run prints.
    pub log: Vec<String>,
    /// Events of the kernel.
    pub events: u64,
    /// End of the run, drain included.
    pub end: Time,
    /// Checkpoints of the fingerprint, to bisect a difference by.
    pub checkpoints: Vec<Checkpoint>,
    /// What the checkers found, in full.
    pub verdicts: Vec<Verdict>,
    /// What the models have noted of their properties.
    pub properties: Properties,
    /// The names of the marks that changed who does what.
    pub turning: BTreeSet<&'static str>,
    /// What was to be kept of it.
    pub trace: Trace,
}

/// Runs a scenario to its end. The same scenario and seed give the same outcome.
pub fn run(scenario: &Scenario, options: &Options<'_>) -> Finished {
    let seed = options.seed.unwrap_or(scenario.seed);
    let mut stage = Stage::new(scenario, seed, options.watch.clone());
    let stopped = || options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
    let end = Time::ZERO + scenario.traffic.duration;
    let bound = end + scenario.measure.drain;
    let mut interrupted = false;
    while stage.now() < end || (stage.now() < bound && !(stage.settled() && stage.healed())) {
        if stopped() || !stage.advance(&stopped) {
            interrupted = true;
            break;
        }
        if let Some(progress) = options.progress {
            progress(Progress { now: stage.now(), end, events: stage.events() });
        }
    }
    finish(scenario, seed, stage, interrupted)
}

fn finish(scenario: &Scenario, seed: u64, mut stage: Stage<'_>, interrupted: bool) -> Finished {
    let log = stage.log();
    let events = stage.events();
    let now = stage.now();
    let fingerprint = stage.fingerprint();
    let checkpoints = stage.checkpoints();
    let trace = stage.take_trace();
    let turning = stage.turning();
    let settled = stage.settled();
    let environment = Environment {
        profile: scenario.profile.name.clone(),
        host: scenario.profile.measured_on.clone(),
        system: scenario.systems.kinds(),
        system_version: scenario.systems.versions(),
        operating_system: None,
        cores: None,
        placement: None,
        warm_up: None,
    };
    let observed = stage.end(settled && !interrupted, environment);
    let mut properties = Properties::default();
    for stream in &observed.streams {
        properties.absorb(stream.history.properties().clone());
    }
    let (mut outcome, verdicts) = account::judge(scenario, seed, observed);
    outcome.fingerprint = Some(format!("{fingerprint:016x}"));
    outcome.reproduce = scenario.reproduce("headwater run", seed);
    if interrupted {
        let why = format!("stopped by the user at {now} of virtual time");
        outcome.status = Status::Interrupted { why };
    }
    Finished { outcome, log, events, end: now, checkpoints, verdicts, properties, turning, trace }
}
