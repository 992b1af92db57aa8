//! Every scenario of the library is a test of its own name: it does what it expects, and its
//! compact outcome is the snapshot's. A change that moves a snapshot says "results change" and
//! which.
//!
//! `INSTA_UPDATE=always cargo test -p headwater-scenarios --test library` takes new snapshots.

use headwater_scenarios::library::SCENARIOS;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Scenario;

/// Runs a scenario and holds it to its expectations and its snapshot.
fn scenario(name: &str) {
    let scenario = Scenario::load(name, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let finished = run::run(&scenario, &Options::default());
    let outcome = &finished.outcome;
    let reproduce = &outcome.reproduce;
    if !outcome.ok() {
        let log = finished.log.join("\n");
        let compact = serde_json::to_string_pretty(&outcome.compact()).expect("plain data");
        panic!("{log}\n{compact}\n{name} did not do what it expects; reproduce:\n  {reproduce}");
    }
    let description = format!("{}\n{reproduce}", scenario.hypothesis);
    insta::with_settings!({
        description => description,
        omit_expression => true,
        snapshot_suffix => "",
        prepend_module_to_snapshot => false,
    }, {
        insta::assert_json_snapshot!(name.replace('/', "__"), outcome.compact());
        let account = headwater_reports::account(outcome).join("\n");
        insta::assert_snapshot!(format!("{}-in-words", name.replace('/', "__")), account);
    });
}

macro_rules! library {
    ($($test:ident: $name:literal,)+) => {
        const TESTED: &[&str] = &[$($name),+];
        $(
            #[test]
            fn $test() {
                scenario($name);
            }
        )+
    };
}

library! {
    burst_castle_kafka: "burst/castle-kafka",
    burst_castle_pravega: "burst/castle-pravega",
    burst_retweets_kafka: "burst/retweets-kafka",
    faults_bookie_crash: "faults/bookie-crash",
    faults_broker_crash: "faults/broker-crash",
    faults_broker_stop: "faults/broker-stop",
    faults_group_member: "faults/group-member",
    faults_leader_alone: "faults/leader-alone",
    faults_partition: "faults/partition",
    faults_power_cut: "faults/power-cut",
    faults_slow_tier2: "faults/slow-tier2",
    live_burst_kafka: "live/burst-kafka",
    live_burst_pravega: "live/burst-pravega",
    live_stress_1600_kafka: "live/stress-1600-kafka",
    live_stress_1600_pravega: "live/stress-1600-pravega",
    paper_laptop_kafka: "paper/laptop-kafka",
    paper_laptop_pravega: "paper/laptop-pravega",
    paper_pipeline: "paper/pipeline",
    paper_servers_kafka: "paper/servers-kafka",
    paper_servers_pravega: "paper/servers-pravega",
    paper_stress_1600_kafka: "paper/stress-1600-kafka",
    paper_stress_1600_pravega: "paper/stress-1600-pravega",
    pipeline_engine_killed: "pipeline/engine-killed",
    pipeline_kafka_to_pravega: "pipeline/kafka-to-pravega",
    pipeline_search_faults: "pipeline/search-faults",
    pipeline_twitter_1600: "pipeline/twitter-1600",
    pipeline_twitter_faults: "pipeline/twitter-faults",
    pipeline_twitter_full: "pipeline/twitter-full",
    pipeline_twitter_search: "pipeline/twitter-search",
    planted_ack_quorum_1_wiped_bookie: "planted/ack-quorum-1-wiped-bookie",
    planted_acks_1_leader_killed: "planted/acks-1-leader-killed",
    planted_power_cut_unflushed: "planted/power-cut-unflushed",
    planted_unclean_election: "planted/unclean-election",
    swarm_bookkeeper: "swarm/bookkeeper",
    swarm_kafka: "swarm/kafka",
    swarm_kafka_five: "swarm/kafka-five",
    swarm_kafka_groups: "swarm/kafka-groups",
    swarm_kafka_two: "swarm/kafka-two",
    swarm_pravega: "swarm/pravega",
    swarm_pravega_by_load: "swarm/pravega-by-load",
    what_if_ack_quorum: "what-if/ack-quorum",
    what_if_acks_power_cut: "what-if/acks-power-cut",
    what_if_auto_scaling: "what-if/auto-scaling",
    what_if_broker_down: "what-if/broker-down",
    what_if_catch_up: "what-if/catch-up",
    what_if_containers: "what-if/containers",
    what_if_dark_leader: "what-if/dark-leader",
    what_if_kafka_quota: "what-if/kafka-quota",
    what_if_kafka_reassign: "what-if/kafka-reassign",
    what_if_kafka_retention: "what-if/kafka-retention",
    what_if_kafka_tiered_catch_up: "what-if/kafka-tiered-catch-up",
    what_if_last_in_sync: "what-if/last-in-sync",
    what_if_many_topics: "what-if/many-topics",
    what_if_outage_hour: "what-if/outage-hour",
    what_if_partitions: "what-if/partitions",
    what_if_power_cut: "what-if/power-cut",
    what_if_pravega_retention: "what-if/pravega-retention",
    what_if_rolling_restarts: "what-if/rolling-restarts",
    what_if_segments: "what-if/segments",
    what_if_skewed_key: "what-if/skewed-key",
    what_if_sync_per_message: "what-if/sync-per-message",
    what_if_tier_out: "what-if/tier-out",
    what_if_version: "what-if/version",
}

#[test]
fn every_scenario_of_the_library_has_a_test() {
    let shipped: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
    assert_eq!(shipped, TESTED);
}

#[test]
fn every_file_of_the_library_is_shipped_and_says_how_to_reproduce_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the library is there") {
            let path = entry.expect("the library can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).expect("below the root").with_extension("");
            let name = name.to_string_lossy().replace('\\', "/");
            let text = std::fs::read_to_string(&path).expect("a text");
            assert!(text.starts_with("# Shows: "), "{name} says first what it shows");
            let line = format!("\n# Reproduce: headwater run {name}\n");
            assert!(text.contains(&line), "{name} lacks the line {line:?}");
            found.push(name);
        }
    }
    found.sort();
    assert_eq!(found, SCENARIOS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_gives_the_same_outcome_and_another_seed_another() {
    let settings = [("traffic.duration".to_owned(), "3s".to_owned())];
    let run_with = |seed| {
        let scenario = Scenario::load("live/stress-1600-kafka", &settings);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        run::run(&scenario, &Options { seed: Some(seed), ..Options::default() }).outcome
    };
    let (first, again, other) = (run_with(1), run_with(1), run_with(2));
    assert_eq!(first.to_json(), again.to_json());
    assert_ne!(first.fingerprint, other.fingerprint);
    assert_ne!(first.traffic.digest, other.traffic.digest);
}
