//! Retention: what the controller has truncated, what becomes of tier 2 and of readers who come for
//! what is gone.
//!
//! ```text
//!    gone        kept            a cut at every look: the stream is truncated at the youngest that
//! ──────────|──────────|──────>  leaves as much as the policy wants
//!         cut        cut  now
//! ```

use headwater_check::{Audience, Promises};
use headwater_models::arrival::ArrivalSource;
use headwater_models::pravega::config::{
    Client, Cluster, Controller, Reader, RetentionPolicy, RetentionType, ScaleType, ScalingPolicy,
    SegmentStore, StreamDataRetention,
};
use headwater_models::pravega::system::{CONTROLLER, SEGMENT_STORE};
use headwater_models::role::CONSUMER;
use headwater_sim::fault::Fault;
use headwater_sim::time::{Duration, Time};

use super::bench::{Bench, distributed, keyed, paced, second, standalone};
use crate::seen::Seen;

/// Events a second, and bytes of each in its segment.
const RATE: u64 = 5;
const EVENT: u64 = 10_000 + 8;

/// So many seconds of events, from second 1 on.
fn events(seconds: u64) -> ArrivalSource {
    paced(RATE, 10_000, seconds)
}

pub fn by_time(seconds: u64) -> RetentionPolicy {
    let (retention_type, duration_ms_min) = (RetentionType::Time, seconds * 1_000);
    RetentionPolicy { retention_type, duration_ms_min, ..RetentionPolicy::default() }
}

fn by_size(size_bytes_min: u64) -> RetentionPolicy {
    let retention_type = RetentionType::Size;
    RetentionPolicy { retention_type, size_bytes_min, ..RetentionPolicy::default() }
}

/// A look every minute, small chunks, and tier 2 that is told soon of what was written.
pub fn looking(retention_policy: RetentionPolicy, on: Cluster) -> Cluster {
    let segment_store = SegmentStore {
        flush_threshold_ms: 5_000,
        rollover_size_bytes_max: 500_000,
        garbage_collection_delay_seconds: 10,
        ..on.segment_store
    };
    let controller = Controller { retention_frequency_minutes: 1, ..on.controller };
    let (client, segments) = (Client::Java, 1);
    Cluster { retention_policy, segment_store, controller, client, segments, ..on }
}

/// (second, offset in events) of truncations of a segment.
fn truncations(seen: &Seen) -> Vec<(u64, u64)> {
    let of = seen.events.iter().filter(|event| event.name == "segment_truncated");
    of.map(|event| (event.at.0 / 1_000_000_000, event.value / EVENT)).collect()
}

fn expired(seen: &Seen) -> u64 {
    seen.history.expired_unread(Audience::Group)
}

/// Levels of a gauge from a second on.
fn levels(seen: &Seen, name: &str, from: u64) -> Vec<u64> {
    let of = seen.gauges.iter().filter(|(at, _, of, _)| *of == name && *at >= second(from));
    of.map(|(.., value)| *value).collect()
}

/// The reader is away from second 2 on, and comes back.
fn without_reader(bench: &mut Bench, until: u64) {
    let node = bench.nodes(CONSUMER)[0];
    bench.fault(2, Fault::Crash { node });
    bench.fault(until, Fault::Restart { node });
}

#[test]
fn what_is_old_enough_goes_at_the_next_look_and_what_is_younger_stays() {
    for client in [Client::Java, Client::Headwater] {
        let cluster = Cluster { client, ..looking(by_time(90), distributed(1, 3)) };
        let mut bench = Bench::new(1, &cluster, &events(300));
        without_reader(&mut bench, 310);
        let seen = bench.run_to(340);
        // At 120 s the cut of second 60 is a minute old; at 180 s it is the youngest of 90 s.
        let told: Vec<_> = truncations(seen);
        assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [180, 240, 300]);
        for ((_, events), cut) in told.iter().zip([60, 120, 180]) {
            let due = RATE * (cut - 1);
            assert!((due..due + 4).contains(events), "{events} of {due} by second {cut}");
        }
        // The reader comes back, is told once, and reads what there is.
        assert_eq!(seen.times("reader_truncated").len(), 1, "{client:?}");
        let at = seen.events.iter().find(|event| event.name == "reader_truncated");
        assert_eq!(at.map(|event| event.value / EVENT), Some(told[2].1));
        assert_eq!((seen.acked(), seen.failed()), (RATE * 300, 0));
        // What it had read in the first second is not missed.
        let missed = expired(seen);
        assert!((told[2].1 - RATE..=told[2].1).contains(&missed), "{missed} of {}", told[2].1);
        assert_eq!(seen.broken(Promises::default()), [], "{client:?}");
    }
}

#[test]
fn a_stream_is_never_larger_than_its_limit_and_two_looks_and_tier_2_shrinks_with_it() {
    let period = 60 * RATE * EVENT;
    let least = period / 2;
    for on in [standalone(), distributed(1, 3)] {
        let mode = on.mode;
        let mut bench = Bench::new(2, &looking(by_size(least), on), &events(360));
        let seen = bench.run_to(420);
        let told = truncations(seen);
        // The first look has one cut, behind which there is nothing.
        assert_eq!(told.iter().map(|(at, _)| *at / 60).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        let retained = levels(seen, "retained_bytes", 125);
        let (low, high) = (retained.iter().min(), retained.iter().max());
        assert!(low >= Some(&least), "{mode:?}: {low:?} of {least}");
        assert!(high < Some(&(least + 2 * period)), "{mode:?}: {high:?}, {period} between looks");
        // Chunks go when all of one is before the start, 10 s later.
        let tier = levels(seen, "tier_bytes", 130);
        let most = tier.iter().max().copied().unwrap_or(u64::MAX);
        assert!(most < least + 2 * period + 2_000_000, "{mode:?}: {most} in tier 2");
        assert!(most < 360 * RATE * EVENT / 2, "{mode:?}: {most} of all in tier 2");
        assert!(seen.times("chunk_deleted").len() > 10, "{mode:?}");
        seen.check_exactly_once();
        assert_eq!(expired(seen), 0, "{mode:?}: a reader that keeps up misses nothing");
    }
}

/// When the first truncation begins.
fn first_truncation(cluster: &Cluster, seed: u64) -> Time {
    let mut bench = Bench::new(seed, cluster, &events(250));
    bench.run_to(125).times("stream_truncated")[0]
}

#[test]
fn a_truncation_goes_on_after_a_crash_and_does_no_harm_twice() {
    let cluster = looking(by_time(30), distributed(1, 3));
    let at = first_truncation(&cluster, 3);
    for role in [CONTROLLER, SEGMENT_STORE] {
        let mut bench = Bench::new(3, &cluster, &events(250));
        let node = bench.nodes(role)[0];
        bench.sim.schedule(at + Duration(1_000), Fault::Crash { node });
        bench.sim.schedule(at + Duration::from_secs(5), Fault::Restart { node });
        without_reader(&mut bench, 270);
        let seen = bench.run_to(320);
        let begun = seen.times("stream_truncated");
        let again = if role == CONTROLLER { 2 } else { 1 };
        let soon = begun.iter().filter(|begun| begun.since(at) < Duration::from_secs(40));
        assert_eq!(soon.count(), again, "{}: {begun:?}", role.name);
        let told = truncations(seen);
        assert!(told.len() >= 2 && told[0].0 < 165, "{}: {told:?}", role.name);
        assert!(told.windows(2).all(|two| two[0].1 < two[1].1), "{}: {told:?}", role.name);
        assert!(expired(seen) > 100, "{}: {} expired", role.name, expired(seen));
        assert_eq!(seen.broken(Promises::default()), [], "{}", role.name);
    }
}

#[test]
fn where_a_segment_begins_and_what_is_to_be_deleted_outlives_its_store() {
    let cluster = looking(by_time(60), distributed(2, 3));
    let mut bench = Bench::new(4, &cluster, &events(240));
    let stores = bench.nodes(SEGMENT_STORE);
    // The chunks of the truncation at 120 s wait for their time.
    for node in stores {
        bench.fault(124, Fault::Crash { node });
        bench.fault(150, Fault::Restart { node });
    }
    without_reader(&mut bench, 170);
    let seen = bench.run_to(200);
    let told = truncations(seen);
    assert_eq!(told.len(), 1 + usize::from(told.last().is_some_and(|(at, _)| *at >= 180)));
    let deleted = seen.times("chunk_deleted");
    assert!(deleted.iter().any(|at| *at > second(150)), "{deleted:?}");
    assert!(expired(seen) > RATE * 50, "{} expired", expired(seen));
    assert_eq!(seen.broken(Promises::default()), []);
}

/// A reader that stands still for longer than the stream keeps what it has not read.
fn slow(client: Client) -> Bench {
    let cluster = Cluster { client, ..looking(by_time(30), distributed(1, 3)) };
    let mut bench = Bench::new(5, &cluster, &events(200));
    let node = bench.nodes(CONSUMER)[0];
    bench.fault(10, Fault::Pause { node });
    bench.fault(190, Fault::Resume { node });
    bench.run_to(260);
    bench
}

#[test]
fn a_reader_that_lags_behind_the_start_is_told_and_goes_on_there() {
    for client in [Client::Java, Client::Headwater] {
        let bench = slow(client);
        let seen = bench.sim.observer();
        assert_eq!(seen.times("reader_truncated").len(), 1, "{client:?}");
        assert_eq!(seen.acked() - seen.delivered(), expired(seen), "{client:?}");
        assert!(expired(seen) > RATE * 60, "{client:?}: {} expired", expired(seen));
        assert_eq!(seen.broken(Promises::default()), [], "{client:?}");
    }
}

#[test]
fn the_rust_clients_reader_takes_a_truncation_for_the_end_of_a_segment() {
    let bench = slow(Client::Rust);
    let seen = bench.sim.observer();
    assert_eq!(seen.times("reader_truncated").len(), 1);
    // It asks for the successors, of which there are none, and never comes back to the segment:
    // what the truncation at 240 s, at the cut of second 180, has left of it is not read.
    let left = RATE * 20;
    assert!((left..=left + RATE).contains(&seen.lost()), "{} lost", seen.lost());
}

/// A reader whose group holds truncation up stands still from second 40 on.
fn held_up(duration_ms_max: u64) -> Bench {
    let policy = RetentionPolicy { duration_ms_max, ..by_time(30) };
    let reader = Reader {
        retention_type: StreamDataRetention::AutomaticReleaseAtLastCheckpoint,
        automatic_checkpoint_interval_ms: 5_000,
        ..Reader::default()
    };
    let cluster = Cluster { reader, ..looking(policy, distributed(1, 3)) };
    let mut bench = Bench::new(8, &cluster, &events(240));
    let node = bench.nodes(CONSUMER)[0];
    bench.fault(40, Fault::Pause { node });
    bench.fault(250, Fault::Resume { node });
    bench.run_to(310);
    bench
}

#[test]
fn a_group_that_subscribes_holds_a_truncation_up_until_the_most_is_reached() {
    let bench = held_up(0);
    let seen = bench.sim.observer();
    let told = truncations(seen);
    // Where it was at its last checkpoint, until it comes back.
    let (at, events) = told[0];
    assert!(at == 120 && (RATE * 34..RATE * 40).contains(&events), "{told:?}");
    assert!(told[1].0 >= 300, "{told:?}");
    seen.check_exactly_once();
    assert_eq!(expired(seen), 0, "nothing goes before it is read");
    // With a most of 100 s it is truncated at 180 s at the cut of 120 s.
    let bench = held_up(100_000);
    let seen = bench.sim.observer();
    let told = truncations(seen);
    let near = RATE * 119..RATE * 119 + 4;
    assert!(told[1].0 == 180 && near.contains(&told[1].1), "{told:?}");
    assert_eq!(seen.acked() - seen.delivered(), expired(seen));
    assert!(expired(seen) > RATE * 60, "{} expired", expired(seen));
    assert_eq!(seen.broken(Promises::default()), []);
}

#[test]
fn segments_that_were_split_are_gone_once_the_stream_begins_behind_them() {
    let scaling_policy = ScalingPolicy {
        scale_type: ScaleType::ByRateInEventsPerSec,
        target_rate: 1,
        scale_factor: 2,
    };
    let cluster = looking(by_time(50), distributed(2, 3));
    let segment_store = SegmentStore {
        auto_scale_cooldown_seconds: 60,
        auto_scale_mute_seconds: 60,
        ..cluster.segment_store
    };
    let cluster = Cluster { scaling_policy, segment_store, ..cluster };
    let mut bench = Bench::new(6, &cluster, &keyed(8, 200, 330, 61));
    without_reader(&mut bench, 335);
    let seen = bench.run_to(420);
    assert_eq!(seen.events.iter().filter(|event| event.name == "segment_split").count(), 1);
    let gone = seen.events.iter().filter(|event| event.name == "segment_deleted");
    assert_eq!(gone.map(|event| event.entity).collect::<Vec<_>>(), [0]);
    // Its reader is told that it is gone, then where each half begins.
    assert_eq!(seen.times("reader_truncated").len(), 3);
    assert!(expired(seen) > 8 * 120, "{} expired", expired(seen));
    assert_eq!(seen.acked() + seen.failed(), 8 * 330);
    assert_eq!(seen.broken(Promises::default()), []);
}

#[test]
fn without_a_policy_nothing_goes_and_nobody_looks() {
    let controller = Controller { retention_frequency_minutes: 1, ..Controller::default() };
    let cluster = Cluster { controller, ..distributed(1, 3) };
    let mut bench = Bench::new(7, &cluster, &events(10));
    let seen = bench.run_to(150);
    assert_eq!(seen.noted("pravega-retains"), 0);
    assert_eq!((truncations(seen), levels(seen, "retained_bytes", 0)), (vec![], vec![]));
}

#[test]
fn a_policy_that_says_nothing_or_too_much_is_refused() {
    let refused = |policy: RetentionPolicy, scaled_at: u64| {
        let mut cluster = looking(policy, distributed(1, 3));
        cluster.scaling.at_ms = scaled_at;
        cluster.check().expect_err("it is impossible")
    };
    let twice = RetentionPolicy { size_bytes_min: 9, ..by_time(5) };
    let none = RetentionPolicy { retention_type: RetentionType::None, ..by_time(5) };
    let most = RetentionPolicy { duration_ms_max: 4_999, ..by_time(5) };
    for (policy, scaled_at, what) in [
        (by_size(0), 0, "retention_policy size.bytes.min = 0: it must be above 0"),
        (twice, 0, "size.bytes.min = 9: only retention.type = \"size\" uses it"),
        (none, 0, "duration.ms.min = 5000: only retention.type = \"time\" uses it"),
        (most, 0, "duration.ms.max = 4999: it must be at least duration.ms.min = 5000, or 0"),
        (by_time(5), 7, "scaling at.ms = 7"),
    ] {
        let why = refused(policy, scaled_at);
        assert!(why.contains(what), "{why}");
    }
    let mut cluster = looking(by_time(5), distributed(1, 3));
    cluster.controller.retention_frequency_minutes = 0;
    let why = cluster.check().expect_err("it never looks");
    assert!(why.contains("controller.retention.frequency.minutes = 0"), "{why}");
    let mut cluster = distributed(1, 3);
    cluster.reader.retention_type = StreamDataRetention::AutomaticReleaseAtLastCheckpoint;
    let why = cluster.check().expect_err("nothing is removed");
    assert!(why.contains("without a retention_policy"), "{why}");
}
