//! Scaling by load: segments that are written too much are split, neighbours that are written too
//! little are merged, and keys keep their order over all of it.
//!
//! ```text
//!             ┌─ 1 ─┐            the store measures, the controller splits and merges,
//! ── 0 ── ────┤     ├──── 3 ──   the writer goes on with the successors, and readers with a
//!             └─ 2 ─┘            segment whose predecessors were read to their ends
//! ```

use std::collections::BTreeMap;
use std::rc::Rc;

use headwater_models::arrival::{Arrival, ArrivalSource, Arrivals};
use headwater_models::pravega::config::{
    Client, Cluster, ScaleType, ScalingPolicy, SegmentStore, Version,
};
use headwater_models::pravega::epochs::{Epochs, KeyRange};
use headwater_models::pravega::segment::SegmentId;
use headwater_models::pravega::stream::Stream;
use headwater_models::pravega::system::{CONTROLLER, SEGMENT_STORE};
use headwater_models::pravega::writer::routing::Router;
use headwater_models::role::{CONSUMER, PRODUCER};
use headwater_sim::fault::Fault;
use headwater_sim::time::Time;

use super::bench::{Bench, distributed, second};
use crate::seen::Seen;

/// Few, so that each has many events on their way.
const KEYS: u64 = 61;
/// Bytes of an event.
const BYTES: u32 = 100;

/// Events at (per second, for seconds), one phase after the other, from second 1 on.
fn phases(of: &'static [(u64, u64)]) -> ArrivalSource {
    Rc::new(move |producer, producers| -> Arrivals {
        let mut from = second(1);
        let mut all = vec![];
        for (rate, seconds) in of {
            let at = (0..rate * seconds).map(|index| from.0 + index * 1_000_000_000 / rate);
            all.extend(at.map(Time));
            from = Time(from.0 + seconds * 1_000_000_000);
        }
        let mine = move |index: &u64| index % u64::from(producers) == u64::from(producer);
        let all = (0..).zip(all).filter(move |(index, _)| mine(index));
        Box::new(all.map(|(index, at)| Arrival {
            index,
            at,
            key: index * 7_919 % KEYS,
            bytes: BYTES,
        }))
    })
}

/// A segment is meant to take so many events a second.
fn policy(target_rate: u32, scale_factor: u32) -> ScalingPolicy {
    ScalingPolicy { scale_type: ScaleType::ByRateInEventsPerSec, target_rate, scale_factor }
}

fn standalone(scaling_policy: ScalingPolicy) -> Cluster {
    Cluster { scaling_policy, segments: 1, ..Cluster::standalone(Version::V0_13) }
}

/// A cluster that is quick to scale: a minute after a segment was made or asked for. Idle ones are
/// noticed soon, but not between two reports of their loads, which are two minutes apart.
fn quick(client: Client) -> Cluster {
    let of_store = SegmentStore {
        auto_scale_cooldown_seconds: 60,
        auto_scale_mute_seconds: 60,
        auto_scale_expiry_seconds: 130,
        auto_scale_clean_up_seconds: 30,
        ..SegmentStore::default()
    };
    let scaling_policy = policy(1, 2);
    let segment_store = of_store;
    Cluster { client, scaling_policy, segments: 1, segment_store, ..distributed(2, 3) }
}

/// (second, segment, the first that it went on in, how many there are) of splits or merges.
fn scales(seen: &Seen, mark: &str) -> Vec<(u64, u64, u32, u32)> {
    let of = seen.events.iter().filter(|event| event.name == mark);
    let one = |value: u64| ((value >> 32) as u32, value as u32);
    of.map(|event| {
        let (first, count) = one(event.value);
        (event.at.0 / 1_000_000_000, event.entity, first, count)
    })
    .collect()
}

/// What each segment owned, from the marks of the controller.
fn ranges(seen: &Seen, initial: u32) -> BTreeMap<u32, KeyRange> {
    let epochs = Epochs::new(initial);
    let mut ranges: BTreeMap<_, _> =
        epochs.first().map(|segment| (segment.0, epochs.range(segment))).collect();
    for event in &seen.events {
        let (first, count) = ((event.value >> 32) as u32, event.value as u32);
        let Some(old) = ranges.get(&(event.entity as u32)).copied() else { continue };
        match event.name {
            "segment_split" => {
                let parts = (0..count).map(|part| (first + part, old.part(part, count)));
                ranges.extend(parts);
            }
            "segment_merged" => {
                let merged = ranges.entry(first).or_insert(old);
                merged.low = merged.low.min(old.low);
                merged.high = merged.high.max(old.high);
            }
            _ => {}
        }
    }
    ranges
}

/// Fails unless every event was in a segment that owned its key, and those of a key came in order;
/// again ones may come again.
fn check_keys(seen: &Seen, cluster: &Cluster, source: &ArrivalSource, once: bool) {
    let due: BTreeMap<Time, (u64, u64)> =
        source(0, 1).map(|arrival| (arrival.at, (arrival.index, arrival.key))).collect();
    let router = Router::new(Stream::new(cluster), cluster.bugs);
    let ranges = ranges(seen, cluster.segments);
    let mut last = BTreeMap::new();
    for (at, lane) in seen.delivered_due.iter().zip(&seen.delivered_lanes) {
        let (index, key) = due[at];
        let (place, range) = (router.place(key), ranges[lane]);
        assert!(range.low <= place && place <= range.high, "key {key} in segment {lane}");
        let before = last.insert(key, index);
        assert!(!once || before < Some(index), "key {key}: {before:?} before {index}");
    }
}

fn lanes(seen: &Seen) -> Vec<u32> {
    let lanes: std::collections::BTreeSet<u32> = seen.lanes.iter().map(|(_, lane)| *lane).collect();
    lanes.into_iter().collect()
}

#[test]
fn a_segment_at_two_and_a_half_times_its_target_is_split_in_two_after_ten_minutes() {
    let (cluster, load) = (standalone(policy(4, 2)), phases(&[(10, 780)]));
    let mut bench = Bench::new(1, &cluster, &load);
    let seen = bench.run_to(800);
    seen.check_exactly_once();
    check_keys(seen, &cluster, &load, true);
    let splits = scales(seen, "segment_split");
    assert_eq!(splits.len(), 1, "{splits:?}");
    let (at, segment, first, count) = splits[0];
    assert_eq!((segment, first, count), (0, 1, 2));
    assert!((600..=720).contains(&at), "split at second {at}: published 10 to 12 minutes");
    assert_eq!((seen.acked(), seen.failed(), lanes(seen)), (7_800, 0, vec![0, 1, 2]));
}

#[test]
fn at_ten_times_its_target_a_segment_is_split_into_as_many_as_the_factor_allows() {
    for (factor, into) in [(2, 2..=2), (16, 9..=10)] {
        let (cluster, load) = (standalone(policy(2, factor)), phases(&[(20, 660)]));
        let mut bench = Bench::new(2, &cluster, &load);
        let seen = bench.run_to(700);
        seen.check_exactly_once();
        check_keys(seen, &cluster, &load, true);
        let splits = scales(seen, "segment_split");
        assert_eq!(splits.len(), 1, "factor {factor}: {splits:?}");
        let (at, .., count) = splits[0];
        assert!((600..=610).contains(&at) && into.contains(&count), "factor {factor}: {splits:?}");
        assert_eq!((seen.acked(), lanes(seen).len() as u32), (13_200, count + 1));
    }
}

#[test]
fn load_below_the_target_or_a_cool_down_that_is_not_over_scales_nothing() {
    for (target, seconds) in [(12, 800), (1, 595)] {
        let cluster = standalone(policy(target, 2));
        let mut bench = Bench::new(3, &cluster, &phases(&[(10, 800)]));
        let seen = bench.run_to(seconds);
        assert_eq!(scales(seen, "segment_split"), [], "target {target}, {seconds} s");
    }
}

#[test]
fn kilobytes_are_counted_with_the_headers_of_events() {
    // 20 events of 108 bytes are 2.1 KiB a second: hot for 1, not for 3.
    for (target, splits) in [(1, 1), (3, 0)] {
        let by = ScalingPolicy { scale_type: ScaleType::ByRateInKbytesPerSec, ..policy(target, 2) };
        let cluster = Cluster { scaling_policy: by, ..quick(Client::Rust) };
        let mut bench = Bench::new(4, &cluster, &phases(&[(20, 370)]));
        let seen = bench.run_to(372);
        assert_eq!(scales(seen, "segment_split").len(), splits, "{target} KiB/s");
    }
}

#[test]
fn neighbours_with_little_load_are_merged_after_twenty_minutes() {
    let cluster = standalone(policy(16, 2));
    let load = phases(&[(20, 605), (2, 1_350)]);
    let mut bench = Bench::new(5, &cluster, &load);
    let seen = bench.run_to(2_000);
    seen.check_exactly_once();
    check_keys(seen, &cluster, &load, true);
    assert_eq!(scales(seen, "segment_split").len(), 1);
    let merges = scales(seen, "segment_merged");
    let of = merges.iter().map(|(_, segment, first, count)| (*segment, *first, *count));
    assert_eq!(of.collect::<Vec<_>>(), [(1, 3, 1), (2, 3, 1)]);
    let at = merges[0].0;
    assert!((600 + 1_200..600 + 1_200 + 130).contains(&at), "merged at second {at}");
    assert_eq!(lanes(seen), [0, 1, 2, 3]);
}

/// Two readers: what one has split off is merged with what the other has.
#[test]
fn a_stream_grows_and_shrinks_with_its_load_and_loses_and_reorders_nothing() {
    for (seed, client) in [(6, Client::Java), (7, Client::Rust)] {
        let cluster = Cluster { readers: 2, ..quick(client) };
        let load = phases(&[(16, 400), (1, 1), (0, 199), (1, 10)]);
        let mut bench = Bench::new(seed, &cluster, &load);
        let seen = bench.run_to(700);
        seen.check_exactly_once();
        check_keys(seen, &cluster, &load, true);
        let splits = scales(seen, "segment_split");
        // 16 times the target, then 8 each: two minutes after each was made.
        assert!(splits.len() >= 3, "{client:?}: {splits:?}");
        assert!((120..125).contains(&splits[0].0), "{client:?}: {splits:?}");
        let merges = scales(seen, "segment_merged");
        assert!(merges.len() >= 4, "{client:?}: {merges:?}");
        assert_eq!((seen.acked(), seen.failed()), (6_411, 0), "{client:?}");
        assert!(seen.noted("pravega-reader-followed") > 6, "{client:?}");
    }
}

#[test]
fn scales_by_load_in_the_middle_of_failovers_lose_double_and_reorder_nothing() {
    for seed in 10..16 {
        let client = if seed % 2 == 0 { Client::Java } else { Client::Rust };
        let mut cluster = quick(client);
        cluster.writer.rust_retry_attempts_max = 4;
        let load = phases(&[(16, 300)]);
        let mut bench = Bench::new(seed, &cluster, &load);
        let (stores, controller) = (bench.nodes(SEGMENT_STORE), bench.nodes(CONTROLLER)[0]);
        // The controller dies as the first scale is due, or a bit later, then a store.
        bench.sim.schedule(
            Time(121_000_000_000 + (seed - 10) * 2_000_000),
            Fault::Crash { node: controller },
        );
        bench.fault(123, Fault::Restart { node: controller });
        bench.fault(150, Fault::Crash { node: stores[seed as usize % 2] });
        bench.fault(180, Fault::Restart { node: stores[seed as usize % 2] });
        let seen = bench.run_to(420);
        seen.check_exactly_once();
        check_keys(seen, &cluster, &load, true);
        assert_eq!(seen.acked() + seen.failed(), 4_800, "seed {seed}");
        let splits = scales(seen, "segment_split");
        assert!(!splits.is_empty(), "seed {seed}: nothing was split");
    }
}

#[test]
fn clients_that_restart_find_the_segments_that_there_are() {
    for (seed, client) in [(20, Client::Java), (21, Client::Rust)] {
        let (cluster, load) = (quick(client), phases(&[(16, 300)]));
        let mut bench = Bench::new(seed, &cluster, &load);
        let (writer, reader) = (bench.nodes(PRODUCER)[0], bench.nodes(CONSUMER)[0]);
        bench.fault(140, Fault::Crash { node: writer });
        bench.fault(141, Fault::Restart { node: writer });
        bench.fault(200, Fault::Crash { node: reader });
        bench.fault(201, Fault::Restart { node: reader });
        let seen = bench.run_to(360);
        check_keys(seen, &cluster, &load, false);
        assert_eq!(seen.lost(), 0, "{client:?}");
        assert!(seen.acked() > 4_700, "{client:?}: {} acked", seen.acked());
        assert!(!scales(seen, "segment_split").is_empty());
        assert!(lanes(seen).contains(&SegmentId(2).0), "{client:?}: {:?}", lanes(seen));
    }
}
