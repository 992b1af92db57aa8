//! The bench: a cluster, a schedule, and a ledger of what was acknowledged and delivered.
//!
//! ```text
//! schedule ──> producer-N ──> store-N ──> bookie-N, tier
//!                              │
//!              consumer-N <────┘            History sees every note of all of them
//! ```

use headwater_models::bookkeeper::system::BOOKIE;
use headwater_models::role::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use headwater_models::arrival::{Arrival, ArrivalSource, Arrivals};
use headwater_models::batch::SharedBatch;
use headwater_models::bookkeeper::record::Record as JournalRecord;
use headwater_models::bugs::BugSet;
use headwater_models::deployment::Environment;
use headwater_models::note::Note;
use headwater_models::pravega::config::{Cluster, Mode, Version};
use headwater_models::pravega::deploy::deploy;
use headwater_models::property::When;
use headwater_models::protocol::{Record, Streaming};
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::node::Observer;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

/// What happened, by (writer, lane).
#[derive(Default)]
pub struct History {
    /// Lane sequence number and time of every acknowledged event.
    pub acked: BTreeMap<(u32, u32), BTreeMap<u64, Time>>,
    /// Lane sequence numbers as they were delivered.
    pub delivered: BTreeMap<(u32, u32), Vec<u64>>,
    /// Intended times of the events in the order of their delivery.
    pub order: Vec<Time>,
    /// Response times (from the intended start) in the order of the acks, with the time of the ack.
    pub responses: Vec<(Time, Duration)>,
    /// Events given up.
    pub failed: u64,
    /// Events of the timeline: (time, name, entity, value).
    pub events: Vec<(Time, &'static str, u64, u64)>,
    /// How often each property was noted.
    pub properties: BTreeMap<&'static str, u64>,
    /// Properties that must always hold and did not.
    pub violated: Vec<&'static str>,
}

impl Observer<Streaming> for History {
    fn note(&mut self, at: Time, _node: NodeId, note: Note) {
        match note {
            Note::Acked { batch } => self.acked(at, &batch),
            Note::Delivered { batch, .. } => {
                let lane = self.delivered.entry((batch.writer, batch.lane.0)).or_default();
                lane.extend(batch.first..=batch.last());
                self.order.extend(&batch.intended);
            }
            Note::Failed { batch, .. } => self.failed += batch.count(),
            Note::Property { property, holds, .. } => {
                if !holds && property.when == When::Always {
                    self.violated.push(property.name);
                }
                *self.properties.entry(property.name).or_default() += 1;
            }
            Note::Event { name, entity, value, .. } => self.events.push((at, name, entity, value)),
            Note::Watermark { .. } => {}
        }
    }
}

impl History {
    fn acked(&mut self, at: Time, batch: &SharedBatch) {
        let lane = self.acked.entry((batch.writer, batch.lane.0)).or_default();
        for (sequence, intended) in (batch.first..).zip(&batch.intended) {
            let before = lane.insert(sequence, at);
            assert!(before.is_none(), "event {sequence} acknowledged twice");
            self.responses.push((at, at.since(*intended)));
        }
    }

    /// Events acknowledged.
    pub fn acked_count(&self) -> u64 {
        self.acked.values().map(|lane| lane.len() as u64).sum()
    }

    /// Acknowledged events that were never delivered.
    #[cfg(feature = "planted-bugs")]
    pub fn lost(&self) -> usize {
        let lost = |(key, acked): (&(u32, u32), &BTreeMap<u64, Time>)| {
            let delivered: BTreeSet<u64> =
                self.delivered.get(key).into_iter().flatten().copied().collect();
            acked.keys().filter(|sequence| !delivered.contains(sequence)).count()
        };
        self.acked.iter().map(lost).sum()
    }

    /// Every acknowledged event was delivered, once, in order.
    pub fn check_exactly_once(&self) {
        assert!(self.violated.is_empty(), "{:?}", self.violated);
        for (key, acked) in &self.acked {
            let delivered = self.delivered.get(key).map_or(&[][..], Vec::as_slice);
            for (at, pair) in delivered.windows(2).enumerate() {
                assert_eq!(pair[1], pair[0] + 1, "{key:?}: after {at} events, of {delivered:?}");
            }
            assert_eq!(delivered.first(), Some(&0), "{key:?}");
            let last = delivered.last().copied();
            let newest = acked.keys().next_back().copied();
            assert!(last >= newest, "{key:?}: delivered up to {last:?}, acknowledged {newest:?}");
        }
    }

    /// Events of one key were delivered in the order of the schedule [`keyed`].
    pub fn check_order_of_keys(&self, rate: u64, keys: u64) {
        let mut last = BTreeMap::new();
        for intended in &self.order {
            let nanos = intended.since(second(1)).as_nanos();
            let index = (nanos * rate).div_ceil(1_000_000_000);
            let key = key_of(index, keys);
            let before = last.insert(key, index);
            assert!(before < Some(index), "key {key}: {before:?} before {index}");
        }
    }

    /// A percentile of the response times, in ms.
    pub fn percentile_ms(&self, percent: u64) -> f64 {
        self.percentile_since_ms(Time::ZERO, percent)
    }

    /// The same of what was acknowledged from an instant on.
    pub fn percentile_since_ms(&self, from: Time, percent: u64) -> f64 {
        let late = self.responses.iter().filter(|(at, _)| *at >= from);
        let mut all: Vec<Duration> = late.map(|(_, response)| *response).collect();
        all.sort_unstable();
        let at = (all.len() as u64 * percent / 100).min(all.len() as u64 - 1);
        all[at as usize].as_secs_f64() * 1e3
    }

    /// The longest time without an ack between two instants: (from, length).
    pub fn longest_gap(&self, from: Time, to: Time) -> (Time, Duration) {
        let times = self.responses.iter().map(|(at, _)| *at).filter(|at| *at >= from && *at <= to);
        let mut last = from;
        let mut longest = (from, Duration::ZERO);
        for at in times.chain([to]) {
            if at.since(last) > longest.1 {
                longest = (last, at.since(last));
            }
            last = at;
        }
        longest
    }

    /// Times of the events of one name.
    pub fn times(&self, name: &str) -> Vec<Time> {
        self.events.iter().filter(|(_, of, ..)| *of == name).map(|(at, ..)| *at).collect()
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
pub fn environment(one_machine: bool) -> Environment {
    let flush = Distribution::constant(Duration::from_micros(100));
    let disk = DiskSpec { sync: flush, ..DiskSpec::default() };
    let server = MachineSpec { disks: vec![disk], ..MachineSpec::named("server") };
    Environment {
        server,
        client: MachineSpec::named("client"),
        one_machine,
        bugs: BugSet::default(),
    }
}

/// A cluster in a simulation.
pub struct Bench {
    /// The simulation.
    pub sim: Simulation<Streaming, History>,
    roles: Vec<&'static Role>,
}

impl Bench {
    /// Puts the cluster together.
    pub fn new(seed: u64, cluster: &Cluster, source: &ArrivalSource) -> Self {
        let one_machine = cluster.mode == Mode::Standalone;
        Self::on(seed, cluster, &environment(one_machine), source)
    }

    /// The same on machines of one's own.
    pub fn on(
        seed: u64,
        cluster: &Cluster,
        environment: &Environment,
        source: &ArrivalSource,
    ) -> Self {
        cluster.check().expect("the cluster is possible");
        let deployment = deploy(cluster, environment, source);
        let spec = SimulationSpec { seed: Seed(seed), ..SimulationSpec::default() };
        let mut sim = Simulation::new(spec, History::default());
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
    pub fn run_to(&mut self, seconds: u64) -> &History {
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
            if let Record::BookKeeper(JournalRecord::Journal { entries: of, .. }) = record {
                entries.extend(of.iter().map(|entry| (entry.ledger, entry.id)));
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
