//! Tier 2: flushes, throttling when it lags, reads of what the cache no longer has.

use headwater_check::Promises;
use headwater_models::pravega::config::{Client, Cluster, SegmentStore};
use headwater_models::pravega::system::SEGMENT_STORE;
use headwater_models::role::CONSUMER;
use headwater_models::tier::TIER;
use headwater_sim::device::DiskFault;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::MachineId;

use super::bench::{Bench, distributed, paced, second};

fn small_cache() -> Cluster {
    let store = SegmentStore { cache_size_max: 64 << 20, ..SegmentStore::default() };
    Cluster { client: Client::Rust, segment_store: store, ..distributed(1, 3) }
}

#[test]
fn when_tier_2_stands_still_writes_are_throttled_then_stop_and_go_on_after() {
    // 10 MB/s: 80 % of 64 MiB are full after 5.4 s.
    let mut bench = Bench::new(1, &small_cache(), &paced(1_000, 10_000, 40));
    let tier = bench.nodes(TIER)[0];
    bench.fault(5, Fault::Pause { node: tier });
    bench.fault(30, Fault::Resume { node: tier });
    let history = bench.run_to(200);
    let throttled = history.times("throttled")[0];
    let full = 1.0 + 0.8 * f64::from(64 << 20) / (1_000.0 * 10_008.0);
    let late = throttled.as_secs_f64() - full;
    assert!((-0.1..0.2).contains(&late), "first throttled at {throttled}, 80 % at {full} s");
    assert!(!history.times("storage_writer_behind").is_empty());
    let (from, gap) = history.longest_gap_in(second(2), second(60));
    assert!(gap > Duration::from_secs(5), "acks stop: {gap} from {from}");
    assert_eq!(history.acked(), 40_000);
    history.check_exactly_once();
}

#[test]
fn a_tier_that_keeps_up_throttles_nothing() {
    let store = SegmentStore { cache_size_max: 256 << 20, ..SegmentStore::default() };
    let cluster = Cluster { segment_store: store, ..small_cache() };
    let mut bench = Bench::new(2, &cluster, &paced(1_000, 10_000, 40));
    let history = bench.run_to(90);
    assert_eq!(history.acked(), 40_000);
    history.check_exactly_once();
    assert_eq!(history.times("throttled"), []);
    let store = bench.nodes(SEGMENT_STORE)[0];
    let unflushed = bench.sim.gauges(store).find(|(name, _)| *name == "unflushed_bytes");
    let last = unflushed.map(|(_, gauge)| gauge.value);
    assert_eq!(last, Some(0), "everything is flushed 30 s after the last write");
}

#[test]
fn a_late_reader_gets_what_the_cache_no_longer_has_from_tier_2() {
    let mut bench = Bench::new(3, &small_cache(), &paced(1_000, 10_000, 20));
    let reader = bench.nodes(CONSUMER)[0];
    bench.fault(2, Fault::Crash { node: reader });
    bench.fault(70, Fault::Restart { node: reader });
    let before = bench.run_to(69).delivered();
    let history = bench.run_to(120);
    assert_eq!(history.acked(), 20_000);
    // Read anew, everything and once; what is stored twice or out of order would break a promise.
    assert_eq!(history.delivered() - before, 20_000);
    assert_eq!(history.broken(Promises::default()), []);
}

#[test]
fn a_crash_of_tier_2_delays_flushes_and_loses_nothing() {
    let mut bench = Bench::new(4, &small_cache(), &paced(500, 10_000, 30));
    let tier = bench.nodes(TIER)[0];
    for at in [6, 12, 18] {
        bench.fault(at, Fault::Crash { node: tier });
        bench.fault(at + 2, Fault::Restart { node: tier });
    }
    let store = bench.nodes(SEGMENT_STORE)[0];
    bench.fault(19, Fault::Crash { node: store });
    bench.fault(20, Fault::Restart { node: store });
    let history = bench.run_to(120);
    assert_eq!(history.acked(), 15_000);
    history.check_exactly_once();
}

#[test]
fn a_tier_whose_disk_refuses_is_written_again_and_nothing_is_lost() {
    let faults = [
        [DiskFault::WriteErrors(500_000), DiskFault::WriteErrors(0)],
        [true, false].map(|fails| DiskFault::SyncErrors {
            ppm: if fails { 500_000 } else { 0 },
            forgets: true,
        }),
    ];
    for (seed, [begins, ends]) in (5..).zip(faults) {
        let mut bench = Bench::new(seed, &small_cache(), &paced(500, 10_000, 30));
        let tier = bench.nodes(TIER)[0];
        // Each server has a machine of its own, in the order of the nodes.
        let machine = MachineId(tier.0);
        bench.fault(5, Fault::Disk { machine, disk: 0, how: begins });
        bench.fault(15, Fault::Disk { machine, disk: 0, how: ends });
        let store = bench.nodes(SEGMENT_STORE)[0];
        bench.fault(20, Fault::Crash { node: store });
        bench.fault(21, Fault::Restart { node: store });
        // A late reader gets from tier 2 what it has, once more from the beginning.
        let reader = bench.nodes(CONSUMER)[0];
        bench.fault(2, Fault::Crash { node: reader });
        bench.fault(22, Fault::PowerCut { machine });
        bench.fault(23, Fault::PowerOn { machine });
        bench.fault(80, Fault::Restart { node: reader });
        let before = bench.run_to(79).delivered();
        let history = bench.run_to(140);
        assert!(history.properties["pravega-flush-failed"] > 3, "{:?}", history.properties);
        assert_eq!(history.acked(), 15_000, "seed {seed}");
        assert_eq!(history.delivered() - before, 15_000, "seed {seed}");
        assert_eq!(history.broken(Promises::default()), [], "seed {seed}");
    }
}
