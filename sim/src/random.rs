//! Randomness: one seed, and an independent stream per (purpose, entity).
//!
//! A stream's seed is a hash of the run's seed, the purpose's name and the entity's number, so a
//! draw added in one place shifts nothing elsewhere, and two variants of a what-if see the same
//! traffic and the same faults (common random numbers).

use rand_core::{RngCore, SeedableRng};
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

impl Stream {
    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number below `bound` (which must not be zero), by multiply-shift.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0, "an empty range has no number in it");
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A whole number from `low` to `high`, both included.
    #[inline]
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        debug_assert!(low <= high);
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.next_u64(),
        }
    }

    /// A float in the open interval (0, 1): never an end, so that logarithms are finite.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// True with probability `ppm` in a million.
    #[inline]
    pub fn chance_ppm(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// An exponential variate of mean 1, by inversion with `libm`.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// A standard normal variate, by inversion with `libm`.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.unit())
    }
}

/// Inverse of the standard normal distribution function (Acklam's rational approximation, relative
/// error below 1.15e-9), for `p` in the open interval (0, 1).
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e+00,
        -2.549732539343734e+00,
        4.374664141464968e+00,
        2.938163982698783e+00,
    ];
    const D: [f64; 5] = [
        7.784695709041462e-03,
        3.224671290700398e-01,
        2.445134137142996e+00,
        3.754408661907416,
        1.0,
    ];
    let poly = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, term| sum * x + term);
    let tail = 0.02425;
    if p < tail {
        let q = libm::sqrt(-2.0 * libm::log(p));
        poly(&C, q) / poly(&D, q)
    } else if p <= 1.0 - tail {
        let q = p - 0.5;
        poly(&A, q * q) * q / poly(&B, q * q)
    } else {
        let q = libm::sqrt(-2.0 * libm::log(1.0 - p));
        -poly(&C, q) / poly(&D, q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn normal_and_exponential_have_their_moments() {
        let mut stream = Seed(1).stream("moments", 0);
        let n = 200_000;
        let (mut sum, mut squares, mut exp) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let z = stream.normal();
            sum += z;
            squares += z * z;
            exp += stream.exponential();
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01, "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.02, "variance {}", squares / n);
        assert!((exp / n - 1.0).abs() < 0.01, "exponential mean {}", exp / n);
    }
}
