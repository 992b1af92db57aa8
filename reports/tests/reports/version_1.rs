//! Files of the schemas before. `fixtures/version-1.json` was written by the last build that knew
//! only that: `headwater run planted/unclean-election --seed 10 --set traffic.duration=8s --set
//! measure.interval=2s`.

use std::path::Path;

use headwater_reports::outcome::{
    Ending, Outcome, SCHEMA, SCHEMA_2, Scenario, Source, VerdictStatus,
};
use headwater_reports::{compare, report, summary};

const FIXTURE: &[u8] = include_bytes!("fixtures/version-1.json");

pub fn read() -> Outcome {
    Outcome::parse(FIXTURE, Path::new("version-1.json")).expect("read")
}

#[test]
fn a_file_of_version_1_is_read_and_becomes_one_of_today() {
    let outcome = read();
    assert_eq!(outcome.schema, SCHEMA);
    assert_eq!((outcome.counts.acked, outcome.counts.lost), (3_230, 1_219));
    assert_eq!(outcome.latency.response.count(), 2_415);
    let stream = &outcome.streams["kafka"];
    assert_eq!((stream.system.as_str(), outcome.streams.len()), ("kafka", 1));
    assert_eq!(stream.verdicts["no_acked_loss"], VerdictStatus::Expected);
    assert_eq!(stream.verdicts["prefix_reads"], VerdictStatus::Pass);
    assert_eq!(outcome.stream("kafka").expect("a stream").counts.lost, 1_219);
    assert!(outcome.several().is_empty());
    let again = Outcome::parse(outcome.to_json().as_bytes(), Path::new("2")).expect("read again");
    assert_eq!(again, outcome);
}

#[test]
fn a_file_of_version_2_is_read_without_phases_defaults_and_text() {
    let today = Outcome::empty(Scenario::default(), Source::Simulated, 1);
    let text = today.to_json().replace(SCHEMA, SCHEMA_2);
    assert!([r#""phases""#, r#""defaults""#].iter().all(|it| !text.contains(it)), "{text}");
    let read = Outcome::parse(text.as_bytes(), Path::new("version-2.json")).expect("read");
    assert_eq!(read, today);
    assert!(report(&read).contains("Configuration"));
}

#[test]
fn what_a_file_of_version_1_expects_to_fail_is_as_expected() {
    let outcome = read();
    assert_eq!((outcome.conclusion().result, outcome.exit_code()), (Ending::AsExpected, 0));
    let line = "As expected: the planted loss and the planted fall of a level were found (2 of 5 \
                verdicts failed; 3 of 3 expectations met)";
    assert_eq!(outcome.conclusion().text, line);
    assert!(summary(&outcome).contains(line), "{}", summary(&outcome));
    assert!(summary(&outcome).contains("\n  expected  no_acked_loss        1,219 of 3,230"));
    let html = report(&outcome);
    assert!(html.contains(&format!("<strong class=\"expected\">{line}")));
    assert!(!html.contains("Passed:"));
}

#[test]
fn a_comparison_shows_the_loss_that_a_scenario_expects_first_and_fails() {
    let comparison = compare(&[read(), read()]);
    assert_eq!((comparison.ok(), comparison.exit_code()), (false, 1));
    let text = comparison.to_text();
    let heading = "A lost 1,219 acknowledged events, as its scenario expects; B lost 1,219 \
                   acknowledged events, as its scenario expects\n";
    assert!(text.starts_with(heading), "{text}");
    assert!(text.contains("seed 10): as expected, LOST 1,219"), "{text}");
    let rows: Vec<&str> = text.lines().skip(5).take(6).map(|line| line[..20].trim()).collect();
    let first =
        ["verdicts failed", "lost", "duplicated", "reordered", "failed", "longest gap in acks"];
    assert_eq!(rows, first);
    assert!(text.contains("lost                       1,219       1,219       1.00x"), "{text}");
    let html = comparison.to_html();
    assert!(html.contains("<span class=\"fail\"><b class=\"s\">as expected, LOST 1,219</b>"));
    assert!(html.contains("<section class=\"box fail\" aria-label=\"How the runs came out\">"));
}
