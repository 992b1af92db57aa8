//! Kafka's own load test: `kafka-producer-perf-test`, the producer of the Java client
//! (`org.apache.kafka.tools.ProducerPerformance`).

use headwater_models::kafka::config::Cluster;

use super::BOOTSTRAP;
use super::launch::version;
use super::topic::Topic;
use crate::failure::Result;
use crate::launch::artifacts::{Artifacts, pom};
use crate::launch::{Places, java};
use crate::systems::load_lines::{line, summary};
use crate::systems::system::{Load, LoadTest};

/// The Java client's own buffer of 32 MiB (`buffer.memory`): its heap here has no room for the
/// gigabyte that librdkafka has by default.
pub(super) const SETTINGS: &[(&str, &str)] = &[("system.producer.buffer.memory", "33554432")];

/// Makes a topic, and the test ready to write events of `bytes` to it, as many as `load` has.
pub(super) fn prepare(
    cluster: &Cluster,
    topic: Topic,
    (bytes, load): (u64, &Load<'_>),
    places: &Places,
) -> Result<LoadTest> {
    java(BOOTSTRAP)?;
    let (exact, logging) = version(cluster.version);
    let pom = pom(&[["org.apache.kafka", "kafka-tools", exact], logging]);
    let jars = Artifacts::of("Kafka-tools", exact, pom, 50).fetch(&places.cache, BOOTSTRAP)?;
    topic.create(cluster)?;
    // As `bin/kafka-producer-perf-test.sh` and `bin/kafka-run-class.sh` @ 3.9 have it.
    let mut command = ["java", "-Xmx512M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
        .map(str::to_owned)
        .to_vec();
    let more = ["-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"];
    command.extend(more.map(str::to_owned));
    // Its figures have a point in every country.
    command.extend(["-Duser.language=en", "-Duser.country=US", "-cp"].map(str::to_owned));
    command.push(format!("{}/*", jars.display()));
    command.push("org.apache.kafka.tools.ProducerPerformance".into());
    let mut option = |name: &str, value: String| command.extend([name.to_owned(), value]);
    option("--topic", topic.name.clone());
    option("--record-size", bytes.to_string());
    let events = load.events.unwrap_or(EVENTS_PER_SECOND_MAX * 3_600);
    option("--num-records", events.to_string());
    option("--throughput", "-1".into());
    command.push("--producer-props".into());
    let producer = &cluster.producer;
    let properties = [
        ("bootstrap.servers", topic.bootstrap.clone()),
        ("acks", producer.acks.to_string()),
        ("linger.ms", producer.linger_ms.to_string()),
        ("batch.size", producer.batch_size.to_string()),
        ("buffer.memory", producer.buffer_memory.to_string()),
        ("max.request.size", producer.max_request_size.to_string()),
        ("max.in.flight.requests.per.connection", producer.max_in_flight.min(1_000).to_string()),
        ("enable.idempotence", producer.enable_idempotence.to_string()),
        ("request.timeout.ms", producer.request_timeout_ms.to_string()),
    ];
    command.extend(properties.map(|(name, value)| format!("{name}={value}")));
    command.extend(load.besides.iter().cloned());
    let (name, storage) = ("kafka-producer-perf-test", Box::new(topic));
    Ok(LoadTest { name, command, files: vec![], line, summary, storage })
}

/// More than any producer writes.
const EVENTS_PER_SECOND_MAX: u64 = 10_000_000;
