//! Outcomes side by side.

use headwater_reports::compare;
use headwater_reports::outcome::{Source, VerdictStatus};

use crate::sample;

#[test]
fn a_simulation_is_set_against_the_live_run_of_the_same_traffic() {
    let simulated = sample::outcome(Source::Simulated, 7, 110_000.0);
    let live = sample::outcome(Source::Live, 8, 120_000.0);
    let comparison = compare(&[live, simulated]);
    insta::assert_snapshot!(comparison.to_text());
    let pair = &comparison.errors[0];
    assert_eq!((pair.simulated.as_str(), pair.live.as_str()), ("B", "A"));
    for error in &pair.errors {
        let expected = (error.simulated - error.live) / error.live * 100.0;
        assert!((error.error_percent - expected).abs() < 1e-9, "{error:?}");
    }
    let html = comparison.to_html();
    assert!(html.contains("How wrong the simulation was") && html.contains("dashed"));
    let json: serde_json::Value = serde_json::from_str(&comparison.to_json()).expect("JSON");
    assert_eq!(json["schema"], "headwater-comparison/1");
}

#[test]
fn equal_runs_show_no_detectable_difference() {
    let run = sample::outcome(Source::Simulated, 7, 120_000.0);
    let comparison = compare(&[run.clone(), run]);
    let percentiles = comparison.rows.iter().filter(|row| row.cells[0].interval.is_some());
    for row in percentiles {
        assert!(row.cells[1].indistinct && row.cells[1].ratio == Some(1.0), "{row:?}");
    }
    assert!(comparison.to_text().contains("no detectable difference"));
    assert!(comparison.errors.is_empty() && comparison.warnings.is_empty());
}

#[test]
fn runs_of_different_traffic_are_flagged_and_give_no_error_table() {
    let simulated = sample::outcome(Source::Simulated, 7, 120_000.0);
    let mut live = sample::outcome(Source::Live, 8, 120_000.0);
    live.traffic.digest = "other".to_owned();
    let comparison = compare(&[simulated, live]);
    assert!(comparison.errors.is_empty());
    assert!(comparison.warnings[0].contains("different traffic"), "{:?}", comparison.warnings);
}

#[test]
fn the_error_of_a_disturbed_live_run_is_withheld_with_the_reason() {
    let (simulated, mut live) =
        (sample::outcome(Source::Simulated, 1, 2e6), sample::outcome(Source::Live, 1, 2e6));
    let measured = "0 % of a core went to other machines, 42 % of a core to other processes";
    let mut verdict = live.verdicts[0].clone();
    verdict.name = "machine_undisturbed".into();
    verdict.measured = measured.into();
    verdict.status = VerdictStatus::Warn;
    live.verdicts.push(verdict);
    let comparison = compare(&[simulated.clone(), live.clone()]);
    assert_eq!(comparison.errors[0].withheld.as_deref(), Some(measured));
    assert!(comparison.errors[0].errors.is_empty());
    for rendered in [comparison.to_text(), comparison.to_html(), comparison.to_json()] {
        assert!(rendered.contains(measured), "{rendered}");
    }
    live.verdicts.last_mut().unwrap().status = VerdictStatus::Pass;
    let told = compare(&[simulated, live]);
    assert_eq!(told.errors[0].withheld, None);
    assert!(!told.errors[0].errors.is_empty());
}
