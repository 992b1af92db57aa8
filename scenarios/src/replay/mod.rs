//! Replay: a run repeated, with a closer look at a part of it.
//!
//! A scenario is run once to see how it comes out, then once more with a [`Watch`] on the stretches
//! of time that matter: around what a checker found, and where faults begin and end. From these
//! come the event log, the space-time diagram and the trace for Perfetto.

use std::ops::Range;

use headwater_reports::outcome::Mark;
use headwater_reports::{Diagram, Outcome};

use crate::faults::NOBODY;
use crate::run::{self, Finished, Options};
use crate::scenario::Scenario;
use crate::trace::{Trace, Watch};
use crate::units::{Duration, Time};
use headwater_check::{Finding, Verdict};

mod select;
mod story;

pub use story::story;

/// The first thing that a checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The verdict's name.
    pub verdict: &'static str,
    /// What it found first.
    pub finding: Finding,
}

/// The first finding of the first verdict that failed, in the order of the checkers.
pub fn violation(verdicts: &[Verdict]) -> Option<Violation> {
    let failed = verdicts.iter().filter(|verdict| !verdict.passed);
    let mut found = failed.filter_map(|verdict| {
        let finding = verdict.findings.first()?.clone();
        Some(Violation { verdict: verdict.name, finding })
    });
    found.next()
}

/// Moments at which something turned: a reader wants to see the messages around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// When.
    pub at: Time,
    /// The nodes that it is about, by name; empty for all.
    pub nodes: Vec<String>,
    /// Messages before and after it that are shown at most.
    pub arrows: (usize, usize),
}

/// What is recorded on either side of an anchor, so that messages sent before it arrive after it.
const MARGIN: Duration = Duration::from_millis(40);

/// Stretches of a run that are worth a look.
pub fn anchors(finished: &Finished) -> Vec<Anchor> {
    let outcome = &finished.outcome;
    let mut anchors = Vec::new();
    if let Some(Violation { finding, .. }) = violation(&finished.verdicts) {
        let nodes = Vec::new;
        anchors.push(Anchor { at: finding.from, nodes: nodes(), arrows: (10, 4) });
        if finding.until != finding.from {
            anchors.push(Anchor { at: finding.until, nodes: nodes(), arrows: (6, 2) });
        }
    }
    for fault in outcome.faults.iter().take(FAULTS_MAX) {
        let nodes = hit(fault);
        let at = Time(fault.from_ns);
        anchors.push(Anchor { at, nodes: nodes.clone(), arrows: (3, 3) });
        anchors.extend(fault.until_ns.map(|at| Anchor { at: Time(at), nodes, arrows: (0, 4) }));
    }
    for mark in turns(finished) {
        let nodes = vec![story::node_of(mark).to_owned()];
        anchors.push(Anchor { at: Time(mark.at_ns), nodes, arrows: (3, 2) });
    }
    if anchors.is_empty() {
        let at = Time(outcome.window.from_ns);
        anchors.push(Anchor { at, nodes: Vec::new(), arrows: (20, 20) });
    }
    anchors
}

/// Faults that are looked at.
const FAULTS_MAX: usize = 8;

/// Marks that are looked at.
const TURNS_MAX: usize = 8;

/// The marks that change who does what, once something can have gone wrong.
fn turns(finished: &Finished) -> impl Iterator<Item = &Mark> {
    let turning = |mark: &&Mark| finished.turning.contains(mark.name.as_str());
    marks(&finished.outcome).filter(turning).take(TURNS_MAX)
}

/// The marks from the first fault on; without one, those after the start of the cluster.
fn marks(outcome: &Outcome) -> impl Iterator<Item = &Mark> {
    let first = outcome.faults.iter().map(|fault| fault.from_ns).min();
    let from = first.unwrap_or(START.0);
    outcome.marks.iter().filter(move |mark| mark.at_ns >= from)
}

/// What happens before belongs to the start of a cluster.
const START: Duration = Duration::from_secs(1);

/// The names of those that a fault hit.
pub fn hit(fault: &headwater_reports::outcome::Fault) -> Vec<String> {
    // `broker-1 (leader)`: the node, and how the file named it.
    let names = fault.target.split(" (").next().unwrap_or_default();
    names
        .split(", ")
        .filter(|name| !name.is_empty() && *name != NOBODY)
        .map(str::to_owned)
        .collect()
}

/// The stretches of time to record for the anchors.
pub fn stretches(anchors: &[Anchor]) -> Vec<Range<Time>> {
    let around = |anchor: &Anchor| Time(anchor.at.0.saturating_sub(MARGIN.0))..anchor.at + MARGIN;
    anchors.iter().map(around).collect()
}

/// Runs it again under a watch.
pub fn watch(scenario: &Scenario, seed: u64, watch: Watch) -> Finished {
    run::run(scenario, &Options { seed: Some(seed), watch, ..Options::default() })
}

/// The diagram of what matters in a run, with about `arrows` messages. `trace` is of the
/// [`stretches`] of its [`anchors`].
pub fn diagram(finished: &Finished, trace: &Trace, arrows: usize) -> Diagram {
    select::diagram(finished, trace, &anchors(finished), arrows)
}

/// Messages in a diagram, if nobody asks for more or fewer.
pub const ARROWS: usize = 60;

/// Runs a scenario that is over once more, and puts the diagram into its outcome.
pub fn illustrate(scenario: &Scenario, finished: &mut Finished) {
    let stretches = stretches(&anchors(finished));
    let again = watch(scenario, finished.outcome.seed, Watch::Times(stretches));
    finished.outcome.diagram = Some(diagram(finished, &again.trace, ARROWS));
}
