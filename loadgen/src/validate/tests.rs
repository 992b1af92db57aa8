//! The course of a validation, with runs that are made up: the simulation of the seed, told as if
//! it were live.

use std::sync::Arc;

use headwater_reports::fair::UNDISTURBED;
use headwater_reports::outcome::{self, Generator, Verdict, VerdictStatus};
use headwater_reports::write_report;
use headwater_scenarios::run::{Options, run as simulate};

use super::*;
use crate::arguments::WarmUp;
use crate::placement::Cores;
use crate::systems::SYSTEMS;

/// Two cases of a system that is launched, and where results go.
struct Bench {
    _folder: tempfile::TempDir,
    asked: Validate,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = Validate {
            folder: folder.path().join("cases"),
            repeats: 2,
            profile: None,
            seeds: 3,
            only: vec![],
            out: folder.path().join("out"),
            write: None,
            json: false,
            shuffle: 1,
            again: 1,
            within: headwater_sim::time::Duration::from_secs(3_600),
            hindcast: false,
            dry_run: false,
            duration: None,
            settings: vec![],
            cores: Some(Cores::Shared),
            warm_up: WarmUp::Auto,
        };
        std::fs::create_dir_all(&asked.folder).unwrap();
        let bench = Self { _folder: folder, asked, stop: Arc::default() };
        bench.case("a", 300);
        bench.case("b", 400);
        bench
    }

    fn case(&self, name: &str, rate: u32) {
        let system = SYSTEMS.into_iter().find(|system| system.runs_on_jvms()).expect("one is");
        let section = system.plain_section();
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\n{section}[traffic]\n\
             rate = '{rate}/s'\nduration = '3s'\n[measure]\nwarm_up = '500ms'\n"
        );
        std::fs::write(self.asked.folder.join(format!("{name}.toml")), text).unwrap();
    }

    /// Validates; `change` makes of a run what is to be found. What was run, and what was gathered.
    fn validate(
        &self,
        change: &mut dyn FnMut(&str, &mut Outcome),
    ) -> (Vec<(String, u64)>, Vec<Gathered>) {
        let asked = &self.asked;
        let cases = case::read(asked).unwrap();
        let placement = Placement::find(asked.cores, true).unwrap();
        let store = Store::open(&asked.out).unwrap();
        let made =
            forecasts(&cases, &placement, &store, asked, None, &AtomicBool::new(false)).unwrap();
        let turns = Turns::new(cases.len(), asked.repeats, asked.shuffle, asked.again);
        let validation = Validation { cases: &cases, made: &made, store: &store, asked };
        let mut ran = Vec::new();
        let mut live = |case: &Case, seed: u64, folder: &Path| {
            ran.push((case.name.clone(), seed));
            if self.stop.load(Ordering::Relaxed) {
                return Ended::Stopped;
            }
            let options = Options { seed: Some(seed), ..Options::default() };
            let mut run = simulate(&case.plan.scenario, &options).outcome;
            run.source = outcome::Source::Live;
            change(&case.name, &mut run);
            run.write(&folder.join("outcome.json")).unwrap();
            write_report(&run, &folder.join("report.html")).unwrap();
            Ended::Ran(Box::new(run))
        };
        let all = validation.gather(turns, &placement, &self.stop, &mut live).unwrap();
        (ran, all)
    }
}

fn disturb(run: &mut Outcome) {
    run.verdicts.push(Verdict {
        name: UNDISTURBED.into(),
        stream: None,
        status: VerdictStatus::Warn,
        measured: "rustc took a core".into(),
        expected: String::new(),
        explanation: String::new(),
    });
}

#[test]
fn every_case_is_forecast_and_run_and_what_is_there_is_not_run_again() {
    let mut bench = Bench::new();
    let (mut ran, all) = bench.validate(&mut |_, _| ());
    ran.sort();
    let each = |name: &str, seed| (name.to_owned(), seed);
    assert_eq!(ran, [each("a", 1), each("a", 2), each("b", 1), each("b", 2)]);
    for case in &all {
        assert_eq!((case.runs, case.discarded.len(), case.hindcast), (2, 0, false), "{case:?}");
        // Not the same machine: the forecast has the generator's threads beside the clients.
        let error = case.counted("response p50").and_then(|sample| sample.error()).unwrap();
        assert!(error.abs() < 0.5, "{error}");
    }
    for file in ["forecast.json", "simulated.json", "repeat-1/report.html", "repeat-2/score.json"] {
        assert!(bench.asked.out.join("a").join(file).exists(), "{file}");
    }
    let hashes = std::fs::read_to_string(bench.asked.out.join("forecasts.sha256")).unwrap();
    let file = std::fs::read(bench.asked.out.join("a/forecast.json")).unwrap();
    assert!(hashes.contains(&format!("{}  a/forecast.json", forecast::sha256(&file))), "{hashes}");
    assert_eq!(bench.validate(&mut |_, _| ()).0, []);
    let page = |name: &str| std::fs::read_to_string(bench.asked.out.join("a/repeat-1").join(name));
    assert!(page("report.html").unwrap().contains("Forecast and run"));
    assert!(!page("live.html").unwrap().contains("Forecast and run"), "it is the run's own");
    // Another forecast: what was run before it no longer counts, unless that is wanted.
    bench.asked.seeds = 4;
    bench.asked.hindcast = true;
    let (ran, all) = bench.validate(&mut |_, _| ());
    assert_eq!((ran, all[0].runs, all[0].hindcast), (vec![], 2, true));
    bench.asked.hindcast = false;
    assert_eq!(bench.validate(&mut |_, _| ()).0.len(), 4);
}

#[test]
fn a_run_that_was_disturbed_or_late_is_made_again_and_counted_as_discarded() {
    let bench = Bench::new();
    let mut runs_of_a = 0;
    let (ran, all) = bench.validate(&mut |case, run| match case {
        "a" => {
            runs_of_a += 1;
            if runs_of_a == 1 {
                disturb(run);
            }
        }
        _ => {
            let late = Generator { bottleneck: true, ..Generator::default() };
            run.generator = Some(late);
        }
    });
    // Each of b's two is made again once.
    assert_eq!(ran.len(), 3 + 4);
    assert_eq!(ran.last().unwrap().0, "b");
    let (a, b) = (&all[0], &all[1]);
    assert_eq!((a.runs, a.discarded.len(), b.runs, b.discarded.len()), (2, 1, 0, 4));
    assert!(a.discarded[0].contains("rustc"), "{:?}", a.discarded);
    assert!(b.discarded[0].contains("the generator was late"), "{:?}", b.discarded);
    let kept = |name: &str| bench.asked.out.join(name).join("outcome.json").exists();
    assert!(kept("b/discarded-1-1") && kept("b/discarded-1-2") && !kept("b/repeat-1"));
}

#[test]
fn what_was_gathered_before_an_interruption_is_told_and_the_rest_is_run_later() {
    let bench = Bench::new();
    let stop = Arc::clone(&bench.stop);
    let (ran, all) = bench.validate(&mut |_, _| stop.store(true, Ordering::Relaxed));
    assert_eq!(ran.len(), 1);
    assert_eq!(all.iter().map(|case| case.runs).sum::<u64>(), 1);
    let placement = Placement::find(bench.asked.cores, true).unwrap();
    let about = about(&bench.asked, &placement, &all);
    assert_eq!((about.missing, about.discarded), (3, 0));
    let tables = markdown::tables(&Summary::of(&all, about, 1));
    assert!(tables.contains("1 runs count"), "{tables}");
    stop.store(false, Ordering::Relaxed);
    assert_eq!(bench.validate(&mut |_, _| ()).0.len(), 3);
}

#[test]
fn what_was_run_before_counts_though_the_time_is_over() {
    let mut bench = Bench::new();
    assert_eq!(bench.validate(&mut |_, _| ()).0.len(), 4);
    // Whatever is missing, and comes first.
    let missing = bench.asked.out.join("b/repeat-1/stamp.json");
    std::fs::remove_file(missing).unwrap();
    bench.asked.within = headwater_sim::time::Duration::ZERO;
    let (ran, all) = bench.validate(&mut |_, _| ());
    assert_eq!((ran.len(), all.iter().map(|case| case.runs).sum::<u64>()), (0, 3));
}

#[test]
fn the_cases_that_ship_can_all_be_run_live() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/validation");
    let asked = Validate { folder, ..Bench::new().asked.clone() };
    let cases = case::read(&asked).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(cases.len() >= 24, "{}", cases.len());
    for case in &cases {
        let seconds = case.plan.scenario.traffic.duration.as_secs_f64();
        assert!((15.0..=27.0).contains(&seconds), "{}: {seconds} s", case.name);
        assert!(case.plan.scenario.warnings.0.is_empty(), "{}", case.name);
    }
    let line = estimate::tell(&cases, &asked);
    assert!(line.contains(" h "), "{line}");
}

#[test]
fn a_case_that_cant_be_run_is_told_with_its_name_before_anything_is() {
    let bench = Bench::new();
    std::fs::write(bench.asked.folder.join("c.toml"), "title = 't'\n").unwrap();
    let Err(failure) = case::read(&bench.asked) else { panic!("it was read") };
    assert!(failure.to_string().starts_with("c: "), "{failure}");
    let only = Validate { only: vec!["zz".into()], ..bench.asked.clone() };
    std::fs::remove_file(bench.asked.folder.join("c.toml")).unwrap();
    let Err(failure) = case::read(&only) else { panic!("it was read") };
    assert!(failure.to_string().contains("there are a, b"), "{failure}");
}

#[test]
fn a_day_is_that_of_the_calendar() {
    let days = [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_795_824_000, "2026-11-28")];
    days.into_iter().for_each(|(seconds, day)| assert_eq!(date(seconds), day));
}
