//! Planted bugs: each loses or doubles what the model without it keeps, on the same seeds.

use headwater_models::bugs::Bug;
use headwater_models::kafka::config::{Cluster, Version};
use headwater_sim::fault::Fault;

use crate::harness::{Bench, bench_with, steady, three};

/// Runs a story with a bug and without. (lost, repeated) over some seeds, each.
fn both(bug: Bug, seeds: u64, story: impl Fn(&[Bug], u64) -> Bench) -> [(u64, u64); 2] {
    [&[bug][..], &[]].map(|bugs| {
        let runs = (0..seeds).map(|seed| {
            let bench = story(bugs, seed);
            let notes = bench.sim.observer();
            assert!(notes.acks.len() > 1_000, "seed {seed}: {} acknowledged", notes.acks.len());
            (notes.lost(), notes.repeated())
        });
        runs.fold((0, 0), |sum, run| (sum.0 + run.0, sum.1 + run.1))
    })
}

/// Five voters, so that the controllers keep their majority; replicas on brokers 0, 1 and 2.
fn five() -> Cluster {
    Cluster { brokers: 5, ..three() }
}

#[test]
fn a_follower_that_truncates_to_its_high_watermark_loses_what_it_leads_without() {
    let [with, without] = both(Bug::TruncateToHighWatermark, 2, |bugs, seed| {
        let mut bench = bench_with(&five(), bugs, &steady(400, 1_000, 20), seed);
        let (b, c) = (bench.broker(1), bench.broker(2));
        // Broker 2 truncates when 1 takes over from 0, can't fetch from 1, and takes over from 1.
        bench.pause_consumer(8, 60);
        bench.at(10, 0, |node, _| Fault::Crash { node });
        bench.at(10, 0, |_, _| Fault::Partition { from: vec![b], to: vec![c], symmetric: true });
        bench.at(24, 1, |node, _| Fault::Crash { node });
        bench.at(25, 1, |_, _| Fault::Heal);
        bench.at(40, 0, |node, _| Fault::Restart { node });
        bench.at(40, 1, |node, _| Fault::Restart { node });
        bench.run(80);
        bench
    });
    assert!(with.0 > 0 && without == (0, 0), "with {with:?}, without {without:?}");
}

#[test]
fn the_last_in_sync_replica_that_lost_its_page_cache_leads_though_others_have_everything() {
    let [with, without] = both(Bug::LastReplicaStanding, 2, |bugs, seed| {
        let mut cluster = Cluster { version: Version::V4, ..five() };
        cluster.quorum.eligible_leader_replicas = 1;
        let mut bench = bench_with(&cluster, bugs, &steady(400, 1_000, 20), seed);
        bench.pause_consumer(4, 60);
        for follower in [1, 2] {
            bench.at(5, follower, |node, _| Fault::Pause { node });
            bench.at(40, follower, |node, _| Fault::Resume { node });
        }
        bench.at(20, 0, |_, machine| Fault::PowerCut { machine });
        bench.at(22, 0, |_, machine| Fault::PowerOn { machine });
        bench.run(90);
        bench
    });
    assert!(with.0 > 0 && without == (0, 0), "with {with:?}, without {without:?}");
}

#[test]
fn an_unclean_election_loses_what_only_the_last_in_sync_replica_has() {
    let [with, without] = both(Bug::UncleanElection, 1, |bugs, seed| {
        let mut cluster = five();
        cluster.topic.min_insync_replicas = 1;
        let mut bench = bench_with(&cluster, bugs, &steady(400, 200, 20), seed);
        bench.pause_consumer(4, 70);
        for follower in [1, 2] {
            bench.at(5, follower, |node, _| Fault::Crash { node });
            bench.at(22, follower, |node, _| Fault::Restart { node });
        }
        bench.at(20, 0, |node, _| Fault::Crash { node });
        bench.at(50, 0, |node, _| Fault::Restart { node });
        bench.run(100);
        bench
    });
    assert!(with.0 > 0 && without == (0, 0), "with {with:?}, without {without:?}");
}

#[test]
fn a_leader_that_was_replaced_unnoticed_acknowledges_what_will_be_truncated() {
    let [with, without] = both(Bug::ZombieLeader, 2, |bugs, seed| {
        let mut bench = bench_with(&three(), bugs, &steady(2_000, 200, 30), seed);
        bench.at(6, 0, |node, _| Fault::Pause { node });
        bench.at(20, 0, |node, _| Fault::Resume { node });
        bench.run(60);
        bench
    });
    assert!(with.0 > 0 && without == (0, 0), "with {with:?}, without {without:?}");
}
