//! Shrinking: what is not needed for a failure goes, and what is left fails in the same way.

use std::sync::atomic::AtomicBool;

use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::{Scenario, Source};
use headwater_scenarios::shrink::{Refused, ShrinkSpec, Shrunk, shrink, text};

/// What does not matter for the loss, put into the scenario that has it.
const DECOYS: &str = r#"
[[fault]]
kind = "pause"
target = "broker-3"
at = "3s"
for = "200ms"

[[fault]]
kind = "slow-disk"
target = ["broker-1", "broker-3"]
at = "3500ms"
for = "300ms"
factor = 3

[[fault]]
kind = "slow-cpu"
target = "brokers"
at = "4s"
for = "1s"
factor = 2

[[fault]]
kind = "crash"
target = "producers"
at = "2500ms"
for = "300ms"
"#;

fn source() -> Source {
    let source = Source::find("planted/unclean-election").expect("it is in the library");
    let text = source.text.replace("[promise]", &format!("{DECOYS}\n[promise]"));
    assert_ne!(text, source.text);
    Source { text, ..source }
}

fn spec<'a>(source: Source, budget: u64, stop: &'a AtomicBool) -> ShrinkSpec<'a> {
    let (settings, progress) = (Vec::new(), &|_, _| ());
    ShrinkSpec { source, settings, seed: None, keep: None, budget, stop, progress }
}

fn shrunk(budget: u64) -> Shrunk {
    let stop = AtomicBool::new(false);
    match shrink(&spec(source(), budget, &stop)) {
        Ok(shrunk) => shrunk,
        Err(Refused::Passes(why)) => panic!("{why}"),
        Err(Refused::Input(problems)) => panic!("{problems}"),
    }
}

#[test]
fn decoys_go_and_the_faults_that_lose_events_stay() {
    let small = shrunk(400);
    let (before, after) = small.sizes;
    assert_eq!(before.faults, 7, "{before}");
    assert!(after.faults <= 3 && after.nodes <= before.nodes, "{after}");
    assert!(after.events * 10 < before.events, "{before}, then {after}");
    assert_eq!((small.violation.verdict, small.violation.finding.what), ("no_acked_loss", "lost"));
    let written = text(&small, "headwater run here", "case.toml");
    let scenario = Scenario::parse(&written, "case.toml", None, &[]);
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}\n{written}"));
    let outcome = run::run(&scenario, &Options::default()).outcome;
    assert!(outcome.ok(), "the file expects what happens: {:?}", outcome.expectations);
    assert_eq!(outcome.fingerprint, small.finished.outcome.fingerprint);
    for want in ["# Found: no_acked_loss fails: lost", "# From: headwater run here", "crash"] {
        assert!(written.contains(want), "{want} is not in:\n{written}");
    }
    for fault in &scenario.faults {
        let names = &fault.target.0;
        assert!(names.iter().all(|name| name.contains('-')), "named, not looked up: {names:?}");
    }
}

#[test]
fn a_budget_ends_it_with_something_that_still_fails() {
    let small = shrunk(6);
    assert!(small.cut_short && small.runs <= 6 + 4, "{} runs", small.runs);
    assert!(small.finished.verdicts.iter().any(|verdict| !verdict.passed));
}

#[test]
fn the_same_scenario_shrinks_to_the_same() {
    let (first, again) = (shrunk(40), shrunk(40));
    assert_eq!(first.table, again.table);
    assert_eq!(first.runs, again.runs);
}
