//! Hashtags: Zipf by rank, and one tag of its own for each shot. With drift the tag of a rank gives
//! way to a new one now and then, as a Poisson process of each rank.

use headwater_sim::fingerprint::mix;
use headwater_sim::inversion::{Exp1, OpenUnit};
use headwater_sim::time::{Duration, Time};
use rand::Rng;
use rand::distr::Distribution;

use super::base::Base;
use super::marks::{Draws, Purpose};
use super::shot::Shot;
use super::spec::HashtagSpec;

/// Draws hashtags. Tags `0 .. count` are ordinary ones by rank, 0 the most used; tag `count + i`
/// belongs to shot `i`.
#[derive(Clone, Debug)]
pub struct Topics {
    pub(super) purpose: Purpose,
    pub(super) share: f64,
    pub(super) base: Base,
    /// Each shot with its focus.
    pub(super) shots: Vec<(Shot, f64)>,
    zipf: Zipf,
    drift: Duration,
}

/// New tags are numbers from here on.
const NEW: u64 = 1 << 40;

impl Topics {
    pub(super) fn new(
        purpose: Purpose,
        spec: &HashtagSpec,
        base: Base,
        shots: Vec<(Shot, f64)>,
    ) -> Self {
        let zipf = Zipf::new(spec.count, spec.alpha);
        Self { purpose, share: spec.share, base, shots, zipf, drift: spec.drift }
    }

    /// The hashtag of the event that is meant for `at`, as if every event had one.
    pub fn tag(&self, at: Time) -> u64 {
        let mut draws = self.purpose.draws(at);
        self.shot_tag(at, &mut draws).unwrap_or_else(|| self.ranked(at, &mut draws))
    }

    /// The hashtag of the event that is meant for `at`, if it has one: events about a shot do, of
    /// the others the share that the description states.
    pub fn tag_if_any(&self, at: Time) -> Option<u64> {
        let mut draws = self.purpose.draws(at);
        let shot = self.shot_tag(at, &mut draws);
        shot.or_else(|| (draws.sample(OpenUnit) < self.share).then(|| self.ranked(at, &mut draws)))
    }

    fn ranked(&self, at: Time, draws: &mut Draws) -> u64 {
        let rank = draws.sample(&self.zipf);
        if self.drift == Duration::ZERO { rank } else { self.occupant(rank, at) }
    }

    /// The tag that has `rank` at `at`: the one that came last, of cells of time of which each has
    /// a Poisson number of them, one on average. What was tweeted before the start (a time beyond
    /// all) has the tags of the start.
    fn occupant(&self, rank: u64, at: Time) -> u64 {
        if at.0 >= 1 << 63 {
            return rank;
        }
        let here = at.0 / self.drift.0;
        for cell in (0..=here).rev() {
            let salt = mix(rank, cell);
            let mut draws = self.purpose.draws(Time(mix(salt, NEW)));
            let until =
                if cell == here { (at.0 % self.drift.0) as f64 / self.drift.0 as f64 } else { 1.0 };
            let (mut place, mut arrivals) = (0.0, 0);
            loop {
                place += draws.sample(Exp1);
                if place > until {
                    break;
                }
                arrivals += 1;
            }
            if arrivals > 0 {
                return NEW | mix(salt, arrivals) >> 25;
            }
        }
        rank
    }

    /// The shot that the event belongs to, drawn in proportion to what each adds to the rate at
    /// that time: given its time, that is the law of an event's origin in a sum of Poisson
    /// processes.
    fn shot_tag(&self, at: Time, draws: &mut Draws) -> Option<u64> {
        if self.shots.is_empty() {
            return None;
        }
        let rates = || self.shots.iter().map(|(shot, focus)| (shot.rate(at), *focus));
        let total = self.base.rate(at) + rates().map(|(rate, _)| rate).sum::<f64>();
        let mut left = draws.sample(OpenUnit) * total;
        let found = rates().position(|(rate, _)| {
            left -= rate;
            left < 0.0
        });
        let about: f64 = draws.sample(OpenUnit);
        let shot = found.filter(|index| about < self.shots[*index].1)?;
        Some(self.zipf.count + shot as u64)
    }
}

/// Zipf's law over `1 ..= count` by rejection-inversion, which needs no table: W. Hörmann and
/// G. Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions",
/// ACM TOMACS 6(3), 1996.
#[derive(Clone, Debug)]
struct Zipf {
    count: u64,
    alpha: f64,
    /// H(1.5) - 1.
    from: f64,
    /// H(count + 0.5).
    to: f64,
    /// 2 - H^-1(H(2.5) - 2^-alpha): below it a candidate is always accepted.
    sure: f64,
}

impl Zipf {
    fn new(count: u64, alpha: f64) -> Self {
        let mut zipf = Self { count, alpha, from: 0.0, to: 0.0, sure: 0.0 };
        zipf.from = zipf.area(1.5) - 1.0;
        zipf.to = zipf.area(count as f64 + 0.5);
        zipf.sure = 2.0 - zipf.area_inverse(zipf.area(2.5) - libm::exp(-alpha * libm::log(2.0)));
        zipf
    }

    /// Integral of x^-alpha, up to a constant that makes it continuous in alpha at 1.
    fn area(&self, x: f64) -> f64 {
        let log = libm::log(x);
        expm1_over((1.0 - self.alpha) * log) * log
    }

    fn area_inverse(&self, area: f64) -> f64 {
        let t = (area * (1.0 - self.alpha)).max(-1.0);
        libm::exp(log1p_over(t) * area)
    }
}

/// A rank from 0.
impl Distribution<u64> for Zipf {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> u64 {
        loop {
            let area = self.to + rng.sample(OpenUnit) * (self.from - self.to);
            let x = self.area_inverse(area);
            let rank = libm::floor(x + 0.5).clamp(1.0, self.count as f64);
            let close = rank - x <= self.sure;
            if close || area >= self.area(rank + 0.5) - libm::exp(-self.alpha * libm::log(rank)) {
                return rank as u64 - 1;
            }
        }
    }
}

/// (e^x - 1) / x, finite at 0.
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { libm::expm1(x) / x } else { 1.0 + x / 2.0 }
}

/// ln(1 + x) / x, finite at 0.
fn log1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { libm::log1p(x) / x } else { 1.0 - x / 2.0 }
}
