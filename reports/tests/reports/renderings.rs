//! Text and HTML of single runs.

use headwater_reports::outcome::{Outcome, Scenario, Source, Status};
use headwater_reports::{Recorder, report, summary};

use crate::sample;

#[test]
fn the_summary_puts_verdicts_first_and_aligns() {
    insta::assert_snapshot!(summary(&sample::outcome(Source::Live, 7, 120_000.0)));
}

#[test]
fn the_compact_form_is_short_and_free_of_fractions() {
    let compact = sample::outcome(Source::Simulated, 7, 120_000.0).compact();
    insta::assert_json_snapshot!(compact);
}

#[test]
fn the_same_outcome_renders_to_the_same_small_file() {
    let outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    let html = report(&outcome);
    assert_eq!(html, report(&sample::outcome(Source::Simulated, 7, 120_000.0)));
    assert!(html.len() < 200_000, "report.html has {} bytes", html.len());
}

#[test]
fn the_report_names_what_it_must_and_escapes_text() {
    let html = report(&sample::outcome(Source::Simulated, 7, 120_000.0));
    for needle in [
        "Passed with warnings",
        "headwater run burst/sample --seed 7",
        "Binding constraint: <strong>broker-1/request threads",
        "A goal is scored while a &lt;broker&gt; &amp; its disk fail",
        "F2: slow_disk broker-2/disk0, 42 s to the end",
        "p99.9",
    ] {
        assert!(html.contains(needle), "`{needle}` is missing");
    }
    assert!(!html.contains("a <broker>"));
}

#[test]
fn a_run_interrupted_before_its_first_event_renders_without_nonsense() {
    let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
    outcome.status = Status::Interrupted { why: "Ctrl-C".to_owned() };
    let recorder = Recorder::new(1_000_000_000, outcome.window);
    recorder.finish(0, &mut outcome);
    for html in [report(&outcome), summary(&outcome)] {
        assert!(html.contains("Interrupted (Ctrl-C)"));
        let content = html.rsplit("</style>").next().expect("some");
        assert!(!content.contains("NaN") && !content.contains("inf"), "{content}");
    }
    assert_eq!(outcome.exit_code(), 1);
}
