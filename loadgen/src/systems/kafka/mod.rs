//! Kafka, written to and read by librdkafka.

use std::collections::BTreeMap;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use headwater_models::kafka::config::Cluster as Configuration;
use headwater_scenarios::scenario::Scenario;

use super::client::{Observer, Writer};
use super::departure::Departure;
use super::lanes::LanePlan;
use super::system::{Asked, Cluster, Connection, Home, LiveSystem, Source, storage_name};
use crate::failure::{Failure, Result};
use crate::fault::proxy::need_proxies;
use crate::launch::{LaunchedCluster, Places};

mod arguments;
mod launch;
mod options;
mod reader;
mod topic;
mod writer;

use arguments::KafkaArguments;
use topic::{Inside, Topic};

/// The system.
pub(crate) struct Kafka;

const NAME: &str = "kafka";

/// The option that names a cluster.
const BOOTSTRAP: &str = "--bootstrap HOST:PORT";

/// Where a broker listens by default.
const DEFAULT_PORT: u16 = 9092;

/// What a scenario of Kafka says of it.
fn configuration(scenario: &Scenario) -> Result<&Configuration> {
    scenario.system().downcast_ref().ok_or_else(|| {
        let kind = scenario.system().kind().name();
        Failure::new(format!("a scenario of {kind} can't be run on {NAME}"))
    })
}

impl LiveSystem for Kafka {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plain_section(&self) -> &'static str {
        "kind = \"kafka\"\nclient = \"librdkafka\"\n"
    }

    fn arguments(&self, command: Command) -> Command {
        KafkaArguments::augment_args(command)
    }

    fn asked(&self, matches: &ArgMatches) -> std::result::Result<Asked, Error> {
        KafkaArguments::from_arg_matches(matches).map(KafkaArguments::asked)
    }

    fn home(&self) -> Home {
        Home::Cluster { option: BOOTSTRAP, port: DEFAULT_PORT }
    }

    fn answers(&self, address: &str) -> std::result::Result<Option<u32>, String> {
        let seconds = topic::ANSWER.as_secs();
        let brokers = topic::brokers(address);
        brokers.map(Some).map_err(|_| format!("does not answer as Kafka within {seconds} s"))
    }

    fn departures(&self, scenario: &Scenario, source: &Source) -> Vec<Departure> {
        configuration(scenario)
            .map_or_else(|_| vec![], |cluster| options::departures(scenario, cluster, source))
    }

    fn servers(&self, scenario: &Scenario) -> Vec<String> {
        let brokers = configuration(scenario).map_or(0, |cluster| cluster.brokers as usize);
        (1..=brokers).map(launch::broker_name).collect()
    }

    fn tells(&self) -> &'static [&'static str] {
        &[topic::LEADER, topic::CONTROLLER]
    }

    fn launch(&self, scenario: &Scenario, places: &Places) -> Result<LaunchedCluster> {
        let proxied = need_proxies(&scenario.faults);
        launch::launch(configuration(scenario)?, proxied, places)
    }

    fn client_options(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let Ok(cluster) = configuration(scenario) else { return BTreeMap::new() };
        let told = |(name, value): (&str, String)| (format!("librdkafka.{name}"), value);
        let consumer = options::of_consumer(cluster).into_iter();
        options::of_producer(cluster).into_iter().chain(consumer).map(told).collect()
    }

    fn open(
        &self,
        scenario: &Scenario,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Connection> {
        let configuration = configuration(scenario)?;
        let inside = cluster.launched.as_ref().map(|launched| Inside {
            bootstrap: launched.inside.clone(),
            data: launched.data.clone(),
        });
        let bootstrap = cluster.address.clone();
        let topic = Topic { bootstrap, name: storage_name(), inside };
        topic.create(configuration)?;
        let reading = reader::start(&topic, configuration, observer)?;
        let producer = |_| -> Result<Box<dyn Writer>> {
            Ok(Box::new(writer::Producer::connect(&topic, configuration, observer.clone())?))
        };
        let writers = (0..configuration.producers).map(producer).collect::<Result<_>>()?;
        let keyed = configuration.keyed && scenario.traffic.keyed();
        let lanes = LanePlan::of_writers(configuration.producers, configuration.partitions, keyed);
        Ok(Connection { writers, lanes, reading: Some(reading), storage: Box::new(topic) })
    }
}
