//! Reading a Kafka topic back, from its first offset to its last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headwater_models::kafka::config::Cluster;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::kafka::{self, ANSWER, Silent, Topic};
use super::{ReadBack, Reading, Teller};
use crate::failure::{Failure, Result};

impl ConsumerContext for Silent {}

/// Longest wait for a message before looking at the flags.
const POLL: Duration = Duration::from_millis(100);

/// How often the end is asked for again while it is not reached or does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Starts a consumer of all partitions, on a thread of its own.
pub(crate) fn start(topic: &Topic, cluster: &Cluster, teller: Teller) -> Result<Reading> {
    let mut config = kafka::client(&topic.bootstrap);
    let options = &cluster.consumer;
    config.set("group.id", &topic.name);
    config.set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "error");
    config.set("fetch.wait.max.ms", options.fetch_max_wait_ms.to_string());
    config.set("fetch.message.max.bytes", options.max_partition_fetch_bytes.to_string());
    config.set("fetch.max.bytes", options.fetch_max_bytes.to_string());
    // After an empty fetch or an error librdkafka waits this long; its default is 500 ms.
    config.set("fetch.error.backoff.ms", "50");
    let fail = |error: KafkaError| {
        Failure::new(format!("{}: can't connect a consumer: {error}", topic.bootstrap))
    };
    let consumer: BaseConsumer<Silent> =
        BaseConsumer::from_config_and_context(&config, Silent).map_err(fail)?;
    let mut all = TopicPartitionList::new();
    for partition in 0..cluster.partitions as i32 {
        all.add_partition_offset(&topic.name, partition, Offset::Beginning).map_err(fail)?;
    }
    consumer.assign(&all).map_err(fail)?;
    let (finish, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = Reader {
        consumer,
        topic: topic.name.clone(),
        next: vec![0; cluster.partitions as usize],
        teller,
        finish: Arc::clone(&finish),
        stop: Arc::clone(&stop),
    };
    let thread = std::thread::Builder::new().name("reader".into());
    let thread = thread.spawn(move || reader.run());
    let thread = thread.map_err(|error| Failure::io("can't start the reader", &error))?;
    Ok(Reading { finish, stop, thread })
}

struct Reader {
    consumer: BaseConsumer<Silent>,
    topic: String,
    /// Offset that is read next, by partition.
    next: Vec<i64>,
    teller: Teller,
    finish: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    fn run(mut self) -> Result<ReadBack> {
        let mut ends: Option<Vec<i64>> = None;
        let mut asked: Option<Instant> = None;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(ReadBack::Stopped);
            }
            self.poll();
            if !self.finish.load(Ordering::Relaxed) {
                continue;
            }
            let due = asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
            if ends.is_none() && due {
                asked = Some(Instant::now());
                ends = self.ends();
            }
            let reached =
                |ends: &Vec<i64>| ends.iter().zip(&self.next).all(|(end, next)| next >= end);
            if ends.as_ref().is_some_and(reached) {
                return Ok(ReadBack::ToTheEnd);
            }
        }
    }

    fn poll(&mut self) {
        // Errors are passing here: the client reconnects and goes on at its offset.
        let Some(Ok(message)) = self.consumer.poll(POLL) else { return };
        let (partition, offset) = (message.partition() as usize, message.offset());
        self.next[partition] = offset + 1;
        self.teller.delivered(0, Some(offset as u64), kafka::payload(&message));
    }

    /// End offsets of all partitions, if all of them answer.
    fn ends(&self) -> Option<Vec<i64>> {
        let of = |partition| {
            let marks = self.consumer.fetch_watermarks(&self.topic, partition, ANSWER);
            marks.ok().map(|(_, high)| high)
        };
        (0..self.next.len() as i32).map(of).collect()
    }
}
