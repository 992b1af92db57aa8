//! Explaining a run: where single events waited, exactly, and what each mechanism is worth.
//!
//! A scenario is run once with every latency kept, to find the events at p50, p99 and the maximum.
//! It is run again with the way of these events kept; both runs have the same fingerprint. Each way
//! is walked back from its end, so that its stretches add up to the event's latency. Then the
//! scenario is run with the same seed and without one mechanism or fault at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::Outcome;
use headwater_reports::outcome::{Counts, Status, Waited, WaitedPart};
use rayon::prelude::*;
use serde::Serialize;

use crate::follow::{Follow, Followed, Pick, Sought, Way};
use crate::run::{self, Finished, Options};
use crate::scenario::{Scenario, Source};
use crate::sweep::Settings;
use crate::targets::Roster;

mod ablation;
mod mechanism;
mod text;
mod walk;

pub use ablation::Ablated;
pub use mechanism::{Mechanism, Stretch};

use ablation::{Ablation, Figures};
use walk::Walker;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct ExplainSpec {
    /// The scenario.
    pub source: Source,
    /// Laid over it.
    pub settings: Settings,
    /// In place of the scenario's seed.
    pub seed: Option<u64>,
    /// Whether it is run without one mechanism at a time.
    pub ablations: bool,
}

/// Which latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From when an event was due until it was acknowledged.
    Response,
    /// From when it was due until a reader was handed it.
    EndToEnd,
}

/// What an event waited for in all, for one mechanism.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// How long, in nanoseconds.
    pub ns: u64,
    /// What of it each resource took, the longest first.
    pub resources: Vec<(&'static str, u64)>,
}

/// A step of an event's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When it began, nanoseconds since the event was due.
    pub from_ns: u64,
    /// How long it took, in nanoseconds.
    pub took_ns: u64,
    /// What the event waited for.
    pub mechanism: Mechanism,
    /// What the resource did.
    pub what: &'static str,
    /// Where: a node, or from one to another.
    pub place: String,
    /// What arrived, or was done, at its end.
    pub kind: &'static str,
}

/// An event, and where it waited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Which latency.
    pub latency: Kind,
    /// Its place among all: `p50`, `p99`, `max`.
    pub at: &'static str,
    /// How late it was, in nanoseconds: what the parts add up to, and the steps.
    pub latency_ns: u64,
    /// When it was due, nanoseconds from the start of the run.
    pub due_ns: u64,
    /// Its writer, lane and number, for `headwater replay`.
    pub event: String,
    /// By mechanism, the longest first.
    pub parts: Vec<Part>,
    /// In order of time.
    pub steps: Vec<Step>,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Schema of this value as JSON.
    pub schema: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// Version of headwater.
    pub version: &'static str,
    /// The seed.
    pub seed: u64,
    /// Of both runs, the plain one and the followed one.
    pub fingerprint: String,
    /// What became of the events.
    pub counts: Counts,
    /// Single events.
    pub events: Vec<Explained>,
    /// The figures of the run as it is.
    pub figures: Figures,
    /// And without one mechanism at a time, those that help most first.
    pub without: Vec<Ablated>,
    /// The setting that would have helped most, if any would have.
    pub setting: Option<String>,
    /// It was stopped before everything was run.
    pub interrupted: bool,
    /// The command line that runs it again.
    pub reproduce: String,
}

/// Told before each run with its number, of how many in all, and what it is for.
pub type Progress<'a> = &'a (dyn Fn(usize, usize, &str) + Sync);

/// Explains a run. Nothing if it was stopped before there was anything to tell.
///
/// # Errors
/// If the scenario can't be read.
///
/// # Panics
/// If the followed run is another than the plain one.
pub fn explain(
    spec: &ExplainSpec,
    scenario: &Scenario,
    stop: &AtomicBool,
    progress: Progress<'_>,
) -> Option<Explanation> {
    let seed = spec.seed.unwrap_or(scenario.seed);
    let ablations = if spec.ablations { ablation::of(spec, scenario) } else { Vec::new() };
    let runs = 2 + ablations.len();
    progress(0, runs, "finding the events");
    let (stopping, follow) = (Some(stop), Follow::Latencies);
    let options = Options { seed: Some(seed), stop: stopping, follow, ..Options::default() };
    let mut plain = run::run(scenario, &options);
    let picks = picks(&mut plain.followed);
    if plain.outcome.status != Status::Completed {
        return None;
    }
    progress(1, runs, "following them");
    let again = Options { stop: Some(stop), ..Options::default() };
    let events = followed(scenario, &plain.outcome, &picks, again)?;
    let fingerprint = plain.outcome.fingerprint.clone().unwrap_or_default();
    let figures = Figures::of(&plain.outcome);
    let done = std::sync::atomic::AtomicUsize::new(2);
    let one = |ablation: &Ablation| {
        progress(done.load(Ordering::Relaxed), runs, &ablation.name);
        let ablated = ablation.run(seed, stop, &figures);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, runs, &ablation.name);
        ablated
    };
    let mut without: Vec<Ablated> = ablations.par_iter().filter_map(one).collect();
    without.sort_by_key(|ablated| std::cmp::Reverse(ablated.worth()));
    Some(Explanation {
        schema: "headwater-explain/1",
        scenario: scenario.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        seed,
        fingerprint,
        counts: plain.outcome.counts,
        events,
        setting: ablation::setting(&without, &figures),
        figures,
        without,
        interrupted: stop.load(Ordering::Relaxed),
        reproduce: reproduce(scenario, &plain.outcome),
    })
}

/// Runs a scenario, and once more to follow its events at p50, p99 and the maximum: the outcome of
/// the run says where they waited. Both runs are as one without it.
pub fn run_explained(scenario: &Scenario, options: Options<'_>) -> Finished {
    let (stop, progress) = (options.stop, options.progress);
    let mut finished = run::run(scenario, &Options { follow: Follow::Latencies, ..options });
    let picks = picks(&mut finished.followed);
    if finished.outcome.status == Status::Completed {
        let again = Options { stop, progress, ..Options::default() };
        let events = followed(scenario, &finished.outcome, &picks, again);
        finished.outcome.waited = events.iter().flatten().map(Explained::waits).collect();
    }
    finished
}

/// The events to be followed; what was kept to find them is dropped.
fn picks(followed: &mut Followed) -> Vec<(Kind, Pick, Sought)> {
    let mut followed = std::mem::take(followed);
    let acked = followed.samples.acked().into_iter().map(|(pick, of)| (Kind::Response, pick, of));
    let mut picks: Vec<_> = acked.collect();
    let delivered = followed.samples.delivered();
    picks.extend(delivered.into_iter().map(|(pick, of)| (Kind::EndToEnd, pick, of)));
    picks
}

/// Where these waited in a run like the one with this outcome; nothing if it was stopped.
fn followed(
    scenario: &Scenario,
    plain: &Outcome,
    picks: &[(Kind, Pick, Sought)],
    options: Options<'_>,
) -> Option<Vec<Explained>> {
    let follow = Follow::Events(picks.iter().map(|(_, _, sought)| *sought).collect());
    let followed = run::run(scenario, &Options { seed: Some(plain.seed), follow, ..options });
    if followed.outcome.status != Status::Completed {
        return None;
    }
    assert_eq!(plain.fingerprint, followed.outcome.fingerprint, "following changed the run");
    Some(explained(scenario, picks, &followed.followed))
}

fn reproduce(scenario: &Scenario, outcome: &Outcome) -> String {
    scenario.reproduce("headwater explain", outcome.seed)
}

/// Where each of these waited; those whose end was seen.
fn explained(
    scenario: &Scenario,
    picks: &[(Kind, Pick, Sought)],
    followed: &Followed,
) -> Vec<Explained> {
    let Some(causes) = &followed.causes else { return Vec::new() };
    let (links, roster) = (followed.links(), scenario.systems.roster());
    let walker = Walker { scenario, roster: &roster, causes, links: &links };
    let one = |((kind, pick, _), way): (&(Kind, Pick, Sought), &Way)| {
        let stretches = walker.way(way)?;
        let sum: u64 = stretches.iter().map(|stretch| stretch.took().0).sum();
        assert_eq!(sum, way.sought.latency.0, "the parts of a way add up to it: {stretches:?}");
        Some(Explained::new(*kind, *pick, &way.sought, &stretches, &roster))
    };
    picks.iter().zip(&followed.ways).filter_map(one).collect()
}

impl Explained {
    fn new(
        latency: Kind,
        pick: Pick,
        sought: &Sought,
        stretches: &[Stretch],
        roster: &Roster,
    ) -> Self {
        let mut parts: BTreeMap<Mechanism, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for stretch in stretches {
            let resources = parts.entry(stretch.mechanism).or_default();
            *resources.entry(stretch.what).or_default() += stretch.took().0;
        }
        let part = |(mechanism, resources): (Mechanism, BTreeMap<&'static str, u64>)| {
            let mut resources: Vec<_> = resources.into_iter().collect();
            resources.sort_by_key(|(_, ns)| std::cmp::Reverse(*ns));
            Part { mechanism, ns: resources.iter().map(|(_, ns)| ns).sum(), resources }
        };
        let mut parts: Vec<Part> = parts.into_iter().map(part).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.ns));
        let step = |stretch: &Stretch| Step {
            from_ns: stretch.from.since(sought.intended).0,
            took_ns: stretch.took().0,
            mechanism: stretch.mechanism,
            what: stretch.what,
            place: stretch.place.clone(),
            kind: stretch.kind,
        };
        let writes = headwater_models::role::Capability::Writes;
        let mut writers = roster.with_in(sought.stream, writes);
        let writer = writers.nth(sought.writer as usize).map(|node| roster.name(node));
        Self {
            latency,
            at: pick.name(),
            latency_ns: sought.latency.0,
            due_ns: sought.intended.0,
            event: format!(
                "{} lane {} #{}",
                writer.unwrap_or("writer"),
                sought.lane.0,
                sought.number
            ),
            parts,
            steps: stretches.iter().map(step).collect(),
        }
    }

    /// As an outcome has it.
    fn waits(&self) -> Waited {
        let part = |part: &Part| WaitedPart {
            name: part.mechanism.name().to_owned(),
            means: part.mechanism.means().to_owned(),
            ns: part.ns,
        };
        Waited {
            latency: self.latency.name().to_owned(),
            at: self.at.to_owned(),
            latency_ns: self.latency_ns,
            due_ns: self.due_ns,
            event: self.event.clone(),
            parts: self.parts.iter().map(part).collect(),
        }
    }

    /// How long it waited for a mechanism, in nanoseconds.
    pub fn waited(&self, mechanism: Mechanism) -> u64 {
        self.parts.iter().find(|part| part.mechanism == mechanism).map_or(0, |part| part.ns)
    }
}
