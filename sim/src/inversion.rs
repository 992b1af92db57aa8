//! Samplers by inversion: one draw of 53 bits, and a function of `libm`.
//!
//! They have the names of `rand_distr`'s and its laws (`tests/kernel_laws` holds the two against
//! each other), but not its draws: `rand_distr` computes with `num-traits`, which takes the
//! platform's `ln` and `exp` as soon as any crate of a build turns on its feature `std`, and the
//! same seed would no longer give the same run on every machine. One draw for each variate also
//! lets a common random number mean the same quantile in two variants of a what-if.

use rand::Rng;
use rand::distr::Distribution;

/// A float in the open interval (0, 1): never an end, so that logarithms are finite. As
/// `rand::distr::Open01`, with 53 random bits instead of 52.
#[derive(Clone, Copy, Debug)]
pub struct OpenUnit;

impl Distribution<f64> for OpenUnit {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// The exponential law of mean 1.
#[derive(Clone, Copy, Debug)]
pub struct Exp1;

impl Distribution<f64> for Exp1 {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        -libm::log(OpenUnit.sample(rng))
    }
}

/// The normal law of mean 0 and deviation 1.
#[derive(Clone, Copy, Debug)]
pub struct StandardNormal;

impl Distribution<f64> for StandardNormal {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        normal_quantile(OpenUnit.sample(rng))
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
    use crate::random::Seed;

    #[test]
    fn normal_and_exponential_have_their_moments() {
        let mut stream = Seed(1).stream("moments", 0);
        let n = 200_000;
        let (mut sum, mut squares, mut exp) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let z: f64 = stream.sample(StandardNormal);
            sum += z;
            squares += z * z;
            exp += stream.sample(Exp1);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01, "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.02, "variance {}", squares / n);
        assert!((exp / n - 1.0).abs() < 0.01, "exponential mean {}", exp / n);
    }

    /// Bit by bit, so that a platform function used in place of `libm`'s is noticed.
    #[test]
    fn draws_are_golden() {
        let mut stream = Seed(7).stream("golden", 0);
        let mut bits = |law: &dyn Fn(&mut crate::random::Stream) -> f64| {
            [(); 3].map(|()| law(&mut stream).to_bits())
        };
        let exponential = bits(&|stream| stream.sample(Exp1));
        assert_eq!(
            exponential,
            [0x3fee_0418_6de7_86d1, 0x3ff3_e70c_4692_ced0, 0x4003_bf44_cc5f_0d53]
        );
        let normal = bits(&|stream| stream.sample(StandardNormal));
        assert_eq!(normal, [0x3ffa_98c8_b40e_095f, 0xbff1_b670_d3c9_8360, 0xbfd3_441f_d7de_5ea2]);
        let unit = bits(&|stream| stream.sample(OpenUnit));
        assert_eq!(unit, [0x3fdd_f228_b3d8_78dd, 0x3fe6_113d_0654_736a, 0x3fd0_359f_9e01_4119]);
    }
}
