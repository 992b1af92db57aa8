//! A folder of scenario files.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use headwater_models::systems::Systems;
use headwater_scenarios::scenario::{Finding, Problems};

use crate::file::{How, ScenarioTest};
use crate::files::scenario_files;
use crate::golden::Golden;
use crate::report::Report;

/// A folder of scenario files, each of which is a test.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    how: How,
}

/// Callbacks while files are tested.
#[derive(Default)]
pub struct Control<'a> {
    /// Checked between and during runs: true ends the test with the results so far.
    pub stop: Option<&'a AtomicBool>,
    /// Called after every run with the number done and the total.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Folder {
    /// The folder at `path`, which starts at the package's root under `cargo test`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), how: How::default() }
    }

    /// Runs every file on this many seeds, from its own on. Default 1.
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.how.seeds = seeds;
        self
    }

    /// Lays a value over every file, as `--set path=value` does.
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

    /// What [`Folder::run`] does with golden outcomes. A difference is a failure of the file's own
    /// seed. Default: nothing.
    pub fn golden(mut self, golden: Golden) -> Self {
        self.how.golden = golden;
        self
    }

    /// Whether seeds that fail are written beside their file. Default true.
    pub fn keep_failures(mut self, keep: bool) -> Self {
        self.how.keep = keep;
        self
    }

    /// Holds the compact outcome of each file's own seed to a golden snapshot of insta, in the
    /// folder `snapshots` beside the file. Looked at by [`ScenarioTest::check`]; for
    /// [`Folder::run`] there is [`Folder::golden`].
    #[cfg(feature = "snapshots")]
    pub fn snapshots(mut self) -> Self {
        self.how.snapshots = true;
        self
    }

    /// Its scenario files (`*.toml`), as paths from the folder, in order. Folders named `snapshots`
    /// or `profiles` hold none.
    pub fn files(&self) -> Result<Vec<String>, Problems> {
        let shown = self.path.display();
        let refused = |message: String| Problems::one(Finding::new(message, None));
        let files = scenario_files(&self.path)
            .map_err(|error| refused(format!("can't read the folder {shown}: {error}")))?;
        if files.is_empty() {
            return Err(refused(format!("no scenario files (*.toml) in {shown}")));
        }
        Ok(files)
    }

    /// The test of one of its files.
    pub fn file(&self, name: &str) -> ScenarioTest {
        ScenarioTest::with(self.path.join(name), &self.how)
    }

    /// Runs every file on every seed, on all cores. What is wrong with files, all of it, is an
    /// error, and nothing is run then.
    pub fn run(&self, control: &Control<'_>) -> Result<Report, Problems> {
        let (mut ready, mut wrong) = (Vec::new(), Vec::new());
        for name in self.files()? {
            match self.file(&name).read() {
                Ok(read) => ready.push(read),
                Err(problems) => wrong.extend(problems.0),
            }
        }
        if wrong.is_empty() { Report::of(&ready, control) } else { Err(Problems(wrong)) }
    }
}
