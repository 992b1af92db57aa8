//! The second runtime finds planted bugs: each breaks a promise on some seed, and with the bug taken
//! out none is broken on the same seeds.
//!
//! `HEADWATER_MADSIM_SEEDS` sets the number of seeds per bug.

use headwater_madsim::{Report, run, seeds};
use headwater_scenarios::scenario::Scenario;

/// Seeds for each bug.
const SEEDS: u64 = 20;

/// A bug that a configuration brings back.
struct Planted {
    /// A scenario of this crate.
    scenario: &'static str,
    /// Settings that take the bug out.
    sound: &'static [(&'static str, &'static str)],
}

fn load(planted: &Planted, sound: bool) -> Scenario {
    let path = format!("{}/scenarios/{}.toml", env!("CARGO_MANIFEST_DIR"), planted.scenario);
    let settings = planted.sound.iter().filter(|_| sound);
    let settings: Vec<_> = settings.map(|(key, to)| ((*key).into(), (*to).into())).collect();
    Scenario::load(&path, &settings).unwrap_or_else(|error| panic!("{error}"))
}

fn count() -> u64 {
    let set = std::env::var("HEADWATER_MADSIM_SEEDS").ok();
    set.map_or(SEEDS, |set| set.parse().expect("HEADWATER_MADSIM_SEEDS is a number"))
}

fn find(planted: &Planted) {
    let lost = |report: &Report| report.by_name().get("no_acked_loss") == Some(&false);
    let (name, count) = (planted.scenario, count());
    let scenario = load(planted, false);
    let reports = seeds(1, count, |seed| run(&scenario, seed));
    let hits = reports.iter().filter(|report| lost(report)).count();
    println!("{name}: found on {hits} of {count} seeds");
    let shown = reports.first().expect("there are seeds");
    assert!(hits > 0, "{name}: nothing was lost on any seed; the first:\n{shown}");
    let sound = load(planted, true);
    for (seed, report) in (1..).zip(seeds(1, count, |seed| run(&sound, seed))) {
        assert!(report.clean(), "{name} without its bug, seed {seed}:\n{report}");
    }
}

#[test]
fn an_acknowledgement_of_one_bookie() {
    find(&Planted {
        scenario: "bookkeeper-ack-quorum-one",
        sound: &[
            ("system.bookies", "4"),
            ("system.ledger.ensemble.size", "3"),
            ("system.ledger.write.quorum.size", "3"),
            ("system.ledger.ack.quorum.size", "2"),
        ],
    });
}

#[test]
fn an_acknowledgement_before_the_sync() {
    find(&Planted {
        scenario: "bookkeeper-journal-unsynced",
        sound: &[("system.bookie.journalSyncData", "true")],
    });
}

#[test]
fn an_acknowledgement_of_the_leader_alone() {
    find(&Planted {
        scenario: "kafka-acks-one",
        sound: &[("system.producer.acks", "-1"), ("system.topic.min.insync.replicas", "2")],
    });
}

#[test]
fn an_unclean_election() {
    find(&Planted {
        scenario: "kafka-unclean-election",
        sound: &[("system.topic.unclean.leader.election.enable", "false")],
    });
}

#[test]
fn a_page_cache_in_place_of_a_disk() {
    find(&Planted { scenario: "kafka-unflushed", sound: &[("system.topic.flush.messages", "1")] });
}
