//! A producer: the partitions that it draws, and what it does when it is started again.

use std::collections::BTreeSet;

use headwater_models::kafka::config::{ClientLibrary, Cluster, Producer, Version};
use headwater_sim::fault::Fault;
use headwater_sim::time::{Duration, Time};

use crate::harness::{bench, steady, three};

const DOWN_FROM: u64 = 4_000_000_000;
const UP_AT: u64 = 6_000_000_000;

/// Events of the ten seconds that were acknowledged: (all, due while the producer was down, slowest
/// response in ms), with (lost, repeated).
fn crash_of_the_producer(cluster: &Cluster) -> ((usize, usize, u64), (u64, u64)) {
    let mut bench = bench(cluster, &steady(1_000, 200, 10), 6);
    let node = bench.producers()[0];
    bench.sim.schedule(Time(DOWN_FROM), Fault::Crash { node });
    bench.sim.schedule(Time(UP_AT), Fault::Restart { node });
    let notes = bench.run(30);
    let intended = notes.acks.iter().map(|(at, response)| at.0 - response.0);
    let missed = intended.filter(|at| (DOWN_FROM..UP_AT).contains(at)).count();
    let acked = (notes.acks.len(), missed, notes.response(1.0).as_millis());
    (acked, (notes.lost(), notes.repeated()))
}

#[test]
fn a_producer_that_starts_again_goes_on_with_what_is_due_from_then_on() {
    for keyed in [true, false] {
        let cluster = Cluster { keyed, ..three() };
        let ((acked, missed, slowest_ms), checks) = crash_of_the_producer(&cluster);
        // Two of the ten seconds are missing, and what was under way when it crashed.
        assert!((7_900..=8_000).contains(&acked), "keyed {keyed}: {acked} acknowledged");
        assert_eq!(missed, 0, "keyed {keyed}: acknowledged though due while it was down");
        assert!(slowest_ms < 1_000, "keyed {keyed}: {slowest_ms} ms");
        assert_eq!(checks, (0, 0), "keyed {keyed}: (lost, repeated)");
    }
}

#[test]
fn brokers_neither_refuse_nor_drop_what_a_producer_writes_after_it_was_started_again() {
    // One partition, so that the broker remembers the earlier life's last sequence numbers.
    let cluster = Cluster { partitions: 1, keyed: true, ..three() };
    let ((acked, _, slowest_ms), checks) = crash_of_the_producer(&cluster);
    assert!((7_900..=8_000).contains(&acked), "{acked} acknowledged");
    assert!(slowest_ms < 1_000, "{slowest_ms} ms");
    assert_eq!(checks, (0, 0), "(lost, repeated)");
}

#[test]
fn each_seed_draws_partitions_of_its_own_for_events_without_keys() {
    // Events one second apart: each is a batch, and goes to the partition drawn first.
    let first_partition = |seed: u64| {
        let cluster = Cluster { partitions: 8, keyed: false, ..three() };
        let mut bench = bench(&cluster, &steady(1, 200, 3), seed);
        let lanes: Vec<_> = bench.run(5).lanes.iter().map(|(_, lane)| *lane).collect();
        assert_eq!(lanes.len(), 1, "{lanes:?}");
        lanes[0]
    };
    let drawn: BTreeSet<_> = (0..16).map(first_partition).collect();
    // Sixteen draws of eight hit fewer than four with a probability of 2e-6.
    assert!(drawn.len() >= 4, "sixteen seeds drew {drawn:?} only");
}

#[test]
fn an_event_that_finds_no_memory_for_a_minute_has_failed() {
    let mut cluster = Cluster::defaults(Version::V3_9);
    cluster.producer.buffer_memory = 32_768;
    let failed = |max_block_ms: u64| {
        let cluster = Cluster {
            producer: Producer { max_block_ms, ..cluster.producer.clone() },
            ..cluster.clone()
        };
        let mut bench = bench(&cluster, &steady(1_000, 200, 10), 1);
        // The batches in the memory are tried until 120 s are over, which comes after this.
        bench.at(5, 0, |node, _| Fault::Pause { node });
        bench.at(95, 0, |node, _| Fault::Resume { node });
        let notes = bench.run(200);
        assert!(notes.errors.iter().all(|error| *error == "BUFFER_EXHAUSTED"));
        assert_eq!((notes.acked() + notes.failed(), notes.lost()), (10_000, 0));
        notes.failed()
    };
    // One event waits at a time, for 60 s or 20 s of the 90.
    assert_eq!(failed(60_000), 1);
    assert_eq!(failed(20_000), 4);
}

#[test]
fn events_without_keys_keep_away_from_a_partition_without_leader() {
    // librdkafka draws twice, and sends one event where the second draw says.
    for (client, least) in [(ClientLibrary::Java, 9_990), (ClientLibrary::Librdkafka, 9_700)] {
        let mut cluster = three().with_client(client);
        (cluster.partitions, cluster.keyed) = (3, false);
        (cluster.replication_factor, cluster.topic.min_insync_replicas) = (1, 1);
        let mut bench = bench(&cluster, &steady(500, 200, 40), 3);
        bench.at(5, 2, |node, _| Fault::Crash { node });
        let notes = bench.run(60);
        // It is fenced after 9 s, and clients ask every second at the latest.
        let due = |(at, response): &&(Time, _)| -> bool {
            let due: Time = Time(at.0 - Duration::as_nanos(*response));
            due >= Time(20_000_000_000)
        };
        let acked = notes.acks.iter().filter(due).count();
        assert!(acked >= least, "{client:?}: {acked} of 10,000 went to where there is a leader");
    }
}
