//! Options of a producer.
//!
//! Stands for `ProducerConfig` of apache/kafka @ 3.9.0, KIP-1030 for what 4.0 changed, and
//! `rdkafka_conf.c` of librdkafka @ 2.12.1. Left out: options of what is not modelled.

use std::fmt;

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::version::Version;
use crate::kafka::compression::Codec;

/// Acknowledgements as Kafka's own clients take them: a number, or `"all"`.
fn acks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i16, D::Error> {
    struct Acks;

    impl Visitor<'_> for Acks {
        type Value = i16;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("0, 1, -1 or \"all\"")
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<i16, E> {
            i16::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<i16, E> {
            i16::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<i16, E> {
            match text {
                "all" => Ok(-1),
                _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
            }
        }
    }

    deserializer.deserialize_any(Acks)
}

/// Options of a producer. Those that only one library has are ignored by the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "ProducerConfig @ apache/kafka 3.9.0, KIP-1030 for 4.x; rdkafka_conf.c @ \
                  librdkafka 2.12.1"
))]
pub struct Producer {
    /// `0`, `1`, or `-1` for all; `"all"` is read as `-1`.
    #[serde(deserialize_with = "acks")]
    #[schemars(extend("type" = ["integer", "string"], "enum" = [0, 1, -1, "all"]))]
    pub acks: i16,
    /// Size of a batch in bytes.
    #[serde(rename = "batch.size")]
    pub batch_size: u64,
    /// Records in a batch at the most (librdkafka `batch.num.messages`).
    #[serde(rename = "batch.num.messages")]
    pub batch_num_messages: u64,
    /// Time that a batch waits to fill, in milliseconds.
    #[serde(rename = "linger.ms")]
    pub linger_ms: u64,
    /// How batches are compressed.
    #[serde(rename = "compression.type")]
    pub compression: Codec,
    /// Bytes that the client holds at the most (librdkafka: `queue.buffering.max.kbytes`). When
    /// they are used up, the Java client's caller waits for `max.block.ms`; librdkafka refuses
    /// events.
    #[serde(rename = "buffer.memory")]
    pub buffer_memory: u64,
    /// Events that librdkafka holds at the most, acknowledged ones not counted; 0 for no limit.
    #[serde(rename = "queue.buffering.max.messages")]
    pub queue_buffering_max_messages: u64,
    /// How long the Java client's caller waits for memory before its event has failed.
    #[serde(rename = "max.block.ms")]
    pub max_block_ms: u64,
    /// For how long librdkafka sends events without a key to one partition; 0 to draw one for each
    /// event, -1 for its default: twice `linger.ms` ([`Producer::sticky_linger`]).
    #[serde(rename = "sticky.partitioning.linger.ms")]
    pub sticky_linger_ms: i64,
    /// Bytes of one request.
    #[serde(rename = "max.request.size")]
    pub max_request_size: u64,
    /// Requests on one connection that await their response.
    #[serde(rename = "max.in.flight.requests.per.connection")]
    pub max_in_flight: u32,
    /// Exactly one copy of each batch in the log, in order, across retries. Where it is not set and
    /// `acks` is not all, it is off.
    #[serde(rename = "enable.idempotence")]
    pub enable_idempotence: bool,
    /// How long the broker waits for followers; the Java client takes a request without a response
    /// for this long as failed.
    #[serde(rename = "request.timeout.ms")]
    pub request_timeout_ms: u64,
    /// librdkafka takes a request without a response for this long as failed.
    #[serde(rename = "socket.timeout.ms")]
    pub socket_timeout_ms: u64,
    /// An event (Java: a batch) that is not acknowledged for this long is given up (librdkafka:
    /// `message.timeout.ms`).
    #[serde(rename = "delivery.timeout.ms")]
    pub delivery_timeout_ms: u64,
    /// Pause before the first retry; each further one is twice as long, give or take a fifth.
    #[serde(rename = "retry.backoff.ms")]
    pub retry_backoff_ms: u64,
    /// Longest pause before a retry.
    #[serde(rename = "retry.backoff.max.ms")]
    pub retry_backoff_max_ms: u64,
    /// Pause from one attempt to connect to the next.
    #[serde(rename = "reconnect.backoff.ms")]
    pub reconnect_backoff_ms: u64,
    /// Longest such pause.
    #[serde(rename = "reconnect.backoff.max.ms")]
    pub reconnect_backoff_max_ms: u64,
}

impl Producer {
    pub(super) fn check(&self) -> Result<(), String> {
        if !matches!(self.acks, -1..=1) {
            return Err(format!("producer.acks is {}, but it is 0, 1, or -1 (\"all\")", self.acks));
        }
        if self.enable_idempotence && (self.acks != -1 || self.max_in_flight > 5) {
            return Err("producer.enable.idempotence needs acks -1 and at most 5 requests in \
                        flight (producer.max.in.flight.requests.per.connection)"
                .into());
        }
        if self.sticky_linger_ms < -1 {
            return Err(format!(
                "producer.sticky.partitioning.linger.ms is {}, but it is at least 0, or -1 for \
                 twice producer.linger.ms",
                self.sticky_linger_ms
            ));
        }
        if self.buffer_memory < self.batch_size {
            return Err("producer.buffer.memory is below producer.batch.size: no batch fits".into());
        }
        Ok(())
    }

    /// For how long librdkafka stays with a partition: unless it is set, twice `linger.ms`, and 900
    /// s at the most (`rd_kafka_conf_finalize`, `rdkafka_conf.c:4373` @ 2.12.1).
    pub fn sticky_linger(&self) -> Duration {
        let set = u64::try_from(self.sticky_linger_ms);
        Duration::from_millis(set.unwrap_or((2 * self.linger_ms).min(900_000)))
    }

    /// The Java client (`ProducerConfig`; KIP-1030: `linger.ms` went from 0 to 5 in 4.0).
    pub const fn java(version: Version) -> Self {
        Self {
            acks: -1,
            batch_size: 16_384,
            batch_num_messages: u32::MAX as u64,
            compression: Codec::None,
            linger_ms: if matches!(version, Version::V3_9) { 0 } else { 5 },
            buffer_memory: 33_554_432,
            queue_buffering_max_messages: 0,
            max_block_ms: 60_000,
            sticky_linger_ms: 0,
            max_request_size: 1_048_576,
            max_in_flight: 5,
            enable_idempotence: true,
            request_timeout_ms: 30_000,
            socket_timeout_ms: 60_000,
            delivery_timeout_ms: 120_000,
            retry_backoff_ms: 100,
            retry_backoff_max_ms: 1_000,
            reconnect_backoff_ms: 50,
            reconnect_backoff_max_ms: 1_000,
        }
    }

    /// librdkafka (`rdkafka_conf.c` @ 2.12.1): no idempotence, batches of a million bytes or ten
    /// thousand messages after 5 ms, a million requests in flight, a queue of 1 GiB or a hundred
    /// thousand messages, another partition after twice the linger.
    pub const fn librdkafka() -> Self {
        Self {
            acks: -1,
            batch_size: 1_000_000,
            batch_num_messages: 10_000,
            compression: Codec::None,
            linger_ms: 5,
            buffer_memory: 1_073_741_824,
            queue_buffering_max_messages: 100_000,
            max_block_ms: 60_000,
            sticky_linger_ms: -1,
            max_request_size: 1_000_000,
            max_in_flight: 1_000_000,
            enable_idempotence: false,
            request_timeout_ms: 30_000,
            socket_timeout_ms: 60_000,
            delivery_timeout_ms: 300_000,
            retry_backoff_ms: 100,
            retry_backoff_max_ms: 1_000,
            reconnect_backoff_ms: 100,
            reconnect_backoff_max_ms: 10_000,
        }
    }
}
