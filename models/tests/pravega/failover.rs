//! Containers that move: a store that dies, one that comes back, writers that find their way.

use headwater_models::bookkeeper::system::{BOOKIE, METADATA};
use headwater_models::pravega::config::{BookKeeperLog, Client, Cluster, SegmentStore, Writer};
use headwater_models::pravega::system::{CONTROLLER, SEGMENT_STORE};
use headwater_models::tier::TIER;
use headwater_sim::fault::Fault;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};

use super::bench::{Bench, distributed, paced, second};

fn java() -> Cluster {
    Cluster { client: Client::Java, ..distributed(2, 3) }
}

fn rust(rust_retry_attempts_max: u32) -> Cluster {
    let writer = Writer { rust_retry_attempts_max, ..Writer::default() };
    Cluster { client: Client::Rust, writer, ..distributed(2, 3) }
}

/// When the first container was recovered after an instant.
fn recovered(bench: &Bench, after: Time) -> Time {
    let times = bench.sim.observer().times("container_recovered");
    times.into_iter().find(|at| *at > after).expect("a container was recovered")
}

#[test]
fn a_dead_stores_containers_are_recovered_elsewhere_after_session_and_rebalance() {
    let mut bench = Bench::new(1, &java(), &paced(400, 1_000, 90));
    let victim = bench.nodes(SEGMENT_STORE)[0];
    bench.fault(10, Fault::Crash { node: victim });
    let history = bench.run_to(150);
    assert_eq!(history.acked(), 36_000);
    history.check_exactly_once();
    let moved = history.times("container_moved")[0].since(second(10));
    // Session 10 s (in ticks of 2 s, less the age of the last ping), then 10 s of waiting.
    assert!((16.0..23.0).contains(&moved.as_secs_f64()), "moved after {moved}");
    let recovered = recovered(&bench, second(10)).since(second(10));
    assert!(recovered.saturating_sub(moved) < Duration::from_secs(1), "after {recovered}");
    let history = bench.sim.observer();
    let (_, gap) = history.longest_gap_in(second(5), second(91));
    // The client's steps of 1, 10, 100, 1000 ms, 10 s and 20 s end after 31.1 s.
    assert!((20.0..52.0).contains(&gap.as_secs_f64()), "no acks for {gap}");
}

#[test]
fn the_rust_client_hangs_on_the_dead_store_unless_its_attempts_are_limited() {
    let gap = |attempts, restart| {
        let mut bench = Bench::new(2, &rust(attempts), &paced(400, 1_000, 90));
        let victim = bench.nodes(SEGMENT_STORE)[0];
        bench.fault(10, Fault::Crash { node: victim });
        if let Some(at) = restart {
            bench.fault(at, Fault::Restart { node: victim });
        }
        let history = bench.run_to(160);
        history.check_exactly_once();
        assert_eq!(history.acked(), 36_000, "{attempts} attempts");
        history.longest_gap_in(second(5), second(91)).1.as_secs_f64()
    };
    let limited = gap(4, None);
    assert!((18.0..35.0).contains(&limited), "{limited} s with 4 attempts");
    let hung = gap(0, Some(80));
    assert!(hung > 65.0, "{hung} s without a limit: the old address came back after 70 s");
}

#[test]
fn the_generators_own_client_finds_a_moved_segment_at_its_next_attempt_and_leaves_silence() {
    // One segment, so that no other hides what becomes of it: one of the stores has it.
    let gap_without = |store: usize, fault: fn(NodeId) -> Fault| {
        let cluster = Cluster { client: Client::Headwater, segments: 1, ..distributed(2, 3) };
        let mut bench = Bench::new(2, &cluster, &paced(400, 1_000, 60));
        let victim = bench.nodes(SEGMENT_STORE)[store];
        bench.fault(10, fault(victim));
        let history = bench.run_to(120);
        history.check_exactly_once();
        assert_eq!(history.acked(), 24_000);
        history.longest_gap_in(second(5), second(61)).1.as_secs_f64()
    };
    let gap = |fault| gap_without(0, fault).max(gap_without(1, fault));
    // The containers move after 16 to 23 s, and it asks every second.
    let dead = gap(|node| Fault::Crash { node });
    assert!((16.0..26.0).contains(&dead), "{dead} s");
    // It hears nothing of one that stands still for 30 s, and finds the segments moved.
    let silent = gap(|node| Fault::Pause { node });
    assert!((30.0..42.0).contains(&silent), "{silent} s");
}

#[test]
fn a_store_that_comes_back_recovers_its_containers_from_the_log() {
    let cluster = Cluster { client: Client::Java, ..distributed(1, 3) };
    let mut bench = Bench::new(3, &cluster, &paced(400, 1_000, 60));
    let store = bench.nodes(SEGMENT_STORE)[0];
    bench.fault(10, Fault::Crash { node: store });
    bench.fault(11, Fault::Restart { node: store });
    let history = bench.run_to(120);
    assert_eq!(history.acked(), 24_000);
    history.check_exactly_once();
    let back = recovered(&bench, second(10)).since(second(11));
    assert!(back < Duration::from_secs(3), "recovered {back} after the restart");
    let (_, gap) = bench.sim.observer().longest_gap_in(second(5), second(60));
    assert!((1.0..13.0).contains(&gap.as_secs_f64()), "no acks for {gap}, live 11.5 s");
}

#[test]
fn a_store_that_lost_touch_is_fenced_and_its_late_writes_do_not_count() {
    let mut bench = Bench::new(4, &java(), &paced(400, 1_000, 90));
    let nodes = bench.nodes(SEGMENT_STORE);
    bench.fault(10, Fault::Pause { node: nodes[0] });
    bench.fault(45, Fault::Resume { node: nodes[0] });
    let history = bench.run_to(200);
    assert!(!history.times("container_moved").is_empty(), "{:?}", history.events);
    history.check_exactly_once();
    assert_eq!(history.acked() + history.failed(), 36_000);
}

#[test]
fn failovers_of_many_seeds_lose_and_duplicate_nothing() {
    for seed in 10..16 {
        let own = || Cluster { client: Client::Headwater, ..java() };
        let cluster = match seed % 3 {
            0 => java(),
            1 => rust(4),
            _ => own(),
        };
        let mut bench = Bench::new(seed, &cluster, &paced(1_000, 400, 50));
        let stores = bench.nodes(SEGMENT_STORE);
        bench.fault(5 + seed % 3, Fault::Crash { node: stores[0] });
        bench.fault(35, Fault::Restart { node: stores[0] });
        bench.fault(70, Fault::Crash { node: stores[1] });
        bench.fault(72, Fault::Restart { node: stores[1] });
        let history = bench.run_to(200);
        history.check_exactly_once();
        assert_eq!(history.acked() + history.failed(), 50_000, "seed {seed}");
    }
}

#[test]
fn a_store_cut_off_from_everybody_is_replaced_and_what_it_acknowledged_stays() {
    for (seed, symmetric) in [(20, true), (21, false)] {
        let mut bench = Bench::new(seed, &java(), &paced(500, 500, 60));
        let store = bench.nodes(SEGMENT_STORE)[0];
        let others: Vec<_> =
            [METADATA, BOOKIE, CONTROLLER].into_iter().flat_map(|role| bench.nodes(role)).collect();
        let (from, to) = (vec![store], others);
        bench.fault(10, Fault::Partition { from, to, symmetric });
        bench.fault(50, Fault::Heal);
        let history = bench.run_to(240);
        history.check_exactly_once();
        assert!(!history.times("container_moved").is_empty(), "symmetric {symmetric}");
        assert_eq!(history.acked() + history.failed(), 30_000, "symmetric {symmetric}");
    }
}

#[test]
fn a_store_whose_machine_loses_power_is_recovered_elsewhere_without_loss() {
    let mut bench = Bench::new(30, &java(), &paced(500, 500, 60));
    let store = bench.nodes(SEGMENT_STORE)[0];
    // Machines are added in the order of the nodes, one for each.
    let machine = MachineId(store.0);
    bench.fault(10, Fault::PowerCut { machine });
    bench.fault(120, Fault::PowerOn { machine });
    let history = bench.run_to(300);
    history.check_exactly_once();
    assert_eq!(history.acked() + history.failed(), 30_000);
}

#[test]
fn storms_of_faults_lose_and_duplicate_nothing() {
    for seed in 100..104 {
        let client = if seed % 2 == 0 { Client::Java } else { Client::Rust };
        let mut bench = Bench::new(seed, &small_parts(client), &paced(1_000, 1_000, 60));
        let stores = bench.nodes(SEGMENT_STORE);
        let bookies = bench.nodes(BOOKIE);
        let tier = bench.nodes(TIER)[0];
        let pick = |nodes: &[NodeId], by: u64| nodes[(seed + by) as usize % nodes.len()];
        let powerless = MachineId(pick(&bookies, 2).0);
        bench.fault(4 + seed % 5, Fault::Crash { node: pick(&bookies, 0) });
        bench.fault(14 + seed % 5, Fault::Restart { node: pick(&bookies, 0) });
        bench.fault(8 + seed % 4, Fault::Crash { node: pick(&stores, 0) });
        bench.fault(22 + seed % 7, Fault::Restart { node: pick(&stores, 0) });
        bench.fault(30, Fault::Pause { node: tier });
        bench.fault(36, Fault::Resume { node: tier });
        bench.fault(41, Fault::Crash { node: pick(&stores, 1) });
        bench.fault(42 + seed % 30, Fault::Restart { node: pick(&stores, 1) });
        bench.fault(50, Fault::PowerCut { machine: powerless });
        bench.fault(55, Fault::PowerOn { machine: powerless });
        let history = bench.run_to(400);
        history.check_exactly_once();
        assert_eq!(history.acked() + history.failed(), 60_000, "seed {seed}");
        assert!(history.times("ledger_rolled").len() > 10, "seed {seed}");
    }
}

/// Small caches, flushes, ledgers and checkpoint intervals: everything happens often.
fn small_parts(client: Client) -> Cluster {
    let segment_store = SegmentStore {
        cache_size_max: 64 << 20,
        flush_threshold_bytes: 1 << 20,
        flush_size_bytes_max: 1 << 20,
        checkpoint_commit_count: 30,
        ..SegmentStore::default()
    };
    let bookkeeper = BookKeeperLog { ledger_size_max: 2 << 20, ..BookKeeperLog::default() };
    let writer = Writer { rust_retry_attempts_max: 4, ..Writer::default() };
    let (writers, readers, segments) = (2, 2, 5);
    let base = Cluster { client, segment_store, bookkeeper, ..distributed(3, 5) };
    Cluster { writer, writers, readers, segments, ..base }
}

#[test]
fn a_controller_that_was_away_moves_the_containers_when_it_is_back() {
    let mut bench = Bench::new(40, &java(), &paced(400, 500, 90));
    let store = bench.nodes(SEGMENT_STORE)[0];
    let controller = bench.nodes(CONTROLLER)[0];
    bench.fault(8, Fault::Crash { node: controller });
    bench.fault(10, Fault::Crash { node: store });
    bench.fault(40, Fault::Restart { node: controller });
    let history = bench.run_to(200);
    let moved = history.times("container_moved")[0];
    assert!(moved > second(40) && moved < second(52), "moved at {moved}");
    history.check_exactly_once();
    assert_eq!(history.acked() + history.failed(), 36_000);
}
