//! Remote storage (KIP-405): what is copied when, what is read from there, what is deleted.

use headwater_check::{Audience, Promises};
use headwater_models::kafka::config::Cluster;
use headwater_models::tier::config::{Kind, Tier};
use headwater_sim::fault::Fault;

use crate::harness::{Bench, bench, steady, three};

/// Bytes of a batch of one event of 1,000 bytes.
const BATCH: u64 = 61 + 10 + 1_000;
/// Events a second, each a batch.
const RATE: u64 = 100;
const SECOND: u64 = RATE * BATCH;
/// Everything that a scenario may ask to be.
const PERCENT: u64 = 10_000;

/// Segments of a second, copied every five, and kept here for ten.
fn tiered() -> Cluster {
    let mut cluster = three();
    cluster.topic.segment_bytes = SECOND;
    cluster.topic.file_delete_delay_ms = 0;
    cluster.topic.remote_storage_enable = true;
    cluster.topic.local_retention_ms = 10_000;
    cluster.broker.log_retention_check_interval_ms = 5_000;
    cluster.broker.remote_task_interval_ms = 5_000;
    cluster
}

/// A second group of readers begins late.
fn late(mut cluster: Cluster, second: u64) -> Cluster {
    (cluster.groups, cluster.catch_up.groups) = (2, 1);
    cluster.catch_up.after_ms = second * 1_000;
    cluster
}

/// Everything is delivered to each of so many readers, in order.
fn check(bench: &Bench, readers: u32) {
    let audience = Audience::Groups { count: readers, members: 1 };
    let promises = Promises { audience, ..Promises::default() };
    assert_eq!(bench.sim.observer().broken(promises), []);
}

/// The last level of this name at a second, added up over the brokers.
fn level(bench: &Bench, name: &str, second: f64) -> u64 {
    let seen = bench.sim.observer();
    let of = |node| {
        let before = seen.gauges.iter().filter(|(at, ..)| at.as_secs_f64() <= second);
        let mut own = before.filter(|(_, of, gauge, _)| *of == node && *gauge == name);
        own.next_back().map_or(0, |(.., value)| *value)
    };
    (0..3).map(|number| of(bench.broker(number))).sum()
}

fn count(bench: &Bench, name: &str) -> usize {
    bench.sim.observer().times(name).len()
}

#[test]
fn what_is_committed_and_not_active_is_copied_and_then_goes_here() {
    let mut bench = bench(&tiered(), &steady(RATE, 1_000, 60), 1);
    bench.run(60);
    let there = level(&bench, "remote_log_bytes", 60.0) / SECOND;
    assert!((54..60).contains(&there), "{there} s");
    let here = bench.sim.disk_bytes(bench.broker(0)) / SECOND;
    assert!((10..=16).contains(&here), "{here} s");
    assert!((there..there + 3).contains(&(bench.tier_bytes() / SECOND)), "with its indexes");
    // Three objects of each segment.
    let puts = level(&bench, "remote_puts", 60.0);
    assert!((3 * there..3 * there + 4).contains(&puts), "{puts} puts for {there} segments");
    assert_eq!(level(&bench, "remote_gets", 60.0), 0);
    check(&bench, 1);
    assert_eq!(count(&bench, "offset_out_of_range"), 0);
}

#[test]
fn while_remote_storage_is_out_the_lag_grows_and_nothing_goes_and_then_it_drains() {
    let mut bench = bench(&tiered(), &steady(RATE, 1_000, 90), 1);
    bench.tier_at(20, "unavailable_ppm", 100 * PERCENT);
    bench.tier_at(60, "unavailable_ppm", 0);
    bench.run(100);
    let lag = |second: f64| level(&bench, "remote_copy_lag_segments", second);
    assert!(lag(19.0) <= 6, "{}", lag(19.0));
    assert!((36..=44).contains(&lag(59.9)), "{}", lag(59.9));
    // A segment takes some 0.4 s: three objects, one after the other.
    assert!(lag(95.0) <= 7, "{}", lag(95.0));
    assert!(level(&bench, "remote_copy_lag_bytes", 59.9) >= 36 * SECOND);
    let failed = count(&bench, "remote_copy_failed");
    assert!((7..10).contains(&failed), "{failed}");
    // Local retention waits for what only is here, on each of the brokers.
    let here = level(&bench, "log_bytes", 59.9) / 3 / SECOND;
    assert!((40..46).contains(&here), "{here} s");
    let later = bench.sim.disk_bytes(bench.broker(1)) / SECOND;
    assert!(later <= 16, "{later} s");
    check(&bench, 1);
}

#[test]
fn a_reader_that_comes_late_gets_everything_from_remote_storage() {
    let mut bench = bench(&late(tiered(), 50), &steady(RATE, 1_000, 60), 1);
    bench.run(90);
    check(&bench, 2);
    // Forty seconds, a segment of a second by each read, and indexes twice for each.
    let (reads, gets) = (count(&bench, "remote_read"), level(&bench, "remote_gets", 90.0));
    assert!((35..48).contains(&reads), "{reads} reads");
    assert_eq!(gets, 3 * reads as u64);
}

#[test]
fn of_two_partitions_there_a_fetch_reads_one() {
    let reads = |partitions| {
        let mut cluster = late(tiered(), 30);
        (cluster.brokers, cluster.replication_factor, cluster.partitions) = (1, 1, partitions);
        cluster.topic.min_insync_replicas = 1;
        // All of a partition is one segment, and a read of it all of that.
        cluster.topic.segment_bytes = u64::from(u32::MAX);
        cluster.topic.segment_ms = 5_000;
        cluster.topic.local_retention_ms = 0;
        let mut bench = bench(&cluster, &steady(RATE, 1_000, 20), 1);
        bench.run(60);
        check(&bench, 2);
        let at = |name| bench.sim.observer().times(name);
        let reads = at("remote_read");
        assert!(reads.windows(2).all(|two| two[0] < two[1]), "one at a time: {reads:?}");
        reads.len()
    };
    let (one, two) = (reads(1), reads(2));
    assert!(two >= 2 * one - 2, "{two} reads of two partitions, {one} of one");
}

#[test]
fn a_read_that_takes_longer_than_a_fetch_waits_is_in_vain() {
    let mut bench = bench(&late(tiered(), 50), &steady(RATE, 1_000, 60), 1);
    bench.tier_at(49, "delay_ns", 600_000_000);
    bench.tier_at(70, "delay_ns", 0);
    bench.run(69);
    assert_eq!(count(&bench, "remote_read"), 0);
    assert!(count(&bench, "remote_read_late") >= 30);
    bench.run(120);
    check(&bench, 2);
}

#[test]
fn retention_deletes_there_what_is_too_old_and_a_reader_begins_behind_it() {
    let mut cluster = late(tiered(), 60);
    cluster.topic.retention_ms = 30_000;
    let mut bench = bench(&cluster, &steady(RATE, 1_000, 70), 1);
    bench.run(100);
    let seen = bench.sim.observer();
    let audience = Audience::Groups { count: 2, members: 1 };
    let expired = seen.history.expired_unread(audience);
    assert!((24 * RATE..=31 * RATE).contains(&expired), "{expired}");
    assert_eq!(count(&bench, "offset_out_of_range"), 1);
    check(&bench, 2);
    let there = bench.tier_bytes() / SECOND;
    assert!(there <= 36, "{there} s");
    assert!(level(&bench, "remote_deletes", 100.0) >= 3 * 60);
}

#[test]
fn by_size_what_is_there_and_what_is_only_here_count() {
    let mut cluster = tiered();
    cluster.topic.retention_bytes = 20 * SECOND as i64;
    let mut bench = bench(&cluster, &steady(RATE, 1_000, 60), 1);
    bench.run(60);
    let there = level(&bench, "remote_log_bytes", 60.0) / SECOND;
    assert!((13..=26).contains(&there), "{there} s");
    check(&bench, 1);
}

#[test]
fn a_follower_that_becomes_leader_goes_on_copying_where_the_metadata_say() {
    let mut bench = bench(&tiered(), &steady(RATE, 1_000, 90), 1);
    bench.at(30, 0, |node, _| Fault::Crash { node });
    bench.run(100);
    assert!(count(&bench, "leader_elected") >= 1);
    let there = level(&bench, "remote_log_bytes", 100.0) - level(&bench, "remote_log_bytes", 29.9);
    let there = there / SECOND;
    assert!((80..91).contains(&there), "{there} s");
    // Nothing is copied twice, but what was under way, or not counted yet.
    let (copied, puts) = (there, level(&bench, "remote_puts", 100.0));
    assert!(puts <= 3 * (copied + 5), "{puts} puts for {copied} segments");
    check(&bench, 1);
}

#[test]
fn a_follower_that_was_away_begins_behind_what_was_copied() {
    let mut bench = bench(&tiered(), &steady(RATE, 1_000, 90), 1);
    bench.at(10, 2, |node, _| Fault::Crash { node });
    bench.at(60, 2, |node, _| Fault::Restart { node });
    bench.run(100);
    // It joins those of the events and of the metadata.
    assert_eq!((count(&bench, "log_restarted"), count(&bench, "isr_expanded")), (1, 2));
    check(&bench, 1);
}

#[test]
fn a_reader_gets_the_rest_from_another_leader_after_the_first_is_gone() {
    let mut bench = bench(&late(tiered(), 60), &steady(RATE, 1_000, 60), 1);
    bench.at(40, 0, |node, _| Fault::Crash { node });
    bench.run(120);
    check(&bench, 2);
    assert!(count(&bench, "remote_read") >= 30);
}

#[test]
fn full_storage_refuses_segments_of_whatever_kind_it_is() {
    for kind in [Kind::Nfs, Kind::FileSystem, Kind::InMemory] {
        let mut cluster = late(tiered(), 50);
        cluster.tier = Tier::of(kind);
        let mut bench = bench(&cluster, &steady(RATE, 1_000, 60), 1);
        bench.tier_at(20, "full", 1);
        bench.tier_at(30, "full", 0);
        bench.run(90);
        assert!(count(&bench, "remote_copy_failed") >= 1, "{kind:?}");
        check(&bench, 2);
    }
}
