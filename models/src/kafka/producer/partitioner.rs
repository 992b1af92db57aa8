//! Which partition an event goes to.
//!
//! Stands for `BuiltInPartitioner` of the Java client @ 3.9.0. Keyed: murmur2 of the key (here the
//! eight bytes of its number) modulo the partitions. Without a key: sticky, that is one partition
//! until `batch.size` bytes went to it, then another, drawn with weights that fall with the length
//! of its queue. Parameter: `batch.size` in bytes. Left out: `partitioner.availability.timeout.ms`
//! (off by default).

use headwater_sim::random::Stream;
use rand::Rng;

/// Kafka's murmur2 (`Utils.murmur2` @ 3.9.0, seed 0x9747b28c) of the eight bytes of `key`.
pub fn murmur2(key: u64) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ 8;
    for word in [key as u32, (key >> 32) as u32] {
        let mut k = word.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// The partition of a key.
pub fn partition_for_key(key: u64, partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// The sticky partitioner.
#[derive(Debug)]
pub struct Sticky {
    partition: u32,
    bytes: u64,
    batch_size: u64,
    draws: Stream,
}

impl Sticky {
    /// Starts on a drawn partition.
    pub fn new(partitions: u32, batch_size: u64, mut draws: Stream) -> Self {
        let partition = draws.random_range(0..u64::from(partitions)) as u32;
        Self { partition, bytes: 0, batch_size, draws }
    }

    /// The partition for an event of `bytes`, where `queued` tells each partition's queue length.
    pub fn next(&mut self, bytes: u64, queued: impl Iterator<Item = usize> + Clone) -> u32 {
        if self.bytes >= self.batch_size {
            self.bytes = 0;
            let longest = queued.clone().max().unwrap_or(0);
            let weights = queued.map(|length| (longest + 1 - length) as u64);
            let mut draw = self.draws.random_range(0..weights.clone().sum());
            for (partition, weight) in (0..).zip(weights) {
                if draw < weight {
                    self.partition = partition;
                    break;
                }
                draw -= weight;
            }
        }
        self.bytes += bytes;
        self.partition
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::random::Seed;

    use super::*;

    #[test]
    fn keys_spread_over_partitions_and_stay_there() {
        let mut counts = [0; 8];
        for key in 0..8_000 {
            counts[partition_for_key(key, 8) as usize] += 1;
            assert_eq!(partition_for_key(key, 8), partition_for_key(key, 8));
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    #[test]
    fn sticky_stays_for_a_batch_and_avoids_long_queues() {
        let mut sticky = Sticky::new(3, 1_000, Seed(1).stream("sticky", 0));
        let first = sticky.next(600, [0, 0, 0].into_iter());
        assert_eq!(sticky.next(600, [0, 0, 0].into_iter()), first);
        let mut counts = [0; 3];
        for _ in 0..3_000 {
            counts[sticky.next(1_000, [9, 0, 0].into_iter()) as usize] += 1;
        }
        assert!(counts[0] * 5 < counts[1], "{counts:?}");
    }
}
