//! Promises, and the checkers that hold a run to them.

use headwater_models::bugs::BugSet;
use headwater_models::system::Once;
use headwater_sim::time::Time;
use serde::{Deserialize, Serialize};

use super::checker::CHECKERS;
use super::history::History;
use super::loss;
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Who reads everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The readers share the lanes: together they read everything.
    #[default]
    Group,
    /// Each reader reads everything.
    Each,
    /// So many groups, numbered one after the other, each of which reads everything.
    Groups {
        /// How many.
        count: u32,
        /// Readers of each.
        members: u32,
    },
}

impl Audience {
    /// Which of those who read everything a reader is, or is of.
    pub fn group_of(self, reader: u32) -> u32 {
        match self {
            Self::Group => 0,
            Self::Each => reader,
            Self::Groups { members, .. } => reader / members.max(1),
        }
    }

    /// How many read everything, of so many readers that have read anything.
    pub fn count(self, readers: u32) -> u32 {
        match self {
            Self::Group => 1,
            Self::Each => readers.max(1),
            Self::Groups { count, .. } => count,
        }
    }
}

/// What a system in a configuration promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// No acknowledged event is lost.
    pub no_acked_loss: bool,
    /// The readers had time to read everything at the end of the run. If not, acknowledged events
    /// behind the last one read are not counted as lost.
    pub drained: bool,
    /// How often an event may turn up.
    pub once: Once,
    /// Events of a lane come in the order in which their writer wrote them.
    pub order: bool,
    /// Readers are not moved past events.
    pub prefix: bool,
    /// Two deliveries of one position are the same.
    pub agree: bool,
    /// Levels never fall.
    pub monotone: bool,
    /// Copies of each acknowledged event on disks at the end; 0 if nothing is promised or the disks
    /// can't be seen.
    pub copies: u32,
    /// Who reads everything.
    pub audience: Audience,
    /// Payloads come back as written; false where there are none to look at.
    pub intact: bool,
    /// Nothing is read that was not sent; false where nobody tells what was.
    pub sent: bool,
    /// Whoever begins to read is shown what others had been shown; false where readers may be moved
    /// away before the end.
    pub fresh: bool,
    /// Defects that are planted in the checkers.
    #[serde(skip)]
    pub bugs: BugSet,
}

impl Default for Promises {
    /// Everything but durable copies, whose number is the system's, and what only live runs tell:
    /// payloads, what was sent, and readings that go on to the end.
    fn default() -> Self {
        Self {
            no_acked_loss: true,
            drained: true,
            once: Once::default(),
            order: true,
            prefix: true,
            agree: true,
            monotone: true,
            copies: 0,
            audience: Audience::default(),
            intact: false,
            sent: false,
            fresh: false,
            bugs: BugSet::default(),
        }
    }
}

impl Promises {
    /// Nothing: what a test or a tool that asks for one promise only begins with.
    pub fn none() -> Self {
        Self {
            no_acked_loss: false,
            drained: true,
            once: Once::Any,
            order: false,
            prefix: false,
            agree: false,
            monotone: false,
            copies: 0,
            audience: Audience::default(),
            intact: false,
            sent: false,
            fresh: false,
            bugs: BugSet::default(),
        }
    }
}

/// The checkers for a set of promises.
#[derive(Clone, Debug)]
pub struct Suite {
    promises: Promises,
}

impl From<Promises> for Suite {
    fn from(promises: Promises) -> Self {
        Self { promises }
    }
}

impl Suite {
    /// One verdict for each promise, in the order of [`CHECKERS`].
    pub fn run(&self, history: &History) -> Vec<Verdict> {
        let verdicts =
            CHECKERS.iter().filter_map(|checker| (checker.check)(history, &self.promises));
        verdicts.map(|verdict| Verdict { stream: history.stream(), ..verdict }).collect()
    }

    /// What is lost, if none may be: when it was acknowledged, within 10 ms, and how many events.
    pub fn lost(&self, history: &History) -> Vec<(Time, u64)> {
        match self.promises.no_acked_loss {
            true => loss::when(history, &self.promises),
            false => Vec::new(),
        }
    }
}

pub(super) fn monotone(history: &History) -> Verdict {
    let mut tally = Tally::default();
    for fall in &history.falls {
        let what = "fell";
        let detail = format!("{} of {}: {} to {}", fall.name, fall.entity, fall.from, fall.to);
        tally.add(
            1,
            Finding {
                what,
                lane: None,
                writer: None,
                reader: None,
                first: fall.to,
                last: fall.from,
                from: fall.from_at,
                until: fall.at,
                detail,
            },
        );
    }
    tally.violations = history.fall_count;
    let (falls, moves) = (grouped(history.fall_count), grouped(history.level_moves));
    let summary = format!("{falls} of {moves} moves of levels were down");
    tally.verdict("watermarks_monotone", history.level_moves, summary)
}

pub(super) fn intact(history: &History) -> Verdict {
    let mut tally = Tally::default();
    for (number, (at, reader, what)) in (0..).zip(&history.damaged) {
        tally.add(
            1,
            Finding {
                what: "damaged",
                lane: None,
                writer: None,
                reader: Some(*reader),
                first: number,
                last: number,
                from: *at,
                until: *at,
                detail: what.clone(),
            },
        );
    }
    tally.violations = history.damaged_count;
    let checked = history.delivered + history.damaged_count;
    let (bad, all) = (grouped(history.damaged_count), grouped(checked));
    tally.verdict("payloads_intact", checked, format!("{bad} of {all} payloads came back damaged"))
}
