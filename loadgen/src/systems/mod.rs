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
pub(crate) mod engine;
mod java;
mod kafka;
pub(crate) mod lanes;
mod load_lines;
pub(crate) mod log;
mod null;
pub(crate) mod options;
mod pravega;
pub(crate) mod services;
mod spark;
pub(crate) mod system;

use engine::LiveEngine;
use system::{Asked, LiveSystem};

/// Every live system, in the order in which they are listed.
pub(crate) static SYSTEMS: [&dyn LiveSystem; 5] =
    [&kafka::Kafka, &pravega::Pravega, &bookkeeper::BookKeeper, &log::Log, &null::Null];

/// Every live engine.
static ENGINES: [&dyn LiveEngine; 1] = [&spark::Spark];

/// The live engine of this kind, if there is one.
pub(crate) fn engine(kind: &str) -> Option<&'static dyn LiveEngine> {
    ENGINES.into_iter().find(|engine| engine.name() == kind)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario of the system and nothing else, with these settings.
    fn scenario(system: &dyn LiveSystem, settings: &[(String, String)]) -> Scenario {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\n{}",
            system.plain_section()
        );
        Scenario::parse(&text, "t", None, settings).unwrap()
    }

    #[test]
    fn what_is_calibrated_are_options_of_the_models() {
        for system in SYSTEMS {
            let Some(calibration) = system.calibration() else { continue };
            let fitted = calibration.constants();
            let shares = calibration.shares.iter().map(|(name, _, of)| {
                assert!(fitted.contains(of), "{name} is a share of {of}, which nobody fits");
                *name
            });
            let others = [calibration.before, calibration.garbage, calibration.carried];
            let names = fitted.iter().copied().chain(shares).chain(others.into_iter().flatten());
            let all: Vec<_> = names.map(|name| calibration.option(name)).collect();
            let of_own = all.iter().map(|of| (system.name(), of.sections, of.name, of.with_unit));
            let of_others = all.iter().flat_map(|of| {
                of.also.iter().map(|(other, sections)| (*other, *sections, of.name, of.with_unit))
            });
            let everywhere: Vec<_> = of_own.chain(of_others).collect();
            for of in SYSTEMS {
                let options = everywhere.iter().filter(|(name, ..)| *name == of.name());
                let setting = |(_, sections, name, with_unit): &(_, &[&str], &str, bool)| {
                    let value = if *with_unit { "7ns" } else { "7" };
                    (format!("system.{}.{name}", sections.join(".")), value.to_owned())
                };
                let settings: Vec<(String, String)> = options.map(setting).collect();
                let set = scenario(of, &settings).configuration();
                for (path, value) in &settings {
                    let found = set.get(path.trim_start_matches("system."));
                    assert_eq!(found, Some(value), "{} has no {path}", of.name());
                }
            }
        }
    }

    #[test]
    fn cases_are_scenarios_of_their_systems_whose_costs_are_told_apart_by_something() {
        for system in SYSTEMS {
            let Some(calibration) = system.calibration() else { continue };
            for case in calibration.cases.iter().chain(calibration.more) {
                let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
                let settings: Vec<_> = case.settings.iter().map(own).collect();
                let rate = scenario(system, &settings).traffic.rate;
                assert!(case.expects.written > 0.0, "{rate}: {}", case.name);
            }
            for constant in calibration.constants() {
                let terms = calibration.groups.iter().flat_map(|group| group.terms);
                let mut of = terms.filter(|term| term.constant == constant);
                let counted = |case: &calibration::Case| {
                    of.clone().map(|term| term.counted(&case.expects)).sum::<f64>() > 0.0
                };
                let told = calibration.cases.iter().any(counted);
                let simulated = of.any(|_| calibration.is_simulated(constant));
                assert!(told || simulated, "{constant} is in none of the cases");
            }
        }
    }
}
