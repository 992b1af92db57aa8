//! `headwater explain`, as a user runs it.

use super::{GOOD, command, errors, headwater, refused};

#[test]
fn it_says_where_events_waited_and_which_setting_would_have_helped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, GOOD).expect("a temporary file");
    let path = path.to_str().expect("a plain path");
    let linger = "system.producer.linger.ms=30";
    let explain = |more: &[&str]| {
        let mut arguments = vec!["explain", path, "--set", linger];
        arguments.extend(more);
        let output = command(&arguments).output().expect("headwater can be started");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let json: serde_json::Value = serde_json::from_str(&explain(&["--json"])).expect("JSON");
    assert_eq!(json["schema"], "headwater-explain/1");
    assert_eq!(json["setting"], "--set system.producer.linger.ms=0");
    for event in json["events"].as_array().expect("events") {
        let sum = |of: &str, ns: &str| {
            let all = event[of].as_array().expect("a list").iter();
            all.map(|one| one[ns].as_u64().expect("nanoseconds")).sum::<u64>()
        };
        let latency = event["latency_ns"].as_u64();
        assert_eq!((Some(sum("parts", "ns")), Some(sum("steps", "took_ns"))), (latency, latency));
    }
    let text = explain(&["--no-without"]);
    assert!(text.contains("linger: waited for more events to go with it"), "{text}");
    assert!(text.contains("reproduce: headwater explain"), "{text}");
    assert!(!text.contains("would have helped"), "{text}");
}

#[test]
fn a_run_that_is_to_be_explained_is_the_same_run_with_bars_in_its_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, out) = (folder.path().join("scenario.toml"), folder.path().join("out"));
    std::fs::write(&path, GOOD).expect("a temporary file");
    let [path, out] = [&path, &out].map(|of| of.to_str().expect("a plain path"));
    let run = |more: &[&str]| {
        let output = headwater(&[&["run", path, "--out", out, "--json"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (plain, explained) = (run(&[]), run(&["--explain"]));
    assert_eq!(plain["fingerprint"], explained["fingerprint"]);
    assert!(plain.get("waited").is_none());
    let waited = explained["waited"].as_array().expect("events");
    // Some 300 events are too few for a p99 that is not luck.
    assert_eq!(waited.len(), 4, "the median and the maximum of two latencies: {waited:#?}");
    for event in waited {
        let parts = event["parts"].as_array().expect("parts").iter();
        let sum: u64 = parts.filter_map(|part| part["ns"].as_u64()).sum();
        assert_eq!(Some(sum), event["latency_ns"].as_u64());
    }
    let page = std::fs::read_to_string(format!("{out}/report.html")).expect("a report");
    assert!(page.contains("Where events waited, end to end") && page.contains("class=\"parts\""));
    refused(&headwater(&["run", path, "--explain"]), &["--out"]);
}
