//! The fingerprint: a 64-bit hash chained over every event, always on.

use serde::{Deserialize, Serialize};

/// Folds `value` into `hash`: one 64x64 to 128-bit multiply, both halves kept.
#[inline]
pub const fn mix(hash: u64, value: u64) -> u64 {
    let product =
        (hash ^ 0xa076_1d64_78bd_642f) as u128 * ((value ^ 0xe703_7ed1_a0b4_28db) | 1) as u128;
    (product as u64) ^ ((product >> 64) as u64) ^ value.rotate_left(29)
}

/// A checkpoint of the chain: after `events` events the hash was `hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Events folded in so far.
    pub events: u64,
    /// The chain's value there.
    pub hash: u64,
}

/// The running chain, with a checkpoint every so often so that a divergence can be bisected.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    hash: u64,
    events: u64,
    next_checkpoint: u64,
    stride: u64,
    checkpoints: Vec<Checkpoint>,
}

/// Checkpoints kept at most; past that every second one is dropped and the stride doubles.
const CHECKPOINTS_MAX: usize = 1024;

impl Fingerprint {
    /// A chain that starts from the run's seed.
    pub fn new(seed: u64) -> Self {
        Self {
            hash: mix(seed, 1),
            events: 0,
            next_checkpoint: 1024,
            stride: 1024,
            checkpoints: vec![],
        }
    }

    /// Folds one event in, as three words.
    #[inline(always)]
    pub fn event(&mut self, time: u64, what: u64, detail: u64) {
        self.hash = mix(mix(self.hash, time), what ^ detail.rotate_left(32));
        self.events += 1;
        if self.events == self.next_checkpoint {
            self.checkpoint();
        }
    }

    /// Folds in a word that belongs to the current event (a note, an injected fault).
    #[inline]
    pub fn fold(&mut self, word: u64) {
        self.hash = mix(self.hash, word);
    }

    #[cold]
    fn checkpoint(&mut self) {
        self.checkpoints.push(Checkpoint { events: self.events, hash: self.hash });
        if self.checkpoints.len() == CHECKPOINTS_MAX {
            let mut index = 0;
            self.checkpoints.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.stride *= 2;
        }
        self.next_checkpoint = self.events + self.stride;
    }

    /// The chain's value now.
    pub const fn value(&self) -> u64 {
        self.hash
    }

    /// Events folded in so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The checkpoints so far, oldest first.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_event_changes_the_chain_and_is_bracketed_by_checkpoints() {
        let run = |odd: u64| {
            let mut print = Fingerprint::new(1);
            for event in 0..5_000_u64 {
                print.event(event, if event == 3_000 { odd } else { 0 }, 0);
            }
            print
        };
        let (left, right) = (run(0), run(1));
        assert_ne!(left.value(), right.value());
        let mut pairs = left.checkpoints().iter().zip(right.checkpoints());
        assert_eq!(pairs.find(|(l, r)| l != r).map(|(l, _)| l.events), Some(3_072));
    }
}
