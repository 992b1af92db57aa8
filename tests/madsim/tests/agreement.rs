//! Both runtimes give the same verdicts on the same scenario file and seed.
//!
//! `HEADWATER_MADSIM_SEEDS` sets the number of seeds per scenario.

use headwater_madsim::{compare, on_kernel, run, seeds};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::random::Seed;
use headwater_sim::time::Duration;
use rand::Rng;

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
    let later = Seed(seed).stream("madsim-fault-time", 0).random_range(0..1_000);
    for fault in &mut scenario.faults {
        fault.at += Duration::from_millis(later);
        fault.until = fault.until.map(|until| until + Duration::from_millis(later));
    }
    scenario
}

/// Runs both on every seed. `shows` is what the fault brings about, on most seeds: a run without it
/// says nothing.
fn agree(name: &str, shows: &str) {
    let results = seeds(1, count(), |seed| {
        let scenario = load(name, seed);
        let report = run(&scenario, seed);
        let (acked, before) = (report.acked, report.acked_before);
        assert!(
            before > 50 && acked > before + 100,
            "{name}, seed {seed}: hardly a write:\n{report}"
        );
        let after = scenario.faults[0].at.0;
        let shown = report.marks.iter().any(|mark| mark.name == shows && mark.at_ns > after);
        let differ = compare(&on_kernel(&scenario, seed), &report.by_name());
        let differ =
            (!differ.is_empty()).then(|| format!("seed {seed}: {}\n{report}", differ.join("; ")));
        (shown, report.verdicts.len(), differ)
    });
    let shown = results.iter().filter(|(shown, ..)| *shown).count();
    let verdicts: usize = results.iter().map(|(_, verdicts, _)| verdicts).sum();
    let differ: Vec<_> = results.iter().filter_map(|(.., differ)| differ.as_ref()).collect();
    println!("{name}: {verdicts} verdicts on {} seeds, {shows} on {shown}", count());
    let (many, first) = (differ.len(), differ.first());
    assert!(differ.is_empty(), "{name}: verdicts differ on {many} seeds, first {}", first.unwrap());
    assert!(shown * 2 > results.len(), "{name}: {shows} on {shown} seeds only");
}

#[test]
fn kafka_with_its_leader_killed() {
    agree("kafka-broker-crash", "leader_elected");
}

#[test]
fn kafka_with_its_leader_cut_off() {
    agree("kafka-partition", "leader_elected");
}

#[test]
fn bookkeeper_with_a_bookie_killed() {
    agree("bookkeeper-bookie-crash", "ensemble_changed");
}

#[test]
fn pravega_with_a_store_killed() {
    agree("pravega-store-crash", "container_recovered");
}

#[test]
fn pravega_with_all_bookies_without_power() {
    agree("pravega-power-cut", "bookie_replayed");
}

#[test]
fn bookkeeper_with_a_bookie_wiped() {
    agree("bookkeeper-wiped-bookie", "ledger_recovered");
}

#[test]
fn pravega_scaled_while_its_reader_stands_still() {
    agree("pravega-scaled", "stream_scaled");
}
