//! The paper's claims on the command line, the cheapest of them.

use headwater_scenarios::paper::{Asked, Measured, Paper};

use crate::{errors, headwater, refused};

/// What is asked for: a process with everything in memory is killed.
const ONLY: [&str; 4] = ["--only", "u4", "--seeds", "2"];

fn told(arguments: &[&str]) -> String {
    let output = headwater(&[&["paper"][..], &ONLY, arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_claim_is_run_judged_and_told_in_every_form() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("a plain path");
    let text = told(&["--out", out]);
    for part in ["U4   holds", "live       not run", "what it could not see: 1 holds; 2 seeds"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
    let html = read("paper.html");
    assert!(html.contains("<b class=\"s\">holds</b>") && html.contains("id=\"U4\""), "{html}");
    assert_eq!(read("paper.txt"), text.trim_end().to_owned() + "\n");
    let json: serde_json::Value = serde_json::from_str(&told(&["--json"])).expect("JSON");
    assert_eq!(json["unseen"][0]["verdict"], "holds");
    assert_eq!(json["claims"], serde_json::json!([]));
    let lost = &json["runs"]["memory-killed"]["variants"][0]["points"][1]["figures"]["lost"];
    assert!(lost.as_f64() > Some(1_000.0), "{lost}");
}

#[test]
fn what_is_no_claim_or_of_other_machines_is_refused() {
    refused(&headwater(&["paper", "--only", "C14"]), &["there is no claim C14", "C13, U1"]);
    let elsewhere = ["paper", "--only", "C4", "--profile", "three-servers-2020"];
    refused(&headwater(&elsewhere), &["C4 is of other machines"]);
}

#[test]
fn the_page_in_the_tree_has_every_claim() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/PAPER.md")).expect("it is there");
    let claims = std::fs::read_to_string(root.join("../paper/claims.toml")).expect("it is");
    let claims: toml::Table = claims.parse().expect("TOML");
    let list = |key: &str| claims[key].as_array().expect("a list").clone();
    for claim in list("claim").iter().chain(&list("unseen")) {
        let part = |key: &str| claim[key].as_str().expect("a text");
        assert!(page.contains(&format!("## {}: ", part("id"))), "{}", part("id"));
        assert!(page.contains(&format!("| {} | {} |", part("id"), part("says"))));
        for condition in claim["holds"].as_array().expect("a list") {
            assert!(page.contains(condition.as_str().expect("a text")), "{condition}");
        }
    }
}

/// What `loadgen paper` keeps of the claim, with so many lost events of 3,200.
fn measured(folder: &std::path::Path, lost: f64) {
    let only = vec!["U4".to_owned()];
    let asked = Asked { profile: None, only, seeds: (1, 0), quick: false, figures: false };
    for spec in Paper::shipped().asked(&asked).live(false) {
        let figures = [("lost".to_owned(), lost), ("acked".to_owned(), 3_200.0)].into();
        let tool = "loadgen 0.1.0".to_owned();
        let measured = Measured { tool, figures, ..Measured::of(spec, 1) };
        measured.write(folder).expect("written");
    }
}

#[test]
fn what_was_measured_fills_the_live_column_and_stays_apart_from_what_is_simulated() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let live = folder.path().to_str().expect("a plain path");
    measured(folder.path(), 12.0);
    // As it was before it was wrapped.
    let text = told(&["--live", live]).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "U4 holds",
        "live does not hold: 12 of 3,200 acknowledged events are lost",
        "live, does not hold: memory-killed.0 lost > 0.9 memory-killed.0 acked (12 and 2,880)",
        "live: what it could not see: 1 does not;",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("live not run"), "{text}");
}

#[test]
fn live_figures_that_are_not_there_or_not_readable_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let live = folder.path().to_str().expect("a plain path");
    let refuse = |wants: &[&str]| refused(&headwater(&["paper", "--live", live]), wants);
    refuse(&["has no live figures", "loadgen paper --out"]);
    std::fs::write(folder.path().join("kafka-typo.0-1.live.json"), "{").expect("written");
    refuse(&["kafka-typo.0-1.live.json", "line 1"]);
}
