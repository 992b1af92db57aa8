//! A run's history in a file: what the collector saw, and what was promised of it, so that it can
//! be checked again (`loadgen check`).
//!
//! A line of JSON each: what was run; what was observed, in the order in which the collector was
//! told of it; and at the end what was promised, without which the file is not whole.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use headwater_check::{Entry, History, Positions, Promises, Suite, Verdict};
use headwater_models::batch::StreamId;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::terminal;

/// The version of the file's form.
const VERSION: u32 = 1;

/// What was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The version of the form.
    pub(crate) headwater_history: u32,
    /// The scenario's title.
    pub(crate) title: String,
    /// The system that it was run on.
    pub(crate) target: String,
    /// The seed.
    pub(crate) seed: u64,
}

/// The last line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    promised: Promises,
}

/// A file that a history is written to as it comes.
pub(crate) struct Recording {
    path: PathBuf,
    file: BufWriter<File>,
    /// Why it can't be written any more.
    failed: Option<String>,
}

impl Recording {
    /// Makes the file, of a run of this.
    pub(crate) fn open(path: &Path, title: &str, target: &str, seed: u64) -> Result<Self> {
        let file = File::create(path).map_err(|error| {
            let path = path.display();
            Failure::new(format!("--history {path}: {error}; name a file that can be written"))
        })?;
        let mut recording =
            Self { path: path.to_owned(), file: BufWriter::new(file), failed: None };
        let (title, target) = (title.to_owned(), target.to_owned());
        recording.line(&About { headwater_history: VERSION, title, target, seed });
        Ok(recording)
    }

    /// Writes what was observed. A disk that is full ends the file, and not the run.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.line(entry);
    }

    fn line(&mut self, of: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let text = serde_json::to_string(of).expect("it has no maps");
        self.failed = writeln!(self.file, "{text}").err().map(|error| error.to_string());
    }

    /// Writes what was promised: the file is whole.
    pub(crate) fn end(mut self, promised: Promises) -> Result<()> {
        self.line(&End { promised });
        let failed = self.failed.or_else(|| self.file.flush().err().map(|error| error.to_string()));
        let path = self.path.display();
        match failed {
            None => Ok(()),
            Some(error) => Err(Failure::after_run(format!("--history {path}: {error}"))),
        }
    }
}

/// A history that was read again.
pub(crate) struct Recorded {
    about: About,
    history: History,
    promised: Promises,
}

impl Recorded {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let named = path.display();
        let file = File::open(path).map_err(|error| Failure::io(&named, &error))?;
        let mut lines = (1_u64..).zip(BufReader::new(file).lines());
        let at = |line: u64, what: String| Failure::new(format!("{named}:{line}: {what}"));
        let first = lines.next().and_then(|(_, line)| line.ok()).unwrap_or_default();
        let about: About = serde_json::from_str(&first).map_err(|error| {
            at(1, format!("{error}; expected what `loadgen --history` has written"))
        })?;
        if about.headwater_history != VERSION {
            let have = about.headwater_history;
            return Err(at(1, format!("version {have} of the form; expected {VERSION}")));
        }
        let mut history = History::new(StreamId(0), Positions::Events);
        let mut promised = None;
        for (number, line) in lines {
            let line = line.map_err(|error| at(number, error.to_string()))?;
            let wrong = |error: serde_json::Error| at(number, error.to_string());
            if promised.is_some() {
                return Err(at(number, "a line behind `promised`, which is the last".into()));
            }
            if line.starts_with("{\"promised\"") {
                promised = Some(serde_json::from_str::<End>(&line).map_err(wrong)?.promised);
            } else {
                history.take(&serde_json::from_str::<Entry>(&line).map_err(wrong)?);
            }
        }
        let Some(promised) = promised else {
            return Err(Failure::new(format!(
                "{named} ends without what was promised: its run was cut off; expected a last \
                 line of `promised`"
            )));
        };
        Ok(Self { about, history, promised })
    }

    /// What the checkers make of it.
    pub(crate) fn check(&self) -> Vec<Verdict> {
        Suite::from(self.promised.clone()).run(&self.history)
    }
}

/// A history to be checked.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Check {
    /// The file that a run was given with --history
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Prints the verdicts as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks a history, and says what was found.
pub(crate) fn check(asked: &Check) -> Result<ExitCode> {
    let recorded = Recorded::read(&asked.file)?;
    let verdicts = recorded.check();
    let About { title, target, seed, .. } = &recorded.about;
    let lines: Vec<String> = verdicts.iter().map(ToString::to_string).collect();
    let text = match asked.json {
        true => serde_json::to_string_pretty(&verdicts).expect("it has no maps"),
        false => format!("{title}, on {target}, seed {seed}\n{}", lines.join("\n")),
    };
    terminal::result(&text)
        .map_err(|error| Failure::io("can't write to standard output", &error))?;
    let passed = verdicts.iter().all(|verdict| verdict.passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
