//! What many partitions cost: the cluster in latency, the simulation in little.

use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_sim::time::Time;

use crate::harness::{bench_on, steady};

/// Four producers without keys, three replicas, as in the published runs.
fn spread(partitions: u32, acks: i16) -> Cluster {
    let mut cluster = Cluster::defaults(Version::V3_9);
    (cluster.brokers, cluster.replication_factor, cluster.partitions) = (3, 3, partitions);
    cluster.topic.min_insync_replicas = 2;
    (cluster.producers, cluster.consumers) = (4, 4);
    cluster.producer.linger_ms = 1;
    cluster.producer.batch_size = 1_048_576;
    (cluster.producer.acks, cluster.producer.enable_idempotence) = (acks, false);
    cluster.broker.network_threads = 8;
    cluster
}

/// Median response in microseconds, and messages.
fn run(partitions: u32, acks: i16) -> (f64, u64) {
    let mut bench = bench_on(8, &spread(partitions, acks), &steady(6_000, 1_024, 1), 1);
    bench.run(2);
    let notes = bench.sim.observer();
    assert_eq!(notes.acks.len(), 6_000, "{partitions} partitions");
    let median = notes.response_since(Time(300_000_000), 0.5).as_nanos() as f64 / 1e3;
    (median, bench.sim.totals().messages)
}

#[test]
fn thousands_of_partitions_lengthen_replication() {
    // streamnative's openmessaging-benchmark, 200,000/s, 100 and 5,000 partitions: 2.8 and 10.2 ms.
    let (few, many) = (run(100, -1).0, run(5_000, -1).0);
    assert!((2.0..5.0).contains(&(many / few)), "acks=all: {few} us, {many} us");
}

#[test]
fn java_consumers_name_what_has_changed_and_librdkafkas_every_partition_in_each_fetch() {
    let bytes = |client, partitions| {
        let mut cluster = spread(partitions, 1).with_client(client);
        (cluster.producer.acks, cluster.producer.enable_idempotence) = (1, false);
        cluster.replication_factor = 1;
        cluster.topic.min_insync_replicas = 1;
        let mut bench = bench_on(8, &cluster, &steady(2_000, 100, 3), 1);
        bench.run(1);
        let before = bench.sim.totals().message_bytes;
        bench.run(3);
        bench.sim.totals().message_bytes - before
    };
    // Bytes of a fetch and its answer grow by 33 and 40 for each partition that they list.
    let java = [1, 3_000].map(|partitions| bytes(ClientLibrary::Java, partitions));
    assert!(java[1] < 2 * java[0], "Java: {java:?} bytes");
    let librdkafka = [1, 3_000].map(|partitions| bytes(ClientLibrary::Librdkafka, partitions));
    assert!(librdkafka[1] > 10 * librdkafka[0], "librdkafka: {librdkafka:?} bytes");
}

#[test]
fn what_is_simulated_grows_with_what_is_active_and_not_with_partitions() {
    let ((_, few), (_, many)) = (run(100, 1), run(5_000, 1));
    assert!(many < 2 * few, "{few} messages, {many} messages");
}
