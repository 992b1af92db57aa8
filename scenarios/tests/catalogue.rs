//! Every kind of fault in the catalogue, in a scenario: it is injected, it shows in the outcome,
//! and a system that is set up as it should be keeps what it has acknowledged. That each bites is
//! shown where that can be seen, in `tests/kernel_faults`.

use headwater_reports::outcome::VerdictStatus;
use headwater_scenarios::faults::{Entry, Family, entries};
use headwater_scenarios::run::{Options, run};
use headwater_scenarios::scenario::{FaultSpec, Scenario, Target};
use headwater_sim::random::Seed;
use headwater_sim::time::Duration;

const KAFKA: &str = r#"
title = "Three brokers"
hypothesis = "One of three may fail in any way."
profile = "nvme-10gbe"
[system]
kind = "kafka"
brokers = 3
"replication.factor" = 3
partitions = 2
[system.topic]
"min.insync.replicas" = 2
[system.producer]
acks = -1
[traffic]
rate = "200/s"
duration = "12s"
[measure]
warm_up = "1s"
drain = "120s"
"#;

const PRAVEGA: &str = r#"
title = "Two stores, four bookies"
hypothesis = "Tiered storage may fail in any way for a while."
profile = "nvme-10gbe"
[system]
kind = "pravega"
stores = 2
bookies = 4
[traffic]
rate = "200/s"
duration = "12s"
[measure]
warm_up = "1s"
drain = "120s"
"#;

fn scenario(text: &str, name: &str) -> Scenario {
    Scenario::parse(text, name, None, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A plausible fault of this kind, on one server where it may cost one.
fn fault(entry: &Entry) -> FaultSpec {
    let mut stream = Seed(11).stream(entry.name, 0);
    let action = (entry.draw)(&mut stream);
    let target = match entry.name {
        "bridge" | "ring" | "swizzle-clog" | "isolate" => "brokers",
        "swap-disks" => "batch-1",
        _ if entry.family == Family::Tier => "tier",
        _ => "broker-2",
    };
    let (at, until) = (Duration::from_secs(3), Some(Duration::from_secs(9)));
    FaultSpec { action, target: Target(vec![target.into()]), at, until }
}

#[test]
fn every_fault_of_the_catalogue_is_injected_told_and_survived() {
    let mut wrong = Vec::new();
    let calm = [KAFKA, PRAVEGA].map(|text| {
        let scenario = scenario(text, "calm");
        run(&scenario, &Options::default()).outcome.fingerprint
    });
    for entry in entries() {
        let tier = entry.family == Family::Tier;
        let mut scenario = scenario(if tier { PRAVEGA } else { KAFKA }, entry.name);
        scenario.faults = vec![fault(entry)];
        let outcome = run(&scenario, &Options::default()).outcome;
        let told = outcome.faults.iter().any(|fault| fault.name == entry.name);
        if !told || calm.contains(&outcome.fingerprint) {
            wrong.push(format!("{}: did not happen", entry.name));
        }
        for verdict in &outcome.verdicts {
            if verdict.status == VerdictStatus::Fail {
                wrong.push(format!("{}: {} {}", entry.name, verdict.name, verdict.measured));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The properties that a run has reached with one fault.
fn reached(text: &str, kind: &str, target: &str) -> Vec<&'static str> {
    let mut scenario = scenario(text, kind);
    let entry = entries().find(|entry| entry.name == kind).expect("it is in the catalogue");
    scenario.faults = vec![FaultSpec { target: Target(vec![target.into()]), ..fault(entry) }];
    run(&scenario, &Options::default()).properties.reached().collect()
}

#[test]
fn who_has_lost_its_identity_refuses_to_start() {
    assert!(reached(KAFKA, "wipe-identity", "broker-2").contains(&"kafka-broker-refused"));
    assert!(reached(PRAVEGA, "wipe-identity", "bookie-2").contains(&"bookkeeper-bookie-refused"));
    assert!(!reached(KAFKA, "crash", "broker-2").contains(&"kafka-broker-refused"));
    assert!(!reached(PRAVEGA, "crash", "bookie-2").contains(&"bookkeeper-bookie-refused"));
}

/// What the warning of this name says of a run with these faults, if there is one.
fn warned(text: &str, faults: &str, name: &str) -> Option<String> {
    let scenario = scenario(&format!("{text}{faults}"), "warned");
    let verdicts = run(&scenario, &Options::default()).outcome.verdicts;
    let found = verdicts.into_iter().find(|verdict| verdict.name == name)?;
    assert_eq!(found.status, VerdictStatus::Warn, "{found:?}");
    Some(found.measured)
}

#[test]
fn a_fault_that_never_began_or_hit_nobody_or_met_its_like_is_a_warning() {
    let text = KAFKA.replace("duration = \"12s\"", "duration = \"5s\"");
    let crash = |target: &str, at: &str| {
        format!("[[fault]]\nkind = \"crash\"\ntarget = \"{target}\"\nat = \"{at}\"\nfor = \"1s\"\n")
    };
    let told = |text: &str, faults: &str| warned(text, faults, "faults_fired");
    let warned = |faults: &str| told(&text, faults);
    assert_eq!(warned(&crash("broker-2", "2s")), None);
    let never = warned(&crash("broker-2", "900s")).expect("it is told");
    assert!(never.starts_with("crash at 900s never began: the run ended at "), "{never}");
    let met = warned(&(crash("broker-2", "2s") + &crash("rack-2", "2500ms"))).expect("it is told");
    assert_eq!(met, "crash at 2500ms on rack-2 met that of 2s");
    let one = text.replace("brokers = 3", "brokers = 2").replace("factor\" = 3", "factor\" = 2");
    let nobody = told(&one, &crash("zone-3", "2s")).expect("it is told");
    assert_eq!(nobody, "crash at 2s hit nobody: zone-3");
}

#[test]
fn a_run_in_which_nothing_was_due_is_a_warning() {
    let none = KAFKA.replace("200/s", "0.001/s").replace("duration = \"12s\"", "duration = \"2s\"");
    let told = warned(&none, "", "something_happened");
    assert_eq!(told.as_deref(), Some("0 events were due"));
    let some = KAFKA.replace("duration = \"12s\"", "duration = \"2s\"");
    assert_eq!(warned(&some, "", "something_happened"), None);
}
