//! The generator against a target that acknowledges at once: the same schedule as the simulator's,
//! everything counted, written and checked.

mod common;

use std::process::Stdio;

use headwater_reports::outcome::{Source, Status, VerdictStatus};

#[test]
fn every_event_of_the_schedule_is_sent_acknowledged_and_checked() {
    let out = tempfile::tempdir().unwrap();
    let arguments = "--target null --rate 2000 --duration 1s --seed 3 --out";
    let mut command = common::loadgen(arguments);
    command.arg(out.path());
    let output = common::run(command);
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    let outcome = common::outcome(out.path());
    let counts = outcome.counts;
    assert!(counts.scheduled > 1_500, "{counts:?}");
    let all = [counts.sent, counts.acked, counts.delivered];
    assert_eq!(all, [counts.scheduled; 3], "{counts:?}");
    assert_eq!((outcome.source, outcome.status.clone()), (Source::Live, Status::Completed));
    let failed =
        |verdict: &&headwater_reports::outcome::Verdict| verdict.status == VerdictStatus::Fail;
    assert_eq!(outcome.verdicts.iter().find(failed), None);
    for name in ["no_acked_loss", "payloads_intact", "read_back", "generator_not_the_bottleneck"] {
        assert!(outcome.verdicts.iter().any(|verdict| verdict.name == name), "{name}");
    }
    // What a run has nothing to be held to by has not passed.
    for name in ["watermarks_monotone", "durable_replicas"] {
        let found = outcome.verdicts.iter().find(|verdict| verdict.name == name);
        assert_eq!(found.map(|verdict| verdict.status), Some(VerdictStatus::Info), "{name}");
    }
    assert!(outcome.generator.is_some());
    for file in ["report.html", "latency.hlog"] {
        assert!(out.path().join(file).metadata().unwrap().len() > 500, "{file}");
    }
}

#[test]
fn the_generator_and_the_simulator_are_given_the_same_schedule() {
    let out = tempfile::tempdir().unwrap();
    let arguments = "--target null --scenario live/stress-1600-kafka --duration 1s --seed 11 \
                     --set measure.warm_up=100ms --out";
    let mut command = common::loadgen(arguments);
    command.arg(out.path());
    let output = common::run(command);
    let live = common::outcome(out.path());
    // What the scenario says of its machine and its system is not done, and that is told.
    assert_eq!(common::differences(&live), ["profile", "system"]);
    assert!(output.status.code() != Some(2), "{}", common::errors(&output));
    let settings = [("traffic.duration", "1s"), ("measure.warm_up", "100ms")];
    let settings = settings.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let scenario =
        headwater_scenarios::scenario::Scenario::load("live/stress-1600-kafka", &settings).unwrap();
    let options = headwater_scenarios::run::Options { seed: Some(11), ..Default::default() };
    let simulated = headwater_scenarios::run::run(&scenario, &options).outcome;
    assert_eq!(live.traffic, simulated.traffic);
    assert_eq!(live.counts.scheduled, simulated.counts.scheduled);
}

/// A process that does nothing but compute, until it is dropped.
struct Busy(std::process::Child);

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_run_beside_a_process_that_takes_a_core_says_who_disturbed_it() {
    let out = tempfile::tempdir().unwrap();
    let mut busy = std::process::Command::new("sh");
    let _busy = Busy(busy.args(["-c", "while :; do :; done"]).spawn().unwrap());
    let mut command = common::loadgen("--target null --rate 500 --duration 1500ms --out");
    let output = common::run({
        command.arg(out.path());
        command
    });
    assert!(output.status.code() != Some(2), "{}", common::errors(&output));
    let outcome = common::outcome(out.path());
    let found = outcome.verdicts.iter().find(|verdict| verdict.name == "machine_undisturbed");
    let found = found.expect("it is looked at");
    assert_eq!(found.status, VerdictStatus::Warn, "{found:?}");
    assert!(found.measured.contains("to other processes ("), "{found:?}");
    assert!(outcome.withheld().is_some(), "no error of a forecast is told of it");
}

#[test]
fn a_plain_run_has_the_default_rate_and_differs_in_nothing() {
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen("--target null --duration 1s --out");
    let output = common::run({
        command.arg(out.path());
        command
    });
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    let outcome = common::outcome(out.path());
    assert!((1_400..1_800).contains(&outcome.counts.scheduled), "{:?}", outcome.counts);
    assert_eq!(outcome.differences, []);
}

/// Interrupts a run once, when it measures: before that there would be nothing to write. How long
/// that takes is the machine's affair; an interruption too early ends it with the same code.
fn interrupted(arguments: &str) -> headwater_reports::Outcome {
    interrupted_when(arguments, |child, _| cpu_ticks(child) > 5)
}

/// Interrupts a run once, when that says so of its process and of what it has told.
fn interrupted_when(
    arguments: &str,
    ready: impl Fn(u32, &str) -> bool,
) -> headwater_reports::Outcome {
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen(arguments);
    command.env("HEADWATER_CACHE", out.path().join("cache"));
    let said = out.path().join("said");
    let stderr = std::fs::File::create(&said).unwrap();
    command.arg("--out").arg(out.path()).stderr(stderr).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    while !ready(child.id(), &std::fs::read_to_string(&said).unwrap()) {
        std::thread::yield_now();
    }
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let left = std::fs::read_dir(out.path().join("cache/clusters"));
    assert_eq!(left.map_or(0, Iterator::count), 0, "data of a cluster is left behind");
    let outcome = common::outcome(out.path());
    assert!(matches!(outcome.status, Status::Interrupted { .. }), "{:?}", outcome.status);
    outcome
}

#[test]
fn an_interrupted_run_writes_what_it_measured() {
    let counts = interrupted("--target null --rate 1000 --duration 600s").counts;
    assert!(counts.sent > 0 && counts.scheduled < 100_000, "{counts:?}");
    assert_eq!(counts.lost, 0);
}

#[test]
fn a_run_that_is_interrupted_while_it_warms_up_says_so_and_leaves_nothing_behind() {
    let arguments = "--target log --rate 1000 --warm-up 600s --duration 1s";
    let outcome = interrupted_when(arguments, |_, said| said.contains("warming up for 600.0 s"));
    assert_eq!(outcome.counts.sent, 0, "{:?}", outcome.counts);
    let warm_up = outcome.environment.warm_up.expect("it is told");
    assert!(warm_up.duration_ns < 600_000_000_000, "{warm_up:?}");
}

#[test]
fn a_flood_is_interrupted_at_once_and_counts_what_was_sent() {
    let counts = interrupted("--target null --rate 1000000000 --duration 4s --yes").counts;
    assert!(counts.sent > 0 && counts.scheduled >= counts.sent, "{counts:?}");
    assert_eq!((counts.acked, counts.lost), (counts.sent, 0), "{counts:?}");
}

#[test]
fn a_generator_that_is_hopelessly_late_gives_up_and_says_so() {
    let out = tempfile::tempdir().unwrap();
    let arguments = "--target null --rate 100000000 --duration 2s --set measure.drain=500ms --yes";
    let mut command = common::loadgen(arguments);
    let output = common::run({
        command.arg("--out").arg(out.path());
        command
    });
    assert_eq!(output.status.code(), Some(1), "{}", common::errors(&output));
    let outcome = common::outcome(out.path());
    let Status::Interrupted { why } = outcome.status else { panic!("{:?}", outcome.status) };
    assert!(why.contains("more than 500ms behind the schedule"), "{why}");
    assert!(outcome.counts.sent < 200_000_000, "{:?}", outcome.counts);
}

/// CPU time of a process in ticks.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    fields.get(11).and_then(|field| field.parse().ok()).unwrap_or(0)
}

#[test]
fn events_too_small_to_be_checked_are_refused() {
    let output = common::run(common::loadgen("--target null --rate 10 --size 10B"));
    let line = common::failure(&output);
    assert!(line.contains("no room for what they are checked by"), "{line}");
}
