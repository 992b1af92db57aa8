//! The scenario files that ship in the binary.

/// Name and text of each, by name.
pub const SCENARIOS: &[(&str, &str)] =
    &[("live/stress-1600-kafka", include_str!("../library/live/stress-1600-kafka.toml"))];
