//! The bench: a cluster and a schedule.
//!
//! ```text
//! schedule ──> producer-N ──> store-N ──> bookie-N, tier
//!                              │
//!              consumer-N <────┘            Seen sees every note of all of them
//! ```

use headwater_models::bookkeeper::system::BOOKIE;
use headwater_models::role::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use headwater_check::Positions;
use headwater_models::arrival::{Arrival, ArrivalSource, Arrivals};
use headwater_models::bookkeeper::record::Record as JournalRecord;
use headwater_models::bugs::BugSet;
use headwater_models::deployment::{Environment, Machines, Pacer};
use headwater_models::pravega::config::{Cluster, Mode, Version};
use headwater_models::protocol::{Record, Streaming};
use headwater_models::system::System;
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::seen::Seen;

/// Fails unless events of one key were delivered in the order of the schedule [`keyed`]. Lanes
/// change when a segment is sealed and keys move to its successors, so that no checker of lanes
/// sees this order.
pub fn check_order_of_keys(seen: &Seen, rate: u64, keys: u64) {
    let mut last = BTreeMap::new();
    for intended in &seen.delivered_due {
        let nanos = intended.since(second(1)).as_nanos();
        let index = (nanos * rate).div_ceil(1_000_000_000);
        let key = key_of(index, keys);
        let before = last.insert(key, index);
        assert!(before < Some(index), "key {key}: {before:?} before {index}");
    }
}

/// An evenly paced schedule: `rate` events a second of `bytes` for `seconds`, keys in turn.
pub fn paced(rate: u64, bytes: u32, seconds: u64) -> ArrivalSource {
    starting_at(Time::ZERO + Duration::from_secs(1), rate, bytes, seconds)
}

/// The same from an instant on.
pub fn starting_at(from: Time, rate: u64, bytes: u32, seconds: u64) -> ArrivalSource {
    schedule(from, (rate, bytes, seconds), 10_007)
}

/// As [`paced`], with so many keys in turn.
pub fn keyed(rate: u64, bytes: u32, seconds: u64, keys: u64) -> ArrivalSource {
    schedule(second(1), (rate, bytes, seconds), keys)
}

fn schedule(from: Time, (rate, bytes, seconds): (u64, u32, u64), keys: u64) -> ArrivalSource {
    Rc::new(move |producer, producers| -> Arrivals {
        let mine = move |index: &u64| index % u64::from(producers) == u64::from(producer);
        let at = move |index: u64| from + Duration(index * 1_000_000_000 / rate);
        let arrivals = (0..rate * seconds).filter(mine);
        Box::new(arrivals.map(move |index| Arrival {
            index,
            at: at(index),
            key: key_of(index, keys),
            bytes,
        }))
    })
}

/// The key of event number `index` out of `keys`.
const fn key_of(index: u64, keys: u64) -> u64 {
    index * 7_919 % keys
}

/// Machines with quick disks and no limit on cores: what is measured is the protocol.
pub fn environment(machines: Machines) -> Environment {
    let flush = Distribution::constant(Duration::from_micros(100));
    let disk = DiskSpec { sync: flush, ..DiskSpec::default() };
    let server = MachineSpec { disks: vec![disk], ..MachineSpec::named("server") };
    let (client, pacer) = (MachineSpec::named("client"), Pacer::default());
    Environment { server, client, machines, pacer, bugs: BugSet::default(), audit: None }
}

/// A cluster in a simulation.
pub struct Bench {
    /// The simulation.
    pub sim: Simulation<Streaming, Seen>,
    roles: Vec<&'static Role>,
}

impl Bench {
    /// Puts the cluster together.
    pub fn new(seed: u64, cluster: &Cluster, source: &ArrivalSource) -> Self {
        let standalone = cluster.mode == Mode::Standalone;
        let machines = if standalone { Machines::One } else { Machines::Each };
        Self::on(seed, cluster, &environment(machines), source)
    }

    /// The same on machines of one's own.
    pub fn on(
        seed: u64,
        cluster: &Cluster,
        environment: &Environment,
        source: &ArrivalSource,
    ) -> Self {
        cluster.check().expect("the cluster is possible");
        let deployment = cluster.deployed(environment, source);
        let spec = SimulationSpec { seed: Seed(seed), ..SimulationSpec::default() };
        let mut sim = Simulation::new(spec, Seen::new(Positions::Bytes));
        for machine in deployment.machines {
            sim.add_machine(machine);
        }
        for node in deployment.nodes {
            sim.add_node(node);
        }
        Self { sim, roles: deployment.roles }
    }

    /// The nodes of a role.
    pub fn nodes(&self, role: &'static Role) -> Vec<NodeId> {
        let of_role = self.roles.iter().enumerate().filter(|(_, have)| **have == role);
        of_role.map(|(index, _)| NodeId(index as u32)).collect()
    }

    /// Runs up to a second of virtual time.
    pub fn run_to(&mut self, seconds: u64) -> &Seen {
        self.sim.run_until(Time::ZERO + Duration::from_secs(seconds));
        self.sim.observer()
    }
}

impl Bench {
    /// Schedules a fault at a second of virtual time.
    pub fn fault(&mut self, second: u64, fault: Fault) {
        self.sim.schedule(Time::ZERO + Duration::from_secs(second), fault);
    }
}

impl Bench {
    /// Frames in the journal of the first bookie.
    pub fn frames(&self) -> usize {
        let bookie = self.nodes(BOOKIE)[0];
        let mut entries = BTreeSet::new();
        for (_, _, _, record, _) in self.sim.disk_records(bookie) {
            if let Record::BookKeeper(JournalRecord::Journal { entries: flushed, .. }) = record {
                entries.extend(flushed.iter().map(|entry| (entry.ledger, entry.id)));
            }
        }
        entries.len()
    }
}

/// An instant.
pub fn second(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// Stores and bookies of their own, four containers.
pub fn distributed(stores: u32, bookies: u32) -> Cluster {
    Cluster { stores, bookies, containers: 4, ..Cluster::defaults(Version::V0_13) }
}

/// The emulator in memory.
pub fn standalone() -> Cluster {
    Cluster::standalone(Version::V0_13)
}
