//! Outcome files: what is written is read, what is broken is named.

use std::fs;
use std::path::Path;

use headwater_reports::outcome::{Difference, Outcome, SCHEMA, Scenario, Source, Status};
use headwater_reports::{Gauge, Latency, Recorder, Series, hlog};
use proptest::prelude::*;

use crate::sample;

#[test]
fn a_minute_is_written_and_read_back_in_less_than_200_kb() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("deep/outcome.json");
    let outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    outcome.write(&path).expect("written");
    assert_eq!(Outcome::read(&path).expect("read"), outcome);
    let size = fs::metadata(&path).expect("there").len();
    assert!(size < 200_000, "outcome.json has {size} bytes");
    assert!(!path.with_extension("json.partial").exists());
}

#[test]
fn every_field_of_the_file_is_in_the_document() {
    let document = include_str!("../../../docs/OUTCOME.md");
    let mut outcome = sample::outcome(Source::Live, 7, 120_000.0);
    outcome.differences = vec![Difference::default()];
    outcome.diagram = Some(crate::diagram::diagram());
    outcome.waited = sample::waited();
    let json: serde_json::Value = serde_json::from_str(&outcome.to_json()).expect("JSON");
    let fields: Vec<_> = json.as_object().expect("an object").keys().collect();
    let missing: Vec<_> =
        fields.iter().filter(|field| !document.contains(&format!("`{field}`"))).collect();
    assert!(fields.len() > 25 && missing.is_empty(), "not in docs/OUTCOME.md: {missing:?}");
    assert!(document.contains(SCHEMA));
}

#[test]
fn what_is_wrong_with_a_file_is_one_line_that_names_file_place_and_fix() {
    let path = Path::new("runs/outcome.json");
    let good = Outcome::empty(Scenario::default(), Source::Live, 1).to_json();
    let error = |text: &str| {
        let message = Outcome::parse(text.as_bytes(), path).expect_err(text).to_string();
        assert!(message.starts_with("runs/outcome.json") && !message.contains('\n'), "{message}");
        message
    };
    insta::assert_snapshot!(error(&good[..good.len() / 2]));
    insta::assert_snapshot!(error(&good.replace("outcome/3", "outcome/9")));
    insta::assert_snapshot!(error(&good.replace("\"seed\": 1", "\"seed\": -1")));
    insta::assert_snapshot!(error(&good.replace("\"seed\"", "\"sead\"")));
    insta::assert_snapshot!(error(&good.replace("\"hdr\": \"", "\"hdr\": \"AAAA")));
    insta::assert_snapshot!(error(&good.replacen("\"count\": 0", "\"count\": 5", 1)));
    insta::assert_snapshot!(error(&good.replace("\"offered\": []", "\"offered\": [1]")));
    assert!(error("{}").contains("missing"), "{}", error("{}"));
    assert!(error("").contains(SCHEMA), "{}", error(""));
}

#[test]
fn parts_that_do_not_add_up_to_a_latency_are_refused() {
    let mut outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    outcome.waited[2].parts[0].ns += 1;
    let error = Outcome::parse(outcome.to_json().as_bytes(), Path::new("x")).expect_err("wrong");
    let wanted = "the parts of the response at max do not add up";
    assert!(error.to_string().contains(wanted), "{error}");
}

#[test]
fn a_missing_file_and_a_directory_in_the_way_are_errors_with_the_path() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("none.json");
    let message = Outcome::read(&missing).expect_err("missing").to_string();
    assert!(message.contains("none.json") && message.contains("cannot read"), "{message}");
    let outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
    let message = outcome.write(directory.path()).expect_err("a directory").to_string();
    assert!(message.contains("cannot write"), "{message}");
}

#[test]
fn a_figure_that_is_no_number_is_refused_before_it_is_written() {
    let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
    outcome.rates.sent.events_per_second = f64::NAN;
    let message = outcome.write(Path::new("/nonexistent/x")).expect_err("NaN").to_string();
    assert!(message.contains("sent is NaN"), "{message}");
}

#[test]
fn a_log_has_one_line_per_histogram_and_none_blank() {
    let log = hlog(&sample::outcome(Source::Simulated, 7, 120_000.0));
    let kinds: Vec<&str> = log
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with('"'))
        .map(|line| line.split(',').next().expect("a field"))
        .collect();
    assert_eq!(kinds, ["5.000", "Tag=service", "Tag=schedule-lag", "Tag=end-to-end"]);
    assert!(log.lines().all(|line| !line.is_empty()));
    assert!(log.contains("HISTFAAA"), "{log}");
}

fn series() -> impl Strategy<Value = Series> {
    let column = |length| prop::collection::vec(any::<u64>(), length);
    let sparse = |length| prop::collection::vec(any::<Option<u64>>(), length);
    (0..20_usize).prop_flat_map(move |length| {
        let gauge = prop::collection::vec(prop::option::of(-1e300..1e300_f64), length);
        (column(length), column(length), sparse(length), gauge).prop_map(
            |(offered, backlog, latency, values)| Series {
                interval_ns: 1_000,
                sent: offered.clone(),
                acked: offered.clone(),
                consumed: offered.clone(),
                offered,
                backlog,
                response_p50_ns: latency.clone(),
                response_p99_ns: latency.clone(),
                response_max_ns: latency.clone(),
                schedule_lag_p99_ns: latency,
                gauges: vec![Gauge { name: "g".into(), unit: "events".into(), values }],
            },
        )
    })
}

proptest! {
    // Each case writes and reads four histograms: few are enough.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_outcome_reads_back_as_it_was(
        seed in any::<u64>(),
        why in ".*",
        title in ".*",
        rate in 0.0..1e12_f64,
        samples in prop::collection::vec((any::<u64>(), 1..1_000_u64), 0..200),
        series in series(),
    ) {
        let scenario = Scenario { title, ..Scenario::default() };
        let mut outcome = Outcome::empty(scenario, Source::Live, seed);
        outcome.status = Status::Interrupted { why };
        outcome.rates.acked.events_per_second = rate;
        let mut latency = Latency::new();
        samples.iter().for_each(|(ns, count)| latency.record_n(*ns, *count));
        outcome.latency.response = latency;
        outcome.series = series;
        let json = outcome.to_json();
        let read = Outcome::parse(json.as_bytes(), Path::new("x"))
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.to_json(), &json);
        prop_assert_eq!(read, outcome);
    }

    #[test]
    fn a_recorder_makes_a_consistent_outcome_of_any_order_of_events(
        times in prop::collection::vec(0..10_000_000_000_u64, 0..300),
        end in 0..10_000_000_000_u64,
    ) {
        let mut recorder = Recorder::new(1_000_000_000, Default::default());
        for at in &times {
            recorder.offered(*at, 1, 10);
            recorder.acked(at + 5, *at, *at, 1, 10);
        }
        let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
        recorder.finish(end, &mut outcome);
        prop_assert!(Outcome::parse(outcome.to_json().as_bytes(), Path::new("x")).is_ok());
        prop_assert_eq!(outcome.series.acked.iter().sum::<u64>(), times.len() as u64);
    }
}
