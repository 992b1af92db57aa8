//! Our own log behind a socket: what the machine does with no cluster in the way.
//!
//! ```text
//!  writer  ── Write, Append… ──>  server ── append, sync once for all that is there ──> file
//!          <────── Stored ──────
//!  reader  ──── Read, End ─────>
//!          <──── Event… End ────
//! ```
//!
//! The client is the generator's own: it connects, sends again what is not known to be stored after
//! a connection is lost, gives up what is past its deadline, reads everything back. It is generic
//! over the connections ([`connection::Dial`]): the tests host it and the server on a simulated
//! network.
//!
//! A writer numbers its events; the server keeps those with a number above the last it has of that
//! writer. So an event that is sent twice is stored once, as Pravega does it (`SetupAppend` and
//! `AppendSetup` carry the last event number; `WireCommands.java` @ 0.13.0).

use std::net::SocketAddr;

use headwater_scenarios::scenario::Scenario;

use super::client::Observer;
use super::departure::Departure;
use super::lanes::LanePlan;
use super::options::of_any_scenario;
use super::system::{Cluster, Connection, Home, LiveSystem, NoStorage, Source};
use crate::failure::{Failure, Result};
use crate::fault::proxy::need_proxies;
use crate::launch::{LaunchedCluster, Places};

mod client;
mod connection;
mod frame;
#[cfg(test)]
mod hosted;
mod launch;
mod reader;
mod server;
mod store;
mod writer;

pub(crate) use launch::Serve;

/// The system.
pub(crate) struct Log;

/// Lanes of the log, which has one order for all.
const LANES: u32 = 16;

impl LiveSystem for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn takes_any_scenario(&self) -> bool {
        true
    }

    fn plain_section(&self) -> &'static str {
        "kind = \"kafka\"\nclient = \"librdkafka\"\n"
    }

    fn home(&self) -> Home {
        Home::Launched
    }

    fn answers(&self, _address: &str) -> std::result::Result<Option<u32>, String> {
        Ok(Some(1))
    }

    fn departures(&self, scenario: &Scenario, _source: &Source) -> Vec<Departure> {
        of_any_scenario(scenario, "a log of our own: one file, synced for every batch")
    }

    fn servers(&self, _scenario: &Scenario) -> Vec<String> {
        vec![launch::PROCESS.to_owned()]
    }

    fn launch(&self, scenario: &Scenario, places: &Places) -> Result<LaunchedCluster> {
        launch::launch(need_proxies(&scenario.faults), places)
    }

    fn open(
        &self,
        scenario: &Scenario,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Connection> {
        let address: SocketAddr = cluster
            .address
            .parse()
            .map_err(|error| Failure::new(format!("{}: {error}", cluster.address)))?;
        let watching = observer.clone();
        let writer = client::QueuedWriter::start(address, observer.clone())?;
        Ok(Connection {
            writers: vec![Box::new(writer)],
            lanes: LanePlan::of_writers(1, LANES, scenario.traffic.keyed()),
            read: Some(Box::new(move || client::read(address, watching))),
            storage: Box::new(NoStorage),
        })
    }
}
