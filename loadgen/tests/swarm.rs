//! `loadgen swarm`, as a user runs it, on the log of its own, which needs no Java.

mod common;

use std::path::Path;

use headwater_reports::outcome::VerdictStatus;

/// Its own fault can be done to the log's process; what is drawn is on a broker, which it has not.
const SWARM: &str = r#"
title = "The log's server is killed"
hypothesis = "Nothing is lost, whatever a swarm draws besides."
profile = "small-vm"
[system]
kind = "kafka"
[traffic]
rate = "200/s"
duration = "3s"
[measure]
warm_up = "0s"
[promise]
converges = true
# Nobody looks at the disks of a live cluster.
copies = 2
[[fault]]
kind = "crash"
target = "leader"
at = "500ms"
for = "300ms"
[swarm]
faults = 2
calm = "500ms"
kinds = ["pause", "clock-step"]
"#;

fn swarm(folder: &Path, more: &str) -> std::process::Output {
    let file = folder.join("swarm.toml");
    std::fs::write(&file, SWARM).unwrap();
    let mut command = common::loadgen("swarm --target log --seeds 2 --json");
    command.arg(file).args(more.split_whitespace()).arg("--out").arg(folder.join("out"));
    if !more.contains("--dry-run") {
        command.env("HEADWATER_CACHE", folder.join("cache"));
    }
    common::run(command)
}

#[test]
fn cases_are_run_on_launched_processes_without_what_cant_be_done_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let output = swarm(folder.path(), "");
    let said = common::errors(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["faults"]["crash"], 2, "{found:#}");
    let left_out = found["left_out"].as_object().unwrap();
    assert!(!left_out.is_empty(), "{found:#}");
    let cases = found["cases"].as_array().unwrap();
    for case in cases {
        let first = &case["left_out"][0];
        let why = first["why"].as_str().unwrap();
        let expected = match first["kind"].as_str().unwrap() {
            "pause" => "the launched cluster has no `broker-1`",
            _ => "not done live",
        };
        assert!(why.contains(expected), "{case:#}");
        let unmodelled = case["not_simulated"].as_str().unwrap();
        assert!(unmodelled.contains("nothing models log"), "{case:#}");
        assert_eq!(case["runs"].as_array().unwrap().len(), 1, "{case:#}");
    }
    let looked = &found["promises"]["no_acked_loss"];
    assert_eq!(looked["live_looked"], 2, "{found:#}");
    let out = folder.path().join("out");
    let outcome = common::outcome(&out.join("seed-1/run-1"));
    assert_eq!(outcome.faults.len(), 1, "{:?}", outcome.faults);
    let copies: Vec<_> =
        outcome.verdicts.iter().filter(|of| of.name == "durable_replicas").collect();
    assert_eq!((copies.len(), copies[0].status), (1, VerdictStatus::Info), "{copies:?}");
    let case = std::fs::read_to_string(out.join("seed-1/case.toml")).unwrap();
    assert!(case.starts_with("# Seed 1 of ") && case.contains("# Left out: "), "{case}");
    let mut check = common::loadgen("check");
    check.arg(out.join("seed-1/run-1/history.jsonl"));
    assert_eq!(common::run(check).status.code(), Some(0));
    // The same line again: everything is there.
    let written = || std::fs::metadata(out.join("seed-2/run-1/outcome.json")).unwrap().modified();
    let before = written().unwrap();
    let again = swarm(folder.path(), "");
    assert_eq!(again.stdout, output.stdout, "{}", common::errors(&again));
    assert_eq!(written().unwrap(), before);
    let page = std::fs::read_to_string(out.join("found.md")).unwrap();
    assert!(page.contains("No case failed."), "{page}");
}

#[test]
fn a_dry_run_says_what_would_be_run_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = swarm(folder.path(), "--dry-run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("seed 1: crash on leader at 500ms for 300ms\n    left out: "), "{text}");
    assert!(!folder.path().join("out").exists());
    let output = common::run(common::loadgen("swarm swarm/kafka --dry-run --seeds 12"));
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let seeds = text.lines().filter(|line| line.starts_with("seed ")).count();
    assert_eq!(seeds, 12, "{text}");
    for told in ["is skipped: none of its faults can be done live", "between servers and clients"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn what_cant_be_a_live_swarm_is_refused() {
    let refused = |line: &str| common::failure(&common::run(common::loadgen(line)));
    let line = refused("swarm swarm/kafak");
    assert!(line.contains("did you mean `swarm/kafka`?"), "{line}");
    let line = refused("swarm swarm/kafka --target null");
    assert!(line.contains("target null has no cluster to be launched"), "{line}");
    let line = refused("swarm swarm/kafka --target pravega");
    assert!(line.contains("is one of kafka, which can't be run on pravega"), "{line}");
    let line = refused("swarm swarm/kafka --set swarm.kinds=[\"crahs\"]");
    assert!(line.contains("did you mean `crash`?"), "{line}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("swarm.toml");
    std::fs::write(&file, SWARM).unwrap();
    let mut command = common::loadgen("swarm --target log --seeds 3 --again 0");
    command.arg(file).arg("--out").arg(folder.path().join("out"));
    let line = common::failure(&common::run({
        command.env("HEADWATER_CACHE", "/dev/null/nowhere");
        command
    }));
    assert!(line.contains("no live run of seed 1 comes to its end: can't make"), "{line}");
}
