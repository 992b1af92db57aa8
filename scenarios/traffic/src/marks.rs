//! Marks: what an event carries besides its time, as hashes of (seed, purpose, intended time).

use headwater_sim::fingerprint::mix;
use headwater_sim::random::Seed;
use headwater_sim::time::Time;
use rand::RngCore;
use rand::rand_core::impls::fill_bytes_via_next;

/// The hash for one purpose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose(u64);

impl Purpose {
    pub(super) fn new(seed: Seed, purpose: &str) -> Self {
        Self(seed.derive(purpose, 0))
    }

    /// The draws of the event that is meant for `at`.
    #[inline]
    pub(super) fn draws(self, at: Time) -> Draws {
        Draws(mix(self.0, at.0))
    }
}

/// A short sequence of random numbers that belongs to one event.
#[derive(Clone, Debug)]
pub(super) struct Draws(u64);

impl RngCore for Draws {
    #[inline]
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    #[inline]
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0, 0x6a09_e667_f3bc_c908)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        fill_bytes_via_next(self, bytes);
    }
}
