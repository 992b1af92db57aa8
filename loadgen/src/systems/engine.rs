//! The port: what a live engine is, which takes from one stream in batches and writes to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

use headwater_models::system::System;

use super::client::Reading;
use super::departure::Departure;
use super::system::Cluster;
use crate::clock::Clock;
use crate::failure::Result;
use crate::launch::{LaunchedCluster, Places};

/// An engine that can be launched.
pub(crate) trait LiveEngine: Sync {
    /// What it is, and its name in `kind = "..."`.
    fn name(&self) -> &'static str;

    /// The version that is launched.
    fn version(&self) -> &'static str;

    /// Its process, as the model names it.
    fn process(&self) -> &'static str;

    /// How a run differs from what the options of `system` ask, each named below `path`.
    fn departures(&self, system: &dyn System, path: &str) -> Vec<Departure>;

    /// Whether it can be started here at all; fetches what it needs.
    ///
    /// # Errors
    /// What is missing, and what to do.
    fn prepare(&self, places: &Places) -> Result<()>;

    /// Starts it beside the streams' cluster, under the same guard.
    ///
    /// # Errors
    /// Why it does not run.
    fn launch(
        &self,
        system: &dyn System,
        cluster: &LaunchedCluster,
        places: &Places,
    ) -> Result<Box<dyn Engine>>;
}

/// One end of what an engine connects: a stream, and the options of its client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tap {
    /// Where its cluster answers.
    pub(crate) address: String,
    /// The topic or stream.
    pub(crate) stream: String,
    /// Options of the Java client, by their own names.
    pub(crate) options: BTreeMap<&'static str, String>,
}

/// What an engine is to do.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Where it takes from.
    pub(crate) from: Tap,
    /// Where it writes to.
    pub(crate) to: Tap,
    /// It warms up: a batch follows another at once, whatever the trigger.
    pub(crate) warms_up: bool,
}

/// An engine that runs.
pub(crate) trait Engine: Send {
    /// Has it begin a query in place of the one before, and waits until it is ready.
    ///
    /// # Errors
    /// Why it is not.
    fn begin(&mut self, query: &Query) -> Result<()>;

    /// Tells it when the run of this query began, microseconds since 1970: before anything of it is
    /// sent.
    ///
    /// # Errors
    /// If it can't be told.
    fn epoch(&self, unix_us: u64) -> Result<()>;

    /// What it has said of the query so far.
    ///
    /// # Errors
    /// If that can't be read.
    fn progress(&self) -> Result<Progress>;

    /// Whether it still runs.
    ///
    /// # Errors
    /// What it said last, if it has ended.
    fn alive(&self) -> Result<()>;

    /// Ends it, and waits until it has.
    ///
    /// # Errors
    /// If it does not end.
    fn end(&mut self) -> Result<()>;

    /// Where its own account of the batches lies.
    fn account(&self) -> PathBuf;
}

/// What an engine has said of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// The batches that are done, in order.
    pub(crate) batches: Vec<Batch>,
    /// Batches of an earlier life that were begun and not done, by number: they are made again.
    pub(crate) repeated: Vec<u64>,
}

/// A batch, as its engine reports it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// When its trigger came, microseconds since 1970.
    pub(crate) began_unix_us: u64,
    /// Events that it took.
    pub(crate) rows: u64,
    /// Those of them that could not be read as what they should be, and were left out.
    pub(crate) unreadable: u64,
    /// What it took altogether, and each part of that, milliseconds; by the gauges of the model.
    pub(crate) took_ms: BTreeMap<&'static str, u64>,
}

/// The gauge of the model that has all that a batch took.
pub(crate) const WHOLE: &str = "trigger_execution_ms";

impl Batch {
    /// All that it took, milliseconds.
    pub(crate) fn whole_ms(&self) -> u64 {
        self.took_ms.get(WHOLE).copied().unwrap_or(0)
    }

    /// When it was done, microseconds since 1970.
    pub(crate) fn ended_unix_us(&self) -> u64 {
        self.began_unix_us + self.whole_ms() * 1_000
    }
}

/// A live system whose streams can have something else than the generator at one end.
pub(crate) trait Ends: Sync {
    /// Options of the client that takes from a stream of `system`.
    fn taking(&self, system: &dyn System) -> BTreeMap<&'static str, String>;

    /// Makes a stream of `system` on `cluster`, which something else writes.
    ///
    /// # Errors
    /// Why it could not.
    fn behind(&self, system: &dyn System, cluster: &Cluster) -> Result<Box<dyn Behind>>;
}

/// A stream that something else writes.
pub(crate) trait Behind: Send + Sync {
    /// Where that writes to, and with what options.
    fn tap(&self) -> Tap;

    /// Reads it from its beginning, and tells what came, at times of `clock`, until it is told that
    /// nothing more is written and has read that.
    ///
    /// # Errors
    /// Why it could not begin.
    fn read(&self, clock: &Clock, received: &Sender<Received>) -> Result<Reading>;
}

/// What a reader of such a stream was handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// When, nanoseconds since the start of the run.
    pub(crate) at: u64,
    /// From which part of the stream.
    pub(crate) lane: u32,
    /// Its place there.
    pub(crate) position: u64,
    /// What it is.
    pub(crate) payload: Vec<u8>,
}
