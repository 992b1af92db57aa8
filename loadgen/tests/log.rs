//! The generator against the log of its own, a process that it launches, kills and starts again. No
//! Java is needed for that.

mod common;

use headwater_reports::outcome::VerdictStatus;

/// Two seconds, with the server dead for half of one of them.
const CRASH: &str = r#"
title = "The log's server is killed"
hypothesis = "The client connects again and sends again; nothing is lost or doubled."
profile = "small-vm"
[system]
kind = "kafka"
[traffic]
rate = "1000/s"
duration = "2s"
[measure]
warm_up = "100ms"
[[fault]]
kind = "crash"
target = "leader"
at = "700ms"
for = "500ms"
"#;

/// The outcome of a scenario on the log, and what was said, with nothing left behind.
fn ran(text: &str) -> (headwater_reports::Outcome, String) {
    let out = tempfile::tempdir().unwrap();
    let (cache, scenario) = (out.path().join("cache"), out.path().join("scenario.toml"));
    std::fs::write(&scenario, text).unwrap();
    let mut command = common::loadgen("--target log --scenario");
    command.arg(&scenario).arg("--out").arg(out.path().join("out"));
    command.env("HEADWATER_CACHE", &cache);
    let output = common::run(command);
    let text = common::errors(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let left = std::fs::read_dir(cache.join("clusters")).unwrap().count();
    assert_eq!(left, 0, "data of the cluster is left behind");
    (common::outcome(&out.path().join("out")), text)
}

/// Everything that was scheduled is stored and read once.
fn all_kept(outcome: &headwater_reports::Outcome) {
    let failed =
        |verdict: &&headwater_reports::outcome::Verdict| verdict.status == VerdictStatus::Fail;
    assert_eq!(outcome.verdicts.iter().find(failed), None);
    let counts = outcome.counts;
    assert!(counts.scheduled > 1_500, "{counts:?}");
    assert_eq!([counts.acked, counts.delivered], [counts.scheduled; 2], "{counts:?}");
    assert_eq!((counts.lost, counts.duplicated), (0, 0), "{counts:?}");
}

#[test]
fn a_server_that_is_killed_and_started_again_delays_events_and_loses_none() {
    let (outcome, _) = ran(CRASH);
    all_kept(&outcome);
    // What came while the server was dead had to wait for it.
    let longest = outcome.latency.response.max();
    assert!(longest > Some(400_000_000), "{longest:?}");
    assert_eq!(outcome.faults.len(), 1, "{:?}", outcome.faults);
    assert_eq!(
        common::differences(&outcome),
        ["profile", "system"],
        "no proxy stands where none is needed"
    );
}

/// Two seconds, with every fault that a proxy does, and two that go amiss.
const NETWORK: &str = r#"
title = "The way to the log's server is hurt"
hypothesis = "What is held comes later; nothing is lost or doubled."
profile = "small-vm"
[system]
kind = "kafka"
[traffic]
rate = "1000/s"
duration = "2s"
[measure]
warm_up = "100ms"
[[fault]]
kind = "slow-link"
target = "leader"
extra = "20ms"
at = "200ms"
for = "200ms"
[[fault]]
kind = "bandwidth"
target = "leader"
rate = "20MB/s"
at = "400ms"
for = "200ms"
[[fault]]
kind = "partition"
target = "leader"
at = "700ms"
for = "500ms"
[[fault]]
kind = "clog"
target = "leader"
symmetric = false
at = "1300ms"
for = "100ms"
[[fault]]
kind = "half-open"
target = "leader"
at = "1500ms"
for = "200ms"
[[fault]]
kind = "refuse"
target = "leader"
at = "1600ms"
for = "200ms"
"#;

#[test]
fn a_way_that_is_cut_slowed_narrowed_and_forgotten_delays_events_and_loses_none() {
    let (outcome, _) = ran(NETWORK);
    all_kept(&outcome);
    let names: Vec<&str> = outcome.faults.iter().map(|fault| fault.name.as_str()).collect();
    let expected = ["slow-link", "bandwidth", "partition", "clog", "half-open", "refuse"];
    assert_eq!(names, expected);
    assert!(outcome.faults.iter().all(|fault| fault.until_ns.is_some()), "{:?}", outcome.faults);
    // What came when the cut began had to wait for its end.
    let longest = outcome.latency.response.max();
    assert!(longest > Some(400_000_000), "{longest:?}");
    assert_eq!(common::differences(&outcome), ["network", "profile", "system"]);
    let warned = outcome.verdicts.iter().any(|verdict| verdict.name == "faults_fired");
    assert!(!warned, "{:?}", outcome.verdicts);
}

#[test]
fn faults_that_never_begin_or_meet_are_told_at_reading_and_in_the_outcome() {
    let second =
        "[[fault]]\nkind = \"crash\"\ntarget = \"leader\"\nat = \"800ms\"\nfor = \"100ms\"\n";
    let never = "[[fault]]\nkind = \"pause\"\ntarget = \"leader\"\nat = \"1h\"\nfor = \"1s\"\n";
    let drain = CRASH.replace("warm_up = \"100ms\"", "warm_up = \"100ms\"\ndrain = \"1s\"");
    let (outcome, text) = ran(&format!("{drain}{second}{never}"));
    for told in ["warning: crash meets fault.0", "warning: pause never begins"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let fired = outcome.verdicts.iter().find(|verdict| verdict.name == "faults_fired").unwrap();
    assert_eq!(fired.status, VerdictStatus::Warn);
    for told in ["crash at 800ms on leader met that of 700ms", "pause at 3600s never began"] {
        assert!(fired.measured.contains(told), "{told}: {}", fired.measured);
    }
}
