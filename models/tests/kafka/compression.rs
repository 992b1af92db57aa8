//! What compression makes of bytes, and what it takes of cores.

use headwater_models::kafka::compression::{Codec, TopicCodec};
use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_models::kafka::record::{LogBatch, Record};
use headwater_models::protocol;
use headwater_sim::machine::MachineSpec;
use headwater_sim::time::Duration;
use headwater_sim::units::{BytesPerSecond, NodeId};
use headwater_sim::usage::{ResourceKind, Usage};

use crate::harness::{Bench, bench_of, steady, three};

/// Events of 1,000 bytes: 20,000 a second for a second.
const EVENTS: u64 = 20_000;

/// Three brokers with three replicas of one partition, and this compression.
fn compressed(client: ClientLibrary, codec: Codec, topic: TopicCodec) -> Cluster {
    let mut cluster = Cluster { version: Version::V4, ..three() }.with_client(client);
    (cluster.producer.compression, cluster.topic.compression) = (codec, topic);
    cluster
}

/// The same after all has been read.
fn ran(cluster: &Cluster) -> Bench {
    let nic = BytesPerSecond(1_250_000_000);
    let machine = MachineSpec { cores: 4, nic, ..MachineSpec::named("machine") };
    let mut bench = bench_of(machine, cluster, &[], &steady(EVENTS, 1_000, 1), 1);
    let seen = bench.run(3);
    assert_eq!((seen.acks.len() as u64, seen.delivered_due.len() as u64), (EVENTS, EVENTS));
    bench
}

/// The batches in a broker's log.
fn log(bench: &Bench, broker: usize) -> Vec<LogBatch> {
    let records = bench.sim.disk_records(bench.broker(broker));
    let batch = |record: &protocol::Record| match record {
        protocol::Record::Kafka(Record::Log(batch)) => Some(batch.clone()),
        _ => None,
    };
    records.filter_map(|(_, _, _, record, _)| batch(record)).collect()
}

/// How long the card of a broker's machine was busy one way.
fn card(bench: &Bench, broker: usize, way: ResourceKind) -> f64 {
    let usage = bench.sim.usage();
    let of = |one: &&Usage| one.kind == way && one.machine.index() == broker && one.node.is_none();
    usage.iter().find(of).expect("a card").busy.as_secs_f64()
}

/// CPU time of a node's threads of this name.
fn cpu(bench: &Bench, node: NodeId, pool: &str) -> Duration {
    let mut pools = bench.sim.pools(node).filter(|(spec, _)| spec.name == pool);
    pools.next().expect("such a pool").1.cpu
}

#[test]
fn the_network_and_every_disk_have_the_ratio_of_the_payload() {
    for client in [ClientLibrary::Java, ClientLibrary::Librdkafka] {
        let plain = ran(&compressed(client, Codec::None, TopicCodec::Producer));
        let zstd = ran(&compressed(client, Codec::Zstd, TopicCodec::Producer));
        let gauge = |bench: &Bench| {
            let mut gauges = bench.sim.gauges(bench.producers()[0]);
            gauges.find(|(name, _)| *name == "compressed_bytes").map(|(_, gauge)| gauge.value)
        };
        let packed = log(&zstd, 0).iter().map(|of| of.size_bytes() - 61).sum();
        assert_eq!((gauge(&plain), gauge(&zstd)), (None, Some(packed)), "{client:?}");
        for broker in 0..3 {
            let log = log(&zstd, broker);
            assert_eq!(log.iter().map(|of| of.batch.count()).sum::<u64>(), EVENTS);
            for of in &log {
                // A record of 1,000 bytes has 10 more, and 31 % of that are left.
                assert_eq!(of.size_bytes(), 61 + of.batch.count() * 1_010 * 31 / 100);
            }
            let way = if broker == 0 { ResourceKind::NicOut } else { ResourceKind::NicIn };
            let share = card(&zstd, broker, way) / card(&plain, broker, way);
            assert!((0.30..0.36).contains(&share), "{client:?}, broker {broker}: {share}");
        }
    }
}

#[test]
fn clients_pay_to_compress_and_to_decompress() {
    let whole = EVENTS * 1_010;
    let java = |codec| ran(&compressed(ClientLibrary::Java, codec, TopicCodec::Producer));
    let caller = |bench: &Bench| cpu(bench, bench.producers()[0], "application").as_secs_f64();
    let (plain, gzip) = (java(Codec::None), java(Codec::Gzip));
    // At 25 MB/s: 0.8 s, on the thread of the caller.
    let more = caller(&gzip) - caller(&plain);
    assert!((more / (whole as f64 / 25e6) - 1.0).abs() < 0.01, "{more} s");
    let librdkafka =
        |codec| ran(&compressed(ClientLibrary::Librdkafka, codec, TopicCodec::Producer));
    let broker = |bench: &Bench| cpu(bench, bench.producers()[0], "rdk:broker").as_secs_f64();
    let more = broker(&librdkafka(Codec::Gzip)) - broker(&librdkafka(Codec::None));
    // What it sends is smaller, which spares it 700 ns for each KiB: 9 ms.
    assert!((more / (whole as f64 / 25e6 - 0.009) - 1.0).abs() < 0.02, "{more} s");
}

#[test]
fn a_leader_compresses_anew_only_where_the_topic_has_another_codec() {
    let whole = EVENTS * 1_010;
    let of = |topic| {
        let mut cluster = compressed(ClientLibrary::Librdkafka, Codec::Zstd, topic);
        // As small as the producer's, so that nothing else differs.
        cluster.compression.gzip.ratio_percent = cluster.compression.zstd.ratio_percent;
        cluster.broker.io_threads = 1;
        let bench = ran(&cluster);
        let handler = "data-plane-kafka-request-handler";
        let leader = cpu(&bench, bench.broker(0), handler).as_secs_f64();
        (leader, cpu(&bench, bench.broker(1), "ReplicaFetcherThread").as_secs_f64())
    };
    let (as_it_comes, same, gzip) =
        (of(TopicCodec::Producer), of(TopicCodec::Zstd), of(TopicCodec::Gzip));
    assert_eq!(as_it_comes, same);
    let more = gzip.0 - as_it_comes.0;
    assert!((more / (whole as f64 / 25e6) - 1.0).abs() < 0.05, "{more} s");
    assert!((gzip.1 / as_it_comes.1 - 1.0).abs() < 0.2, "followers: {gzip:?}, {as_it_comes:?}");
}

#[test]
fn java_batches_hold_more_once_it_has_learnt_what_they_compress_to() {
    let mut cluster = compressed(ClientLibrary::Java, Codec::Zstd, TopicCodec::Producer);
    (cluster.brokers, cluster.replication_factor) = (1, 1);
    cluster.topic.min_insync_replicas = 1;
    let bench = ran(&cluster);
    let counts: Vec<u64> = log(&bench, 0).iter().map(|of| of.batch.count()).collect();
    // 16 KiB: 16 records of 1,010 bytes, or some 47 when 31 % are left, with a margin of 5 %.
    let learnt = &counts[200..];
    let full = learnt.iter().filter(|count| (44..=50).contains(*count)).count();
    assert!(counts[0] <= 16, "{counts:?}");
    assert!(full * 3 >= learnt.len(), "{counts:?}");
    assert!(log(&bench, 0).iter().all(|of| of.size_bytes() <= 16_384));
}

#[test]
fn an_impossible_ratio_is_refused() {
    let mut cluster = three();
    cluster.compression.zstd.ratio_percent = 0;
    let error = cluster.check().unwrap_err();
    assert!(error.starts_with("compression.zstd.ratio_percent is 0, but"), "{error}");
}
