//! Running a scenario in virtual time: deploy, inject, record, drain, check, account.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::Outcome;
use headwater_reports::outcome::{Environment, Status};
use headwater_sim::fingerprint::Checkpoint;

use crate::faults::{Damage, Family, FaultSpec};
use crate::follow::{Follow, Followed};
use crate::scenario::Scenario;
use crate::trace::{Trace, Watch};
use crate::units::Time;
use headwater_check::{Properties, Verdict};
use headwater_models::bugs::BugSet;

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
    /// Which events to follow.
    pub follow: Follow,
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
    /// The events that were to be followed.
    pub followed: Followed,
}

/// Runs a scenario to its end. The same scenario and seed give the same outcome.
///
/// What no node can ask for any more is not kept. Where one does all the same (a reader that begins
/// anew, a replica that has lost its disk), the run is made again with all of it.
pub fn run(scenario: &Scenario, options: &Options<'_>) -> Finished {
    let folded = folds(scenario).then(|| attempt(scenario, options, true)).flatten();
    let whole = || attempt(scenario, options, false);
    folded.or_else(whole).expect("nothing is missing where everything is kept")
}

/// Whether what all have is folded, so that memory does not grow with the length of the run: the
/// system can, no fault changes what lies on a disk, or counts what does, and no planted bug goes
/// back behind what was agreed on. Streams number their partitions alike, so that there is one
/// alone.
pub fn folds(scenario: &Scenario) -> bool {
    let about_disks = |fault: &FaultSpec| {
        let entry = fault.action.entry();
        entry.family == Family::Storage || entry.damage == Damage::Durable
    };
    let plain = scenario.bugs == BugSet::default() && scenario.systems.count() == 1;
    let can = scenario.systems.iter().all(|(_, part)| part.system.folds());
    // An audit reader asks for everything.
    let plain = plain && !scenario.audits();
    can && plain && !scenario.faults.iter().any(about_disks)
}

/// Runs a scenario to its end; nothing if somebody asked for what was folded.
fn attempt(scenario: &Scenario, options: &Options<'_>, fold: bool) -> Option<Finished> {
    let seed = options.seed.unwrap_or(scenario.seed);
    let mut stage = Stage::new(scenario, seed, options, fold);
    let stopped = || options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
    let end = Time::ZERO + scenario.traffic.duration;
    let bound = end + scenario.measure.drain;
    let mut interrupted = false;
    while stage.now() < end || (stage.now() < bound && !(stage.settled() && stage.healed())) {
        if stopped() || !stage.advance(&stopped) {
            interrupted = !stage.exceeded();
            break;
        }
        if stage.asked_for_folded() {
            return None;
        }
        if let Some(progress) = options.progress {
            progress(Progress { now: stage.now(), end, events: stage.events() });
        }
    }
    Some(finish(scenario, seed, stage, interrupted))
}

fn finish(scenario: &Scenario, seed: u64, mut stage: Stage<'_>, interrupted: bool) -> Finished {
    let log = stage.log();
    let events = stage.events();
    let now = stage.now();
    let fingerprint = stage.fingerprint();
    let checkpoints = stage.checkpoints();
    let trace = stage.take_trace();
    let followed = stage.take_followed();
    let turning = stage.turning();
    let settled = stage.settled();
    let trouble = stage.trouble();
    let environment = Environment {
        profile: scenario.profile.name.clone(),
        host: scenario.profile.measured_on.clone(),
        system: scenario.systems.kinds(),
        system_version: scenario.systems.versions(),
        operating_system: None,
        cores: None,
        placement: None,
        warm_up: None,
        speed: None,
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
    } else if let Some(why) = trouble {
        outcome.status = Status::Interrupted { why: format!("the traffic ended early: {why}") };
    }
    Finished {
        outcome,
        log,
        events,
        end: now,
        checkpoints,
        verdicts,
        properties,
        turning,
        trace,
        followed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 80 s of three brokers, with a fault.
    fn scenario(fault: &str) -> Scenario {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nseed = 4\nprofile = 'nvme-10gbe'\n\
             [system]\nkind = 'kafka'\nbrokers = 3\n\
             replication.factor = 3\npartitions = 1\n\
             [traffic]\nrate = '60/s'\nduration = '80s'\n{fault}"
        );
        Scenario::parse(&text, "t.toml", None, &[]).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn a_run_that_keeps_what_is_needed_alone_is_the_run_that_keeps_everything() {
        let fault = "[[fault]]\nkind = 'crash'\ntarget = 'leader'\nat = '60s'\nfor = '5s'\n";
        let (scenario, options) = (scenario(fault), Options::default());
        let whole = attempt(&scenario, &options, false).expect("it keeps everything").outcome;
        assert!(attempt(&scenario, &options, true).is_some(), "nobody asks for what is folded");
        assert_eq!(run(&scenario, &options).outcome, whole);
    }

    #[test]
    fn a_reader_that_begins_anew_is_handed_everything_again() {
        let fault = "[[fault]]\nkind = 'crash'\ntarget = 'consumers'\nat = '70s'\nfor = '1s'\n";
        let (scenario, options) = (scenario(fault), Options::default());
        assert!(attempt(&scenario, &options, true).is_none(), "it asks for what is folded");
        let counts = run(&scenario, &options).outcome.counts;
        assert_eq!((counts.lost, counts.acked), (0, counts.scheduled));
        let again = counts.delivered - counts.acked;
        assert!((4_000..4_400).contains(&again), "{again} of {} again", counts.acked);
    }
}
