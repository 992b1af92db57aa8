//! Trying a candidate in a world: its phases, one after the other, until one is not kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::resource::Binding;
use headwater_reports::{Outcome, text};
use serde::Serialize;

use super::candidate::Candidate;
use super::case::{Case, Phase, Victim};
use super::question::{Question, Survive};
use super::world::World;
use crate::estimate::Estimate;
use crate::scenario::expect::Quantity;
use crate::scenario::{Metric, Scenario};
use crate::sweep::outcomes;
use crate::units::Duration;

/// What became of a phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// Which.
    pub phase: String,
    /// Whether every seed did what is expected.
    pub kept: bool,
    /// The 99th percentile of the response time of the worst seed, seconds.
    pub p99_s: Option<f64>,
    /// The longest time in which nothing was acknowledged though something was due, seconds.
    pub gap_s: f64,
    /// Of a recovery: from how long after the death on the response time was measured, seconds.
    pub after_s: Option<f64>,
    /// The busiest resource.
    pub binding: Option<Binding>,
    /// What was not met, if anything was not.
    pub why: Option<String>,
    /// The line that runs the worst seed again, once the file is written.
    pub reproduce: String,
}

/// How long after a death a recovery is looked at first: to be as before by then is to be so later.
const SOON: Duration = Duration::from_secs(45);

/// What tries.
pub struct Trials<'a> {
    /// What is asked.
    pub question: &'a Question,
    /// The worlds.
    pub worlds: &'a [World],
    /// All candidates.
    pub candidates: &'a [Candidate],
    /// Ends it.
    pub stop: &'a AtomicBool,
    /// Told of each run.
    pub progress: &'a (dyn Fn(&str) + Sync),
    /// What is known: by candidate, world and phase.
    known: BTreeMap<(usize, usize, String), Tried>,
    /// Runs that were made.
    pub runs: u64,
}

impl<'a> Trials<'a> {
    /// Before anything was tried.
    pub fn new(
        question: &'a Question,
        (worlds, candidates): (&'a [World], &'a [Candidate]),
        stop: &'a AtomicBool,
        progress: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        Self { question, worlds, candidates, stop, progress, known: BTreeMap::new(), runs: 0 }
    }

    /// The phases of a question, the easiest to tell apart first.
    pub fn phases(&self) -> Vec<Phase> {
        phases(self.question)
    }

    /// Tries all phases until one is not kept; nothing if it was stopped.
    pub fn all(&mut self, candidate: usize, world: usize) -> Option<Vec<Tried>> {
        let mut tried = Vec::new();
        for phase in self.phases() {
            let one = self.phase(candidate, world, &phase)?;
            let kept = one.kept;
            tried.push(one);
            if !kept {
                break;
            }
        }
        Some(tried)
    }

    /// Tries a phase: a recovery soon at first, and if that is too soon, after as long as is asked.
    pub fn phase(&mut self, candidate: usize, world: usize, phase: &Phase) -> Option<Tried> {
        let key = (candidate, world, phase.name());
        if let Some(known) = self.known.get(&key) {
            return Some(known.clone());
        }
        let tried = match phase {
            Phase::Recovery(victim, after) if *after > SOON => {
                let soon = self.run(candidate, world, &Phase::Recovery(*victim, SOON))?;
                if soon.kept { soon } else { self.run(candidate, world, phase)? }
            }
            phase => self.run(candidate, world, phase)?,
        };
        self.known.insert(key, tried.clone());
        Some(tried)
    }

    /// The phase as it was tried in the end.
    pub fn tried_as(phase: &Phase, tried: &Tried) -> Phase {
        match (phase, tried.after_s) {
            (Phase::Recovery(victim, _), Some(after)) => {
                Phase::Recovery(*victim, Duration((after * 1e9).round() as u64))
            }
            (phase, _) => phase.clone(),
        }
    }

    /// What became of a candidate in the peak, in any world.
    pub fn screened(&self, candidate: usize) -> Option<&Tried> {
        let peak = Phase::Peak.name();
        let of = |(key, _): &(&(usize, usize, String), &Tried)| key.0 == candidate && key.2 == peak;
        self.known.iter().find(of).map(|(_, tried)| tried)
    }

    fn run(&mut self, candidate: usize, world: usize, phase: &Phase) -> Option<Tried> {
        let (question, of) = (self.question, &self.candidates[candidate]);
        let case = Case { question, candidate: of, world: &self.worlds[world], phase };
        let name = format!("{}.toml", phase.name());
        let scenario = case.scenario(&name).expect("it was read before, in another phase");
        let after_s = match phase {
            Phase::Recovery(_, after) => Some(after.as_secs_f64()),
            _ => None,
        };
        let estimate = Estimate::simulated(&scenario);
        if let (false, Err(message)) = (question.insist, estimate.check()) {
            return Some(Tried {
                phase: phase.name(),
                kept: false,
                p99_s: None,
                gap_s: 0.0,
                after_s,
                binding: None,
                why: Some(format!("not run: {message}")),
                reproduce: String::new(),
            });
        }
        let (first, count) = question.seeds;
        let seeds: Vec<u64> = (first..first.saturating_add(count)).collect();
        let doing = format!("{}, {}", of.topology.name, phase.name());
        let done = |_| (self.progress)(&doing);
        let all = outcomes(&scenario, &seeds, self.stop, &done);
        self.runs += all.len() as u64;
        if all.len() < seeds.len() || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        Some(Tried { after_s, ..judge(phase, &scenario, &all) })
    }
}

/// The phases of a question.
pub(super) fn phases(question: &Question) -> Vec<Phase> {
    let mut all = vec![Phase::Peak];
    let Ok(sizing) = super::candidate::sizing(question) else { return all };
    let victims: Vec<Victim> = match question.survive {
        Survive::Nodes(0) => Vec::new(),
        Survive::Nodes(count) => {
            sizing.victims().iter().map(|first| Victim::Servers(first, count)).collect()
        }
        Survive::Zone => vec![Victim::Zone],
    };
    all.extend(victims.iter().map(|victim| Phase::Down(*victim)));
    all.extend(victims.iter().map(|victim| Phase::Recovery(*victim, question.recover)));
    all
}

/// What a phase came to over its seeds, told by the worst of them.
fn judge(phase: &Phase, scenario: &Scenario, all: &[Outcome]) -> Tried {
    let p99 = |of: &Outcome| read(of, "response.p99").unwrap_or(f64::INFINITY);
    let bad = |of: &Outcome| (!of.ok(), p99(of));
    let worst = (all.iter())
        .max_by(|one, other| {
            let ((broke, slow), (other_broke, other_slow)) = (bad(one), bad(other));
            broke.cmp(&other_broke).then(slow.total_cmp(&other_slow))
        })
        .expect("there is one seed at least");
    let gap = |of: &Outcome| read(of, "ack_gap.max").unwrap_or(0.0);
    Tried {
        phase: phase.name(),
        kept: all.iter().all(Outcome::ok),
        p99_s: read(worst, "response.p99"),
        gap_s: all.iter().map(gap).fold(0.0, f64::max),
        after_s: None,
        binding: worst.resources.binding(),
        why: (!worst.ok()).then(|| why(worst)),
        reproduce: scenario.reproduce("headwater run", worst.seed),
    }
}

fn read(outcome: &Outcome, metric: &str) -> Option<f64> {
    match Metric::parse(metric).expect("a known metric").read(outcome)? {
        Quantity::Number(number) => Some(number),
        Quantity::Word(_) => None,
    }
}

/// What was not met first: a promise, or an expectation.
fn why(outcome: &Outcome) -> String {
    let broken = outcome.verdicts.iter().find(|of| of.status.found());
    let missed = outcome.expectations.iter().find(|of| !of.ok);
    match (broken, missed) {
        (_, Some(of)) => format!("{}: {}", of.expression, of.measured),
        (Some(of), None) => format!("{}: {}", of.name, of.measured),
        (None, None) => "it did not come to its end".into(),
    }
}

impl Tried {
    /// In a few words.
    pub fn show(&self) -> String {
        let p99 = self.p99_s.map_or_else(|| "-".into(), |of| text::duration(of * 1e9));
        match &self.why {
            None => format!("p99 {p99}"),
            Some(why) => {
                let binds = self.binding.as_ref().filter(|of| of.binds);
                let binds = binds.map_or_else(String::new, |of| format!(" ({of})"));
                format!("{}: {why}{binds}", self.phase)
            }
        }
    }
}
