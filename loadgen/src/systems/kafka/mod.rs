//! Kafka, written to and read by librdkafka, or by the Java clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use headwater_models::kafka::config::{ClientLibrary, Cluster as Configuration};
use headwater_models::kafka::producer::partitioner::partition_for_key;
use headwater_scenarios::scenario::{Scenario, Topology};

use super::calibration::Calibration;
use super::client::{Observer, Writer};
use super::departure::Departure;
use super::engine::Ends;
use super::java::Clients;
use super::lanes::LanePlan;
use super::system::{
    Asked, Cluster, Connection, Home, LiveSystem, Load, LoadTest, Source, StartReading,
    storage_name,
};
use crate::failure::{Failure, Result};
use crate::fault::proxy::need_proxies;
use crate::launch::{LaunchedCluster, Places};

mod arguments;
mod behind;
mod calibration;
mod events;
mod java;
mod launch;
mod load_test;
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

/// Events a second of an exercise, with `linger.ms` of zero, a request for each, and of one: a
/// broker whose code is still interpreted takes them with a delay, but takes them.
const EXERCISES: [(u64, u64); 2] = [(0, 1_500), (1, 6_000)];
/// Bytes a second of an exercise at the most.
const EXERCISE_BYTES: u64 = 15_000_000;

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

    fn runs_on_jvms(&self) -> bool {
        true
    }

    fn exercises(&self, scenario: &Scenario) -> Vec<Scenario> {
        let exercise = |(linger_ms, rate): (u64, u64)| {
            let mut cluster = configuration(scenario).ok()?.clone();
            cluster.producer.linger_ms = linger_ms;
            // Each broker leads.
            cluster.partitions = cluster.partitions.max(cluster.brokers);
            let mut scenario = scenario.clone();
            scenario.systems = Topology::single(Arc::new(cluster));
            let bytes = scenario.traffic.size.mean.0.max(1);
            let rate = rate.min(EXERCISE_BYTES / bytes).max(50);
            scenario.traffic.rate = format!("{rate}/s").parse().ok()?;
            Some(scenario)
        };
        EXERCISES.into_iter().filter_map(exercise).collect()
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
        topic::brokers(address).map(Some)
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
        let (library, producer, consumer) = match cluster.client {
            ClientLibrary::Librdkafka => {
                ("librdkafka", options::of_producer(cluster), options::of_consumer(cluster))
            }
            ClientLibrary::Java => {
                ("java", options::of_java_producer(cluster), options::of_java_consumer(cluster))
            }
        };
        let told = |(name, value): (&str, String)| (format!("{library}.{name}"), value);
        producer.into_iter().chain(consumer).map(told).collect()
    }

    fn load_test_settings(&self) -> &'static [(&'static str, &'static str)] {
        load_test::SETTINGS
    }

    fn load_test(
        &self,
        scenario: &Scenario,
        load: &Load<'_>,
        cluster: &Cluster,
        places: &Places,
    ) -> Result<Option<LoadTest>> {
        let topic =
            Topic { bootstrap: cluster.address.clone(), name: storage_name(), inside: None };
        let events = (scenario.traffic.size.mean.0, load);
        load_test::prepare(configuration(scenario)?, topic, events, places).map(Some)
    }

    fn in_a_pipeline(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        const WHY: &str = "The generator writes in its own process: JVMs of clients would take the \
                           cores that the engine shares with them.";
        &[("client", "librdkafka", WHY)]
    }

    fn ends(&self) -> Option<&'static dyn Ends> {
        Some(&Self)
    }

    fn calibration(&self) -> Option<&'static Calibration> {
        Some(&calibration::CALIBRATION)
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
            brokers: configuration.brokers as usize,
        });
        let bootstrap = cluster.address.clone();
        let topic = Topic { bootstrap, name: storage_name(), inside };
        topic.create(configuration)?;
        let clients = Clients::of(cluster);
        let producer = |number: u32| -> Result<Box<dyn Writer>> {
            Ok(match configuration.client {
                ClientLibrary::Librdkafka => {
                    Box::new(writer::Producer::connect(number, &topic, configuration, observer)?)
                }
                ClientLibrary::Java => {
                    let started = java::write(number, &topic, configuration, &clients, observer);
                    Box::new(started?)
                }
            })
        };
        let writers = (0..configuration.producers).map(producer).collect::<Result<_>>()?;
        let keyed = configuration.keyed && scenario.traffic.keyed();
        // The client's own rule, so that the hot partition is the simulated one's.
        let rule: fn(u64, u32) -> u32 = match configuration.client {
            ClientLibrary::Librdkafka => {
                |key, of| partition_for_key(ClientLibrary::Librdkafka, key, of)
            }
            ClientLibrary::Java => |key, of| partition_for_key(ClientLibrary::Java, key, of),
        };
        let partitions = configuration.partitions;
        let plans = LanePlan::of_writers(configuration.producers, partitions, keyed);
        let stays = match configuration.client {
            ClientLibrary::Librdkafka => Some(configuration.producer.sticky_linger()),
            ClientLibrary::Java => None,
        };
        let as_client_does = |plan: LanePlan| {
            let plan = plan.ruled_by(rule, partitions);
            match stays {
                Some(stays) => plan.staying(stays),
                None => plan,
            }
        };
        let lanes = plans.into_iter().map(as_client_does).collect();
        let (of, options, watching) = (topic.clone(), configuration.clone(), observer.clone());
        let read: StartReading = Box::new(move || match options.client {
            ClientLibrary::Librdkafka => reader::start(&of, &options, &watching),
            ClientLibrary::Java => java::read_all(&of, &options, &clients, &watching),
        });
        Ok(Connection { writers, lanes, read: Some(read), storage: Box::new(topic) })
    }
}
