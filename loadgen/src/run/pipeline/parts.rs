//! The parts of a pipeline: which of a scenario's systems are launched as what, and which are not.

use headwater_models::batch::StreamId;
use headwater_reading::problem::nearest;
use headwater_scenarios::scenario::expect::Expectation;
use headwater_scenarios::scenario::metric::Metric;
use headwater_scenarios::scenario::{Part, Scenario, Topology};

use super::serving::Reads;
use crate::failure::{Failure, Result};
use crate::fault::Servers;
use crate::systems::departure::Departure;
use crate::systems::engine::{Ends, LiveEngine};
use crate::systems::services::{self, LiveService};
use crate::systems::system::{LiveSystem, Source};
use crate::systems::{self, options};

/// What is launched of a scenario.
pub(super) struct Parts<'a> {
    /// What takes the schedule.
    pub(super) first: &'a Part,
    /// How something else stands at its streams' ends.
    pub(super) ends: &'static dyn Ends,
    /// What takes from it in batches, with the stream behind that.
    pub(super) engine: EnginePart<'a>,
    /// What serves behind the streams.
    pub(super) services: Vec<ServicePart<'a>>,
    /// What is not launched: its number, and why.
    left_out: Vec<(StreamId, &'static str)>,
    /// A page is started over the services.
    pub(super) page: bool,
    /// All of it stays when the run is over.
    pub(super) holds: bool,
    scenario: &'a Scenario,
}

/// An engine, and the stream that it writes.
pub(super) struct EnginePart<'a> {
    /// What it is.
    pub(super) live: &'static dyn LiveEngine,
    /// Its stream.
    pub(super) id: StreamId,
    /// Its options.
    pub(super) part: &'a Part,
    /// The stream that it writes.
    pub(super) to: StreamId,
    /// That one's options.
    pub(super) behind: &'a Part,
}

/// A service, and the stream that it reads.
pub(super) struct ServicePart<'a> {
    /// Its number.
    id: StreamId,
    /// What it is.
    pub(super) live: &'static dyn LiveService,
    /// Its options, and its name.
    pub(super) part: &'a Part,
    /// What it reads.
    pub(super) reads: Reads,
}

/// Why a part is left out that was to be.
const ASKED: &str = "it was to be left out (--without)";

/// Why a part is left out that nobody has a live one of.
const NONE: &str = "there is none that could be launched; `headwater run` simulates it";

/// Why the run is not held to an expectation.
const SIMULATED: &str = "Only the model tells it: `headwater run` holds the simulation to it.";
const NOT_HERE: &str = "What would tell it is left out of the run.";

impl<'a> Parts<'a> {
    /// Those of a scenario whose first system is `first`, without what is to be left out.
    pub(super) fn find(
        scenario: &'a Scenario,
        first: &'static dyn LiveSystem,
        without: &[String],
    ) -> Result<Self> {
        Self::among(scenario, first, without, &services::lacks)
    }

    /// The same, on a machine where services lack this.
    fn among(
        scenario: &'a Scenario,
        first: &'static dyn LiveSystem,
        without: &[String],
        lacks: &dyn Fn(&dyn LiveService) -> Option<&'static str>,
    ) -> Result<Self> {
        let left = without.iter().map(|name| named(scenario, name)).collect::<Result<Vec<_>>>()?;
        let out = |id: &StreamId| left.iter().any(|ids| ids.contains(id));
        let streams = &scenario.systems;
        let origin = StreamId(0);
        let schedule = |(id, part): &(StreamId, &Part)| (part.from.is_none()).then_some(*id);
        if streams.iter().filter_map(|one| schedule(&one)).ne([origin]) {
            return Err(Failure::new(
                "a live pipeline has one system that takes the schedule, and lists it first",
            ));
        }
        let Some(ends) = first.ends() else {
            return Err(Failure::new(format!(
                "nothing that is launched here can take from a stream of {}: there is no \
                 connector; `headwater run` simulates it",
                first.name()
            )));
        };
        if out(&origin) {
            return Err(Failure::new(format!(
                "--without {}: everything else takes from it",
                streams.part(origin).name
            )));
        }
        let engine = engine_of(streams, origin, &out)?;
        let launched = [origin, engine.id, engine.to];
        let (mut services, mut left_out) = (vec![], vec![]);
        for (id, part) in streams.iter().filter(|(id, _)| !launched.contains(id)) {
            let reads = match part.from {
                Some(from) if from == origin => Some(Reads::First),
                Some(from) if from == engine.to => Some(Reads::Behind),
                _ => None,
            };
            match (services::service(part.system.kind().name()), reads) {
                _ if out(&id) => left_out.push((id, ASKED)),
                (Some(live), Some(reads)) => match lacks(live) {
                    Some(why) => left_out.push((id, why)),
                    None => services.push(ServicePart { id, live, part, reads }),
                },
                _ => left_out.push((id, NONE)),
            }
        }
        let first = streams.part(origin);
        let (page, holds) = (false, false);
        Ok(Self { first, ends, engine, services, left_out, page, holds, scenario })
    }

    /// The same with a page, which may stay when the run is over.
    ///
    /// # Errors
    /// If there is nothing that it could show.
    pub(super) fn with_page(self, page: bool, holds: bool) -> Result<Self> {
        if !page || !self.services.is_empty() {
            return Ok(Self { page, holds, ..self });
        }
        let left: Vec<String> = self.left_out().collect();
        Err(Failure::new(match left.is_empty() {
            true => format!(
                "--page shows what services behind the streams tell, and the scenario has none of \
                 {}; pipeline/twitter-full has",
                services::names()
            ),
            false => format!("--page has nothing to show: {}", left.join("; ")),
        }))
    }

    /// What is expected of the services' models that no service of this run tells, with why.
    fn unmeasured(&self) -> Vec<(&'a Expectation, &'static str)> {
        let launched = |id: StreamId| self.services.iter().find(|service| service.id == id);
        let one = |expected: &'a Expectation| {
            let of_part = |(id, part): (StreamId, &'a Part)| {
                let live = services::service(part.system.kind().name())?;
                let [has, simulated] = live.verdicts();
                let known = match &expected.metric {
                    Metric::Verdict(name) => {
                        let told = has.contains(&name.as_str());
                        let known = told || simulated.contains(&name.as_str());
                        known.then_some(told)?
                    }
                    Metric::GaugeMax(name) => {
                        let own = name.rsplit('/').next()?;
                        let gauges = part.system.kind().signals().gauges;
                        let known = gauges.iter().any(|gauge| gauge.name == own);
                        known.then_some(live.counts().contains(&own))?
                    }
                    _ => return None,
                };
                match (launched(id), known) {
                    (Some(_), true) => None,
                    (Some(_), false) => Some((expected, SIMULATED)),
                    (None, _) => Some((expected, NOT_HERE)),
                }
            };
            self.scenario.systems.iter().find_map(of_part)
        };
        self.scenario.expect.iter().filter_map(one).collect()
    }

    /// The scenario as far as this run can be held to it.
    pub(super) fn judged(&self) -> Scenario {
        let unmeasured = self.unmeasured();
        let mut judged = self.scenario.clone();
        judged.expect.retain(|expected| !unmeasured.iter().any(|(of, _)| *of == expected));
        judged
    }

    /// What is left out, a line each.
    pub(super) fn left_out(&self) -> impl Iterator<Item = String> + '_ {
        self.left_out.iter().map(|(id, why)| {
            let part = self.scenario.systems.part(*id);
            let kind = part.system.kind().name();
            format!("{} ({kind}) is left out: {why}", part.name)
        })
    }

    /// How a run differs from what the scenario asks of its systems.
    pub(super) fn departures(&self, first: &dyn LiveSystem) -> Vec<Departure> {
        let mut all = options::of_every_system(self.scenario);
        let EnginePart { live, id, part, to, .. } = &self.engine;
        all.extend(self.of_stream(first, StreamId(0)));
        all.extend(live.departures(&*part.system, &path(*id)));
        let version = part.system.version();
        if version != live.version() {
            let (option, done) = (format!("{}.version", path(*id)), live.version());
            let why = "What a model is of and what can be had live are releases of one line.";
            all.push(Departure::told(option, version, done, why));
        }
        all.extend(self.of_stream(first, *to));
        let why = "Its own clients write it, and both streams are on the servers that are \
                   launched for the first: there is one machine.";
        let told = format!("the servers of {}, written by {}", self.first.name, part.name);
        all.push(Departure::told(path(*to), "servers and writers of its own", told, why));
        let left = self.left_out.iter().map(|(id, why)| {
            Departure::told(path(*id), &self.scenario.systems.part(*id).name, "left out", *why)
        });
        all.extend(left);
        for ServicePart { id, live, part, .. } in &self.services {
            all.extend(live.departures(&*part.system, &path(*id)));
        }
        all.extend(self.unmeasured().into_iter().map(|(of, why)| {
            Departure::told(format!("expect.{}", of.metric), &of.text, "not looked at", why)
        }));
        all
    }

    /// The processes that are launched: those of the first stream, and the engine's.
    pub(super) fn servers(&self, first: &dyn LiveSystem) -> Servers {
        let of_first = first.servers(self.scenario).into_iter();
        let named = of_first.map(|process| (format!("{}.{process}", self.first.name), process));
        let process = self.engine.live.process();
        let engine = (format!("{}.{process}", self.engine.part.name), process.to_owned());
        Servers::of_several(named.chain([engine]).collect())
    }

    /// The departures of one of the streams, by its path.
    fn of_stream(&self, live: &dyn LiveSystem, id: StreamId) -> Vec<Departure> {
        let mut scenario = self.scenario.clone();
        let part = self.scenario.systems.part(id);
        scenario.systems = Topology::single(part.system.clone());
        scenario.faults.clear();
        let mut all = live.departures(&scenario, &Source::Launch);
        for Departure { difference, .. } in &mut all {
            difference.option = difference.option.replacen("system", &path(id), 1);
        }
        all
    }
}

/// Where a scenario has the options of a system.
fn path(id: StreamId) -> String {
    format!("system.{}", id.0)
}

/// The systems that `--without` names, by name or by kind.
fn named(scenario: &Scenario, name: &str) -> Result<Vec<StreamId>> {
    let is = |part: &Part| part.name == name || part.system.kind().name() == name;
    let found: Vec<_> =
        scenario.systems.iter().filter(|(_, part)| is(part)).map(|(id, _)| id).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = || scenario.systems.iter().map(|(_, part)| part.name.as_str());
    let near = nearest(name, names());
    let hint = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let all = names().collect::<Vec<_>>().join(", ");
    Err(Failure::new(format!("--without {name}: {hint}the scenario has {all}")))
}

/// The engine that takes from the first stream, and what it writes.
fn engine_of<'a>(
    streams: &'a Topology,
    origin: StreamId,
    out: &dyn Fn(&StreamId) -> bool,
) -> Result<EnginePart<'a>> {
    let takes = |(id, part): (StreamId, &'a Part)| {
        let live = systems::engine(part.system.kind().name())?;
        (part.from == Some(origin) && !out(&id)).then_some((live, id, part))
    };
    let Some((live, id, part)) = streams.iter().find_map(takes) else {
        return Err(Failure::new(format!(
            "no engine takes from {}: without one a scenario with a single [system] does the same",
            streams.part(origin).name
        )));
    };
    let behind = streams.iter().find(|(to, part)| part.from == Some(id) && !out(to));
    let Some((to, behind)) = behind else {
        return Err(Failure::new(format!(
            "nothing stands behind {}, and what it makes could not be read: a stream is to take \
             from it",
            part.name
        )));
    };
    let (kind, first) = (behind.system.kind().name(), streams.kind_of(origin));
    if kind != first || behind.system.version() != streams.part(origin).system.version() {
        return Err(Failure::new(format!(
            "{} is {kind} {} and {} is {first} {}: live, both streams are on the same servers, and \
             {} has a connector for no others; `headwater run` simulates it",
            behind.name,
            behind.system.version(),
            streams.part(origin).name,
            streams.part(origin).system.version(),
            live.name()
        )));
    }
    Ok(EnginePart { live, id, part, to, behind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_scenarios::scenario;

    fn find(
        name: &str,
        without: &[&str],
    ) -> std::result::Result<(Vec<String>, Vec<String>), String> {
        let scenario = scenario::Source::find(name).unwrap().read(&[]).unwrap();
        let without: Vec<String> = without.iter().map(|name| (*name).to_owned()).collect();
        let first = systems::of_scenario(&scenario).map_err(|error| error.to_string())?;
        let parts =
            Parts::among(&scenario, first, &without, &|_| None).map_err(|it| it.to_string())?;
        let departures = parts.departures(first).into_iter();
        Ok((parts.left_out().collect(), departures.map(|it| it.difference.option).collect()))
    }

    #[test]
    fn what_is_launched_and_what_is_left_out_is_told() {
        let (left, departures) = find("pipeline/twitter-1600", &[]).unwrap();
        assert_eq!(left, [""; 0]);
        assert!(departures.contains(&"system.1.version".to_owned()), "{departures:?}");
        assert!(departures.contains(&"system.2".to_owned()), "{departures:?}");
        let (left, _) = find("pipeline/twitter-full", &["backup"]).unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].starts_with("backup (backup) is left out: it was to be"), "{left:?}");
    }

    #[test]
    fn what_no_service_tells_is_not_expected_and_told() {
        let of = |name: &str, lacks: &dyn Fn(&dyn LiveService) -> Option<&'static str>| {
            let scenario = scenario::Source::find(name).unwrap().read(&[]).unwrap();
            let first = systems::of_scenario(&scenario).unwrap();
            let parts = Parts::among(&scenario, first, &[], lacks).unwrap();
            let told = parts.departures(first).into_iter().map(|it| it.difference.option);
            let mut told: Vec<_> =
                told.filter_map(|it| it.strip_prefix("expect.").map(str::to_owned)).collect();
            told.sort();
            assert_eq!(parts.judged().expect.len() + told.len(), scenario.expect.len());
            told
        };
        let simulated = ["gauge.queries_failed", "gauge.unindexed", "verdict.asked"];
        assert_eq!(of("pipeline/twitter-full", &|_| None), simulated);
        let none = of("pipeline/twitter-full", &|_| Some("there is nothing"));
        let gauges = ["backup_commit_ms", "counted_before", "late", "queries_failed", "unindexed"];
        let verdicts = ["archived", "asked", "findable", "ranked"];
        assert_eq!(none[..5], gauges.map(|name| format!("gauge.{name}")));
        assert_eq!(none[5..], verdicts.map(|name| format!("verdict.{name}")));
        let search = of("pipeline/twitter-search", &|_| None);
        assert!(search.contains(&"verdict.asked".to_owned()), "{search:?}");
        assert!(!search.contains(&"verdict.findable".to_owned()), "{search:?}");
        assert!(search.contains(&"gauge.unindexed".to_owned()), "{search:?}");
    }

    #[test]
    fn a_page_needs_something_to_show() {
        let of = |name: &str, lacks: &dyn Fn(&dyn LiveService) -> Option<&'static str>| {
            let scenario = scenario::Source::find(name).unwrap().read(&[]).unwrap();
            let first = systems::of_scenario(&scenario).unwrap();
            let parts = Parts::among(&scenario, first, &[], lacks).unwrap();
            parts.with_page(true, false).err().map(|why| why.to_string())
        };
        assert_eq!(of("pipeline/twitter-full", &|_| None), None);
        let none = of("pipeline/twitter-1600", &|_| None).unwrap();
        assert!(none.contains("has none of backup, trending, search; pipeline/twitter-full has"));
        let left = of("pipeline/twitter-full", &|_| Some("there is nothing")).unwrap();
        assert!(left.contains("nothing to show: backup (backup) is left out: there is nothing; "));
    }

    #[test]
    fn what_can_not_be_launched_is_refused_in_one_line() {
        let said = |name: &str, without: &[&str]| find(name, without).unwrap_err();
        let text = said("pipeline/twitter-1600", &["engin"]);
        assert!(text.contains("did you mean `engine`? the scenario has tweets, engine, trends"));
        assert!(said("pipeline/twitter-1600", &["tweets"]).contains("everything else takes from"));
        assert!(said("pipeline/twitter-1600", &["engine"]).contains("no engine takes from tweets"));
        assert!(said("pipeline/twitter-1600", &["trends"]).contains("nothing stands behind"));
    }

    #[test]
    fn two_streams_that_are_not_of_one_kind_and_version_are_refused() {
        let text = include_str!("two_versions.toml");
        let scenario = Scenario::parse(text, "t", None, &[]).unwrap();
        let first = systems::of_scenario(&scenario).unwrap();
        let refused = Parts::among(&scenario, first, &[], &|_| None).err();
        let refused = refused.map(|why| why.to_string());
        assert!(refused.is_some_and(|why| why.contains("both streams are on the same servers")));
    }
}
