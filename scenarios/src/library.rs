//! The scenario files that ship in the binary.

use headwater_models::systems::Systems;

use crate::options::Options;

/// Name and text of each, by name.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("burst/castle-kafka", include_str!("../library/burst/castle-kafka.toml")),
    ("burst/castle-pravega", include_str!("../library/burst/castle-pravega.toml")),
    ("burst/retweets-kafka", include_str!("../library/burst/retweets-kafka.toml")),
    ("faults/bookie-crash", include_str!("../library/faults/bookie-crash.toml")),
    ("faults/broker-crash", include_str!("../library/faults/broker-crash.toml")),
    ("faults/broker-stop", include_str!("../library/faults/broker-stop.toml")),
    ("faults/group-member", include_str!("../library/faults/group-member.toml")),
    ("faults/leader-alone", include_str!("../library/faults/leader-alone.toml")),
    ("faults/partition", include_str!("../library/faults/partition.toml")),
    ("faults/power-cut", include_str!("../library/faults/power-cut.toml")),
    ("faults/slow-tier2", include_str!("../library/faults/slow-tier2.toml")),
    ("live/burst-kafka", include_str!("../library/live/burst-kafka.toml")),
    ("live/burst-pravega", include_str!("../library/live/burst-pravega.toml")),
    ("live/stress-1600-kafka", include_str!("../library/live/stress-1600-kafka.toml")),
    ("live/stress-1600-pravega", include_str!("../library/live/stress-1600-pravega.toml")),
    ("paper/laptop-kafka", include_str!("../library/paper/laptop-kafka.toml")),
    ("paper/laptop-pravega", include_str!("../library/paper/laptop-pravega.toml")),
    ("paper/pipeline", include_str!("../library/paper/pipeline.toml")),
    ("paper/servers-kafka", include_str!("../library/paper/servers-kafka.toml")),
    ("paper/servers-pravega", include_str!("../library/paper/servers-pravega.toml")),
    ("paper/stress-1600-kafka", include_str!("../library/paper/stress-1600-kafka.toml")),
    ("paper/stress-1600-pravega", include_str!("../library/paper/stress-1600-pravega.toml")),
    ("pipeline/engine-killed", include_str!("../library/pipeline/engine-killed.toml")),
    ("pipeline/kafka-to-pravega", include_str!("../library/pipeline/kafka-to-pravega.toml")),
    ("pipeline/search-faults", include_str!("../library/pipeline/search-faults.toml")),
    ("pipeline/twitter-1600", include_str!("../library/pipeline/twitter-1600.toml")),
    ("pipeline/twitter-faults", include_str!("../library/pipeline/twitter-faults.toml")),
    ("pipeline/twitter-full", include_str!("../library/pipeline/twitter-full.toml")),
    ("pipeline/twitter-search", include_str!("../library/pipeline/twitter-search.toml")),
    (
        "planted/ack-quorum-1-wiped-bookie",
        include_str!("../library/planted/ack-quorum-1-wiped-bookie.toml"),
    ),
    ("planted/acks-1-leader-killed", include_str!("../library/planted/acks-1-leader-killed.toml")),
    ("planted/power-cut-unflushed", include_str!("../library/planted/power-cut-unflushed.toml")),
    ("planted/unclean-election", include_str!("../library/planted/unclean-election.toml")),
    ("swarm/bookkeeper", include_str!("../library/swarm/bookkeeper.toml")),
    ("swarm/kafka", include_str!("../library/swarm/kafka.toml")),
    ("swarm/kafka-five", include_str!("../library/swarm/kafka-five.toml")),
    ("swarm/kafka-groups", include_str!("../library/swarm/kafka-groups.toml")),
    ("swarm/kafka-two", include_str!("../library/swarm/kafka-two.toml")),
    ("swarm/pravega", include_str!("../library/swarm/pravega.toml")),
    ("swarm/pravega-by-load", include_str!("../library/swarm/pravega-by-load.toml")),
    ("what-if/ack-quorum", include_str!("../library/what-if/ack-quorum.toml")),
    ("what-if/acks-power-cut", include_str!("../library/what-if/acks-power-cut.toml")),
    ("what-if/auto-scaling", include_str!("../library/what-if/auto-scaling.toml")),
    ("what-if/broker-down", include_str!("../library/what-if/broker-down.toml")),
    ("what-if/catch-up", include_str!("../library/what-if/catch-up.toml")),
    ("what-if/containers", include_str!("../library/what-if/containers.toml")),
    ("what-if/dark-leader", include_str!("../library/what-if/dark-leader.toml")),
    ("what-if/kafka-quota", include_str!("../library/what-if/kafka-quota.toml")),
    ("what-if/kafka-reassign", include_str!("../library/what-if/kafka-reassign.toml")),
    ("what-if/kafka-retention", include_str!("../library/what-if/kafka-retention.toml")),
    (
        "what-if/kafka-tiered-catch-up",
        include_str!("../library/what-if/kafka-tiered-catch-up.toml"),
    ),
    ("what-if/last-in-sync", include_str!("../library/what-if/last-in-sync.toml")),
    ("what-if/many-topics", include_str!("../library/what-if/many-topics.toml")),
    ("what-if/outage-hour", include_str!("../library/what-if/outage-hour.toml")),
    ("what-if/partitions", include_str!("../library/what-if/partitions.toml")),
    ("what-if/power-cut", include_str!("../library/what-if/power-cut.toml")),
    ("what-if/pravega-retention", include_str!("../library/what-if/pravega-retention.toml")),
    ("what-if/rolling-restarts", include_str!("../library/what-if/rolling-restarts.toml")),
    ("what-if/segments", include_str!("../library/what-if/segments.toml")),
    ("what-if/skewed-key", include_str!("../library/what-if/skewed-key.toml")),
    ("what-if/sync-per-message", include_str!("../library/what-if/sync-per-message.toml")),
    ("what-if/tier-out", include_str!("../library/what-if/tier-out.toml")),
    ("what-if/version", include_str!("../library/what-if/version.toml")),
];

/// The systems that have a scenario to begin with, and it.
pub fn starters() -> Vec<(&'static str, &'static str)> {
    Systems::standard().iter().filter_map(|kind| Some((kind.name(), kind.starter()?))).collect()
}

/// The systems that there are.
pub fn standard() -> Systems {
    Systems::standard()
}

/// Their names.
pub fn systems() -> Vec<&'static str> {
    standard().names()
}

/// Every option of the system of this name, if there is one.
pub fn options(system: &str) -> Option<Options> {
    standard().find(system).map(Options::of)
}
