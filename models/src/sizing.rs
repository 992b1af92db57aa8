//! The port for capacity planning: which clusters of a system there are to choose from, and what
//! each needs at the least, by arithmetic alone.
//!
//! Arithmetic refuses what cannot be: a disk that is too small, a card that is too slow. It is a
//! lower bound and knows no queue, so that what it lets pass is still to be run.

use std::collections::BTreeMap;

use headwater_sim::time::Duration;

use crate::system::System;

/// An option of a system and its value, as both stand in a file: `producer.linger.ms`, `5`.
pub type Setting = (String, String);

/// Options that the user has fixed, by their paths.
#[derive(Clone, Debug, Default)]
pub struct Pins(pub BTreeMap<String, String>);

impl Pins {
    /// The values of an option to choose from: the pinned one, or these.
    pub fn among(&self, path: &str, values: impl IntoIterator<Item = u32>) -> Vec<u32> {
        match self.number(path) {
            Some(number) => vec![number],
            None => values.into_iter().collect(),
        }
    }

    /// The pinned value of an option that is a whole number.
    pub fn number(&self, path: &str) -> Option<u32> {
        self.0.get(path)?.parse().ok()
    }
}

/// What arrives, and for how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Events a second on average.
    pub rate: f64,
    /// Events a second at the peak.
    pub peak: f64,
    /// Bytes of an event.
    pub event_bytes: f64,
    /// How long events are kept, seconds.
    pub retention_s: f64,
    /// Servers that may be away at a time, or zones of them.
    pub survive: u32,
    /// It is whole zones that may be away.
    pub by_zone: bool,
    /// Availability zones that servers and clients are spread over.
    pub zones: u32,
}

impl Demand {
    /// Bytes a second on average.
    pub fn bytes(&self) -> f64 {
        self.rate * self.event_bytes
    }

    /// Bytes a second at the peak.
    pub fn peak_bytes(&self) -> f64 {
        self.peak * self.event_bytes
    }

    /// How many of so many servers of a kind may be away at a time.
    pub fn away(&self, servers: u32) -> u32 {
        let each = if self.by_zone { servers.div_ceil(self.zones.max(1)) } else { 1 };
        self.survive * each
    }

    /// The share of transfers between two places drawn by chance that leave their zone.
    pub fn leaves_zone(&self) -> f64 {
        let zones = f64::from(self.zones.max(1));
        (zones - 1.0) / zones
    }
}

/// A server's machine. What has no limit is infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Cores, as many as there would be if each were as fast as the models' costs say.
    pub cores: f64,
    /// Bytes a second through the network card, each way.
    pub nic: f64,
    /// Bytes of memory for the page cache.
    pub page_cache: f64,
    /// Bytes a second that each disk writes, and the bytes that it holds.
    pub disks: Vec<(f64, f64)>,
}

/// A cluster to choose, without the settings that cost nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// What it is called: `3 brokers, 3 copies`.
    pub name: String,
    /// Its servers by what they are called, and how many there are.
    pub servers: Vec<(&'static str, u32)>,
    /// Cores of what coordinates them and has no machine of its own.
    pub shared_cores: f64,
    /// The options that make it.
    pub options: Vec<Setting>,
    /// Settings that cost nothing, of which one is to be chosen; the most usual first.
    pub settings: Vec<Vec<Setting>>,
}

/// What one server of a kind needs of what it has, at the least.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// Of what: `network card in, one of 3 brokers away`.
    pub what: String,
    /// How much.
    pub needs: f64,
    /// How much there is.
    pub has: f64,
    /// The unit of both.
    pub unit: Unit,
}

/// The unit of a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Cores.
    Cores,
}

/// What a cluster needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs {
    /// Of each server.
    pub of_servers: Vec<Need>,
    /// Bytes on the servers' disks, of all together.
    pub disk_bytes: f64,
    /// Bytes a second between servers and to and from clients, on average.
    pub network: f64,
    /// Of these, bytes a second that pass from one zone to another.
    pub between_zones: f64,
    /// Bytes in tiered storage; zero without.
    pub tier_bytes: f64,
    /// Requests a second that write to tiered storage.
    pub tier_writes: f64,
    /// For how long of the peak a server's page cache holds what is written, seconds: a reader that
    /// is further behind reads from disk.
    pub cached_s: f64,
    /// How long it takes to copy a lost server's data to a new one through its network card,
    /// seconds.
    pub rebuild_s: f64,
}

/// What a published formula says of the same question.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// Whose it is.
    pub name: &'static str,
    /// The formula.
    pub formula: &'static str,
    /// What it answers: `4 brokers`.
    pub answer: String,
    /// Where it stands.
    pub source: &'static str,
}

/// How clusters of a system are sized.
pub trait Sizing: Sync {
    /// Paths of the options that it chooses, which a user may pin.
    fn chooses(&self) -> &'static [&'static str];

    /// Short names of some of them, with the paths that they stand for: `brokers`.
    fn called(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The clusters that there are on such machines, of at most so many servers of a kind.
    fn topologies(&self, most: u32, demand: &Demand, on: &Machine, pins: &Pins) -> Vec<Topology>;

    /// Options that make as many writers and readers.
    fn clients(&self, count: u32) -> Vec<Setting>;

    /// What a configured cluster needs.
    fn needs(&self, system: &dyn System, demand: &Demand, machine: &Machine) -> Needs;

    /// The servers whose loss is tried, one at a time: nodes or offices, as a fault's target names
    /// them.
    fn victims(&self) -> &'static [&'static str];

    /// Who is lost with one of the [`victims`](Self::victims), where more than one server may be:
    /// nodes of the same kind, that keep what it keeps.
    fn others(&self, victim: &str) -> &'static [&'static str];

    /// Why not every zone has a copy of everything, if it has not: servers are dealt out to zones
    /// in turn.
    ///
    /// # Errors
    /// The reason.
    fn spread(&self, system: &dyn System, zones: u32) -> Result<(), String>;

    /// When a server's work has been taken over by others at the latest.
    fn taken_over(&self) -> Duration;

    /// The published formulas.
    fn formulas(&self, demand: &Demand, machine: &Machine) -> Vec<Formula>;
}
