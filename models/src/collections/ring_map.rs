//! A map for rising numbers whose values are taken out nearly in order: work on a core, a timer, a
//! request.
//!
//! Bookkeeping only: nothing of a system is modelled here. What is held lies in a ring from the
//! first number on; those that stay for long move to a list of their own, so that they don't keep
//! the ring long. A tree says where each lies in it: one type of tree for all maps is less code.

use std::collections::{BTreeMap, VecDeque};

/// Length below which a ring is never shortened.
const SHORT: usize = 256;

/// Values by number, each taken back once.
#[derive(Clone, Debug)]
pub struct RingMap<V> {
    /// Number of the first place of the ring.
    first: u64,
    ring: VecDeque<Option<V>>,
    /// Places of the ring with a value.
    held: usize,
    /// By number, the places in `old` of those that stay for long.
    places: BTreeMap<u64, usize>,
    old: Vec<Option<V>>,
    /// Places in `old` without a value.
    free: Vec<usize>,
}

impl<V> Default for RingMap<V> {
    fn default() -> Self {
        Self {
            first: 0,
            ring: VecDeque::new(),
            held: 0,
            places: BTreeMap::new(),
            old: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<V> RingMap<V> {
    /// Keeps a value under a number.
    ///
    /// # Panics
    ///
    /// If that number is taken.
    pub fn insert(&mut self, number: u64, value: V) {
        self.make_room(number);
        let place = match number.checked_sub(self.first) {
            Some(place) if place >= self.ring.len() as u64 => place as usize,
            _ => {
                // The numbers have started over, or one comes late.
                let known = self.find(number).is_some_and(|value| value.is_some());
                assert!(!known, "number {number} is out twice");
                return self.set_aside(number, value);
            }
        };
        self.ring.resize_with(place, || None);
        self.ring.push_back(Some(value));
        self.held += 1;
    }

    /// Gives the value back, once.
    pub fn take(&mut self, number: u64) -> Option<V> {
        let Some(value) = self.find(number).and_then(Option::take) else {
            return self.take_old(number);
        };
        self.held -= 1;
        while let Some(None) = self.ring.front() {
            self.ring.pop_front();
            self.first += 1;
        }
        Some(value)
    }

    /// Moves a value to those that stay for long.
    fn set_aside(&mut self, number: u64, value: V) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.old.push(None);
            self.old.len() - 1
        });
        self.old[place] = Some(value);
        assert!(self.places.insert(number, place).is_none(), "number {number} is out twice");
    }

    fn take_old(&mut self, number: u64) -> Option<V> {
        let place = self.places.remove(&number)?;
        self.free.push(place);
        self.old[place].take()
    }

    fn find(&mut self, number: u64) -> Option<&mut Option<V>> {
        let place = number.checked_sub(self.first)?;
        self.ring.get_mut(usize::try_from(place).ok()?)
    }

    /// Keeps the ring no longer than a few times what is in it, `number` included.
    fn make_room(&mut self, number: u64) {
        while let Some(front) = self.ring.front_mut() {
            let length = number.saturating_sub(self.first);
            if length < (SHORT + 4 * self.held) as u64 {
                return;
            }
            if let Some(value) = front.take() {
                self.held -= 1;
                self.set_aside(self.first, value);
            }
            self.ring.pop_front();
            self.first += 1;
        }
        self.first = number;
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::random::Seed;
    use rand::Rng;

    use super::*;

    #[test]
    fn it_gives_back_what_a_tree_gives_back() {
        let mut stream = Seed(1).stream("outstanding", 0);
        let (mut outstanding, mut tree) = (RingMap::default(), BTreeMap::new());
        let mut number = 0;
        for value in 0..100_000_u64 {
            number += 1
                + stream.random_range(0..3_u64) / 2
                + 1_000 * u64::from(stream.random_range(0..1_000_u64) == 0);
            outstanding.insert(number, value);
            tree.insert(number, value);
            for _ in 0..stream.random_range(0..4_u64) {
                // Usually one of the last, seldom one of long ago.
                let far = if stream.random_range(0..50_u64) == 0 { number } else { 20 };
                let asked = number.saturating_sub(stream.random_range(0..far + 1));
                assert_eq!(outstanding.take(asked), tree.remove(&asked));
            }
        }
        for number in 0..=number {
            assert_eq!(outstanding.take(number), tree.remove(&number));
        }
        assert!(outstanding.ring.is_empty() && outstanding.places.is_empty());
        assert_eq!(outstanding.free.len(), outstanding.old.len());
    }

    #[test]
    fn one_that_stays_out_holds_nothing_up() {
        let mut outstanding = RingMap::default();
        outstanding.insert(0, ());
        for number in 1..100_000 {
            outstanding.insert(number, ());
            assert_eq!(outstanding.take(number), Some(()));
            assert!(outstanding.ring.len() <= 2 * SHORT, "at {number}");
        }
        assert_eq!((outstanding.take(0), outstanding.take(0)), (Some(()), None));
    }

    #[test]
    fn numbers_may_begin_anew() {
        let mut outstanding = RingMap::default();
        for (value, number) in [1_000, 1_001, 5, 6, 1_002, 7].into_iter().enumerate() {
            outstanding.insert(number, value);
        }
        let taken = [5, 1_000, 7, 1_001, 6, 1_002].map(|number| outstanding.take(number));
        assert_eq!(taken, [2, 0, 5, 1, 3, 4].map(Some));
    }

    #[test]
    #[should_panic(expected = "number 3 is out twice")]
    fn a_number_is_out_once() {
        let mut outstanding = RingMap::default();
        outstanding.insert(3, ());
        outstanding.insert(3, ());
    }
}
