//! A seed gives the same run again, and another seed another run.

use headwater_madsim::run;
use headwater_scenarios::scenario::Scenario;

#[test]
fn a_seed_gives_the_same_notes_at_the_same_times_again() {
    for name in ["kafka-broker-crash", "pravega-power-cut"] {
        let path = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let scenario = Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        let digests: Vec<_> = (1..=4).map(|seed| run(&scenario, seed).digest).collect();
        let again: Vec<_> = (1..=4).map(|seed| run(&scenario, seed).digest).collect();
        assert_eq!(digests, again, "{name}");
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len(), "{name}: {digests:x?}");
    }
}
