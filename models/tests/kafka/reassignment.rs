//! Partitions that are reassigned: how long that takes, what it does to others, and when it never
//! ends.

use headwater_models::arrival::ArrivalSource;
use headwater_models::kafka::config::Cluster;
use headwater_models::kafka::reassignment::Reassignment;
use headwater_models::kafka::record::Record;
use headwater_models::protocol;
use headwater_sim::machine::MachineSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::BytesPerSecond;

use crate::harness::{Bench, bench_of, steady, three};

const BEGINS: u64 = 20;

/// Four brokers, and a partition on the first three: one of its replicas goes to the fourth.
fn moving(from: u32, throttle: u64) -> Cluster {
    let reassignment =
        Reassignment { partitions: 1, after_ms: BEGINS * 1_000, from, to: 4, throttle };
    Cluster { brokers: 4, reassignment, ..three() }
}

/// Events of 10,000 bytes, `rate` a second for `seconds`, on cards of 20 MB/s.
fn ran(cluster: &Cluster, rate: u64, seconds: u64, until: u64) -> Bench {
    ran_on(20_000_000, cluster, &steady(rate, 10_000, seconds), until)
}

fn ran_on(card: u64, cluster: &Cluster, source: &ArrivalSource, until: u64) -> Bench {
    let nic = BytesPerSecond(card);
    let machine = MachineSpec { cores: 4, nic, ..MachineSpec::named("machine") };
    let mut bench = bench_of(machine, cluster, &[], source, 1);
    bench.run(until);
    bench
}

/// When something was first noted.
fn at(bench: &Bench, name: &str) -> Option<Time> {
    let mut events = bench.sim.observer().events.iter();
    events.find(|event| event.name == name).map(|event| event.at)
}

/// How long the reassignment took.
fn took(bench: &Bench) -> Duration {
    let begun = at(bench, "reassignment_begun").expect("it begins");
    at(bench, "reassigned").expect("it ends").since(begun)
}

/// Bytes of the log that a broker has.
fn log_bytes(bench: &Bench, broker: usize) -> u64 {
    let records = bench.sim.disk_records(bench.broker(broker));
    let bytes = |record: &protocol::Record| match record {
        protocol::Record::Kafka(Record::Log(batch)) => batch.size_bytes(),
        _ => 0,
    };
    records.map(|(_, _, _, record, _)| bytes(record)).sum()
}

#[test]
fn it_takes_as_long_as_the_bytes_of_the_log_at_the_throttle() {
    for throttle in [1_000_000, 2_000_000] {
        let bench = ran(&moving(3, throttle), 200, 10, 60);
        let bytes = log_bytes(&bench, 0);
        assert!(bytes > 20_000_000, "{bytes} bytes");
        let (took, expected) = (took(&bench).as_secs_f64(), bytes as f64 / throttle as f64);
        assert!((took - expected).abs() < 0.1 * expected, "{took} s, expected {expected} s");
        assert_eq!(log_bytes(&bench, 3), bytes, "the new replica has it all");
        assert_eq!(log_bytes(&bench, 2), 0, "and the old one is gone");
    }
    let free = took(&ran(&moving(3, 0), 200, 10, 40)).as_secs_f64();
    // 20 MB at 20 MB/s.
    assert!((0.9..2.5).contains(&free), "{free} s");
}

#[test]
fn a_leader_that_is_replaced_hands_over_and_nothing_is_lost() {
    let bench = ran(&moving(1, 0), 100, 40, 50);
    let seen = bench.sim.observer();
    seen.check_exactly_once();
    assert_eq!((seen.acks.len(), seen.errors.len()), (4_000, 0));
    let led: Vec<_> = seen.events.iter().filter(|event| event.name == "leader_elected").collect();
    let names: Vec<_> = seen.events.iter().map(|event| (event.name, event.at)).collect();
    assert_eq!(led.last().map(|event| event.node), Some(bench.broker(3)), "{names:?}");
    assert_eq!(log_bytes(&bench, 0), 0);
    assert_eq!(log_bytes(&bench, 3), log_bytes(&bench, 1));
}

#[test]
fn without_a_throttle_the_live_tail_waits_for_the_copy_and_with_one_it_does_not() {
    let p95 = |throttle: u64| {
        // 1 MB/s, which goes to two followers in sync, and cards of 1 Gbit/s.
        let source = steady(500, 2_000, 50);
        let bench = ran_on(125_000_000, &moving(3, throttle), &source, 55);
        let begun = at(&bench, "reassignment_begun").expect("it begins");
        let during = begun..begun + took(&bench);
        let acks = bench.sim.observer().acks.iter();
        let mut took: Vec<_> =
            acks.filter(|(at, _)| during.contains(at)).map(|(_, took)| *took).collect();
        took.sort_unstable();
        took[took.len() * 95 / 100].as_nanos() / 1_000
    };
    let (free, throttled) = (p95(0), p95(4_000_000));
    assert!(throttled < 3_000, "{throttled} us");
    assert!(free > 3 * throttled, "without {free} us, with {throttled} us");
}

#[test]
fn a_throttle_below_the_rate_that_comes_in_never_ends() {
    let ends = |throttle: u64| {
        let bench = ran(&moving(3, throttle), 100, 80, 85);
        assert_eq!(bench.sim.observer().acks.len(), 8_000, "it holds nobody up");
        at(&bench, "reassigned").is_some()
    };
    // 1 MB/s comes in, and goes to each of two followers in sync.
    assert!(!ends(800_000));
    assert!(!ends(2_000_000), "those in sync use up the leader's");
    assert!(ends(5_000_000));
}

#[test]
fn an_impossible_reassignment_is_refused_with_what_there_is() {
    let error = |reassignment: Reassignment| {
        Cluster { brokers: 4, reassignment, ..three() }.check().unwrap_err()
    };
    let one = Reassignment { partitions: 1, after_ms: 0, from: 1, to: 5, throttle: 0 };
    assert!(error(one.clone()).starts_with("reassignment.to is 5, but"));
    let there = error(Reassignment { to: 2, ..one });
    assert!(there.contains("only 0 of 1 partitions have a replica on broker 1"), "{there}");
}
