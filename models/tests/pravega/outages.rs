//! What is told apart in outages: sessions that are lost, processes that are asked to stop, tier 2
//! when a container starts, caches that are full. Each holds what the real code does.

use headwater_models::bookkeeper::system::{BOOKIE, METADATA};
use headwater_models::pravega::config::{Client, Cluster, Reader, SegmentStore, Writer};
use headwater_models::pravega::system::{CONTROLLER, SEGMENT_STORE};
use headwater_models::role::PRODUCER;
use headwater_models::tier::TIER;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::MachineId;

use super::bench::{Bench, distributed, paced, second};

fn java() -> Cluster {
    Cluster { client: Client::Java, ..distributed(2, 3) }
}

#[test]
fn a_store_that_lost_its_session_for_a_moment_runs_its_containers_on() {
    // Frozen for 13 s: the session (10 s) is over, and the store back before the controller has
    // waited its 10 s (`SegmentMonitorLeader.waitForRebalance`). Nobody listens to the loss of a
    // session (`ServiceStarter` @ v0.13.0).
    let mut bench = Bench::new(1, &java(), &paced(400, 1_000, 60));
    let store = bench.nodes(SEGMENT_STORE)[0];
    bench.fault(10, Fault::Pause { node: store });
    bench.fault(23, Fault::Resume { node: store });
    let history = bench.run_to(100);
    assert!(!history.times("session_expired").is_empty(), "{:?}", history.events);
    assert_eq!(history.times("container_moved"), []);
    assert_eq!(history.times("container_recovered"), []);
    assert_eq!(history.acked(), 24_000);
    history.check_exactly_once();
    let (_, gap) = history.longest_gap_in(second(5), second(60));
    assert!(gap < Duration::from_millis(13_500), "no acks for {gap}");
}

#[test]
fn a_store_that_is_asked_to_stop_takes_its_registration_away() {
    // `ZKSegmentContainerManager.close` @ v0.13.0, then 10 s until the containers are moved.
    let mut bench = Bench::new(2, &java(), &paced(400, 1_000, 60));
    let store = bench.nodes(SEGMENT_STORE)[0];
    bench.fault(15, Fault::Shutdown { node: store });
    let history = bench.run_to(120);
    assert_eq!(history.times("session_expired"), []);
    let moved = history.times("container_moved")[0].since(second(15)).as_secs_f64();
    assert!((10.0..11.0).contains(&moved), "moved after {moved} s");
    assert_eq!(history.acked(), 24_000);
    history.check_exactly_once();
}

#[test]
fn a_bookie_that_is_asked_to_stop_is_not_chosen_again_and_comes_back_at_once() {
    let cluster = Cluster { client: Client::Java, ..distributed(1, 4) };
    let mut bench = Bench::new(3, &cluster, &paced(400, 1_000, 20));
    let victim = bench.nodes(BOOKIE)[0];
    bench.fault(5, Fault::Shutdown { node: victim });
    bench.fault(8, Fault::Restart { node: victim });
    let history = bench.run_to(40);
    assert_eq!(history.times("session_expired"), [], "its session was closed");
    let registered = history.times("bookie_registered");
    let back = registered.iter().find(|at| **at > second(8)).expect("it registers again");
    // A killed one has to wait until its old registration has expired.
    assert!(back.since(second(8)) < Duration::from_secs(1), "registered at {back}");
    assert_eq!(history.acked(), 8_000);
    history.check_exactly_once();
}

#[test]
fn a_container_starts_when_tier_2_answers_and_not_before() {
    // `StreamSegmentContainer.initializeStorage` reads the system journal (@ v0.13.0).
    for frozen in [true, false] {
        let mut bench = Bench::new(4, &java(), &paced(400, 500, 90));
        let (store, tier) = (bench.nodes(SEGMENT_STORE)[0], bench.nodes(TIER)[0]);
        let (out, back) = match frozen {
            true => (Fault::Pause { node: tier }, Fault::Resume { node: tier }),
            false => (Fault::Crash { node: tier }, Fault::Restart { node: tier }),
        };
        bench.fault(9, out);
        bench.fault(10, Fault::Crash { node: store });
        bench.fault(60, back);
        let history = bench.run_to(240);
        let moved = history.times("container_moved")[0];
        assert!(moved < second(33), "moved at {moved}");
        let recovered = history.times("container_recovered")[0].since(second(60)).as_secs_f64();
        // A frozen one holds the start up; a refusal fails it, and the monitor tries every 10 s.
        let latest = if frozen { 1.0 } else { 10.5 };
        assert!((0.0..latest).contains(&recovered), "frozen {frozen}: {recovered} s behind it");
        assert_eq!(history.times("container_failed").is_empty(), frozen);
        assert_eq!(history.acked() + history.failed(), 36_000);
        history.check_exactly_once();
    }
}

#[test]
fn a_full_cache_ends_containers_which_come_back_and_lose_nothing() {
    // `OperationProcessor.isFatalException` (@ v0.13.0). A block of the Rust client on each segment
    // is more than fits.
    let segment_store = SegmentStore { cache_size_max: 20 << 20, ..SegmentStore::default() };
    let cluster = Cluster { segment_store, client: Client::Rust, ..distributed(1, 3) };
    let mut bench = Bench::new(5, &cluster, &paced(4_000, 10_000, 5));
    let tier = bench.nodes(TIER)[0];
    bench.fault(2, Fault::Pause { node: tier });
    bench.fault(20, Fault::Resume { node: tier });
    let history = bench.run_to(200);
    assert!(!history.times("cache_full").is_empty(), "{:?}", history.events);
    assert_eq!(history.acked(), 20_000);
    history.check_exactly_once();
}

#[test]
fn a_controller_without_its_session_answers_nobody_and_begins_anew() {
    // `ControllerServiceMain.run` (@ v0.13.0). Cut off at 10 s: after 6.7 s without an answer its
    // connection ends, and 10 s later its session counts as lost.
    let mut bench = Bench::new(6, &java(), &paced(400, 500, 60));
    let (from, to) = (bench.nodes(CONTROLLER), bench.nodes(METADATA));
    let producer = bench.nodes(PRODUCER)[0];
    bench.fault(10, Fault::Partition { from, to, symmetric: true });
    bench.fault(30, Fault::Crash { node: producer });
    bench.fault(31, Fault::Restart { node: producer });
    bench.fault(40, Fault::Heal);
    let history = bench.run_to(120);
    let restarted = history.times("controller_restarted");
    let after = restarted[0].since(second(10)).as_secs_f64();
    assert!((16.0..21.0).contains(&after), "services stopped after {after} s");
    assert_eq!(restarted.len(), 1);
    let (from, gap) = history.longest_gap_in(second(5), second(60));
    let again = from + gap;
    assert!(from < second(31) && again >= second(40), "no acks from {from} to {again}");
    history.check_exactly_once();
}

#[test]
fn the_rust_reader_asks_again_after_half_a_minute() {
    // `ClientConfig.request_timeout`, 30 s (`config/src/lib.rs` of pravega-client-rust @ v0.3.7).
    // The store's machine loses power: no connection breaks. The producer is started again, as its
    // own connection would hang.
    let cluster = Cluster { client: Client::Rust, ..distributed(2, 3) };
    let mut bench = Bench::new(7, &cluster, &paced(400, 500, 60));
    let (store, producer) = (bench.nodes(SEGMENT_STORE)[0], bench.nodes(PRODUCER)[0]);
    bench.fault(10, Fault::PowerCut { machine: MachineId(store.0) });
    bench.fault(42, Fault::Crash { node: producer });
    bench.fault(43, Fault::Restart { node: producer });
    let history = bench.run_to(75);
    let acked = history.acks.iter().filter(|(at, _)| *at > second(43)).count();
    assert!(acked > 6_000, "{acked} acknowledged after the restart");
    history.check_exactly_once();
}

#[test]
fn the_rust_reader_dies_with_its_groups_table_and_another_is_opened() {
    // `Table` keeps its endpoint (`src/sync/table.rs`), and `check_online` panics
    // (`src/event/reader_group_state.rs` of pravega-client-rust @ v0.3.7).
    let run = |victim: usize, attempts, restart| {
        let writer = Writer { rust_retry_attempts_max: attempts, ..Writer::default() };
        let reader = Reader { rust_restart_ms: restart, ..Reader::default() };
        let cluster = Cluster { client: Client::Rust, writer, reader, ..distributed(2, 3) };
        let mut bench = Bench::new(8, &cluster, &paced(400, 500, 60));
        let store = bench.nodes(SEGMENT_STORE)[victim];
        bench.fault(15, Fault::Crash { node: store });
        if attempts == 0 {
            bench.fault(75, Fault::Restart { node: store });
        }
        let history = bench.run_to(140);
        let died = history.times("reader_died");
        (died.first().map(|at| at.as_secs_f64()), history.acked(), history.delivered())
    };
    // The table is on one of the two stores.
    let died: Vec<_> = [0, 1].map(|victim| run(victim, 4, 1_000)).into();
    let with_table = usize::from(died[1].0.is_some());
    assert!(died[1 - with_table].0.is_none(), "{died:?}");
    // 1, 10, 100 and 1000 ms after the crash the attempts are over.
    let at = died[with_table].0.expect("one of them has it");
    assert!((16.0..16.5).contains(&at), "died at {at} s");
    for (_, acked, delivered) in died {
        assert_eq!((acked, delivered), (24_000, 24_000));
    }
    let (_, acked, delivered) = run(with_table, 4, 0);
    assert!(delivered < 7_000, "{delivered} of {acked} without another reader");
    // Without a limit it hangs until the store is back, which has no such container any more.
    let (hung, _, delivered) = run(with_table, 0, 1_000);
    let until = hung.expect("it dies in the end");
    assert!((75.0..86.0).contains(&until), "hung until {until} s");
    assert_eq!(delivered, 24_000);
}
