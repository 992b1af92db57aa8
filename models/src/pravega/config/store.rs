//! Options of the segment store, its BookKeeper client and the controller.
//!
//! Of pravega @ v0.13.0; each option names its unit, and its source where it isn't its own name.
//! Left out: thread pools of storage, REST, the admin gateway, security.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bookkeeper;

/// Where the durable log lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataLogKind {
    /// In the store's memory: gone with the process.
    #[serde(rename = "INMEMORY")]
    InMemory,
    /// In BookKeeper.
    #[serde(rename = "BOOKKEEPER")]
    BookKeeper,
}

/// What tier 2 is to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StorageKind {
    /// The tier node, whatever its kind; chunks grow by appends where the kind allows it.
    #[serde(rename = "FILESYSTEM")]
    FileSystem,
    /// In the memory of the standalone process.
    #[serde(rename = "INMEMORY")]
    InMemory,
}

/// Options of a segment store (`ServiceConfig`, `DurableLogConfig`, `WriterConfig` @ v0.13.0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "ServiceConfig, DurableLogConfig, WriterConfig @ pravega/pravega v0.13.0"
))]
pub struct SegmentStore {
    /// Where the durable log lies.
    #[serde(rename = "pravegaservice.dataLog.impl.name")]
    pub data_log: DataLogKind,
    /// What tier 2 is.
    #[serde(rename = "pravegaservice.storage.impl.name")]
    pub storage: StorageKind,
    /// Threads of the core pool, which runs the containers. Default 30.
    #[serde(rename = "pravegaservice.threadPool.core.size")]
    pub core_threads: u32,
    /// Event loops of the front end. Netty's default: twice the cores; here 8.
    #[serde(rename = "connection.threads")]
    pub connection_threads: u32,
    /// Cache in bytes. Default 4 GiB.
    #[serde(rename = "pravegaservice.cache.size.max")]
    pub cache_size_max: u64,
    /// Age in s at which what is in tier 2 leaves the cache. Default 1800.
    #[serde(rename = "pravegaservice.cache.time.seconds.max")]
    pub cache_time_seconds_max: u64,
    /// Length in s of a cache generation. Default 1.
    #[serde(rename = "pravegaservice.cache.generation.time.seconds")]
    pub cache_generation_time_seconds: u64,
    /// Use above which the cache evicts, in percent (`CachePolicy.DEFAULT_TARGET_UTILIZATION`).
    /// Default 75.
    #[serde(rename = "cache.utilization.target.percent")]
    pub cache_target_percent: u32,
    /// Use at which writes stop, in percent (`CachePolicy.DEFAULT_MAX_UTILIZATION`). Default 90.
    #[serde(rename = "cache.utilization.max.percent")]
    pub cache_max_percent: u32,
    /// Containers started at a time. Default 2.
    #[serde(rename = "pravegaservice.container.parallelStarts")]
    pub container_parallel_starts: u32,
    /// Session timeout with the metadata service in ms. Default 10,000.
    #[serde(rename = "pravegaservice.zk.connect.sessionTimeout.milliseconds")]
    pub session_timeout_ms: u64,
    /// Period in ms at which the store compares the containers that it runs with those that it
    /// should (`ZKSegmentContainerMonitor`, `host/ServiceStarter.java`). Default 10,000.
    #[serde(rename = "container.monitor.period.ms")]
    pub container_monitor_period_ms: u64,
    /// Outstanding append bytes over all connections at which reading stops. Default 512 MiB.
    #[serde(rename = "pravegaservice.append.bytes.allConnections.max")]
    pub all_connections_bytes_max: u64,
    /// The same for one connection. Default 128 MiB.
    #[serde(rename = "pravegaservice.append.bytes.singleConnection.max")]
    pub single_connection_bytes_max: u64,
    /// Longest delay in ms that gathers operations into a frame. Default 50.
    #[serde(rename = "durablelog.batching.delay.milliseconds.max")]
    pub batching_delay_ms_max: u64,
    /// Longest delay of any throttler in ms. Default 25,000.
    #[serde(rename = "durablelog.delay.milliseconds.max")]
    pub delay_ms_max: u64,
    /// Operations in the log, not truncated, at which writes stop. Default 1,000,000.
    #[serde(rename = "durablelog.operationLog.size.max")]
    pub operation_log_max: u64,
    /// Operations above which they slow down. Default 950,000.
    #[serde(rename = "durablelog.operationLog.size.target")]
    pub operation_log_target: u64,
    /// Commits between metadata checkpoints. Default 300.
    #[serde(rename = "durablelog.checkpoint.commit.count.max")]
    pub checkpoint_commit_count: u64,
    /// Aggregated bytes that are flushed to tier 2 without waiting. Default 4 MiB.
    #[serde(rename = "writer.flush.threshold.bytes")]
    pub flush_threshold_bytes: u64,
    /// Time in ms after which whatever there is is flushed. Default 30,000.
    #[serde(rename = "writer.flush.threshold.milliseconds")]
    pub flush_threshold_ms: u64,
    /// Bytes of one flush at the most. Default 4 MiB.
    #[serde(rename = "writer.flush.size.bytes.max")]
    pub flush_size_bytes_max: u64,
    /// Operations read at a time. Default 1000.
    #[serde(rename = "writer.itemsToReadAtOnce.max")]
    pub items_to_read_max: u64,
    /// Pause in ms after an error. Default 1000.
    #[serde(rename = "writer.error.sleep.milliseconds")]
    pub error_sleep_ms: u64,
    /// Time in ms after which a flush has failed. Default 60,000.
    #[serde(rename = "writer.flush.timeout.milliseconds")]
    pub flush_timeout_ms: u64,
    /// Bytes of a chunk at which a new one is begun. Default 128 MiB.
    #[serde(rename = "writer.rollover.size.bytes.max")]
    pub rollover_size_bytes_max: u64,
    /// Bytes of a read from tier 2, which is aligned to them
    /// (`readindex.storageRead.alignment`). Default 1 MiB.
    #[serde(rename = "readindex.storageRead.alignment")]
    pub storage_read_alignment: u64,
    /// Bytes of a reply to a reader at the most (`PravegaRequestProcessor.MAX_READ_SIZE`). Default
    /// 2 MiB.
    #[serde(rename = "read.bytes.max")]
    pub read_bytes_max: u64,
    /// How long chunks of tier 2 that nothing needs any more are kept, in s
    /// (`ChunkedSegmentStorageConfig.GARBAGE_COLLECTION_DELAY`). Default 60.
    #[serde(rename = "storage.garbage.collection.delay.seconds")]
    pub garbage_collection_delay_seconds: u64,
    /// How long a segment is left alone after it was made, whatever its load, in s
    /// (`AutoScalerConfig.COOLDOWN_IN_SECONDS`). Default 600.
    #[serde(rename = "autoScale.cooldown.time.seconds")]
    pub auto_scale_cooldown_seconds: u64,
    /// How long after a request to scale a segment another is not made, in s
    /// (`AutoScalerConfig.MUTE_IN_SECONDS`). Default 600.
    #[serde(rename = "autoScale.mute.time.seconds")]
    pub auto_scale_mute_seconds: u64,
    /// How long nothing must be written to a segment until it is taken for idle, in s
    /// (`AutoScalerConfig.CACHE_EXPIRY_IN_SECONDS`). Default 1,200.
    #[serde(rename = "autoScale.cache.expiry.seconds")]
    pub auto_scale_expiry_seconds: u64,
    /// How often idle segments are looked for, in s (`AutoScalerConfig.CACHE_CLEANUP_IN_SECONDS`).
    /// Default 300.
    #[serde(rename = "autoScale.cache.cleanUp.interval.seconds")]
    pub auto_scale_clean_up_seconds: u64,
}

impl Default for SegmentStore {
    fn default() -> Self {
        Self {
            data_log: DataLogKind::BookKeeper,
            storage: StorageKind::FileSystem,
            core_threads: 30,
            connection_threads: 8,
            cache_size_max: 4 << 30,
            cache_time_seconds_max: 1_800,
            cache_generation_time_seconds: 1,
            cache_target_percent: 75,
            cache_max_percent: 90,
            container_parallel_starts: 2,
            session_timeout_ms: 10_000,
            container_monitor_period_ms: 10_000,
            all_connections_bytes_max: 512 << 20,
            single_connection_bytes_max: 128 << 20,
            batching_delay_ms_max: 50,
            delay_ms_max: 25_000,
            operation_log_max: 1_000_000,
            operation_log_target: 950_000,
            checkpoint_commit_count: 300,
            flush_threshold_bytes: 4 << 20,
            flush_threshold_ms: 30_000,
            flush_size_bytes_max: 4 << 20,
            items_to_read_max: 1_000,
            error_sleep_ms: 1_000,
            flush_timeout_ms: 60_000,
            rollover_size_bytes_max: 128 << 20,
            storage_read_alignment: 1 << 20,
            read_bytes_max: 2 << 20,
            garbage_collection_delay_seconds: 60,
            auto_scale_cooldown_seconds: 600,
            auto_scale_mute_seconds: 600,
            auto_scale_expiry_seconds: 1_200,
            auto_scale_clean_up_seconds: 300,
        }
    }
}

impl SegmentStore {
    /// The emulator's: logs in memory, 128 MiB of cache kept for 60 s, 20 threads, a checkpoint
    /// every 100 commits (`InProcPravegaCluster.java` @ v0.13.0).
    pub fn standalone() -> Self {
        Self {
            data_log: DataLogKind::InMemory,
            storage: StorageKind::InMemory,
            core_threads: 20,
            cache_size_max: 128 << 20,
            cache_time_seconds_max: 60,
            checkpoint_commit_count: 100,
            ..Self::default()
        }
    }

    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("pravegaservice.cache.size.max", self.cache_size_max),
            ("pravegaservice.cache.generation.time.seconds", self.cache_generation_time_seconds),
            ("pravegaservice.container.parallelStarts", u64::from(self.container_parallel_starts)),
            ("container.monitor.period.ms", self.container_monitor_period_ms),
            ("durablelog.delay.milliseconds.max", self.delay_ms_max),
            ("durablelog.checkpoint.commit.count.max", self.checkpoint_commit_count),
            ("writer.flush.threshold.bytes", self.flush_threshold_bytes),
            ("writer.flush.size.bytes.max", self.flush_size_bytes_max),
            ("writer.itemsToReadAtOnce.max", self.items_to_read_max),
            ("readindex.storageRead.alignment", self.storage_read_alignment),
            ("read.bytes.max", self.read_bytes_max),
            ("storage.garbage.collection.delay.seconds", self.garbage_collection_delay_seconds),
            ("autoScale.cache.expiry.seconds", self.auto_scale_expiry_seconds),
            ("autoScale.cache.cleanUp.interval.seconds", self.auto_scale_clean_up_seconds),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} = 0: it must be above 0"));
        }
        if self.operation_log_target >= self.operation_log_max {
            return Err("durablelog.operationLog.size.target must be below \
                        durablelog.operationLog.size.max"
                .into());
        }
        let Self { cache_target_percent: target, cache_max_percent: max, .. } = *self;
        if target >= max || max > 100 {
            return Err(format!(
                "cache.utilization.target.percent {target} must be below \
                 cache.utilization.max.percent {max}, at most 100"
            ));
        }
        Ok(())
    }
}

/// Options of the store's log on BookKeeper (`BookKeeperConfig` @ v0.13.0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "BookKeeperConfig @ pravega/pravega v0.13.0"))]
pub struct BookKeeperLog {
    /// Bookies of an ensemble. Default 3.
    #[serde(rename = "bookkeeper.ensemble.size")]
    pub ensemble_size: u32,
    /// Copies of an entry. Default 3.
    #[serde(rename = "bookkeeper.write.quorum.size")]
    pub write_quorum: u32,
    /// Copies that must be acknowledged. Default 2 in the code; `config.properties` shows 3.
    #[serde(rename = "bookkeeper.ack.quorum.size")]
    pub ack_quorum: u32,
    /// Time in ms for a bookie to take an entry. Default 60,000.
    #[serde(rename = "bookkeeper.write.timeout.milliseconds")]
    pub write_timeout_ms: u64,
    /// Time in ms for a bookie to give an entry. Default 30,000.
    #[serde(rename = "bookkeeper.read.timeout.milliseconds")]
    pub read_timeout_ms: u64,
    /// Attempts at one write. Default 5.
    #[serde(rename = "bookkeeper.write.attempts.count.max")]
    pub write_attempts_max: u32,
    /// Bytes of a ledger at which the log rolls over. Default 1 GiB.
    #[serde(rename = "bookkeeper.ledger.size.max")]
    pub ledger_size_max: u64,
    /// Outstanding bytes at which the log's throttler stops writes. Default 256 MiB.
    #[serde(rename = "bookkeeper.write.outstanding.bytes.max")]
    pub outstanding_bytes_max: u64,
    /// Entries read at a time in recovery (`readBatchSize`). Default 64.
    #[serde(rename = "bookkeeper.read.batch.size")]
    pub read_batch_size: u32,
    /// Adds per second of one ledger (BookKeeper's `throttle`, which Pravega leaves alone). Default
    /// 5000.
    pub throttle: u64,
    /// What the threads of the stores' BookKeeper client cost.
    pub costs: bookkeeper::costs::ClientCosts,
}

impl Default for BookKeeperLog {
    fn default() -> Self {
        Self {
            ensemble_size: 3,
            write_quorum: 3,
            ack_quorum: 2,
            write_timeout_ms: 60_000,
            read_timeout_ms: 30_000,
            write_attempts_max: 5,
            ledger_size_max: 1 << 30,
            outstanding_bytes_max: 256 << 20,
            read_batch_size: 64,
            throttle: 5_000,
            costs: bookkeeper::costs::ClientCosts::default(),
        }
    }
}

impl BookKeeperLog {
    /// The ledgers' replication.
    pub fn ledger(&self) -> bookkeeper::config::Ledger {
        bookkeeper::config::Ledger {
            ensemble_size: self.ensemble_size,
            write_quorum: self.write_quorum,
            ack_quorum: self.ack_quorum,
        }
    }

    /// The BookKeeper client's options. Timeouts in whole seconds, rounded up
    /// (`BookKeeperLogFactory.startBookKeeperClient` @ v0.13.0).
    pub fn client(&self) -> bookkeeper::config::Client {
        bookkeeper::config::Client {
            add_entry_timeout_sec: self.write_timeout_ms.div_ceil(1_000),
            read_entry_timeout_sec: self.read_timeout_ms.div_ceil(1_000),
            throttle: self.throttle,
            costs: self.costs.clone(),
            ..bookkeeper::config::Client::default()
        }
    }
}

/// Options of the controller (`util/Config.java` @ v0.13.0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "controller util/Config.java @ pravega/pravega v0.13.0"))]
pub struct Controller {
    /// Wait in s after a store has come or gone before containers are moved. Default 10.
    #[serde(rename = "controller.rebalance.interval.seconds.min")]
    pub rebalance_interval_seconds: u64,
    /// How often the controller looks what of a stream with a `retention_policy` may go, in minutes
    /// (`Config.PROPERTY_RETENTION_FREQUENCY_MINUTES`). Default 30.
    #[serde(rename = "controller.retention.frequency.minutes")]
    pub retention_frequency_minutes: u64,
}

impl Default for Controller {
    fn default() -> Self {
        Self { rebalance_interval_seconds: 10, retention_frequency_minutes: 30 }
    }
}

impl Controller {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        match self.retention_frequency_minutes {
            0 => Err("controller.retention.frequency.minutes = 0: it must be above 0".into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_the_bookkeeper_client_are_rounded_up_to_seconds() {
        let log =
            BookKeeperLog { write_timeout_ms: 900, read_timeout_ms: 30_001, ..Default::default() };
        let client = log.client();
        assert_eq!((client.add_entry_timeout_sec, client.read_entry_timeout_sec), (1, 31));
    }
}
