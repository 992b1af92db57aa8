//! Machines and the nodes on them.

use serde::{Deserialize, Serialize};

use crate::disk::DiskSpec;
use crate::distribution::Distribution;
use crate::node::{Node, Protocol};
use crate::other::{BackgroundSpec, OtherSpec};
use crate::scheduling::{Policy, SchedulerSpec};
use crate::time::Duration;
use crate::units::{Bytes, BytesPerSecond, MachineId, NodeId};

/// What the nodes on a machine share: cores, disks, NIC, power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineSpec {
    /// Name, unique in the simulation.
    pub name: String,
    /// Cores; zero for no limit: then every thread has one, and nothing of `scheduler` costs
    /// anything but the slack of timers.
    pub cores: u32,
    /// How threads get cores.
    pub scheduler: SchedulerSpec,
    /// Processes that are not of the modelled system and take a core now and then.
    pub others: Vec<OtherSpec>,
    /// Disks, numbered from 0.
    pub disks: Vec<DiskSpec>,
    /// Memory for the page cache, shared by all its disks; zero for the largest that a disk of it
    /// states ([`DiskSpec::cache`]).
    pub page_cache: Bytes,
    /// The network card, each way.
    pub nic: BytesPerSecond,
    /// One-way latency to another node of the same machine.
    pub loopback: Distribution,
}

impl MachineSpec {
    /// A machine with one default disk, no limit on cores or NIC and a loopback of 10 us.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            cores: 0,
            scheduler: SchedulerSpec::default(),
            others: Vec::new(),
            disks: vec![DiskSpec::default()],
            page_cache: Bytes(0),
            nic: BytesPerSecond::UNLIMITED,
            loopback: Distribution::constant(Duration::from_micros(10)),
        }
    }
}

impl MachineSpec {
    /// How large its page cache is.
    pub fn page_cache(&self) -> Bytes {
        let stated = self.disks.iter().map(|disk| disk.cache.0).max();
        if self.page_cache.0 == 0 { Bytes(stated.unwrap_or(0)) } else { self.page_cache }
    }
}

/// Builds a node; called at the start and at every restart. It may close over configuration only.
pub type Factory<P> = Box<dyn Fn(NodeId) -> Box<dyn Node<P>>>;

/// Threads of a process that share a queue of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolSpec {
    /// What its threads are called; empty if they are not told apart from others.
    pub name: &'static str,
    /// What they are for, in a word or two joined by hyphens: what their pool is called among the
    /// resources; empty if it has a number alone.
    pub role: &'static str,
    /// How many; zero for no limit.
    pub threads: u32,
    /// How they are scheduled, if not as their process.
    pub policy: Option<Policy>,
    /// Memory, code included, that a thread goes through each time. What the core's caches have
    /// lost of it while the core was idle has to be fetched again
    /// ([`crate::scheduling::SchedulerSpec::refill`]).
    pub working_set: Bytes,
    /// CPU time that a thread takes more where it wakes up on a core that idles: a core that has
    /// slept is slower for a while, and timers are programmed anew, which on a virtual core is the
    /// host's to do.
    pub from_idle: Duration,
}

impl PoolSpec {
    /// A pool of so many threads of this name.
    pub const fn named(name: &'static str, threads: u32) -> Self {
        let (working_set, from_idle) = (Bytes(0), Duration::ZERO);
        Self { name, role: "", threads, policy: None, working_set, from_idle }
    }

    /// The same threads, with what they are for.
    pub const fn role(self, role: &'static str) -> Self {
        Self { role, ..self }
    }

    /// A pool of so many threads that have no name of their own, with what they are for.
    pub const fn unnamed(role: &'static str, threads: u32) -> Self {
        Self::named("", threads).role(role)
    }

    /// The same threads, scheduled otherwise than their process.
    pub const fn scheduled(self, policy: Policy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// The same threads, each of which goes through so much memory.
    pub const fn through(self, kib: u64) -> Self {
        Self { working_set: Bytes(kib << 10), ..self }
    }

    /// The same threads, which take so much more where they wake up on a core that idled.
    pub const fn from_idle(self, more: Duration) -> Self {
        Self { from_idle: more, ..self }
    }

    /// Pools of so many threads that need no memory.
    pub fn plain(threads: impl IntoIterator<Item = u32>) -> Vec<Self> {
        let pool = |threads| Self { threads, ..Self::default() };
        threads.into_iter().map(pool).collect()
    }
}

/// A process: where it runs, what threads it has, how it is built.
pub struct NodeSpec<P: Protocol> {
    /// Name, unique in the simulation, such as `broker-1`.
    pub name: String,
    /// The machine it runs on.
    pub machine: MachineId,
    /// The pools of its threads.
    pub pools: Vec<PoolSpec>,
    /// Its threads that the model knows nothing of.
    pub background: Vec<BackgroundSpec>,
    /// How its threads are scheduled.
    pub policy: Policy,
    /// Builds it.
    pub factory: Factory<P>,
}
