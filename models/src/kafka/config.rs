//! A Kafka cluster's configuration, with Kafka's own option names and defaults per version.
//!
//! Sources, if not stated otherwise: the `ConfigDef` of each component in apache/kafka @ 3.9.0
//! (`ProducerConfig`, `ConsumerConfig`, `SocketServerConfigs`, `ReplicationConfigs`,
//! `KRaftConfigs`, `QuorumConfig`, `LogConfig`), and KIP-1030 for what 4.0 changed.
//! Units are in the options' names. Left out: options of what is not modelled; a scenario that sets
//! one is told so.

mod consumer;
mod producer;
mod topic;
mod version;

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compression::{Compressions, Figures};
use super::costs::{Costs, per_kib};
use super::ids::{BrokerId, TopicPartition};
use super::quota::Quota;
use super::reassignment::Reassignment;
use super::tls::SecurityProtocol;
use super::topics::Topics;
use crate::runtime::jvm;
use crate::tier::config::{Kind, Tier};
pub use consumer::{Consumer, GroupProtocol, OffsetReset, Strategy};
pub use producer::Producer;
pub use topic::Topic;
pub use version::Version;

/// Which client library produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientLibrary {
    /// Kafka's own Java client.
    Java,
    /// librdkafka.
    Librdkafka,
}

/// A cluster and its clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Which line's defaults and behaviour.
    pub version: Version,
    /// Brokers, each also a KRaft controller (combined mode).
    pub brokers: u32,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Replicas of each partition.
    #[serde(rename = "replication.factor")]
    pub replication_factor: u32,
    /// Producers, each on a node of its own.
    pub producers: u32,
    /// Consumers that share the partitions: assigned by hand, or, with `consumer.group.id`, members
    /// of a group.
    pub consumers: u32,
    /// How many times there are so many consumers: groups that know nothing of one another, each of
    /// which reads everything.
    pub groups: u32,
    /// Groups that begin late.
    pub catch_up: CatchUp,
    /// Which client library the producers use.
    pub client: ClientLibrary,
    /// True if events carry their key: the key picks the partition. False: the sticky partitioner.
    pub keyed: bool,
    /// Whether the connections of clients are encrypted.
    #[serde(rename = "security.protocol")]
    #[schemars(extend("x-source" = "CommonClientConfigs @ apache/kafka 3.9.0"))]
    pub security_protocol: SecurityProtocol,
    /// What each client may take of each broker.
    pub quota: Quota,
    /// A reassignment of partitions, if there is one.
    pub reassignment: Reassignment,
    /// What compression makes of events, by codec.
    pub compression: Compressions,
    /// How many topics there are.
    pub topics: Topics,
    /// Each topic.
    pub topic: Topic,
    /// Every broker.
    pub broker: Broker,
    /// The controller quorum.
    pub quorum: Quorum,
    /// Remote storage, if the topic has it.
    pub tier: Tier,
    /// Every producer.
    pub producer: Producer,
    /// Every consumer.
    pub consumer: Consumer,
    /// What the work costs in CPU time.
    pub costs: Costs,
    /// The JVM of every broker.
    pub jvm: jvm::Config,
    /// The voter that is there before the others, and so is the first controller; none where the
    /// draws decide. No option of a file: a fault's target asks for it.
    #[serde(skip)]
    pub first_controller: Option<BrokerId>,
}

/// The last ones of the groups begin late, and catch up from the beginning of the topic: a new
/// application, a replay, a rebuilt index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "an arrangement of readers; no option of Kafka"))]
pub struct CatchUp {
    /// How many.
    pub groups: u32,
    /// When they begin, in milliseconds from the beginning of the run.
    pub after_ms: u64,
}

/// Options of a broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "ReplicationConfigs, SocketServerConfigs, KRaftConfigs, ServerLogConfigs @ \
                  apache/kafka 3.9.0"
))]
pub struct Broker {
    /// Threads that read and write sockets.
    #[serde(rename = "num.network.threads")]
    pub network_threads: u32,
    /// Threads that handle requests.
    #[serde(rename = "num.io.threads")]
    pub io_threads: u32,
    /// Requests that wait for a handler at the most.
    #[serde(rename = "queued.max.requests")]
    pub queued_max_requests: u32,
    /// Threads that check the logs after an unclean stop, and flush them before a clean one.
    #[serde(rename = "num.recovery.threads.per.data.dir")]
    pub recovery_threads: u32,
    /// A follower that has not caught up for this long leaves the ISR.
    #[serde(rename = "replica.lag.time.max.ms")]
    pub replica_lag_time_max_ms: u64,
    /// Whether the connections between brokers are encrypted.
    #[serde(rename = "security.inter.broker.protocol")]
    pub security_inter_broker_protocol: SecurityProtocol,
    /// Windows over which rates are taken for quotas, the current one with them.
    #[serde(rename = "quota.window.num")]
    pub quota_window_num: u64,
    /// How long each of them is, in seconds.
    #[serde(rename = "quota.window.size.seconds")]
    pub quota_window_size_s: u64,
    /// Longest wait of a follower's fetch at the leader.
    #[serde(rename = "replica.fetch.wait.max.ms")]
    pub replica_fetch_wait_max_ms: u64,
    /// Disks of the server's machine, by number, with a log directory on each. The log of the
    /// controller quorum and checkpoints lie on disk 0.
    #[serde(rename = "log.dirs")]
    pub log_dirs: Vec<u8>,
    /// Bytes of one partition in a fetch.
    #[serde(rename = "replica.fetch.max.bytes")]
    pub replica_fetch_max_bytes: u64,
    /// Bytes in a fetch response.
    #[serde(rename = "replica.fetch.response.max.bytes")]
    pub replica_fetch_response_max_bytes: u64,
    /// Pause of a fetcher after an error.
    #[serde(rename = "replica.fetch.backoff.ms")]
    pub replica_fetch_backoff_ms: u64,
    /// Period of the look for segments that retention removes.
    #[serde(rename = "log.retention.check.interval.ms")]
    pub log_retention_check_interval_ms: u64,
    /// Period of the look for segments to be copied to remote storage, and to be deleted there.
    #[serde(rename = "remote.log.manager.task.interval.ms")]
    pub remote_task_interval_ms: u64,
    /// Partitions that are copied from at a time.
    #[serde(rename = "remote.log.manager.copier.thread.pool.size")]
    pub remote_copier_threads: u32,
    /// Reads of remote storage at a time.
    #[serde(rename = "remote.log.reader.threads")]
    pub remote_reader_threads: u32,
    /// Reads of remote storage that wait for a reader at the most.
    #[serde(rename = "remote.log.reader.max.pending.tasks")]
    pub remote_reader_max_pending: u32,
    /// How long a fetch waits for remote storage.
    #[serde(rename = "remote.fetch.max.wait.ms")]
    pub remote_fetch_max_wait_ms: u64,
    /// Room for indexes of segments in remote storage.
    #[serde(rename = "remote.log.index.file.cache.total.size.bytes")]
    pub remote_index_cache_bytes: u64,
    /// Period of the high watermark checkpoint.
    #[serde(rename = "replica.high.watermark.checkpoint.interval.ms")]
    pub high_watermark_checkpoint_interval_ms: u64,
    /// Period of a broker's heartbeats to the active controller.
    #[serde(rename = "broker.heartbeat.interval.ms")]
    pub heartbeat_interval_ms: u64,
    /// A broker unheard of for this long is fenced.
    #[serde(rename = "broker.session.timeout.ms")]
    pub session_timeout_ms: u64,
    /// Whether the controller gives leadership back to the first replica of a partition.
    #[serde(rename = "auto.leader.rebalance.enable")]
    pub auto_leader_rebalance: bool,
    /// How long after another leads, in seconds.
    #[serde(rename = "leader.imbalance.check.interval.seconds")]
    pub leader_imbalance_check_interval_s: u64,
    /// Partitions of `__consumer_offsets`; the hash of a group's name picks one, whose leader
    /// coordinates the group.
    #[serde(rename = "offsets.topic.num.partitions")]
    pub offsets_topic_num_partitions: u32,
    /// Their replicas; of fewer brokers, as many as there are. They need one in sync, whatever the
    /// topic of the events needs.
    #[serde(rename = "offsets.topic.replication.factor")]
    pub offsets_topic_replication_factor: u32,
    /// Longest wait of a commit for the followers.
    #[serde(rename = "offsets.commit.timeout.ms")]
    pub offsets_commit_timeout_ms: u64,
    /// How long a classic group that is new waits for more members, after each of them.
    #[serde(rename = "group.initial.rebalance.delay.ms")]
    pub group_initial_rebalance_delay_ms: u64,
    /// A member unheard of for this long is out, with the protocol of KIP-848.
    #[serde(rename = "group.consumer.session.timeout.ms")]
    pub group_consumer_session_timeout_ms: u64,
    /// Period of its heartbeats.
    #[serde(rename = "group.consumer.heartbeat.interval.ms")]
    pub group_consumer_heartbeat_interval_ms: u64,
}

/// Options of the controller quorum (`QuorumConfig`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "QuorumConfig @ apache/kafka 3.9.0; KIP-966"))]
pub struct Quorum {
    /// Longest time without an elected leader before a voter stands again.
    #[serde(rename = "controller.quorum.election.timeout.ms")]
    pub election_timeout_ms: u64,
    /// A voter that could not fetch from the leader for this long stands for election.
    #[serde(rename = "controller.quorum.fetch.timeout.ms")]
    pub fetch_timeout_ms: u64,
    /// Greatest backoff after a lost election.
    #[serde(rename = "controller.quorum.election.backoff.max.ms")]
    pub election_backoff_max_ms: u64,
    /// Time that the leader gathers records before it writes them.
    #[serde(rename = "controller.quorum.append.linger.ms")]
    pub append_linger_ms: u64,
    /// Feature level: 1 for eligible leader replicas (KIP-966), 0 without. On by default in
    /// clusters that are new with 4.1 (KIP-966; in 4.0 a preview that is off). What `acks=all`
    /// acknowledged survives with it while fewer than `min.insync.replicas` replicas of a partition
    /// shut down uncleanly before the ISR is whole again. Without it (3.9) also the last in-sync
    /// replica alone, coming back without its page cache, loses what the others may still have.
    #[serde(rename = "eligible.leader.replicas.version")]
    pub eligible_leader_replicas: u16,
}

impl Broker {
    fn check(&self) -> Result<(), String> {
        let dirs = &self.log_dirs;
        if dirs.is_empty() || (1..dirs.len()).any(|at| dirs[..at].contains(&dirs[at])) {
            return Err(format!(
                "broker.log.dirs is {dirs:?}, but it lists one disk at least, and each once"
            ));
        }
        if self.quota_window_num < 2 {
            return Err(format!(
                "broker.quota.window.num is {}, but it is at least 2: one window that is over, and \
                 the current one",
                self.quota_window_num
            ));
        }
        Ok(())
    }
}

impl Cluster {
    /// One broker, one partition, a Java producer and the version's defaults.
    pub fn defaults(version: Version) -> Self {
        Self {
            version,
            brokers: 1,
            partitions: 1,
            replication_factor: 1,
            producers: 1,
            consumers: 1,
            groups: 1,
            catch_up: CatchUp::default(),
            client: ClientLibrary::Java,
            keyed: false,
            security_protocol: SecurityProtocol::Plaintext,
            quota: Quota::default(),
            reassignment: Reassignment::default(),
            compression: Compressions::default(),
            topics: Topics::default(),
            topic: Topic::default(),
            broker: Broker {
                network_threads: 3,
                io_threads: 8,
                queued_max_requests: 500,
                recovery_threads: if matches!(version, Version::V3_9) { 1 } else { 2 },
                replica_lag_time_max_ms: 30_000,
                security_inter_broker_protocol: SecurityProtocol::Plaintext,
                quota_window_num: 11,
                quota_window_size_s: 1,
                replica_fetch_wait_max_ms: 500,
                log_dirs: vec![0],
                replica_fetch_max_bytes: 1 << 20,
                replica_fetch_response_max_bytes: 10 << 20,
                replica_fetch_backoff_ms: 1_000,
                log_retention_check_interval_ms: 300_000,
                remote_task_interval_ms: 30_000,
                remote_copier_threads: 10,
                remote_reader_threads: 10,
                remote_reader_max_pending: 100,
                remote_fetch_max_wait_ms: 500,
                remote_index_cache_bytes: 1 << 30,
                high_watermark_checkpoint_interval_ms: 5_000,
                heartbeat_interval_ms: 2_000,
                session_timeout_ms: 9_000,
                auto_leader_rebalance: true,
                leader_imbalance_check_interval_s: 300,
                offsets_topic_num_partitions: 50,
                offsets_topic_replication_factor: 3,
                offsets_commit_timeout_ms: 5_000,
                group_initial_rebalance_delay_ms: 3_000,
                group_consumer_session_timeout_ms: 45_000,
                group_consumer_heartbeat_interval_ms: 5_000,
            },
            quorum: Quorum {
                election_timeout_ms: 1_000,
                fetch_timeout_ms: 2_000,
                election_backoff_max_ms: 1_000,
                append_linger_ms: 25,
                eligible_leader_replicas: u16::from(matches!(version, Version::V4)),
            },
            tier: Tier::of(Kind::ObjectStore),
            producer: Producer::java(version),
            consumer: Consumer::default(),
            costs: Costs::default(),
            jvm: jvm::Config::default(),
            first_controller: None,
        }
    }

    /// The same with the defaults of another client library.
    pub fn with_client(mut self, client: ClientLibrary) -> Self {
        self.client = client;
        self.producer = match client {
            ClientLibrary::Java => Producer::java(self.version),
            ClientLibrary::Librdkafka => Producer::librdkafka(),
        };
        self
    }

    /// What makes the cluster impossible, if anything.
    ///
    /// # Errors
    /// The first impossible value and what would be possible.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("brokers", u64::from(self.brokers)),
            ("partitions", u64::from(self.partitions)),
            ("replication.factor", u64::from(self.replication_factor)),
            ("producers", u64::from(self.producers)),
            ("consumers", u64::from(self.consumers)),
            ("groups", u64::from(self.groups)),
            (
                "broker.offsets.topic.num.partitions",
                u64::from(self.broker.offsets_topic_num_partitions),
            ),
            (
                "broker.offsets.topic.replication.factor",
                u64::from(self.broker.offsets_topic_replication_factor),
            ),
            ("broker.log.retention.check.interval.ms", self.broker.log_retention_check_interval_ms),
            ("broker.remote.log.manager.task.interval.ms", self.broker.remote_task_interval_ms),
            (
                "broker.remote.log.manager.copier.thread.pool.size",
                u64::from(self.broker.remote_copier_threads),
            ),
            ("broker.remote.log.reader.threads", u64::from(self.broker.remote_reader_threads)),
            ("broker.num.io.threads", u64::from(self.broker.io_threads)),
            ("broker.quota.window.size.seconds", self.broker.quota_window_size_s),
            ("broker.queued.max.requests", u64::from(self.broker.queued_max_requests)),
            ("broker.num.recovery.threads.per.data.dir", u64::from(self.broker.recovery_threads)),
            ("producer.batch.size", self.producer.batch_size),
            ("producer.batch.num.messages", self.producer.batch_num_messages),
            (
                "producer.max.in.flight.requests.per.connection",
                u64::from(self.producer.max_in_flight),
            ),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} is 0, but there must be at least 1"));
        }
        self.broker.check()?;
        self.compression.check()?;
        self.reassignment.check(self)?;
        self.topics.check()?;
        self.jvm.check().map_err(|(option, why)| format!("jvm.{option}: {why}"))?;
        let (replicas, brokers) = (self.replication_factor, self.brokers);
        if replicas > brokers {
            return Err(format!(
                "replication.factor is {replicas}, but there are only {brokers} brokers to hold \
                 replicas"
            ));
        }
        self.topic.check(replicas)?;
        self.tier.check()?;
        if self.quorum.eligible_leader_replicas > 1 {
            return Err(format!(
                "quorum.eligible.leader.replicas.version is {}, but it is 0 or 1",
                self.quorum.eligible_leader_replicas
            ));
        }
        if self.catch_up.groups > self.groups {
            return Err(format!(
                "catch_up.groups is {}, but groups is only {}",
                self.catch_up.groups, self.groups
            ));
        }
        self.consumer.check(self.version == Version::V4)?;
        self.producer.check()
    }

    /// The partitions of all topics of events.
    pub const fn event_partitions(&self) -> u32 {
        self.topics.count * self.partitions
    }

    /// A partition of a topic of events, and not one that brokers keep something in.
    pub const fn is_of_events(&self, partition: TopicPartition) -> bool {
        partition.partition.0 < self.event_partitions()
    }

    /// The partitions of each topic, topic by topic.
    pub fn topic_partitions(&self) -> impl Iterator<Item = Range<u32>> {
        let each = self.partitions;
        (0..self.topics.count).map(move |topic| topic * each..(topic + 1) * each)
    }

    /// Consumer number `reader` begins late.
    pub const fn begins_late(&self, reader: u32) -> bool {
        reader / self.consumers >= self.groups - self.catch_up.groups
    }

    /// What producers do to their batches.
    pub const fn sent_compression(&self) -> Option<Figures> {
        self.compression.of(self.producer.compression)
    }

    /// How batches are in the log.
    pub const fn stored_compression(&self) -> Option<Figures> {
        self.compression.of(self.topic.compression.stored(self.producer.compression))
    }

    /// What a thread takes to encrypt or decrypt so many bytes between clients and brokers.
    pub const fn client_tls_ns(&self, bytes: u64) -> u64 {
        match self.security_protocol {
            SecurityProtocol::Plaintext => 0,
            SecurityProtocol::Ssl => per_kib(self.costs.tls_kib_ns, bytes),
        }
    }

    /// The same between brokers.
    pub const fn broker_tls_ns(&self, bytes: u64) -> u64 {
        match self.broker.security_inter_broker_protocol {
            SecurityProtocol::Plaintext => 0,
            SecurityProtocol::Ssl => per_kib(self.costs.tls_kib_ns, bytes),
        }
    }

    /// Leaders have batches otherwise than producers send them.
    pub fn recompresses(&self) -> bool {
        let codec = self.producer.compression;
        self.topic.compression.stored(codec) != codec
    }

    /// Consumers are members of groups.
    pub const fn has_groups(&self) -> bool {
        !self.consumer.group_id.is_empty()
    }
}
