//! What is lost, and when nothing is.

use headwater_models::kafka::config::{Cluster, Version};
use headwater_sim::fault::Fault;

use crate::harness::{bench, steady};

fn three(min_isr: u32) -> Cluster {
    let mut cluster = Cluster::defaults(Version::V3_9);
    (cluster.brokers, cluster.replication_factor) = (3, 3);
    cluster.topic.min_insync_replicas = min_isr;
    cluster
}

fn acks_1(mut cluster: Cluster) -> Cluster {
    (cluster.producer.acks, cluster.producer.enable_idempotence) = (1, false);
    cluster
}

#[test]
fn acks_1_loses_what_the_followers_had_not_fetched_when_the_leader_dies() {
    let lost = |cluster: &Cluster| {
        let lost = (0..3).map(|seed| {
            let mut bench = bench(cluster, &steady(10_000, 200, 8), seed);
            bench.at(6, 0, |node, _| Fault::Crash { node });
            bench.run(40).lost()
        });
        lost.sum::<u64>()
    };
    assert!(lost(&acks_1(three(1))) > 0);
    assert_eq!(lost(&three(2)), 0);
}

fn acks_0() -> Cluster {
    let mut cluster = three(1);
    (cluster.producer.acks, cluster.producer.enable_idempotence) = (0, false);
    cluster
}

#[test]
fn acks_0_loses_what_the_socket_holds_when_the_leader_loses_power() {
    let lost = |bytes: u32| {
        let mut bench = bench(&acks_0(), &steady(500, bytes, 40), 3);
        bench.at(6, 0, |_, machine| Fault::PowerCut { machine });
        bench.at(9, 0, |_, machine| Fault::PowerOn { machine });
        let notes = bench.run(60);
        assert_eq!(notes.acks.len(), 20_000);
        notes.lost()
    };
    // 128 KiB of requests, whatever their number; in 3 s without power 1,500 events are due.
    let (small, large) = (lost(1_000), lost(4_000));
    assert!((105..=125).contains(&small), "{small}");
    assert!((28..=33).contains(&large), "{large}");
}

#[test]
fn acks_0_is_lost_until_the_broker_that_leads_no_more_hangs_up() {
    // The leader stands still, is replaced, and goes on: it answers no request, but by closing the
    // connection when it can't append one. Without that all is lost from then on.
    let mut bench = bench(&acks_0(), &steady(500, 1_000, 60), 3);
    bench.at(6, 0, |node, _| Fault::Pause { node });
    bench.at(20, 0, |node, _| Fault::Resume { node });
    let notes = bench.run(90);
    let (lost, acked) = (notes.lost(), notes.acks.len());
    assert!(acked == 30_000 && lost < 10_000, "{lost} of {acked}");
}

#[test]
fn a_leader_that_stood_still_loses_what_it_acknowledged_as_a_zombie() {
    // Alone with acks=1 after the pause, until it learns that it was replaced.
    let mut bench = bench(&acks_1(three(1)), &steady(2_000, 200, 30), 3);
    bench.at(6, 0, |node, _| Fault::Pause { node });
    bench.at(20, 0, |node, _| Fault::Resume { node });
    let notes = bench.run(45);
    assert!(!notes.times("truncated").is_empty(), "{:?}", notes.events);
    assert!(notes.lost() > 0, "{:?}", notes.events);
}

#[test]
fn an_unclean_election_loses_what_the_last_in_sync_replica_had() {
    let run = |unclean: bool| {
        // Five voters, so that the controllers keep their majority throughout.
        let mut cluster = acks_1(three(1));
        cluster.brokers = 5;
        cluster.topic.unclean_leader_election = unclean;
        let mut bench = bench(&cluster, &steady(1_000, 200, 40), 5);
        // Both followers die, the leader goes on alone, dies, and they come back without it.
        bench.at(5, 1, |node, _| Fault::Crash { node });
        bench.at(5, 2, |node, _| Fault::Crash { node });
        bench.at(20, 0, |node, _| Fault::Crash { node });
        bench.at(22, 1, |node, _| Fault::Restart { node });
        bench.at(22, 2, |node, _| Fault::Restart { node });
        bench.at(60, 0, |node, _| Fault::Restart { node });
        let elected = bench.run(90).first_ms("unclean_election").is_some();
        (bench.gone_from_all_disks(), elected)
    };
    assert_eq!(run(false), (0, false));
    let (lost, elected) = run(true);
    assert!(elected && lost > 1_000, "elected {elected}, lost {lost}");
}

#[test]
fn a_power_cut_of_all_replicas_loses_what_was_not_flushed_unless_every_append_is_synced() {
    let lost = |flush: u64| {
        let mut cluster = three(2);
        cluster.topic.flush_messages = flush;
        let mut bench = bench(&cluster, &steady(400, 1_000, 10), 2);
        for number in 0..3 {
            bench.at(6, number, |_, machine| Fault::PowerCut { machine });
            bench.at(8, number, |_, machine| Fault::PowerOn { machine });
        }
        bench.run(40);
        bench.gone_from_all_disks()
    };
    // Nothing had been written back yet: the page cache was all there was.
    assert!(lost(u64::MAX) > 100, "{}", lost(u64::MAX));
    assert_eq!(lost(1), 0);
}

#[test]
fn below_min_insync_replicas_nothing_is_acknowledged() {
    let mut bench = bench(&three(2), &steady(400, 1_000, 40), 4);
    bench.at(5, 1, |node, _| Fault::Crash { node });
    bench.at(5, 2, |node, _| Fault::Crash { node });
    let notes = bench.run(40);
    let after = notes.acks.iter().filter(|(at, _)| at.as_secs_f64() > 6.0).count();
    assert_eq!((after, notes.lost()), (0, 0));
}

#[test]
fn without_a_majority_of_controllers_the_isr_does_not_shrink_and_a_clean_election_loses_acks_1() {
    // The lone leader acknowledges with acks=1 what no consumer ever sees: with two of three
    // controllers dead nobody can take the followers out of the ISR, and the high watermark stays.
    // Once they are back, without it, one of them is elected cleanly.
    let mut bench = bench(&acks_1(three(1)), &steady(1_000, 200, 40), 5);
    bench.at(5, 1, |node, _| Fault::Crash { node });
    bench.at(5, 2, |node, _| Fault::Crash { node });
    bench.at(20, 0, |node, _| Fault::Crash { node });
    bench.at(22, 1, |node, _| Fault::Restart { node });
    bench.at(22, 2, |node, _| Fault::Restart { node });
    let notes = bench.run(60);
    assert_eq!(notes.first_ms("isr_shrunk").map(|at| at < 20_000), None, "{:?}", notes.events);
    assert!(notes.lost() > 14_000, "{}", notes.lost());
}

#[test]
fn a_reader_whose_log_was_cut_goes_on_where_it_was_cut() {
    // All but the leader stop in good order; it loses power, comes back without what it never
    // synced, and they cut their logs to its own. The reader had come further than that.
    let mut cluster = three(2);
    cluster.brokers = 5;
    let mut bench = bench(&cluster, &steady(400, 2_000, 40), 1);
    for follower in [1, 2] {
        bench.at(5, follower, |node, _| Fault::Shutdown { node });
        bench.at(35, follower, |node, _| Fault::Restart { node });
    }
    bench.at(20, 0, |_, machine| Fault::PowerCut { machine });
    bench.at(25, 0, |_, machine| Fault::PowerOn { machine });
    let notes = bench.run(90);
    let (acked, unread) = (notes.acks.len(), notes.lost());
    let gone = bench.gone_from_all_disks();
    assert!(gone > 500, "{gone} of what was read is gone");
    assert_eq!((acked, unread), (16_000, 0), "it reads whatever comes after that");
}
