//! Sizes: how long a tweet's text is, and how large its JSON.
//!
//! Text lengths follow a gamma law cut off at the limit. Its two parameters are solved from the
//! most frequent length and the share at the limit. With the defaults (33 and 1 % at 280) it puts
//! 12 % above 140 and 5 % above 190, which is what Twitter published for English in October 2018.

use headwater_sim::inversion::{OpenUnit, normal_quantile};
use headwater_sim::time::Time;
use rand::{Rng, RngCore};

use super::curve::Curve;
use super::form::BYTES_MAX;
use super::marks::Purpose;
use super::spec::{SizeModel, SizeSpec, TextSpec};

/// Draws text lengths and event sizes.
#[derive(Clone, Debug)]
pub struct Sizes {
    text: Purpose,
    size: Purpose,
    /// `below[n - 1]`: probability that the text has at most `n` characters, in 2^-32.
    below: Vec<u32>,
    /// `guide[draw / 2^22]`: the shortest text that such a draw can mean.
    guide: Vec<u16>,
    model: SizeModel,
    fixed: u32,
    sigma: f64,
    /// Scale of the lognormal envelope, its median in bytes.
    median: f64,
    /// The envelope as a multiple of its median.
    spread: Curve,
    /// The least size.
    least: u64,
}

impl Sizes {
    /// Events of the law `tweet` have `least` bytes at least.
    pub(super) fn new(
        text: Purpose,
        size: Purpose,
        (spec, least): (&SizeSpec, u32),
        law: &TextSpec,
    ) -> Self {
        let probability = text_law(law);
        let pairs = probability.iter().zip(1_u32..);
        let text_mean: f64 = pairs.map(|(p, length)| p * f64::from(length)).sum();
        let mut sum = 0.0;
        let below = probability.iter().map(|p| {
            sum += p;
            (sum * 4_294_967_296.0) as u32
        });
        let below: Vec<u32> = below.collect();
        let shortest = |bucket: u32| below.partition_point(|below| *below <= bucket << 22) as u16;
        let guide = (0..1_024).map(shortest).collect();
        let envelope = (spec.mean.0 as f64 - text_mean).max(1.0);
        let median = envelope / libm::exp(spec.sigma * spec.sigma / 2.0);
        let fixed = spec.mean.0.min(BYTES_MAX) as u32;
        let (model, sigma) = (spec.model, spec.sigma);
        let spread = Curve::new(|p| log_normal(p, sigma));
        let least = u64::from(least);
        Self { text, size, below, guide, model, fixed, sigma, median, spread, least }
    }

    /// Characters in the text of the event that is meant for `at`.
    #[inline]
    pub fn text(&self, at: Time) -> u32 {
        let draw = (self.text.draws(at).next_u64() >> 32) as u32;
        let mut shorter = usize::from(self.guide[(draw >> 22) as usize]);
        // The limit takes what rounding leaves beyond the last entry.
        while shorter + 1 < self.below.len() && self.below[shorter] <= draw {
            shorter += 1;
        }
        shorter as u32 + 1
    }

    /// Bytes of the event that is meant for `at`.
    #[inline]
    pub fn bytes(&self, at: Time) -> u32 {
        match self.model {
            SizeModel::Fixed => self.fixed,
            SizeModel::Tweet => {
                let p = self.size.draws(at).sample(OpenUnit);
                let envelope = self.median * self.spread.at(p, |p| log_normal(p, self.sigma));
                (envelope as u64 + u64::from(self.text(at))).clamp(self.least, BYTES_MAX) as u32
            }
        }
    }
}

/// The quantile of a lognormal law of median 1.
fn log_normal(p: f64, sigma: f64) -> f64 {
    libm::exp(sigma * normal_quantile(p))
}

/// Probabilities of the lengths `1 ..= limit`.
fn text_law(law: &TextSpec) -> Vec<f64> {
    // The heavier the tail, the nearer the shape is to 1; bisect for the share at the limit.
    let (mut low, mut high) = (1.0 + 1e-6, 64.0);
    for _ in 0..60 {
        let shape = (low + high) / 2.0;
        let tail = *gamma_law(law, shape).last().expect("the limit is at least 2");
        if tail > law.at_limit { low = shape } else { high = shape }
    }
    gamma_law(law, (low + high) / 2.0)
}

/// A gamma law of this shape and the mode asked for, on whole lengths; the limit takes the tail.
fn gamma_law(law: &TextSpec, shape: f64) -> Vec<f64> {
    let scale = f64::from(law.mode) / (shape - 1.0);
    let density = |x: f64| {
        libm::exp(
            (shape - 1.0) * libm::log(x / f64::from(law.mode)) - (x - f64::from(law.mode)) / scale,
        )
    };
    let mut weights: Vec<f64> = (1..law.limit).map(|n| density(f64::from(n))).collect();
    // The tail by steps of one, until it no longer counts.
    let mut tail = 0.0;
    let mut n = law.limit;
    loop {
        let weight = density(f64::from(n));
        tail += weight;
        n += 1;
        if weight < 1e-9 * tail || n > law.limit * 64 {
            break;
        }
    }
    weights.push(tail);
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}
