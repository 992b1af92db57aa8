//! Brokers that die, hang and come back.

use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_sim::fault::Fault;

use crate::harness::{
    Bench, bench, led_by_another_than_the_controller, of_three_led_by_another, steady, three,
};

#[test]
fn a_controller_is_elected_within_seconds_and_there_is_only_one() {
    for seed in 0..10 {
        let mut bench = bench(&three(), &steady(10, 100, 8), seed);
        let notes = bench.run(8);
        let elected = notes.times("controller_elected").len();
        assert!((1..=3).contains(&elected), "seed {seed}: {elected} elections");
        assert!(notes.first_ms("controller_elected").unwrap() < 5_000, "seed {seed}");
        assert_eq!(notes.first_ms("fenced"), None, "seed {seed}");
    }
}

#[test]
fn a_dead_leader_is_replaced_after_its_session_and_nothing_acknowledged_is_lost() {
    let mut bench = led_by_another_than_the_controller(25);
    bench.at(10, 0, |node, _| Fault::Crash { node });
    let notes = bench.run(40);
    let elected = notes.first_ms("leader_elected").expect("a new leader");
    // The session of 9 s less the age of the last heartbeat (0-2 s), and the metadata write.
    assert!((17_000..19_700).contains(&elected), "new leader at {elected} ms");
    let gap = notes.longest_gap().as_millis();
    assert!((7_000..11_500).contains(&gap), "{gap} ms");
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (10_000, 0, 0));
    assert_eq!(notes.fallen(), 0);
}

#[test]
fn readers_come_to_the_new_leader_within_a_second_or_two() {
    for client in [ClientLibrary::Java, ClientLibrary::Librdkafka] {
        let mut bench = of_three_led_by_another(&three().with_client(client), 30);
        bench.at(10, 0, |node, _| Fault::Crash { node });
        let notes = bench.run(23);
        let elected = notes.first_ms("leader_elected").expect("a new leader");
        assert!((17_000..19_700).contains(&elected), "{client:?}: new leader at {elected} ms");
        let last = notes.delivered_due.last().map_or(0, |due| due.0 / 1_000_000);
        assert!(last > 22_000, "{client:?}: read up to what was due at {last} ms");
    }
}

#[test]
fn a_follower_that_stands_still_is_fenced_out_of_the_isr_before_it_lags_out() {
    let mut bench = led_by_another_than_the_controller(30);
    let follower = if bench.controller() == 1 { 2 } else { 1 };
    bench.at(10, follower, |node, _| Fault::Pause { node });
    bench.at(22, follower, |node, _| Fault::Resume { node });
    let notes = bench.run(40);
    let shrunk = notes.first_ms("isr_shrunk").expect("the ISR shrinks");
    assert!((17_000..19_700).contains(&shrunk), "ISR shrunk at {shrunk} ms {:?}", notes.events);
    let expanded = notes.first_ms("isr_expanded").expect("the follower comes back");
    assert!((22_000..30_000).contains(&expanded), "ISR expanded at {expanded} ms");
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (12_000, 0, 0));
}

#[test]
fn a_follower_that_was_fenced_joins_again_though_nothing_is_written() {
    let mut bench = led_by_another_than_the_controller(8);
    let follower = if bench.controller() == 1 { 2 } else { 1 };
    bench.at(10, follower, |node, _| Fault::Pause { node });
    bench.at(22, follower, |node, _| Fault::Resume { node });
    let notes = bench.run(60);
    assert_eq!(notes.times("leader_elected").len(), 0, "its leader stays, and so does the epoch");
    let shrunk = notes.first_ms("isr_shrunk").expect("the ISR shrinks");
    assert!((17_000..19_700).contains(&shrunk), "ISR shrunk at {shrunk} ms");
    let expanded = notes.first_ms("isr_expanded").expect("the follower comes back");
    assert!((22_000..30_000).contains(&expanded), "ISR expanded at {expanded} ms");
}

#[test]
fn a_follower_that_can_reach_the_controller_only_leaves_the_isr_after_the_lag_time() {
    let mut bench = led_by_another_than_the_controller(70);
    let follower = if bench.controller() == 1 { 2 } else { 1 };
    let (leader, cut) = (bench.broker(0), bench.broker(follower));
    let partition =
        move |_, _| Fault::Partition { from: vec![leader], to: vec![cut], symmetric: true };
    bench.at(10, 0, partition);
    let notes = bench.run(70);
    let shrunk = notes.first_ms("isr_shrunk").expect("the ISR shrinks");
    // replica.lag.time.max.ms, looked at every half of it.
    assert!((40_000..56_000).contains(&shrunk), "ISR shrunk at {shrunk} ms");
    assert_eq!(notes.lost(), 0);
}

#[test]
fn a_broker_that_is_restarted_reads_its_log_back_and_catches_up() {
    let mut bench = led_by_another_than_the_controller(30);
    bench.at(10, 0, |node, _| Fault::Crash { node });
    bench.at(12, 0, |node, _| Fault::Restart { node });
    let notes = bench.run(45);
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (12_000, 0, 0));
    let records = |bench: &Bench, number| bench.sim.disk_records(bench.broker(number)).count();
    let logs: Vec<_> = (0..3).map(|number| records(&bench, number)).collect();
    assert!(logs.iter().all(|log| *log > 1_000), "{logs:?}");
}

#[test]
fn with_a_single_broker_a_restart_loses_nothing_that_was_acknowledged() {
    let cluster = Cluster::defaults(Version::V3_9);
    let mut bench = bench(&cluster, &steady(400, 1_000, 10), 1);
    bench.at(4, 0, |node, _| Fault::Crash { node });
    bench.at(6, 0, |node, _| Fault::Restart { node });
    let notes = bench.run(40);
    assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (4_000, 0, 0));
    // Its new life is refused while the session of the former one runs, which starts anew with the
    // new controller (9 s), and then until the backoff between its tries is over.
    let gap = notes.longest_gap().as_millis();
    assert!((11_000..18_000).contains(&gap), "{gap} ms");
}
