//! Traces: a schedule is saved, replayed by a scenario beside it, and bad lines are told.

use std::path::Path;

use crate::{GOOD, errors, headwater, refused};

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a temporary file");
    path.to_str().expect("a plain path").to_owned()
}

/// The digest of the traffic of a scenario's run.
fn digest(folder: &Path, scenario: &str) -> String {
    let out = folder.join("out");
    let run = headwater(&["run", scenario, "--out", out.to_str().expect("a plain path")]);
    assert!(run.status.success(), "{}", errors(&run));
    let outcome = std::fs::read_to_string(out.join("outcome.json")).expect("it is there");
    let outcome: serde_json::Value = serde_json::from_str(&outcome).expect("JSON");
    outcome["traffic"]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn a_saved_schedule_is_replayed_by_the_scenario_beside_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let drawn = write(folder.path(), "drawn.toml", GOOD);
    for name in ["saved.csv", "saved.ndjson"] {
        let trace = folder.path().join(name);
        let saved =
            headwater(&["traffic", &drawn, "--save", trace.to_str().expect("a plain path")]);
        let told = String::from_utf8_lossy(&saved.stdout).into_owned();
        assert!(saved.status.success() && told.contains("events in"), "{told}{}", errors(&saved));
        let replay = format!("trace = {{ file = \"{name}\" }}");
        let replay =
            write(folder.path(), "replay.toml", &GOOD.replace("rate = \"200/s\"", &replay));
        assert_eq!(digest(folder.path(), &replay), digest(folder.path(), &drawn), "{name}");
        let faster = headwater(&["traffic", &replay, "--set", "traffic.trace.speed=2"]);
        let told = String::from_utf8_lossy(&faster.stdout).into_owned();
        assert!(told.contains(&format!("{name} at 2x for 2s")), "{told}{}", errors(&faster));
    }
    let unnamed = headwater(&["traffic", &drawn, "--save", "saved"]);
    refused(&unnamed, &["saved: expected a name that ends in .csv, .ndjson or .jsonl"]);
}

#[test]
fn a_malformed_line_of_a_trace_is_refused_with_its_number_or_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "t.csv", "time,key,size\n0.1,1,100\nsoon,2,100\n1.2,3,100\n");
    let refuse = GOOD.replace("rate = \"200/s\"", "trace = { file = \"t.csv\" }");
    let path = write(folder.path(), "refuse.toml", &refuse);
    let wanted = ["t.csv, line 3: \"soon\"; expected a time in seconds", "refuse.toml:8:18"];
    refused(&headwater(&["run", &path]), &wanted);
    let skip = refuse.replace("\" }", "\", malformed = \"skip\" }");
    let path = write(folder.path(), "skip.toml", &skip);
    let out = folder.path().join("out");
    let run = headwater(&["run", &path, "--out", out.to_str().expect("a plain path")]);
    let warned = errors(&run);
    assert!(run.status.success(), "{warned}");
    assert!(warned.contains("1 malformed line is left out, first"), "{warned}");
    let both = refuse.replace("duration", "rate = \"5/s\"\nduration");
    let path = write(folder.path(), "both.toml", &both);
    refused(&headwater(&["check", &path]), &["traffic.rate beside traffic.trace"]);
}
