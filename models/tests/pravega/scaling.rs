//! Scaling: segments are sealed under load, and keys keep their order over their successors.

use headwater_models::pravega::config::{Client, Cluster, Scaling, Version};
use headwater_models::pravega::system::{CONTROLLER, SEGMENT_STORE};
use headwater_models::role::PRODUCER;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;

use super::bench::{Bench, check_order_of_keys, distributed, keyed, second};
use crate::seen::Seen;

/// Few, so that each has many events on their way.
const KEYS: u64 = 61;

/// Four segments are split in two at second 5 and merged again at second 12.
fn scaled(client: Client) -> Cluster {
    let scaling = Scaling { at_ms: 5_000, factor: 2, back_at_ms: 12_000 };
    Cluster { client, scaling, readers: 2, ..distributed(2, 3) }
}

fn check(history: &Seen, rate: u64, events: u64) {
    history.check_exactly_once();
    check_order_of_keys(history, rate, KEYS);
    assert_eq!(history.acked() + history.failed(), events);
    // A controller that comes back begins anew, and finds the segments sealed.
    assert!(history.times("stream_scaled").len() >= 2, "{:?}", history.events);
}

#[test]
fn a_stream_is_split_and_merged_under_load_and_nothing_is_lost_doubled_or_reordered() {
    for (seed, client) in [(1, Client::Java), (2, Client::Rust)] {
        let mut bench = Bench::new(seed, &scaled(client), &keyed(2_000, 300, 20, KEYS));
        let history = bench.run_to(60);
        check(history, 2_000, 40_000);
        assert_eq!(history.failed(), 0, "{client:?}");
        assert_eq!(history.times("segment_sealed").len(), 4 + 8);
        let lanes: Vec<u32> = history.lanes.iter().map(|(_, lane)| *lane).collect();
        assert_eq!(lanes, (0..16).collect::<Vec<_>>(), "{client:?}: every segment was written");
        assert!(history.properties["pravega-events-moved"] > 0, "{client:?}");
        let (from, gap) = history.longest_gap_in(second(4), second(20));
        assert!(gap < Duration::from_millis(500), "{client:?}: no acks for {gap} from {from}");
    }
}

#[test]
fn a_standalone_stream_scales_too() {
    let scaling = Scaling { at_ms: 3_000, factor: 3, back_at_ms: 0 };
    let cluster = Cluster { scaling, segments: 2, ..Cluster::standalone(Version::V0_13) };
    let mut bench = Bench::new(3, &cluster, &keyed(1_000, 300, 8, KEYS));
    let history = bench.run_to(20);
    history.check_exactly_once();
    check_order_of_keys(history, 1_000, KEYS);
    assert_eq!((history.acked(), history.times("segment_sealed").len()), (8_000, 2));
}

#[test]
fn scales_in_the_middle_of_failovers_lose_double_and_reorder_nothing() {
    for seed in 10..16 {
        let client = if seed % 2 == 0 { Client::Java } else { Client::Rust };
        let mut cluster = scaled(client);
        cluster.writer.rust_retry_attempts_max = 4;
        let mut bench = Bench::new(seed, &cluster, &keyed(500, 300, 40, KEYS));
        let stores = bench.nodes(SEGMENT_STORE);
        let controller = bench.nodes(CONTROLLER)[0];
        // A store dies around the first scale, the controller in the middle of the second.
        bench.fault(4 + seed % 3, Fault::Crash { node: stores[0] });
        bench.fault(30, Fault::Restart { node: stores[0] });
        let at = Duration::from_millis(12_000 + (seed % 3) * 2);
        bench.sim.schedule(second(0) + at, Fault::Crash { node: controller });
        bench.fault(20, Fault::Restart { node: controller });
        let history = bench.run_to(240);
        check(history, 500, 20_000);
    }
}

#[test]
fn a_restarted_writer_gives_no_number_twice_whatever_was_scaled() {
    for (seed, client) in [(20, Client::Java), (21, Client::Rust)] {
        let mut bench = Bench::new(seed, &scaled(client), &keyed(1_000, 300, 20, KEYS));
        let node = bench.nodes(PRODUCER)[0];
        for at in [6, 13] {
            bench.fault(at, Fault::Crash { node });
            bench.fault(at + 1, Fault::Restart { node });
        }
        let history = bench.run_to(80);
        check_order_of_keys(history, 1_000, KEYS);
        assert!(history.acked() > 17_000, "{client:?}: {} acked", history.acked());
        assert_eq!(history.repeated_or_late(), [], "{client:?}");
    }
}
