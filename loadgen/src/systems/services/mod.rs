//! Services behind the streams of a pipeline: processes of the program `headwater-pipeline`, which
//! say on a port what they have counted, and in a file when they end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use headwater_models::system::System;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::departure::Departure;
use super::engine::Tap;
use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster;
use said::Said;

mod backup;
pub(crate) mod http;
pub(crate) mod page;
mod programs;
pub(crate) mod said;
mod search;
mod stores;
mod trending;

/// The program that all of them are of.
const PROGRAM: &str = "headwater-pipeline";

/// A service that can be launched.
pub(crate) trait LiveService: Sync {
    /// What it is: its name in `kind = "..."`, and the program's subcommand.
    fn name(&self) -> &'static str;

    /// Why it can't be launched on this machine, and what to install, if so.
    fn lacks(&self) -> Option<&'static str> {
        None
    }

    /// What it is told of the options of `system`, by its own names.
    fn options(&self, system: &dyn System) -> BTreeMap<&'static str, String>;

    /// How what it does differs from what the options of `system` ask, each named below `path`.
    fn departures(&self, _system: &dyn System, _path: &str) -> Vec<Departure> {
        vec![]
    }

    /// What is told to a balancer in front of the page by the options of `system`, by the names of
    /// the program's `nginx-config`.
    fn balancer(&self, _system: &dyn System) -> BTreeMap<&'static str, String> {
        BTreeMap::new()
    }

    /// What it is told of files, in `home`.
    fn files(&self, _home: &Path) -> BTreeMap<&'static str, String> {
        BTreeMap::new()
    }

    /// Starts what it keeps things in, beside `cluster`, with its files in `home`.
    ///
    /// # Errors
    /// Why it does not run.
    fn stores(
        &self,
        _system: &dyn System,
        _cluster: &LaunchedCluster,
        _home: &Path,
    ) -> Result<Stores> {
        Ok(Stores::default())
    }

    /// The events that it has kept in its files; none where it keeps none.
    ///
    /// # Errors
    /// If they can't be read.
    fn kept(&self, _home: &Path) -> Result<Option<Kept>> {
        Ok(None)
    }

    /// The names of the levels of its model that it counts.
    fn counts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Those levels, as it has counted them.
    fn levels(&self, _stats: &Stats) -> Vec<Level> {
        vec![]
    }

    /// What it is found to have by who asks it, when it has everything of a stream that `said`
    /// this.
    fn asked(&self, _system: &dyn System, _at: SocketAddr, _said: &Said) -> Option<Found> {
        None
    }

    /// The verdicts of the model's checkers that it has: those of a live run, and those that only a
    /// simulation comes to.
    fn verdicts(&self) -> [&'static [&'static str]; 2];
}

/// Every live service.
static SERVICES: [&dyn LiveService; 3] = [&backup::Backup, &trending::Trending, &search::Search];

/// The live service of this kind, if there is one.
pub(crate) fn service(kind: &str) -> Option<&'static dyn LiveService> {
    SERVICES.into_iter().find(|service| service.name() == kind)
}

/// The names of all, for people.
pub(crate) fn names() -> String {
    SERVICES.map(LiveService::name).join(", ")
}

/// What a service keeps things in.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    /// What the service is told of it, by its own names.
    pub(crate) told: Vec<(&'static str, String)>,
    /// The processes, by their names.
    pub(crate) processes: Vec<String>,
}

/// The events that a service has in its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The verdict on whether each is there once.
    pub(crate) verdict: &'static str,
    /// How often each is there, by its number.
    pub(crate) times: BTreeMap<u64, u32>,
}

/// A level of a model, as a service has counted it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    /// The node of the model that has it.
    pub(crate) node: &'static str,
    /// Its name there.
    pub(crate) name: &'static str,
    /// What it counts.
    pub(crate) unit: &'static str,
    /// At the end of the run.
    pub(crate) value: f64,
}

/// What was found by asking a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The verdict's name.
    pub(crate) verdict: &'static str,
    /// Of how many things.
    pub(crate) checked: u64,
    /// What is wrong with each that is not as expected.
    pub(crate) wrong: Vec<String>,
    /// The same in a few words.
    pub(crate) measured: String,
    /// What was expected.
    pub(crate) expected: &'static str,
    /// How that was found out.
    pub(crate) explanation: String,
}

/// What a service counts (`GET /stats`, and the summary at its end).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Stats {
    /// Records that it was handed.
    pub(crate) received: u64,
    /// Different events among them.
    pub(crate) distinct: u64,
    /// Records of events that it had.
    pub(crate) repeated: u64,
    /// Records that are none.
    pub(crate) malformed: u64,
    /// From an event's intended time until it is where a query finds it, microseconds.
    pub(crate) delay_us: Delays,
    /// What it has of its own.
    #[serde(flatten)]
    own: Map<String, Value>,
}

impl Stats {
    /// A number that it has of its own, by the path to it.
    fn own(&self, path: &[&str]) -> Option<f64> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.own.get(*first)?, |found, name| found.get(name))?.as_f64()
    }
}

/// How long something took, microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Delays {
    /// The median.
    pub(crate) p50: Option<u64>,
    /// The 99th percentile.
    pub(crate) p99: Option<u64>,
}

/// The program, beside this one or on the PATH; none where it was not built.
fn program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name(PROGRAM);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    std::iter::once(beside).chain(on_path).find(|program| program.is_file())
}

/// Why a service is left out where there is no program.
const NO_PROGRAM: &str = "there is no `headwater-pipeline` beside this program or on the PATH: \
                          cargo build --bin headwater-pipeline";

/// Why a service can't be launched on this machine, if so.
pub(crate) fn lacks(service: &dyn LiveService) -> Option<&'static str> {
    if program().is_none() { Some(NO_PROGRAM) } else { service.lacks() }
}

/// The start of a command line of the program: it, and its subcommand.
fn begun(subcommand: &str) -> Result<Vec<String>> {
    let program = program().ok_or_else(|| Failure::new(NO_PROGRAM))?;
    Ok(vec![program.display().to_string(), subcommand.to_owned()])
}

/// The command of a service that reads a stream, serves at an address, and keeps what it keeps in
/// its home and its `stores`.
pub(crate) fn command(
    service: &dyn LiveService,
    system: &dyn System,
    reads: &Tap,
    (listen, home): (SocketAddr, &Path),
    stores: &Stores,
) -> Result<Vec<String>> {
    let mut command = begun(service.name())?;
    let fixed = BTreeMap::from([
        ("bootstrap", reads.address.clone()),
        ("topic", reads.stream.clone()),
        ("listen", listen.to_string()),
        ("summary", summary(home).display().to_string()),
    ]);
    let all = fixed.into_iter().chain(service.files(home)).chain(service.options(system));
    for (name, value) in all.chain(stores.told.iter().cloned()) {
        command.extend([format!("--{name}"), value]);
    }
    Ok(command)
}

/// Where a service writes what it has counted when it ends.
pub(crate) fn summary(home: &Path) -> PathBuf {
    home.join("summary.json")
}

/// What a service that serves at `address` has counted by now.
pub(crate) fn stats(address: SocketAddr) -> std::io::Result<Stats> {
    serde_json::from_value(http::json(address, "/stats")?).map_err(std::io::Error::other)
}

/// Reads what a service has counted by its end.
pub(crate) fn read(path: &Path) -> Result<Stats> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::io(format_args!("can't read {}", path.display()), &error))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::after_run(format!("{}: {error}", path.display())))
}

/// A time as the program reads it.
fn time(of: headwater_sim::time::Duration) -> String {
    format!("{}ms", of.0 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_scenarios::scenario;

    #[test]
    fn what_a_service_counts_is_read_though_it_says_more() {
        let text = r#"{"stage":"trending","received":7,"distinct":5,"repeated":1,"malformed":1,
            "delay_us":{"count":5,"p50":900,"p90":950,"p99":990,"max":1000},"offsets":[3,4],
            "commit_us":{"max":2500}}"#;
        let stats: Stats = serde_json::from_str(text).unwrap();
        assert_eq!((stats.received, stats.distinct, stats.delay_us.p50), (7, 5, Some(900)));
        assert_eq!(stats.own(&["commit_us", "max"]), Some(2_500.0));
        assert_eq!((stats.own(&["commit_us", "min"]), stats.own(&["stage"])), (None, None));
        let nothing = r#"{"received":0,"distinct":0,"repeated":0,"malformed":0,"delay_us":{}}"#;
        let stats: Stats = serde_json::from_str(nothing).unwrap();
        assert_eq!(stats, Stats::default());
    }

    /// What the services of a scenario of the library are told, by kind.
    fn told(name: &str, kind: &str) -> BTreeMap<&'static str, String> {
        let read = scenario::Source::find(name).unwrap().read(&[]).unwrap();
        let found = read.systems.iter().find(|(_, part)| part.system.kind().name() == kind);
        service(kind).unwrap().options(&*found.unwrap().1.system)
    }

    #[test]
    fn options_of_the_models_reach_the_services_by_their_own_names() {
        assert_eq!(told("pipeline/twitter-full", "backup")["commit-interval"], "1000ms");
        let trending = told("pipeline/twitter-full", "trending");
        let windows = ["window", "slide", "max-delay"].map(|name| trending[name].as_str());
        assert_eq!(windows, ["5000ms", "1000ms", "3000ms"]);
        let search = told("pipeline/twitter-search", "search");
        let of = ["ttl", "ef", "m", "dimensions", "connections"].map(|name| search[name].as_str());
        assert_eq!(of, ["10000ms", "40", "16", "128", "20"]);
    }

    #[test]
    fn levels_and_verdicts_are_those_of_the_models() {
        let all: Stats = serde_json::from_str(
            r#"{"received":0,"distinct":0,"repeated":0,"malformed":0,"delay_us":{},
            "commit_us":{"max":2500},"late_for_a_window":3,"counted_before":4}"#,
        )
        .unwrap();
        let mut levels = vec![];
        let read = scenario::Source::find("pipeline/twitter-full").unwrap().read(&[]).unwrap();
        for live in SERVICES {
            let part = read.systems.iter().find(|(_, it)| it.system.kind().name() == live.name());
            let of_model = part.unwrap().1.system.kind().signals().gauges;
            let names: Vec<_> = live.levels(&all).iter().map(|level| level.name).collect();
            assert_eq!(names, live.counts());
            for level in live.levels(&all) {
                let known = of_model.iter().find(|gauge| gauge.name == level.name);
                assert_eq!(known.map(|gauge| gauge.unit), Some(level.unit), "{level:?}");
                levels.push((level.name, level.value));
            }
            for verdict in live.verdicts().concat() {
                assert!(scenario::metric::Metric::parse(&format!("verdict.{verdict}")).is_ok());
            }
        }
        let expected = [("backup_commit_ms", 2.5), ("late", 3.0), ("counted_before", 4.0)];
        assert_eq!(levels, expected);
    }
}
