//! Published figures of Pravega beside the models': rows of docs/FIDELITY.md that are green there
//! are held to their bands here. The scenario files say where the figures come from.

use headwater_reports::outcome::Outcome;

use published::{acked, response_us};

#[path = "../published.rs"]
mod published;

/// Runs a row's scenario with settings laid over it.
fn row(name: &str, settings: &[(&str, &str)]) -> Outcome {
    published::row("published_pravega", name, settings)
}

/// The same of the benchmark of 2020, which is a scenario of the library.
fn omb(settings: &[(&str, &str)]) -> Outcome {
    published::row("", "paper/servers-pravega", settings)
}

/// Events acknowledged in a second of an overload, while `rate` are offered.
fn highest(segments: &str, writers: &str, [rate, size]: [&str; 2]) -> u64 {
    let settings = [
        ("system.segments", segments),
        ("system.writers", writers),
        ("traffic.rate", rate),
        ("traffic.size.mean", size),
        ("traffic.duration", "4s"),
        ("measure.warm_up", "2s"),
    ];
    acked(&omb(&settings))
}

#[test]
fn omb_2020_one_segment_answers_in_two_or_three_milliseconds_at_moderate_rates() {
    // Median and 99th percentile, published in us, and how far from it, in percent.
    for (rate, p50, p99) in [("1000/s", 1_800, 3_000), ("10000/s", 2_000, 4_000)] {
        let outcome = omb(&[("traffic.rate", rate)]);
        let (median, tail) = (response_us(&outcome, 0.5), response_us(&outcome, 0.99));
        assert!((70..=130).contains(&(median * 100 / p50)), "{rate}: p50 {median} us, {p50}");
        assert!((60..=140).contains(&(tail * 100 / p99)), "{rate}: p99 {tail} us, {p99}");
    }
}

#[test]
fn omb_2020_one_segment_takes_a_million_events_of_100_bytes() {
    let rate = highest("1", "1", ["1300000/s", "100B"]);
    assert!((900_000..1_150_000).contains(&rate), "{rate}/s; published 953,000 to 1,088,000");
}

#[test]
fn omb_2020_one_segment_is_full_where_ten_are_not() {
    let of = |segments| highest(segments, "10", ["250000/s", "1000B"]);
    let (one, ten) = (of("1"), of("10"));
    assert!((190_000..=240_000).contains(&one), "{one}/s; published 216,000");
    assert!((245_000..=255_000).contains(&ten), "{ten}/s; published as offered");
}

#[test]
fn row_14_one_writer_keeps_up_with_a_hundred_segments() {
    let outcome = row("row-14-many-segments", &[]);
    let rate = acked(&outcome);
    assert!((49_000..=51_000).contains(&rate), "{rate}/s of 50,000; 38,900 once");
}

#[test]
fn row_15_an_idle_cluster_is_read_within_some_milliseconds() {
    let outcome = row("row-15-idle", &[]);
    let us = outcome.latency.end_to_end.quantile(0.5).expect("events were read") / 1_000;
    assert!((1_500..=5_500).contains(&us), "{us} us; published 4,100 to 4,400 in the mean");
}

#[test]
fn a_stream_with_too_much_load_doubles_its_segments_every_ten_to_twelve_minutes() {
    let outcome = row("auto-scaling", &[]);
    let splits = outcome.marks.iter().filter(|mark| mark.name == "segment_split");
    let seconds: Vec<u64> = splits.map(|mark| mark.at_ns / 1_000_000_000).collect();
    assert_eq!(seconds.len(), 1 + 2 + 4, "{seconds:?}");
    let doubled = [seconds[0], seconds[2], seconds[6]];
    for (at, before) in doubled.into_iter().zip([0, seconds[0], seconds[2]]) {
        assert!((600..=720).contains(&(at - before)), "{at} s, {before} s; published 10 to 12 min");
    }
    assert_eq!(outcome.counts.delivered, outcome.counts.scheduled);
}
