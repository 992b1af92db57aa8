//! What nobody needs any more is folded, and nothing else is different.

use headwater_models::bookkeeper::config::Bookie;
use headwater_models::bookkeeper::system::{BOOKIE, METADATA};
use headwater_models::pravega::config::{BookKeeperLog, Client, Cluster, SegmentStore};
use headwater_models::pravega::system::SEGMENT_STORE;
use headwater_models::role::CONSUMER;
use headwater_models::tier::TIER;
use headwater_sim::fault::Fault;
use headwater_sim::units::{MachineId, NodeId};

use super::bench::{Bench, distributed, paced};

/// Small flushes, ledgers and checkpoint intervals, so that logs are truncated and ledgers deleted
/// often.
fn cluster() -> Cluster {
    let segment_store = SegmentStore {
        flush_threshold_bytes: 256 << 10,
        flush_threshold_ms: 3_000,
        checkpoint_commit_count: 30,
        ..SegmentStore::default()
    };
    let bookkeeper = BookKeeperLog { ledger_size_max: 1 << 20, ..BookKeeperLog::default() };
    let bookie = Bookie { gc_wait_time: 30_000, ..Bookie::default() };
    let base = Cluster { client: Client::Java, segment_store, bookkeeper, ..distributed(2, 4) };
    Cluster { bookie, segments: 4, writers: 2, readers: 2, ..base }
}

/// What a run has come to, and how many records lay on all disks at each look.
struct Played {
    seen: (u64, u64, u64, u64, usize),
    records: Vec<usize>,
}

/// Every ten seconds up to `until` what nobody needs is folded, if `fold`.
fn play(bench: &mut Bench, until: u64, fold: bool) -> Played {
    let readers = bench.nodes(CONSUMER);
    let nodes = [BOOKIE, METADATA, TIER].map(|role| bench.nodes(role)).concat();
    let mut records = Vec::new();
    for second in (10..=until).step_by(10) {
        bench.run_to(second);
        if fold {
            bench.sim.fold_while_down(|node| !readers.contains(&node));
        }
        records.push(nodes.iter().map(|node| bench.sim.disk_records(*node).count()).sum());
    }
    let seen = bench.sim.observer();
    assert!(!seen.asked_for_folded, "somebody asked for what had been folded");
    let broken = seen.broken(headwater_check::Promises::default()).len();
    let seen = (bench.sim.fingerprint(), seen.acked(), seen.failed(), seen.delivered(), broken);
    Played { seen, records }
}

#[test]
fn records_do_not_grow_with_a_run_and_its_fingerprint_stays() {
    let of = |fold| play(&mut Bench::new(1, &cluster(), &paced(100, 1_000, 240)), 240, fold);
    let (whole, folded) = (of(false), of(true));
    assert_eq!(whole.seen, folded.seen);
    assert!(whole.records[23] > 40_000, "{:?}", whole.records);
    // One of the metadata service's, at most a thousand of which are not folded, and of a chunk.
    let grown = folded.records[23] - folded.records[6];
    assert!(grown < 500, "{:?}", folded.records);
}

#[test]
fn who_comes_back_to_what_is_folded_does_what_it_would_have_done() {
    let crash = |bench: &mut Bench, node: NodeId, seconds: u64| {
        bench.fault(85, Fault::Crash { node });
        bench.fault(85 + seconds, Fault::Restart { node });
    };
    let faults: [&dyn Fn(&mut Bench); 7] = [
        // These stay down.
        &|bench| {
            let (store, bookie) = (bench.nodes(SEGMENT_STORE)[1], bench.nodes(BOOKIE)[3]);
            bench.fault(35, Fault::Crash { node: store });
            bench.fault(40, Fault::Crash { node: bookie });
        },
        // Its containers are recovered elsewhere, and come back.
        &|bench| crash(bench, bench.nodes(SEGMENT_STORE)[0], 25),
        &|bench| crash(bench, bench.nodes(BOOKIE)[0], 2),
        &|bench| {
            // Each server has a machine of its own, in the order of the nodes.
            let machine = MachineId(bench.nodes(BOOKIE)[1].0);
            bench.fault(85, Fault::PowerCut { machine });
            bench.fault(90, Fault::PowerOn { machine });
        },
        &|bench| {
            let node = bench.nodes(BOOKIE)[2];
            bench.fault(85, Fault::Shutdown { node });
            bench.fault(100, Fault::Restart { node });
        },
        &|bench| crash(bench, bench.nodes(TIER)[0], 10),
        &|bench| crash(bench, bench.nodes(METADATA)[0], 5),
    ];
    for (number, fault) in faults.iter().enumerate() {
        let of = |fold| {
            let mut bench = Bench::new(3, &cluster(), &paced(100, 1_000, 120));
            fault(&mut bench);
            play(&mut bench, 150, fold)
        };
        let (whole, folded) = (of(false), of(true));
        assert!(folded.records[7] < whole.records[7] / 2, "{number}: {:?}", folded.records);
        assert_eq!(whole.seen, folded.seen, "fault {number}");
    }
}

#[test]
fn who_asks_for_what_was_folded_is_told_of() {
    let mut bench = Bench::new(3, &cluster(), &paced(100, 1_000, 120));
    // A reader that begins anew.
    let node = bench.nodes(CONSUMER)[0];
    bench.fault(85, Fault::Crash { node });
    bench.fault(86, Fault::Restart { node });
    for second in (10..=100).step_by(10) {
        bench.run_to(second);
        bench.sim.fold();
    }
    assert!(bench.sim.observer().asked_for_folded);
}
