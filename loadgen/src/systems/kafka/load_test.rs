//! Kafka's own load test: `kafka-producer-perf-test`, the producer of the Java client
//! (`org.apache.kafka.tools.ProducerPerformance`).

use headwater_models::kafka::config::Cluster;

use super::BOOTSTRAP;
use super::launch::version;
use super::topic::Topic;
use crate::failure::Result;
use crate::launch::artifacts::{Artifacts, pom};
use crate::launch::{Places, java};
use crate::systems::system::LoadTest;

/// The Java client's own buffer of 32 MiB (`buffer.memory`): its heap here has no room for the
/// gigabyte that librdkafka has by default.
pub(super) const SETTINGS: &[(&str, &str)] = &[("system.producer.buffer.memory", "33554432")];

/// Makes a topic, and the test ready to write events of `bytes` to it.
pub(super) fn prepare(
    cluster: &Cluster,
    topic: Topic,
    bytes: u64,
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
    command.push("-cp".into());
    command.push(format!("{}/*", jars.display()));
    command.push("org.apache.kafka.tools.ProducerPerformance".into());
    let mut option = |name: &str, value: String| command.extend([name.to_owned(), value]);
    option("--topic", topic.name.clone());
    option("--record-size", bytes.to_string());
    option("--num-records", (EVENTS_PER_SECOND_MAX * 3_600).to_string());
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
    let storage = Box::new(topic);
    Ok(LoadTest { name: "kafka-producer-perf-test", command, line, storage })
}

/// More than any producer writes.
const EVENTS_PER_SECOND_MAX: u64 = 10_000_000;

/// `249411 records sent, 49882.2 records/sec (4.76 MB/sec), 1.7 ms avg latency, 342.0 ms max
/// latency.`; the line at the end, which has percentiles, is of everything.
fn line(text: &str) -> Option<(u64, f64)> {
    let (events, rest) = text.split_once(" records sent, ")?;
    let (rate, rest) = rest.split_once(" records/sec")?;
    if rest.contains("99th") {
        return None;
    }
    Some((events.trim().parse().ok()?, rate.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_the_seconds_before_it() {
        let of = "3204567 records sent, 640913.4 records/sec (61.12 MB/sec), 1.7 ms avg latency, \
                  342.0 ms max latency.";
        assert_eq!(line(of), Some((3_204_567, 640_913.4)));
        let end = "100 records sent, 9.9 records/sec (0.00 MB/sec), 1.70 ms avg latency, 342.00 ms \
                   max latency, 1 ms 50th, 2 ms 95th, 3 ms 99th, 4 ms 99.9th.";
        assert_eq!(line(end), None);
        assert_eq!(line("[main] WARN something"), None);
    }
}
