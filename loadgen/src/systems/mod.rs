//! Live systems: what a run is driven against.
//!
//! A live system is one folder and one line in [`SYSTEMS`]. It says how it is reached and launched,
//! what becomes of each option of a scenario ([`options`]), how a topic or stream of this run is
//! made, written, read, read again and removed. Outside of this folder nothing knows which systems
//! there are.

use std::collections::BTreeMap;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use headwater_scenarios::reading::problem::nearest;
use headwater_scenarios::scenario::Scenario;

use crate::failure::{Failure, Result};
use crate::launch::{LaunchedCluster, Places};
use crate::plan::RunPlan;
use crate::run::Cluster;

pub(crate) mod client;
mod kafka;
pub(crate) mod lanes;
pub(crate) mod log;
mod null;
pub(crate) mod options;
mod pravega;

pub(crate) use client::{Observation, Observer, ReadBack, Reading, Token, Writer};
pub(crate) use lanes::LanePlan;
use options::Departure;

/// Every live system, in the order in which they are listed.
pub(crate) static SYSTEMS: [&dyn LiveSystem; 4] =
    [&kafka::Kafka, &pravega::Pravega, &log::Log, &null::Null];

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

    /// The options of a scenario's `[system]` where there is no scenario.
    fn plain_section(&self) -> &'static str;

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
    fn open(&self, plan: &RunPlan, cluster: &Cluster, observer: &Observer) -> Result<Connection>;
}

/// Where a run writes and reads.
pub(crate) struct Connection {
    /// The writers, each with its part of the schedule, by their number.
    pub(crate) writers: Vec<Box<dyn Writer>>,
    /// The lanes that each writer spreads its events over.
    pub(crate) lanes: Vec<LanePlan>,
    /// The readers; none where there is nothing to be read back.
    pub(crate) reading: Option<Reading>,
    /// The topic or stream of this run.
    pub(crate) storage: Box<dyn Storage>,
}

/// A topic or stream that a run made for itself.
pub(crate) trait Storage: Send + Sync {
    /// The process that holds this office now (`leader`: that of its first partition), by its name
    /// in a launched cluster; none where nobody does, or the system does not tell.
    fn holder(&self, _office: &str) -> Option<String> {
        None
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
    format!("headwater-{}-{}", crate::run::unix_ms(), std::process::id())
}

/// The names of all, for people: `kafka, pravega, log or null`.
pub(crate) fn names() -> String {
    let names = SYSTEMS.map(LiveSystem::name);
    let (last, first) = names.split_last().expect("there is at least one");
    format!("{} or {last}", first.join(", "))
}

/// The system of this name.
///
/// # Errors
/// If there is none, with the nearest name.
pub(crate) fn by_name(name: &str) -> Result<&'static dyn LiveSystem> {
    if let Some(system) = SYSTEMS.into_iter().find(|system| system.name() == name) {
        return Ok(system);
    }
    let near = nearest(name, SYSTEMS.into_iter().map(LiveSystem::name));
    let hint = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Err(Failure::new(format!("no target `{name}`: {hint}expected {}", names())))
}

/// The system that a scenario is of.
///
/// # Errors
/// If there is no such live system.
pub(crate) fn of_scenario(scenario: &Scenario) -> Result<&'static dyn LiveSystem> {
    let kind = scenario.system().kind().name();
    let found = SYSTEMS.into_iter().find(|system| system.name() == kind);
    found.ok_or_else(|| {
        Failure::new(format!(
            "there is no live {kind}: simulate the scenario with `headwater run`, or see what the \
             generator does with its traffic on {}",
            SYSTEMS
                .into_iter()
                .filter(|system| system.takes_any_scenario())
                .map(|system| format!("--target {}", system.name()))
                .collect::<Vec<_>>()
                .join(" or ")
        ))
    })
}

/// The command line's options of all systems; each reads its own.
#[derive(Clone, Debug)]
pub(crate) struct SystemArguments(ArgMatches);

impl SystemArguments {
    /// What they ask, by system.
    ///
    /// # Errors
    /// See [`LiveSystem::asked`].
    pub(crate) fn asked(&self) -> Result<Vec<(&'static dyn LiveSystem, Asked)>> {
        let one = |system: &'static dyn LiveSystem| {
            let asked = system.asked(&self.0);
            asked.map(|asked| (system, asked)).map_err(|error| Failure::new(error.to_string()))
        };
        SYSTEMS.into_iter().map(one).collect()
    }
}

impl FromArgMatches for SystemArguments {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, Error> {
        Ok(Self(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), Error> {
        self.0 = matches.clone();
        Ok(())
    }
}

impl Args for SystemArguments {
    fn augment_args(command: Command) -> Command {
        SYSTEMS.into_iter().fold(command, |command, system| system.arguments(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
