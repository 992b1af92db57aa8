//! `headwater replay`, and the diagram in the report of a run that fails.

use serde_json::Value;

use crate::{errors, headwater};

/// A scenario that loses events.
const NAME: &str = "planted/acks-1-leader-killed";

#[test]
fn the_command_writes_what_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let (svg, json) = (path("d.svg"), path("t.json"));
    let output = headwater(&["replay", NAME, "--svg", &svg, "--perfetto", &json]);
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), errors(&output));
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(out.contains("no_acked_loss fails: lost") && out.contains("acked"), "{out}");
    assert!(out.contains("acks 1,") && !out.contains("Some(") && !out.contains(" { "), "{out}");
    let svg = std::fs::read_to_string(svg).expect("a diagram");
    assert!(svg.starts_with("<svg xmlns") && svg.contains(">produce</text>"), "no messages in it");
    let trace = std::fs::read_to_string(json).expect("a trace");
    assert!(serde_json::from_str::<Value>(&trace).expect("JSON")["traceEvents"].is_array());
    let output = headwater(&["replay", NAME, "--around", "78975", "--json"]);
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let numbers: Vec<u64> =
        log.as_array().expect("a list").iter().filter_map(|of| of["event"].as_u64()).collect();
    assert!(numbers.contains(&78_975) && numbers.iter().all(|at| at.abs_diff(78_975) <= 30));
}

#[test]
fn a_report_of_a_failing_run_has_the_diagram() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("a plain path");
    let output = headwater(&["run", NAME, "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a report");
    assert!(page.contains(">What happened</h2>") && page.contains("class=\"spacetime\""));
    let outcome = headwater_reports::Outcome::read(&folder.path().join("outcome.json"));
    assert!(outcome.expect("an outcome").diagram.is_some());
}

#[test]
fn what_is_not_there_is_told() {
    let refused = |arguments: &[&str], want: &str| {
        let output = headwater(arguments);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(want), "{want} is not in {errors}");
    };
    refused(&["replay", NAME, "--node", "brokr-1"], "did you mean `broker-1`?");
    refused(&["replay", NAME, "--svg", "/proc/nowhere/d.svg"], "can't write /proc/nowhere/d.svg");
    refused(&["replay", "planted/nothing"], "no scenario `planted/nothing`");
}
