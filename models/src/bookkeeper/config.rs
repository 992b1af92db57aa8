//! Configuration of BookKeeper 4.15: options by their real names, defaults with their source.
//!
//! Sources: apache/bookkeeper @ branch-4.15, `conf/ServerConfiguration.java` and
//! `conf/ClientConfiguration.java` in `bookkeeper-server/src/main/java/org/apache/bookkeeper/`.
//!
//! Units are in the names or in the comment of each option. Left out: options of whatever the
//! models leave out (each says so). CPU costs are not options of the real system and are named
//! `cost.*` and `costs`.

use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bugs::{Bug, BugSet};

use super::costs::{BookieCosts, ClientCosts};

/// How a bookie stores ledgers besides its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LedgerStorageClass {
    /// Entries are sorted in a memtable and flushed when it is full (the default).
    SortedLedgerStorage,
    /// Entries go to the entry log as they come, through a write buffer (Pravega's advice).
    InterleavedLedgerStorage,
}

/// A bookie's options (`conf/bk_server.conf`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "conf/ServerConfiguration.java @ apache/bookkeeper branch-4.15"))]
pub struct Bookie {
    /// Journal directories; each has a journal thread and a force-write thread. Default 1.
    #[serde(rename = "journalDirectories")]
    pub journal_directories: u32,
    /// Disks of the machine that the journal directories lie on, from disk 0 on, in turn. The
    /// ledger directory lies on the disk after them if there is one, else on the last of them.
    /// Default 1.
    #[serde(rename = "journalDisks")]
    pub journal_disks: u8,
    /// Longest wait of the oldest entry of a group, in ms. 0 turns grouping by time off. Default 2.
    #[serde(rename = "journalMaxGroupWaitMSec")]
    pub journal_max_group_wait_msec: u64,
    /// Bytes above which a group is flushed without waiting. Default 512 KiB.
    #[serde(rename = "journalBufferedWritesThreshold")]
    pub journal_buffered_writes_threshold: u64,
    /// Entries above which a group is flushed without waiting; 0 for no limit. Default 0.
    #[serde(rename = "journalBufferedEntriesThreshold")]
    pub journal_buffered_entries_threshold: u64,
    /// Flush as soon as no more entries wait. Default false.
    #[serde(rename = "journalFlushWhenQueueEmpty")]
    pub journal_flush_when_queue_empty: bool,
    /// One force-write for everything that waits for it, instead of one for each group. Default
    /// true.
    #[serde(rename = "journalAdaptiveGroupWrites")]
    pub journal_adaptive_group_writes: bool,
    /// Acknowledge after the sync (true) or after the write to the page cache. Default true.
    #[serde(rename = "journalSyncData")]
    pub journal_sync_data: bool,
    /// Without `journalSyncData`: time between syncs in ms. Default 1000.
    #[serde(rename = "journalPageCacheFlushIntervalMSec")]
    pub journal_page_cache_flush_interval_msec: u64,
    /// Flushes are padded to a multiple of this many bytes. Default 512.
    #[serde(rename = "journalAlignmentSize")]
    pub journal_alignment_size: u64,
    /// Size in MB at which a journal file is closed and a new one made. Default 2048.
    #[serde(rename = "journalMaxSizeMB")]
    pub journal_max_size_mb: u64,
    /// Old journal files to keep. Default 5.
    #[serde(rename = "journalMaxBackups")]
    pub journal_max_backups: u64,
    /// Entries that may wait for a journal thread. Default 10,000.
    #[serde(rename = "journalQueueSize")]
    pub journal_queue_size: u64,
    /// Memory in MB for entries that wait for a journal; the add thread blocks beyond it. Default 5
    /// % of direct memory, here of 2 GiB (`docker/scripts` and Pravega's operator give 2 GiB).
    #[serde(rename = "journalMaxMemorySizeMb")]
    pub journal_max_memory_size_mb: u64,
    /// Storage of ledgers. Default sorted.
    #[serde(rename = "ledgerStorageClass")]
    pub ledger_storage_class: LedgerStorageClass,
    /// Size of the memtable in bytes; twice as much blocks the add thread. Default 64 MiB.
    #[serde(rename = "skipListSizeLimit")]
    pub skip_list_size_limit: u64,
    /// Time between checkpoints of the ledger storage in ms. Default 10,000.
    #[serde(rename = "flushInterval")]
    pub flush_interval: u64,
    /// Size of an entry log file in bytes. Default 1 GiB.
    #[serde(rename = "logSizeLimit")]
    pub log_size_limit: u64,
    /// Write buffer of the entry log in bytes. Default 64 KiB.
    #[serde(rename = "writeBufferSizeBytes")]
    pub write_buffer_size_bytes: u64,
    /// Time between collections of deleted ledgers in ms. `conf/bk_server.conf` ships 1000, the
    /// code has 600,000; default as in the code.
    #[serde(rename = "gcWaitTime")]
    pub gc_wait_time: u64,
    /// Threads that add. Default 1.
    #[serde(rename = "numAddWorkerThreads")]
    pub num_add_worker_threads: u32,
    /// Threads that read. Default 8.
    #[serde(rename = "numReadWorkerThreads")]
    pub num_read_worker_threads: u32,
    /// Threads for recovery's adds and reads. Default 8.
    #[serde(rename = "numHighPriorityWorkerThreads")]
    pub num_high_priority_worker_threads: u32,
    /// Threads that answer after a journal's sync. Default 1.
    #[serde(rename = "numJournalCallbackThreads")]
    pub num_journal_callback_threads: u32,
    /// Session timeout with the metadata service in ms. Default 10,000.
    #[serde(rename = "zkTimeout")]
    pub zk_timeout: u64,
    /// A bookie that has lost its disks is given a new cookie and comes up empty under its old
    /// name, as operators and container platforms did before apache/bookkeeper#2612 (`bookkeeper
    /// shell cookie_delete`). Default false: it does not come up.
    #[serde(rename = "cookie.restamped")]
    pub cookie_restamped: bool,
    /// CPU time of an add in its add thread.
    #[serde(rename = "cost.add")]
    pub cost_add: Duration,
    /// CPU time of a read in its thread.
    #[serde(rename = "cost.read")]
    pub cost_read: Duration,
    /// CPU time of the journal thread for each entry.
    #[serde(rename = "cost.journal")]
    pub cost_journal: Duration,
    /// CPU time of a callback thread for each entry.
    #[serde(rename = "cost.callback")]
    pub cost_callback: Duration,
    /// CPU time to copy or check 1 KiB, charged to the add, read and journal threads.
    #[serde(rename = "cost.per.kib")]
    pub cost_per_kib: Duration,
    /// What its threads cost besides.
    pub costs: BookieCosts,
    /// Defects that were planted; none unless the deployment's environment says so.
    #[serde(skip)]
    pub bugs: BugSet,
}

impl Default for Bookie {
    /// Defaults of 4.15. Costs: 60,000 adds/s of 100 B or 1 KB saturate bookies with three copies
    /// (pravega/pravega-tools `pravega-provisioner/performance/performance_profiles.py`), so 15 us
    /// for an add on its one thread; one journal thread takes 560,000 to 620,000 entries/s of 1 KB
    /// (apache/bookkeeper#2150), so 1.4 us an entry and 0.3 us a KiB.
    fn default() -> Self {
        Self {
            journal_directories: 1,
            journal_disks: 1,
            journal_max_group_wait_msec: 2,
            journal_buffered_writes_threshold: 512 * 1024,
            journal_buffered_entries_threshold: 0,
            journal_flush_when_queue_empty: false,
            journal_adaptive_group_writes: true,
            journal_sync_data: true,
            journal_page_cache_flush_interval_msec: 1_000,
            journal_alignment_size: 512,
            journal_max_size_mb: 2_048,
            journal_max_backups: 5,
            journal_queue_size: 10_000,
            journal_max_memory_size_mb: 102,
            ledger_storage_class: LedgerStorageClass::SortedLedgerStorage,
            skip_list_size_limit: 64 << 20,
            flush_interval: 10_000,
            log_size_limit: 1 << 30,
            write_buffer_size_bytes: 64 << 10,
            gc_wait_time: 600_000,
            num_add_worker_threads: 1,
            num_read_worker_threads: 8,
            num_high_priority_worker_threads: 8,
            num_journal_callback_threads: 1,
            zk_timeout: 10_000,
            cookie_restamped: false,
            cost_add: Duration::from_micros(15),
            cost_read: Duration::from_micros(15),
            cost_journal: Duration::from_nanos(1_400),
            cost_callback: Duration::from_micros(1),
            cost_per_kib: Duration::from_nanos(300),
            costs: BookieCosts::default(),
            bugs: BugSet::default(),
        }
    }
}

/// A client's options (`ClientConfiguration`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "conf/ClientConfiguration.java @ apache/bookkeeper branch-4.15"))]
pub struct Client {
    /// Time in s after which an add to a bookie counts as failed. Default 5; Pravega sets 60.
    #[serde(rename = "addEntryTimeoutSec")]
    pub add_entry_timeout_sec: u64,
    /// Time in s after which a read from a bookie counts as failed. Default 5; Pravega sets 30.
    #[serde(rename = "readEntryTimeoutSec")]
    pub read_entry_timeout_sec: u64,
    /// Time in ms after which a read is also sent to the next bookie. Default 2000.
    #[serde(rename = "speculativeReadTimeout")]
    pub speculative_read_timeout: u64,
    /// Adds per second of one ledger handle; 0 for no limit. Default 5000.
    #[serde(rename = "throttle")]
    pub throttle: u64,
    /// Change the ensemble only when the ack quorum is broken. Default false.
    #[serde(rename = "delayEnsembleChange")]
    pub delay_ensemble_change: bool,
    /// Changes of ensemble after which the handle gives up. Default 2^31 - 1.
    #[serde(rename = "maxAllowedEnsembleChanges")]
    pub max_allowed_ensemble_changes: u64,
    /// Bytes of unanswered entries that fit the process's memory (Netty's
    /// `io.netty.maxDirectMemory`, which a JVM sets by `-XX:MaxDirectMemorySize`); with more it
    /// ends, as apache/pulsar#14861 tells. 0 for no limit. Default 0.
    #[serde(rename = "direct.memory.bytes")]
    pub direct_memory_bytes: u64,
    /// What its threads cost.
    pub costs: ClientCosts,
    /// Defects that were planted; none unless the deployment's environment says so.
    #[serde(skip)]
    pub bugs: BugSet,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            add_entry_timeout_sec: 5,
            read_entry_timeout_sec: 5,
            speculative_read_timeout: 2_000,
            throttle: 5_000,
            delay_ensemble_change: false,
            max_allowed_ensemble_changes: i32::MAX as u64,
            direct_memory_bytes: 0,
            costs: ClientCosts::default(),
            bugs: BugSet::default(),
        }
    }
}

/// Replication of a ledger. Defaults of `BookKeeper.createLedger` examples are 3/2/2; these are
/// Pravega's 3/3/2 (pravega `impl/bookkeeper/BookKeeperConfig.java` @ 0.13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "BookKeeper.createLedger @ apache/bookkeeper branch-4.15; BookKeeperConfig @ \
                  pravega/pravega v0.13.0"
))]
pub struct Ledger {
    /// Bookies of an ensemble (E).
    #[serde(rename = "ensemble.size")]
    pub ensemble_size: u32,
    /// Copies of an entry (Qw).
    #[serde(rename = "write.quorum.size")]
    pub write_quorum: u32,
    /// Copies that must be acknowledged (Qa).
    #[serde(rename = "ack.quorum.size")]
    pub ack_quorum: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { ensemble_size: 3, write_quorum: 3, ack_quorum: 2 }
    }
}

impl Ledger {
    /// Whether `bookies` can hold such a ledger.
    pub fn check(&self, bookies: u32) -> Result<(), String> {
        let Self { ensemble_size, write_quorum, ack_quorum } = *self;
        if ack_quorum == 0 {
            return Err(
                "ack.quorum.size 0: an entry must be acknowledged by at least 1 bookie".into()
            );
        }
        if ack_quorum > write_quorum {
            return Err(format!(
                "ack.quorum.size {ack_quorum} is above write.quorum.size {write_quorum}"
            ));
        }
        if write_quorum > ensemble_size {
            let why = "an entry can't have more copies than the ensemble has bookies";
            return Err(format!(
                "write.quorum.size {write_quorum} is above ensemble.size {ensemble_size}: {why}"
            ));
        }
        if ensemble_size > bookies {
            return Err(format!("ensemble.size {ensemble_size} is above the {bookies} bookies"));
        }
        Ok(())
    }
}

/// Auto-recovery's options (`conf/ServerConfiguration.java`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "conf/ServerConfiguration.java @ apache/bookkeeper branch-4.15"))]
pub struct AutoRecovery {
    /// A daemon runs (`bookkeeper autorecovery`, or `autoRecoveryDaemonEnabled` in bookies).
    /// Default false.
    pub enabled: bool,
    /// Time in s that a bookie which has gone is waited for. Default 0.
    #[serde(rename = "lostBookieRecoveryDelay")]
    pub lost_bookie_recovery_delay: u64,
    /// Entries copied at a time. Default 10.
    #[serde(rename = "rereplicationEntryBatchSize")]
    pub entry_batch_size: u64,
    /// Time in ms that an open ledger is left to its writer. Default 30,000.
    #[serde(rename = "openLedgerRereplicationGracePeriod")]
    pub open_ledger_grace_period_ms: u64,
    /// Time in ms before a ledger that could not be replicated is tried again. Default 5000.
    #[serde(rename = "rwRereplicateBackoffMs")]
    pub rereplicate_backoff_ms: u64,
}

impl Default for AutoRecovery {
    fn default() -> Self {
        Self {
            enabled: false,
            lost_bookie_recovery_delay: 0,
            entry_batch_size: 10,
            open_ledger_grace_period_ms: 30_000,
            rereplicate_backoff_ms: 5_000,
        }
    }
}

impl AutoRecovery {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("rereplicationEntryBatchSize", self.entry_batch_size),
            ("rwRereplicateBackoffMs", self.rereplicate_backoff_ms),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("auto_recovery {name} must be above 0")),
            None => Ok(()),
        }
    }
}

/// The metadata service's options (ZooKeeper 3.6.3 `zoo.cfg`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "zoo.cfg, ExpiryQueue @ apache/zookeeper 3.6.3"))]
pub struct Metadata {
    /// Sessions expire at a multiple of this many ms (`ExpiryQueue.roundToNextInterval`).
    /// Default 2000.
    #[serde(rename = "tickTime")]
    pub tick_time: u64,
    /// CPU time of a request.
    #[serde(rename = "cost.request")]
    pub cost_request: Duration,
    /// What agreement among the servers adds to the leader's own log sync: one round trip and a
    /// follower's sync. Zero for a single server.
    #[serde(rename = "quorum.delay")]
    pub quorum_delay: Distribution,
}

impl Metadata {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        if self.tick_time == 0 {
            return Err("metadata tickTime must be above 0".into());
        }
        self.quorum_delay.check()
    }
}

impl Default for Metadata {
    /// A single server. 20,000 requests/s a core: ZooKeeper's own figure of some 20,000 writes/s
    /// for small ensembles (`zookeeperOver.md` @ 3.6.3, performance).
    fn default() -> Self {
        Self {
            tick_time: 2_000,
            cost_request: Duration::from_micros(50),
            quorum_delay: Distribution::constant(Duration::ZERO),
        }
    }
}

/// How the stand-alone deployment's writers make entries out of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "headwater's own: the writers of the stand-alone deployment"))]
pub struct Writer {
    /// Writers, one ledger stream each.
    #[serde(rename = "writers")]
    pub writers: u32,
    /// Events in an entry at the most. Default 1: each event is an entry.
    #[serde(rename = "entry.events.max")]
    pub entry_events_max: u32,
    /// Bytes in an entry at the most; an event that is larger is an entry of its own.
    #[serde(rename = "entry.bytes.max")]
    pub entry_bytes_max: u64,
    /// How long the first event of an entry waits for others, in ms; 0 for those due now only.
    #[serde(rename = "linger.ms")]
    pub linger_ms: u64,
    /// Entries that may be on the way.
    #[serde(rename = "outstanding.entries.max")]
    pub outstanding_entries_max: u64,
    /// Bytes after which a writer closes its ledger and starts another. Pravega's 1 GiB.
    #[serde(rename = "ledger.bytes.max")]
    pub ledger_bytes_max: u64,
    /// Time in ms between tries to make a new ledger when one has failed.
    #[serde(rename = "retry.ms")]
    pub retry_ms: u64,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            writers: 1,
            entry_events_max: 1,
            entry_bytes_max: 1_000_000,
            linger_ms: 0,
            outstanding_entries_max: 10_000,
            ledger_bytes_max: 1 << 30,
            retry_ms: 1_000,
        }
    }
}

/// A stand-alone BookKeeper cluster with writers and a reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Bookies.
    pub bookies: u32,
    /// Their options.
    pub bookie: Bookie,
    /// What becomes of the copies of a bookie that is gone.
    pub auto_recovery: AutoRecovery,
    /// The clients' options.
    pub client: Client,
    /// Replication of ledgers.
    pub ledger: Ledger,
    /// The metadata service.
    pub metadata: Metadata,
    /// Writers.
    pub writer: Writer,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            bookies: 3,
            bookie: Bookie::default(),
            auto_recovery: AutoRecovery::default(),
            client: Client::default(),
            ledger: Ledger::default(),
            metadata: Metadata::default(),
            writer: Writer::default(),
        }
    }
}

impl Bookie {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("journalDirectories", u64::from(self.journal_directories)),
            ("journalDisks", u64::from(self.journal_disks)),
            ("journalAlignmentSize", self.journal_alignment_size),
            ("journalMaxSizeMB", self.journal_max_size_mb),
            ("journalQueueSize", self.journal_queue_size),
            ("journalMaxMemorySizeMb", self.journal_max_memory_size_mb),
            ("skipListSizeLimit", self.skip_list_size_limit),
            ("flushInterval", self.flush_interval),
            ("logSizeLimit", self.log_size_limit),
            ("writeBufferSizeBytes", self.write_buffer_size_bytes),
            ("gcWaitTime", self.gc_wait_time),
            ("zkTimeout", self.zk_timeout),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("bookie {name} must be above 0")),
            None if self.journal_directories > 64 => {
                Err(format!("{} journal directories: at most 64", self.journal_directories))
            }
            None => self.costs.check(),
        }
    }
}

impl Bookie {
    /// The same with the defects of `bugs` that a bookie can have.
    #[must_use]
    pub fn with_bugs(&self, bugs: BugSet) -> Self {
        Self {
            journal_sync_data: self.journal_sync_data && !bugs.has(Bug::AckBeforeSync),
            cookie_restamped: self.cookie_restamped || bugs.has(Bug::WipedBookieAnswers),
            bugs,
            ..self.clone()
        }
    }
}

impl Cluster {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        self.ledger.check(self.bookies)?;
        self.bookie.check()?;
        self.client.costs.check()?;
        self.auto_recovery.check()?;
        self.metadata.check()?;
        let writer = &self.writer;
        if writer.writers == 0 || writer.entry_events_max == 0 {
            return Err("writers and entry.events.max must be above 0".into());
        }
        if writer.outstanding_entries_max == 0 || writer.ledger_bytes_max == 0 {
            return Err("outstanding.entries.max and ledger.bytes.max must be above 0".into());
        }
        Ok(())
    }
}
