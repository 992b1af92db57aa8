//! Pauses that double, with jitter: before a retry, between attempts to connect.
//!
//! Stands for `ExponentialBackoff` of the Java client @ 3.9.0 and `rd_kafka_retry_msgq`
//! (`rdkafka_partition.c:897`) of librdkafka @ 2.12.1, which give the same: the first pause times
//! two to the power of the attempts, times a factor drawn anew each time, and never more than the
//! longest. Parameters in ms. Left out: that the Java client draws the factor again each time it
//! looks whether the pause of a batch is over.

use headwater_sim::random::Stream;
use headwater_sim::time::Duration;
use rand::Rng;

/// A doubling pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExponentialBackoff {
    first: Duration,
    longest: Duration,
}

impl ExponentialBackoff {
    /// Pauses from `first_ms` to `longest_ms`.
    pub const fn new(first_ms: u64, longest_ms: u64) -> Self {
        let first = if first_ms < longest_ms { first_ms } else { longest_ms };
        Self { first: Duration::from_millis(first), longest: Duration::from_millis(longest_ms) }
    }

    /// The pause after so many failed attempts, from 0, give or take a fifth.
    pub fn pause(self, attempts: u32, draws: &mut Stream) -> Duration {
        jittered(self.term(attempts), 80..120, draws).min(self.longest)
    }

    /// The pause without jitter.
    fn term(self, attempts: u32) -> Duration {
        let factor = 1_u64.checked_shl(attempts).unwrap_or(u64::MAX);
        Duration(self.first.0.saturating_mul(factor)).min(self.longest)
    }
}

/// A pause times a factor drawn out of a range of hundredths.
pub fn jittered(pause: Duration, percent: std::ops::Range<u64>, draws: &mut Stream) -> Duration {
    const PARTS: u64 = 10_000;
    let factor = draws.random_range(percent.start * PARTS..percent.end * PARTS);
    Duration((u128::from(pause.0) * u128::from(factor) / u128::from(100 * PARTS)) as u64)
}

#[cfg(test)]
mod tests {
    use headwater_sim::random::Seed;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_give_or_take_a_fifth() {
        let backoff = ExponentialBackoff::new(100, 1_000);
        let mut draws = Seed(1).stream("test", 0);
        for (attempts, term) in [(0, 100), (1, 200), (2, 400), (3, 800), (4, 1_000), (70, 1_000)] {
            let all: Vec<_> =
                (0..2_000).map(|_| backoff.pause(attempts, &mut draws).as_millis()).collect();
            let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
            assert!((term * 80 / 100..term * 81 / 100).contains(least), "{attempts}: {least} ms");
            let greatest = (term * 12 / 10).min(1_000);
            assert!((greatest * 99 / 100..=greatest).contains(most), "{attempts}: {most} ms");
        }
    }

    #[test]
    fn a_longest_pause_below_the_first_is_the_only_one() {
        let mut draws = Seed(1).stream("test", 0);
        let pause = ExponentialBackoff::new(500, 100).pause(3, &mut draws);
        assert!(pause <= Duration::from_millis(100), "{pause}");
    }
}
