//! Against a broker that librdkafka plays: what the sources read, and what processes leave behind
//! that are killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use headwater_pipeline::source::{Offsets, Source, Topic};
use headwater_pipeline::web::client::Client;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rustix::process::Signal;
use serde_json::Value;

use crate::common::{PATIENCE, Running, message, port, until};

type Kafka = MockCluster<'static, DefaultProducerContext>;

fn kafka(partitions: i32) -> Kafka {
    let kafka = MockCluster::new(1).expect("a cluster");
    kafka.create_topic("tweets", partitions, 1).expect("a topic");
    kafka
}

fn producer(kafka: &Kafka) -> ThreadedProducer<rdkafka::producer::DefaultProducerContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers()).set("linger.ms", "1");
    config.create().expect("a producer")
}

/// Sends the tweets with these numbers, each partition in turn.
fn send(kafka: &Kafka, partitions: i32, ids: std::ops::Range<u64>) {
    let producer = producer(kafka);
    for id in ids {
        let value = message(id, &format!("tweet {id} #tag{}", id % 7)).value;
        let partition = i32::try_from(id).expect("a small number") % partitions;
        let record = BaseRecord::<(), _>::to("tweets").payload(&value).partition(partition);
        producer.send(record).map_err(|(error, _)| error).expect("it is taken");
    }
    producer.flush(PATIENCE).expect("all are acknowledged");
}

fn topic(kafka: &Kafka, name: &str) -> Topic {
    Topic {
        bootstrap: kafka.bootstrap_servers(),
        name: name.into(),
        group: "test".into(),
        most: 50,
        wait: Duration::from_millis(200),
    }
}

#[tokio::test]
async fn all_partitions_are_read_from_where_it_is_said() {
    let kafka = kafka(3);
    send(&kafka, 3, 0..300);
    let mut source = Source::open(topic(&kafka, "tweets"), Offsets::from([(1, 90)]));
    let mut seen = BTreeSet::new();
    while seen.len() < 210 {
        let batch = source.next().await.expect("there is more").expect("it is read");
        assert!((1..=50).contains(&batch.len()), "{}", batch.len());
        for message in batch {
            assert!(message.partition != 1 || message.offset >= 90, "{message:?}");
            assert!(message.at.is_some());
            assert!(seen.insert((message.partition, message.offset)), "{message:?}");
        }
    }
    let of = |partition| seen.iter().filter(|(of, _)| *of == partition).count();
    assert_eq!([0, 1, 2].map(of), [100, 10, 100]);
}

#[tokio::test]
async fn a_topic_that_is_not_there_and_an_offset_that_is_gone_are_told() {
    let kafka = kafka(1);
    send(&kafka, 1, 0..5);
    let told = async |name: &str, from: Offsets| {
        let first = Source::open(topic(&kafka, name), from).next().await;
        first.expect("a failure").expect_err("a failure").to_string()
    };
    let beyond = told("tweets", Offsets::from([(0, 9)])).await;
    assert!(beyond.contains("has the offsets 0 to 5, and 9 comes next"), "{beyond}");
    let other = told("tweets", Offsets::from([(4, 0)])).await;
    assert!(other.contains("has no partition 4"), "{other}");
    let mut away = topic(&kafka, "tweets");
    away.bootstrap = format!("127.0.0.1:{}", port());
    let first = Source::open(away, Offsets::new()).next().await;
    let nobody = first.expect("a failure").expect_err("a failure").to_string();
    assert!(nobody.contains("no broker answers"), "{nobody}");
}

fn lines(file: &Path) -> usize {
    fs::read(file).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
}

/// Waits until what the service at `at` tells of itself is as expected.
async fn told_by(at: &str, expected: impl Fn(&Value) -> bool) {
    let base = format!("http://{at}").parse().expect("an address");
    let client = Client::new(PATIENCE);
    until("as expected", async || {
        let (_, body) = client.get(&base, "/stats").await.ok()?;
        let stats: Value = serde_json::from_slice(&body).ok()?;
        expected(&stats).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_is_killed_again_and_again_has_each_tweet_once() {
    let kafka = kafka(3);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, summary) = (folder.path().join("tweets.ndjson"), folder.path().join("summary"));
    let bootstrap = kafka.bootstrap_servers();
    let at = format!("127.0.0.1:{}", port());
    let arguments = [
        ["backup", "--topic", "tweets", "--bootstrap", &bootstrap].as_slice(),
        &["--file", file.to_str().expect("text"), "--summary", summary.to_str().expect("text")],
        &["--commit-interval", "20ms", "--max-poll-records", "7", "--sync", "none"],
        &["--listen", &at],
    ]
    .concat();
    let (rounds, each) = (5_u64, 400_u64);
    for round in 0..rounds {
        let mut backup = Running::program(&arguments);
        let before = lines(&file);
        send(&kafka, 3, round * each..(round + 1) * each);
        // Somewhere in the middle: it has written, and has not come to the end.
        until("lines", async || (lines(&file) > before + 50).then_some(())).await;
        assert_eq!(backup.end(Signal::KILL), None, "killed");
    }
    let mut backup = Running::program(&arguments);
    told_by(&at, |stats| stats["lines"] == rounds * each).await;
    assert_eq!(backup.end(Signal::TERM), Some(0));
    let text = fs::read_to_string(&file).expect("it is there");
    let id = |line: &str| {
        let tweet: Value = serde_json::from_str(line).expect("a line is JSON");
        tweet["id"].as_u64().expect("it has a number")
    };
    let mut ids: Vec<u64> = text.lines().map(id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..rounds * each).collect::<Vec<_>>());
    let told: Value =
        serde_json::from_slice(&fs::read(&summary).expect("it is there")).expect("JSON");
    assert_eq!(told["lines"], told["lines_committed"]);
    let resumed = told["lines_resumed"].as_u64().zip(told["received"].as_u64());
    assert_eq!(resumed.map(|(lines, received)| lines + received), Some(rounds * each), "{told}");
}

#[tokio::test]
async fn a_service_reads_what_is_there_and_leaves_its_counts_behind() {
    let kafka = kafka(2);
    send(&kafka, 2, 0..100);
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.json");
    let (bootstrap, at) = (kafka.bootstrap_servers(), format!("127.0.0.1:{}", port()));
    let mut trending = Running::program(&[
        "trending",
        "--topic",
        "tweets",
        "--bootstrap",
        &bootstrap,
        "--listen",
        &at,
        "--summary",
        summary.to_str().expect("text"),
    ]);
    told_by(&at, |stats| stats["distinct"] == 100).await;
    assert_eq!(trending.end(Signal::INT), Some(0));
    let told: Value =
        serde_json::from_slice(&fs::read(&summary).expect("it is there")).expect("JSON");
    assert_eq!((&told["stage"], &told["received"]), (&"trending".into(), &100.into()));
    assert_eq!((&told["offsets"]["0"], &told["offsets"]["1"]), (&50.into(), &50.into()));
}
