//! Determinism, checked: a run is repeated, also on another thread and with everything logged, and
//! must come out the same. Where it does not, the first record that differs is looked for.
//!
//! The check takes a closure that builds and runs a simulation, whatever it simulates, with a
//! [`Watch`] on it. [`Ran::of`] makes what the closure returns of a simulation under a
//! [`Watched`] observer; [`scenario`] is the closure for a scenario.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use headwater_sim::fingerprint::Checkpoint;
use headwater_sim::node::{Observer, Protocol};
use headwater_sim::queue::EventQueue;
use headwater_sim::simulation::Simulation;

use crate::run::{self, Options};
use crate::scenario::Scenario;
use crate::trace::{self, Record, Trace, Watch, Watched};

/// What a run left to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The fingerprint at its end.
    pub fingerprint: u64,
    /// Events.
    pub events: u64,
    /// The fingerprint on its way.
    pub checkpoints: Vec<Checkpoint>,
    /// Anything else that must be the same, such as an outcome.
    pub result: String,
    /// What was watched.
    pub trace: Trace,
}

impl Ran {
    /// Of a simulation at its end.
    pub fn of<P, O, Q>(mut sim: Simulation<P, Watched<O>, Q>) -> Self
    where
        P: Protocol,
        O: Observer<P>,
        Q: EventQueue,
    {
        Self {
            fingerprint: sim.fingerprint(),
            events: sim.log().total(),
            checkpoints: sim.checkpoints().to_vec(),
            result: String::new(),
            trace: std::mem::take(&mut sim.observer_mut().trace),
        }
    }

    fn same(&self, other: &Self) -> bool {
        (self.fingerprint, self.events, &self.result)
            == (other.fingerprint, other.events, &other.result)
    }
}

/// The closure for a scenario: runs it with this seed, until `stop` is raised.
pub fn scenario<'a>(
    scenario: &'a Scenario,
    seed: u64,
    stop: Option<&'a AtomicBool>,
) -> impl Fn(&Watch) -> Ran + Sync + 'a {
    move |watch| {
        let (seed, watch) = (Some(seed), watch.clone());
        of_finished(run::run(scenario, &Options { seed, stop, watch, ..Options::default() }))
    }
}

/// What a finished run of a scenario left to compare: its outcome to the last byte.
pub fn of_finished(finished: run::Finished) -> Ran {
    let print = finished.outcome.fingerprint.as_deref().unwrap_or_default();
    Ran {
        fingerprint: u64::from_str_radix(print, 16).unwrap_or_default(),
        events: finished.events,
        checkpoints: finished.checkpoints,
        result: finished.outcome.to_json(),
        trace: finished.trace,
    }
}

/// How a check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// All runs were the same.
    Same {
        /// Of them all.
        fingerprint: u64,
        /// How many runs.
        runs: u32,
    },
    /// They were not.
    Different(Box<Difference>),
}

/// How two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was different about the second run: `again`, `on another thread`, ...
    pub how: &'static str,
    /// Both fingerprints.
    pub fingerprints: (u64, u64),
    /// The range of events that the checkpoints leave for the first one that differs.
    pub between: Range<u64>,
    /// The records around it, if runs that were watched differed there too.
    pub records: Option<Sides>,
}

/// What both runs did around the first record that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The number of the event where they diverge.
    pub event: u64,
    /// What both did before.
    pub before: Vec<String>,
    /// What the first run did from there.
    pub left: Vec<String>,
    /// What the second run did from there.
    pub right: Vec<String>,
}

/// Lines shown of what both did before, and of what each did from there.
const SHOWN: usize = 8;

/// Pairs of runs that are watched, at most, until a difference shows itself again.
const ROUNDS: u32 = 8;

/// Runs it again, on two other threads, in one of them with everything logged, and compares.
/// `first` is a run that was made on this thread.
pub fn check(first: &Ran, run: &(impl Fn(&Watch) -> Ran + Sync)) -> Checked {
    let again = run(&Watch::Nothing);
    let others = rayon::join(|| run(&Watch::Nothing), || run(&Watch::everything()));
    let hows = [
        ("again, in the same thread", &again),
        ("on another thread", &others.0),
        ("on another thread, with everything logged", &others.1),
    ];
    match hows.into_iter().find(|(_, ran)| !first.same(ran)) {
        None => Checked::Same { fingerprint: first.fingerprint, runs: 4 },
        Some((how, other)) => Checked::Different(Box::new(difference(first, other, how, run))),
    }
}

/// Looks for the first record that differs: the checkpoints say where to watch, and what is watched
/// says the rest. A run that differs by chance may differ elsewhere the next time.
fn difference(
    first: &Ran,
    other: &Ran,
    how: &'static str,
    run: &(impl Fn(&Watch) -> Ran + Sync),
) -> Difference {
    let fingerprints = (first.fingerprint, other.fingerprint);
    let mut difference =
        Difference { how, fingerprints, between: bracket(first, other), records: None };
    for _ in 0..ROUNDS {
        let Range { start, end } = difference.between;
        let margin = SHOWN as u64;
        let watch = Watch::Events(start.saturating_sub(margin)..end.saturating_add(margin));
        let left = run(&watch);
        let right = rayon::join(|| run(&watch), || ()).0;
        if left.same(&right) {
            continue;
        }
        let between = bracket(&left, &right);
        // Only if they agree up to where they were watched is this difference the first.
        if between.start >= start
            && let Some(sides) = sides(&left.trace, &right.trace)
        {
            difference.between = between;
            difference.records = Some(sides);
            break;
        }
        difference.between = between;
    }
    difference
}

/// The range that holds the first event that differs, by the checkpoints.
fn bracket(left: &Ran, right: &Ran) -> Range<u64> {
    let pairs = left.checkpoints.iter().zip(&right.checkpoints);
    let same = pairs.take_while(|(left, right)| left == right).count();
    let start = same.checked_sub(1).map_or(0, |last| left.checkpoints[last].events);
    let next = |ran: &Ran| ran.checkpoints.get(same).map_or(u64::MAX, |next| next.events);
    start..next(left).min(next(right))
}

fn sides(left: &Trace, right: &Trace) -> Option<Sides> {
    let (ours, theirs) = (left.records(), right.records());
    let same = ours.iter().zip(theirs).take_while(|(left, right)| left == right).count();
    let event =
        [ours.get(same), theirs.get(same)].into_iter().flatten().map(|event| event.number).min();
    let lines = |trace: &Trace, records: &[Record]| -> Vec<String> {
        records.iter().take(SHOWN).map(|record| trace::log::line(trace, record)).collect()
    };
    Some(Sides {
        event: event?,
        before: lines(left, &ours[same.saturating_sub(SHOWN)..same]),
        left: lines(left, &ours[same..]),
        right: lines(right, &theirs[same..]),
    })
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { fingerprint, runs } => write!(
                f,
                "deterministic: {runs} runs, 2 of them on other threads, 1 with everything \
                 logged, have the fingerprint {fingerprint:016x} and the same outcome"
            ),
            Self::Different(difference) => difference.fmt(f),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.fingerprints;
        writeln!(f, "NOT DETERMINISTIC: run {}, it came out differently", self.how)?;
        if first == second {
            return write!(
                f,
                "  the fingerprint is {first:016x} both times: the simulation was the same, what \
                 was made of it was not"
            );
        }
        writeln!(f, "  fingerprint {first:016x} the first time, {second:016x} then")?;
        let Some(sides) = &self.records else {
            let Range { start, end } = self.between;
            let end = if end == u64::MAX { "the end".into() } else { format!("event {end}") };
            return write!(
                f,
                "  the first event that differs lies between event {start} and {end}; when \
                 watched, the runs were the same {ROUNDS} times"
            );
        };
        writeln!(f, "  event {} is the first that is not the same:\n", sides.event)?;
        writeln!(f, "  {}", trace::log::header())?;
        sides.before.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        sides.left.iter().try_for_each(|line| writeln!(f, "< {line}"))?;
        for (index, line) in sides.right.iter().enumerate() {
            let end = if index + 1 < sides.right.len() { "\n" } else { "" };
            write!(f, "> {line}{end}")?;
        }
        Ok(())
    }
}
