//! BookKeeper: alone, written to and read by its Java client; and ZooKeeper and bookies as they are
//! launched below what keeps its logs there.

use std::collections::BTreeMap;

use headwater_models::bookkeeper::config::Cluster as Configuration;
use headwater_scenarios::scenario::Scenario;

use super::calibration::Calibration;
use super::client::{Observer, Writer};
use super::departure::Departure;
use super::java::{Clients, reader, writer::Producer};
use super::lanes::LanePlan;
use super::system::{
    Cluster, Connection, Home, LiveSystem, NoStorage, Source, StartReading, storage_name,
};
use crate::failure::{Failure, Result};
use crate::launch::{LaunchedCluster, Places};

mod alone;
mod calibration;
pub(super) mod launch;
pub(super) mod options;

use launch::Ensemble;

/// The system.
pub(crate) struct BookKeeper;

const NAME: &str = "bookkeeper";

/// What a scenario of BookKeeper says of it.
fn configuration(scenario: &Scenario) -> Result<&Configuration> {
    scenario.system().downcast_ref().ok_or_else(|| {
        let kind = scenario.system().kind().name();
        Failure::new(format!("a scenario of {kind} can't be run on {NAME}"))
    })
}

impl LiveSystem for BookKeeper {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runs_on_jvms(&self) -> bool {
        true
    }

    fn calibration(&self) -> Option<&'static Calibration> {
        Some(&calibration::CALIBRATION)
    }

    fn plain_section(&self) -> &'static str {
        "kind = \"bookkeeper\"\n"
    }

    fn home(&self) -> Home {
        Home::Launched
    }

    fn answers(&self, _address: &str) -> std::result::Result<Option<u32>, String> {
        Err("is always launched".into())
    }

    fn departures(&self, scenario: &Scenario, source: &Source) -> Vec<Departure> {
        options::departures(scenario, source)
    }

    fn servers(&self, scenario: &Scenario) -> Vec<String> {
        configuration(scenario).map_or_else(|_| vec![], |cluster| Ensemble::names(cluster.bookies))
    }

    /// Clients connect to all of them, but bookies are known by one address, to clients and to
    /// themselves: no proxy stands before it.
    fn serves_clients(&self, _server: &str) -> bool {
        false
    }

    fn launch(&self, scenario: &Scenario, places: &Places) -> Result<LaunchedCluster> {
        alone::launch(configuration(scenario)?, places)
    }

    fn client_options(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let Ok(cluster) = configuration(scenario) else { return BTreeMap::new() };
        let told = |(name, value): (String, String)| (format!("java.{name}"), value);
        options::of_client(cluster).into_iter().map(told).collect()
    }

    fn open(
        &self,
        scenario: &Scenario,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Connection> {
        let configuration = configuration(scenario)?;
        let (run, clients) = (storage_name(), Clients::of(cluster));
        let program = alone::program()?;
        let writers = configuration.writer.writers;
        let write = |number: u32| -> Result<Box<dyn Writer>> {
            let head = alone::writes(configuration, &cluster.address, &run, number);
            Ok(Box::new(Producer::start(number, &program, &head.head(), &clients, observer)?))
        };
        // A stream of ledgers is a lane.
        let lanes = LanePlan::one_each(writers);
        let connected = (0..writers).map(write).collect::<Result<_>>()?;
        let head = alone::reads(configuration, &cluster.address, &run);
        let watching = observer.clone();
        let read: StartReading =
            Box::new(move || reader::read_all(&program, &[head.head()], &clients, &watching));
        let storage = Box::new(NoStorage);
        Ok(Connection { writers: connected, lanes, read: Some(read), storage })
    }
}
