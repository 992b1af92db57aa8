//! Kafka, written to by librdkafka.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_models::kafka::config::Cluster;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};

use super::{Refused, Target, Teller, Token};
use crate::failure::{Failure, Result};

/// How long a cluster may take to answer a question about itself before it counts as dead.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take to make or remove a topic.
const ADMIN: Duration = Duration::from_secs(30);

/// A cluster by its address, and the topic of this run.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    /// `host:port`, one or several with commas.
    pub(crate) bootstrap: String,
    /// The topic's name.
    pub(crate) name: String,
}

/// What the client logs and warns of goes nowhere: connections are lost by design here.
pub(crate) struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

/// A client configuration for `bootstrap`.
pub(crate) fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config.set("client.id", "headwater");
    // Loopback names resolve to both families; brokers here listen on IPv4.
    config.set("broker.address.family", "v4");
    config.set("log_level", "0");
    config
}

/// Brokers that the cluster at `bootstrap` has, or why it does not answer within [`ANSWER`].
pub(crate) fn brokers(bootstrap: &str) -> std::result::Result<usize, KafkaError> {
    let config = client(bootstrap);
    let admin = AdminClient::<Silent>::from_config_and_context(&config, Silent)?;
    let metadata = admin.inner().fetch_metadata(None, ANSWER)?;
    Ok(metadata.brokers().len())
}

impl Topic {
    /// Makes the topic, with the options of the scenario's topic.
    pub(crate) fn create(&self, cluster: &Cluster) -> Result<()> {
        let replication = TopicReplication::Fixed(cluster.replication_factor as i32);
        let options = [
            ("min.insync.replicas", cluster.topic.min_insync_replicas.to_string()),
            ("flush.messages", cluster.topic.flush_messages.to_string()),
            ("unclean.leader.election.enable", cluster.topic.unclean_leader_election.to_string()),
        ];
        let mut topic = NewTopic::new(&self.name, cluster.partitions as i32, replication);
        for (name, value) in &options {
            topic = topic.set(name, value);
        }
        let fail = |error: String| {
            Failure::new(format!("{}: can't create topic {}: {error}", self.bootstrap, self.name))
        };
        let (admin, options) = self.admin().map_err(|error| fail(error.to_string()))?;
        let made = block_on(admin.create_topics(&[topic], &options))?;
        match made.map_err(|error| fail(error.to_string()))?.pop() {
            Some(Err((_, code))) => Err(fail(code.to_string())),
            _ => Ok(()),
        }
    }

    /// The broker that leads partition 0, by its id.
    pub(crate) fn leader(&self) -> Option<i32> {
        let (admin, _) = self.admin().ok()?;
        let metadata = admin.inner().fetch_metadata(Some(&self.name), ANSWER).ok()?;
        let leader = metadata.topics().first()?.partitions().first()?.leader();
        Some(leader).filter(|leader| *leader >= 0)
    }

    /// Removes the topic. It is this run's own, so that a failure only leaves it behind.
    pub(crate) fn delete(&self) -> Result<()> {
        let fail = |error: KafkaError| {
            Failure::new(format!("{}: topic {} is left behind: {error}", self.bootstrap, self.name))
        };
        let (admin, options) = self.admin().map_err(fail)?;
        block_on(admin.delete_topics(&[&self.name], &options))?.map_err(fail)?;
        Ok(())
    }

    fn admin(
        &self,
    ) -> std::result::Result<(AdminClient<DefaultClientContext>, AdminOptions), KafkaError> {
        let config = client(&self.bootstrap);
        let admin = AdminClient::from_config_and_context(&config, DefaultClientContext)?;
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN)).operation_timeout(Some(ADMIN));
        Ok((admin, options))
    }
}

/// Waits for a client's future on this thread.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    Ok(runtime.block_on(future))
}

/// Names of librdkafka's options for those of the scenario's producer (`CONFIGURATION.md` @ 2.x).
/// Those of the Java client that librdkafka does not have are left out.
pub(crate) fn producer_options(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let producer = &cluster.producer;
    // librdkafka refuses more than a gigabyte here, and the scenario's is in bytes.
    let kbytes = (producer.buffer_memory / 1_024).clamp(1, 2_097_151);
    BTreeMap::from([
        ("acks", producer.acks.to_string()),
        ("batch.size", producer.batch_size.min(i32::MAX as u64).to_string()),
        ("batch.num.messages", producer.batch_num_messages.min(1_000_000).to_string()),
        ("linger.ms", producer.linger_ms.to_string()),
        ("queue.buffering.max.kbytes", kbytes.to_string()),
        ("queue.buffering.max.messages", QUEUE_MESSAGES_MAX.to_string()),
        ("message.max.bytes", producer.max_request_size.to_string()),
        (
            "max.in.flight.requests.per.connection",
            producer.max_in_flight.min(1_000_000).to_string(),
        ),
        ("enable.idempotence", producer.enable_idempotence.to_string()),
        ("request.timeout.ms", producer.request_timeout_ms.to_string()),
        ("message.timeout.ms", producer.delivery_timeout_ms.to_string()),
        ("retry.backoff.ms", producer.retry_backoff_ms.to_string()),
        ("socket.nagle.disable", "true".into()),
    ])
}

/// Events that the producer holds at the most, sent or not: librdkafka's own default is 100,000
/// (`queue.buffering.max.messages`), which is less than one goal shot.
const QUEUE_MESSAGES_MAX: u32 = 1_000_000;

/// Runs when a delivery is known.
struct Told(Teller);

impl ClientContext for Told {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Told {
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
pub(crate) struct Writer {
    producer: ThreadedProducer<Told>,
    topic: String,
}

impl Writer {
    /// Connects a producer with the scenario's options to the topic.
    pub(crate) fn connect(topic: &Topic, cluster: &Cluster, teller: Teller) -> Result<Self> {
        let mut config = client(&topic.bootstrap);
        for (name, value) in producer_options(cluster) {
            config.set(name, value);
        }
        let fail = |error: KafkaError| {
            Failure::new(format!("{}: can't connect a producer: {error}", topic.bootstrap))
        };
        let producer: ThreadedProducer<Told> =
            ThreadedProducer::from_config_and_context(&config, Told(teller)).map_err(fail)?;
        // Leaders are known before the first event is due.
        producer.client().fetch_metadata(Some(&topic.name), ANSWER).map_err(fail)?;
        Ok(Self { producer, topic: topic.name.clone() })
    }
}

impl Target for Writer {
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

/// The payload of a message that was read, none for a tombstone (which this program never writes).
pub(crate) fn payload<M: Message>(message: &M) -> &[u8] {
    message.payload().unwrap_or_default()
}
