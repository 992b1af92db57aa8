//! In which order cases are run: shuffled, so that what changes with time (a host that others use,
//! a disk that fills) is no case's alone; one repeat of all before the next.

use std::collections::VecDeque;

use headwater_sim::random::Seed;
use rand::seq::SliceRandom as _;

/// A run to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// The case, by its number.
    pub(super) case: usize,
    /// The repeat, from 0.
    pub(super) repeat: u64,
    /// How often it was run and discarded.
    pub(super) discarded: u32,
}

/// The runs that are left.
#[derive(Debug)]
pub(super) struct Turns {
    queue: VecDeque<Turn>,
    /// How often a discarded run is repeated.
    again_max: u32,
}

impl Turns {
    /// Every repeat of so many cases, in an order that `seed` shuffles.
    pub(super) fn new(cases: usize, repeats: u64, seed: u64, again_max: u32) -> Self {
        let mut queue = VecDeque::new();
        for repeat in 0..repeats {
            let mut order: Vec<usize> = (0..cases).collect();
            order.shuffle(&mut Seed(seed).stream("order", repeat));
            queue.extend(order.into_iter().map(|case| Turn { case, repeat, discarded: 0 }));
        }
        Self { queue, again_max }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<Turn> {
        self.queue.pop_front()
    }

    /// Those that are left.
    pub(super) fn left(&self) -> impl Iterator<Item = &Turn> {
        self.queue.iter()
    }

    /// A run was discarded: it is made again at the end, when what disturbed it may be over.
    /// Whether it is.
    pub(super) fn again(&mut self, turn: Turn) -> bool {
        let discarded = turn.discarded + 1;
        let again = discarded <= self.again_max;
        if again {
            self.queue.push_back(Turn { discarded, ..turn });
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(seed: u64) -> Vec<(usize, u64)> {
        let mut turns = Turns::new(6, 3, seed, 2);
        std::iter::from_fn(|| turns.next()).map(|turn| (turn.case, turn.repeat)).collect()
    }

    #[test]
    fn every_repeat_has_all_cases_in_an_order_of_its_own() {
        let all = order(1);
        assert_eq!(all.len(), 18);
        for (repeat, round) in (0..).zip(all.chunks(6)) {
            let mut cases: Vec<usize> = round.iter().map(|(case, _)| *case).collect();
            assert!(round.iter().all(|(_, of)| *of == repeat));
            cases.sort_unstable();
            assert_eq!(cases, [0, 1, 2, 3, 4, 5]);
        }
        assert_ne!(all[..6].iter().map(|of| of.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(all, order(1), "the same seed, the same order");
        assert_ne!(all, order(2));
    }

    #[test]
    fn a_discarded_run_is_made_again_at_the_end_and_not_for_ever() {
        let mut turns = Turns::new(2, 1, 1, 2);
        let first = turns.next().unwrap();
        assert!(turns.again(first));
        assert_ne!(turns.next().unwrap().case, first.case);
        let second = turns.next().unwrap();
        assert_eq!((second.case, second.discarded), (first.case, 1));
        assert!(turns.again(second));
        let third = turns.next().unwrap();
        assert!(!turns.again(third), "{third:?}");
        assert_eq!(turns.next(), None);
    }
}
