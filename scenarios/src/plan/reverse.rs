//! The reverse: how much a given cluster takes, in each phase.

use std::sync::atomic::{AtomicBool, Ordering};

use headwater_models::sizing::Formula;
use headwater_reading::problem::{Finding, Problems};
use serde::Serialize;

use super::candidate::{Candidate, candidates, machine, sizing};
use super::case::{Case, Phase};
use super::knee::{Knee, knee};
use super::question::Question;
use super::trial::phases;
use super::world::{World, middle, worlds};
use super::{File, FormulaSays};

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaxRate {
    /// Schema of this value as JSON.
    pub schema: &'static str,
    /// Version of headwater.
    pub version: &'static str,
    /// What was asked.
    pub question: String,
    /// The cluster: its servers, and its options.
    pub cluster: String,
    /// Its settings that cost nothing.
    pub settings: String,
    /// The highest rate, events a second on average, at which every phase is kept.
    pub rate: Option<f64>,
    /// Where each phase breaks.
    pub phases: Vec<Knee>,
    /// What published formulas say is needed for that rate.
    pub formulas: Vec<FormulaSays>,
    /// The scenarios.
    #[serde(skip)]
    pub files: Vec<File>,
    /// It was stopped before every phase was tried.
    pub interrupted: bool,
}

/// How much lower the search begins anew where nothing is kept.
const STEP: f64 = 4.0;

/// Finds the highest rate of the cluster that the question's settings leave: the rate that is asked
/// about is where the search begins.
///
/// # Errors
/// The question is wrong, or its settings leave more than one cluster, or none.
pub fn max_rate(
    question: &Question,
    stop: &AtomicBool,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<MaxRate, Problems> {
    let all = worlds(question);
    let mut world = all[middle(question, &all)];
    let candidates = candidates(question, &[world], 0)?;
    let mut open: Vec<_> = candidates.iter().filter(|of| of.refused.is_none()).collect();
    open.dedup_by(|one, other| one.topology == other.topology);
    let [candidate] = open.as_slice() else { return Err(unclear(question, open.len())) };
    let mut found = Vec::new();
    let (mut rate, mut ran) = (None, Vec::new());
    for phase in phases(question) {
        // What another phase breaks at need not be tried again.
        let most = rate.map(|_| 1);
        let of = (question, *candidate);
        let mut one = knee(of, (&world, &phase), (most, question.seeds.1), stop, progress)?;
        // The windows of a rate are too short for much lower ones: these begin anew.
        while one.kept.is_none() && world.rate > 1.0 && !stop.load(Ordering::Relaxed) {
            world.rate = (world.rate / STEP).max(1.0);
            one = knee(of, (&world, &phase), (most, question.seeds.1), stop, progress)?;
        }
        ran.push((phase, world));
        rate = one.kept;
        found.push(one);
        let Some(kept) = rate.filter(|_| !stop.load(Ordering::Relaxed)) else { break };
        world.rate = kept;
    }
    let files = files((question, candidate), &ran, rate);
    let says = |formula: Formula| FormulaSays::of(&formula);
    let formulas =
        sizing(question)?.formulas(&world.demand(question), &machine(&candidate.profile)?);
    Ok(MaxRate {
        schema: "headwater-max-rate/1",
        version: env!("CARGO_PKG_VERSION"),
        question: question.to_string(),
        cluster: candidate.topology.name.clone(),
        settings: candidate.settings(),
        rate,
        phases: found,
        formulas: formulas.into_iter().map(says).collect(),
        files,
        interrupted: stop.load(Ordering::Relaxed),
    })
}

/// The scenarios as they were run, at the rate that was found.
fn files(
    (question, candidate): (&Question, &Candidate),
    ran: &[(Phase, World)],
    rate: Option<f64>,
) -> Vec<File> {
    let Some(rate) = rate else { return Vec::new() };
    let file = |(phase, world): &(Phase, World)| {
        let text = Case { question, candidate, world, phase }.text();
        let line = |rate: f64| format!("\nrate = \"{rate:.0}/s\"\n");
        let text = text.replacen(&line(world.rate), &line(rate), 1);
        File { name: format!("{}.toml", phase.name()), text }
    };
    ran.iter().map(file).collect()
}

fn unclear(question: &Question, count: usize) -> Problems {
    let message = match count {
        0 => "no cluster is left to look at".to_owned(),
        count => format!("which cluster? {count} are left: --max-rate is of a given one"),
    };
    let paths = sizing(question).map_or(&[][..], |sizing| sizing.chooses());
    let help = format!(
        "fix it with --brokers, --bookies, --partitions or --set system.OPTION=VALUE; options: {}",
        paths.join(", ")
    );
    Problems::one(Finding::new(message, None).help(help))
}
