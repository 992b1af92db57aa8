//! An ordered map for few entries, or for keys that come nearly in order: the peers of a node, the
//! requests under way, the entries of a ledger.
//!
//! Bookkeeping only: nothing of a system is modelled here. It does what a `BTreeMap` does, in the
//! same order, with a small part of the code: every type of entry makes the compiler write its map
//! anew, and a tree is some 10,000 lines of LLVM IR. A new key behind all others costs a push; any
//! other, and what is taken out, a move of the entries behind it. So this is not the place for
//! thousands of entries that come and go at random, nor for a long queue that is emptied from the
//! front: that is a tree's, or a [`super::RingMap`]'s.

use std::ops::Index;

/// A map in one sorted vector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SortedVecMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedVecMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> SortedVecMap<K, V> {
    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// There is no entry.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out all entries.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The entry of the least key.
    pub fn first(&self) -> Option<&(K, V)> {
        self.0.first()
    }

    /// Takes out the entry of the least key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Takes out the first `count` entries.
    pub fn drain_first(&mut self, count: usize) -> impl Iterator<Item = (K, V)> {
        self.0.drain(..count)
    }

    /// Puts entries before all others: their keys ascend, and are less than any that is there.
    pub fn put_first(&mut self, entries: Vec<(K, V)>) {
        self.0.splice(..0, entries);
    }

    /// The greatest key.
    pub fn last_key(&self) -> Option<&K> {
        self.0.last().map(|(key, _)| key)
    }

    /// The value under the greatest key.
    pub fn last(&self) -> Option<&V> {
        self.0.last().map(|(_, value)| value)
    }

    /// The entries, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The entries, in order of their keys, with values to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values to change, in order of their keys.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Takes out the values that `keep` is false for.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
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

    /// There is a value under a key.
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// The value under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// The value under a key, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|at| &mut self.0[at].1)
    }

    /// The value under a key, to change; `fresh` makes it if there is none.
    pub fn get_or_insert_with(&mut self, key: K, fresh: impl FnOnce() -> V) -> &mut V {
        let at = match self.place(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, fresh()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// The value under a key, to change; the default one is put there if there is none.
    pub fn entry_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// Takes out the value under a key.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The greatest key that is not above `key`, and its value.
    pub fn floor(&self, key: &K) -> Option<&(K, V)> {
        match self.place(key) {
            Ok(at) => self.0.get(at),
            Err(above) => self.0.get(above.checked_sub(1)?),
        }
    }

    /// Keys and values from the greatest key on that is not above `key`; none if all are.
    pub fn tail_from_floor_mut(&mut self, key: &K) -> &mut [(K, V)] {
        match self.place(key) {
            Ok(at) => &mut self.0[at..],
            Err(0) => &mut [],
            Err(above) => &mut self.0[above - 1..],
        }
    }
}

impl<K: Ord + Copy, V> Index<&K> for SortedVecMap<K, V> {
    type Output = V;

    /// # Panics
    ///
    /// If there is no value under the key.
    fn index(&self, key: &K) -> &V {
        self.get(key).expect("the key is in the map")
    }
}

impl<K: Ord + Copy, V> Extend<(K, V)> for SortedVecMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Copy, V> FromIterator<(K, V)> for SortedVecMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        map.extend(entries);
        map
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
            assert_eq!(rising.contains_key(&asked), tree.contains_key(&asked));
            assert_eq!(rising.last(), tree.last_key_value().map(|(_, value)| value));
            let floor = tree.range(..=asked).next_back().map(|(key, value)| (*key, *value));
            assert_eq!(rising.tail_from_floor_mut(&asked).first().copied(), floor);
            assert_eq!(rising.remove(&asked), tree.remove(&asked));
            let made = stream.random_range(0..1_000);
            let of_tree = tree.entry(made).or_insert_with(|| value);
            assert_eq!(rising.get_or_insert_with(made, || value), of_tree);
            if value % 100 == 0 {
                rising.retain(|key, _| key % 7 != 0);
                tree.retain(|key, _| key % 7 != 0);
            }
            assert_eq!((rising.len(), rising.is_empty()), (tree.len(), tree.is_empty()));
        }
        assert!(rising.iter().eq(&tree));
        assert!(rising.into_iter().eq(tree));
    }

    #[test]
    fn it_is_walked_as_a_tree_is() {
        let mut stream = Seed(2).stream("walked", 0);
        let entries: Vec<_> = (0..300_u64).map(|key| (stream.random_range(0..200), key)).collect();
        let mut map: SortedVecMap<u64, u64> = entries.iter().copied().collect();
        let mut tree: BTreeMap<u64, u64> = entries.iter().copied().collect();
        map.extend([(500, 1), (3, 2)]);
        tree.extend([(500, 1), (3, 2)]);
        *map.entry_or_default(501) += 1;
        *tree.entry(501).or_default() += 1;
        map.values_mut().for_each(|value| *value += 1);
        tree.values_mut().for_each(|value| *value += 1);
        map.iter_mut().for_each(|(key, value)| *value += key);
        tree.iter_mut().for_each(|(key, value)| *value += key);
        assert!(map.iter().eq(&tree));
        assert!(map.keys().eq(tree.keys()) && map.values().eq(tree.values()));
        assert_eq!((map[&501], map[&3]), (503, 6));
        assert_eq!(map, tree.clone().into_iter().collect());
        while let Some(first) = tree.pop_first() {
            assert_eq!(map.first(), Some(&first));
            assert_eq!(map.pop_first(), Some(first));
        }
        assert_eq!(map.first(), None);
        assert_eq!(map.pop_first(), None);
        map.insert(1, 1);
        map.clear();
        assert_eq!(map, SortedVecMap::default());
    }

    #[test]
    #[should_panic(expected = "the key is in the map")]
    fn what_is_not_there_is_not_indexed() {
        let _ = SortedVecMap::from_iter([(1, 1)])[&2];
    }
}
