//! Disk errors, and what brokers do about them.

use headwater_models::kafka::config::{Cluster, Version};
use headwater_sim::device::DiskFault;
use headwater_sim::fault::Fault;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::MachineId;

use crate::harness::{bench, steady, three};

const FULL: fn(MachineId) -> Fault = |machine| Fault::FillDisk { machine, disk: 0, full: true };

#[test]
fn a_leader_whose_disk_is_full_halts_and_another_leads_without_a_loss() {
    for seed in 0..3 {
        let mut bench = bench(&three(), &steady(400, 1_000, 40), seed);
        bench.at(10, 0, |_, machine| FULL(machine));
        bench.at(24, 0, |_, machine| Fault::FillDisk { machine, disk: 0, full: false });
        bench.at(25, 0, |node, _| Fault::Restart { node });
        let notes = bench.run(60);
        let halted = notes.first_ms("log_dir_failed").expect("the broker halts");
        assert!((10_000..10_100).contains(&halted), "seed {seed}: halted at {halted} ms");
        let elected = notes.first_ms("leader_elected").expect("another leads");
        assert!((17_000..23_500).contains(&elected), "seed {seed}: elected at {elected} ms");
        assert!(notes.first_ms("isr_expanded").is_some_and(|at| at > 25_000), "seed {seed}");
        assert_eq!((notes.acks.len(), notes.lost(), notes.repeated()), (16_000, 0, 0));
    }
}

#[test]
fn a_broker_with_a_full_disk_halts_again_at_its_next_start() {
    let mut bench = bench(&three(), &steady(400, 1_000, 30), 1);
    bench.at(10, 0, |_, machine| FULL(machine));
    bench.at(20, 0, |node, _| Fault::Restart { node });
    let notes = bench.run(40);
    let failures = notes.times("log_dir_failed").len();
    assert_eq!((failures, notes.acks.len(), notes.lost()), (2, 12_000, 0));
}

#[test]
fn a_sync_that_fails_halts_the_broker_before_it_acknowledges() {
    for forgets in [false, true] {
        let mut cluster = three();
        cluster.topic.flush_messages = 1;
        let mut bench = bench(&cluster, &steady(400, 1_000, 30), 2);
        let how = DiskFault::SyncErrors { ppm: 1_000_000, forgets };
        bench.at(10, 0, |_, machine| Fault::Disk { machine, disk: 0, how });
        // What its page cache held and no sync has written goes with the power.
        bench.at(11, 0, |_, machine| Fault::PowerCut { machine });
        let notes = bench.run(50);
        assert!(notes.first_ms("log_dir_failed").is_some_and(|at| at < 10_100), "{forgets}");
        assert_eq!((notes.acks.len(), notes.lost()), (12_000, 0), "forgets {forgets}");
    }
}

#[test]
fn what_a_reset_connection_has_begun_counts_for_no_later_request() {
    let mut cluster = Cluster::defaults(Version::V3_9);
    (cluster.producer.acks, cluster.producer.enable_idempotence) = (1, false);
    cluster.topic.flush_messages = 1;
    let mut bench = bench(&cluster, &steady(20, 1_000, 8), 1);
    // A sync takes 180 ms at the median: longer than it takes to connect and send again.
    bench.at(1, 0, |_, machine| Fault::SlowDisk { machine, disk: 0, percent: 300_000 });
    let (broker, producer) = (bench.broker(0), bench.producers()[0]);
    for second in 2..7 {
        bench.at(second, 0, |_, _| Fault::Reset { from: vec![broker], to: vec![producer] });
    }
    for ms in 1_000..20_000 {
        bench.sim.run_until(Time::ZERO + Duration::from_millis(ms));
        assert_eq!(bench.acked_not_durable(), 0, "acknowledged before its sync, at {ms} ms");
    }
    assert!(bench.sim.observer().acks.len() > 100, "{}", bench.sim.observer().acks.len());
}

#[test]
fn handlers_that_wait_for_a_hanging_disk_serve_nobody_else() {
    let answered = |handlers: u32| {
        let mut cluster = Cluster::defaults(Version::V3_9);
        (cluster.partitions, cluster.producers) = (12, 10);
        cluster.topic.flush_messages = 1;
        cluster.broker.io_threads = handlers;
        let mut bench = bench(&cluster, &steady(1_000, 1_000, 12), 1);
        let time = Duration::from_secs(6);
        bench.at(4, 0, |_, machine| Fault::StallDisk { machine, disk: 0, time });
        let notes = bench.run(20);
        assert_eq!((notes.acks.len(), notes.lost()), (12_000, 0), "{handlers} handlers");
        let hang = Time(4_600_000_000)..Time(9_900_000_000);
        notes.fetched.iter().filter(|at| hang.contains(at)).count()
    };
    // A consumer's fetch is answered after half a second, data or not, if anybody handles it.
    let (eight, twenty) = (answered(8), answered(20));
    assert_eq!(eight, 0);
    assert!(twenty >= 9, "{twenty}");
}
