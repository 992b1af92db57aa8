//! Runs with several streams: written, read, shown by name.

use std::path::Path;

use headwater_reports::outcome::{Outcome, Scenario, Source};
use headwater_reports::{compare, hlog, report, summary};

use crate::sample;

#[test]
fn several_streams_are_read_back_with_the_figures_of_each() {
    let outcome = sample::pipeline();
    let read = Outcome::parse(outcome.to_json().as_bytes(), Path::new("x")).expect("read");
    assert_eq!(read, outcome);
    let several = read.several();
    let names: Vec<&str> = several.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["ingest", "store"]);
    let view = |index: usize| several[index].2;
    assert_eq!(
        (view(0).counts.acked, view(1).counts.acked, read.counts.acked),
        (9_000, 9_000, 18_000)
    );
    assert_eq!((view(0).found, view(1).found, read.total().found), (0, 1, 1));
    let max = |index: usize| view(index).latency.end_to_end.max().expect("some") / 10_000;
    assert_eq!((max(0), max(1)), (300, 600));
}

#[test]
fn the_summary_has_a_line_for_each_stream() {
    insta::assert_snapshot!(summary(&sample::pipeline()));
}

#[test]
fn the_report_shows_the_streams_by_name_and_one_stream_shows_none() {
    let html = report(&sample::pipeline());
    for needle in [
        ">Streams</h2>",
        "<strong>ingest</strong>",
        "no_acked_loss <code>store</code>",
        "Acknowledged by each stream",
    ] {
        assert!(html.contains(needle), "`{needle}` is missing");
    }
    let one = report(&sample::outcome(Source::Simulated, 7, 120_000.0));
    assert!(!one.contains(">Streams</h2>"));
    // To look at: HEADWATER_KEEP=dir cargo test -p headwater-reports.
    if let Ok(directory) = std::env::var("HEADWATER_KEEP") {
        std::fs::write(Path::new(&directory).join("streams.html"), html).expect("written");
    }
}

#[test]
fn a_comparison_sets_streams_of_one_name_side_by_side() {
    let one = sample::outcome(Source::Simulated, 7, 120_000.0);
    let comparison = compare(&[sample::pipeline(), one]);
    let names: Vec<&str> = comparison.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["ingest", "store"]);
    let lost = comparison.streams[1].rows.iter().find(|row| row.figure.to_string() == "lost");
    let values: Vec<_> = lost.expect("a row").cells.iter().map(|cell| cell.value).collect();
    assert_eq!(values, [Some(1.0), None]);
    assert!(comparison.to_text().contains("\nstream store\n"), "{}", comparison.to_text());
    assert!(comparison.to_html().contains("<h3>Stream <code>store</code></h3>"));
}

#[test]
fn a_log_of_histograms_has_those_of_each_stream() {
    let log = hlog(&sample::pipeline());
    assert_eq!(log.matches("Tag=ingest.").count(), 4);
    assert!(log.contains("Tag=store.end-to-end,"), "{log}");
}

#[test]
fn streams_that_contradict_each_other_are_refused() {
    let error = |outcome: &Outcome| {
        let read = Outcome::parse(outcome.to_json().as_bytes(), Path::new("x"));
        read.expect_err("inconsistent").to_string()
    };
    let mut outcome = sample::pipeline();
    outcome.streams.get_mut("store").expect("it").from = Some("nowhere".to_owned());
    assert!(error(&outcome).contains("streams.store is from `nowhere`"), "{}", error(&outcome));
    outcome.streams.clear();
    assert!(error(&outcome).contains("streams is empty"), "{}", error(&outcome));
    let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
    outcome.streams.values_mut().for_each(|stream| stream.figures = Some(Default::default()));
    assert!(error(&outcome).contains("figures beside the totals"), "{}", error(&outcome));
}
