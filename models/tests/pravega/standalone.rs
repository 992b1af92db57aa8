//! The emulator in memory with the Rust client.

use super::bench::{Bench, paced, standalone};

#[test]
fn one_event_at_a_time_takes_the_published_fifth_of_a_millisecond() {
    let cluster = headwater_models::pravega::config::Cluster { segments: 1, ..standalone() };
    let mut bench = Bench::new(1, &cluster, &paced(100, 100, 5));
    let history = bench.run_to(10);
    assert_eq!(history.acked_count(), 500);
    history.check_exactly_once();
    let p50 = history.percentile_ms(50);
    assert!((0.12..0.25).contains(&p50), "p50 {p50} ms, published 0.17");
}
