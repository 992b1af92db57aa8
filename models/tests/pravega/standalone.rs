//! The emulator in memory with the Rust client.

use headwater_models::bookkeeper::system::BOOKIE;
use headwater_models::deployment::Machines;
use headwater_models::pravega::config::{
    BookKeeperLog, Client, Cluster, Costs, DataLogKind, SegmentStore,
};
use headwater_models::pravega::system::SEGMENT_STORE;
use headwater_models::role::PRODUCER;
use headwater_models::runtime::jvm;
use headwater_sim::cpu::Ran;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{MachineSpec, PoolSpec};
use headwater_sim::time::Duration;

use super::bench::{Bench, distributed, environment, paced, second, standalone};

fn one_segment() -> Cluster {
    Cluster { segments: 1, ..standalone() }
}

#[test]
fn one_event_at_a_time_takes_the_published_fifth_of_a_millisecond() {
    let mut bench = Bench::new(1, &one_segment(), &paced(100, 100, 5));
    let history = bench.run_to(10);
    assert_eq!(history.acked(), 500);
    history.check_exactly_once();
    let p50 = history.response(0.5).as_secs_f64() * 1e3;
    assert!((0.12..0.25).contains(&p50), "p50 {p50} ms, published 0.17");
}

#[test]
fn a_segment_takes_at_most_500_events_of_the_rust_client_per_round_trip() {
    let mut far = environment(Machines::One);
    let loopback = Distribution::constant(Duration::from_millis(1));
    far.server = MachineSpec { loopback, ..far.server };
    let mut single = Bench::on(1, &one_segment(), &far, &paced(20, 100, 3));
    let round_trip_ms = single.run_to(6).response(0.5).as_secs_f64() * 1e3;
    let mut loaded = Bench::on(1, &one_segment(), &far, &paced(400_000, 100, 2));
    let history = loaded.run_to(3);
    let (from, to) = (second(2), second(3));
    let acked = history.acks.iter().filter(|(at, _)| *at > from && *at <= to).count();
    // 500 events of 108 bytes take 54 kB at 4.3 us a KiB longer than one.
    let full_ms = round_trip_ms + 0.23;
    let ceiling = 500.0 / full_ms * 1e3;
    let ratio = acked as f64 / ceiling;
    assert!((0.9..1.05).contains(&ratio), "{acked}/s, 500 per {full_ms} ms is {ceiling}/s");
}

#[test]
fn collections_come_with_garbage_make_the_tail_and_leave_the_median() {
    let with = |young_collection_us| {
        let jvm = jvm::Config { young_collection_us, ..one_segment().jvm };
        let mut bench = Bench::new(1, &Cluster { jvm, ..one_segment() }, &paced(1_600, 2_500, 60));
        let history = bench.run_to(65);
        assert_eq!(history.acked(), 96_000);
        let pauses = history.times("gc_pause").len();
        let response = |quantile| history.response(quantile).as_secs_f64() * 1e3;
        (response(0.5), response(0.999), pauses)
    };
    let ((p50, p999, none), (p50_paused, p999_paused, pauses)) = (with(0), with(400_000));
    // 1,600 appends and as many reads leave 0.18 GB in a second; eden has 5 to 60 % of 2 GiB.
    assert!((8..100).contains(&pauses), "{pauses} pauses");
    assert!(none > 0, "they happen, and take no time");
    assert!(p50_paused < 1.2 * p50, "p50 {p50} ms, with pauses {p50_paused} ms");
    assert!(p999 < 2.0 && p999_paused > 30.0, "p99.9 {p999} ms and {p999_paused} ms");
}

/// 4 MB of events a second stay on the heap twice, in the log and in tier 2: a collection copies
/// them, and one of a store whose log is in BookKeeper has nothing to copy.
#[test]
fn what_is_in_memory_makes_collections_longer() {
    let with = |survivor_kib_ns| {
        let jvm =
            jvm::Config { survivor_kib_ns, collector: jvm::Collector::Serial, ..one_segment().jvm };
        let mut bench = Bench::new(1, &Cluster { jvm, ..one_segment() }, &paced(1_600, 2_500, 20));
        let history = bench.run_to(25);
        let pauses: Vec<u64> = (history.events.iter())
            .filter(|event| event.name == "gc_pause")
            .map(|event| event.value)
            .collect();
        assert!((3..20).contains(&pauses.len()), "{pauses:?}");
        pauses.iter().sum::<u64>() as f64 / pauses.len() as f64 / 1e3
    };
    let (alone, copying) = (with(0), with(380));
    assert!(alone < 3.0 && (15.0..50.0).contains(&copying), "{alone} ms and {copying} ms");
}

#[test]
fn the_same_seed_gives_the_same_fingerprint_and_another_seed_another() {
    let fingerprint = |seed| {
        let mut bench = Bench::new(seed, &standalone(), &paced(2_000, 500, 3));
        bench.run_to(6).check_exactly_once();
        bench.sim.fingerprint()
    };
    assert_eq!(fingerprint(7), fingerprint(7));
    assert_ne!(fingerprint(7), fingerprint(8));
}

#[test]
fn every_event_is_delivered_once_and_in_order_over_segments_writers_and_readers() {
    let cluster = Cluster { segments: 6, writers: 3, readers: 2, ..standalone() };
    let mut bench = Bench::new(3, &cluster, &paced(6_000, 300, 5));
    let history = bench.run_to(10);
    assert_eq!(history.acked(), 30_000);
    assert_eq!(history.lanes.len(), 18, "every writer writes to every segment");
    history.check_exactly_once();
}

#[test]
fn a_standalone_cluster_on_bookkeeper_recovers_what_one_in_memory_loses() {
    let replication = BookKeeperLog {
        ensemble_size: 1,
        write_quorum: 1,
        ack_quorum: 1,
        ..BookKeeperLog::default()
    };
    let data_log = DataLogKind::BookKeeper;
    let durable = Cluster {
        bookies: 1,
        bookkeeper: replication,
        segment_store: SegmentStore { data_log, ..SegmentStore::standalone() },
        ..standalone()
    };
    let crashed = |cluster: &Cluster| {
        let mut bench = Bench::new(5, cluster, &paced(500, 500, 30));
        let store = bench.nodes(SEGMENT_STORE)[0];
        bench.fault(10, Fault::Crash { node: store });
        bench.fault(12, Fault::Restart { node: store });
        bench.run_to(60);
        bench.sim.into_observer()
    };
    let history = crashed(&durable);
    assert_eq!(history.acked(), 15_000);
    history.check_exactly_once();
    let history = crashed(&standalone());
    // The stream went with the process; what was acknowledged before is nowhere any more. The Rust
    // client sets up again and again (`SegmentWriter::reconnect`, `src/segment/writer.rs` @ v0.3.7)
    // and tells nobody; the Java client gives up.
    assert!(history.acked() < 5_000, "{} acknowledged", history.acked());
    assert_eq!(history.failed(), 0);
    let history = crashed(&Cluster { client: Client::Java, ..standalone() });
    assert_eq!(history.acked() + history.failed(), 15_000);
}

#[test]
fn a_writer_holds_no_more_than_its_limits_while_nothing_is_acknowledged() {
    // Bookies stand still: the Rust client stops at 16 MiB, the Java client when the store no
    // longer reads from its connection (128 MiB) and the socket is full (512 KiB).
    for (client, limit) in [(Client::Rust, 16 << 20), (Client::Java, (128 << 20) + (512 << 10))] {
        let cluster = Cluster { client, segments: 1, ..distributed(1, 3) };
        let mut bench = Bench::new(6, &cluster, &paced(20_000, 10_000, 4));
        for node in bench.nodes(BOOKIE) {
            bench.fault(2, Fault::Pause { node });
            bench.fault(12, Fault::Resume { node });
        }
        let history = bench.run_to(60);
        assert_eq!(history.acked(), 80_000, "{client:?}");
        history.check_exactly_once();
        let writer = bench.nodes(PRODUCER)[0];
        let bytes = bench.sim.gauges(writer).find(|(name, _)| *name == "writer_outstanding_bytes");
        let max = bytes.expect("reported").1.max;
        let ratio = max as f64 / f64::from(limit);
        assert!((0.9..1.1).contains(&ratio), "{client:?}: {max} bytes, limit {limit}");
    }
}

#[test]
fn two_threads_record_what_a_lone_append_wrote_and_fewer_where_many_come() {
    let dispatches_an_append = |statistics_ns, rate| {
        let costs = Costs { statistics_ns, ..one_segment().costs };
        let mut bench = Bench::new(1, &Cluster { costs, ..one_segment() }, &paced(rate, 100, 5));
        let acked = bench.run_to(10).acked();
        assert_eq!(acked, rate * 5);
        let store = bench.nodes(SEGMENT_STORE)[0];
        let recorder = |(spec, _): &(PoolSpec, Ran)| spec.name == "auto-scaler";
        let (_, ran) = bench.sim.pools(store).find(recorder).unwrap();
        ran.dispatches as f64 / acked as f64
    };
    assert_eq!(dispatches_an_append(12_000, 100), 2.0);
    // An append every millisecond, and 3 ms until the recorder is back at its queue.
    let few = dispatches_an_append(1_500_000, 1_000);
    assert!((0.5..0.8).contains(&few), "{few}");
    assert_eq!(dispatches_an_append(0, 100), 0.0, "no cost, no thread");
}
