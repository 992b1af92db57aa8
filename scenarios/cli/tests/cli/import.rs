//! Files of the OpenMessaging benchmark become scenarios.

use std::path::Path;
use std::process::Output;

use crate::{errors, headwater, refused};

const WORKLOAD: &str = "\
name: 1 topic / 16 partitions / 1 KB
topics: 1
partitionsPerTopic: 16
messageSize: 1024
payloadFile: \"payload/payload-1Kb.data\"
subscriptionsPerTopic: 1
consumerPerSubscription: 2
producersPerTopic: 4
producerRate: 1000
consumerBacklogSizeGB: 0
testDurationMinutes: 1
warmupDurationMinutes: 0
";

const KAFKA: &str = "\
name: Kafka
driverClass: io.openmessaging.benchmark.driver.kafka.KafkaBenchmarkDriver
replicationFactor: 3
reset: true
topicConfig: |
  min.insync.replicas=2
commonConfig: |
  bootstrap.servers=localhost:9092
producerConfig: |
  acks=all
  linger.ms=1
  batch.size=131072
  compression.typo=lz4
consumerConfig: |
  auto.offset.reset=earliest
  max.partition.fetch.bytes=10485760
";

fn import(folder: &Path, workload: &str, driver: &str) -> Output {
    let paths = ["workload.yaml", "driver.yaml"].map(|name| folder.join(name));
    std::fs::write(&paths[0], workload).expect("a temporary file");
    std::fs::write(&paths[1], driver).expect("a temporary file");
    let [workload, driver] = paths.each_ref().map(|path| path.to_str().expect("a plain path"));
    headwater(&["import", workload, "--driver", driver])
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_workload_and_a_driver_are_a_scenario_that_runs() {
    let folder = folder();
    let made = import(folder.path(), WORKLOAD, KAFKA);
    assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
    let text = String::from_utf8_lossy(&made.stdout);
    for line in [
        "partitions = 16",
        "producers = 4",
        "consumers = 2",
        "replication.factor = 3",
        "topic.\"min.insync.replicas\" = 2",
        "producer.\"acks\" = \"all\"",
        "producer.\"batch.size\" = 131072",
        "consumer.\"max.partition.fetch.bytes\" = 10485760",
        "rate = \"1000/s\"",
        "duration = \"60s\"",
        "size.mean = \"1024B\"",
        "key = \"none\"",
        "title = \"1 topic / 16 partitions / 1 KB on Kafka\"",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, &*text).expect("a temporary file");
    let path = path.to_str().expect("a plain path");
    let short = ["--set", "traffic.duration=2s", "--set", "measure.warm_up=1s"];
    let run = headwater(&[&["run", path][..], &short].concat());
    assert_eq!(run.status.code(), Some(0), "{}", errors(&run));
}

#[test]
fn what_has_no_counterpart_is_told_at_its_line_and_in_the_scenario() {
    let folder = folder();
    let workload = WORKLOAD.replace("topics: 1", "topics: 3\nproduserRate: 7");
    let made = import(folder.path(), &workload, KAFKA);
    let told = errors(&made);
    assert_eq!(made.status.code(), Some(0), "{told}");
    for (message, place) in [
        ("unknown key `produserRate`", "workload.yaml:3:1"),
        ("did you mean `producerRate`?", ""),
        ("topics: 3: one topic with the partitions", "workload.yaml:2:9"),
        ("bootstrap.servers=localhost:9092: Kafka has it; not modelled", "driver.yaml:8:3"),
        ("unknown option `compression.typo`", "driver.yaml:13:3"),
    ] {
        assert!(told.contains(message) && told.contains(place), "{message} {place}:\n{told}");
    }
    let text = String::from_utf8_lossy(&made.stdout);
    assert!(text.contains("#   commonConfig: bootstrap.servers=localhost:9092"), "{text}");
    assert!(text.contains("partitions = 48") && text.contains("producers = 12"), "{text}");
}

#[test]
fn what_is_wrong_is_refused_at_its_line() {
    let folder = folder();
    let import = |workload: &str, driver: &str| import(folder.path(), workload, driver);
    let fast = WORKLOAD.replace("producerRate: 1000", "producerRate: fast");
    refused(&import(&fast, KAFKA), &["producerRate", "workload.yaml:9:15", "fast"]);
    let none = WORKLOAD.replace("partitionsPerTopic: 16", "partitionsPerTopic: 0");
    refused(&import(&none, KAFKA), &["partitionsPerTopic: expected more than 0", "yaml:3:21"]);
    let missing = WORKLOAD.replace("messageSize: 1024\n", "");
    refused(&import(&missing, KAFKA), &["missing field `messageSize`"]);
    refused(&import("name: [a\n", KAFKA), &["workload.yaml:"]);
    let pulsar = KAFKA.replace(".kafka.KafkaBenchmark", ".pulsar.PulsarBenchmark");
    refused(
        &import(WORKLOAD, &pulsar),
        &["has no system here", "KafkaBenchmarkDriver", "yaml:2:14"],
    );
    let many = KAFKA.replace("replicationFactor: 3", "replicationFactor: 3\nreplicas: 3");
    assert!(errors(&import(WORKLOAD, &many)).contains("unknown key `replicas`"));
}

#[test]
fn pravega_has_a_driver_as_well() {
    let folder = folder();
    let driver = "name: Pravega\n\
                  driverClass: io.openmessaging.benchmark.driver.pravega.PravegaBenchmarkDriver\n\
                  client:\n  controllerURI: tcp://localhost:9090\n  scopeName: examples\n\
                  writer:\n  enableConnectionPooling: False\nenableTransaction: true\n";
    let made = import(folder.path(), WORKLOAD, driver);
    let text = String::from_utf8_lossy(&made.stdout);
    assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
    assert!(text.contains("segments = 16") && text.contains("writers = 4"), "{text}");
    assert!(errors(&made).contains("transactions are not modelled"), "{}", errors(&made));
}
