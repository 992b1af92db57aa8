//! An ordered map for keys that come nearly in order: entries of a ledger, of a segment.
//!
//! Bookkeeping only: nothing of a system is modelled here. A new key behind all others costs a
//! push, where a tree walks from its root; one that comes late costs a move of those behind it, of
//! which there are few.

/// A map in one sorted vector.
#[derive(Clone, Debug)]
pub struct SortedVecMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedVecMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> SortedVecMap<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if last < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(of, _)| of.cmp(key)),
        }
    }

    /// Puts a value under a key; the value that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// The value under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// The value under a key, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Takes out the value under a key.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The value under the greatest key.
    pub fn last(&self) -> Option<&V> {
        self.0.last().map(|(_, value)| value)
    }

    /// The values, in order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Keys and values from the greatest key on that is not above `key`; none if all are.
    pub fn tail_from_floor_mut(&mut self, key: &K) -> &mut [(K, V)] {
        match self.place(key) {
            Ok(at) => &mut self.0[at..],
            Err(0) => &mut [],
            Err(above) => &mut self.0[above - 1..],
        }
    }

    /// Takes out the values that `keep` is false for.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K, V> IntoIterator for SortedVecMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    /// In order of the keys.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use std::collections::BTreeMap;

    use headwater_sim::random::Seed;

    use super::*;

    #[test]
    fn it_holds_what_a_tree_holds() {
        let mut stream = Seed(1).stream("rising", 0);
        let (mut rising, mut tree) = (SortedVecMap::default(), BTreeMap::new());
        for value in 0..2_000_u64 {
            let key = value / 2 + stream.random_range(0..5);
            assert_eq!(rising.insert(key, value), tree.insert(key, value));
            let asked = stream.random_range(0..1_000);
            assert_eq!(rising.get(&asked), tree.get(&asked));
            assert_eq!(rising.get_mut(&asked), tree.get_mut(&asked));
            assert_eq!(rising.last(), tree.last_key_value().map(|(_, value)| value));
            let floor = tree.range(..=asked).next_back().map(|(key, value)| (*key, *value));
            assert_eq!(rising.tail_from_floor_mut(&asked).first().copied(), floor);
            assert_eq!(rising.remove(&asked), tree.remove(&asked));
            if value % 100 == 0 {
                rising.retain(|key, _| key % 7 != 0);
                tree.retain(|key, _| key % 7 != 0);
            }
        }
        assert!(rising.values().eq(tree.values()));
        assert!(rising.into_iter().eq(tree));
    }
}
