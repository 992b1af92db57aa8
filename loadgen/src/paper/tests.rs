//! Jobs, figures and doubts; no run is made.

use std::collections::BTreeSet;

use headwater_scenarios::paper::live::OF_LOAD_TEST;

use super::*;
use crate::sampler::Disturbance;
use crate::systems::system::Summary;

fn paper(only: &[&str]) -> Paper {
    let only = only.iter().map(|id| (*id).to_owned()).collect();
    let asked = Asked { profile: None, only, seeds: (1, 0), quick: false, figures: false };
    Paper::shipped().asked(&asked)
}

fn jobs(only: &[&str], quick: bool, repeats: u64) -> Vec<Job> {
    jobs::all(&paper(only), quick, repeats).unwrap()
}

#[test]
fn the_whole_set_is_done_within_half_an_hour_and_short_runs_sooner() {
    let (full, short) = (jobs(&[], false, 1), jobs(&[], true, 1));
    let [full_time, short_time] = [&full, &short].map(|all| jobs::seconds(all));
    assert!(full_time < 1_800.0, "{full_time} s");
    assert!(short_time < 0.8 * full_time, "{short_time} s and {full_time} s");
    let names: BTreeSet<String> = full.iter().map(|job| job.spec.name()).collect();
    assert_eq!(names.len(), full.len(), "claims that need the same run share it");
}

#[test]
fn every_run_is_made_once_before_one_is_made_again() {
    let all = jobs(&["U2"], false, 2);
    let order: Vec<_> = all.iter().map(|job| (job.spec.variant, job.repeat)).collect();
    assert_eq!(order, [(0, 1), (1, 1), (0, 2), (1, 2)]);
}

#[test]
fn the_list_has_every_claim_with_its_runs_or_why_there_are_none() {
    let text = jobs::list(&paper(&[]), &jobs(&[], true, 1));
    for id in Paper::shipped().ids() {
        assert!(text.lines().any(|line| line.starts_with(&format!("{id:<4} "))), "{id}\n{text}");
    }
    for part in [
        "-typo.1, repeat 1       about ",
        ", 100,000 events of 1000 B\n",
        ", faults/bookie-crash\n",
        "\nC7   not measured: three servers",
        "\nC10  not measured: it takes Spark",
        "\nU2   2 runs, about 1 min: ",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_load_test_has_the_figures_that_claims_are_judged_by() {
    let summary = Summary {
        events: 10,
        rate: 80_000.0,
        mean_ms: 357.4,
        max_ms: 702.0,
        p50_ms: 344.0,
        p95_ms: 509.0,
        p99_ms: 655.0,
    };
    let figures = measure::of_load_test(&summary);
    let names: BTreeSet<&str> = figures.keys().map(String::as_str).collect();
    assert_eq!(names, OF_LOAD_TEST.into_iter().collect());
    assert_eq!((figures["acked_rate"], figures["service.p95"]), (80_000.0, 0.509));
}

#[test]
fn a_run_of_this_program_is_told_all_settings() {
    let all = jobs(&["C13"], false, 1).into_iter();
    let spec = all.map(|job| job.spec).find(|spec| spec.scenario == "faults/bookie-crash").unwrap();
    let words = measure::arguments(&spec, 3).join(" ");
    for part in [
        "--scenario faults/bookie-crash --launch",
        "--seed 3",
        "--warm-up 10s",
        "--set fault.0.target=bookie-2",
        "--set system.client=headwater",
    ] {
        assert!(words.contains(part), "{part} is missing in {words}");
    }
}

#[test]
fn a_machine_that_others_use_puts_figures_in_doubt() {
    let others = |cores: f64| Disturbance {
        cores,
        who: vec![("cc1".into(), cores)],
        ..Disturbance::default()
    };
    assert_eq!(measure::doubt(&others(0.04), 0.05, 2), None);
    let busy = measure::doubt(&others(0.9), 0.0, 2).unwrap();
    assert_eq!(busy, "other processes took 90 % of a core (cc1 most)");
    let stolen = measure::doubt(&others(0.0), 0.3, 2).unwrap();
    assert_eq!(stolen, "other machines took 30 % of a core");
}

#[test]
fn what_is_there_is_not_made_again_unless_it_is_in_doubt_or_too_short() {
    let folder = tempfile::tempdir().unwrap();
    let [full, short] = [false, true].map(|quick| jobs(&["U2"], quick, 1).remove(0));
    assert!(!is_there(&full, folder.path()));
    let keep = |job: &Job, doubt: Option<&str>| {
        let measured = Measured::of(job.spec.clone(), 1);
        let measured = Measured { doubt: doubt.map(str::to_owned), ..measured };
        measured.write(folder.path()).unwrap();
    };
    keep(&short, None);
    assert!(is_there(&short, folder.path()) && !is_there(&full, folder.path()));
    keep(&full, Some("a build took a core"));
    assert!(!is_there(&full, folder.path()) && found(&full, folder.path()).is_some());
    keep(&full, None);
    assert!(is_there(&full, folder.path()) && is_there(&short, folder.path()));
    std::fs::write(folder.path().join(full.spec.file(1)), "half a fi").unwrap();
    assert!(!is_there(&full, folder.path()));
}
