//! What is frequent: ranks counted one by one, or keys of any kind in bounded memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Hashtags and keys counted one by one: the first ranks, which are the most used, and the shots'.
const RANKS: u64 = 4_096;
/// Other keys that are counted at once.
const KEYS: usize = 1 << 16;

/// Counts of numbers.
pub(super) enum Frequent {
    /// Ranks of a law, and those of shots, which come after all ranks.
    Ranks {
        /// Ranks of the law.
        own: u64,
        /// The first of them, and the shots'.
        counts: Vec<u64>,
    },
    /// Any: exact while there are at most 65,536 of them, beyond that too low by at most one in so
    /// many of all (J. Misra and D. Gries, "Finding repeated elements", Science of Computer
    /// Programming 2, 1982).
    Any(BTreeMap<u64, u64>),
}

impl Frequent {
    /// Counts ranks `0 .. own` and `shots` of which each has a number behind these.
    pub(super) fn ranks(own: u64, shots: usize) -> Self {
        Self::Ranks { own, counts: vec![0; RANKS as usize + shots] }
    }

    /// Counts any numbers.
    pub(super) fn any() -> Self {
        Self::Any(BTreeMap::new())
    }

    pub(super) fn see(&mut self, number: u64) {
        match self {
            Self::Ranks { own, counts } => {
                let behind = number >= *own;
                let place = if behind { RANKS + (number - *own) } else { number };
                let counted = number < RANKS.min(*own) || behind;
                if let Some(count) = counts.get_mut(place as usize).filter(|_| counted) {
                    *count += 1;
                }
            }
            Self::Any(counts) => {
                if let Some(count) = counts.get_mut(&number) {
                    *count += 1;
                } else if counts.len() < KEYS {
                    counts.insert(number, 1);
                } else {
                    counts.retain(|_, count| {
                        *count -= 1;
                        *count > 0
                    });
                }
            }
        }
    }

    /// The most frequent, with their counts.
    pub(super) fn top(&self, most: usize) -> Vec<(u64, u64)> {
        let mut counts: Vec<(u64, u64)> = match self {
            Self::Ranks { own, counts } => {
                let rank = |place: u64| if place >= RANKS { own + (place - RANKS) } else { place };
                (0..).map(rank).zip(counts.iter().copied()).collect()
            }
            Self::Any(counts) => counts.iter().map(|(key, count)| (*key, *count)).collect(),
        };
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(rank, count)| (Reverse(*count), *rank));
        counts.truncate(most);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequent_key_is_found_among_more_keys_than_are_counted() {
        let mut keys = Frequent::any();
        for n in 0..300_000_u64 {
            keys.see(if n % 10 == 0 { 7 } else { 1_000 + n });
        }
        let top = keys.top(1)[0];
        assert!(top.0 == 7 && (29_990..=30_000).contains(&top.1), "{top:?}");
    }
}
