//! Pravega, written to and read by the client of our own (`loadgen/pravega`), or by the official
//! Rust client where `loadgen` was built with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
#[cfg(feature = "pravega-rust-client")]
use headwater_models::pravega::config::Client as Library;
use headwater_models::pravega::config::{Cluster as Configuration, Mode};
use headwater_scenarios::scenario::{Scenario, Topology};
use headwater_sim::units::Bytes;
use headwater_traffic::{Rate, SizeModel, SizeSpec, TrafficSpec};

use super::calibration::Calibration;
use super::client::{Observer, Writer};
use super::departure::Departure;
use super::lanes::LanePlan;
use super::system::{
    Asked, Cluster, Connection, Home, LiveSystem, Load, LoadTest, Source, StartReading, Storage,
    storage_name,
};
use crate::failure::{Failure, Result};
use crate::fault::proxy::need_proxies;
use crate::launch::{LaunchedCluster, Places};

mod arguments;
mod calibration;
mod containers;
mod launch;
mod load_test;
mod options;
mod positions;
mod reader;
#[cfg(feature = "pravega-rust-client")]
mod rust_client;
mod split;
mod stream;
mod writer;

use arguments::PravegaArguments;
use stream::Stream;

/// The system.
pub(crate) struct Pravega;

const NAME: &str = "pravega";

/// The option that names a cluster.
const CONTROLLER: &str = "--controller tcp://HOST:PORT";

/// Events a second of an exercise, and over how many segments at the least: each has one block in
/// flight, so that most events are a request of their own.
const EXERCISE_RATE: f64 = 2_500.0;
const EXERCISE_SEGMENTS: u32 = 8;
/// Mean size of its events at the most: what has been written stays in the memory of an emulator.
const EXERCISE_SIZE: Bytes = Bytes(200);

/// Where a controller listens by default.
const DEFAULT_PORT: u16 = 9090;

/// What a scenario of Pravega says of it.
fn configuration(scenario: &Scenario) -> Result<&Configuration> {
    scenario.system().downcast_ref().ok_or_else(|| {
        let kind = scenario.system().kind().name();
        Failure::new(format!("a scenario of {kind} can't be run on {NAME}"))
    })
}

impl LiveSystem for Pravega {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runs_on_jvms(&self) -> bool {
        true
    }

    fn calibration(&self) -> Option<&'static Calibration> {
        Some(&calibration::CALIBRATION)
    }

    fn exercises(&self, scenario: &Scenario) -> Vec<Scenario> {
        let Ok(cluster) = configuration(scenario) else { return vec![] };
        let segments = cluster.segments.max(EXERCISE_SEGMENTS);
        let systems = Topology::single(Arc::new(Configuration { segments, ..cluster.clone() }));
        let mean = scenario.traffic.size.mean.min(EXERCISE_SIZE);
        let traffic = TrafficSpec {
            rate: Rate::per_second(EXERCISE_RATE),
            size: SizeSpec { model: SizeModel::Fixed, mean, ..SizeSpec::default() },
            key: scenario.traffic.key,
            ..TrafficSpec::default()
        };
        let mut exercise = scenario.clone();
        (exercise.systems, exercise.traffic) = (systems, traffic);
        vec![exercise]
    }

    /// With its own 128 MiB the emulator's cache throttles a load of 4 MB/s after half a minute.
    fn plain_section(&self) -> &'static str {
        "kind = \"pravega\"\nmode = \"standalone\"\nclient = \"headwater\"\n\
         segment_store.\"pravegaservice.cache.size.max\" = 1073741824\n"
    }

    fn arguments(&self, command: Command) -> Command {
        PravegaArguments::augment_args(command)
    }

    fn asked(&self, matches: &ArgMatches) -> std::result::Result<Asked, Error> {
        PravegaArguments::from_arg_matches(matches).map(PravegaArguments::asked)
    }

    fn home(&self) -> Home {
        Home::Cluster { option: CONTROLLER, port: DEFAULT_PORT }
    }

    fn answers(&self, address: &str) -> std::result::Result<Option<u32>, String> {
        let answered = stream::answers(address, stream::ANSWER);
        // A controller does not tell how many stores there are.
        answered
            .map(|()| None)
            .map_err(|why| format!("does not answer as a Pravega controller ({why})"))
    }

    fn departures(&self, scenario: &Scenario, source: &Source) -> Vec<Departure> {
        configuration(scenario)
            .map_or_else(|_| vec![], |cluster| options::departures(scenario, cluster, source))
    }

    fn servers(&self, scenario: &Scenario) -> Vec<String> {
        match configuration(scenario) {
            Ok(cluster) if cluster.mode == Mode::Distributed => split::servers(cluster),
            _ => vec![launch::PROCESS.to_owned()],
        }
    }

    fn serves_clients(&self, server: &str) -> bool {
        split::serves_clients(server)
    }

    fn tells(&self) -> &'static [&'static str] {
        &containers::OFFICES
    }

    fn launch(&self, scenario: &Scenario, places: &Places) -> Result<LaunchedCluster> {
        let proxied = need_proxies(&scenario.faults);
        let cluster = configuration(scenario)?;
        match cluster.mode {
            Mode::Standalone => launch::launch(cluster, proxied, places),
            Mode::Distributed => split::launch(cluster, proxied, places),
        }
    }

    fn client_options(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let Ok(cluster) = configuration(scenario) else { return BTreeMap::new() };
        options::of_client(cluster)
    }

    fn load_test(
        &self,
        scenario: &Scenario,
        load: &Load<'_>,
        cluster: &Cluster,
        places: &Places,
    ) -> Result<Option<LoadTest>> {
        let stream = Stream::new(&cluster.address, &storage_name())?;
        stream.create(configuration(scenario)?)?;
        let bytes = scenario.traffic.size.mean.0;
        load_test::prepare(stream, (bytes, load), &cluster.address, places).map(Some)
    }

    fn open(
        &self,
        scenario: &Scenario,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Connection> {
        let configuration = configuration(scenario)?;
        let stream = Stream::new(&cluster.address, &storage_name())?;
        stream.create(configuration)?;
        let keyed = scenario.traffic.keyed();
        let lanes = LanePlan::of_writers(configuration.writers, writer::LANES, keyed);
        #[cfg(feature = "pravega-rust-client")]
        if configuration.client == Library::Rust {
            let client = rust_client::RustClient::new(&stream, configuration)?;
            let writers =
                (0..configuration.writers).map(|_| client.writer(observer.clone())).collect();
            let (read, watching) = (client.clone(), observer.clone());
            let read: StartReading = Box::new(move || read.read(watching));
            return Ok(Connection { writers, lanes, read: Some(read), storage: Box::new(client) });
        }
        let (read, watching) = (stream.clone(), observer.clone());
        let writer = |number| -> Box<dyn Writer> {
            Box::new(writer::OwnWriter::open(&stream, number, observer.clone()))
        };
        let writers = (0..configuration.writers).map(writer).collect();
        let read: StartReading = Box::new(move || reader::start(&read, 0, watching));
        let storage: Box<dyn Storage> = match &cluster.launched {
            Some(launched) if configuration.mode == Mode::Distributed => {
                let (data, stores) = (launched.data.clone(), configuration.stores as usize);
                Box::new(containers::OnStores { stream, data, stores })
            }
            _ => Box::new(stream),
        };
        Ok(Connection { writers, lanes, read: Some(read), storage })
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::random::Seed;

    use super::*;

    /// Its events are small ones of its own, whatever the scenario's are: tweets of so few bytes
    /// there are not.
    #[test]
    fn an_exercise_has_its_own_events() {
        let text = "title = 't'\nhypothesis = 'h'\nprofile = 'laptop'\n[system]\nkind = 'pravega'\n\
                    mode = 'standalone'\n[traffic]\npayload = 'tweet-v1'\ncascades.ratio = 0.5\n";
        let scenario = Scenario::parse(text, "t.toml", None, &[]).unwrap();
        let exercises = Pravega.exercises(&scenario);
        assert_eq!(exercises.len(), 1);
        let plan = exercises[0].traffic.plan(Seed(1)).unwrap();
        let first = Arc::new(plan).schedule().next().unwrap();
        assert_eq!(u64::from(first.bytes), EXERCISE_SIZE.0);
        assert_eq!(configuration(&exercises[0]).unwrap().segments, EXERCISE_SEGMENTS);
    }
}
