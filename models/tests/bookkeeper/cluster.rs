//! A stand-alone cluster in a simulation, and what was seen of it.

use headwater_models::role::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use headwater_models::arrival::{Arrival, ArrivalSource, Arrivals};
use headwater_models::bookkeeper::{config, deploy};
use headwater_models::bugs::BugSet;
use headwater_models::deployment::{Deployment, Environment};
use headwater_models::note::Note;
use headwater_models::property::{Property, When};
use headwater_models::protocol::Streaming;
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::MachineSpec;
use headwater_sim::network::NetworkSpec;
use headwater_sim::node::Observer;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};

/// One way between two machines, always.
pub const ONE_WAY: Duration = Duration::from_micros(50);
/// A sync, always.
pub const SYNC: Duration = Duration::from_micros(500);

/// What was noted.
#[derive(Default)]
pub struct Seen {
    /// (writer, sequence number): latency in ns from the intended time.
    pub acked: BTreeMap<(u32, u64), u64>,
    /// When each was acked.
    pub acked_at: Vec<Time>,
    pub failed: Vec<(u32, u64, &'static str)>,
    pub delivered: Vec<(u32, u64)>,
    pub events: Vec<(Time, NodeId, &'static str, u64)>,
    /// Last add confirmed of each ledger, and how often one fell.
    pub watermarks: BTreeMap<u64, u64>,
    pub fallen: u64,
    /// How often each property was noted.
    pub properties: BTreeMap<&'static str, u64>,
    /// Properties that must always hold and did not.
    pub violated: Vec<&'static str>,
}

impl Observer<Streaming> for Seen {
    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        match note {
            Note::Acked { batch } => {
                for (sequence, intended) in (batch.first..).zip(&batch.intended) {
                    self.acked.insert((batch.writer, sequence), at.since(*intended).0);
                    self.acked_at.push(at);
                }
            }
            Note::Failed { batch, error } => {
                let sequences = batch.first..=batch.last();
                self.failed.extend(sequences.map(|sequence| (batch.writer, sequence, error)));
            }
            Note::Delivered { batch, .. } => {
                let sequences = batch.first..=batch.last();
                self.delivered.extend(sequences.map(|sequence| (batch.writer, sequence)));
            }
            Note::Property { property, holds, .. } => {
                if !holds && property.when == When::Always {
                    self.violated.push(property.name);
                }
                *self.properties.entry(property.name).or_default() += 1;
            }
            Note::Event { name, entity, .. } => self.events.push((at, node, name, entity)),
            Note::Watermark { entity, value, .. } => {
                let before = self.watermarks.insert(entity, value);
                self.fallen += u64::from(before.is_some_and(|before| before > value));
            }
        }
    }
}

impl Seen {
    /// Acked events that were not delivered.
    pub fn lost(&self) -> Vec<(u32, u64)> {
        let delivered: BTreeSet<_> = self.delivered.iter().copied().collect();
        self.acked.keys().filter(|event| !delivered.contains(event)).copied().collect()
    }

    /// Each writer's events are delivered in order and once.
    pub fn delivered_in_order(&self) -> bool {
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        self.delivered.iter().all(|(writer, sequence)| {
            let before = last.insert(*writer, *sequence);
            before.is_none_or(|before| before < *sequence)
        })
    }

    pub fn count(&self, name: &str) -> usize {
        self.events.iter().filter(|(_, _, event, _)| *event == name).count()
    }

    /// How often a property was noted.
    pub fn noted(&self, property: &Property) -> u64 {
        self.properties.get(property.name).copied().unwrap_or(0)
    }

    /// The `q`-quantile of ack latency.
    pub fn latency(&self, q: f64) -> Duration {
        let mut all: Vec<_> = self.acked.values().copied().collect();
        all.sort_unstable();
        assert!(!all.is_empty(), "nothing was acked");
        Duration(all[((all.len() - 1) as f64 * q) as usize])
    }

    /// The longest time without an ack between the first and the last.
    pub fn longest_gap(&self) -> Duration {
        let gaps = self.acked_at.windows(2).map(|pair| pair[1].since(pair[0]));
        gaps.max().unwrap_or_default()
    }
}

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
        one_machine: false,
        bugs: BugSet::default(),
    }
}

pub type Cluster = Simulation<Streaming, Seen>;

/// A cluster with `seed`.
pub fn cluster(seed: u64, cluster: &config::Cluster, source: &ArrivalSource) -> Cluster {
    cluster_in(&environment(), seed, cluster, source)
}

/// The same in an environment of one's own.
pub fn cluster_in(
    environment: &Environment,
    seed: u64,
    cluster: &config::Cluster,
    source: &ArrivalSource,
) -> Cluster {
    cluster.check().expect("the cluster is possible");
    simulate(seed, deploy::deploy(cluster, environment, source))
}

/// A deployment on a network of constant latency.
pub fn simulate(seed: u64, deployment: Deployment) -> Cluster {
    let network =
        NetworkSpec { latency: Distribution::constant(ONE_WAY), ..NetworkSpec::default() };
    let spec = SimulationSpec { seed: Seed(seed), network, ..SimulationSpec::default() };
    let mut sim = Simulation::new(spec, Seen::default());
    for machine in deployment.machines {
        sim.add_machine(machine);
    }
    for node in deployment.nodes {
        sim.add_node(node);
    }
    sim
}

/// The nodes of a role in [`deploy::deploy`]'s order.
pub fn nodes(config: &config::Cluster, role: &'static Role) -> Vec<NodeId> {
    let source = steady(Time::ZERO, Duration::ZERO, 0, 0);
    deploy::deploy(config, &environment(), &source).with_role(role).collect()
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
