//! Which numbers have been seen: a set of ranges, small where numbers follow one another.

use std::collections::BTreeMap;

/// A set of ids as ranges. Tweets are numbered in order, and partitions are read side by side: it
/// has about as many ranges as there are gaps at the moment, however many ids are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// First id of each range to its last.
    ranges: BTreeMap<u64, u64>,
    len: u64,
}

impl Ids {
    /// Adds `id`: false if it was there.
    pub fn insert(&mut self, id: u64) -> bool {
        if self.contains(id) {
            return false;
        }
        let before = id.checked_sub(1).and_then(|last| {
            let (first, until) = self.ranges.range(..=last).next_back()?;
            (*until == last).then_some(*first)
        });
        let after = id.checked_add(1).and_then(|first| self.ranges.remove(&first));
        self.ranges.insert(before.unwrap_or(id), after.unwrap_or(id));
        self.len += 1;
        true
    }

    /// True if `id` is there.
    pub fn contains(&self, id: u64) -> bool {
        self.ranges.range(..=id).next_back().is_some_and(|(_, last)| id <= *last)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ranges that it takes to hold them.
    pub fn ranges(&self) -> usize {
        self.ranges.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_in_order_are_one_range() {
        let mut ids = Ids::default();
        assert!((0..10_000).all(|id| ids.insert(id)));
        assert_eq!((ids.len(), ids.ranges()), (10_000, 1));
        assert!(ids.insert(u64::MAX) && ids.insert(u64::MAX - 1) && !ids.insert(u64::MAX));
        assert_eq!(ids.ranges(), 2);
    }

    proptest! {
        #[test]
        fn ids_are_those_of_a_plain_set(all in prop::collection::vec(0_u64..60, 0..200)) {
            let (mut ids, mut plain) = (Ids::default(), BTreeSet::new());
            for id in all {
                prop_assert_eq!(ids.insert(id), plain.insert(id));
            }
            prop_assert_eq!(ids.len() as usize, plain.len());
            for id in 0..60 {
                prop_assert_eq!(ids.contains(id), plain.contains(&id));
            }
            let gaps = plain.iter().filter(|id| !plain.contains(&(*id + 1))).count();
            prop_assert_eq!(ids.ranges(), gaps);
        }
    }
}
