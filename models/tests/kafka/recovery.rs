//! Whether a cluster goes on after a fault.

use headwater_models::kafka::config::{Cluster, Version};
use headwater_sim::fault::Fault;

use crate::harness::{Bench, bench, steady, three};

/// Events acknowledged after a second.
fn acked_after(bench: &Bench, second: f64) -> usize {
    bench.sim.observer().acks.iter().filter(|(at, _)| at.as_secs_f64() > second).count()
}

#[test]
fn a_leader_that_comes_back_without_its_page_cache_within_its_session_is_fenced_first() {
    for seed in 0..4 {
        let mut bench = bench(&three(), &steady(400, 1_000, 30), seed);
        bench.at(10, 0, |_, machine| Fault::PowerCut { machine });
        bench.at(13, 0, |_, machine| Fault::PowerOn { machine });
        bench.run(60);
        assert_eq!(bench.gone_from_all_disks(), 0, "seed {seed}");
        let notes = bench.sim.observer();
        assert_eq!((notes.acks.len(), notes.lost()), (12_000, 0), "seed {seed}");
        assert_eq!(notes.fallen(), 0, "seed {seed}");
        let elected = notes.first_ms("leader_elected").expect("a new leader");
        // Nine seconds from the last heartbeat, or from the last change of the controller: a voter
        // that comes back and knows of no leader may bring about another (no pre-vote before 4.0).
        let events = &notes.events;
        assert!((17_000..33_000).contains(&elected), "seed {seed}: {elected} ms {events:?}");
    }
}

#[test]
fn a_cluster_that_lost_its_logs_goes_on_and_so_does_an_idempotent_producer() {
    for seed in 0..3 {
        let mut bench = bench(&three(), &steady(400, 1_000, 40), seed);
        for number in 0..3 {
            bench.at(6, number, |_, machine| Fault::PowerCut { machine });
            bench.at(8, number, |_, machine| Fault::PowerOn { machine });
        }
        bench.run(80);
        let after = acked_after(&bench, 8.0);
        assert!(after >= 13_500, "seed {seed}: {after} of 13600 acknowledged afterwards");
    }
}

#[test]
fn an_idempotent_producer_goes_on_after_batches_were_given_up() {
    let mut cluster = Cluster::defaults(Version::V3_9);
    (cluster.producer.delivery_timeout_ms, cluster.producer.request_timeout_ms) = (5_000, 2_000);
    let mut bench = bench(&cluster, &steady(400, 1_000, 60), 1);
    bench.at(4, 0, |node, _| Fault::Crash { node });
    bench.at(14, 0, |node, _| Fault::Restart { node });
    bench.run(90);
    // The session of the broker's former life runs until about 23 s.
    let after = acked_after(&bench, 26.0);
    assert!(after >= 13_500, "{after} of 13600 acknowledged after 26 s");
    assert_eq!(bench.sim.observer().repeated(), 0);
}
