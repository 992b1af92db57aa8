//! A cluster in a simulation.

use headwater_check::{Events, Positions, Promises, Replica, Stored, Suite};
use headwater_models::arrival::ArrivalSource;
use headwater_models::bugs::Bug;
use headwater_models::deployment::{Environment, Machines, Pacer};
use headwater_models::kafka::config::{Cluster, Version};
use headwater_models::kafka::system::BROKER;
use headwater_models::protocol::Streaming;
use headwater_models::role::{CONSUMER, PRODUCER};
use headwater_models::system::System;
use headwater_models::tier::TIER;
use headwater_sim::condition::Condition;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, MachineId, NodeId};
use headwater_traffic::{KeyMode, Pacing, Rate, SizeModel, SizeSpec, TrafficSpec};

use crate::seen::Seen;

/// A cluster at work.
pub struct Bench {
    /// The simulation.
    pub sim: Simulation<Streaming, Seen>,
    brokers: Vec<NodeId>,
    producers: Vec<NodeId>,
    consumer: NodeId,
    tier: Option<NodeId>,
    machines: Vec<MachineId>,
}

/// `rate` events a second of `bytes` for `seconds`, evenly, each with a key of its own.
pub fn steady(rate: u64, bytes: u32, seconds: u64) -> ArrivalSource {
    let spec = TrafficSpec {
        rate: Rate::per_second(rate as f64),
        duration: Duration::from_secs(seconds),
        arrivals: Pacing::Constant,
        key: KeyMode::None,
        size: SizeSpec { model: SizeModel::Fixed, mean: Bytes(bytes.into()), ..Default::default() },
        ..TrafficSpec::default()
    };
    spec.source(Seed(0)).expect("the traffic is possible")
}

/// Three brokers, three replicas, two of them in sync at least.
pub fn three() -> Cluster {
    let mut cluster = Cluster::defaults(Version::V3_9);
    (cluster.brokers, cluster.replication_factor) = (3, 3);
    cluster.topic.min_insync_replicas = 2;
    cluster
}

/// A cluster of machines with four cores each, 25 us apart.
pub fn bench(cluster: &Cluster, source: &ArrivalSource, seed: u64) -> Bench {
    bench_with(cluster, &[], source, seed)
}

/// The same with planted bugs.
pub fn bench_with(cluster: &Cluster, bugs: &[Bug], source: &ArrivalSource, seed: u64) -> Bench {
    bench_of(machine(4), cluster, bugs, source, seed)
}

/// The same on machines with so many cores.
pub fn bench_on(cores: u32, cluster: &Cluster, source: &ArrivalSource, seed: u64) -> Bench {
    bench_of(machine(cores), cluster, &[], source, seed)
}

fn machine(cores: u32) -> MachineSpec {
    MachineSpec { cores, ..MachineSpec::named("machine") }
}

/// The same on such machines.
pub fn bench_of(
    machine: MachineSpec,
    cluster: &Cluster,
    bugs: &[Bug],
    source: &ArrivalSource,
    seed: u64,
) -> Bench {
    let environment = Environment {
        server: machine.clone(),
        client: machine,
        machines: Machines::Each,
        pacer: Pacer::default(),
        bugs: bugs.iter().copied().collect(),
        audit: None,
    };
    bench_in(&environment, cluster, source, seed)
}

/// The same in any environment.
pub fn bench_in(
    environment: &Environment,
    cluster: &Cluster,
    source: &ArrivalSource,
    seed: u64,
) -> Bench {
    cluster.check().expect("the cluster is possible");
    let deployment = cluster.deployed(environment, source);
    let mut spec = SimulationSpec { seed: Seed(seed), ..SimulationSpec::default() };
    let us = Duration::from_micros;
    spec.network.latency = Distribution::uniform(us(20), us(30));
    let mut sim = Simulation::new(spec, Seen::new(Positions::Events));
    let brokers: Vec<_> = deployment.with_role(BROKER).collect();
    let producers = deployment.with_role(PRODUCER).collect();
    let consumer = deployment.with_role(CONSUMER).next().expect("a consumer");
    let tier = deployment.with_role(TIER).next();
    let machines = brokers.iter().map(|node| deployment.nodes[node.index()].machine).collect();
    for machine in deployment.machines {
        sim.add_machine(machine);
    }
    for node in deployment.nodes {
        sim.add_node(node);
    }
    Bench { sim, brokers, producers, consumer, tier, machines }
}

/// A run in which the controller is not broker 0, which leads the partition.
pub fn led_by_another_than_the_controller(seconds: u64) -> Bench {
    of_three_led_by_another(&three(), seconds)
}

/// The same of another cluster of three.
pub fn of_three_led_by_another(cluster: &Cluster, seconds: u64) -> Bench {
    (0..20)
        .map(|seed| {
            let mut bench = bench(cluster, &steady(400, 1_000, seconds), seed);
            bench.run(4);
            bench
        })
        .find(|bench| bench.controller() != 0)
        .expect("one of twenty seeds elects another controller")
}

impl Bench {
    /// Runs up to a second.
    pub fn run(&mut self, seconds: u64) -> &Seen {
        self.sim.run_until(Time(seconds * 1_000_000_000));
        self.sim.observer()
    }

    /// Lets a fault happen at a second; it is given broker `number` and its machine.
    pub fn at(&mut self, second: u64, number: usize, fault: impl Fn(NodeId, MachineId) -> Fault) {
        let fault = fault(self.brokers[number], self.machines[number]);
        self.sim.schedule(Time(second * 1_000_000_000), fault);
    }

    /// Events acknowledged and on no broker's disk any more, whether they were read before or not.
    pub fn gone_from_all_disks(&self) -> u64 {
        self.without_a_copy(|_durable| true)
    }

    /// Events acknowledged that are durable on no broker's disk.
    pub fn acked_not_durable(&self) -> u64 {
        self.without_a_copy(|durable| durable)
    }

    /// Events acknowledged that are in no record that counts as a copy.
    fn without_a_copy(&self, counts: impl Fn(bool) -> bool) -> u64 {
        let mut history = self.sim.observer().history.clone();
        for node in &self.brokers {
            let mut stored = Stored::default();
            for (_, _, _, record, durable) in self.sim.disk_records(*node) {
                if counts(durable) {
                    record.for_each_range(&mut |range| {
                        stored.insert(Events::from(range), Time::ZERO);
                    });
                }
            }
            history.replica(Replica { name: node.to_string(), copies: 1, stored });
        }
        let verdicts = Suite::from(Promises { copies: 1, ..Promises::none() }).run(&history);
        let durable = verdicts.iter().find(|verdict| verdict.name == "durable_replicas");
        durable.expect("copies were promised").violations
    }

    /// The producers' nodes.
    pub fn producers(&self) -> &[NodeId] {
        &self.producers
    }

    /// A broker's node.
    pub fn broker(&self, number: usize) -> NodeId {
        self.brokers[number]
    }

    /// The condition that remote storage is in changes at a second.
    pub fn tier_at(&mut self, second: u64, name: &str, value: u64) {
        let node = self.tier.expect("there is remote storage");
        let condition = Condition { name: name.into(), value };
        let fault = Fault::Condition { node, condition };
        self.sim.schedule(Time(second * 1_000_000_000), fault);
    }

    /// Bytes in remote storage.
    pub fn tier_bytes(&self) -> u64 {
        self.tier.map_or(0, |node| self.sim.disk_bytes(node))
    }

    /// The broker that became the active controller last, before the clock.
    pub fn controller(&self) -> usize {
        let events = self.sim.observer().events.iter().rev();
        let mut elected = events.filter(|event| event.name == "controller_elected");
        let node = elected.next().expect("a controller was elected").node;
        self.brokers.iter().position(|broker| *broker == node).expect("it is a broker")
    }

    /// The consumer stands still from one second to another.
    pub fn pause_consumer(&mut self, from: u64, to: u64) {
        let (node, second) = (self.consumer, |at: u64| Time(at * 1_000_000_000));
        self.sim.schedule(second(from), Fault::Pause { node });
        self.sim.schedule(second(to), Fault::Resume { node });
    }
}
