//! What is looked at from outside while a run goes on: limits, the kernel's promises, copies on
//! disks at each acknowledgement, the schedule; and at its end: files that keep everything, what
//! can be found, counts of what events are about, and queries of users.
//!
//! Models note what they believe, and a model that is wrong believes wrong things. Here the files
//! of the nodes, the schedule and the kernel are asked, and no model. It observes only: no
//! fingerprint depends on it.

mod archive;
mod asked;
mod copies;
mod findable;
mod kernel;
mod limits;
mod ranked;
mod schedule;

use std::sync::Arc;

use headwater_models::batch::StreamId;
use headwater_models::protocol::Streaming;
use headwater_sim::random::Seed;
use headwater_sim::simulation::Simulation;

use crate::observe::Observed;
use crate::scenario::{Scenario, Topology};
use crate::targets::Roster;
use headwater_check::{Finding, Verdict, grouped};
use headwater_models::arrival::Arrival;
use headwater_traffic::Plan;

use copies::Copies;
pub use kernel::{kept, planted};
pub use limits::{events_by, exceeded};
use ranked::Tags;
use schedule::Scheduled;

type Sim = Simulation<Streaming, Observed>;

/// Who looks.
pub struct Outside {
    copies: Vec<Copies>,
    scheduled: Scheduled,
    /// Where a system counts what events are about.
    tags: Option<Tags>,
    offered: u64,
    /// Of the run, from which queries are drawn a second time.
    seed: Seed,
    /// What was found of streams at the end.
    at_end: Vec<Verdict>,
}

impl Outside {
    /// At a run of a scenario on these nodes, with this traffic.
    pub fn new(
        (scenario, seed): (&Scenario, Seed),
        sim: &Sim,
        roster: &Roster,
        plan: &Arc<Plan>,
    ) -> Self {
        let copies = scenario.systems.iter().map(|(id, part)| {
            let acked_by = part.system.acked_by();
            Copies::new(id, acked_by, sim, roster).with_bugs(scenario.bugs)
        });
        let ranks = scenario.systems.iter().any(|(_, part)| part.system.ranks().is_some());
        Self {
            copies: copies.collect(),
            scheduled: Scheduled::new(&scenario.systems),
            tags: ranks.then(|| Tags::new(plan)),
            offered: 0,
            seed,
            at_end: Vec::new(),
        }
    }

    /// The schedule has this event; told before it is due.
    #[inline]
    pub fn offer(&mut self, arrival: &Arrival) {
        self.offered += 1;
        self.scheduled.offered(arrival);
        if let Some(tags) = &mut self.tags {
            tags.offered(self.scheduled.len());
        }
    }

    /// Events of the schedule so far.
    pub const fn offered(&self) -> u64 {
        self.offered
    }

    /// Looks at what has just been acknowledged.
    pub fn look(&mut self, sim: &mut Sim) {
        for batch in sim.observer_mut().acks.take() {
            self.copies[batch.stream.0 as usize].look(sim, &batch);
            self.scheduled.look(sim.now(), &batch);
        }
    }

    /// Looks at what is there at the end.
    pub fn end(&mut self, systems: &Topology, sim: &Sim, roster: &Roster) {
        for (stream, part) in systems.iter() {
            let both = (stream, systems.origin(stream));
            if let Some(once) = part.system.archives() {
                let found = archive::look((sim, roster), &self.scheduled, both, once);
                self.at_end.push(found);
            }
            if !part.system.finds().is_empty() {
                let roles = part.system.finds();
                self.at_end.push(findable::look((sim, roster), &self.scheduled, both, roles));
            }
            if let Some((users, load)) = part.system.asks() {
                let users = roster
                    .iter()
                    .find(|(node, role)| *role == users && roster.stream(*node) == stream);
                let (users, _) = users.expect("a system that is asked has users");
                self.at_end.push(asked::look(sim, self.seed, (stream, users), &load));
            }
            if let (Some(windows), Some(tags)) = (part.system.ranks(), &self.tags) {
                let shown = &sim.observer().rankings;
                self.at_end.push(tags.look(&self.scheduled, both, windows, shown));
            }
        }
    }

    /// What was found of a stream.
    pub fn verdicts(&self, stream: StreamId) -> Vec<Verdict> {
        let copies = self.copies[stream.0 as usize].verdict();
        let at_end = self.at_end.iter().filter(|verdict| verdict.stream == stream).cloned();
        copies.into_iter().chain(self.scheduled.verdict(stream)).chain(at_end).collect()
    }
}

/// Findings that a verdict carries at most: the first.
const FINDINGS_MAX: usize = 10;

/// What was looked at, and what was wrong with it.
#[derive(Debug, Default)]
struct Found {
    checked: u64,
    violations: u64,
    findings: Vec<Finding>,
}

impl Found {
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.violations += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding());
        }
    }

    fn verdict(&self, name: &'static str, stream: StreamId, summary: String) -> Verdict {
        let (checked, violations) = (self.checked, self.violations);
        let (passed, findings) = (violations == 0, self.findings.clone());
        Verdict { name, stream, passed, checked, violations, findings, summary }
    }

    /// `3 of 1,000` of something.
    fn shares(&self) -> String {
        format!("{} of {}", grouped(self.violations), grouped(self.checked))
    }
}
