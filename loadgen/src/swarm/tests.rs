//! The course of a live swarm, with runs that are made up: the simulation of a case, told as if it
//! were live.

use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args as _, Command, FromArgMatches as _};
use headwater_reports::Outcome;
use headwater_reports::outcome::{self, VerdictStatus};
use headwater_scenarios::run::{Options, run as simulate};

use super::world::{Side, Told};
use super::*;
use crate::child::Ended;
use crate::systems::SYSTEMS;

/// A swarm over three servers of a system that is launched, of kinds of which one can't be done
/// live, and where results go.
struct Bench {
    folder: tempfile::TempDir,
    stop: AtomicBool,
}

impl Bench {
    fn new(promise: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), stop: AtomicBool::new(false) };
        let system = SYSTEMS.into_iter().find(|system| system.runs_on_jvms()).expect("one is");
        let section = system.plain_section();
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\n{section}brokers = 3\n\
             'replication.factor' = 3\n[traffic]\nrate = '20/s'\nduration = '8s'\n[measure]\n\
             warm_up = '0s'\ndrain = '150s'\n[promise]\n{promise}\n[swarm]\nfaults = 3\n\
             calm = '5s'\nkinds = ['crash', 'pause', 'slow-disk']\n"
        );
        std::fs::write(bench.path("swarm.toml"), text).unwrap();
        bench
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn asked(&self, more: &str) -> Swarm {
        let line = format!("{} --out {} {more}", self.path("swarm.toml"), self.path("out"));
        let command = Swarm::augment_args(Command::new("swarm").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace()).unwrap();
        Swarm::from_arg_matches(&matches).unwrap()
    }

    /// Runs it; `live` makes of a run of a case (its folder is given) what is to be found. The runs
    /// that were made, and what was gathered.
    fn swarm(
        &self,
        more: &str,
        live: &mut dyn FnMut(&str, Outcome) -> Ended,
    ) -> (Vec<String>, Result<Found>) {
        let asked = &self.asked(more);
        let dealer = &Dealer::new(asked).unwrap();
        let (store, bar) = (&Store::open(&asked.out).unwrap(), &Bar::new(1, ""));
        let placement = &Placement::find(asked.cores, true).unwrap();
        let stop = &self.stop;
        let runner = Runner { asked, dealer, store, placement, stop, bar };
        let mut made = Vec::new();
        let mut run = |plan: &RunPlan, _: &Path, folder: &Path| {
            let name = folder.strip_prefix(&asked.out).unwrap().display().to_string();
            let mut outcome = simulate(&plan.scenario, &Options::default()).outcome;
            outcome.source = outcome::Source::Live;
            let ended = live(&name, outcome);
            made.push(name);
            ended
        };
        let found = gather(&runner, &mut run);
        if let Ok(found) = &found {
            found.write(store, asked).unwrap();
        }
        (made, found)
    }

    fn page(&self) -> String {
        std::fs::read_to_string(self.path("out/found.md")).unwrap()
    }
}

fn ran(outcome: Outcome) -> Ended {
    Ended::Ran(Box::new(outcome))
}

/// A verdict of a run comes out so.
fn came_out(mut outcome: Outcome, promise: &str, status: VerdictStatus) -> Outcome {
    let mut verdicts = outcome.verdicts.iter_mut();
    let verdict = verdicts.find(|verdict| verdict.name == promise).expect("it is checked");
    (verdict.status, verdict.measured) = (status, "3 of 160 events lost".into());
    outcome
}

fn of(found: &Found, seed: u64) -> &Told {
    found.cases.iter().find(|told| told.seed == seed).expect("it was run")
}

#[test]
fn a_planted_failure_is_run_again_and_named_and_the_same_line_goes_on() {
    let bench = Bench::new("converges = true");
    let dry = bench.swarm("--seeds 4 --again 0", &mut |_, outcome| ran(outcome)).1.unwrap();
    assert!(dry.cases.len() >= 2 && dry.left_out["slow-disk"] > 0, "{}", dry.to_json());
    assert!(!dry.cases.iter().any(Told::fails), "{}", dry.to_json());
    assert!(bench.page().contains("No case failed."), "{}", bench.page());
    let seeds: Vec<u64> = dry.cases.iter().map(|told| told.seed).collect();
    // The second case once more, as if it had never been run.
    std::fs::remove_dir_all(bench.path(&format!("out/seed-{}", seeds[1]))).unwrap();
    let (made, found) = bench.swarm("--seeds 4", &mut |run, outcome| {
        let breaks = run.ends_with("run-1") || run.ends_with("run-3");
        ran(if breaks { came_out(outcome, LOST, VerdictStatus::Fail) } else { outcome })
    });
    let found = found.unwrap();
    let expected = [1, 2, 3, 4].map(|run| format!("seed-{}/run-{run}", seeds[1]));
    assert_eq!(made, expected, "what is there is not run again, what fails is");
    let told = of(&found, seeds[1]);
    assert_eq!((told.sides()[LOST], told.rate(LOST)), (Side::LiveAlone, (2, 4)));
    assert_eq!(of(&found, seeds[0]).sides()[LOST], Side::BothKeep);
    let page = bench.page();
    for line in [
        "- `no_acked_loss`: live alone breaks it; 2 of 4 live runs. One of them is wrong",
        "Found: 3 of 160 events lost",
        "/run-1/history.jsonl",
        "headwater run ",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let json: serde_json::Value = serde_json::from_str(&found.to_json()).unwrap();
    assert_eq!(json["promises"][LOST]["live_alone"], 1, "{json:#}");
    // Both worlds are given the file as it is.
    let case = std::fs::read_to_string(bench.path(&format!("out/seed-{}/case.toml", seeds[1])));
    assert!(!case.unwrap().contains("kind = \"slow-disk\""));
}

const LOST: &str = "no_acked_loss";
const COPIES: &str = "durable_replicas";

#[test]
fn what_both_break_and_what_the_simulation_breaks_alone_are_told_apart_and_shrunk() {
    // There are three.
    let bench = Bench::new("copies = 4");
    let mut first = None;
    let (_, found) = bench.swarm("--seeds 3 --again 1 --shrink", &mut |run, outcome| {
        let seed = run.split('/').next().unwrap_or_default().to_owned();
        let breaks = *first.get_or_insert_with(|| seed.clone()) == seed;
        ran(if breaks { outcome } else { came_out(outcome, COPIES, VerdictStatus::Info) })
    });
    let found = found.unwrap();
    let [both, alone, ..] = &found.cases[..] else { panic!("{}", found.to_json()) };
    assert_eq!((both.sides()[COPIES], both.rate(COPIES)), (Side::BothBreak, (2, 2)));
    assert_eq!((alone.sides()[COPIES], alone.rate(COPIES)), (Side::SimulatedAlone, (0, 2)));
    let shrunk = both.shrunk.as_ref().expect("it does not need its faults");
    assert_eq!((shrunk.faults.as_slice(), shrunk.rate), (&[][..], (1, 1)));
    assert_eq!(shrunk.runs, both.faults.len() as u64);
    assert!(shrunk.simulated.as_ref().unwrap().broken.contains_key(COPIES));
    assert_eq!(alone.shrunk, None, "it does not fail live");
    let page = bench.page();
    for line in ["both break it; 2 of 2", "simulated alone breaks it; 0 of 2", "no fault; it fails"]
    {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[test]
fn what_was_gathered_before_an_interruption_is_told_and_the_rest_is_run_later() {
    let bench = Bench::new("converges = true");
    let (made, found) = bench.swarm("--seeds 4", &mut |_, outcome| {
        bench.stop.store(true, Ordering::Relaxed);
        ran(outcome)
    });
    let found = found.unwrap();
    assert_eq!((made.len(), found.cases.len(), found.interrupted), (1, 1, true));
    bench.stop.store(false, Ordering::Relaxed);
    let (made, found) = bench.swarm("--seeds 4", &mut |_, outcome| ran(outcome));
    let found = found.unwrap();
    assert_eq!((made.len() + 1, found.interrupted), (found.cases.len(), false));
}

#[test]
fn a_swarm_of_which_nothing_runs_says_why() {
    let bench = Bench::new("");
    let mut fails = |_: &str, _| Ended::Failed("no port is free".into());
    let (made, found) = bench.swarm("--seeds 4 --again 1", &mut fails);
    let why = found.map(|found| found.to_json()).unwrap_err().to_string();
    assert!(why.contains("comes to its end: no port is free") && made.len() == 2, "{why}");
    // It is tried again when it is asked for again.
    let (made, found) = bench.swarm("--seeds 1 --again 0", &mut |_, outcome| ran(outcome));
    assert_eq!((made.len(), found.unwrap().cases.len()), (1, 1));
    let few = "--seeds 2 --servers 2";
    let (_, found) = bench.swarm(few, &mut |_, outcome| ran(outcome));
    let why = found.map(|found| found.to_json()).unwrap_err().to_string();
    assert!(why.contains("2 because its cluster has 3 processes, above 2 (--servers)"), "{why}");
}

#[test]
fn traffic_is_kept_within_bounds_and_that_is_told() {
    let bench = Bench::new("");
    let asked = bench.asked("--longest 7500ms --rate 15");
    let dealer = Dealer::new(&asked).unwrap();
    assert_eq!(dealer.bounds, ["traffic.duration is 7500ms, not 8s (--longest)"]);
    let drawn = (1..9).find_map(|seed| match dealer.draw(seed) {
        Draw::Case(drawn) => Some(drawn),
        Draw::Skipped(..) => None,
    });
    let drawn = drawn.expect("one of eight has a crash or a pause");
    assert!(drawn.changed.contains(&"traffic.rate is 15/s, not 20/s (--rate)".to_owned()));
    assert!(drawn.text.contains("rate = \"15/s\"\n"), "{}", drawn.text);
    assert!(drawn.text.contains("# Changed: traffic.rate is 15/s, not 20/s (--rate)."));
}
