//! The controller quorum: who keeps its role, who loses it, and how soon.

use headwater_models::kafka::config::Cluster;
use headwater_sim::fault::Fault;
use headwater_sim::time::{Duration, Time};

use crate::harness::{Bench, bench, led_by_another_than_the_controller, steady, three};

const SECOND: u64 = 1_000_000_000;

/// A cluster of three at second 5, and its controller.
fn settled(cluster: &Cluster, seconds: u64, seed: u64) -> (Bench, usize) {
    let mut bench = bench(cluster, &steady(100, 1_000, seconds), seed);
    bench.run(5);
    let controller = bench.controller();
    (bench, controller)
}

/// A run in which the controller is broker 0, which leads the partition.
fn led_by_the_controller(cluster: &Cluster, seconds: u64) -> Bench {
    (0..20)
        .map(|seed| settled(cluster, seconds, seed))
        .find(|(_, controller)| *controller == 0)
        .expect("one of twenty seeds elects broker 0")
        .0
}

fn elections(bench: &Bench, from: u64, to: u64) -> usize {
    let times = bench.sim.observer().times("controller_elected");
    times.iter().filter(|at| (from * SECOND..to * SECOND).contains(&at.0)).count()
}

#[test]
fn a_voter_that_is_killed_and_comes_back_does_not_depose_the_controller() {
    for seed in 0..10 {
        let (mut bench, controller) = settled(&three(), 30, seed);
        let voter = (controller + 1) % 3;
        bench.at(8, voter, |node, _| Fault::Crash { node });
        bench.at(10, voter, |node, _| Fault::Restart { node });
        bench.run(40);
        let events = &bench.sim.observer().events;
        assert_eq!(elections(&bench, 8, 40), 0, "seed {seed}: {events:?}");
    }
}

#[test]
fn a_killed_controller_is_replaced_in_seconds_and_does_not_depose_the_next_one() {
    for seed in 0..10 {
        let (mut bench, controller) = settled(&three(), 30, seed);
        bench.at(8, controller, |node, _| Fault::Crash { node });
        bench.at(20, controller, |node, _| Fault::Restart { node });
        bench.run(40);
        let events = &bench.sim.observer().events;
        // The fetch timeout of 2 s, and elections that are split now and then.
        assert_eq!(elections(&bench, 8, 16), 1, "seed {seed}: {events:?}");
        assert_eq!(elections(&bench, 16, 40), 0, "seed {seed}: {events:?}");
    }
}

#[test]
fn a_controller_whose_disk_hangs_loses_its_role_within_six_seconds() {
    for seed in 0..6 {
        let (mut bench, controller) = settled(&three(), 30, seed);
        let time = Duration::from_secs(15);
        bench.at(8, controller, |_, machine| Fault::StallDisk { machine, disk: 0, time });
        bench.run(23);
        let after = bench.controller();
        assert_ne!(after, controller, "seed {seed}: {:?}", bench.sim.observer().events);
        assert!(elections(&bench, 9, 14) >= 1, "seed {seed}: {:?}", bench.sim.observer().events);
    }
}

#[test]
fn a_follower_of_the_quorum_whose_disk_hangs_disturbs_nobody_until_it_is_back() {
    for seed in 0..4 {
        let (mut bench, controller) = settled(&three(), 30, seed);
        let (voter, time) = ((controller + 1) % 3, Duration::from_secs(10));
        bench.at(8, voter, |_, machine| Fault::StallDisk { machine, disk: 0, time });
        bench.run(17);
        assert_eq!(elections(&bench, 8, 17), 0, "seed {seed}: {:?}", bench.sim.observer().events);
    }
}

/// What the live runs of a leader that dies were tuned to.
fn tuned() -> Cluster {
    let mut cluster = three();
    (cluster.broker.heartbeat_interval_ms, cluster.broker.session_timeout_ms) = (500, 3_000);
    cluster.broker.replica_lag_time_max_ms = 3_000;
    (cluster.quorum.fetch_timeout_ms, cluster.quorum.election_timeout_ms) = (1_000, 500);
    cluster
}

#[test]
fn a_leader_that_is_the_controller_and_dies_is_replaced_a_session_after_the_next_controller() {
    // Live: new controller +1.5 s, fenced exactly 3.0 s after it became active; client 6.6 s.
    let mut bench = led_by_the_controller(&tuned(), 30);
    bench.at(10, 0, |node, _| Fault::Crash { node });
    let notes = bench.run(40);
    let controller = notes.times("controller_elected").into_iter().find(|at| at.0 > 10 * SECOND);
    let controller = controller.expect("another controller").0 / 1_000_000;
    assert!((10_900..14_000).contains(&controller), "controller at {controller} ms");
    let fenced = notes.first_ms("session_expired").expect("the leader is fenced");
    assert!((2_990..3_050).contains(&(fenced - controller)), "fenced at {fenced} ms");
    let elected = notes.first_ms("leader_elected").expect("a new leader");
    assert!(elected - fenced < 700, "new leader at {elected} ms, fenced at {fenced} ms");
    let gap = notes.longest_gap().as_millis();
    assert!((3_900..9_000).contains(&gap), "{gap} ms");
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (3_000, 0, 0));
}

#[test]
fn a_leader_whose_link_is_down_is_fenced_within_its_session() {
    // Live: fenced +2.6 s, new leader +2.75 s.
    let mut bench = (0..20)
        .map(|seed| settled(&tuned(), 30, seed))
        .find(|(_, controller)| *controller != 0)
        .expect("one of twenty seeds elects another")
        .0;
    let nodes: Vec<_> = [1, 2].into_iter().map(|number| bench.broker(number)).collect();
    let (leader, producer) = (bench.broker(0), bench.producers()[0]);
    let all = [nodes.as_slice(), &[producer]].concat();
    let (from, to) = (vec![leader], all);
    let cut = Fault::Partition { from: from.clone(), to: to.clone(), symmetric: true };
    bench.sim.schedule(Time(10 * SECOND), cut);
    bench.sim.schedule(Time(20 * SECOND), Fault::Rejoin { from, to, symmetric: true });
    let notes = bench.run(45);
    let fenced = notes.first_ms("session_expired").expect("the leader is fenced");
    assert!((12_400..13_200).contains(&fenced), "fenced at {fenced} ms");
    let elected = notes.first_ms("leader_elected").expect("a new leader");
    assert!(elected - fenced < 700, "new leader at {elected} ms, fenced at {fenced} ms");
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (3_000, 0, 0));
}

#[test]
fn a_leader_that_is_the_controller_and_stands_still_keeps_its_partition_for_ten_seconds() {
    // Live: new controller after 3.5 s, which starts every session afresh; client 10.7 s.
    let mut bench = led_by_the_controller(&three(), 30);
    bench.at(10, 0, |node, _| Fault::Pause { node });
    bench.at(20, 0, |node, _| Fault::Resume { node });
    let notes = bench.run(50);
    let controller = notes.times("controller_elected").into_iter().find(|at| at.0 > 10 * SECOND);
    let controller = controller.expect("another controller").0 / 1_000_000;
    assert!((11_900..16_000).contains(&controller), "controller at {controller} ms");
    let elected = notes.first_ms("leader_elected");
    assert!(elected.is_none_or(|at| at > 20_000), "leader at {elected:?}");
    let (_, gap) = notes.longest_gap_in(Time(9 * SECOND), Time(22 * SECOND));
    assert!((9_900..11_600).contains(&gap.as_millis()), "{} ms", gap.as_millis());
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (3_000, 0, 0));
}

#[test]
fn a_follower_that_stands_still_stops_acks_all_until_it_is_fenced() {
    // Live: fenced and out of the ISR after 7.3 s (the session less the age of the heartbeat).
    let mut bench = led_by_another_than_the_controller(30);
    let follower = if bench.controller() == 1 { 2 } else { 1 };
    bench.at(10, follower, |node, _| Fault::Pause { node });
    bench.at(20, follower, |node, _| Fault::Resume { node });
    let notes = bench.run(45);
    let (_, gap) = notes.longest_gap_in(Time(9 * SECOND), Time(20 * SECOND));
    assert!((6_900..9_600).contains(&gap.as_millis()), "{} ms", gap.as_millis());
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (12_000, 0, 0));
}

#[test]
fn an_isr_change_that_was_lost_with_its_controller_is_asked_for_again() {
    let mut cluster = three();
    cluster.brokers = 5;
    // Looked at every 10 s; nobody is fenced in this run.
    cluster.broker.replica_lag_time_max_ms = 20_000;
    cluster.broker.session_timeout_ms = 120_000;
    let (mut bench, controller) = (0..20)
        .map(|seed| settled(&cluster, 45, seed))
        .find(|(_, controller)| *controller > 2)
        .expect("one of twenty seeds elects a broker without a replica");
    bench.at(7, 1, |node, _| Fault::Pause { node });
    // The leader asks at 30 s, when the controller has just gone.
    let node = bench.broker(controller);
    bench.sim.schedule(Time(29_900_000_000), Fault::Crash { node });
    let notes = bench.run(45);
    let next = notes.times("controller_elected").into_iter().find(|at| at.0 > 29 * SECOND);
    let next = next.expect("another controller").0 / 1_000_000;
    let shrunk = notes.first_ms("isr_shrunk").expect("the ISR shrinks");
    assert!((30_000..39_000).contains(&shrunk), "ISR shrunk at {shrunk} ms, controller {next} ms");
    assert!(shrunk - next < 1_000, "ISR shrunk at {shrunk} ms, controller at {next} ms");
}
