//! The course of a run behind its first stream: the second stream is made, the engine begins to
//! take from one and to write to the other, what it writes is read as it comes, and in the end is
//! waited for.

use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::arrived::{Arrived, gather};
use super::parts::Parts;
use super::serving::{Finished, Serving};
use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::run::Interrupt;
use crate::run::drive::Onlooker;
use crate::systems::client::{ReadBack, Reading};
use crate::systems::engine::{Engine, Progress, Query, Tap};
use crate::systems::system::{Cluster, Storage};
use crate::terminal;

/// How long what is missing is waited for when nothing comes any more: longer than a batch with
/// hundreds of shuffle partitions, and than an engine takes that is started again.
const QUIET: Duration = Duration::from_secs(60);

/// How long it is waited for altogether.
const PATIENCE: Duration = Duration::from_secs(180);

/// The same of a run that was interrupted.
const HASTE: Duration = Duration::from_secs(5);

/// How long a reader may take to come to the end that the stream has when nobody writes any more.
const READ_BACK: Duration = Duration::from_secs(30);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It warms the engine up.
    WarmsUp,
    /// It counts, and another comes after it.
    Counts,
    /// It counts, and the engine ends with it.
    Last,
}

/// A run behind the first stream.
pub(super) struct Course<'a> {
    parts: &'a Parts<'a>,
    cluster: &'a Cluster,
    engine: &'a mut dyn Engine,
    turn: Turn,
    open: Option<Open>,
    serving: Option<Serving<'a>>,
}

/// What reads the second stream.
struct Open {
    reading: Reading,
    arrived: Arc<Mutex<Arrived>>,
    gathering: JoinHandle<()>,
}

/// What came of it.
pub(super) struct Came {
    /// What was read behind the engine.
    pub(super) arrived: Arrived,
    /// What the engine said of its batches.
    pub(super) progress: Progress,
    /// How far reading came.
    pub(super) read_back: std::result::Result<ReadBack, String>,
    /// Why not everything was waited for, if so.
    pub(super) trouble: Option<String>,
    /// What the services came to.
    pub(super) served: Finished,
}

impl<'a> Course<'a> {
    /// One that has not begun.
    pub(super) fn new(
        parts: &'a Parts<'a>,
        cluster: &'a Cluster,
        engine: &'a mut dyn Engine,
        turn: Turn,
    ) -> Self {
        Self { parts, cluster, engine, turn, open: None, serving: None }
    }

    /// Waits until so many events that were acknowledged have come and their batches are done, as
    /// long as anything comes; reads the second stream to its end.
    pub(super) fn finish(mut self, acked: &[u64], interrupt: &Interrupt) -> Result<Came> {
        let Some(open) = self.open.take() else {
            return Err(Failure::after_run("nothing was read behind the engine"));
        };
        let trouble = self.wait(&open, acked.len() as u64, interrupt)?;
        if self.turn == Turn::Last && !self.parts.holds {
            // Nobody writes behind its back: what the stream has then is all.
            self.engine.end()?;
        }
        let read_back = read_to_end(open.reading);
        open.gathering.join().map_err(|_| Failure::after_run("the gathering panicked"))?;
        let arrived = open.arrived.lock().map(|arrived| arrived.clone()).unwrap_or_default();
        let serving = self.serving.take();
        let holds = self.parts.holds;
        let served = serving.map(|serving| serving.finish(acked, &arrived, holds)).transpose()?;
        let served = served.unwrap_or_default();
        Ok(Came { arrived, progress: self.engine.progress()?, read_back, trouble, served })
    }

    /// Why it was not waited for everything, if so.
    fn wait(&self, open: &Open, acked: u64, interrupt: &Interrupt) -> Result<Option<String>> {
        let since = Instant::now();
        let mut last = ((0, 0), since);
        loop {
            let distinct = open.arrived.lock().map_or(0, |arrived| arrived.distinct());
            let batches = self.engine.progress()?.batches;
            let rows: u64 = batches.iter().map(|batch| batch.rows).sum();
            let unreadable: u64 = batches.iter().map(|batch| batch.unreadable).sum();
            if distinct + unreadable >= acked && rows >= acked {
                return Ok(None);
            }
            if (distinct, rows) != last.0 {
                last = ((distinct, rows), Instant::now());
            }
            let missing = acked.saturating_sub(distinct);
            if let Err(failure) = self.engine.alive() {
                return Ok(Some(format!("{failure}; {missing} events had not come")));
            }
            let hasty = interrupt.raised();
            if since.elapsed() >= if hasty { HASTE } else { PATIENCE } {
                return Ok(Some(format!("{missing} events had not come when waiting ended")));
            }
            if last.1.elapsed() >= QUIET {
                let quiet = QUIET.as_secs();
                return Ok(Some(format!(
                    "{missing} events were missing, and none came for {quiet} s"
                )));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn read_to_end(reading: Reading) -> std::result::Result<ReadBack, String> {
    reading.finish.store(true, Ordering::Relaxed);
    let since = Instant::now();
    while !reading.threads.iter().all(JoinHandle::is_finished) {
        if since.elapsed() > READ_BACK {
            reading.stop.store(true, Ordering::Relaxed);
        }
        std::thread::sleep(LOOK / 5);
    }
    reading.join()
}

impl Onlooker for Course<'_> {
    fn opened(&mut self, storage: &dyn Storage, clock: &Clock) -> Result<()> {
        let Some((address, stream)) = storage.place() else {
            return Err(Failure::new(format!("nobody can take from {}", self.parts.first.name)));
        };
        let ends = self.parts.ends;
        let behind = ends.behind(&*self.parts.engine.behind.system, self.cluster)?;
        let from = Tap {
            address: address.to_owned(),
            stream: stream.to_owned(),
            options: ends.taking(&*self.parts.first.system),
        };
        let to = behind.tap();
        if self.turn != Turn::WarmsUp
            && let Some(launched) = &self.cluster.launched
        {
            let account = self.engine.account();
            self.serving = Some(Serving::start(self.parts, launched, [&from, &to], account)?);
        }
        let query = Query { from, to, warms_up: self.turn == Turn::WarmsUp };
        let (sender, received) = channel();
        let reading = behind.read(clock, &sender)?;
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let into = Arc::clone(&arrived);
        let gathering = std::thread::Builder::new().name("gathering".into());
        let gathering = gathering
            .spawn(move || gather(&received, &into))
            .map_err(|error| Failure::io("can't start a thread", &error))?;
        self.open = Some(Open { reading, arrived, gathering });
        let since = Instant::now();
        self.engine.begin(&query)?;
        let (name, taken) = (&self.parts.engine.part.name, since.elapsed().as_secs_f64());
        terminal::note(format_args!("{name} is ready for its query after {taken:.1} s"));
        Ok(())
    }

    fn started(&mut self, clock: &Clock) -> Result<()> {
        self.engine.epoch(clock.started_unix_us())
    }
}

impl Drop for Course<'_> {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.reading.stop.store(true, Ordering::Relaxed);
        }
    }
}
