//! From the command line to what is run: a scenario, a system, a seed.

use headwater_models::batch::StreamId;
use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::scenario::{self, Scenario, shell_word};
use headwater_sim::time::Duration;
use headwater_traffic::{PayloadForm, Rate};

use crate::arguments::{Run, WarmUp};
use crate::failure::{Failure, Result};
use crate::fault;
use crate::systems::departure::Departure;
use crate::systems::system::{Asked, Home, LiveSystem, Setting, Source};
use crate::systems::{self, options};

/// The default rate: that of the paper's stress test (`scenarios/library/live/stress-1600-*`).
pub(crate) const DEFAULT_RATE: &str = "1600/s";

/// The default length of a run.
const DEFAULT_DURATION: Duration = Duration::from_secs(30);

/// What is run.
#[derive(Clone)]
pub(crate) struct RunPlan {
    /// Traffic, system, faults, promises.
    pub(crate) scenario: Scenario,
    /// The text that it was read from.
    pub(crate) written: scenario::Source,
    /// What is written to.
    pub(crate) system: &'static dyn LiveSystem,
    /// The cluster that the command line names, without a scheme.
    pub(crate) named: Option<String>,
    /// The seed.
    pub(crate) seed: u64,
    /// How it is warmed up.
    pub(crate) warm_up: WarmUp,
    /// The line that does it again.
    pub(crate) reproduce: String,
    /// What was set of a scenario of several systems besides.
    pub(crate) adapted: Vec<Departure>,
    /// The system is specified: by a scenario, or a setting of `[system]`.
    asks_of_system: bool,
}

impl RunPlan {
    /// Makes a plan from a command line.
    pub(crate) fn new(run: &Run) -> Result<Self> {
        Self::read(run, false)
    }

    /// The same of a scenario of several systems, the first of which takes the schedule.
    pub(crate) fn of_several(run: &Run) -> Result<Self> {
        Self::read(run, true)
    }

    /// The same with other traffic.
    pub(crate) fn with(&self, scenario: Scenario) -> Self {
        Self { scenario, ..self.clone() }
    }

    fn read(run: &Run, several: bool) -> Result<Self> {
        let mut departures = vec![];
        let asked = run.systems.asked()?;
        let target = run.target.as_deref().map(systems::by_name).transpose()?;
        let target = match target {
            None => named_system(&asked)?,
            some => some,
        };
        let (written, scenario) = match (&run.scenario, target) {
            (Some(name), _) => {
                let written = scenario::Source::find(name)?;
                let first = written.read(&run.settings)?;
                if first.systems.is_several() && !several {
                    return Err(Failure::new(format!(
                        "{name} has several systems ({}); here one is driven: write a scenario \
                         with that one as its [system], or give it to `loadgen --scenario`",
                        first.systems.kinds()
                    )));
                }
                let set = settings(run, &asked, first.system().kind().name())?;
                let mut set = if several { of_first(set) } else { set };
                if several {
                    let live = systems::by_name(first.system().kind().name()).ok();
                    for (path, value, told) in adapted(&first, live, &set) {
                        set.push((path, value));
                        departures.push(told);
                    }
                }
                let scenario = written.read(&set)?;
                (written, scenario)
            }
            (None, None) => {
                return Err(Failure::new(format!(
                    "what to run: give --target {}, or --scenario",
                    systems::names()
                )));
            }
            (None, Some(system)) => plain(run, &asked, system)?,
        };
        let system = match target {
            Some(system) => system,
            None => systems::of_scenario(&scenario)?,
        };
        let kind = scenario.system().kind().name();
        if kind != system.name() && !system.takes_any_scenario() {
            return Err(Failure::new(format!(
                "the scenario is one of {kind}, which can't be run on {}",
                system.name()
            )));
        }
        check_cluster(run, &asked, system)?;
        check_size(&scenario)?;
        if !run.yes {
            Estimate::live(&scenario).check().map_err(Failure::new)?;
        }
        let seed = run.seed.unwrap_or(scenario.seed);
        let set = settings(run, &asked, kind)?;
        Ok(Self {
            reproduce: reproduce(run, seed),
            warm_up: run.warm_up,
            asks_of_system: run.scenario.is_some()
                || set.iter().any(|(path, _)| path.starts_with("system")),
            named: named_address(&asked, system),
            adapted: departures,
            scenario,
            written,
            system,
            seed,
        })
    }

    /// How a run on `source` differs from what was asked.
    pub(crate) fn departures(&self, source: &Source) -> Vec<Departure> {
        let mut all = fault::departures(&self.scenario, source);
        if self.asks_of_system {
            all.extend(options::of_every_system(&self.scenario));
        }
        if self.asks_of_system || !self.system.takes_any_scenario() {
            all.extend(self.system.departures(&self.scenario, source));
        }
        all
    }
}

type AllAsked = [(&'static dyn LiveSystem, Asked)];

/// The system whose cluster is named.
fn named_system(asked: &AllAsked) -> Result<Option<&'static dyn LiveSystem>> {
    let mut named = asked.iter().filter(|(_, asked)| asked.cluster.is_some());
    let first = named.next().map(|(system, _)| *system);
    match named.next() {
        None => Ok(first),
        Some((second, _)) => Err(Failure::new(format!(
            "clusters of {} and of {} are named: give one of them",
            first.map_or("none", LiveSystem::name),
            second.name()
        ))),
    }
}

/// The address of the cluster that is named of `system`.
fn named_address(asked: &AllAsked, system: &dyn LiveSystem) -> Option<String> {
    let of_system = asked.iter().find(|(asked, _)| asked.name() == system.name());
    let address = of_system.and_then(|(_, asked)| asked.cluster.as_deref())?;
    Some(address.split_once("://").map_or(address, |(_, rest)| rest).to_owned())
}

fn check_cluster(run: &Run, asked: &AllAsked, system: &dyn LiveSystem) -> Result<()> {
    let no_effect = |option: &str| {
        let option = option.split(' ').next().unwrap_or(option);
        Failure::new(format!("{option} has no effect on target {}", system.name()))
    };
    for (other, asked) in asked {
        if let (Home::Cluster { option, .. }, Some(_)) = (other.home(), &asked.cluster)
            && other.name() != system.name()
        {
            return Err(no_effect(option));
        }
    }
    match system.home() {
        Home::InProcess if run.reach.launch => Err(no_effect("--launch")),
        _ => Ok(()),
    }
}

/// Whether every event has room for the stamp that it is checked by.
fn check_size(scenario: &Scenario) -> Result<()> {
    use headwater_traffic::SizeModel;
    let too_small = |found: String| {
        Err(Failure::new(format!(
            "events of {found} have no room for what they are checked by; {STAMP_BYTES} B have"
        )))
    };
    if let Some(trace) = &scenario.traffic.trace {
        let survey = trace.survey(scenario.traffic.keyed());
        let least = survey.map_err(|error| Failure::new(error.to_string()))?.bytes_min;
        if u64::from(least) < STAMP_BYTES {
            return too_small(format!("{least}B in {}", trace.file));
        }
        return Ok(());
    }
    let size = &scenario.traffic.size;
    if size.model == SizeModel::Fixed && size.mean.0 < STAMP_BYTES {
        return too_small(size.mean.to_string());
    }
    Ok(())
}

/// The least payload that carries a stamp ([`headwater_traffic::Payloads`]).
const STAMP_BYTES: u64 = 49;

/// The default scenario. `live/` of the library has the same with longer names.
fn plain(
    run: &Run,
    asked: &AllAsked,
    system: &dyn LiveSystem,
) -> Result<(scenario::Source, Scenario)> {
    let duration = run.duration.unwrap_or(DEFAULT_DURATION);
    // Two seconds of warm-up, or a fifth of a short run.
    let warm_up = Duration((duration.0 / 5).min(2_000_000_000));
    let rate = run.rate.unwrap_or_else(default_rate);
    let (target, section) = (system.name(), system.plain_section());
    let text = format!(
        "title = \"{rate} on {target} for {duration}\"\n\
         hypothesis = \"Nothing acknowledged is lost.\"\nprofile = \"small-vm\"\n\
         [system]\n{section}[traffic]\nrate = \"{rate}\"\nduration = \"{duration}\"\n\
         [measure]\nwarm_up = \"{warm_up}\"\n"
    );
    let name = format!("loadgen-{target}");
    let written = scenario::Source::of(name, text);
    let first = written.read(&run.settings)?;
    let scenario = written.read(&settings(run, asked, first.system().kind().name())?)?;
    Ok((written, scenario))
}

fn default_rate() -> Rate {
    DEFAULT_RATE.parse().expect("the default is a rate")
}

/// The settings of the command line, for a scenario of a system of this `kind`.
fn settings(run: &Run, asked: &AllAsked, kind: &str) -> Result<Vec<(String, String)>> {
    let mut all = run.settings.clone();
    let mut set = |path: &str, value: String| all.push((path.to_owned(), value));
    if let Some(profile) = &run.profile {
        set("profile", profile.clone());
    }
    if run.scenario.is_some() {
        if let Some(rate) = run.rate {
            set("traffic.rate", rate.to_string());
        }
        if let Some(duration) = run.duration {
            set("traffic.duration", duration.to_string());
        }
    }
    if let Some(size) = run.size {
        set("traffic.size.model", "fixed".into());
        set("traffic.size.mean", size.to_string());
    }
    for (system, asked) in asked {
        for Setting { option, path, value } in &asked.settings {
            if system.name() != kind {
                return Err(Failure::new(format!("{option} is not an option of {kind}")));
            }
            set(path, value.clone());
        }
    }
    Ok(all)
}

/// The settings of options of the first system, which are named as of the only one.
fn of_first(settings: Vec<(String, String)>) -> Vec<(String, String)> {
    let of = |(path, value): (String, String)| match path.strip_prefix("system.") {
        Some(rest) if !rest.starts_with(|first: char| first.is_ascii_digit()) => {
            (format!("system.0.{rest}"), value)
        }
        _ => (path, value),
    };
    settings.into_iter().map(of).collect()
}

/// What a pipeline's first system has that its scenario does not say: events that what is behind it
/// can parse.
const TWEETS: &str = "tweet-v1";

/// What is set of a scenario of several systems besides, with the difference that it makes.
fn adapted(
    scenario: &Scenario,
    first: Option<&'static dyn LiveSystem>,
    settings: &[(String, String)],
) -> Vec<(String, String, Departure)> {
    let is_set = |path: &str| settings.iter().any(|(set, _)| set == path);
    let mut all = vec![];
    let payload = "traffic.payload";
    if scenario.traffic.payload == PayloadForm::Filler && !is_set(payload) {
        let why = "What stands behind the first stream parses tweets, which have 1,600 B at least.";
        let told = Departure::told(payload, "filler", TWEETS, why);
        all.push((payload.to_owned(), TWEETS.to_owned(), told));
    }
    for (option, value, why) in first.into_iter().flat_map(LiveSystem::in_a_pipeline) {
        let path = format!("system.0.{option}");
        let option = format!("{}{option}", scenario.systems.prefix(StreamId(0)));
        let asked = scenario.configuration().get(&option).cloned().unwrap_or_default();
        if asked != *value && !is_set(&path) {
            let told = Departure::told(path.clone(), asked, *value, *why);
            all.push((path, (*value).to_owned(), told));
        }
    }
    all
}

/// The command line that repeats it: the arguments as given, with the seed.
fn reproduce(run: &Run, seed: u64) -> String {
    let mut line = "loadgen".to_owned();
    for argument in std::env::args().skip(1) {
        line += &format!(" {}", shell_word(&argument));
    }
    if run.seed.is_none() {
        line += &format!(" --seed {seed}");
    }
    line
}
