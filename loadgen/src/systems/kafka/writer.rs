//! A producer of librdkafka.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use headwater_models::kafka::config::Cluster;
use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};

use super::options;
use super::topic::{self, ANSWER, Told, Topic};
use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::systems::client::{Lot, Observer, Refused, Settled, Token, Writer};
use crate::systems::java::tokens::Tokens;

/// Called back when it is known what became of an event.
struct Deliveries {
    tokens: Arc<Tokens>,
    settled: Mutex<Settling>,
    told: Told,
}

/// What became of events, not told yet.
struct Settling {
    lot: Lot<Settled>,
    /// Numbers of their tokens.
    numbers: Vec<u32>,
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}

    fn stats(&self, statistics: Statistics) {
        self.told.stats(statistics);
    }
}

impl ProducerContext for Deliveries {
    /// The number of its token: a number needs no allocation.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let why = result.as_ref().err().map(|(error, _)| name(error));
        let token = self.tokens.get(number as u32);
        let mut settled = lock(&self.settled);
        let at = settled.lot.clock().now();
        settled.numbers.push(number as u32);
        if settled.lot.add(Settled { at, token, why }) {
            self.tokens.give_back(&mut settled.numbers);
        }
    }
}

impl Deliveries {
    /// Tells what there is.
    fn flush(&self) {
        let mut settled = lock(&self.settled);
        settled.lot.flush();
        self.tokens.give_back(&mut settled.numbers);
    }
}

/// The lock, even if a thread that held it panicked: what it holds is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client's error in a word.
fn name(error: &KafkaError) -> &'static str {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => "queue_full",
        Some(RDKafkaErrorCode::MessageTimedOut) => "message_timed_out",
        Some(RDKafkaErrorCode::RequestTimedOut) => "request_timed_out",
        Some(RDKafkaErrorCode::NotEnoughReplicas) => "not_enough_replicas",
        Some(RDKafkaErrorCode::NotEnoughReplicasAfterAppend) => "not_enough_replicas_after_append",
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => "message_size_too_large",
        Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => "abandoned",
        Some(RDKafkaErrorCode::AllBrokersDown) => "all_brokers_down",
        _ => "client_error",
    }
}

/// A producer.
pub(super) struct Producer {
    producer: Arc<BaseProducer<Deliveries>>,
    tokens: Arc<Tokens>,
    topic: String,
    /// Numbers of tokens that are free.
    free: Vec<u32>,
    /// The wall clock at the start of the run, milliseconds since 1970.
    unix_ms: u64,
    clock: Clock,
    over: Arc<AtomicBool>,
    polling: Option<JoinHandle<()>>,
}

/// Longest wait of the polling thread for what became of events. It tells at the latest then. Not
/// shorter: rdkafka waits in whole milliseconds, and spins through what is left of one
/// (`BaseProducer::poll` @ 0.39).
const POLL: Duration = Duration::from_millis(100);

impl Producer {
    /// Connects producer `number`, from 0, with the scenario's options to the topic.
    pub(super) fn connect(
        number: u32,
        topic: &Topic,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Self> {
        let mut config = topic::client(&topic.bootstrap);
        for (name, value) in options::of_producer(cluster) {
            config.set(name, value);
        }
        let told = Told::new(Some(observer), format!("producer {number}"), &mut config);
        let fail = |error: KafkaError| {
            Failure::new(format!("{}: can't connect a producer: {error}", topic.bootstrap))
        };
        let tokens = Arc::new(Tokens::new(number));
        let settling = Settling { lot: Lot::of_settled(observer), numbers: vec![] };
        let settled = Mutex::new(settling);
        let context = Deliveries { tokens: Arc::clone(&tokens), settled, told };
        let producer: BaseProducer<Deliveries> =
            BaseProducer::from_config_and_context(&config, context).map_err(fail)?;
        // Leaders are known before the first event is due.
        producer.client().fetch_metadata(Some(&topic.name), ANSWER).map_err(fail)?;
        let (producer, over) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let polling = std::thread::Builder::new().name(format!("deliveries-{}", number + 1));
        let (polled, ended) = (Arc::clone(&producer), Arc::clone(&over));
        let polling = polling.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                polled.poll(POLL);
                polled.context().flush();
            }
        });
        let polling = polling.map_err(|error| Failure::io("can't start a thread", &error))?;
        Ok(Self {
            producer,
            tokens,
            topic: topic.name.clone(),
            free: vec![],
            unix_ms: 0,
            clock: observer.clock.clone(),
            over,
            polling: Some(polling),
        })
    }
}

impl Writer for Producer {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let number = match self.free.pop() {
            Some(number) => number,
            None => self.tokens.take(&mut self.free).ok_or(Refused("queue_full"))?,
        };
        self.tokens.set(number, token);
        if self.unix_ms == 0 {
            self.unix_ms = self.clock.started_unix_ms();
        }
        let record = BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, number as usize)
            .partition(token.place.lane as i32)
            .timestamp((self.unix_ms + token.started / 1_000_000) as i64)
            .payload(payload);
        self.producer.send(record).map_err(|(error, _)| {
            self.free.push(number);
            Refused(name(&error))
        })
    }

    fn abandon(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        // Told through the same callbacks; a moment is enough for what is on hand already.
        let _ = self.producer.flush(Duration::from_secs(1));
        self.producer.context().flush();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(polling) = self.polling.take() {
            // One that panicked has nothing to say here.
            let _ = polling.join();
        }
    }
}
