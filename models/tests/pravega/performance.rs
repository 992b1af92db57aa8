//! Figures against the published ones, and what the options do to them.

use headwater_models::bookkeeper::config::Bookie;
use headwater_models::pravega::config::{Client, Cluster, SegmentStore};

use super::bench::{Bench, distributed, paced, second};

/// As the published benchmarks ran: three stores and bookies, four journals, groups of at most 1
/// ms.
fn benchmark(segments: u32) -> Cluster {
    let bookie = Bookie {
        journal_directories: 4,
        journal_max_group_wait_msec: 1,
        num_add_worker_threads: 8,
        ..Bookie::default()
    };
    let containers = 12;
    Cluster { client: Client::Java, bookie, segments, containers, ..distributed(3, 3) }
}

#[test]
fn at_low_load_an_append_takes_about_the_published_two_milliseconds() {
    for (rate, published) in [(100, 1.9), (1_000, 1.8), (5_000, 2.0)] {
        // The estimator's averages need thousands of acks to settle.
        let mut bench = Bench::new(1, &benchmark(1), &paced(rate, 100, 20));
        let history = bench.run_to(22);
        assert_eq!(history.acked(), rate * 20);
        let p50 = history.response_since(second(16), 0.5).as_secs_f64() * 1e3;
        assert!((0.8..4.0).contains(&p50), "{rate}/s: p50 {p50} ms, published {published}");
    }
}

/// Events acknowledged per second while `rate` are offered.
fn throughput(segments: u32, rate: u64, bytes: u32) -> f64 {
    let mut bench = Bench::new(1, &benchmark(segments), &paced(rate, bytes, 2));
    let history = bench.run_to(3);
    let half = second(2);
    history.acks.iter().filter(|(at, _)| *at > half).count() as f64
}

#[test]
fn one_segment_takes_about_225_000_events_of_a_kilobyte_per_second() {
    let rate = throughput(1, 300_000, 1_000);
    assert!((190e3..260e3).contains(&rate), "{rate}/s, published 225,000");
}

#[test]
fn one_segment_takes_about_a_million_events_of_100_bytes_per_second() {
    let rate = throughput(1, 1_200_000, 100);
    assert!((900e3..1_150e3).contains(&rate), "{rate}/s, published 953,000 to 1,088,000");
}

#[test]
fn ten_segments_take_250_000_events_of_a_kilobyte_per_second() {
    let rate = throughput(10, 250_000, 1_000);
    assert!((240e3..260e3).contains(&rate), "{rate}/s, published 250,000 as offered");
}

#[test]
fn the_batching_delay_makes_fewer_and_larger_frames_at_low_fill() {
    let frames = |batching_delay_ms_max| {
        let segment_store = SegmentStore { batching_delay_ms_max, ..SegmentStore::default() };
        let cluster = Cluster { segment_store, writers: 10, ..benchmark(1) };
        let mut bench = Bench::new(1, &cluster, &paced(10_000, 100, 3));
        assert_eq!(bench.run_to(6).acked(), 30_000);
        bench.frames()
    };
    let (with, without) = (frames(50), frames(0));
    assert!(with * 5 < without * 4, "{with} frames with the delay, {without} without");
}
