//! The test of one scenario file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use headwater_models::systems::Systems;
use headwater_reports::Outcome;
use headwater_reports::outcome::Status;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::{Finding, Problems, Scenario, Source};
use headwater_scenarios::swarm::{Base, message_of};

use crate::failure::Failure;
use crate::folder::Control;
use crate::golden::{self, Golden};
use crate::kept;
use crate::report::Report;

/// How scenario files are tested.
#[derive(Clone, Debug)]
pub(crate) struct How {
    pub seeds: u64,
    pub settings: Vec<(String, String)>,
    pub keep: bool,
    pub systems: Systems,
    pub golden: Golden,
    #[cfg(feature = "snapshots")]
    pub snapshots: bool,
}

impl Default for How {
    fn default() -> Self {
        Self {
            seeds: 1,
            settings: Vec::new(),
            keep: true,
            systems: Systems::standard(),
            golden: Golden::Ignore,
            #[cfg(feature = "snapshots")]
            snapshots: false,
        }
    }
}

/// A test of one scenario file, made by [`crate::scenario`] or [`crate::Folder::file`].
#[derive(Clone, Debug)]
pub struct ScenarioTest {
    path: PathBuf,
    how: How,
}

impl ScenarioTest {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, how: How::default() }
    }

    pub(crate) fn with(path: PathBuf, how: &How) -> Self {
        Self { path, how: how.clone() }
    }

    /// Runs it on this many seeds, from the file's own on. Default 1.
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.how.seeds = seeds;
        self
    }

    /// Lays a value over the file, as `--set path=value` does.
    pub fn set(mut self, path: &str, value: &str) -> Self {
        self.how.settings.push((path.into(), value.into()));
        self
    }

    /// The systems that files may name, in place of those that ship: with one of your own,
    /// `Systems::standard().with(&MySystem)`.
    pub fn systems(mut self, systems: Systems) -> Self {
        self.how.systems = systems;
        self
    }

    /// Whether seeds that fail are written beside the file. Default true.
    pub fn keep_failures(mut self, keep: bool) -> Self {
        self.how.keep = keep;
        self
    }

    /// Holds the compact outcome of the file's own seed to a golden snapshot of insta.
    #[cfg(feature = "snapshots")]
    pub fn snapshot(mut self) -> Self {
        self.how.snapshots = true;
        self
    }

    /// Runs it: what each seed did. What is wrong with the file is an error.
    pub fn run(&self) -> Result<Tested, Problems> {
        let report = Report::of(&[self.read()?], &Control::default())?;
        Ok(report.files.into_iter().next().expect("one file was given"))
    }

    /// Runs it, as the whole of a test.
    ///
    /// # Panics
    /// If a seed fails: with what failed, and the line that shows it again.
    #[track_caller]
    pub fn check(&self) {
        let tested = self.run().unwrap_or_else(|problems| panic!("{problems}"));
        assert!(tested.passed(), "{tested}");
        #[cfg(feature = "snapshots")]
        if let (true, Some(outcome)) = (self.how.snapshots, &tested.outcome) {
            crate::snapshot::check(&self.path, outcome);
        }
    }

    pub(crate) fn read(&self) -> Result<Ready, Problems> {
        let name = self.path.to_string_lossy().into_owned();
        if !self.path.is_file() {
            return Err(Problems::one(Finding::new(format!("no such file: {name}"), None)));
        }
        let source = Source { systems: self.how.systems.clone(), ..Source::find(&name)? };
        let base = Base::read(source, &self.how.settings)?;
        let kept = kept::read(&kept::path_of(&self.path))?;
        Ok(Ready { path: self.path.clone(), how: self.how.clone(), base, kept })
    }
}

/// A scenario file that was read.
pub(crate) struct Ready {
    path: PathBuf,
    how: How,
    base: Base,
    kept: Vec<u64>,
}

/// What one seed did.
pub(crate) struct Ran {
    pub seed: u64,
    pub failure: Option<Failure>,
    /// Of the file's own seed.
    pub outcome: Option<Box<Outcome>>,
}

impl Ready {
    fn scenario(&self) -> &Scenario {
        self.base.scenario()
    }

    /// The seeds: those that failed once, then the file's own and those behind it.
    pub fn seeds(&self) -> Vec<u64> {
        let own = self.scenario().seed;
        let mut seeds = self.kept.clone();
        let behind = (0..self.how.seeds.max(1)).map(|number| own.wrapping_add(number));
        seeds.extend(behind.filter(|seed| !self.kept.contains(seed)));
        seeds
    }

    /// Runs a seed; nothing if it was stopped.
    pub fn run(&self, seed: u64, stop: Option<&AtomicBool>) -> Option<Ran> {
        let own = seed == self.scenario().seed;
        let run = AssertUnwindSafe(|| if own { self.own(stop) } else { self.further(seed, stop) });
        catch_unwind(run).unwrap_or_else(|panic| {
            let what = format!("panic    {}", message_of(&*panic));
            Some(Ran { seed, failure: Some(self.failure(seed, vec![what], None)), outcome: None })
        })
    }

    /// The file's own seed: as it stands.
    fn own(&self, stop: Option<&AtomicBool>) -> Option<Ran> {
        let seed = self.scenario().seed;
        let outcome = outcome(self.scenario(), seed, stop)?;
        let what = Failure::of(&outcome, &[]);
        let failure = (!outcome.ok()).then(|| self.failure(seed, what, None));
        Some(Ran { seed, failure, outcome: Some(Box::new(outcome)) })
    }

    /// Another seed; of a swarm's file, what the seed draws.
    fn further(&self, seed: u64, stop: Option<&AtomicBool>) -> Option<Ran> {
        if !self.base.is_swarm() {
            let outcome = outcome(self.scenario(), seed, stop)?;
            let what = Failure::of(&outcome, &[]);
            let failure = (!outcome.ok()).then(|| self.failure(seed, what, None));
            return Some(Ran { seed, failure, outcome: None });
        }
        let case = match self.base.draw(seed) {
            Ok(case) => case,
            Err(problems) => {
                let failure = self.failure(seed, vec![format!("draw     {problems}")], None);
                return Some(Ran { seed, failure: Some(failure), outcome: None });
            }
        };
        let outcome = outcome(&case.scenario, seed, stop)?;
        let what = Failure::of(&outcome, &self.scenario().swarm.may_fail);
        let failure = (!what.is_empty()).then(|| self.failure(seed, what, Some(case.text())));
        Some(Ran { seed, failure, outcome: None })
    }

    fn failure(&self, seed: u64, what: Vec<String>, case: Option<String>) -> Failure {
        let replay = match &case {
            None => self.scenario().reproduce("headwater replay", seed),
            Some(_) => {
                let path = self.case_path(seed);
                let path = headwater_scenarios::scenario::shell_word(&path.to_string_lossy());
                format!("headwater replay {path}")
            }
        };
        Failure { seed, what, replay, case }
    }

    /// Where the case that a seed drew is kept.
    fn case_path(&self, seed: u64) -> PathBuf {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join("regressions").join(format!("{stem}-{seed}.toml"))
    }

    /// Puts together what its seeds did, and keeps what failed.
    pub fn tested(&self, ran: Vec<Ran>, interrupted: bool) -> Result<Tested, Problems> {
        let scenario = self.scenario();
        let seeds = ran.iter().map(|ran| ran.seed).collect();
        let (mut failures, mut outcome) = (Vec::new(), None);
        for ran in ran {
            failures.extend(ran.failure);
            outcome = outcome.or(ran.outcome);
        }
        let kept = if self.how.keep { self.keep(&failures)? } else { None };
        if let Some(outcome) = &outcome
            && let Some(differs) = golden::check(self.how.golden, &self.path, outcome)?
        {
            failures.push(self.failure(scenario.seed, vec![format!("snapshot {differs}")], None));
        }
        Ok(Tested {
            file: scenario.name.clone(),
            title: scenario.title.clone(),
            seeds,
            failures,
            kept,
            outcome: outcome.map(|outcome| *outcome),
            interrupted,
        })
    }

    fn keep(&self, failures: &[Failure]) -> Result<Option<PathBuf>, Problems> {
        let mut kept = None;
        for (seed, case) in failures.iter().filter_map(|f| Some((f.seed, f.case.as_ref()?))) {
            let path = self.case_path(seed);
            let folder = path.parent().expect("it lies in a folder");
            let written =
                std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, case));
            written.map_err(|error| {
                let message = format!("can't write {}: {error}", path.display());
                Problems::one(Finding::new(message, None))
            })?;
            kept = Some(folder.to_owned());
        }
        // The file's own seed is run anyway.
        let by_seed = |f: &&Failure| f.case.is_none() && f.seed != self.scenario().seed;
        let by_seed: Vec<&Failure> = failures.iter().filter(by_seed).collect();
        let path = kept::path_of(&self.path);
        Ok(if kept::add(&path, &by_seed)? { Some(path) } else { kept })
    }
}

/// Runs a scenario; nothing if it was stopped.
fn outcome(scenario: &Scenario, seed: u64, stop: Option<&AtomicBool>) -> Option<Outcome> {
    let options = Options { seed: Some(seed), stop, ..Options::default() };
    let outcome = run::run(scenario, &options).outcome;
    (outcome.status == Status::Completed).then_some(outcome)
}

/// What the seeds of a scenario file did.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The file's path.
    pub file: String,
    /// The scenario's title.
    pub title: String,
    /// The seeds that were run.
    pub seeds: Vec<u64>,
    /// Those that failed, in the order in which they were run.
    pub failures: Vec<Failure>,
    /// Where failures were written, if any are new.
    pub kept: Option<PathBuf>,
    /// The outcome of the file's own seed, unless it panicked or was stopped.
    pub outcome: Option<Outcome>,
    /// Not all seeds were run.
    pub interrupted: bool,
}

impl Tested {
    /// Every seed was run and did what the file expects.
    pub fn passed(&self) -> bool {
        self.failures.is_empty() && !self.interrupted
    }
}

impl std::fmt::Display for Tested {
    /// One line, and what failed below it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match (self.failures.is_empty(), self.interrupted) {
            (false, _) => "FAIL",
            (true, true) => "stop",
            (true, false) => "pass",
        };
        write!(f, "{word}  {}", self.file)?;
        match (self.seeds.len(), self.failures.len()) {
            (1, _) => {}
            (seeds, 0) => write!(f, "  {seeds} seeds")?,
            (seeds, failed) => write!(f, "  {failed} of {seeds} seeds failed")?,
        }
        for failure in &self.failures {
            write!(f, "\n{failure}")?;
        }
        if let Some(kept) = &self.kept {
            write!(f, "\n  kept in {}: run first from now on", kept.display())?;
        }
        Ok(())
    }
}
