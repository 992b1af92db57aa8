//! The phases of a run: before, during and after each fault.
//!
//! The window is cut where a fault begins or ends. An event belongs to the phase in which it was
//! intended, so that one that a fault held up counts for the fault, however late its
//! acknowledgement comes.

use serde::{Deserialize, Serialize};

use crate::latency::Latency;
use crate::outcome::{Fault, Outcome, Rate, Window};

/// Faults whose phases are told apart at most: each begins and ends one. Of more the phases would
/// be too short for a percentile, and there is one from the first that begins to the last that
/// ends.
pub const FAULTS_MAX: usize = 12;

/// A phase of a run: what became of the events that were intended in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// What it is: `before`, `during F1`, `between F1 and F2`, `after`; F1 is the first fault of
    /// the Outcome's.
    pub name: String,
    /// From, nanoseconds since the run's start.
    pub from_ns: u64,
    /// Until, nanoseconds.
    pub until_ns: u64,
    /// Events intended in it.
    pub due: u64,
    /// Of these, those that were acknowledged: acknowledged minus intended.
    pub response: Latency,
    /// Of these, those that were delivered: delivered to a reader minus intended.
    pub end_to_end: Latency,
    /// Events that writers took while it lasted, whenever they were due.
    #[serde(default)]
    pub sent: u64,
    /// Events that were acknowledged while it lasted.
    #[serde(default)]
    pub acked: u64,
    /// Events that readers were handed while it lasted.
    #[serde(default)]
    pub delivered: u64,
    /// Events that writers gave up while it lasted.
    #[serde(default)]
    pub failed: u64,
    /// Events that were acknowledged while it lasted and could not be read in the end; within 10 ms
    /// of its ends, those of its neighbours may be among them.
    #[serde(default)]
    pub lost: u64,
}

impl Phase {
    /// Events that were intended in it and never acknowledged.
    pub fn unanswered(&self) -> u64 {
        self.due.saturating_sub(self.response.count())
    }

    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        self.until_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }

    /// Events per second that were acknowledged while it lasted; their bytes are not counted.
    pub(crate) fn acked_rate(&self) -> Rate {
        let seconds = self.seconds();
        let events_per_second = if seconds > 0.0 { self.acked as f64 / seconds } else { 0.0 };
        Rate { events_per_second, ..Rate::default() }
    }

    /// Its middle, nanoseconds since the run's start.
    fn middle(&self) -> u64 {
        self.from_ns / 2 + self.until_ns / 2
    }
}

/// The phases of a run that goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phases(Vec<Phase>);

impl Phases {
    /// Phases of `window` that begin at its start and at each of these times.
    pub(crate) fn new(at: &[u64], window: Window) -> Self {
        let within = at.iter().filter(|at| window.from_ns < **at && **at < window.until_ns);
        let from: Vec<u64> = std::iter::once(window.from_ns).chain(within.copied()).collect();
        if at.is_empty() {
            return Self::default();
        }
        let until = from.iter().skip(1).copied().chain([window.until_ns]);
        let phase = |(from_ns, until_ns)| Phase { from_ns, until_ns, ..Phase::default() };
        Self(from.iter().copied().zip(until).map(phase).collect())
    }

    /// Tells the phase of an event that was intended at `at`; nobody, if there are none.
    #[inline]
    pub(crate) fn at(&mut self, at: u64, tell: impl FnOnce(&mut Phase)) {
        if let Some(phase) = self.0.iter_mut().rev().find(|phase| phase.from_ns <= at) {
            tell(phase);
        }
    }

    /// Those that a run whose window ended at `end` has reached.
    pub(crate) fn until(self, end: u64) -> Vec<Phase> {
        let reached = self.0.into_iter().filter(|phase| phase.from_ns < end);
        reached.map(|phase| Phase { until_ns: phase.until_ns.min(end), ..phase }).collect()
    }
}

/// When phases begin under faults that last from one time until another (none: to the end), in
/// nanoseconds: for [`crate::Recorder::with_phases`].
pub fn boundaries(faults: &[(u64, Option<u64>)]) -> Vec<u64> {
    let begins = faults.iter().map(|(from, _)| *from);
    let ends = faults.iter().filter_map(|(_, until)| *until);
    if faults.len() > FAULTS_MAX {
        let endless = faults.iter().any(|(_, until)| until.is_none());
        let last = if endless { None } else { ends.max() };
        return begins.min().into_iter().chain(last).collect();
    }
    let mut all: Vec<u64> = begins.chain(ends).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The names of the phases that a window has under faults which last from one time until another,
/// in the order in which they begin: what [`Outcome::name_phases`] will call them.
pub fn names(faults: &[(u64, Option<u64>)], window: Window) -> Vec<String> {
    let mut faults: Vec<Fault> = faults
        .iter()
        .map(|(from_ns, until_ns)| Fault {
            from_ns: *from_ns,
            until_ns: *until_ns,
            ..Fault::default()
        })
        .collect();
    faults.sort_by_key(|fault| fault.from_ns);
    let times: Vec<_> = faults.iter().map(|fault| (fault.from_ns, fault.until_ns)).collect();
    let phases = Phases::new(&boundaries(&times), window).0;
    phases.iter().map(|phase| name(phase.middle(), &faults)).collect()
}

impl Outcome {
    /// Events were lost that had been acknowledged at `at`, nanoseconds since the run's start.
    pub fn lost_at(&mut self, at: u64, events: u64) {
        let within = |phase: &&mut Phase| (phase.from_ns..phase.until_ns).contains(&at);
        if let Some(phase) = self.phases.iter_mut().find(within) {
            phase.lost += events;
        }
    }

    /// Names the phases after the faults; called when these are known.
    pub fn name_phases(&mut self) {
        let faults = &self.faults;
        for phase in &mut self.phases {
            phase.name = name(phase.middle(), faults);
        }
    }
}

/// What goes on at a time, the middle of a phase.
fn name(middle: u64, faults: &[Fault]) -> String {
    let number = |index: usize| format!("F{}", index + 1);
    if faults.len() > FAULTS_MAX {
        let goes_on = faults.iter().any(|fault| fault.until_ns.is_none_or(|end| middle < end));
        let begun = faults.iter().any(|fault| fault.from_ns <= middle);
        return match (begun, goes_on) {
            (false, _) => "before".to_owned(),
            (true, true) => format!("during F1 to {}", number(faults.len() - 1)),
            (true, false) => "after".to_owned(),
        };
    }
    let numbered = || faults.iter().enumerate();
    let lasts =
        |fault: &Fault| fault.from_ns <= middle && fault.until_ns.is_none_or(|end| middle < end);
    let during: Vec<_> =
        numbered().filter(|(_, it)| lasts(it)).map(|(index, _)| number(index)).collect();
    if !during.is_empty() {
        return format!("during {}", during.join(" + "));
    }
    let before = numbered().filter(|(_, it)| it.from_ns <= middle);
    let last = before.max_by_key(|(_, it)| it.until_ns).map(|(index, _)| number(index));
    let behind = numbered().filter(|(_, it)| it.from_ns > middle);
    let next = behind.min_by_key(|(_, it)| it.from_ns).map(|(index, _)| number(index));
    match (last, next) {
        (None, _) => "before".to_owned(),
        (Some(_), None) => "after".to_owned(),
        (Some(last), Some(next)) => format!("between {last} and {next}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorder;
    use crate::outcome::{Scenario, Source};

    const SECOND: u64 = 1_000_000_000;

    fn fault(from: u64, until: Option<u64>) -> Fault {
        Fault { from_ns: from * SECOND, until_ns: until.map(|it| it * SECOND), ..Fault::default() }
    }

    /// A run of 20 s with an event a second, each acknowledged after 1 ms; those that were intended
    /// while a fault lasts when it ends.
    fn run(faults: &[Fault]) -> Outcome {
        let times: Vec<_> = faults.iter().map(|it| (it.from_ns, it.until_ns)).collect();
        let window = Window { from_ns: 2 * SECOND, until_ns: 20 * SECOND };
        let mut recorder = Recorder::new(SECOND, window).with_phases(&boundaries(&times));
        for at in (0..20).map(|second| second * SECOND) {
            recorder.offered(at, 1, 10);
            let held = faults.iter().filter(|it| it.from_ns <= at);
            let until = held.filter_map(|it| it.until_ns).filter(|until| at < *until).max();
            recorder.acked(until.unwrap_or(at) + 1_000_000, at, at, 1, 10);
        }
        let mut outcome = Outcome::empty(Scenario::default(), Source::Simulated, 1);
        recorder.finish(21 * SECOND, &mut outcome);
        outcome.faults = faults.to_vec();
        outcome.name_phases();
        let foretold = names(&times, window);
        assert!(foretold.iter().eq(outcome.phases.iter().map(|phase| &phase.name)));
        outcome
    }

    fn named(outcome: &Outcome) -> Vec<(&str, u64, u64)> {
        let phases = outcome.phases.iter();
        phases.map(|it| (it.name.as_str(), it.due, it.until_ns / SECOND)).collect()
    }

    #[test]
    fn an_event_that_a_fault_held_up_counts_for_the_fault() {
        let outcome = run(&[fault(6, Some(11))]);
        assert_eq!(named(&outcome), [("before", 4, 6), ("during F1", 5, 11), ("after", 9, 20)]);
        let slowest = outcome.phases.iter().map(|it| it.response.max().unwrap() / 900_000_000);
        assert_eq!(slowest.collect::<Vec<_>>(), [0, 5, 0]);
        let due: u64 = outcome.phases.iter().map(|it| it.due).sum();
        assert_eq!(due, outcome.latency.response.count(), "the warm-up is in none");
    }

    #[test]
    fn overlapping_endless_and_many_faults_have_their_phases() {
        let overlap = run(&[fault(4, Some(9)), fault(7, Some(12)), fault(15, None)]);
        let names: Vec<_> = named(&overlap).into_iter().map(|(name, _, _)| name).collect();
        let expected = ["before", "during F1", "during F1 + F2", "during F2"];
        assert_eq!(names[..4], expected);
        assert_eq!(names[4..], ["between F2 and F3", "during F3"]);
        assert!(run(&[]).phases.is_empty());
        let many: Vec<_> = (3..16).map(|second| fault(second, Some(second + 1))).collect();
        let many = run(&many);
        let expected = [("before", 1, 3), ("during F1 to F13", 13, 16), ("after", 4, 20)];
        assert_eq!(named(&many), expected);
    }
}
