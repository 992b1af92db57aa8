//! How long queries took: counts in buckets of which each is 1/32 of its value wide, or less.
//!
//! Stands for what a load generator keeps (an HdrHistogram of two digits). No parameters.

use headwater_sim::time::Duration;

/// Buckets for each doubling.
const EACH: u64 = 32;
const EACH_LOG2: u32 = 5;

/// Times, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

fn bucket(us: u64) -> usize {
    let bits = u64::BITS - us.leading_zeros();
    let shift = bits.saturating_sub(EACH_LOG2 + 1);
    (u64::from(shift) * EACH + (us >> shift)) as usize
}

/// The greatest value of a bucket.
fn greatest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / EACH).saturating_sub(1);
    ((bucket - shift * EACH + 1) << shift) - 1
}

impl Latencies {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        let us = took.0 / 1_000;
        let bucket = bucket(us);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(us);
    }

    /// So many thousandths of them took no longer, in microseconds; 0 where there are none.
    pub fn below(&self, thousandths: u64) -> u64 {
        let rank = (self.total * thousandths).div_ceil(1_000).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map_or(0, |bucket| greatest(bucket).min(self.max))
    }

    /// The longest, in microseconds.
    pub const fn max(&self) -> u64 {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_thirty_second_of_its_value_wide() {
        let mut before = 0;
        for us in (0..5_000).chain([1 << 20, (1 << 40) - 1, 1 << 40]) {
            let (of, most) = (bucket(us), greatest(bucket(us)));
            assert!(of >= before && most >= us && most - us <= us / 32, "{us}: {of}, {most}");
            before = of;
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let mut all = Latencies::default();
        assert_eq!((all.below(500), all.max()), (0, 0));
        (1..=1_000).for_each(|us| all.add(Duration::from_micros(us)));
        let [p50, p99] = [500, 990].map(|of| all.below(of));
        assert!((500..=516).contains(&p50) && (990..=1_000).contains(&p99), "{p50}, {p99}");
        assert_eq!((all.below(1_000), all.max()), (1_000, 1_000));
    }
}
