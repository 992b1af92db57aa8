//! A system that acknowledges at once, to measure the generator itself.

use headwater_scenarios::scenario::Scenario;

use super::client::{Delivered, Lot, Observer, Settled, Token, Writer};
use super::departure::Departure;
use super::lanes::LanePlan;
use super::options::of_any_scenario;
use super::system::{Cluster, Connection, Home, LiveSystem, NoStorage, Source};
use crate::failure::{Failure, Result};
use crate::launch::{LaunchedCluster, Places};
use crate::systems::client::Refused;

/// The system.
pub(crate) struct Null;

/// Its lanes.
const LANES: u32 = 16;

impl LiveSystem for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn takes_any_scenario(&self) -> bool {
        true
    }

    fn plain_section(&self) -> &'static str {
        "kind = \"kafka\"\nclient = \"librdkafka\"\n"
    }

    fn home(&self) -> Home {
        Home::InProcess
    }

    fn answers(&self, _address: &str) -> std::result::Result<Option<u32>, String> {
        Ok(None)
    }

    fn departures(&self, scenario: &Scenario, _source: &Source) -> Vec<Departure> {
        of_any_scenario(scenario, "nothing: every event is acknowledged at once")
    }

    fn launch(&self, _scenario: &Scenario, _places: &Places) -> Result<LaunchedCluster> {
        Err(Failure::new("target null is in the generator itself: there is nothing to launch"))
    }

    fn open(
        &self,
        scenario: &Scenario,
        _cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Connection> {
        let (acked, delivered) = (Lot::of_settled(observer), Lot::of_delivered(observer));
        let writer = Acknowledging { acked, delivered, positions: [0; LANES as usize] };
        Ok(Connection {
            writers: vec![Box::new(writer)],
            lanes: LanePlan::of_writers(1, LANES, scenario.traffic.keyed()),
            read: None,
            storage: Box::new(NoStorage),
        })
    }
}

/// Acknowledges on the pacer's own thread, and hands the payload to a reader that checks it.
struct Acknowledging {
    acked: Lot<Settled>,
    delivered: Lot<Delivered>,
    positions: [u64; LANES as usize],
}

impl Writer for Acknowledging {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let at = self.acked.clock().now();
        self.acked.add(Settled { at, token, why: None });
        let position = &mut self.positions[token.place.lane as usize];
        self.delivered.delivered_at(at, 0, Some(*position), payload);
        *position += 1;
        Ok(())
    }

    fn flush(&mut self) {
        self.acked.flush();
        self.delivered.flush();
    }

    fn abandon(&mut self) {}
}
