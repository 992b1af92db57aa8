//! The second runtime finds planted bugs: each loses an acknowledged event on some seed, and
//! without the bug no promise is broken on the same seeds.
//!
//! `HEADWATER_MADSIM_SEEDS` sets the number of seeds per bug.

use headwater_madsim::{Report, compare, on_kernel, run, run_with, seeds};
use headwater_models::bugs::{Bug, BugSet};
use headwater_scenarios::scenario::Scenario;

/// Seeds for each bug.
const SEEDS: u64 = 20;

/// A bug: in the models, or brought back by a configuration.
struct Planted {
    /// A scenario of this crate.
    scenario: &'static str,
    /// In the models.
    bug: Option<Bug>,
    /// Settings that take the bug out of the scenario's configuration.
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
    let bugs: BugSet = planted.bug.into_iter().collect();
    let scenario = load(planted, planted.bug.is_some());
    let reports = seeds(1, count, |seed| run_with(&scenario, seed, bugs));
    let hits = reports.iter().filter(|report| lost(report)).count();
    let first = reports.iter().position(lost).map(|at| at + 1);
    println!("{name}: lost on {hits} of {count} seeds, first on {first:?}");
    let shown = reports.first().expect("there are seeds");
    assert!(hits > 0, "{name}: nothing was lost on any seed; the first:\n{shown}");
    if planted.bug.is_none() {
        let alike = seeds(1, count, |seed| {
            compare(&on_kernel(&scenario, seed), &reports[seed as usize - 1].by_name()).is_empty()
        });
        let alike = alike.iter().filter(|alike| **alike).count();
        println!("{name}: the kernel gives the same verdicts on {alike}");
    }
    let sound = load(planted, true);
    for (seed, report) in (1..).zip(seeds(1, count, |seed| run(&sound, seed))) {
        assert!(report.clean(), "{name} without its bug, seed {seed}:\n{report}");
    }
}

#[test]
fn an_acknowledgement_of_one_bookie() {
    find(&Planted {
        scenario: "bookkeeper-ack-quorum-one",
        bug: Some(Bug::AckQuorumOne),
        sound: &[("system.bookies", "3"), ("system.ledger.ack.quorum.size", "2")],
    });
}

#[test]
fn an_acknowledgement_before_the_sync() {
    find(&Planted {
        scenario: "bookkeeper-journal-unsynced",
        bug: Some(Bug::AckBeforeSync),
        sound: &[("system.bookie.journalSyncData", "true")],
    });
}

#[test]
fn an_acknowledgement_of_the_leader_alone() {
    find(&Planted {
        scenario: "kafka-acks-one",
        bug: None,
        sound: &[("system.producer.acks", "-1"), ("system.topic.min.insync.replicas", "2")],
    });
}

#[test]
fn an_unclean_election() {
    find(&Planted {
        scenario: "kafka-unclean-election",
        bug: None,
        sound: &[("system.topic.unclean.leader.election.enable", "false")],
    });
}

#[test]
fn a_page_cache_in_place_of_a_disk() {
    find(&Planted {
        scenario: "kafka-unflushed",
        bug: None,
        sound: &[("system.topic.flush.messages", "1")],
    });
}

#[test]
fn a_wiped_bookie_that_answers() {
    find(&Planted {
        scenario: "bookkeeper-wiped-bookie",
        bug: Some(Bug::WipedBookieAnswers),
        sound: &[],
    });
}

#[test]
fn a_log_truncated_beyond_tier_2() {
    find(&Planted {
        scenario: "pravega-truncated-log",
        bug: Some(Bug::TruncateBeyondTier),
        sound: &[],
    });
}

#[test]
fn a_reader_that_takes_the_seal_for_the_end() {
    find(&Planted { scenario: "pravega-scaled", bug: Some(Bug::SealedTailSkipped), sound: &[] });
}
