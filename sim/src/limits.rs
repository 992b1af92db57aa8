//! Limits: how much a run may take before it counts as one that would never end.
//!
//! They are counts of the kernel's, not readings of a clock or of the machine's memory: a run meets
//! the same limit at the same event anywhere. What a node keeps in its own memory is not seen.

use crate::time::Time;

/// How much a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events at one instant. More is a timer that fires at once for ever, or two nodes that answer
    /// each other in no time.
    pub at_once: u64,
    /// Events in all.
    pub events: u64,
    /// Events, timers and messages that wait to be due: what a run takes in memory.
    pub waiting: u64,
}

impl Default for Limits {
    /// A million at once, any number in all, and a hundred million that wait (some 10 GB).
    fn default() -> Self {
        Self { at_once: 1_000_000, events: u64::MAX, waiting: 100_000_000 }
    }
}

/// Which limit it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::at_once`].
    AtOnce,
    /// [`Limits::events`].
    Events,
    /// [`Limits::waiting`].
    Waiting,
}

/// A limit that a run has exceeded, which ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// What it allows.
    pub most: u64,
    /// When, in virtual time.
    pub at: Time,
}

/// Events between two looks at the limits: a limit is met up to so many events late.
pub(crate) const LOOK: u64 = 1 << 12;

/// The limits of a run, and how near to them it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) limits: Limits,
    /// At the last look.
    looked: Time,
    at_once: u64,
    pub(crate) exceeded: Option<Exceeded>,
}

impl Watch {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, looked: Time::ZERO, at_once: 0, exceeded: None }
    }

    /// A look, after [`LOOK`] events since the last one: `events` in all, of which `waiting` wait.
    /// Whether a limit is exceeded.
    pub(crate) fn look(&mut self, now: Time, events: u64, waiting: u64) -> bool {
        self.at_once = if now == self.looked { self.at_once + LOOK } else { 0 };
        self.looked = now;
        let Limits { at_once, events: in_all, waiting: at_a_time } = self.limits;
        let of = [
            (Limit::AtOnce, self.at_once, at_once),
            (Limit::Events, events, in_all),
            (Limit::Waiting, waiting, at_a_time),
        ];
        let over = of.into_iter().find(|(_, have, most)| have > most);
        self.exceeded = over.map(|(limit, _, most)| Exceeded { limit, most, at: now });
        self.exceeded.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_looks_at_the_same_instant_add_up() {
        let mut watch = Watch::new(Limits { at_once: 2 * LOOK, ..Limits::default() });
        for (at, over) in [(1, false), (1, false), (2, false), (2, false), (2, false), (2, true)] {
            assert_eq!(watch.look(Time(at), 0, 0), over, "at {at}");
        }
        let exceeded = Exceeded { limit: Limit::AtOnce, most: 2 * LOOK, at: Time(2) };
        assert_eq!(watch.exceeded, Some(exceeded));
    }
}
