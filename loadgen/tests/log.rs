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

#[test]
fn a_server_that_is_killed_and_started_again_delays_events_and_loses_none() {
    let out = tempfile::tempdir().unwrap();
    let (cache, scenario) = (out.path().join("cache"), out.path().join("crash.toml"));
    std::fs::write(&scenario, CRASH).unwrap();
    let mut command = common::loadgen("--target log --scenario");
    command.arg(&scenario).arg("--out").arg(out.path().join("out"));
    command.env("HEADWATER_CACHE", &cache);
    let output = common::run(command);
    let text = common::errors(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let outcome = common::outcome(&out.path().join("out"));
    let failed =
        |verdict: &&headwater_reports::outcome::Verdict| verdict.status == VerdictStatus::Fail;
    assert_eq!(outcome.verdicts.iter().find(failed), None);
    let counts = outcome.counts;
    assert!(counts.scheduled > 1_500, "{counts:?}");
    assert_eq!([counts.acked, counts.delivered], [counts.scheduled; 2], "{counts:?}");
    assert_eq!((counts.lost, counts.duplicated), (0, 0), "{counts:?}");
    // What came while the server was dead had to wait for it.
    let longest = outcome.latency.response.max();
    assert!(longest > Some(400_000_000), "{longest:?}");
    assert_eq!(outcome.faults.len(), 1, "{:?}", outcome.faults);
    let left = std::fs::read_dir(cache.join("clusters")).unwrap().count();
    assert_eq!(left, 0, "data of the cluster is left behind");
}
