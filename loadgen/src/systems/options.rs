//! What becomes of a scenario's options in a live run: each is honoured, or stated as a difference.
//! None is dropped silently: a test holds every list to the configuration.

use std::collections::BTreeMap;

use headwater_scenarios::scenario::Scenario;
use serde::Serialize;

use super::departure::Departure;
use super::system::Source;
use crate::profile::kernel;

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// The generator itself honours it: how many writers, how events are spread.
    Generator,
    /// It is passed when the topic or stream is made.
    Storage,
    /// A launched server is given it, under its own name; an existing cluster has its own.
    Server,
    /// It is a server's, and can't be set on a launched one: what that has instead, and why.
    ServerFixed(&'static str, &'static str),
    /// The client is given it, under this name of its own.
    Client(&'static str),
    /// It is a parameter of the model: the live system has the real thing.
    Model,
    /// It matters to another client library or mode only, which another departure states.
    Elsewhere,
    /// It can't be set: what there is instead, and why.
    Fixed(&'static str, &'static str),
}

/// An option by its path below `system`, or all below a section (the path ends with a dot).
pub(crate) type ListedOption = (&'static str, Treatment);

/// The treatment of an option, if the list has it.
pub(crate) fn treatment(list: &[ListedOption], path: &str) -> Option<Treatment> {
    let names = |name: &str| name == path || (name.ends_with('.') && path.starts_with(name));
    list.iter().find(|(name, _)| names(name)).map(|(_, treatment)| *treatment)
}

/// The departures in a run of `scenario` on `source` by the list of its system's options, where the
/// scenario sets what is not the system's default.
pub(crate) fn departures(
    list: &[ListedOption],
    scenario: &Scenario,
    defaults: &BTreeMap<String, String>,
    source: &Source,
) -> Vec<Departure> {
    let configuration = scenario.configuration();
    let set = configuration.iter().filter(|(path, value)| defaults.get(*path) != Some(value));
    let existing = matches!(source, Source::Existing { .. });
    let departs = |(path, value): (&String, &String)| {
        let option = format!("system.{path}");
        match treatment(list, path)? {
            Treatment::Server | Treatment::ServerFixed(..) if existing => {
                Some(Departure::told(option, value, "the cluster's own", EXISTING))
            }
            Treatment::Fixed(done, why) | Treatment::ServerFixed(done, why) => {
                Some(Departure::told(option, value, done, why))
            }
            _ => None,
        }
    };
    set.filter_map(departs).collect()
}

/// Why the options of servers are not those of the scenario.
pub(crate) const EXISTING: &str =
    "The cluster was there before the run: --launch has one with the scenario's options.";

/// The options of a whole configuration by path, as scenarios write them.
pub(crate) fn flattened(configuration: &impl Serialize) -> BTreeMap<String, String> {
    let table = toml::Table::try_from(configuration).expect("a configuration is plain data");
    let mut all = BTreeMap::new();
    flatten("", &table, &mut all);
    all
}

fn flatten(below: &str, table: &toml::Table, all: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = format!("{below}{key}");
        match value {
            // A distribution is one value.
            toml::Value::Table(table) if !table.contains_key("shape") => {
                flatten(&format!("{path}."), table, all);
            }
            toml::Value::String(text) => drop(all.insert(path, text.clone())),
            other => drop(all.insert(path, other.to_string())),
        }
    }
}

/// The departures of every live run, whatever its system: the machine is this one, and what only a
/// simulation can do is not done.
pub(crate) fn of_every_system(scenario: &Scenario) -> Vec<Departure> {
    let host = kernel::host();
    let mut why = "A live run has the machine that it runs on; `loadgen profile` measures it for \
                   the simulator."
        .to_owned();
    let measured = scenario.profile.measured_on.as_ref();
    if let Some(differs) = measured.and_then(|measured| measured.differs(&host)) {
        why = format!("The profile was measured on another machine ({differs}). {why}");
    }
    let (name, cores) = (&scenario.profile.name, host.cores);
    let mut all =
        vec![Departure::told("profile", name, format!("this machine, {cores} cores"), why)];
    if scenario.buggify {
        let why = "Rare delays are drawn where the simulator acts: a real system has its own.";
        all.push(Departure::told("buggify", true, "off", why));
    }
    if scenario.audits() {
        let why = "what was written is read back to the end in any case";
        all.push(Departure::told("measure.audit", scenario.measure.audit, "none", why));
    }
    if scenario.bugs != headwater_models::bugs::BugSet::default() {
        let why = "Bugs are planted in the models: a real system has its own.";
        let planted = Departure::told("bugs", "planted", "none", why);
        all.push(planted.refused("run it with `headwater run`, or give --set bugs=[]"));
    }
    all
}

/// The departures on a system that no scenario is of: all that a scenario says about its system.
pub(crate) fn of_any_scenario(scenario: &Scenario, done: &str) -> Vec<Departure> {
    let system = scenario.system();
    let asked = format!("{} {}", system.kind().name(), system.version());
    let why = "Only the traffic and the faults of the scenario are its own here: one writer, one \
               reader, and none of the options of [system].";
    vec![Departure::told("system", asked, done, why)]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every option of `configuration` stands in `list`, and the list names nothing else.
    pub(crate) fn assert_complete(list: &[ListedOption], configuration: &impl Serialize) {
        let options = flattened(configuration);
        let missing: Vec<_> =
            options.keys().filter(|path| treatment(list, path).is_none()).collect();
        assert!(missing.is_empty(), "nobody says what a live run does with {missing:?}");
        let has = |name: &str| {
            options.keys().any(|path| path == name || name.ends_with('.') && path.starts_with(name))
        };
        let unknown: Vec<_> = list.iter().filter(|(name, _)| !has(name)).collect();
        assert!(unknown.is_empty(), "no such options: {unknown:?}");
    }

    #[test]
    #[should_panic(expected = "nobody says what a live run does with [\"linger.ms\"]")]
    fn an_option_that_is_forgotten_is_found() {
        let configuration = toml::toml! { "linger.ms" = 5 };
        assert_complete(&[], &configuration);
    }

    #[test]
    fn what_is_planted_in_the_models_is_refused() {
        let text = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\nbuggify = true\n\
                    [system]\nkind = 'bookkeeper'\n";
        let mut scenario = Scenario::parse(text, "t", None, &[]).unwrap();
        let of = |scenario: &Scenario| -> Vec<(String, bool)> {
            let all = of_every_system(scenario).into_iter();
            all.map(|one| (one.difference.option, one.remedy.is_some())).collect()
        };
        let told = |name: &str| (name.to_owned(), false);
        assert_eq!(of(&scenario), [told("profile"), told("buggify")]);
        scenario.bugs = headwater_models::bugs::ALL.iter().take(1).map(|about| about.bug).collect();
        assert_eq!(of(&scenario)[2], ("bugs".to_owned(), true));
    }
}
