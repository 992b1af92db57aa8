//! The paper's claims, each a test: shorter runs of one seed come to the verdict that stands in
//! docs/PAPER.md, which `headwater paper` computes of longer ones and more seeds.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use headwater_scenarios::paper::{Answer, Asked, Paper, Verdict};

/// All claims by short runs of one seed, made once for all tests.
fn answer() -> &'static Answer {
    static ANSWER: OnceLock<Answer> = OnceLock::new();
    ANSWER.get_or_init(|| {
        let asked =
            Asked { profile: None, only: vec![], seeds: (1, 1), quick: true, figures: false };
        let answer = asked.run(&AtomicBool::new(false), &|_, _, _| ());
        answer.unwrap_or_else(|problems| panic!("{problems}"))
    })
}

/// The verdict that the page has for a claim.
fn published(id: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PAPER.md"));
    let page = page.expect("docs/PAPER.md is there");
    let heading = format!("## {id}: ");
    let line = page.lines().find_map(|line| line.strip_prefix(&heading));
    line.unwrap_or_else(|| panic!("docs/PAPER.md has no {heading}")).to_owned()
}

fn claim(id: &str) {
    let answer = answer();
    let judged = answer.claims.iter().chain(&answer.unseen).find(|claim| claim.id == id);
    let judged = judged.unwrap_or_else(|| panic!("{id} is no claim"));
    let published = published(id);
    if published == Verdict::CannotBeKnown.word() {
        // Seeds differ: one of them is on either side.
        assert_ne!(judged.verdict, Verdict::NotRun, "{judged:#?}");
    } else {
        assert_eq!(judged.verdict.word(), published, "{judged:#?}");
    }
    assert!(judged.explained, "{}", judged.because);
    assert!(!judged.simulated.is_empty() && !judged.simulated.contains('{'), "{judged:#?}");
}

macro_rules! claims {
    ($($test:ident: $id:literal,)+) => {
        const TESTED: &[&str] = &[$($id),+];
        $(
            #[test]
            fn $test() {
                claim($id);
            }
        )+
    };
}

claims! {
    c1_throughput_rises_with_the_size_of_events: "C1",
    c2_pravega_is_ahead_above_100_bytes: "C2",
    c3_pravega_answers_sooner_at_most_sizes: "C3",
    c4_latency_is_least_at_a_size_in_between: "C4",
    c5_many_segments_at_low_one_at_high_throughput: "C5",
    c6_many_segments_of_large_events_reach_350_mb: "C6",
    c7_one_partition_is_80_percent_ahead_of_kafka: "C7",
    c8_nothing_is_gained_without_flushes: "C8",
    c9_the_sample_is_handled_in_real_time: "C9",
    c10_the_pipeline_sustains_1600: "C10",
    c11_spark_is_the_bottleneck: "C11",
    c12_a_stream_cushions_a_burst: "C12",
    c13_a_failed_server_is_tolerated: "C13",
    u1_latency_is_buffer_memory_over_throughput: "U1",
    u2_the_misspelt_option_saved_throughput: "U2",
    u3_a_journal_makes_events_wait_for_the_disk: "U3",
    u4_what_is_in_memory_is_lost_with_the_process: "U4",
    u5_shuffle_partitions_cost_most_of_the_time: "U5",
    u6_kafka_in_pravegas_place_sustains_the_same: "U6",
    u7_a_peak_passes_both_streams: "U7",
}

#[test]
fn every_claim_has_a_test() {
    assert_eq!(Paper::shipped().ids().collect::<Vec<_>>(), TESTED);
}
