//! Which partition an event goes to.
//!
//! Stands for `BuiltInPartitioner` of the Java client @ 3.9.0 and the default partitioner of
//! librdkafka @ 2.12.1 (`rdkafka_msg.c:1049-1165`). Keyed: a hash of the key (here the eight bytes
//! of its number) modulo the partitions, murmur2 in Java and CRC-32 in librdkafka. Without a key,
//! Java sends `batch.size` bytes to one partition, then to another, drawn with weights that fall
//! with the length of its queue; librdkafka changes after `sticky.partitioning.linger.ms`. Both
//! leave out partitions without a leader, librdkafka by drawing a second time and taking what
//! comes.
//!
//! Parameters: `batch.size` in bytes, `sticky.partitioning.linger.ms`. Left out:
//! `partitioner.availability.timeout.ms` (off by default).

use std::ops::Range;

use headwater_sim::context::Context;
use headwater_sim::random::{Seed, Stream};
use headwater_sim::time::{Duration, Time};
use rand::{Rng, RngCore};

use crate::arrival::Arrival;
use crate::batch::Lane;
use crate::kafka::config::{ClientLibrary, Cluster};
use crate::key_hash::{crc32, lane_of_key};
use crate::protocol::Streaming;

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
pub fn partition_for_key(client: ClientLibrary, key: u64, partitions: u32) -> u32 {
    match client {
        ClientLibrary::Java => (murmur2(key) & 0x7fff_ffff) % partitions,
        ClientLibrary::Librdkafka => lane_of_key(key, partitions),
    }
}

/// The topic that an event goes to, from 0.
pub fn topic_of(config: &Cluster, arrival: &Arrival) -> u32 {
    config.topics.pick(if config.keyed { arrival.key } else { arrival.index })
}

/// The partition of an event's key, in the topic that it goes to.
pub fn partition_of_key(config: &Cluster, client: ClientLibrary, arrival: &Arrival) -> u32 {
    let first = topic_of(config, arrival) * config.partitions;
    first + partition_for_key(client, arrival.key, config.partitions)
}

/// Where a producer's earlier life may have sent an event: without keys to any partition of its
/// topic.
pub fn partitions_for(config: &Cluster, client: ClientLibrary, arrival: &Arrival) -> Range<u32> {
    if config.keyed {
        let partition = partition_of_key(config, client, arrival);
        return partition..partition + 1;
    }
    let first = topic_of(config, arrival) * config.partitions;
    first..first + config.partitions
}

/// The draws of a producer's sticky partitioners, of which each topic has one.
pub fn draws_by_topic(
    ctx: &Context<'_, Streaming>,
    config: &Cluster,
) -> impl Iterator<Item = Stream> {
    let mut first = ctx.stream("sticky");
    (0..config.topics.count).map(move |topic| match topic {
        0 => first.clone(),
        _ => Seed(first.next_u64()).stream("sticky", topic.into()),
    })
}

/// Whether partition `lane` may have an event of this key, which is number `index` of the schedule:
/// told from where the partition is and what the key's hash leaves, for whoever checks writers.
pub fn may_have(config: &Cluster, lane: Lane, key: u64, index: u64) -> bool {
    let (topic, partition) = (lane.0 / config.partitions, lane.0 % config.partitions);
    let named_by = if config.keyed { key } else { index };
    if topic >= config.topics.count || topic != config.topics.pick(named_by) {
        return false;
    }
    let hash = match config.client {
        ClientLibrary::Java => murmur2(key) << 1 >> 1,
        ClientLibrary::Librdkafka => crc32(key),
    };
    let partitions = u64::from(config.partitions);
    let left = u64::from(hash) + partitions - u64::from(partition);
    !config.keyed || left.is_multiple_of(partitions)
}

/// The Java client's sticky partitioner.
#[derive(Debug)]
pub struct Sticky {
    partition: Option<u32>,
    bytes: u64,
    batch_size: u64,
    draws: Stream,
}

impl Sticky {
    /// Without a partition yet.
    pub const fn new(batch_size: u64, draws: Stream) -> Self {
        Self { partition: None, bytes: 0, batch_size, draws }
    }

    /// The partition for the next event, by the batches that are `queued` in each partition and
    /// which of them have a leader, as far as the client knows.
    pub fn current(&mut self, queued: &[u32], led: &[bool]) -> u32 {
        match self.partition {
            Some(partition) => partition,
            None => {
                let drawn = self.draw(queued, led);
                self.partition = Some(drawn);
                drawn
            }
        }
    }

    /// So many bytes went to the current partition. Another one's turn comes once a batch's worth
    /// did and no batch is left half full there (`updatePartitionInfo`), or twice as much.
    pub fn appended(&mut self, bytes: u64, open: bool) {
        self.bytes += bytes;
        if self.bytes >= self.batch_size && !open || self.bytes >= 2 * self.batch_size {
            (self.partition, self.bytes) = (None, 0);
        }
    }

    fn draw(&mut self, queued: &[u32], led: &[bool]) -> u32 {
        let any = led.contains(&true);
        let usable = |led: bool| u32::from(led || !any);
        let loads = || queued.iter().zip(led);
        let longest = loads().map(|(queued, led)| queued * usable(*led)).max().unwrap_or(0);
        let weights =
            || loads().map(|(queued, led)| (longest + 1).saturating_sub(*queued) * usable(*led));
        let mut draw = self.draws.random_range(0..weights().map(u64::from).sum());
        for (partition, weight) in (0..).zip(weights()) {
            if draw < weight.into() {
                return partition;
            }
            draw -= u64::from(weight);
        }
        unreachable!("a draw is below the sum of the weights")
    }
}

/// librdkafka's sticky partitioner.
#[derive(Debug)]
pub struct StickyForAWhile {
    partition: u32,
    since: Option<Time>,
    linger: Duration,
    partitions: u32,
    draws: Stream,
}

impl StickyForAWhile {
    /// Draws a partition when the first event comes, and again once `linger` is over.
    pub const fn new(partitions: u32, linger: Duration, draws: Stream) -> Self {
        Self { partition: 0, since: None, linger, partitions, draws }
    }

    /// The partition for an event, where `available` tells which have a leader.
    pub fn next(&mut self, now: Time, available: impl Fn(u32) -> bool) -> u32 {
        let fresh = self.since.is_some_and(|since| now.since(since) <= self.linger);
        if !fresh || self.linger == Duration::ZERO || !available(self.partition) {
            self.partition = self.draws.random_range(0..u64::from(self.partitions)) as u32;
            if !available(self.partition) {
                self.partition = self.draws.random_range(0..u64::from(self.partitions)) as u32;
            }
            self.since = Some(now);
        }
        self.partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::config::Version;

    #[test]
    fn keys_spread_over_partitions_and_stay_there() {
        for client in [ClientLibrary::Java, ClientLibrary::Librdkafka] {
            let mut counts = [0; 8];
            for key in 0..8_000 {
                counts[partition_for_key(client, key, 8) as usize] += 1;
            }
            assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn an_events_partitions_are_those_of_its_topic() {
        let mut config = Cluster::defaults(Version::V3_9);
        (config.partitions, config.topics.count) = (3, 5);
        let ranges: Vec<_> = config.topic_partitions().collect();
        assert_eq!((ranges.len(), &ranges[4], config.event_partitions()), (5, &(12..15), 15));
        let (client, at) = (ClientLibrary::Java, Time::ZERO);
        for number in 0..100 {
            let event = Arrival { index: number, at, key: number, bytes: 1 };
            let topic = &ranges[topic_of(&config, &event) as usize];
            assert_eq!(&partitions_for(&config, client, &event), topic);
            assert!(topic.contains(&partition_of_key(&config, client, &event)));
        }
    }

    #[test]
    fn java_stays_for_a_batch_and_avoids_long_queues_and_partitions_without_leader() {
        let mut sticky = Sticky::new(1_000, Seed(1).stream("sticky", 0));
        let first = sticky.current(&[0; 3], &[true; 3]);
        sticky.appended(600, true);
        assert_eq!(sticky.current(&[0; 3], &[true; 3]), first);
        // A batch's worth, but the batch still fills.
        sticky.appended(600, true);
        assert_eq!(sticky.partition, Some(first));
        sticky.appended(600, false);
        assert_eq!(sticky.partition, None);
        let mut counts = [0; 3];
        for _ in 0..3_000 {
            counts[sticky.current(&[9, 0, 0], &[true, true, false]) as usize] += 1;
            sticky.appended(1_000, false);
        }
        assert!(counts[0] * 5 < counts[1] && counts[2] == 0, "{counts:?}");
    }

    #[test]
    fn librdkafka_changes_every_ten_milliseconds_and_leaves_a_partition_without_leader_at_once() {
        let linger = Duration::from_millis(10);
        let mut sticky = StickyForAWhile::new(64, linger, Seed(1).stream("sticky", 0));
        let ms = |at: u64| Time(at * 1_000_000);
        let drawn: Vec<_> = (0..1_000).map(|at| sticky.next(ms(at), |_| true)).collect();
        let changes = drawn.windows(2).filter(|pair| pair[0] != pair[1]).count();
        // It changes with the first event later than 10 ms: every 11 ms; one draw in 64 is no
        // change.
        assert!((82..=91).contains(&changes), "{changes} changes in a second");
        let of = drawn[999];
        assert_ne!(sticky.next(ms(999), |partition| partition != of), of);
        let mut each = StickyForAWhile::new(64, Duration::ZERO, Seed(1).stream("sticky", 0));
        let drawn: std::collections::BTreeSet<_> =
            (0..640).map(|_| each.next(ms(0), |_| true)).collect();
        assert!(drawn.len() > 60, "{} of 64", drawn.len());
    }
}
