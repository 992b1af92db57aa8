//! How far it is to the knee, and how much a given cluster takes: the rate at which a phase breaks.

use std::sync::atomic::AtomicBool;

use headwater_reading::problem::Problems;
use serde::Serialize;

use super::candidate::Candidate;
use super::case::{Case, Phase};
use super::question::Question;
use super::world::World;
use crate::find::{self, Amount, Answer, Extreme, FindSpec};
use crate::units::Rate;

/// Where a phase breaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Knee {
    /// Which phase.
    pub phase: String,
    /// The highest rate of those tried that all seeds keep everything at, events a second on
    /// average.
    pub kept: Option<f64>,
    /// The lowest at which none does.
    pub broken: Option<f64>,
    /// What binds beyond it.
    pub binds: Option<String>,
    /// The line that runs the first seed that broke.
    pub reproduce: Option<String>,
    /// It was stopped, or a run was refused, before the ends were found.
    pub incomplete: Option<String>,
}

/// How far from each other the ends may be.
const WITHIN: f64 = 0.1;

/// The rate at which a candidate breaks in a phase, from that of a world on and up to as many times
/// that, over as many seeds.
///
/// # Errors
/// The scenario can't be read.
pub(super) fn knee(
    (question, candidate): (&Question, &Candidate),
    (world, phase): (&World, &Phase),
    (times, seeds): (Option<u64>, u64),
    stop: &AtomicBool,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Knee, Problems> {
    let case = Case { question, candidate, world, phase };
    let rate = world.rate.max(1.0).round() as u64;
    let amount = |rate: u64| format!("{rate}/s").parse::<Amount>().expect("it is an amount");
    let spec = FindSpec {
        source: case.source(&format!("{}.toml", phase.name())),
        settings: question.settings.clone(),
        path: "traffic.rate".into(),
        extreme: Extreme::Highest,
        objective: question.read_objective(),
        per_phase: false,
        from: Some(amount(rate)),
        limit: times.map(|times| amount(rate.saturating_mul(times))),
        seeds: (Some(question.seeds.0), seeds),
        within: WITHIN,
        insist: question.insist,
    };
    let doing = |value: &str, done: usize| {
        if done > 0 {
            progress(&format!("{}, {value}", phase.name()));
        }
    };
    let answer = find::find(&spec, stop, &doing)?;
    Ok(of(phase, &answer))
}

fn of(phase: &Phase, answer: &Answer) -> Knee {
    let rate = |text: &Option<String>| text.as_ref()?.parse::<Rate>().ok().map(Rate::as_per_second);
    let first = answer.tried.iter().find(|one| one.kept < one.seeds);
    let incomplete = answer.refused.clone();
    Knee {
        phase: phase.name(),
        kept: rate(&answer.kept),
        broken: rate(&answer.broken),
        binds: first.and_then(|one| one.binding.as_ref()).map(ToString::to_string),
        reproduce: first.map(|one| one.reproduce.clone()),
        incomplete: incomplete
            .or_else(|| answer.interrupted.then(|| "it was interrupted".to_owned())),
    }
}
