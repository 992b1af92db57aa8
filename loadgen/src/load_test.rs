//! A system's own load test while it runs: a process under a guard, and what it prints.

use std::path::PathBuf;

use crate::failure::Result;
use crate::launch::guard::{Launch, Sign};
use crate::launch::guarded::Guarded;
use crate::launch::{Places, said_last, write};
use crate::systems::system::LoadTest;

/// The process.
const TEST: &str = "load-test";

/// A load test that was started. Dropping it ends it, and removes its directory.
pub(crate) struct Running {
    guarded: Guarded,
    log: PathBuf,
    /// Its process.
    pub(crate) pid: u32,
}

impl Running {
    /// Starts it on the cores of the `places`.
    pub(crate) fn start(test: &LoadTest, places: &Places) -> Result<Self> {
        let data = places.data(TEST)?;
        for (name, text) in &test.files {
            write(&data.join(name), text)?;
        }
        let log = data.join("output.log");
        let mut guarded = Guarded::start(&data, places)?;
        let pid = guarded.launch(Launch {
            name: TEST.into(),
            command: test.command.clone(),
            directory: data,
            log: log.clone(),
            user: None,
        })?;
        Ok(Self { guarded, log, pid })
    }

    /// Whether it has not ended.
    pub(crate) fn alive(&mut self) -> Result<bool> {
        self.guarded.alive(TEST)
    }

    /// Ends it, which may have ended already: that is told where it was noticed.
    pub(crate) fn kill(&mut self) {
        let _ = self.guarded.signal(TEST, Sign::Kill);
    }

    /// What it has printed so far, in whole lines.
    pub(crate) fn printed(&self) -> String {
        let mut text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// What it said last.
    pub(crate) fn last_words(&self) -> String {
        said_last(&self.log)
    }
}
