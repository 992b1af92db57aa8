//! A producer of librdkafka.

use std::time::Duration;

use headwater_models::kafka::config::Cluster;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{
    BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};

use super::options;
use super::topic::{self, ANSWER, Topic};
use crate::failure::{Failure, Result};
use crate::systems::client::{Observer, Refused, Token, Writer};

/// Called back when it is known what became of an event.
struct Deliveries(Observer);

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Token>;

    fn delivery(&self, result: &DeliveryResult<'_>, token: Box<Token>) {
        match result {
            Ok(_) => self.0.acked(*token),
            Err((error, _)) => self.0.failed(*token, name(error)),
        }
    }
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
    producer: ThreadedProducer<Deliveries>,
    topic: String,
}

impl Producer {
    /// Connects a producer with the scenario's options to the topic.
    pub(super) fn connect(topic: &Topic, cluster: &Cluster, observer: Observer) -> Result<Self> {
        let mut config = topic::client(&topic.bootstrap);
        for (name, value) in options::of_producer(cluster) {
            config.set(name, value);
        }
        let fail = |error: KafkaError| {
            Failure::new(format!("{}: can't connect a producer: {error}", topic.bootstrap))
        };
        let producer: ThreadedProducer<Deliveries> =
            ThreadedProducer::from_config_and_context(&config, Deliveries(observer))
                .map_err(fail)?;
        // Leaders are known before the first event is due.
        producer.client().fetch_metadata(Some(&topic.name), ANSWER).map_err(fail)?;
        Ok(Self { producer, topic: topic.name.clone() })
    }
}

impl Writer for Producer {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let record =
            BaseRecord::<(), [u8], Box<Token>>::with_opaque_to(&self.topic, Box::new(token))
                .partition(token.place.lane as i32)
                .payload(payload);
        self.producer.send(record).map_err(|(error, _)| Refused(name(&error)))
    }

    fn abandon(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        // Told through the same callbacks; a moment is enough for what is on hand already.
        let _ = self.producer.flush(Duration::from_secs(1));
    }
}
