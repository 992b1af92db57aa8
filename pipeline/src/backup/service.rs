//! The service: messages become lines, and every interval a position.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use serde_json::{Value, json};

use super::archive::Archive;
use super::line::{Kind, line};
use crate::delays::Delays;
use crate::duration::micros;
use crate::failure::{Failure, Result};
use crate::record;
use crate::source::{Message, Offsets};
use crate::stage::Stage;
use crate::tally::Tally;

/// When a backup does what.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// From one position to the next.
    pub commit_interval: Duration,
    /// Time until a write that was refused is tried again.
    pub resume_interval: Duration,
}

/// The service.
#[derive(Debug)]
pub struct Backup {
    config: Config,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    archive: Archive,
    tally: Tally,
    commits: Option<Sender<Offsets>>,
    committed_at: Instant,
    /// How long it took to make what was written durable, and its position after it.
    commits_took: Delays,
    /// Lines that were there at the start.
    resumed: u64,
    /// Writes that were refused.
    refused: u64,
}

impl Backup {
    /// Goes on with `archive`; positions are told to `commits` as well.
    pub fn new(archive: Archive, config: Config, commits: Option<Sender<Offsets>>) -> Self {
        let resumed = archive.position().lines;
        let state = State {
            archive,
            tally: Tally::new("backup"),
            commits,
            committed_at: Instant::now(),
            commits_took: Delays::default(),
            resumed,
            refused: 0,
        };
        Self { config, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One attempt to write: false if it is to be made again.
    fn append(&self, lines: &[u8], batch: &[Message], first: bool) -> bool {
        let mut state = self.state();
        let Err(error) = state.archive.append(lines, batch) else { return true };
        state.refused += 1;
        if first {
            let (path, again) = (state.archive.path().display(), self.config.resume_interval);
            eprintln!("backup: {path}: {error}; it is tried again every {again:?}");
        }
        false
    }
}

impl State {
    /// Makes durable what was written, and its position after it. A position that can't be written
    /// now (the disk is full) is written the next time.
    fn commit(&mut self) -> Result<io::Result<()>> {
        self.committed_at = Instant::now();
        if !self.archive.is_behind() {
            return Ok(Ok(()));
        }
        self.archive.make_durable()?;
        let written = self.archive.write_position();
        self.commits_took.record(micros(self.committed_at.elapsed()));
        match (&written, &self.commits) {
            // Nobody may be there any more who would commit it.
            (Ok(()), Some(to)) => drop(to.send(self.archive.next().clone())),
            (Ok(()), None) => (),
            (Err(_), _) => self.refused += 1,
        }
        Ok(written)
    }

    fn count(&mut self, message: &Message, kind: &Kind, now: u64) {
        self.tally.received(message);
        match kind {
            Kind::Tweet(id) => drop(self.tally.tweet(*id)),
            Kind::Unnumbered => self.tally.unnumbered(),
            Kind::Malformed(why) => self.tally.malformed(message, why),
        }
        if let Some(at) = message.at {
            self.tally.visible(at, now);
        }
    }
}

impl Stage for Backup {
    async fn take(&self, batch: Vec<Message>) -> Result<()> {
        let mut lines = vec![];
        let mut kinds = vec![];
        for message in &batch {
            let (kind, text) = line(&message.value);
            lines.extend_from_slice(&text);
            lines.push(b'\n');
            kinds.push(kind);
        }
        let mut first = true;
        while !self.append(&lines, &batch, first) {
            first = false;
            tokio::time::sleep(self.config.resume_interval).await;
        }
        let mut state = self.state();
        let now = record::now();
        batch.iter().zip(&kinds).for_each(|(message, kind)| state.count(message, kind, now));
        drop(state);
        self.tick()
    }

    fn tick(&self) -> Result<()> {
        let mut state = self.state();
        if state.committed_at.elapsed() < self.config.commit_interval {
            return Ok(());
        }
        if let Err(error) = state.commit()? {
            let (path, again) = (state.archive.path().display(), self.config.commit_interval);
            eprintln!("backup: position of {path}: {error}; it is tried again after {again:?}");
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        let mut state = self.state();
        state.commit()?.map_err(|error| {
            let path = state.archive.path().display();
            Failure::broken(format!("position of {path}: {error}; lines behind it are read again"))
        })
    }

    fn stats(&self) -> Value {
        let mut state = self.state();
        let more = json!({
            "file": state.archive.path(),
            "bytes": state.archive.position().bytes,
            "lines": state.archive.position().lines,
            "lines_committed": state.archive.committed(),
            "lines_resumed": state.resumed,
            "writes_refused": state.refused,
            "commit_us": state.commits_took.told(),
        });
        state.tally.told(more)
    }

    fn routes(self: Arc<Self>) -> Router {
        Router::new()
    }
}
