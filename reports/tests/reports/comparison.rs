//! Outcomes side by side.

use headwater_reports::Outcome;
use headwater_reports::compare;
use headwater_reports::fair::{CLOCK_STEADY, NOT_LATE, UNDISTURBED};
use headwater_reports::outcome::{Host, Source, Status, VerdictStatus};

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
fn the_error_of_a_late_or_disturbed_live_run_is_withheld_in_every_rendering_with_the_reason() {
    let simulated = sample::outcome(Source::Simulated, 1, 2e6);
    for (name, measured, why) in [
        (UNDISTURBED, "42 % of a core to other processes", "the machine was disturbed"),
        (NOT_LATE, "lag p99 3.000 ms", "the generator was late"),
        (CLOCK_STEADY, "it jumped by 1.2 s", "the clock jumped"),
    ] {
        let mut live = sample::outcome(Source::Live, 1, 2e6);
        let mut verdict = live.verdicts[0].clone();
        (verdict.name, verdict.measured) = (name.into(), measured.into());
        verdict.status = VerdictStatus::Warn;
        live.verdicts.push(verdict);
        let comparison = compare(&[simulated.clone(), live.clone()]);
        let told = format!("{why} ({measured})");
        assert_eq!(comparison.errors[0].withheld.as_deref(), Some(told.as_str()));
        assert!(comparison.errors[0].errors.is_empty());
        for rendered in [comparison.to_text(), comparison.to_html(), comparison.to_json()] {
            assert!(rendered.contains(&told), "{rendered}");
            assert!(!rendered.contains("error_percent") && !rendered.contains("<th>error"));
        }
        live.verdicts.last_mut().unwrap().status = VerdictStatus::Pass;
        let told = compare(&[simulated.clone(), live]);
        assert_eq!(told.errors[0].withheld, None);
        assert!(!told.errors[0].errors.is_empty());
    }
}

#[test]
fn the_error_of_a_run_that_was_stopped_is_withheld() {
    let (simulated, mut live) =
        (sample::outcome(Source::Simulated, 1, 2e6), sample::outcome(Source::Live, 1, 2e6));
    live.status = Status::Interrupted { why: "stopped by the user after 3.0 s".into() };
    let withheld = compare(&[simulated, live]).errors[0].withheld.clone();
    let why = "the run did not come to its end (stopped by the user after 3.0 s)";
    assert_eq!(withheld.as_deref(), Some(why));
}

#[test]
fn a_profile_of_another_machine_is_told() {
    let host = |cores, kernel: &str| {
        let (cpu, kernel) = ("Xeon".to_owned(), kernel.to_owned());
        Some(Host { cpu, cores, kernel })
    };
    let (mut simulated, mut live) =
        (sample::outcome(Source::Simulated, 1, 2e6), sample::outcome(Source::Live, 1, 2e6));
    let told = |simulated: &Outcome, live: &Outcome| {
        let warnings = compare(&[live.clone(), simulated.clone()]).warnings;
        warnings.into_iter().find(|warning| warning.contains("another machine"))
    };
    live.environment.host = host(2, "linux 6.1.0");
    assert_eq!(told(&simulated, &live), None, "a shipped profile is of no machine");
    simulated.environment.host = host(2, "linux 6.1.0");
    assert_eq!(told(&simulated, &live), None, "the same machine");
    simulated.environment.host = host(16, "linux 5.10.0");
    let why = "the profile of B was measured on another machine than A ran on: cores 16 and 2, \
               kernel linux 5.10.0 and linux 6.1.0";
    assert_eq!(told(&simulated, &live).as_deref(), Some(why));
}

/// What stands where in a rendering, in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut from = 0;
    for part in parts {
        let found = text[from..].find(part);
        from += found.unwrap_or_else(|| panic!("{part} is not there, or too early, in {text}"));
    }
}

#[test]
fn what_broke_stands_before_what_differs_and_that_before_how_fast_it_was() {
    let first = sample::outcome(Source::Simulated, 7, 110_000.0);
    let mut second = sample::outcome(Source::Simulated, 7, 220_000.0);
    second.verdicts[0].status = VerdictStatus::Fail;
    second.counts.lost = 12;
    let option = "system.broker.option.07".to_owned();
    second.configuration.insert(option.clone(), "1024".to_owned());
    second.configuration.insert("system.only".to_owned(), "a|b".to_owned());
    let comparison = compare(&[first, second]);
    assert_eq!(comparison.verdicts[0].name, "no acked event lost", "what failed is first");
    let differs: Vec<_> = comparison.configuration.iter().map(|it| &*it.option).collect();
    assert_eq!(differs, [&*option, "system.only"]);
    let phases: Vec<_> = comparison.phases.iter().map(|phase| &*phase.name).collect();
    assert_eq!(phases, ["before", "during F1", "during F1 + F2", "during F2"]);
    let text = comparison.to_text();
    let parts = ["lost ", "no acked event lost", "option.07: A 3584, B 1024", "latency", "before"];
    in_order(&text, &parts);
    in_order(&text, &["during F1 + F2", "rates", "mean utilisation", "broker-1/request threads"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let parts = ["### ❌ B lost 12", "Verdicts and losses", "| **12** |", "no acked event lost"];
    let markdown = comparison.to_markdown();
    in_order(&markdown, &parts);
    in_order(&markdown, &["`a\\|b`", "**Latency**", "**Latency before**", "Reproduce", "--seed 7"]);
    let html = comparison.to_html();
    in_order(&html, &["id=\"verdicts\"", "id=\"configuration\"", "id=\"latency\"", "id=\"p99\""]);
    in_order(&html, &["id=\"phases\"", "id=\"rates\"", "id=\"backlog\"", "id=\"busiest\""]);
    assert!(html.contains("id=\"timeline\""), "the runs have the same faults");
}
