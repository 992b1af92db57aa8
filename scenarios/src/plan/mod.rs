//! Planning: the cheapest cluster that keeps an objective in the peak, with a server away and after
//! it came back, in a share of the worlds that a guess allows.
//!
//! A candidate is a topology and its settings. Arithmetic refuses what cannot be
//! ([`headwater_models::sizing`]); what is left is run, the cheapest first (`search.rs`). In each
//! world a candidate is a handful of ordinary scenarios ([`case`]), which are written out, so that
//! the answer is a run that anybody can repeat.

mod candidate;
pub mod case;
mod knee;
mod prices;
mod question;
mod regret;
mod reverse;
mod search;
mod text;
mod trial;
mod world;

use std::sync::atomic::AtomicBool;

use headwater_models::sizing::Formula;
use headwater_reading::problem::{Finding, Problems};
use serde::Serialize;

pub use knee::Knee;
pub use prices::{Bill, Line, Prices};
pub use question::{Guess, Question, Survive, time};
pub use reverse::{MaxRate, max_rate};
pub use trial::Tried;
pub use world::World;

use self::candidate::{Candidate, candidates, machine, show, sizing};
use self::case::{Case, Phase};
use self::regret::Scales;
use self::search::{Fate, Found, search};
use self::trial::{Trials, phases};
use self::world::{middle, worlds};
use crate::estimate::Estimate;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Schema of this value as JSON.
    pub schema: &'static str,
    /// Version of headwater.
    pub version: &'static str,
    /// What was asked.
    pub question: String,
    /// What is to hold.
    pub objective: String,
    /// The worlds, the hardest first.
    pub worlds: Vec<World>,
    /// The share of them that is asked for.
    pub share: f64,
    /// What is to be taken; none if nothing keeps the objective.
    pub pick: Option<Pick>,
    /// All candidates, in the order in which they were looked at, those that cost the same and came
    /// to the same in one.
    pub considered: Vec<Considered>,
    /// What published formulas say of the middle world.
    pub formulas: Vec<FormulaSays>,
    /// Where the prices are from.
    pub prices: String,
    /// Runs that were made.
    pub runs: u64,
    /// The pick's scenarios.
    #[serde(skip)]
    pub files: Vec<File>,
    /// It was stopped before it was sure.
    pub interrupted: bool,
}

/// A scenario to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What is to be taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pick {
    /// Its servers.
    pub name: String,
    /// Its options by their paths.
    pub options: Vec<(String, String)>,
    /// What it costs in the middle world.
    pub bill: Bill,
    /// The share of the worlds, by weight, in which it keeps everything.
    pub kept: f64,
    /// How much it is regretted.
    pub regret: f64,
    /// What it needs of its servers in the middle world, and of how much: the most used first.
    pub needs: Vec<NeedOf>,
    /// For how long of the peak a server's page cache (or cache) holds what is written, seconds.
    pub cached_s: f64,
    /// How long a lost server's data takes through a network card, seconds.
    pub rebuild_s: f64,
    /// The hardest world in which it was tried and keeps everything, and its phases there.
    pub tried_in: World,
    /// They.
    pub phases: Vec<Tried>,
    /// Where the phase breaks that is nearest to it; absent if it was not asked for, or stopped
    /// before.
    pub knee: Option<Knee>,
}

/// A need, as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NeedOf {
    /// Of what.
    pub what: String,
    /// The share of what there is.
    pub share: f64,
    /// How much of how much.
    pub of: String,
}

/// A candidate that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Considered {
    /// Its servers.
    pub name: String,
    /// Its settings; of several that came to the same, the first's.
    pub settings: String,
    /// How many settings came to the same.
    pub count: usize,
    /// What it costs a month in the middle world.
    pub month: f64,
    /// The share of the worlds, by weight, in which it keeps everything.
    pub kept: f64,
    /// How much it is regretted; absent where nobody asked.
    pub regret: Option<f64>,
    /// Why it was not taken, or what it came to.
    pub why: String,
    /// It was run in one world at least.
    pub tried: bool,
    /// It was taken.
    pub picked: bool,
}

/// What a published formula says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FormulaSays {
    /// Whose it is.
    pub name: &'static str,
    /// The formula.
    pub formula: &'static str,
    /// What it answers.
    pub answer: String,
    /// Where it stands.
    pub source: &'static str,
}

impl FormulaSays {
    fn of(formula: &Formula) -> Self {
        let Formula { name, formula, answer, source } = formula.clone();
        Self { name, formula, answer, source }
    }
}

/// What a plan takes, about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Candidates, and how many of these arithmetic refuses everywhere.
    pub candidates: (usize, usize),
    /// Runs if the cheapest that arithmetic lets pass keeps everything.
    pub runs: u64,
    /// How long these take on one core, nanoseconds.
    pub time_ns: f64,
}

/// Runs until the knee is found, and what they take together against one at the asked rate: 1, 2, 4
/// and 8 times that, and four in between.
const KNEE_RUNS: u64 = 8;
const KNEE_RATES: f64 = 39.0;

/// How many times the asked rate the knee is looked for.
const KNEE_TIMES: u64 = 8;

/// What it takes.
///
/// # Errors
/// The question is wrong.
pub fn effort(question: &Question) -> Result<Effort, Problems> {
    let worlds = worlds(question);
    let candidates = candidates(question, &worlds, middle(question, &worlds))?;
    let possible = |of: &&Candidate| {
        of.refused.is_none()
            && (question.exhaustive || (0..worlds.len()).any(|at| of.lacks(at).is_none()))
    };
    let first = candidates.iter().find(possible);
    let mut runs = 0;
    let mut time_ns = 0.0;
    if let Some(first) = first {
        let phases = phases(question);
        let of = |phase: &Phase| {
            let case = Case { question, candidate: first, world: &worlds[0], phase };
            let scenario = case.scenario("an estimate");
            scenario.map_or(0.0, |scenario| Estimate::simulated(&scenario).time_ns)
        };
        let same = |of: &&Candidate| of.topology == first.topology;
        let alike = candidates.iter().filter(same).count() as u64;
        let seeds = question.seeds.1;
        let knee = if question.knee { (KNEE_RUNS, KNEE_RATES) } else { (0, 0.0) };
        runs = seeds * (alike + phases.len() as u64) + knee.0;
        let all: f64 = phases.iter().map(of).sum();
        let (peak, last) = (of(&Phase::Peak), of(&phases[1.min(phases.len() - 1)]));
        time_ns = seeds as f64 * (alike as f64 * peak + all) + knee.1 * last;
    }
    let refused = candidates.len() - candidates.iter().filter(possible).count();
    Ok(Effort { candidates: (candidates.len(), refused), runs, time_ns })
}

/// Plans. `progress` is told after each run what it was.
///
/// # Errors
/// The question is wrong.
pub fn plan(
    question: &Question,
    stop: &AtomicBool,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Plan, Problems> {
    let worlds = worlds(question);
    let middle = middle(question, &worlds);
    let candidates = candidates(question, &worlds, middle)?;
    let mut trials = Trials::new(question, (&worlds, &candidates), stop, progress);
    let found = search(&mut trials);
    let scales = Scales {
        costs: (candidates.iter())
            .map(|of| (0..worlds.len()).map(|world| of.cost(world)).collect())
            .collect(),
        fates: &found.fates,
        weights: worlds.iter().map(|world| world.weight).collect(),
    };
    let chosen = scales.least(&found.order, question.share);
    let mut files = Vec::new();
    let pick = match chosen {
        Some(chosen) => {
            let (tried_in, phases) = stood(&found, chosen);
            files = written(&trials, chosen, (tried_in, &phases));
            let (phase, _) = nearest(&trials, &phases);
            let of = (question, &candidates[chosen]);
            let world = (&worlds[tried_in], &phase);
            let knee = (question.knee && !found.interrupted)
                .then(|| knee::knee(of, world, (Some(KNEE_TIMES), 1), stop, progress))
                .transpose()?;
            let at = (middle, tried_in, phases);
            Some(picked(&candidates[chosen], &worlds, (chosen, &scales), at, knee))
        }
        None => None,
    };
    let demand = worlds[middle].demand(question);
    let profile = chosen.map_or(&question.profiles[0], |chosen| &candidates[chosen].profile);
    let formulas = sizing(question)?.formulas(&demand, &machine(profile)?);
    Ok(Plan {
        schema: "headwater-plan/1",
        version: env!("CARGO_PKG_VERSION"),
        question: question.to_string(),
        objective: question.objective(),
        share: question.share,
        pick,
        considered: text::considered(&trials, (&found, &scales), (middle, chosen)),
        formulas: formulas.iter().map(FormulaSays::of).collect(),
        prices: format!("{} {}", question.prices.source, question.prices.date).trim().to_owned(),
        runs: trials.runs,
        files,
        interrupted: found.interrupted || stop.load(std::sync::atomic::Ordering::Relaxed),
        worlds,
    })
}

/// The path of an option by the short name that a command line has for it, such as `brokers`.
///
/// # Errors
/// The system has no such thing, or there is no such system.
pub fn path_of(system: &str, name: &str) -> Result<String, Problems> {
    let sizing = candidate::of_system(system)?;
    let called = sizing.called();
    let found = called.iter().find(|(known, _)| *known == name);
    found.map(|(_, path)| format!("system.{path}")).ok_or_else(|| {
        let known: Vec<&str> = called.iter().map(|(known, _)| *known).collect();
        let message = format!("--{name}: {system} has none, but {}", known.join(", "));
        Problems::one(Finding::new(message, None))
    })
}

/// The hardest world in which a candidate was tried and keeps everything, and its phases there.
fn stood(found: &Found, chosen: usize) -> (usize, Vec<Tried>) {
    let tried = |(world, fate): (usize, &Fate)| match fate {
        Fate::Keeps(phases) if !phases.is_empty() => Some((world, phases.clone())),
        _ => None,
    };
    let mut all = found.fates[chosen].iter().enumerate().filter_map(tried);
    all.next().expect("what keeps anything was tried somewhere")
}

/// The chosen candidate's scenarios.
fn written(trials: &Trials<'_>, chosen: usize, (world, tried): (usize, &[Tried])) -> Vec<File> {
    let of = |(phase, tried): (&Phase, &Tried)| {
        let case = Case {
            question: trials.question,
            candidate: &trials.candidates[chosen],
            world: &trials.worlds[world],
            phase: &Trials::tried_as(phase, tried),
        };
        File { name: format!("{}.toml", phase.name()), text: case.text() }
    };
    phases(trials.question).iter().zip(tried).map(of).collect()
}

/// The phase that came nearest to breaking, of those that measure the peak.
fn nearest(trials: &Trials<'_>, tried: &[Tried]) -> (Phase, f64) {
    let phases = trials.phases();
    let peaks = phases.into_iter().zip(tried).filter_map(|(phase, tried)| match phase {
        Phase::Recovery(..) => None,
        phase => Some((phase, tried.p99_s.unwrap_or(0.0))),
    });
    let slowest = peaks.max_by(|(_, one), (_, other)| one.total_cmp(other));
    slowest.unwrap_or((Phase::Peak, 0.0))
}

/// What is told of the chosen candidate.
fn picked(
    candidate: &Candidate,
    worlds: &[World],
    (chosen, scales): (usize, &Scales<'_>),
    (middle, tried_in, phases): (usize, usize, Vec<Tried>),
    knee: Option<Knee>,
) -> Pick {
    let needs = &candidate.needs[middle];
    let mut of_servers: Vec<NeedOf> = (needs.of_servers.iter())
        .map(|need| NeedOf {
            what: need.what.clone(),
            share: candidate::share(need),
            of: format!("{} of {}", show(need.needs, need.unit), show(need.has, need.unit)),
        })
        .collect();
    of_servers.sort_by(|one, other| other.share.total_cmp(&one.share));
    Pick {
        name: candidate.topology.name.clone(),
        options: candidate.options.clone(),
        bill: candidate.bills[middle].clone(),
        kept: scales.kept(chosen),
        regret: scales.regret(chosen),
        needs: of_servers,
        cached_s: needs.cached_s,
        rebuild_s: needs.rebuild_s,
        tried_in: worlds[tried_in],
        phases,
        knee,
    }
}
