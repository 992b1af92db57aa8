//! Figures, by name: what there is, and those of a phase.

use serde_json::Value;

use super::{errors, headwater, refused};

fn told(arguments: &[&str]) -> String {
    let output = headwater(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_figure_is_listed_with_its_unit_and_its_meaning() {
    let all = told(&["metrics"]);
    assert!(all.contains("phase.NAME.lost [events]\n    acknowledged in that phase"), "{all}");
    assert!(all.contains("gauge.cache_used_bytes [bytes, pravega]"), "{all}");
    let json: Value = serde_json::from_str(&told(&["metrics", "ack_gap", "--json"])).expect("JSON");
    assert_eq!(json[0]["name"], "ack_gap.max");
    refused(&headwater(&["metrics", "recovry"]), &["did you mean `recovery`?"]);
}

#[test]
fn a_level_that_no_system_has_is_refused_with_the_nearest() {
    let sweep = ["sweep", "paper/stress-1600-kafka", "--vary", "seed=1"];
    let metric = ["--metric", "gauge.log_byte"];
    let all: Vec<&str> = sweep.into_iter().chain(metric).collect();
    refused(&headwater(&all), &["no system of the run", "did you mean `gauge.log_bytes`?"]);
}

#[test]
fn what_never_happens_and_what_is_not_varied_is_refused_with_the_nearest() {
    let told = |more: &[&str]| {
        let sweep = ["sweep", "what-if/tier-out", "--vary", "system.segments=1,4"];
        headwater(&[&sweep[..], more].concat())
    };
    let mark = told(&["--metric", "mark.throtled"]);
    refused(&mark, &["no system of the run has such a mark", "did you mean `mark.throttled`?"]);
    let across = told(&["--across", "system.segment"]);
    let wanted = "--across: `system.segment` is not varied; did you mean `system.segments`?";
    refused(&across, &[wanted]);
    refused(&told(&["--skip", "system.segments=2"]), &["--skip: system.segments is never `2`"]);
    refused(&told(&["--skip", "system.segments"]), &["expected PATH=VALUE,PATH=VALUE"]);
}

#[test]
fn what_a_power_cut_loses_was_acknowledged_before_it() {
    let never = format!("system.topic.flush.messages={}", i64::MAX);
    let cut = ["run", "what-if/power-cut", "--json", "--set", &never, "--set", "expect.lost=> 0"];
    let rate = "expect.phase.during-1.acked_rate=< 200/s";
    let more = ["--set", "expect.phase.before.lost=> 0", "--set", "expect.phase.after.lost=0"];
    let all: Vec<&str> = cut.into_iter().chain(more).chain(["--set", rate]).collect();
    let output = headwater(&all);
    // The checkers find what nothing was to lose; what was expected here is as it is.
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let met = outcome["expectations"].as_array().expect("a list");
    assert!(met.len() == 4 && met.iter().all(|of| of["ok"] == true), "{met:?}");
    let phases = outcome["phases"].as_array().expect("phases");
    let of = |figure: &str| phases.iter().map(|of| of[figure].as_u64().unwrap_or(0)).sum::<u64>();
    // The warm-up is in no phase, and what was written in it may be lost as well.
    let lost = outcome["counts"]["lost"].as_u64().expect("a count");
    assert!(0 < of("lost") && of("lost") <= lost, "{} {lost}", of("lost"));
    let acked = outcome["rates"]["acked"]["events_per_second"].as_f64().expect("a rate") * 18.0;
    assert_eq!(of("acked"), acked.round() as u64, "of the whole window");
}
