//! What is looked at from outside while a run goes on: limits, the kernel's promises, copies on
//! disks at each acknowledgement, the schedule.
//!
//! Models note what they believe, and a model that is wrong believes wrong things. Here the files
//! of the nodes, the schedule and the kernel are asked, and no model. It observes only: no
//! fingerprint depends on it.

mod copies;
mod kernel;
mod limits;
mod schedule;

use headwater_models::batch::StreamId;
use headwater_models::protocol::Streaming;
use headwater_sim::simulation::Simulation;

use crate::observe::Observed;
use crate::scenario::Scenario;
use crate::targets::Roster;
use headwater_check::{Finding, Verdict, grouped};
use headwater_models::arrival::Arrival;

use copies::Copies;
pub use kernel::{kept, planted};
pub use limits::{events_by, exceeded};
use schedule::Scheduled;

type Sim = Simulation<Streaming, Observed>;

/// Who looks.
pub struct Outside {
    copies: Vec<Copies>,
    scheduled: Scheduled,
    offered: u64,
}

impl Outside {
    /// At a run of a scenario on these nodes.
    pub fn new(scenario: &Scenario, sim: &Sim, roster: &Roster) -> Self {
        let copies = scenario.systems.iter().map(|(id, part)| {
            let acked_by = part.system.acked_by();
            Copies::new(id, acked_by, sim, roster).with_bugs(scenario.bugs)
        });
        Self { copies: copies.collect(), scheduled: Scheduled::new(&scenario.systems), offered: 0 }
    }

    /// The schedule has this event; told before it is due.
    #[inline]
    pub fn offer(&mut self, arrival: &Arrival) {
        self.offered += 1;
        self.scheduled.offered(arrival);
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

    /// What was found of a stream.
    pub fn verdicts(&self, stream: StreamId) -> Vec<Verdict> {
        let copies = self.copies[stream.0 as usize].verdict();
        copies.into_iter().chain(self.scheduled.verdict(stream)).collect()
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
