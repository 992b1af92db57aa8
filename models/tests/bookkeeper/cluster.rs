//! A stand-alone cluster in a simulation.

use headwater_models::role::Role;
use std::rc::Rc;

use headwater_check::Positions;
use headwater_models::arrival::{Arrival, ArrivalSource, Arrivals};
use headwater_models::bookkeeper::config;
use headwater_models::bugs::BugSet;
use headwater_models::deployment::{Deployment, Environment, Machines, Pacer};
use headwater_models::protocol::Streaming;
use headwater_models::system::System;
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::MachineSpec;
use headwater_sim::network::NetworkSpec;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};

use crate::seen::Seen;

/// One way between two machines, always.
pub const ONE_WAY: Duration = Duration::from_micros(50);
/// A sync, always.
pub const SYNC: Duration = Duration::from_micros(500);

/// `count` events of `bytes` for each writer, `interval` apart, from `from` on.
pub fn steady(from: Time, interval: Duration, count: u64, bytes: u32) -> ArrivalSource {
    Rc::new(move |_, _| {
        let at = move |index: u64| from + interval * index;
        let arrival = move |index| Arrival { index, at: at(index), key: 0, bytes };
        Box::new((0..count).map(arrival)) as Arrivals
    })
}

/// Fixed latencies, a disk for each machine.
pub fn environment() -> Environment {
    let disk = DiskSpec { sync: Distribution::constant(SYNC), ..DiskSpec::default() };
    let server = MachineSpec { disks: vec![disk], ..MachineSpec::named("server") };
    Environment {
        client: MachineSpec::named("client"),
        server,
        machines: Machines::Each,
        pacer: Pacer::default(),
        bugs: BugSet::default(),
        audit: None,
    }
}

pub type Cluster = Simulation<Streaming, Seen>;

/// A cluster with `seed`.
pub fn cluster(seed: u64, cluster: &config::Cluster, source: &ArrivalSource) -> Cluster {
    cluster_in(&environment(), seed, cluster, source)
}

/// The same in the caller's environment.
pub fn cluster_in(
    environment: &Environment,
    seed: u64,
    cluster: &config::Cluster,
    source: &ArrivalSource,
) -> Cluster {
    cluster.check().expect("the cluster is possible");
    simulate(seed, cluster.deployed(environment, source))
}

/// A deployment on a network of constant latency.
pub fn simulate(seed: u64, deployment: Deployment) -> Cluster {
    let network =
        NetworkSpec { latency: Distribution::constant(ONE_WAY), ..NetworkSpec::default() };
    let spec = SimulationSpec { seed: Seed(seed), network, ..SimulationSpec::default() };
    let mut sim = Simulation::new(spec, Seen::new(Positions::Events));
    for machine in deployment.machines {
        sim.add_machine(machine);
    }
    for node in deployment.nodes {
        sim.add_node(node);
    }
    sim
}

/// The nodes of a role in the order of the deployment.
pub fn nodes(config: &config::Cluster, role: &'static Role) -> Vec<NodeId> {
    let source = steady(Time::ZERO, Duration::ZERO, 0, 0);
    config.deployed(&environment(), &source).with_role(role).collect()
}

/// The machine of bookie `number`, from 1.
pub fn machine_of(bookie: NodeId) -> MachineId {
    // Each server has a machine of its own, in the order of the nodes.
    MachineId(bookie.0)
}

/// Node `number`.
pub fn node(number: u32) -> NodeId {
    NodeId(number)
}

pub fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

/// Bookies with `replication` (E, Qw, Qa).
pub fn config(bookies: u32, replication: (u32, u32, u32)) -> config::Cluster {
    let (ensemble_size, write_quorum, ack_quorum) = replication;
    let ledger = config::Ledger { ensemble_size, write_quorum, ack_quorum };
    config::Cluster { bookies, ledger, ..config::Cluster::default() }
}
