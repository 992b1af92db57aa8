//! The partitions of one leader that have something to send, and which of them it is time for.
//!
//! Stands for the walks of `RecordAccumulator.ready` and `drainBatchesForOneNode` of the Java
//! client @ 3.9.0 through all partitions, which find the same. No parameters.

use std::collections::BTreeSet;

use headwater_sim::time::Time;

/// Partitions in turn.
#[derive(Debug, Default)]
pub struct Turns {
    all: BTreeSet<u32>,
    /// By the time at which they are ready.
    scheduled: BTreeSet<(Time, u32)>,
    ready: BTreeSet<u32>,
}

impl Turns {
    /// A partition is ready at the time `new`, and no more at `old`; at `Time::ZERO` it is so
    /// already.
    pub fn arrange(&mut self, partition: u32, old: Option<Time>, new: Option<Time>) {
        if let Some(old) = old
            && !self.ready.remove(&partition)
        {
            self.scheduled.remove(&(old, partition));
        }
        match new {
            Some(Time::ZERO) => {
                self.ready.insert(partition);
            }
            Some(at) => {
                self.scheduled.insert((at, partition));
            }
            None => {}
        }
        match (old, new) {
            (None, Some(_)) => {
                self.all.insert(partition);
            }
            (Some(_), None) => {
                self.all.remove(&partition);
            }
            _ => {}
        }
    }

    /// Moves the partitions that are ready by `now` to those whose turn comes.
    pub fn ripen(&mut self, now: Time) {
        while let Some((at, partition)) = self.scheduled.first().copied()
            && at <= now
        {
            self.scheduled.pop_first();
            self.ready.insert(partition);
        }
    }

    /// No partition has anything to send.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first partition from `start` on that is ready.
    pub fn first_ready(&self, start: u32) -> Option<u32> {
        self.ready.range(start..).next().or(self.ready.first()).copied()
    }

    /// When the next partition is ready that is not yet.
    pub fn next_ready(&self) -> Option<Time> {
        self.scheduled.first().map(|(at, _)| *at)
    }

    /// All partitions, from `start` on.
    pub fn from(&self, start: u32) -> impl Iterator<Item = u32> + '_ {
        self.all.range(start..).chain(self.all.range(..start)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_ripen_and_take_turns_from_any_of_them_on() {
        let mut turns = Turns::default();
        turns.arrange(7, None, Some(Time(20)));
        turns.arrange(2, None, Some(Time::ZERO));
        turns.arrange(5, None, Some(Time(10)));
        assert_eq!((turns.first_ready(3), turns.next_ready()), (Some(2), Some(Time(10))));
        turns.ripen(Time(10));
        assert_eq!((turns.first_ready(3), turns.next_ready()), (Some(5), Some(Time(20))));
        assert_eq!(turns.from(6).collect::<Vec<_>>(), [7, 2, 5]);
        turns.arrange(5, Some(Time(10)), None);
        turns.arrange(7, Some(Time(20)), Some(Time(30)));
        turns.arrange(2, Some(Time::ZERO), Some(Time(40)));
        assert_eq!((turns.first_ready(0), turns.next_ready()), (None, Some(Time(30))));
        assert_eq!(turns.from(0).collect::<Vec<_>>(), [2, 7]);
    }
}
