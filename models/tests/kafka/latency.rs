//! What sets latency and throughput.

use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_sim::machine::MachineSpec;
use headwater_sim::scheduling::{IdleCost, IdlePoint, SchedulerSpec};
use headwater_sim::time::Duration;

use crate::harness::{bench, bench_of, steady, three};

#[test]
fn acks_all_costs_a_fetch_round_more_than_acks_1() {
    let median = |acks: i16, replicas: u32| {
        let mut cluster = three();
        cluster.replication_factor = replicas;
        cluster.topic.min_insync_replicas = replicas.min(2);
        (cluster.producer.acks, cluster.producer.enable_idempotence) = (acks, acks == -1);
        let mut bench = bench(&cluster, &steady(200, 1_000, 5), 1);
        let notes = bench.run(6);
        assert_eq!(notes.acks.len(), 1_000, "acks {acks}");
        notes.response(0.5).as_nanos() / 1_000
    };
    let (leader, all) = (median(1, 3), median(-1, 3));
    // Two crossings of 25 us, the follower's fetch thread, append and next request on top.
    assert!((100..400).contains(&leader), "acks=1: {leader} us");
    assert!((80..400).contains(&(all - leader)), "acks=all {all} us, acks=1 {leader} us");
}

#[test]
fn linger_is_waited_for_at_a_low_rate_and_4_x_lingers_by_default() {
    let median = |version| {
        let mut bench = bench(&Cluster::defaults(version), &steady(50, 1_000, 4), 1);
        bench.run(5).response(0.5).as_nanos() / 1_000
    };
    let (old, new) = (median(Version::V3_9), median(Version::V4));
    assert!((5_000..5_300).contains(&(new.abs_diff(old) + 200)), "3.9: {old} us, 4.x: {new} us");
}

#[test]
fn keyed_batches_shrink_with_the_number_of_partitions() {
    let events_per_batch = |partitions: u32, keyed: bool| {
        let mut cluster = Cluster::defaults(Version::V4);
        (cluster.partitions, cluster.keyed) = (partitions, keyed);
        let mut bench = bench(&cluster, &steady(10_000, 100, 2), 1);
        let notes = bench.run(3);
        assert_eq!(notes.acks.len(), 20_000);
        notes.acks.len() as u64 / notes.batches
    };
    // 10,000/s for 5 ms is 50 events: in one batch, or in one for each of ten partitions.
    let (sticky, keyed) = (events_per_batch(10, false), events_per_batch(10, true));
    assert!((35..60).contains(&sticky) && (4..8).contains(&keyed), "{sticky}, keyed {keyed}");
}

#[test]
fn one_connection_is_served_one_request_at_a_time() {
    // Without batching and with acks=all, a connection does one batch per round, however many
    // requests are in flight.
    let rate = |in_flight: u32| {
        let mut cluster = three();
        cluster.producer.batch_size = 200;
        cluster.producer.max_in_flight = in_flight;
        let mut bench = bench(&cluster, &steady(20_000, 100, 1), 1);
        let notes = bench.run(1);
        notes.acks.len() as u64
    };
    let (one, five) = (rate(1), rate(5));
    assert!(five < one * 2, "1 in flight: {one}/s, 5 in flight: {five}/s");
    assert!(five < 8_000, "{five}/s");
}

#[test]
fn flush_messages_1_costs_a_sync_and_a_handlers_work_for_every_append() {
    let median = |flush: u64, work_us: u64| {
        let mut cluster = Cluster::defaults(Version::V3_9);
        cluster.topic.flush_messages = flush;
        cluster.costs.flush_ns = work_us * 1_000;
        let mut bench = bench(&cluster, &steady(100, 1_000, 5), 1);
        bench.run(6).response(0.5).as_nanos() / 1_000
    };
    let [cached, synced, worked] = [(u64::MAX, 0), (1, 0), (1, 300)].map(|of| median(of.0, of.1));
    // The default disk's sync has a median of 60 us.
    assert!((50..110).contains(&(synced - cached)), "cached {cached} us, synced {synced} us");
    assert!((290..310).contains(&(worked - synced)), "synced {synced} us, with work {worked} us");
}

#[test]
fn an_unthrottled_producer_reaches_what_a_single_broker_is_known_for() {
    // 142-150 MB/s of 1 KB records from one Java producer on one broker: apache/kafka PR 19961.
    let mut cluster = Cluster::defaults(Version::V3_9);
    cluster.producer.acks = 1;
    cluster.producer.enable_idempotence = false;
    let mut bench = bench(&cluster, &steady(400_000, 1_000, 4), 1);
    let rate = bench.run(4).acks.len() / 4;
    assert!((120_000..180_000).contains(&rate), "{rate} records/s");
}

#[test]
fn librdkafka_without_linger_answers_in_a_fifth_of_a_millisecond_or_so() {
    let mut cluster = Cluster::defaults(Version::V3_9).with_client(ClientLibrary::Librdkafka);
    (cluster.producer.linger_ms, cluster.producer.acks) = (0, 1);
    let mut bench = bench(&cluster, &steady(1_600, 2_500, 3), 1);
    let median = bench.run(4).response(0.5).as_nanos() / 1_000;
    assert!((150..300).contains(&median), "{median} us");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let print = |seed| {
        let mut bench = bench(&three(), &steady(500, 1_000, 2), seed);
        bench.run(3);
        bench.sim.fingerprint()
    };
    assert_eq!(print(7), print(7));
    assert_ne!(print(7), print(8));
}

#[test]
fn impossible_clusters_are_refused_with_the_reason() {
    let refused = |change: fn(&mut Cluster)| {
        let mut cluster = three();
        change(&mut cluster);
        cluster.check().unwrap_err()
    };
    assert!(refused(|cluster| cluster.replication_factor = 4).contains("only 3 brokers"));
    assert!(
        refused(|cluster| cluster.topic.min_insync_replicas = 4)
            .contains("replication.factor is 3")
    );
    assert!(refused(|cluster| cluster.producer.acks = 2).contains("0, 1, or -1"));
    assert!(refused(|cluster| cluster.partitions = 0).contains("partitions is 0"));
    assert!(refused(|cluster| cluster.producer.acks = 1).contains("idempotence"));
}

#[test]
fn a_broker_fetches_its_memory_again_for_each_request_when_few_come() {
    // Microseconds of a broker's CPU for a batch, on one core: 50 us for each working set after an
    // idle millisecond.
    let each = |rate: u64, kib: u64| {
        let mut cluster = Cluster::defaults(Version::V3_9);
        cluster.costs.network_working_set_kib = kib;
        cluster.costs.handler_working_set_kib = kib;
        let point = |idle, cost| IdlePoint::new(Duration(idle), Duration(cost));
        let refill = IdleCost { points: vec![point(0, 0), point(1_000_000, 500)] };
        let scheduler = SchedulerSpec { refill, ..SchedulerSpec::default() };
        let machine = MachineSpec { cores: 1, scheduler, ..MachineSpec::named("machine") };
        let mut bench = bench_of(machine, &cluster, &[], &steady(rate, 200, 3), 1);
        let batches = bench.run(3).batches;
        bench.sim.cpu_time(bench.broker(0)).as_nanos() as u64 / 1_000 / batches
    };
    let costs = |rate| each(rate, 100) - each(rate, 0);
    // The request comes to a network thread and a handler after ten idle milliseconds; the fetch
    // that follows it finds most of their memory in the caches.
    let (few, many) = (costs(100), costs(20_000));
    assert!((100..=160).contains(&few), "{few} us a batch");
    assert!(many * 4 < few, "{many} us a batch, {few} us when few come");
}
