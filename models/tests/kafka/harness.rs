//! A cluster in a simulation, and what was noted of it.

use headwater_models::kafka::system::BROKER;
use headwater_models::role::{CONSUMER, PRODUCER};
use std::collections::BTreeMap;
use std::rc::Rc;

use headwater_models::arrival::{Arrival, ArrivalSource};
use headwater_models::bugs::Bug;
use headwater_models::deployment::Environment;
use headwater_models::kafka::config::{Cluster, Version};
use headwater_models::kafka::deploy::deploy;
use headwater_models::note::Note;
use headwater_models::protocol::Streaming;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::node::Observer;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};

/// What was noted.
#[derive(Default)]
pub struct Notes {
    /// (time of the ack, response) of every event, in order of acknowledgement.
    pub acks: Vec<(Time, Duration)>,
    /// Batches acknowledged.
    pub batches: u64,
    /// Acknowledged batches by (lane, first): number of events.
    acked: BTreeMap<(u32, u64), u64>,
    /// Deliveries by (lane, first).
    delivered: BTreeMap<(u32, u64), u64>,
    /// Events of the timeline.
    pub events: Vec<(Time, NodeId, &'static str)>,
    watermarks: BTreeMap<u64, u64>,
    /// The high watermark of a partition went back.
    pub watermark_fell: bool,
}

impl Observer<Streaming> for Notes {
    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        match note {
            Note::Acked { batch } => {
                self.batches += 1;
                self.acked.insert((batch.lane.0, batch.first), batch.count());
                self.acks.extend(batch.intended.iter().map(|intended| (at, at.since(*intended))));
            }
            Note::Delivered { batch, .. } => {
                *self.delivered.entry((batch.lane.0, batch.first)).or_default() += 1;
            }
            Note::Watermark { entity, value, .. } => {
                let last = self.watermarks.insert(entity, value).unwrap_or(0);
                self.watermark_fell |= value < last;
            }
            Note::Property { .. } => {}
            Note::Event { name, .. } => self.events.push((at, node, name)),
            Note::Failed { .. } => {}
        }
    }
}

impl Notes {
    /// Events acknowledged and never delivered.
    pub fn lost(&self) -> u64 {
        let missing = self.acked.iter().filter(|(batch, _)| !self.delivered.contains_key(batch));
        missing.map(|(_, events)| events).sum()
    }

    /// The lanes on which anything was acknowledged.
    pub fn lanes(&self) -> Vec<u32> {
        let mut lanes: Vec<_> = self.acked.keys().map(|(lane, _)| *lane).collect();
        lanes.dedup();
        lanes
    }

    /// Batches delivered more than once.
    pub fn repeated(&self) -> usize {
        self.delivered.values().filter(|times| **times > 1).count()
    }

    /// Response at a share, in microseconds.
    pub fn response_us(&self, share: f64) -> u64 {
        let mut all: Vec<_> = self.acks.iter().map(|(_, response)| response.0 / 1_000).collect();
        all.sort_unstable();
        all[((all.len() - 1) as f64 * share) as usize]
    }

    /// The longest time between two acks, in milliseconds.
    pub fn longest_gap_ms(&self) -> u64 {
        let gaps = self.acks.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_millis());
        gaps.max().unwrap_or(0)
    }

    /// When an event of this name first happened, in milliseconds.
    pub fn first_ms(&self, name: &str) -> Option<u64> {
        self.events.iter().find(|of| of.2 == name).map(|of| of.0.0 / 1_000_000)
    }
}

/// A cluster at work.
pub struct Bench {
    /// The simulation.
    pub sim: Simulation<Streaming, Notes>,
    brokers: Vec<NodeId>,
    producers: Vec<NodeId>,
    /// Paused by the stories of planted bugs only.
    #[cfg_attr(not(feature = "planted-bugs"), allow(dead_code))]
    consumer: NodeId,
    machines: Vec<MachineId>,
}

/// `rate` events a second of `bytes` for `seconds`, keyed by their number.
pub fn steady(rate: u64, bytes: u32, seconds: u64) -> ArrivalSource {
    Rc::new(move |producer, producers| {
        let all = (0..rate * seconds).map(move |index| {
            let at = Time(index * 1_000_000_000 / rate);
            Arrival { index, at, key: index % 1_000, bytes }
        });
        let mine = move |of: &Arrival| of.index % u64::from(producers) == u64::from(producer);
        Box::new(all.filter(mine))
    })
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
    cluster.check().expect("the cluster is possible");
    let machine = MachineSpec { cores: 4, ..MachineSpec::named("machine") };
    let environment = Environment {
        server: machine.clone(),
        client: machine,
        one_machine: false,
        bugs: bugs.iter().copied().collect(),
    };
    let deployment = deploy(cluster, &environment, source);
    let mut spec = SimulationSpec { seed: Seed(seed), ..SimulationSpec::default() };
    let us = Duration::from_micros;
    spec.network.latency = Distribution::uniform(us(20), us(30));
    let mut sim = Simulation::new(spec, Notes::default());
    let brokers: Vec<_> = deployment.with_role(BROKER).collect();
    let producers = deployment.with_role(PRODUCER).collect();
    let consumer = deployment.with_role(CONSUMER).next().expect("a consumer");
    let machines = brokers.iter().map(|node| deployment.nodes[node.index()].machine).collect();
    for machine in deployment.machines {
        sim.add_machine(machine);
    }
    for node in deployment.nodes {
        sim.add_node(node);
    }
    Bench { sim, brokers, producers, consumer, machines }
}

impl Bench {
    /// Runs up to a second.
    pub fn run(&mut self, seconds: u64) -> &Notes {
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
        let mut acked = self.sim.observer().acked.clone();
        for node in &self.brokers {
            for (_, _, _, record, _) in self.sim.disk_records(*node) {
                record.for_each_batch(&mut |batch| {
                    acked.remove(&(batch.lane.0, batch.first));
                });
            }
        }
        acked.values().sum()
    }

    /// Events acknowledged that are durable on no broker's disk.
    pub fn acked_not_durable(&self) -> u64 {
        let mut acked = self.sim.observer().acked.clone();
        for node in &self.brokers {
            for (_, _, _, record, durable) in self.sim.disk_records(*node) {
                record.for_each_batch(&mut |batch| {
                    if durable {
                        acked.remove(&(batch.lane.0, batch.first));
                    }
                });
            }
        }
        acked.values().sum()
    }

    /// The producers' nodes.
    pub fn producers(&self) -> &[NodeId] {
        &self.producers
    }

    /// A broker's node.
    pub fn broker(&self, number: usize) -> NodeId {
        self.brokers[number]
    }

    /// The broker that became the active controller last, before the clock.
    pub fn controller(&self) -> usize {
        let elected = |of: &&(Time, NodeId, &str)| of.2 == "controller_elected";
        let last = self.sim.observer().events.iter().rev().find(elected);
        let node = last.expect("a controller was elected").1;
        self.brokers.iter().position(|broker| *broker == node).expect("it is a broker")
    }

    /// The consumer stands still from one second to another.
    #[cfg(feature = "planted-bugs")]
    pub fn pause_consumer(&mut self, from: u64, to: u64) {
        let (node, second) = (self.consumer, |at: u64| Time(at * 1_000_000_000));
        self.sim.schedule(second(from), Fault::Pause { node });
        self.sim.schedule(second(to), Fault::Resume { node });
    }
}
