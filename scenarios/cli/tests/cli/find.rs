//! `headwater find`, as a user runs it.

use super::{GOOD, command, errors, headwater, refused};

/// A scenario in a file, and its path.
fn scenario() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, GOOD).expect("a temporary file");
    let path = path.to_str().expect("a plain path").to_owned();
    (folder, path)
}

const LINGER: [&str; 4] = ["--max", "system.producer.linger.ms", "--from", "1"];

#[test]
fn it_finds_where_an_objective_breaks_on_any_number_of_cores() {
    let (_folder, path) = scenario();
    let find = |threads: &str| {
        let until = ["--until", "response.p50 < 8ms, lost = 0", "--seeds", "3", "--json"];
        let arguments: Vec<&str> = ["find", &path].into_iter().chain(LINGER).chain(until).collect();
        let output = command(&arguments).env("RAYON_NUM_THREADS", threads).output();
        let output = output.expect("headwater can be started");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (one, two) = (find("1"), find("2"));
    assert_eq!(one, two);
    let tried = one["tried"].as_array().expect("values that were tried");
    let kept = |end: &str| {
        let at = tried.iter().find(|of| of["value"] == one[end]);
        at.and_then(|of| of["kept"].as_u64()).expect("the end was tried")
    };
    assert_eq!((kept("kept"), kept("broken")), (3, 0), "{one:#}");
    let number = |end: &str| one[end].as_str().and_then(|of| of.parse::<u64>().ok()).unwrap_or(0);
    // Half of the events wait longer than half of the linger.
    assert!((7..=16).contains(&number("kept")) && number("kept") < number("broken"), "{one:#}");
}

#[test]
fn an_objective_that_always_holds_has_no_end() {
    let (_folder, path) = scenario();
    let more = ["--until", "lost = 0", "--limit", "3", "--seeds", "1"];
    let arguments: Vec<&str> = ["find", &path].into_iter().chain(LINGER).chain(more).collect();
    let output = headwater(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("kept up to 3; where none keeps it was not found"), "{text}");
}

#[test]
fn what_can_not_be_looked_for_is_told() {
    let (_folder, path) = scenario();
    let find = |more: &[&str]| {
        let arguments: Vec<&str> = ["find", &path].iter().chain(more).copied().collect();
        headwater(&arguments)
    };
    let until = ["--until", "lost = 0"];
    refused(&find(&until), &["--max"]);
    let rate = ["--max", "traffic.rate"];
    refused(&find(&rate), &["--until"]);
    refused(&find(&[rate, ["--until", "lots = 0"]].concat()), &["unknown metric `lots`"]);
    refused(&find(&[rate, ["--until", "response.p99 < 5"]].concat()), &["20ms"]);
    let limit = [rate, until, ["--limit", "5ms"]].concat();
    refused(&find(&limit), &["--limit 5ms", "200/s", "another unit"]);
    let brokers = [["--min", "system.brokers"], until].concat();
    refused(&find(&brokers), &["does not say system.brokers", "--from"]);
    for from in [&[][..], &["--from", "3"]] {
        let unknown = [&["--max", "system.brokrs"], &until[..], from].concat();
        refused(&find(&unknown), &["unknown key `brokrs`", "did you mean `brokers`?"]);
    }
}
