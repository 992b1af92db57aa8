//! The log on BookKeeper: bookies that die, lose power, or are too few; ledgers that roll over.

use headwater_models::bookkeeper::system::BOOKIE;
use headwater_models::pravega::config::{BookKeeperLog, Client, Cluster, SegmentStore};
use headwater_models::pravega::system::SEGMENT_STORE;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::MachineId;

use super::bench::{Bench, distributed, paced, second};

#[test]
fn a_bookie_that_dies_is_replaced_by_the_spare_and_nothing_is_lost() {
    for client in [Client::Java, Client::Rust] {
        let cluster = Cluster { client, ..distributed(1, 4) };
        let mut bench = Bench::new(1, &cluster, &paced(400, 1_000, 10));
        let victim = bench.nodes(BOOKIE)[0];
        bench.fault(5, Fault::Crash { node: victim });
        let history = bench.run_to(20);
        assert_eq!(history.acked(), 4_000);
        history.check_exactly_once();
        assert!(!history.times("ensemble_changed").is_empty(), "{:?}", history.events);
        let (from, gap) = history.longest_gap_in(second(2), second(10));
        assert!(gap < Duration::from_millis(300), "{client:?}: {gap} from {from}");
    }
}

#[test]
fn without_a_spare_bookie_writes_stop_until_it_is_back() {
    let cluster = Cluster { client: Client::Java, ..distributed(1, 3) };
    let mut bench = Bench::new(2, &cluster, &paced(400, 1_000, 60));
    let victim = bench.nodes(BOOKIE)[0];
    bench.fault(10, Fault::Crash { node: victim });
    bench.fault(25, Fault::Restart { node: victim });
    let history = bench.run_to(120);
    assert!(!history.times("container_failed").is_empty(), "{:?}", history.events);
    let (from, gap) = history.longest_gap_in(second(5), second(60));
    let back = from + gap;
    assert!(from < second(12) && back > second(25), "no acks from {from} to {back}");
    // The monitor looks every 10 s; the client's steps are 10 and 20 s.
    assert!(back < second(60), "no acks from {from} to {back}");
    assert_eq!(history.acked() + history.failed(), 24_000);
    history.check_exactly_once();
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_of_every_bookie() {
    let cluster = Cluster { client: Client::Java, ..distributed(1, 3) };
    let mut bench = Bench::new(3, &cluster, &paced(1_000, 500, 30));
    // Machine 0 is the metadata service's, the bookies' follow.
    for machine in [1, 2, 3].map(MachineId) {
        bench.fault(8, Fault::PowerCut { machine });
        bench.fault(12, Fault::PowerOn { machine });
    }
    let store = bench.nodes(SEGMENT_STORE)[0];
    bench.fault(9, Fault::Crash { node: store });
    bench.fault(13, Fault::Restart { node: store });
    let history = bench.run_to(150);
    let before = history.acks.iter().filter(|(at, _)| *at < second(8)).count();
    assert!(before > 6_000, "{before} acknowledged before the cut");
    assert_eq!(history.acked() + history.failed(), 30_000);
    history.check_exactly_once();
}

#[test]
fn a_full_ledger_is_followed_by_another_and_flushed_ones_are_dropped() {
    let cluster = Cluster {
        client: Client::Rust,
        segments: 1,
        bookkeeper: BookKeeperLog { ledger_size_max: 4 << 20, ..BookKeeperLog::default() },
        segment_store: SegmentStore {
            checkpoint_commit_count: 20,
            flush_threshold_bytes: 1 << 20,
            flush_size_bytes_max: 1 << 20,
            ..SegmentStore::default()
        },
        ..distributed(1, 3)
    };
    let mut bench = Bench::new(4, &cluster, &paced(4_000, 1_000, 10));
    let history = bench.run_to(30);
    assert_eq!(history.acked(), 40_000);
    history.check_exactly_once();
    let rolled = history.times("ledger_rolled").len();
    assert!((8..=11).contains(&rolled), "{rolled} rollovers of 4 MiB for 44 MB");
}
