//! Live systems: what a run is driven against.
//!
//! A live system is one folder and one line in [`SYSTEMS`]. It says how it is reached and launched,
//! what becomes of each option of a scenario ([`options`]), how a topic or stream of this run is
//! made, written, read, read again and removed. Outside of this folder nothing knows which systems
//! there are.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use headwater_reading::problem::nearest;
use headwater_scenarios::scenario::Scenario;

use crate::failure::{Failure, Result};

mod bookkeeper;
pub(crate) mod calibration;
pub(crate) mod client;
pub(crate) mod counts;
pub(crate) mod departure;
mod java;
mod kafka;
pub(crate) mod lanes;
mod load_lines;
pub(crate) mod log;
mod null;
pub(crate) mod options;
mod pravega;
pub(crate) mod system;

use system::{Asked, LiveSystem};

/// Every live system, in the order in which they are listed.
pub(crate) static SYSTEMS: [&dyn LiveSystem; 5] =
    [&kafka::Kafka, &pravega::Pravega, &bookkeeper::BookKeeper, &log::Log, &null::Null];

/// The names of all, for people: `kafka, pravega, bookkeeper, log or null`.
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
