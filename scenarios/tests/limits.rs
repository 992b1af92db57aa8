//! A run that would not end is a finding with its seed: in its verdicts, in a swarm, in a replay.

use std::sync::atomic::AtomicBool;

use headwater_scenarios::replay::violation;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::{Scenario, Source};
use headwater_scenarios::swarm::{Shard, SwarmRun, swarm};

fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
}

/// As few events as no run of it gets by with.
const FEW: [(&str, &str); 1] = [("measure.events_max", "10000")];

#[test]
fn a_run_that_takes_more_events_than_it_may_fails_with_what_it_was_at() {
    let scenario = Scenario::load("swarm/kafka", &settings(&FEW)).expect("it is valid");
    let run = || run::run(&scenario, &Options::default());
    let (finished, again) = (run(), run());
    let first = violation(&finished.verdicts).expect("it fails");
    assert_eq!((first.verdict, first.finding.what), ("within_limits", "a run without an end"));
    assert!(first.finding.detail.starts_with("more than 10,000 events in all"), "{first:?}");
    assert!(first.finding.detail.contains("of broker-"), "{first:?}");
    assert_eq!(finished.outcome.exit_code(), 1);
    assert_eq!(finished.outcome.fingerprint, again.outcome.fingerprint);
    // What it had no time to read is not lost.
    assert_eq!(finished.outcome.counts.lost, 0);
}

#[test]
fn a_seed_without_an_end_is_a_finding_of_its_swarm() {
    let stop = AtomicBool::new(false);
    let spec = SwarmRun {
        source: Source::find("swarm/kafka").expect("it is in the library"),
        settings: settings(&FEW),
        seeds: (3, 1),
        shard: Shard::ALL,
        guided: false,
        until_failure: false,
        stop: &stop,
        progress: &|_| (),
    };
    let found = swarm(&spec).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!found.interrupted);
    let failure = found.failures.iter().find(|failure| failure.verdict == "within_limits");
    assert_eq!(failure.map(|failure| failure.seed), Some(3), "{}", found.text());
    assert!(found.text().contains("seed 3: within_limits"), "{}", found.text());
}

#[test]
fn an_audit_reader_reads_everything_again_and_changes_no_latency() {
    for name in ["swarm/kafka", "swarm/bookkeeper", "faults/bookie-crash"] {
        let short = [("traffic.duration", "15s"), ("measure.drain", "60s"), ("expect", "{}")];
        let plain = settings(&short);
        let audited = settings(&[&short[..], &[("measure.audit", "15s")]].concat());
        let [plain, audited] = [plain, audited].map(|settings| {
            let scenario = Scenario::load(name, &settings);
            let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
            let finished = run::run(&scenario, &Options::default());
            assert!(violation(&finished.verdicts).is_none(), "{name}: {:?}", finished.verdicts);
            finished
        });
        let checked = |finished: &run::Finished| {
            let loss = finished.verdicts.iter().find(|verdict| verdict.name == "no_acked_loss");
            loss.expect("it is promised").checked
        };
        assert_eq!(checked(&audited), 2 * checked(&plain), "{name}");
        assert_eq!(audited.outcome.counts.delivered, plain.outcome.counts.delivered, "{name}");
    }
}
