//! What TLS takes of cores, and of the time until a broken connection serves again.

use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_models::kafka::tls::SecurityProtocol;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::harness::{Bench, bench, steady, three};

const EVENTS: u64 = 10_000;

fn encrypted(client: ClientLibrary, clients: bool, brokers: bool, kib_ns: u64) -> Cluster {
    let mut cluster = Cluster { version: Version::V4, ..three() }.with_client(client);
    let of = |on: bool| if on { SecurityProtocol::Ssl } else { SecurityProtocol::Plaintext };
    cluster.security_protocol = of(clients);
    cluster.broker.security_inter_broker_protocol = of(brokers);
    cluster.costs.tls_kib_ns = kib_ns;
    cluster
}

/// 10 MB through the cluster in a second.
fn ran(cluster: &Cluster) -> Bench {
    let mut bench = bench(cluster, &steady(EVENTS, 1_000, 1), 1);
    assert_eq!(bench.run(3).delivered_due.len() as u64, EVENTS);
    bench
}

/// CPU seconds of a node's threads of this name.
fn cpu(bench: &Bench, node: NodeId, pool: &str) -> f64 {
    let mut pools = bench.sim.pools(node).filter(|(spec, _)| spec.name == pool);
    pools.next().expect("such a pool").1.cpu.as_secs_f64()
}

const NETWORK: &str = "data-plane-kafka-network-thread";
const MIB_SENT: f64 = EVENTS as f64 * 1_010.0 / 1_024.0 / 1_024.0;

#[test]
fn each_byte_costs_both_of_its_ends_and_brokers_copy_what_they_send() {
    let client = ClientLibrary::Librdkafka;
    let plain = ran(&encrypted(client, false, false, 0));
    let tls = ran(&encrypted(client, true, false, 2_000));
    let more = |node: fn(&Bench) -> NodeId, pool: &str| {
        (cpu(&tls, node(&tls), pool) - cpu(&plain, node(&plain), pool)) * 1e3
    };
    let producer = more(|bench| bench.producers()[0], "rdk:broker");
    let leader = more(|bench| bench.broker(0), NETWORK);
    let once = MIB_SENT * 1_024.0 * 2_000.0 / 1e6;
    // A thread that is busy for longer makes a request or two fewer.
    assert!((producer / once - 1.0).abs() < 0.1, "{producer} ms, {once} ms");
    // It decrypts what comes, encrypts what goes, and copies that once more at 400 ns a KiB.
    let twice = once * 2.2;
    assert!((leader / twice - 1.0).abs() < 0.1, "{leader} ms, {twice} ms");
    let follower = more(|bench| bench.broker(1), "ReplicaFetcherThread");
    assert!(follower.abs() < once * 0.05, "{follower} ms");
}

#[test]
fn between_brokers_it_is_the_leader_and_the_followers_that_pay() {
    let client = ClientLibrary::Librdkafka;
    let plain = ran(&encrypted(client, false, false, 0));
    let more = |kib_ns: u64| {
        let tls = ran(&encrypted(client, false, true, kib_ns));
        let of = |broker: usize, pool: &str| {
            cpu(&tls, tls.broker(broker), pool) - cpu(&plain, plain.broker(broker), pool)
        };
        let producer = cpu(&tls, tls.producers()[0], "rdk:broker");
        let before = cpu(&plain, plain.producers()[0], "rdk:broker");
        assert!((producer / before - 1.0).abs() < 0.01);
        (of(0, NETWORK) * 1e3, of(1, "ReplicaFetcherThread") * 1e3)
    };
    let ((leader, follower), (leader_twice, follower_twice)) = (more(2_000), more(4_000));
    let once = MIB_SENT * 1_024.0 * 2_000.0 / 1e6;
    assert!((follower / once - 1.0).abs() < 0.1, "{follower} ms, {once} ms");
    // Two followers, and a copy for each.
    assert!((leader / (once * 2.4) - 1.0).abs() < 0.1, "{leader} ms, {once} ms");
    // In proportion to bytes and price: what a KiB costs more shows once on each side.
    assert!(((follower_twice - follower) / once - 1.0).abs() < 0.1, "{follower_twice} ms");
    assert!(((leader_twice - leader) / (once * 2.0) - 1.0).abs() < 0.1, "{leader_twice} ms");
}

#[test]
fn a_connection_that_comes_back_begins_with_a_handshake() {
    for client in [ClientLibrary::Java, ClientLibrary::Librdkafka] {
        let back = |server_ns: u64| {
            let mut cluster = encrypted(client, true, true, 200);
            cluster.costs.tls_server_handshake_ns = server_ns;
            let mut bench = bench(&cluster, &steady(100, 1_000, 40), 1);
            bench.at(2, 0, |node, _| Fault::Crash { node });
            bench.at(20, 0, |node, _| Fault::Restart { node });
            let seen = bench.run(60);
            assert_eq!(seen.acks.len(), 4_000, "{client:?}");
            seen.check_exactly_once();
            let followers = seen.events.iter().filter(|event| event.name == "isr_expanded");
            assert!(followers.count() > 0, "{client:?}: the broker has come back into the ISR");
            cpu(&bench, bench.broker(0), NETWORK) - cpu(&bench, bench.broker(1), NETWORK)
        };
        let (free, dear) = (back(0), back(Duration::from_millis(100).as_nanos()));
        // Two clients and followers, and its JVM is cold.
        assert!((0.15..4.0).contains(&(dear - free)), "{client:?}: {free} s, {dear} s");
    }
}
