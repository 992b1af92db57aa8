//! Randomness: one seed, and an independent stream per (purpose, entity).
//!
//! A stream's seed is a hash of the run's seed, the purpose's name and the entity's number, so a
//! draw added in one place shifts nothing elsewhere, and two variants of a what-if see the same
//! traffic and the same faults (common random numbers).
//!
//! A [`Stream`] is a generator of `rand`: whole numbers, choices and shuffles are drawn with that
//! crate's traits. Whole numbers of 64 bits, so that a draw is the same on every platform.

use rand::distr::Distribution;
use rand::{Rng, RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::fingerprint::mix;

/// The root of a run's randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the stream for `purpose` and `entity`.
    pub fn derive(self, purpose: &str, entity: u64) -> u64 {
        let mut hash = mix(self.0, 0x9e37_79b9_7f4a_7c15);
        for byte in purpose.bytes() {
            hash = mix(hash, u64::from(byte) + 1);
        }
        mix(mix(hash, entity), purpose.len() as u64)
    }

    /// The stream for `purpose` and `entity`: the same for the same three, whatever else is drawn.
    pub fn stream(self, purpose: &str, entity: u64) -> Stream {
        Stream(Xoshiro256PlusPlus::seed_from_u64(self.derive(purpose, entity)))
    }
}

/// One stream of random numbers (xoshiro256++).
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256PlusPlus);

impl RngCore for Stream {
    #[inline]
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    #[inline]
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

impl Stream {
    /// True with probability `ppm` in a million.
    #[inline]
    pub fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.sample(ChancePpm(ppm))
    }
}

/// True with a probability in millionths, exactly: `rand::distr::Bernoulli` computes with floats.
/// No chance is no draw.
#[derive(Clone, Copy, Debug)]
pub struct ChancePpm(pub u32);

impl Distribution<bool> for ChancePpm {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> bool {
        self.0 > 0 && rng.random_range(0..1_000_000_u64) < u64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::seq::{IndexedRandom, SliceRandom};

    #[test]
    fn streams_are_independent_of_each_other_and_golden() {
        let seed = Seed(7);
        let mut first = seed.stream("traffic", 0);
        let alone: Vec<u64> = (0..3).map(|_| first.next_u64()).collect();
        let mut other = seed.stream("disk", 0);
        other.next_u64();
        let mut again = seed.stream("traffic", 0);
        assert_eq!(alone, (0..3).map(|_| again.next_u64()).collect::<Vec<_>>());
        assert_ne!(seed.derive("traffic", 0), seed.derive("traffic", 1));
        assert_ne!(seed.derive("ab", 0), seed.derive("ba", 0));
    }

    #[test]
    fn what_rand_draws_from_a_stream_is_golden() {
        let golden = || Seed(7).stream("golden", 0);
        let mut stream = golden();
        let below: Vec<u64> = (0..6).map(|_| stream.random_range(0..1_000)).collect();
        assert_eq!(below, [391, 288, 84, 951, 134, 381]);
        let chances: Vec<bool> = (0..6).map(|_| stream.chance_ppm(400_000)).collect();
        assert_eq!(chances, [false, false, true, true, false, true]);
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        let mut order = all;
        order.shuffle(&mut golden());
        let chosen: Vec<u32> = all.choose_multiple(&mut golden(), 3).copied().collect();
        assert_eq!(all.choose(&mut golden()), Some(&3));
        assert_eq!((order, chosen), ([4, 5, 0, 2, 6, 3, 1, 7], vec![6, 2, 0]));
    }

    #[test]
    fn a_whole_number_is_the_high_half_of_a_widening_product() {
        // What the kernel drew before it had rand's traits; rand adds a second draw in
        // `bound` of 2^64 cases.
        let (mut ours, mut bits) = (Seed(3).stream("product", 0), Seed(3).stream("product", 0));
        for bound in (1..40_000_u64).map(|n| n * n) {
            let product = u128::from(bits.next_u64()) * u128::from(bound);
            assert_eq!(ours.random_range(0..bound), (product >> 64) as u64, "below {bound}");
        }
    }
}
