//! The tests that are to notice a change.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::Value;

/// Tests that are run together; in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Suite {
    /// The checkers' own tests.
    Check,
    /// The models' own tests.
    Models,
    /// Swarms, through `headwater swarm`.
    Swarms,
    /// Scenarios whose outcome a test looks at.
    Scenarios,
    /// Every scenario of the library against its snapshot: tells that something is different, not
    /// that it is wrong.
    Library,
}

/// Tests of the scenarios' crate that look at what a run says.
const SCENARIOS: [&str; 7] = ["swarm", "backup", "spark", "trending", "disks", "limits", "systems"];

const SWARMS: [&str; 5] =
    ["swarm/kafka", "swarm/kafka-two", "swarm/kafka-five", "swarm/bookkeeper", "swarm/pravega"];

impl Suite {
    /// Its name, as it is given.
    pub fn name(self) -> String {
        self.to_possible_value().map(|of| of.get_name().to_owned()).unwrap_or_default()
    }

    /// What cargo is to build for it.
    pub fn cargo(self) -> Vec<&'static str> {
        let package = match self {
            Self::Check => "headwater-check",
            Self::Models => "headwater-models",
            Self::Swarms => return vec!["build", "-p", "headwater-cli"],
            Self::Scenarios | Self::Library => "headwater-scenarios",
        };
        let mut arguments = vec!["test", "--no-run", "-p", package];
        match self {
            Self::Scenarios => SCENARIOS.iter().for_each(|test| arguments.extend(["--test", test])),
            Self::Library => arguments.extend(["--test", "library"]),
            _ => {}
        }
        arguments
    }

    /// What is run of what cargo has built.
    pub fn programs(self, built: Vec<Program>) -> Vec<Program> {
        match self {
            Self::Swarms => {
                let headwater = built.into_iter().find(|of| !of.is_test && of.name == "headwater");
                let of = |name: &&str| {
                    let arguments = ["swarm", name, "--seeds", "40", "--until-failure"];
                    let arguments = arguments.map(str::to_owned).into();
                    headwater.clone().map(|of| Program {
                        name: (*name).to_owned(),
                        arguments,
                        ..of
                    })
                };
                SWARMS.iter().filter_map(of).collect()
            }
            _ => built.into_iter().filter(|of| of.is_test).collect(),
        }
    }
}

/// Something to run.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    file: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    is_test: bool,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Well.
    Passed,
    /// With this test, or all of it.
    Failed(String),
    /// It was ended, as it took so long.
    Late,
}

impl Program {
    /// What a message of cargo says has been built, if it says that.
    pub fn of(message: &Value) -> Option<Self> {
        let file = PathBuf::from(message["executable"].as_str()?);
        let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
        let name = message["target"]["name"].as_str()?.to_owned();
        let is_test = message["profile"]["test"].as_bool()?;
        Some(Self { name, file, folder, arguments: vec![], is_test })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it with a change switched on (0: none), for so long at most. What it prints lies in
    /// `log` afterwards.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn run(&self, mutant: u32, limit: Duration, log: &Path) -> io::Result<End> {
        // What allocates without end is not to take the machine with it.
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 8388608; exec \"$0\" \"$@\""]);
        command.arg(&self.file).args(&self.arguments).current_dir(&self.folder);
        command.env("HEADWATER_MUTANT", mutant.to_string()).env("INSTA_UPDATE", "no");
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let mut child = command.spawn()?;
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(match status.success() {
                    true => End::Passed,
                    false => End::Failed(self.failed(log)),
                });
            }
            if begun.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                return Ok(End::Late);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The first test that it says has failed, with its own name.
    fn failed(&self, log: &Path) -> String {
        let text = fs::read_to_string(log).unwrap_or_default();
        let test = text.lines().find_map(|line| {
            let rest = line.strip_prefix("test ")?;
            rest.strip_suffix(" ... FAILED")
        });
        test.map_or_else(|| self.name.clone(), |test| format!("{} {test}", self.name))
    }
}
