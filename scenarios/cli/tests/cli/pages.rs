//! What a run, a comparison, a sweep and a swarm show: pages and Markdown.

use std::path::Path;

use crate::{GOOD, errors, headwater};

/// A scenario whose only broker is killed for half a second.
const CRASH: &str =
    "\n[[fault]]\nkind = \"crash\"\ntarget = \"broker-1\"\nat = \"800ms\"\nfor = \"500ms\"\n";

fn succeed(arguments: &[&str]) -> String {
    let output = headwater(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn an_outcome_has_its_phases_its_scenario_and_what_was_changed_and_two_are_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let (path, one, two) = (at("crash.toml"), at("one"), at("two"));
    let text = format!("{GOOD}{CRASH}");
    std::fs::write(&path, &text).expect("a temporary file");
    succeed(&["run", &path, "--out", &one]);
    succeed(&["run", &path, "--out", &two, "--set", "system.producer.linger.ms=20"]);
    let read = |of: &str| {
        let path = Path::new(of).join("outcome.json");
        headwater_reports::Outcome::read(&path).expect("an outcome")
    };
    let (first, second) = (read(&one), read(&two));
    let names: Vec<_> = first.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["before", "during F1", "after"]);
    let due: u64 = first.phases.iter().map(|phase| phase.due).sum();
    let offered = first.rates.offered.events_per_second * first.window.seconds();
    assert_eq!(due as f64, offered.round(), "every event of the window has one");
    let slowest = first.phases[1].response.max();
    assert!(slowest > first.phases[0].response.max(), "the crash held events up: {slowest:?}");
    assert_eq!((&first.scenario.text, first.scenario.digest.len()), (&text, 64));
    assert_eq!(first.scenario.digest, second.scenario.digest, "settings are not the file's");
    assert_eq!(first.defaults.get("producer.linger.ms"), None);
    assert_eq!(second.defaults["producer.linger.ms"], "0");
    let markdown = succeed(&["compare", &one, &two, "--markdown"]);
    for part in ["| `producer.linger.ms` | `0` | `20` |", "**Latency during F1**", "--seed 1"] {
        assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
    }
}

#[test]
fn a_sweep_and_a_swarm_have_pages_that_say_how_to_run_them_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let (path, page) = (at("good.toml"), at("page.html"));
    std::fs::write(&path, GOOD).expect("a temporary file");
    let (linger, rate) = ("system.producer.linger.ms=0,20", "traffic.rate=100/s,200/s,400/s");
    let vary = ["sweep", &path, "--vary", rate, "--vary", linger, "--seeds", "2"];
    succeed(&[&vary[..], &["--html", &page]].concat());
    let html = std::fs::read_to_string(&page).expect("it was written");
    for part in [
        "12 of 12 runs did what the scenario expects",
        "<table class=\"heat\">",
        "id=\"curve-0\"",
        "traffic.rate=100/s,200/s,400/s",
        "--seed 1 --seeds 2",
    ] {
        assert!(html.contains(part), "{part} is missing");
    }
    let markdown = succeed(&[&vary[..4], &["--seeds", "1", "--markdown"]].concat());
    assert!(markdown.contains("| `100/s` | ✅ 1 of 1 |"), "{markdown}");

    succeed(&["swarm", "swarm/kafka", "--seeds", "2", "--html", &page]);
    let html = std::fs::read_to_string(&page).expect("it was written");
    assert!(html.contains("None of 2 seeds failed"), "{html}");
    assert!(html.contains("no_<wbr>acked_<wbr>loss</td><td class=\"n\">2</td><td class=\"n\">0<"));
}
