//! Replication: quorums, ensemble changes, striping.

use headwater_models::bookkeeper::system::BOOKIE;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;

use crate::cluster::{self, SYNC, at, config, nodes, steady};

#[test]
fn every_event_is_read_back_in_order_and_once() {
    let config = config(5, (5, 3, 2));
    let source = steady(at(1_000), Duration::from_micros(500), 4_000, 1_000);
    let mut sim = cluster::cluster(2, &config, &source);
    sim.run_until(at(8_000));
    let seen = sim.observer();
    assert_eq!((seen.acks.len(), seen.delivered()), (4_000, 4_000));
    assert_eq!(seen.repeated_or_late(), []);
    assert_eq!(seen.lost(), 0);
}

#[test]
fn a_killed_bookie_is_replaced_by_a_spare_and_nothing_acknowledged_is_lost() {
    for seed in 0..4 {
        let config = config(4, (3, 3, 2));
        let source = steady(at(1_000), Duration::from_millis(1), 4_000, 1_000);
        let mut sim = cluster::cluster(seed, &config, &source);
        let bookies = nodes(&config, BOOKIE);
        sim.schedule(at(3_000), Fault::Crash { node: bookies[seed as usize] });
        sim.run_until(at(15_000));
        let seen = sim.observer();
        assert_eq!(seen.acks.len(), 4_000, "seed {seed}: {:?}", seen.errors.first());
        assert_eq!(seen.lost(), 0, "seed {seed}");
        assert!(seen.times("ensemble_changed").len() <= 1);
        assert!(seen.longest_gap() < Duration::from_millis(100), "{}", seen.longest_gap());
    }
}

#[test]
fn without_a_spare_a_killed_bookie_stops_writes_until_it_is_back() {
    let config = config(3, (3, 3, 2));
    let source = steady(at(1_000), Duration::from_millis(1), 30_000, 1_000);
    let mut sim = cluster::cluster(5, &config, &source);
    let bookie = nodes(&config, BOOKIE)[0];
    sim.schedule(at(3_000), Fault::Crash { node: bookie });
    sim.schedule(at(20_000), Fault::Restart { node: bookie });
    sim.run_until(at(19_000));
    let errors = &sim.observer().errors;
    assert!(errors.contains(&"BKNotEnoughBookies"), "{errors:?}");
    let acked = sim.observer().acks.len();
    assert!((1_900..2_100).contains(&acked), "{acked} acked while one of three was down");
    sim.run_until(at(45_000));
    let seen = sim.observer();
    assert_eq!(seen.lost(), 0);
    let (acked, failed) = (seen.acked(), seen.failed());
    assert_eq!(acked + failed, 30_000, "{acked} acked, {failed} failed");
    assert!(acked > 18_000, "{acked} acked: everything that was written after it came back");
}

/// The 99th percentile of ack latency with one bookie's disk 40 times as slow.
fn latency_with_one_slow_bookie(ack_quorum: u32) -> Duration {
    let config = config(3, (3, 3, ack_quorum));
    let source = steady(at(1_000), Duration::from_millis(5), 400, 1_000);
    let mut sim = cluster::cluster(7, &config, &source);
    let machine = cluster::machine_of(nodes(&config, BOOKIE)[1]);
    sim.schedule(at(10), Fault::SlowDisk { machine, disk: 0, percent: 4_000 });
    sim.run_until(at(6_000));
    assert_eq!(sim.observer().acks.len(), 400);
    sim.observer().response(0.99)
}

#[test]
fn a_slow_bookie_slows_acks_only_if_all_must_acknowledge() {
    let slow_sync = SYNC * 40;
    let (two, three) = (latency_with_one_slow_bookie(2), latency_with_one_slow_bookie(3));
    assert!(two < Duration::from_millis(4), "ack quorum 2: {two}");
    assert!(three > slow_sync, "ack quorum 3: {three} with a sync of {slow_sync}");
}

#[test]
fn a_hung_bookie_is_replaced_after_the_add_timeout_without_a_stall() {
    let mut changes = 0;
    for seed in 0..2 {
        let config = config(4, (3, 3, 2));
        let source = steady(at(1_000), Duration::from_millis(1), 12_000, 1_000);
        let mut sim = cluster::cluster(seed, &config, &source);
        let node = nodes(&config, BOOKIE)[seed as usize];
        sim.schedule(at(3_000), Fault::Pause { node });
        sim.schedule(at(12_000), Fault::Resume { node });
        sim.run_until(at(20_000));
        let seen = sim.observer();
        assert_eq!((seen.acks.len(), seen.lost()), (12_000, 0));
        for when in seen.times("ensemble_changed") {
            changes += 1;
            let due = when >= at(7_990) && when < at(8_100);
            assert!(due, "addEntryTimeoutSec is 5: {when}");
        }
        assert!(seen.longest_gap() < Duration::from_millis(20), "{}", seen.longest_gap());
    }
    assert!(changes > 0, "a hung bookie was in no ensemble");
}

#[test]
fn a_full_ledger_is_closed_and_followed_by_another() {
    let mut config = config(3, (3, 2, 2));
    config.writer.ledger_bytes_max = 100_000;
    let source = steady(at(1_000), Duration::from_millis(1), 1_000, 1_000);
    let mut sim = cluster::cluster(4, &config, &source);
    sim.run_until(at(8_000));
    let seen = sim.observer();
    assert_eq!((seen.times("ledger_created").len(), seen.times("ledger_closed").len()), (10, 10));
    assert_eq!((seen.delivered(), seen.repeated_or_late()), (1_000, vec![]));
}
