//! Configuration of a Pravega 0.13.0 cluster: options by their real names, defaults with their
//! source.
//!
//! Sources: pravega/pravega @ v0.13.0 (`ServiceConfig`, `DurableLogConfig`, `WriterConfig`,
//! `BookKeeperConfig`, `ClientConfig`, `EventWriterConfig`, controller `util/Config.java`) and
//! pravega/pravega-client-rust @ v0.3.7. Left out: authentication, TLS, transactions, index
//! segments (0.14 and later).
//!
//! Units are in the names or in the comment of each option.

use headwater_sim::units::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bugs::BugSet;
use crate::runtime::jvm;
use crate::{bookkeeper, tier};

mod client;
mod costs;
mod retention;
mod scaling;
mod store;

pub use client::{Reader, StreamDataRetention, Writer};
pub use costs::Costs;
pub use retention::{RetentionPolicy, RetentionType};
pub use scaling::{ScaleType, Scaling, ScalingPolicy};
pub use store::{BookKeeperLog, Controller, DataLogKind, SegmentStore, StorageKind};

/// A version of Pravega.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Version {
    /// 0.13.0, the last release on Maven Central.
    #[serde(rename = "0.13.0")]
    V0_13,
}

/// How the cluster is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything in one process (`io.pravega.local.LocalPravegaEmulator`).
    Standalone,
    /// Stores, bookies, controller, metadata service and tiered storage of their own.
    Distributed,
}

/// Which client library writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Client {
    /// pravega-client-rust: one append block in flight per segment.
    Rust,
    /// The Java client: blocks sized by an estimator, no limit in flight.
    Java,
    /// The client that `loadgen` drives (`loadgen/pravega`): the blocks of the Rust client, a
    /// connection for each segment that waits for no other, the store looked up before every
    /// attempt to connect, given up after 120 s of them. It has no options of its own.
    Headwater,
}

/// A whole cluster with its writers and readers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Version.
    pub version: Version,
    /// How it is put together.
    pub mode: Mode,
    /// Segment stores; 1 in standalone mode.
    pub stores: u32,
    /// Bookies; none if the durable log lies in memory.
    pub bookies: u32,
    /// Segment containers over all stores (`pravegaservice.container.count` and
    /// `controller.container.count`, which must be equal).
    pub containers: u32,
    /// Segments of the stream, each with an equal share of the key space.
    pub segments: u32,
    /// When the stream is scaled.
    pub scaling: Scaling,
    /// By what load it is scaled by itself.
    pub scaling_policy: ScalingPolicy,
    /// What of it is kept.
    pub retention_policy: RetentionPolicy,
    /// Which client writes.
    pub client: Client,
    /// Writer processes.
    pub writers: u32,
    /// Reader processes, which share the segments.
    pub readers: u32,
    /// The writers' options.
    pub writer: Writer,
    /// The readers' options.
    pub reader: Reader,
    /// The segment stores' options.
    pub segment_store: SegmentStore,
    /// The stores' BookKeeper client (`bookkeeper.*`).
    pub bookkeeper: BookKeeperLog,
    /// The controller's options.
    pub controller: Controller,
    /// The bookies' options.
    pub bookie: bookkeeper::config::Bookie,
    /// What becomes of the copies of a bookie that is gone.
    pub auto_recovery: bookkeeper::config::AutoRecovery,
    /// The metadata service's options.
    pub metadata: bookkeeper::config::Metadata,
    /// Tiered storage (long-term storage, LTS).
    pub tier: tier::config::Tier,
    /// The segment stores' JVMs.
    pub jvm: jvm::Config,
    /// CPU costs of store and clients.
    pub costs: Costs,
    /// Defects that were planted; none unless the deployment's environment says so.
    #[serde(skip)]
    pub bugs: BugSet,
}

impl Cluster {
    /// A distributed cluster: 3 stores and 3 bookies with the software's defaults, 4 containers per
    /// store and 3/3/2 replication as in the published benchmarks
    /// (pravega/openmessaging-benchmark `driver-pravega/deploy` @ 0817a2a5), NFS as tier 2.
    pub fn defaults(version: Version) -> Self {
        Self {
            version,
            mode: Mode::Distributed,
            stores: 3,
            bookies: 3,
            containers: 12,
            segments: 4,
            scaling: Scaling::default(),
            scaling_policy: ScalingPolicy::default(),
            retention_policy: RetentionPolicy::default(),
            client: Client::Java,
            writers: 1,
            readers: 1,
            writer: Writer::default(),
            reader: Reader::default(),
            segment_store: SegmentStore::default(),
            bookkeeper: BookKeeperLog::default(),
            controller: Controller::default(),
            bookie: bookkeeper::config::Bookie::default(),
            auto_recovery: bookkeeper::config::AutoRecovery::default(),
            metadata: bookkeeper::config::Metadata::default(),
            tier: tier::config::Tier::of(tier::config::Kind::Nfs),
            jvm: store_jvm(1),
            costs: Costs::default(),
            bugs: BugSet::default(),
        }
    }

    /// The standalone emulator: one process, durable log and tier 2 in memory, cache of 128 MiB
    /// kept for 60 s (`standalone/.../SingleNodeConfig.java`, `InProcPravegaCluster.java` @
    /// v0.13.0), 4 containers as 0.13.0 was observed to run; the Rust client, as `loadgen` uses it.
    pub fn standalone(version: Version) -> Self {
        Self {
            mode: Mode::Standalone,
            stores: 1,
            bookies: 0,
            containers: 4,
            client: Client::Rust,
            segment_store: SegmentStore::standalone(),
            tier: tier::config::Tier::of(tier::config::Kind::InMemory),
            jvm: store_jvm(2),
            ..Self::defaults(version)
        }
    }

    /// The defaults of a mode.
    pub fn defaults_of(version: Version, mode: Mode) -> Self {
        match mode {
            Mode::Standalone => Self::standalone(version),
            Mode::Distributed => Self::defaults(version),
        }
    }

    /// True if the durable log lies in BookKeeper.
    pub fn has_bookkeeper(&self) -> bool {
        self.segment_store.data_log == DataLogKind::BookKeeper
    }

    /// Events and bytes of a block at the most, of clients with one block in flight. Those of
    /// `loadgen`'s own are the Rust client's constants (`loadgen/pravega/src/writer/queue.rs`).
    pub fn block_limits(&self) -> (u32, u64) {
        let own = Writer::default();
        let of = if self.client == Client::Headwater { &own } else { &self.writer };
        (of.rust_block_events_max, of.rust_block_bytes_max)
    }

    /// The options of the logs' BookKeeper client.
    pub fn ledger_client(&self) -> bookkeeper::config::Client {
        bookkeeper::config::Client { bugs: self.bugs, ..self.bookkeeper.client() }
    }

    /// True if truncation waits for the readers.
    pub fn has_subscribers(&self) -> bool {
        self.reader.retention_type != StreamDataRetention::None
    }

    fn check_subscribers(&self) -> Result<(), String> {
        let why = match self.client {
            _ if !self.has_subscribers() => return Ok(()),
            Client::Java if !self.retention_policy.retains() => {
                "nothing waits for the readers without a retention_policy"
            }
            Client::Java if self.scaling_policy.scales() => {
                "streams that are scaled by their load do not wait for their readers here"
            }
            Client::Java => return Ok(()),
            Client::Rust | Client::Headwater => "only client = \"java\" subscribes",
        };
        Err(format!("reader retention.type: {why}; set \"none\""))
    }

    /// What makes the cluster impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("stores", self.stores),
            ("containers", self.containers),
            ("segments", self.segments),
            ("writers", self.writers),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(format!("{name} = 0: at least 1 is needed"));
            }
        }
        if self.mode == Mode::Standalone && self.stores != 1 {
            let stores = self.stores;
            return Err(format!("stores = {stores}: standalone mode runs exactly 1 segment store"));
        }
        if self.has_bookkeeper() {
            self.bookkeeper.ledger().check(self.bookies)?;
            self.bookie.check()?;
            self.bookkeeper.costs.check()?;
            self.metadata.check()?;
        } else if self.bookies > 0 {
            let bookies = self.bookies;
            return Err(format!(
                "bookies = {bookies}: nothing uses them with pravegaservice.dataLog.impl.name = \
                 \"INMEMORY\"; set 0, or BOOKKEEPER"
            ));
        } else if self.mode == Mode::Distributed {
            return Err("pravegaservice.dataLog.impl.name = \"INMEMORY\" needs mode = \
                        \"standalone\": no other store could recover a container"
                .into());
        }
        self.jvm.check().map_err(|(option, why)| format!("jvm.{option}: {why}"))?;
        self.scaling.check()?;
        self.scaling_policy.check(&self.scaling)?;
        self.retention_policy.check(&self.scaling)?;
        self.check_subscribers()?;
        self.controller.check()?;
        self.auto_recovery.check()?;
        self.segment_store.check()?;
        self.writer.check()?;
        self.reader.check()?;
        self.tier.check()
    }
}

/// The JVM of a segment store with a heap of so many GiB (`-Xms`, `-Xmx`) as `loadgen` starts it,
/// and otherwise as HotSpot chooses. What it holds: 0.42 GB in all, idle (0.13.0, standalone).
/// Serial collections on one core, at 1,600 events/s of 2,100 B in memory: 13 ms where 46 MB
/// survive, 24 to 30 ms where 64 MB do of which a quarter becomes old; G1's on two cores 7 to 10
/// ms.
fn store_jvm(heap_gib: u64) -> jvm::Config {
    jvm::Config {
        heap: Bytes::from_gib(heap_gib),
        collector: jvm::Collector::Auto,
        max_gc_pause_millis: 200,
        resident: Bytes::from_mib(300),
        young_collection_us: 2_000,
        survivor_kib_ns: 380,
        ..jvm::Config::default()
    }
}
