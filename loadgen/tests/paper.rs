//! `loadgen paper` as its user sees it, without a JVM: what it would run, what it tells of runs
//! that are there, and what it refuses.

mod common;

use headwater_scenarios::paper::{Asked, Measured, Paper};

/// The two runs of a claim, with these events a second.
fn stored(folder: &std::path::Path, rates: [f64; 2]) {
    let only = vec!["U2".to_owned()];
    let asked = Asked { profile: None, only, seeds: (1, 0), quick: false, figures: false };
    for (spec, rate) in Paper::shipped().asked(&asked).live(false).into_iter().zip(rates) {
        let measured = Measured {
            tool: "kafka-producer-perf-test 3.9.2".into(),
            machine: "linux, 2 cores".into(),
            date: "2026-11-30".into(),
            figures: [("acked_rate".to_owned(), rate)].into(),
            ..Measured::of(spec, 1)
        };
        measured.write(folder).unwrap();
    }
}

/// With no program on its path: nothing can be launched.
fn alone(arguments: &str) -> std::process::Command {
    let mut command = common::loadgen(arguments);
    command.env("PATH", "");
    command
}

#[test]
fn a_dry_run_says_what_is_run_for_which_claim_and_how_long_it_takes() {
    let output = common::run(alone("paper --dry-run --only u2 --only C7 --quick"));
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains("kafka-typo.0, repeat 1") && !text.contains("kafka-small"), "{text}");
    assert!(text.contains("C7   not measured: three servers"), "{text}");
    let note = common::errors(&output);
    assert!(note.contains("2 runs (short ones): about") && note.contains("--within"), "{note}");
}

#[test]
fn what_was_measured_is_judged_and_told_without_running_it_again() {
    let folder = tempfile::tempdir().unwrap();
    stored(folder.path(), [90_000.0, 20_000.0]);
    let line = format!("paper --only U2 --seeds 0 --out {}", folder.path().display());
    let output = common::run(alone(&line));
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    // As it was before it was wrapped.
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "U2 not simulated",
        "live holds: 90 MB/s with the default of 16,384, 20 MB/s with batch.size=1000",
        "live: what it could not see: 1 holds; linux, 2 cores, 2026-11-30; one run of each",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let output = common::run(alone(&format!("{line} --json")));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["unseen"][0]["live"]["verdict"], "holds");
    assert_eq!(json["unseen"][0]["verdict"], "not_run");
}

#[test]
fn what_cannot_be_asked_or_run_is_told_in_a_line() {
    let line = common::failure(&common::run(alone("paper --only C14")));
    assert!(line.contains("there is no claim C14; there are C1, C2"), "{line}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    let line = common::failure(&common::run(alone(&format!("paper --only U2 --out {out}"))));
    assert!(line.contains("no `java` on the PATH") && line.contains("headwater paper"), "{line}");
    let line = common::failure(&common::run(alone("paper --seeds 0 --write page.md")));
    assert!(line.contains("leave out --seeds 0"), "{line}");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let line = common::failure(&common::run(alone(&format!("paper --out {out}/file"))));
    assert!(line.contains("--out") && line.contains("file"), "{line}");
}
