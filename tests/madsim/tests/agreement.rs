//! Both runtimes give the same verdicts on the same scenario file and seed.
//!
//! `HEADWATER_MADSIM_SEEDS` sets the number of seeds per scenario.

use headwater_madsim::{compare, on_kernel, run, seeds};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::random::Seed;
use headwater_sim::time::Duration;

/// Seeds for each scenario.
const SEEDS: u64 = 200;

fn count() -> u64 {
    let set = std::env::var("HEADWATER_MADSIM_SEEDS").ok();
    set.map_or(SEEDS, |set| set.parse().expect("HEADWATER_MADSIM_SEEDS is a number"))
}

/// The scenario with its faults up to a second later, by the seed: the moment of a fault is what
/// decides most.
fn load(name: &str, seed: u64) -> Scenario {
    let path = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut scenario = Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
    let later = Seed(seed).stream("madsim-fault-time", 0).below(1_000);
    for fault in &mut scenario.faults {
        fault.at = fault.at + Duration::from_millis(later);
        fault.until = fault.until.map(|until| until + Duration::from_millis(later));
    }
    scenario
}

fn agree(name: &str) {
    let start = std::time::Instant::now();
    let differ = seeds(1, count(), |seed| {
        let scenario = load(name, seed);
        let report = run(&scenario, seed);
        let differ = compare(&on_kernel(&scenario, seed), &report.by_name());
        assert!(report.acked > 300, "{name}, seed {seed}: hardly anything was written:\n{report}");
        (!differ.is_empty()).then(|| format!("seed {seed}: {}\n{report}", differ.join("; ")))
    });
    let differ: Vec<_> = differ.into_iter().flatten().collect();
    println!("{name}: {} seeds in {:?}", count(), start.elapsed());
    let (many, first) = (differ.len(), differ.first().cloned().unwrap_or_default());
    assert!(differ.is_empty(), "{name}: the verdicts differ on {many} seeds, first {first}");
}

#[test]
fn kafka_with_its_leader_killed() {
    agree("kafka-broker-crash");
}

#[test]
fn kafka_with_its_leader_cut_off() {
    agree("kafka-partition");
}

#[test]
fn bookkeeper_with_a_bookie_killed() {
    agree("bookkeeper-bookie-crash");
}

#[test]
fn pravega_with_a_store_killed() {
    agree("pravega-store-crash");
}

#[test]
fn pravega_with_all_bookies_without_power() {
    agree("pravega-power-cut");
}
