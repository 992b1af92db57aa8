//! Reads a topic of Kafka from where a service says, and hands on what it has read in batches.
//!
//! Partitions are assigned by hand, so that each service has all of them and no group decides where
//! it begins. It is as far ahead as a few batches: a service that waits for its database makes the
//! reader wait, and what was not read stays in Kafka.

use std::collections::BTreeMap;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::failure::{Failure, Result};

/// Longest wait for a message before the thread looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(100);
/// Longest wait for an answer of a broker.
const ANSWER: Duration = Duration::from_secs(5);
/// How often a topic is looked for that is not there yet.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Batches that are read before the service has taken the first of them.
const AHEAD: usize = 4;

/// The next offset of each partition.
pub type Offsets = BTreeMap<i32, i64>;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The partition that it lay in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The time that its producer gave it, in microseconds since 1970.
    pub at: Option<u64>,
    /// Its value.
    pub value: Vec<u8>,
}

/// A topic, and how it is read.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Brokers to ask first.
    pub bootstrap: String,
    /// Its name.
    pub name: String,
    /// The group under which positions are committed, if they are.
    pub group: String,
    /// Messages of a batch at the most.
    pub most: usize,
    /// How long the topic is waited for.
    pub wait: Duration,
}

/// A topic that is being read.
#[derive(Debug)]
pub struct Source {
    batches: mpsc::Receiver<Result<Vec<Message>>>,
    commits: blocking::Sender<Offsets>,
}

impl Source {
    /// Reads `topic`: partitions that are in `from` from there, others from their beginning.
    pub fn open(topic: Topic, from: Offsets) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        let (commits, asked) = blocking::channel();
        thread::spawn(move || {
            if let Err(failure) = read(&topic, &from, &sender, &asked) {
                // Without a receiver nobody is left to be told.
                drop(sender.blocking_send(Err(failure)));
            }
        });
        Self { batches, commits }
    }

    /// The next batch, which is not empty; none when there will be no more.
    pub async fn next(&mut self) -> Option<Result<Vec<Message>>> {
        self.batches.recv().await
    }

    /// Where to say which offsets are dealt with, so that Kafka's tools show them.
    pub fn commits(&self) -> blocking::Sender<Offsets> {
        self.commits.clone()
    }
}

fn read(
    topic: &Topic,
    from: &Offsets,
    batches: &mpsc::Sender<Result<Vec<Message>>>,
    commits: &blocking::Receiver<Offsets>,
) -> Result<()> {
    let consumer = connect(topic)?;
    let Some(partitions) = partitions(topic, &consumer, batches)? else { return Ok(()) };
    let start = begin(topic, &consumer, &partitions, from)?;
    consumer.assign(&start).map_err(|error| broken(topic, &error))?;
    let mut told = None;
    while !batches.is_closed() {
        if let Some(offsets) = commits.try_iter().last() {
            commit(topic, &consumer, &offsets);
        }
        let batch = poll(topic, &consumer, &mut told)?;
        if !batch.is_empty() && batches.blocking_send(Ok(batch)).is_err() {
            break;
        }
    }
    if let Some(offsets) = commits.try_iter().last() {
        commit(topic, &consumer, &offsets);
    }
    Ok(())
}

fn broken(topic: &Topic, error: &KafkaError) -> Failure {
    Failure::broken(format!("topic {} at {}: {error}", topic.name, topic.bootstrap))
}

fn connect(topic: &Topic) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &topic.bootstrap)
        .set("client.id", &topic.group)
        .set("group.id", &topic.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        // What was asked for and is no longer there is a gap, and no reason to begin elsewhere.
        .set("auto.offset.reset", "error")
        // After an empty fetch or an error librdkafka waits this long; its default is 500 ms.
        .set("fetch.error.backoff.ms", "50");
    config.create().map_err(|error| broken(topic, &error))
}

/// The topic's partitions as soon as it is there; none if nobody waits any more.
fn partitions(
    topic: &Topic,
    consumer: &BaseConsumer,
    batches: &mpsc::Sender<Result<Vec<Message>>>,
) -> Result<Option<Vec<i32>>> {
    let until = Instant::now() + topic.wait;
    while !batches.is_closed() {
        let wait = ANSWER.min(topic.wait.max(LOOK_AGAIN));
        let answer = consumer.fetch_metadata(Some(&topic.name), wait);
        if let Ok(metadata) = &answer {
            let found = metadata.topics().iter().filter(|of| of.error().is_none());
            let ids: Vec<i32> = found.flat_map(|of| of.partitions()).map(|of| of.id()).collect();
            if !ids.is_empty() {
                return Ok(Some(ids));
            }
        }
        if Instant::now() >= until {
            return Err(missing(topic, consumer, answer.err()));
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(None)
}

fn missing(topic: &Topic, consumer: &BaseConsumer, error: Option<KafkaError>) -> Failure {
    let Topic { bootstrap, name, wait, .. } = topic;
    if let Some(error) = error {
        return Failure::broken(format!(
            "no broker answers at {bootstrap} within {wait:?} ({error}); \
             expected a Kafka there, or give --bootstrap HOST:PORT"
        ));
    }
    let mut names = vec![];
    if let Ok(metadata) = consumer.fetch_metadata(None, ANSWER) {
        names.extend(metadata.topics().iter().map(|of| of.name().to_string()));
    }
    names.retain(|name| !name.starts_with("__"));
    names.sort();
    let there = if names.is_empty() { "no topic at all".into() } else { names.join(", ") };
    Failure::broken(format!("no topic {name} at {bootstrap} within {wait:?}; it has: {there}"))
}

/// Where each partition begins.
fn begin(
    topic: &Topic,
    consumer: &BaseConsumer,
    partitions: &[i32],
    from: &Offsets,
) -> Result<TopicPartitionList> {
    let name = &topic.name;
    if let Some(partition) = from.keys().find(|of| !partitions.contains(of)) {
        return Err(Failure::broken(format!(
            "topic {name} has no partition {partition}, from which was read before: expected the \
             topic of that time"
        )));
    }
    let mut start = TopicPartitionList::new();
    for partition in partitions {
        let offset = match from.get(partition) {
            None => Offset::Beginning,
            Some(next) => {
                let (low, high) = consumer
                    .fetch_watermarks(name, *partition, ANSWER)
                    .map_err(|error| broken(topic, &error))?;
                if !(low..=high).contains(next) {
                    return Err(Failure::broken(format!(
                        "topic {name} partition {partition} has the offsets {low} to {high}, and \
                         {next} comes next: what lies between is gone, or it is another topic"
                    )));
                }
                Offset::Offset(*next)
            }
        };
        start
            .add_partition_offset(name, *partition, offset)
            .map_err(|error| broken(topic, &error))?;
    }
    Ok(start)
}

fn commit(topic: &Topic, consumer: &BaseConsumer, offsets: &Offsets) {
    let mut list = TopicPartitionList::new();
    let added = offsets.iter().try_for_each(|(partition, next)| {
        list.add_partition_offset(&topic.name, *partition, Offset::Offset(*next))
    });
    // For Kafka's tools alone: nothing depends on it.
    if let Err(error) = added.and_then(|()| consumer.commit(&list, CommitMode::Async)) {
        eprintln!("topic {}: can't commit for group {}: {error}", topic.name, topic.group);
    }
}

/// What there is, up to a batch. What passes by itself is told once.
fn poll(
    topic: &Topic,
    consumer: &BaseConsumer,
    told: &mut Option<RDKafkaErrorCode>,
) -> Result<Vec<Message>> {
    let mut batch = vec![];
    let mut wait = POLL;
    while batch.len() < topic.most {
        match consumer.poll(wait) {
            None => break,
            Some(Ok(message)) => {
                batch.push(owned(&message));
                *told = None;
            }
            Some(Err(error)) => {
                let code = error.rdkafka_error_code();
                if code == Some(RDKafkaErrorCode::AutoOffsetReset) {
                    return Err(broken(topic, &error));
                }
                if code != *told {
                    eprintln!("topic {}: {error}; it is tried again", topic.name);
                    *told = code;
                }
                break;
            }
        }
        wait = Duration::ZERO;
    }
    Ok(batch)
}

fn owned(message: &BorrowedMessage<'_>) -> Message {
    let millis = message.timestamp().to_millis().and_then(|ms| u64::try_from(ms).ok());
    Message {
        partition: message.partition(),
        offset: message.offset(),
        at: millis.map(|ms| ms.saturating_mul(1_000)),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}
