//! A system that is not of this house: a replicated log, known to nobody but the registry of
//! these tests. It runs from a scenario file, is hurt by faults, swarmed and reported. What it
//! takes is in docs/ADDING.md.
//!
//! ```text
//! producer-1 --append--> replica-1 (leads) <--have-- replica-2, replica-3
//!                          |    ^---------- entries ---^
//! consumer-1 <--fetched----+    an entry is acknowledged when a quorum has synced it
//! ```

mod clients;
mod messages;
mod replica;
mod system;

use std::sync::atomic::AtomicBool;

use headwater_models::systems::Systems;
use headwater_scenarios::run::{Finished, Options, run};
use headwater_scenarios::scenario::{Problems, Scenario, Source};
use headwater_scenarios::swarm::{Shard, Swarm, SwarmRun, swarm};

const TEXT: &str = "
title = \"A log of three replicas\"
hypothesis = \"What a quorum has synced is read.\"
profile = \"nvme-10gbe\"
[system]
kind = \"replicated-log\"
[traffic]
rate = \"40/s\"
duration = \"30s\"
[measure]
warm_up = \"1s\"
drain = \"60s\"
[promise]
converges = true
copies = 3
[swarm]
calm = \"10s\"
buggify = true
";

fn source(more: &str) -> Source {
    let systems = Systems::standard().with(&system::ReplicatedLog);
    let text = TEXT.replace("[traffic]", &format!("{more}\n[traffic]"));
    Source { systems, ..Source::of("replicated-log".into(), text) }
}

fn read(more: &str, faults: &str) -> Result<Scenario, Problems> {
    let source = source(more);
    source.with_text(format!("{}\n{faults}", source.text)).read(&[])
}

fn ran(more: &str, faults: &str) -> Finished {
    let scenario = read(more, faults).unwrap_or_else(|problems| panic!("{problems}"));
    run(&scenario, &Options::default())
}

fn failed(finished: &Finished) -> Vec<&'static str> {
    finished.verdicts.iter().filter(|verdict| !verdict.passed).map(|verdict| verdict.name).collect()
}

fn fault(kind: &str, target: &str, at: &str) -> String {
    format!("[[fault]]\nkind = \"{kind}\"\ntarget = \"{target}\"\nat = \"{at}\"\nfor = \"3s\"\n")
}

#[test]
fn it_runs_from_a_scenario_file_and_is_reported() {
    let finished = ran("", "");
    let outcome = &finished.outcome;
    assert_eq!(failed(&finished), [""; 0]);
    assert!(outcome.counts.acked > 1_000, "{:?}", outcome.counts);
    assert_eq!(outcome.counts.acked, outcome.counts.scheduled);
    assert_eq!(outcome.counts.delivered, outcome.counts.acked);
    assert_eq!(outcome.environment.system, "replicated-log");
    assert_eq!(outcome.configuration["quorum"], "2");
    let gauge = outcome.series.gauges.iter().find(|gauge| gauge.name == "replica-1/log_length");
    assert_eq!(gauge.expect("it has a gauge").unit, "entries");
    assert!(outcome.marks.iter().any(|mark| mark.name == "log_leads"), "{:?}", outcome.marks);
    let report = headwater_reports::report(outcome);
    assert!(report.contains("replicated-log") && report.contains("log_leads"));
}

#[test]
fn it_takes_from_another_system_and_hands_on_to_one() {
    let listed = |name: &str, kind: &str, from: &str| {
        let from = if from.is_empty() { String::new() } else { format!("from = \"{from}\"\n") };
        format!("[[system]]\nname = \"{name}\"\nkind = \"{kind}\"\n{from}")
    };
    let row = listed("first", "kafka", "")
        + &listed("log", "replicated-log", "first")
        + &listed("last", "kafka", "log");
    let source = source("");
    let text = source.text.replace("[system]\nkind = \"replicated-log\"\n", &row);
    let faults = fault("crash", "log.producer-1", "10s") + &fault("crash", "log.leader", "20s");
    let faults = faults + &fault("crash", "log.consumer-1", "25s");
    let read = source.with_text(text.replace("copies = 3", "") + &faults).read(&[]);
    let finished = run(&read.unwrap_or_else(|wrong| panic!("{wrong}")), &Options::default());
    assert_eq!(failed(&finished), [""; 0]);
    let counts = &finished.outcome.counts;
    assert_eq!([counts.acked, counts.delivered], [counts.scheduled; 2]);
    assert_eq!(finished.outcome.streams["last"].from.as_deref(), Some("log"));
}

#[test]
fn what_is_wrong_with_its_file_is_told_as_of_any_other() {
    let refused = |more: &str, faults: &str| read(more, faults).unwrap_err().to_string();
    let unknown = refused("quorm = 1", "");
    assert!(unknown.contains("unknown key `quorm`"), "{unknown}");
    let wrong = refused("quorum = \"most\"", "");
    assert!(wrong.contains("system.quorum"), "{wrong}");
    let impossible = refused("quorum = 4", "");
    assert!(impossible.contains("quorum 4 is above the 3 replicas"), "{impossible}");
    let nobody = refused("", &fault("crash", "controller", "5s"));
    assert!(nobody.contains("no node `controller`"), "{nobody}");
    let standard = Source { systems: Systems::standard(), ..source("") };
    let unknown = standard.read(&[]).unwrap_err().to_string();
    assert!(unknown.contains("no such value `replicated-log`"), "{unknown}");
}

#[test]
fn it_survives_what_it_claims_to_and_its_leader_is_found() {
    for (kind, target) in [("crash", "leader"), ("power-cut", "leader"), ("partition", "replica-2")]
    {
        let finished = ran("", &fault(kind, target, "10s"));
        assert_eq!(failed(&finished), [""; 0], "{kind} {target}");
        let hit = &finished.outcome.faults[0].target;
        let who = if target == "leader" { "replica-1 (leader)" } else { target };
        assert_eq!(hit, who);
        let late = finished.outcome.latency.response.max().unwrap_or(0);
        assert!(target != "leader" || late > 2_000_000_000, "{kind}: {late} ns");
    }
}

#[test]
fn acknowledging_before_the_sync_loses_events_when_power_goes() {
    let finished = ran("sync.before.ack = false", &fault("power-cut", "leader", "10100ms"));
    assert!(failed(&finished).contains(&"no_acked_loss"), "{:?}", failed(&finished));
    assert!(finished.outcome.counts.lost > 0, "{:?}", finished.outcome.counts);
}

fn swarmed(more: &str, seeds: u64) -> Swarm {
    let stop = AtomicBool::new(false);
    let spec = SwarmRun {
        source: source(more),
        settings: Vec::new(),
        seeds: (1, seeds),
        shard: Shard::ALL,
        guided: false,
        until_failure: false,
        stop: &stop,
        progress: &|_| (),
    };
    swarm(&spec).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_swarm_finds_nothing_but_the_planted_variation() {
    let clean = swarmed("", 40);
    assert_eq!((clean.runs, clean.failures.as_slice()), (40, &[][..]), "{}", clean.text());
    assert!(clean.faults.len() > 20, "{:?}", clean.faults);
    assert_eq!(clean.never(), [""; 0]);
    let planted = swarmed("sync.before.ack = false", 40);
    let lost = planted.failures.iter().filter(|failure| failure.verdict == "no_acked_loss");
    assert!(lost.count() > 0, "{}", planted.text());
}

#[test]
fn a_folder_of_its_scenarios_is_tested_as_any_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("log.toml"), TEXT).expect("written");
    let test = headwater::Folder::new(folder.path());
    let unknown = test.run(&headwater::Control::default()).unwrap_err().to_string();
    assert!(unknown.contains("no such value `replicated-log`"), "{unknown}");
    let test = test.systems(Systems::standard().with(&system::ReplicatedLog)).seeds(2);
    let report = test.run(&headwater::Control::default()).expect("a good folder");
    assert!(report.passed() && report.runs() == 2, "{report}");
}
