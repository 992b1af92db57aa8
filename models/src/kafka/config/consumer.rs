//! Options of a consumer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupProtocol {
    /// One of the members assigns.
    Classic,
    /// The coordinator assigns (KIP-848); from 4.0 on.
    Consumer,
}

/// `auto.offset.reset`: where a member begins in a partition of which nothing is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OffsetReset {
    /// At its beginning.
    Earliest,
    /// At its end: what was written before is not read.
    Latest,
    /// Nowhere: the application ends.
    None,
}

/// `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Consecutive partitions; all are given up before a rebalance (eager).
    Range,
    /// As few as possible move, and only those stand still (KIP-429).
    CooperativeSticky,
}

/// Options of a consumer (`ConsumerConfig` @ 3.9.0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "ConsumerConfig @ apache/kafka 3.9.0; rdkafka_conf.c @ librdkafka 2.12.1"
))]
pub struct Consumer {
    /// Longest wait of a fetch at the broker.
    #[serde(rename = "fetch.max.wait.ms")]
    pub fetch_max_wait_ms: u64,
    /// Bytes of one partition in a fetch.
    #[serde(rename = "max.partition.fetch.bytes")]
    pub max_partition_fetch_bytes: u64,
    /// Bytes in a fetch response.
    #[serde(rename = "fetch.max.bytes")]
    pub fetch_max_bytes: u64,
    /// Name of the group. Empty, as by default: consumers are in none, have the partitions assigned
    /// by hand, and read from the beginning. The options below are those of groups.
    #[serde(rename = "group.id")]
    pub group_id: String,
    /// Which protocol its members speak.
    #[serde(rename = "group.protocol")]
    pub group_protocol: GroupProtocol,
    /// What the names of static members begin with (KIP-345): each has one of its own, with which
    /// it comes back after a restart. Empty, as by default: members are dynamic.
    #[serde(rename = "group.instance.id")]
    pub group_instance_id: String,
    /// How the leader of a classic group assigns.
    #[serde(rename = "partition.assignment.strategy")]
    pub assignment_strategy: Strategy,
    /// A member of a classic group that is unheard of for this long is out.
    #[serde(rename = "session.timeout.ms")]
    pub session_timeout_ms: u64,
    /// Period of its heartbeats.
    #[serde(rename = "heartbeat.interval.ms")]
    pub heartbeat_interval_ms: u64,
    /// Records that the application is handed at a time.
    #[serde(rename = "max.poll.records")]
    pub max_poll_records: u64,
    /// A member whose application takes longer with records that it was handed leaves the group. It
    /// is also how long others wait for a member in a rebalance.
    #[serde(rename = "max.poll.interval.ms")]
    pub max_poll_interval_ms: u64,
    /// Whether offsets are committed from time to time, before partitions are given up, and when
    /// the consumer stops.
    #[serde(rename = "enable.auto.commit")]
    pub enable_auto_commit: bool,
    /// Period of commits.
    #[serde(rename = "auto.commit.interval.ms")]
    pub auto_commit_interval_ms: u64,
    /// Where reading begins without a committed offset. Earliest by default, where Kafka's is
    /// latest: a run is checked for whether everything was read.
    #[serde(rename = "auto.offset.reset")]
    pub auto_offset_reset: OffsetReset,
}

impl Default for Consumer {
    /// `ConsumerConfig` @ 3.9.0; without a group.
    fn default() -> Self {
        Self {
            fetch_max_wait_ms: 500,
            max_partition_fetch_bytes: 1 << 20,
            fetch_max_bytes: 50 << 20,
            group_id: String::new(),
            group_protocol: GroupProtocol::Classic,
            group_instance_id: String::new(),
            assignment_strategy: Strategy::Range,
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 3_000,
            max_poll_records: 500,
            max_poll_interval_ms: 300_000,
            enable_auto_commit: true,
            auto_commit_interval_ms: 5_000,
            auto_offset_reset: OffsetReset::Earliest,
        }
    }
}

impl Consumer {
    pub(super) fn check(&self, kip_848: bool) -> Result<(), String> {
        let positive = [
            ("session.timeout.ms", self.session_timeout_ms),
            ("heartbeat.interval.ms", self.heartbeat_interval_ms),
            ("max.poll.records", self.max_poll_records),
            ("max.poll.interval.ms", self.max_poll_interval_ms),
            ("auto.commit.interval.ms", self.auto_commit_interval_ms),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("consumer.{name} is 0, but it is at least 1"));
        }
        if self.heartbeat_interval_ms >= self.session_timeout_ms {
            return Err(format!(
                "consumer.heartbeat.interval.ms is {}, but it is less than \
                 consumer.session.timeout.ms ({})",
                self.heartbeat_interval_ms, self.session_timeout_ms
            ));
        }
        if self.group_protocol == GroupProtocol::Consumer && !kip_848 {
            return Err("consumer.group.protocol is consumer, which 3.9 has as a preview only: \
                        version = \"4.x\", or classic"
                .into());
        }
        let needs_group = [
            ("group.instance.id", !self.group_instance_id.is_empty()),
            ("group.protocol = \"consumer\"", self.group_protocol == GroupProtocol::Consumer),
        ];
        if self.group_id.is_empty()
            && let Some((what, _)) = needs_group.iter().find(|(_, set)| *set)
        {
            return Err(format!("consumer.{what} needs consumer.group.id: the group's name"));
        }
        Ok(())
    }
}
