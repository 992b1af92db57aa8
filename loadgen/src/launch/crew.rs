//! A crew: the processes of a cluster that is being launched, several kinds of them one after the
//! other, under one guard. If one of them ends before all are ready, the launch has failed, and it
//! is told which and why.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::guard::Launch;
use super::guarded::{Guarded, held};
use super::jvm::Jvm;
use super::{Places, last_line, said_last};
use crate::failure::{Failure, Result};
use crate::utilisation::Watched;

/// How often it is looked whether processes are ready.
const LOOK: Duration = Duration::from_millis(200);

/// Processes that have been started. Dropping it, and all who share its guard, ends them.
pub(crate) struct Crew {
    /// What moves them.
    pub(crate) guarded: Arc<Mutex<Guarded>>,
    /// Their names and ids.
    pub(crate) watched: Watched,
    /// Those of them that are JVMs.
    pub(crate) jvms: Vec<Jvm>,
    data: PathBuf,
    names: Vec<String>,
}

impl Crew {
    /// Nobody yet; they work in `data`, which is removed at the end unless it is to be kept.
    pub(crate) fn gather(data: &Path, places: &Places) -> Result<Self> {
        let guarded = Arc::new(Mutex::new(Guarded::start(data, places)?));
        let (data, names) = (data.to_owned(), vec![]);
        Ok(Self { guarded, watched: Watched::default(), jvms: vec![], data, names })
    }

    /// Where they work.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// What the process of this name prints.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        log(&self.data, name)
    }

    /// Starts a JVM: the command is `java` with the log of its pauses, then `arguments`.
    pub(crate) fn start(&mut self, name: &str, arguments: Vec<String>) -> Result<()> {
        let (directory, log) = (self.data.clone(), self.log(name));
        let jvm = Jvm { name: name.to_owned(), log: log.clone(), directory: directory.clone() };
        let mut command = super::java_command();
        command.push(jvm.option());
        command.extend(arguments);
        let pid = self.guard()?.launch(Launch {
            name: name.to_owned(),
            command,
            directory,
            log,
            user: None,
        })?;
        if let Ok(mut watched) = self.watched.lock() {
            watched.push((name.to_owned(), pid));
        }
        self.jvms.push(jvm);
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Runs a JVM to its end.
    ///
    /// # Errors
    /// What it said last, if it did not do `what` it is for.
    pub(crate) fn run(&self, name: &str, arguments: Vec<String>, what: &str) -> Result<()> {
        let log = self.log(name);
        let command = ["java".to_owned()].into_iter().chain(arguments).collect();
        let (directory, name) = (self.data.clone(), name.to_owned());
        if self.guard()?.run(Launch { name, command, directory, log: log.clone(), user: None })?
            == 0
        {
            return Ok(());
        }
        let why = last_line(&log).unwrap_or_else(|| "no reason given".into());
        Err(Failure::new(format!("could not {what}: {why}")))
    }

    /// Waits until `ready` says so, as long as everybody lives, and for `patience` at the most.
    ///
    /// # Errors
    /// Who has ended, with what it said last; or that it took too long, and what `last` did.
    pub(crate) fn wait(
        &self,
        what: &str,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let since = Instant::now();
        loop {
            if let Some(name) = self.ended()? {
                return Err(Failure::new(format!(
                    "{name} was launched and ended; {}",
                    self.said_last(&name)
                )));
            }
            if ready() {
                return Ok(());
            }
            if since.elapsed() > patience {
                let last = self.names.last().map_or("", String::as_str);
                return Err(Failure::new(format!(
                    "{what} within {} s, on a machine that is too slow or too small for {} \
                     processes; of {last}: {}",
                    patience.as_secs(),
                    self.names.len(),
                    self.said_last(last)
                )));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn said_last(&self, name: &str) -> String {
        format!("it said last: {}", said_last(&self.log(name)))
    }

    /// The first that does not run.
    fn ended(&self) -> Result<Option<String>> {
        let mut guard = self.guard()?;
        for name in &self.names {
            if !guard.alive(name)? {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    fn guard(&self) -> Result<MutexGuard<'_, Guarded>> {
        held(&self.guarded)
    }
}

/// What the process of this name prints, where processes work in `data`.
pub(crate) fn log(data: &Path, name: &str) -> PathBuf {
    data.join(format!("{name}.log"))
}
