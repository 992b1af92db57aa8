//! Reading a Kafka topic back, from its first offsets to its last.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headwater_models::kafka::config::Cluster;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::options;
use super::topic::{self, ANSWER, Told, Topic};
use crate::failure::{Failure, Result};
use crate::systems::client::{Delivered, Flags, Lot, Observer, ReadBack, Reading};

impl ConsumerContext for Told {}

/// Longest wait for a message before looking at the flags.
const POLL: Duration = Duration::from_millis(100);

/// How often the end is asked for again while it is not reached or does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Starts the scenario's consumers, each on a thread of its own. They share the partitions as the
/// simulated ones do: consumer `c` of `n` has every `n`th partition. A consumer without any is not
/// started.
pub(super) fn start(topic: &Topic, cluster: &Cluster, observer: &Observer) -> Result<Reading> {
    start_with(topic, cluster, Some(observer), || Lot::of_delivered(observer))
}

/// The same, each of which hands what it reads to a taker.
pub(super) fn start_with<T: Taker>(
    topic: &Topic,
    cluster: &Cluster,
    observer: Option<&Observer>,
    taker: impl Fn() -> T,
) -> Result<Reading> {
    let consumers = cluster.consumers.min(cluster.partitions);
    let reader = |consumer: u32| {
        let partitions = (consumer..cluster.partitions).step_by(cluster.consumers as usize);
        let reader = Reader::connect(topic, cluster, partitions.collect(), observer, taker())?;
        Ok(move |flags: Flags| reader.run(&flags))
    };
    Reading::start_all((0..consumers).map(reader).collect::<Result<_>>()?)
}

/// Who is handed what is read.
pub(super) trait Taker: Send + 'static {
    /// A record, as it comes.
    fn take(&mut self, partition: i32, offset: i64, payload: &[u8]);

    /// There is none more just now.
    fn rest(&mut self) {}
}

impl Taker for Lot<Delivered> {
    fn take(&mut self, _: i32, offset: i64, payload: &[u8]) {
        self.delivered(0, Some(offset as u64), payload);
    }

    fn rest(&mut self) {
        self.flush();
    }
}

struct Reader<T> {
    consumer: BaseConsumer<Told>,
    topic: String,
    partitions: Vec<Partition>,
    taker: T,
}

/// A partition, and how far it is read.
struct Partition {
    id: i32,
    /// Offset that is read next.
    next: i64,
}

impl<T: Taker> Reader<T> {
    /// Connects a consumer of `partitions`.
    fn connect(
        topic: &Topic,
        cluster: &Cluster,
        partitions: Vec<u32>,
        observer: Option<&Observer>,
        taker: T,
    ) -> Result<Self> {
        let mut config = topic::client(&topic.bootstrap);
        config.set("group.id", &topic.name);
        config.set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "error");
        for (name, value) in options::of_consumer(cluster) {
            config.set(name, value);
        }
        // After an empty fetch or an error librdkafka waits this long; its default is 500 ms.
        config.set("fetch.error.backoff.ms", "50");
        let fail = |error: KafkaError| {
            Failure::new(format!("{}: can't connect a consumer: {error}", topic.bootstrap))
        };
        let first = partitions.first().copied().unwrap_or_default();
        let told = Told::new(observer, format!("consumer of {first}"), &mut config);
        let consumer: BaseConsumer<Told> =
            BaseConsumer::from_config_and_context(&config, told).map_err(fail)?;
        let partitions: Vec<_> =
            partitions.into_iter().map(|id| Partition { id: id as i32, next: 0 }).collect();
        let mut assigned = TopicPartitionList::new();
        for Partition { id, .. } in &partitions {
            assigned.add_partition_offset(&topic.name, *id, Offset::Beginning).map_err(fail)?;
        }
        consumer.assign(&assigned).map_err(fail)?;
        Ok(Self { consumer, topic: topic.name.clone(), partitions, taker })
    }

    fn run(mut self, flags: &Flags) -> Result<ReadBack> {
        let mut ends: Option<Vec<i64>> = None;
        let mut asked: Option<Instant> = None;
        loop {
            if flags.stop.load(Ordering::Relaxed) {
                return Ok(ReadBack::Stopped);
            }
            self.poll();
            if !flags.finish.load(Ordering::Relaxed) {
                continue;
            }
            let due = asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
            if ends.is_none() && due {
                asked = Some(Instant::now());
                ends = self.ends();
            }
            let reached = |ends: &Vec<i64>| {
                ends.iter().zip(&self.partitions).all(|(end, partition)| partition.next >= *end)
            };
            if ends.as_ref().is_some_and(reached) {
                return Ok(ReadBack::ToTheEnd);
            }
        }
    }

    /// Takes what there is; waits for it at most [`POLL`].
    fn poll(&mut self) {
        let mut wait = POLL;
        // Errors are passing here: the client reconnects and goes on at its offset.
        while let Some(Ok(message)) = self.consumer.poll(wait) {
            wait = Duration::ZERO;
            let (id, offset) = (message.partition(), message.offset());
            if let Some(partition) = self.partitions.iter_mut().find(|of| of.id == id) {
                partition.next = offset + 1;
            }
            // A tombstone has no payload; this program never writes one.
            let payload = message.payload().unwrap_or_default();
            self.taker.take(id, offset, payload);
        }
        self.taker.rest();
    }

    /// End offsets of the partitions, if all of them answer.
    fn ends(&self) -> Option<Vec<i64>> {
        let of = |partition: &Partition| {
            let marks = self.consumer.fetch_watermarks(&self.topic, partition.id, ANSWER);
            marks.ok().map(|(_, high)| high)
        };
        self.partitions.iter().map(of).collect()
    }
}
