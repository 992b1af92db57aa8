//! Planted bugs: each loses what was acknowledged, and without it the same seeds lose nothing.

use headwater_check::Promises;
use headwater_models::bugs::{Bug, BugSet};
use headwater_models::deployment::{Environment, Machines};
use headwater_models::pravega::config::{BookKeeperLog, Client, Cluster, Scaling, SegmentStore};
use headwater_models::pravega::system::SEGMENT_STORE;
use headwater_models::role::CONSUMER;
use headwater_sim::fault::Fault;

use super::bench::{self, Bench, distributed, paced};
use super::retention::{by_time, looking};

const SEEDS: u64 = 3;

fn environment(bug: Option<Bug>) -> Environment {
    Environment { bugs: bug.into_iter().collect::<BugSet>(), ..bench::environment(Machines::Each) }
}

/// `lost` counts acknowledged events that are not delivered as promised.
fn bites(bug: Bug, lost: impl Fn(&Environment, u64) -> u64) {
    for seed in 0..SEEDS {
        assert_eq!(lost(&environment(None), seed), 0, "{bug} off, seed {seed}");
    }
    let with: Vec<_> = (0..SEEDS).map(|seed| lost(&environment(Some(bug)), seed)).collect();
    assert!(with.iter().all(|lost| *lost > 0), "{bug} on, seeds 0 and on: {with:?} lost");
}

/// Nobody reads while events are written and while the only store dies at second `at`, to come back
/// a second later.
fn lost_with_a_store_that_dies(
    environment: &Environment,
    seed: u64,
    cluster: &Cluster,
    (rate, bytes, seconds): (u64, u32, u64),
    at: u64,
) -> u64 {
    let mut bench = Bench::on(seed, cluster, environment, &paced(rate, bytes, seconds));
    let (store, reader) = (bench.nodes(SEGMENT_STORE)[0], bench.nodes(CONSUMER)[0]);
    bench.fault(1, Fault::Crash { node: reader });
    bench.fault(at, Fault::Crash { node: store });
    bench.fault(at + 1, Fault::Restart { node: store });
    bench.fault(at + 20, Fault::Restart { node: reader });
    let history = bench.run_to(at + 60);
    assert!(history.acked() > rate * (at - 2), "{} acked", history.acked());
    if environment.bugs == BugSet::default() {
        assert_eq!(history.broken(Promises::none()), [], "seed {seed}");
    }
    history.lost()
}

#[test]
fn frames_written_twice_at_a_rollover_keep_the_container_from_coming_back() {
    let bookkeeper = BookKeeperLog { ledger_size_max: 4 << 20, ..BookKeeperLog::default() };
    let cluster = Cluster { client: Client::Rust, segments: 1, bookkeeper, ..distributed(1, 3) };
    bites(Bug::FramesTwiceAtRollover, |environment, seed| {
        lost_with_a_store_that_dies(environment, seed, &cluster, (4_000, 1_000, 8), 6)
    });
}

#[test]
fn a_log_truncated_beyond_tier_2_loses_what_neither_has() {
    let segment_store = SegmentStore { checkpoint_commit_count: 20, ..SegmentStore::default() };
    let cluster = Cluster { client: Client::Java, segment_store, ..distributed(1, 3) };
    bites(Bug::TruncateBeyondTier, |environment, seed| {
        lost_with_a_store_that_dies(environment, seed, &cluster, (400, 1_000, 12), 10)
    });
}

#[test]
fn a_reader_that_takes_the_seal_for_the_end_skips_the_tail() {
    let scaling = Scaling { at_ms: 8_000, ..Scaling::default() };
    let cluster = Cluster { client: Client::Rust, scaling, ..distributed(1, 3) };
    bites(Bug::SealedTailSkipped, |environment, seed| {
        let mut bench = Bench::on(seed, &cluster, environment, &paced(1_000, 500, 15));
        let node = bench.nodes(CONSUMER)[0];
        bench.fault(6, Fault::Pause { node });
        bench.fault(10, Fault::Resume { node });
        let history = bench.run_to(40);
        assert_eq!(history.acked(), 15_000);
        if environment.bugs == BugSet::default() {
            history.check_exactly_once();
        }
        history.lost()
    });
}

#[test]
fn a_segment_that_is_truncated_where_it_ends_has_lost_what_is_young() {
    let cluster = looking(by_time(30), distributed(1, 3));
    bites(Bug::TruncatesToTheEnd, |environment, seed| {
        let mut bench = Bench::on(seed, &cluster, environment, &paced(5, 1_000, 150));
        let node = bench.nodes(CONSUMER)[0];
        bench.fault(10, Fault::Pause { node });
        bench.fault(130, Fault::Resume { node });
        let history = bench.run_to(170);
        assert_eq!(history.acked(), 750);
        if environment.bugs == BugSet::default() {
            assert_eq!(history.broken(Promises::default()), [], "seed {seed}");
        }
        history.lost()
    });
}
