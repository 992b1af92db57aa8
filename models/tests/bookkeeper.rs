//! BookKeeper as a whole: latency laws, replication, faults.

#[path = "bookkeeper/cluster.rs"]
mod cluster;

use cluster::{ONE_WAY, SYNC, at, config, nodes, steady};
use headwater_models::deployment::Role;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;

/// CPU, padding and transfer times that the laws below leave out.
const SLACK: Duration = Duration::from_micros(120);

#[test]
fn at_a_low_rate_an_add_takes_the_group_wait_a_sync_and_a_round_trip() {
    let source = steady(at(1_000), Duration::from_millis(20), 200, 100);
    let mut sim = cluster::cluster(1, &config(3, (3, 3, 2)), &source);
    sim.run_until(at(10_000));
    let seen = sim.observer();
    assert_eq!(seen.acked.len(), 200);
    let expected = ONE_WAY * 2 + Duration::from_millis(2) + SYNC;
    for q in [0.0, 0.5, 0.99] {
        let latency = seen.latency(q);
        assert!(
            latency >= expected && latency <= expected + SLACK,
            "q {q}: {latency} against {expected} and at most {SLACK} more"
        );
    }
}

#[test]
fn every_event_is_read_back_in_order_and_once() {
    let config = config(5, (5, 3, 2));
    let source = steady(at(1_000), Duration::from_micros(500), 4_000, 1_000);
    let mut sim = cluster::cluster(2, &config, &source);
    sim.run_until(at(8_000));
    let seen = sim.observer();
    assert_eq!((seen.acked.len(), seen.delivered.len()), (4_000, 4_000));
    assert!(seen.delivered_in_order());
    assert_eq!(seen.lost(), []);
}

#[test]
fn a_killed_bookie_is_replaced_by_a_spare_and_nothing_acknowledged_is_lost() {
    for seed in 0..4 {
        let config = config(4, (3, 3, 2));
        let source = steady(at(1_000), Duration::from_millis(1), 4_000, 1_000);
        let mut sim = cluster::cluster(seed, &config, &source);
        let bookies = nodes(&config, Role::Bookie);
        sim.schedule(at(3_000), Fault::Crash { node: bookies[seed as usize] });
        sim.run_until(at(15_000));
        let seen = sim.observer();
        assert_eq!(seen.acked.len(), 4_000, "seed {seed}: {:?}", seen.failed.first());
        assert_eq!(seen.lost(), [], "seed {seed}");
        assert!(seen.count("ensemble_changed") <= 1);
        assert!(seen.longest_gap() < Duration::from_millis(100), "{}", seen.longest_gap());
    }
}

#[test]
fn without_a_spare_a_killed_bookie_stops_writes_until_it_is_back() {
    let config = config(3, (3, 3, 2));
    let source = steady(at(1_000), Duration::from_millis(1), 30_000, 1_000);
    let mut sim = cluster::cluster(5, &config, &source);
    let bookie = nodes(&config, Role::Bookie)[0];
    sim.schedule(at(3_000), Fault::Crash { node: bookie });
    sim.schedule(at(20_000), Fault::Restart { node: bookie });
    sim.run_until(at(19_000));
    let errors: Vec<_> = sim.observer().failed.iter().map(|(_, _, error)| *error).collect();
    assert!(errors.contains(&"BKNotEnoughBookies"), "{errors:?}");
    let acked = sim.observer().acked.len();
    assert!((1_900..2_100).contains(&acked), "{acked} acked while one of three was down");
    sim.run_until(at(45_000));
    let seen = sim.observer();
    assert_eq!(seen.lost(), []);
    let (acked, failed) = (seen.acked.len(), seen.failed.len());
    assert_eq!(acked + failed, 30_000, "{acked} acked, {failed} failed");
    assert!(acked > 18_000, "{acked} acked: everything that was written after it came back");
}
