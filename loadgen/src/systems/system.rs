//! The port: what a live system is to the rest of the load generator.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use clap::{ArgMatches, Command, Error};
use headwater_reports::outcome::Mark;
use headwater_scenarios::scenario::Scenario;

use super::calibration::Calibration;
use super::client::{Observer, Reading, Writer};
use super::departure::Departure;
use super::engine::Ends;
use super::lanes::LanePlan;
use crate::clock::unix_ms;
use crate::failure::Result;
use crate::launch::{LaunchedCluster, Places};

/// Where a system is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the generator itself.
    InProcess,
    /// There is none but the one that is launched.
    Launched,
    /// Somebody may run it: here by default, elsewhere where the option says so.
    Cluster {
        /// The option that names one, with its value: `--bootstrap HOST:PORT`.
        option: &'static str,
        /// Its port by default.
        port: u16,
    },
}

/// What a run is driven against, before it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The system is in the generator itself.
    InProcess,
    /// A cluster is launched for the run.
    Launch,
    /// A cluster that was there before answers at this address.
    Existing {
        /// `host:port`, one or several with commas.
        address: String,
        /// Its servers, where it tells.
        servers: Option<u32>,
    },
}

/// A cluster that answers.
pub(crate) struct Cluster {
    /// Its address; empty where there is none to be reached.
    pub(crate) address: String,
    /// What it is.
    pub(crate) describes: String,
    /// Its version, as far as it is known.
    pub(crate) version: String,
    /// Its processes, if it was launched here.
    pub(crate) launched: Option<LaunchedCluster>,
    /// Processes of one that was there before, as far as they are on this machine: name and id.
    pub(crate) local: Vec<(String, u32)>,
    /// Clients that stay from one connection to it to the next.
    pub(crate) kept: Kept,
}

impl Cluster {
    /// One that was launched here.
    pub(crate) fn launched(launched: LaunchedCluster) -> Self {
        Self {
            address: launched.address.clone(),
            describes: launched.describes.clone(),
            version: launched.version.clone(),
            launched: Some(launched),
            local: vec![],
            kept: Kept::default(),
        }
    }
}

/// What a system keeps from one connection to the next, by name: a client in a JVM stays warm.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<String, Box<dyn Any + Send>>>>);

impl Kept {
    /// Takes what was kept under this name.
    pub(crate) fn take<T: 'static>(&self, name: &str) -> Option<T> {
        let kept = self.0.lock().ok()?.remove(name)?;
        Some(*kept.downcast().ok()?)
    }

    /// Keeps it under this name.
    pub(crate) fn keep<T: Send + 'static>(&self, name: &str, client: T) {
        if let Ok(mut kept) = self.0.lock() {
            kept.insert(name.to_owned(), Box::new(client));
        }
    }
}

/// What the command line asks of one system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The cluster that it names, without a scheme.
    pub(crate) cluster: Option<String>,
    /// What it sets in the scenario.
    pub(crate) settings: Vec<Setting>,
}

/// An option of the command line that stands for a setting of the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The option, such as `--acks`.
    pub(crate) option: &'static str,
    /// The path in the scenario.
    pub(crate) path: &'static str,
    /// The value there.
    pub(crate) value: String,
}

/// One live system.
pub(crate) trait LiveSystem: Sync {
    /// Its name on the command line, and in `kind = "..."` of the scenarios that are its own.
    fn name(&self) -> &'static str;

    /// Whether scenarios of every system can be run on it.
    fn takes_any_scenario(&self) -> bool {
        false
    }

    /// How the costs of its model are measured; none where there is no way.
    fn calibration(&self) -> Option<&'static Calibration> {
        None
    }

    /// The options of a scenario's `[system]` where there is no scenario.
    fn plain_section(&self) -> &'static str;

    /// Whether a launched one needs traffic before it is as fast as it gets: JVMs compile what is
    /// called often.
    fn runs_on_jvms(&self) -> bool {
        false
    }

    /// The scenario with traffic that calls what it calls more often, to warm a JVM up by: one
    /// kind after the other. None where it would be the same.
    fn exercises(&self, _scenario: &Scenario) -> Vec<Scenario> {
        vec![]
    }

    /// Adds its options to the command line.
    fn arguments(&self, command: Command) -> Command {
        command
    }

    /// What the command line asks of it.
    ///
    /// # Errors
    /// If clap refuses its options, which it has parsed before.
    fn asked(&self, _matches: &ArgMatches) -> std::result::Result<Asked, Error> {
        Ok(Asked::default())
    }

    /// How something else stands at one end of its streams; none where nothing can.
    fn ends(&self) -> Option<&'static dyn Ends> {
        None
    }

    /// What it has as the first of a pipeline that shares a machine, unless it is asked for: an
    /// option of its section, the value, and why.
    fn in_a_pipeline(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &[]
    }

    /// Where it is to be found.
    fn home(&self) -> Home;

    /// Whether what accepts connections at `address` speaks its protocol, in bounded time: how many
    /// servers it has, where it tells.
    ///
    /// # Errors
    /// Why it does not, in a few words.
    fn answers(&self, address: &str) -> std::result::Result<Option<u32>, String>;

    /// How a run of `scenario` on `source` differs from what the scenario asks.
    fn departures(&self, scenario: &Scenario, source: &Source) -> Vec<Departure>;

    /// The servers that a launch for `scenario` starts, a process each, by name.
    fn servers(&self, _scenario: &Scenario) -> Vec<String> {
        vec![]
    }

    /// Whether clients connect to this one of the [`servers`](Self::servers), and a proxy can stand
    /// before it. Those that they don't connect to come last.
    fn serves_clients(&self, _server: &str) -> bool {
        true
    }

    /// The offices, such as `leader`, of which [`Storage::holder`] tells who holds them where there
    /// are several servers.
    fn tells(&self) -> &'static [&'static str] {
        &[]
    }

    /// Launches a cluster for `scenario`, and waits until it answers. Where its faults need it, a
    /// proxy stands before each server.
    ///
    /// # Errors
    /// Why it could not, and what to do.
    fn launch(&self, scenario: &Scenario, places: &Places) -> Result<LaunchedCluster>;

    /// What its clients are told, by their own names.
    fn client_options(&self, _scenario: &Scenario) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Makes the topic or stream of this run, and connects writers and readers to it.
    ///
    /// # Errors
    /// Why it could not.
    fn open(
        &self,
        scenario: &Scenario,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Connection>;

    /// What is set in a scenario, by path, that is run beside its load test.
    fn load_test_settings(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The load test that comes with it, with the clients' options of `scenario` and events of its
    /// mean size, as many as the `load` has; none where none does.
    ///
    /// # Errors
    /// Why it could not be made ready.
    fn load_test(
        &self,
        _scenario: &Scenario,
        _load: &Load<'_>,
        _cluster: &Cluster,
        _places: &Places,
    ) -> Result<Option<LoadTest>> {
        Ok(None)
    }
}

/// What a load test is asked for, besides what the scenario says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load<'a> {
    /// How many events it writes; none: for an hour and more.
    pub(crate) events: Option<u64>,
    /// Properties that its client is told besides, `NAME=VALUE`: also those that it does not know.
    pub(crate) besides: &'a [String],
}

/// Connects readers, and lets them read from the start.
pub(crate) type StartReading = Box<dyn FnOnce() -> Result<Reading> + Send>;

/// The load test that comes with a system, by its own client, about to write to the cluster.
pub(crate) struct LoadTest {
    /// Its name.
    pub(crate) name: &'static str,
    /// The program and its arguments. It prints how it goes every few seconds, and at its end.
    pub(crate) command: Vec<String>,
    /// Files that it needs in its directory, by name.
    pub(crate) files: Vec<(&'static str, &'static str)>,
    /// What a line that it prints says, if that is how it goes: events since the line before, and
    /// events per second.
    pub(crate) line: fn(&str) -> Option<(u64, f64)>,
    /// What a line that it prints says, if that is how all of it went.
    pub(crate) summary: fn(&str) -> Option<Summary>,
    /// What it writes to.
    pub(crate) storage: Box<dyn Storage>,
}

/// What a load test says at its end, of everything that it wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    /// Events that it wrote.
    pub(crate) events: u64,
    /// Events per second.
    pub(crate) rate: f64,
    /// Latency from when its client is given an event until that is acknowledged, in milliseconds:
    /// the mean.
    pub(crate) mean_ms: f64,
    /// The greatest.
    pub(crate) max_ms: f64,
    /// The median.
    pub(crate) p50_ms: f64,
    /// The 95th percentile.
    pub(crate) p95_ms: f64,
    /// The 99th percentile.
    pub(crate) p99_ms: f64,
}

/// Where a run writes and reads.
pub(crate) struct Connection {
    /// The writers, each with its part of the schedule, by their number.
    pub(crate) writers: Vec<Box<dyn Writer>>,
    /// The lanes that each writer spreads its events over.
    pub(crate) lanes: Vec<LanePlan>,
    /// Starts the readers; none where there is nothing to be read back.
    pub(crate) read: Option<StartReading>,
    /// The topic or stream of this run.
    pub(crate) storage: Box<dyn Storage>,
}

/// A topic or stream that a run made for itself.
pub(crate) trait Storage: Send + Sync {
    /// Where its cluster answers, and its name there; none where nobody else can take from it.
    fn place(&self) -> Option<(&str, &str)> {
        None
    }

    /// The process that holds this office now (`leader`: that of its first partition), by its name
    /// in a launched cluster; none where nobody does, or the system does not tell.
    fn holder(&self, _office: &str) -> Option<String> {
        None
    }

    /// The processes that its first partition was placed on, in order, by their names in a launched
    /// cluster; empty where the system does not tell.
    fn placed(&self) -> Vec<String> {
        vec![]
    }

    /// How many events others have written to the cluster so far, beside this topic or stream;
    /// none where the system does not tell, or the cluster was launched for the run alone.
    fn written_by_others(&self) -> Option<u64> {
        None
    }

    /// What a launched cluster has logged of elections and roles since `started` (milliseconds
    /// since 1970), as far as this is concerned.
    fn marks(&self, _started: u64) -> Vec<Mark> {
        vec![]
    }

    /// Reads everything once more, as another reader; none where the first can't have stopped too
    /// early.
    fn read_again(&self, _observer: &Observer) -> Option<Result<Reading>> {
        None
    }

    /// Removes it.
    ///
    /// # Errors
    /// If it is left behind.
    fn remove(&self) -> Result<()>;
}

/// Nothing to remove.
pub(crate) struct NoStorage;

impl Storage for NoStorage {
    fn remove(&self) -> Result<()> {
        Ok(())
    }
}

/// A name for the topic or stream of this run, which no other run has.
pub(crate) fn storage_name() -> String {
    format!("headwater-{}-{}", unix_ms(), std::process::id())
}
