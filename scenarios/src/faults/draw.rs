//! Draws of parameters: plausible values, small ones as likely as large ones.

use headwater_sim::distribution::Distribution;
use headwater_sim::files::Tearing;
use headwater_sim::inversion::OpenUnit;
use headwater_sim::random::Stream;
use headwater_sim::time::Duration;
use rand::Rng;

use super::parameters::{Extra, Factor, Probability, Shift, TierStatus};

/// Log-uniform from `low` to `high`: every order of magnitude as likely.
fn log_uniform(stream: &mut Stream, low: u64, high: u64) -> u64 {
    let ratio = libm::log(high as f64 / low as f64);
    let drawn = low as f64 * libm::exp(stream.sample(OpenUnit) * ratio);
    (drawn as u64).clamp(low, high)
}

/// A part of all, from a thousandth of `most_ppm` up to it.
pub(super) fn rate(stream: &mut Stream, most_ppm: u64) -> Probability {
    let ppm = log_uniform(stream, (most_ppm / 1_000).max(1), most_ppm);
    Probability::try_from(ppm as f64 / 1e6).expect("below one")
}

/// A share of a core: 5 % to 80 %.
pub(super) fn share(stream: &mut Stream) -> Probability {
    Probability::try_from(stream.random_range(5_u64..=80) as f64 / 100.0).expect("below one")
}

/// Twice as long up to `most` times.
pub(super) fn factor(stream: &mut Stream, most: u64) -> Factor {
    Factor::try_from(log_uniform(stream, 2, most) as f64).expect("within bounds")
}

/// One of the shapes of a latency, of 0.1 ms to 300 ms.
pub(super) fn latency(stream: &mut Stream) -> Extra {
    let size = Duration::from_micros(log_uniform(stream, 100, 300_000));
    Extra(match stream.random_range(0..4_u64) {
        0 => Distribution::uniform(Duration::ZERO, size),
        1 => Distribution::Exponential { floor: Duration::ZERO, mean: size },
        2 => Distribution::LogNormal { median: size, p99: size * 10 },
        _ => Distribution::Bimodal {
            usual: Box::new(Distribution::constant(size / 20)),
            tail: Box::new(Distribution::constant(size * 3)),
            tail_ppm: 20_000,
        },
    })
}

/// A garbage collector's pause: mostly tens of milliseconds, now and then seconds.
pub(super) fn pause(stream: &mut Stream) -> Extra {
    let usual = Duration::from_millis(stream.random_range(10..=200));
    Extra(Distribution::Bimodal {
        usual: Box::new(Distribution::constant(usual)),
        tail: Box::new(Distribution::constant(usual * 20)),
        tail_ppm: 50_000,
    })
}

/// Up to ten seconds, either way.
pub(super) fn shift(stream: &mut Stream) -> Shift {
    let size = log_uniform(stream, 1_000_000, 10_000_000_000) as i64;
    Shift(if stream.chance_ppm(500_000) { size } else { -size })
}

pub(super) fn status(stream: &mut Stream) -> TierStatus {
    match stream.random_range(0..3_u64) {
        0 => TierStatus::TooManyRequests,
        1 => TierStatus::InternalError,
        _ => TierStatus::Unavailable,
    }
}

pub(super) fn tearing(stream: &mut Stream) -> Tearing {
    match stream.random_range(0..3_u64) {
        0 => Tearing::Prefix,
        1 => Tearing::Subset,
        _ => Tearing::Reordered,
    }
}
