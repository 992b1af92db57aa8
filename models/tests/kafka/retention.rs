//! What retention removes, and what becomes of those who come for it.

use headwater_check::{Audience, Promises};
use headwater_models::kafka::config::{Cluster, OffsetReset};
use headwater_sim::fault::Fault;

use crate::harness::{Bench, bench, steady, three};

/// Bytes of a batch of one event of 1,000 bytes.
const BATCH: u64 = 61 + 10 + 1_000;
/// Events a second, each a batch.
const RATE: u64 = 100;
const SECOND: u64 = RATE * BATCH;

/// Three brokers with segments of a second, a look at them every five, and files that go at once.
fn looking() -> Cluster {
    let mut cluster = three();
    cluster.topic.segment_bytes = SECOND;
    cluster.topic.file_delete_delay_ms = 0;
    cluster.broker.log_retention_check_interval_ms = 5_000;
    cluster
}

fn second(bench: &Bench, name: &str) -> Option<u64> {
    bench.sim.observer().first_ms(name).map(|ms| ms / 1_000)
}

/// Bytes on a broker's disk.
fn on_disk(bench: &Bench, number: usize) -> u64 {
    bench.sim.disk_bytes(bench.broker(number))
}

#[test]
fn a_log_is_never_larger_than_its_limit_a_segment_and_what_comes_between_two_looks() {
    let mut cluster = looking();
    cluster.topic.retention_bytes = 10 * SECOND as i64;
    let mut bench = bench(&cluster, &steady(RATE, 1_000, 60), 1);
    bench.run(60);
    let highest = bench.sim.observer().highest("log_bytes");
    // Nobody looks before 30 s.
    assert!((29 * SECOND..=30 * SECOND).contains(&highest), "{} s", highest / SECOND);
    let seen = bench.sim.observer();
    let later = seen.gauges.iter().filter(|(at, ..)| at.as_secs_f64() > 31.0);
    let highest = later.map(|(.., bytes)| *bytes).max().expect("it is looked at");
    assert!((15 * SECOND..=16 * SECOND).contains(&highest), "{} s", highest as f64 / SECOND as f64);
    assert_eq!(second(&bench, "segments_deleted"), Some(30));
    for number in 0..3 {
        let disk = on_disk(&bench, number);
        assert!((10 * SECOND..16 * SECOND).contains(&disk), "{} s", disk / SECOND);
    }
    bench.sim.observer().check_exactly_once();
    assert_eq!(bench.gone_from_all_disks(), 0, "what a policy removed was kept until then");
}

#[test]
fn a_log_keeps_what_is_young_enough_and_files_stay_for_their_delay() {
    let mut cluster = looking();
    cluster.topic.retention_ms = 20_000;
    cluster.topic.file_delete_delay_ms = 10_000;
    let mut bench = bench(&cluster, &steady(RATE, 1_000, 60), 1);
    // Rounded: other files are small.
    let segments = |bench: &Bench| (on_disk(bench, 0) + SECOND / 2) / SECOND;
    bench.run(39);
    assert_eq!(segments(&bench), 39, "what was removed at 30 s still has its files");
    bench.run(41);
    assert_eq!(segments(&bench), 41 - 10, "the files of ten seconds went at 40 s");
    // Nobody writes any more, and the active segment gets old as well.
    bench.run(100);
    assert!(on_disk(&bench, 0) < SECOND / 2, "{}", on_disk(&bench, 0));
    bench.sim.observer().check_exactly_once();
}

#[test]
fn where_a_log_begins_outlives_its_broker() {
    for clean in [true, false] {
        let mut cluster = looking();
        cluster.topic.retention_bytes = 5 * SECOND as i64;
        cluster.topic.file_delete_delay_ms = 20_000;
        let mut bench = bench(&cluster, &steady(RATE, 1_000, 60), 1);
        // The files of what was removed at 30 s are there yet.
        bench.at(33, 0, |node, machine| match clean {
            true => Fault::Crash { node },
            false => Fault::PowerCut { machine },
        });
        bench.at(36, 0, |node, machine| match clean {
            true => Fault::Restart { node },
            false => Fault::PowerOn { machine },
        });
        bench.run(100);
        bench.sim.observer().check_exactly_once();
        assert_eq!(bench.gone_from_all_disks(), 0);
        assert_eq!(bench.sim.observer().fallen(), 0);
        for number in 0..3 {
            let disk = on_disk(&bench, number);
            assert!(disk < 12 * SECOND, "broker {number}: {} s", disk / SECOND);
        }
    }
}

#[test]
fn a_follower_that_was_away_for_longer_goes_on_where_its_leaders_log_begins() {
    let mut cluster = looking();
    cluster.topic.retention_ms = 10_000;
    let mut bench = bench(&cluster, &steady(RATE, 1_000, 90), 1);
    bench.at(10, 2, |node, _| Fault::Crash { node });
    bench.at(60, 2, |node, _| Fault::Restart { node });
    bench.run(90);
    let seen = bench.sim.observer();
    assert_eq!((seen.times("log_restarted").len(), seen.times("isr_expanded").len()), (1, 1));
    assert_eq!(second(&bench, "log_restarted"), Some(60));
    seen.check_exactly_once();
}

/// A consumer that stands still for longer than the log keeps what it has not read.
fn slow(reset: OffsetReset, group: &str) -> Bench {
    let mut cluster = looking();
    cluster.topic.retention_ms = 10_000;
    cluster.consumer.group_id = group.into();
    cluster.consumer.auto_offset_reset = reset;
    cluster.consumer.session_timeout_ms = 6_000;
    let mut bench = bench(&cluster, &steady(RATE, 1_000, 80), 1);
    bench.pause_consumer(15, 60);
    bench.run(100);
    bench
}

#[test]
fn a_reader_that_comes_too_late_is_told_and_begins_anew() {
    for (reset, group, missed) in [
        (OffsetReset::Earliest, "", 3_250..4_500),
        (OffsetReset::Earliest, "g", 3_250..4_500),
        (OffsetReset::Latest, "", 4_450..4_575),
        (OffsetReset::None, "", 6_250..6_750),
    ] {
        let bench = slow(reset, group);
        let seen = bench.sim.observer();
        let expired = seen.history.expired_unread(Audience::Group);
        let case = format!("{reset:?}, group '{group}': {expired} expired");
        // A member whose session is over comes back to what it had committed: out of range again.
        let told = if group.is_empty() { 1 } else { 2 };
        assert_eq!(seen.times("offset_out_of_range").len(), told, "{case}");
        if reset == OffsetReset::Earliest {
            assert!(missed.contains(&expired), "{case}");
            assert_eq!(seen.broken(Promises::default()), [], "{case}");
        } else {
            // What it passes over though it was there is missing.
            let unread = seen.acks.len() - seen.delivered_due.len();
            assert!(missed.contains(&(unread as u64)), "{case}: {unread} unread");
        }
    }
}

#[test]
fn with_kafkas_defaults_nothing_goes_and_nothing_is_looked_at() {
    let mut bench = bench(&three(), &steady(100, 1_000, 10), 1);
    bench.run(700);
    let seen = bench.sim.observer();
    assert_eq!((seen.times("segments_deleted").len(), seen.highest("log_bytes")), (0, 0));
    assert!(on_disk(&bench, 0) > 1_000 * BATCH);
}
