//! Options of the topic.

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kafka::compression::TopicCodec;
use crate::kafka::segments::{Retention, Rolling};

/// Options of the topic (`LogConfig`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "TopicConfig and LogConfig @ apache/kafka 3.9.0"))]
pub struct Topic {
    /// Acknowledgements with `acks=all` need this many in-sync replicas.
    #[serde(rename = "min.insync.replicas")]
    pub min_insync_replicas: u32,
    /// Records after which a partition's log is synced to disk; the default never does.
    #[serde(rename = "flush.messages")]
    pub flush_messages: u64,
    /// Bytes after which a partition's log begins another segment, and syncs the former one.
    #[serde(rename = "segment.bytes")]
    pub segment_bytes: u64,
    /// Age of a segment's first record at which the next record begins another.
    #[serde(rename = "segment.ms")]
    pub segment_ms: u64,
    /// Segments are removed once their last record is older; -1 for never.
    #[serde(rename = "retention.ms")]
    pub retention_ms: i64,
    /// The oldest segments of a partition are removed while the others have that many bytes; -1 for
    /// no limit.
    #[serde(rename = "retention.bytes")]
    pub retention_bytes: i64,
    /// Whether segments are copied to remote storage (`tier`), and removed here before they are
    /// removed there; with it goes `remote.log.storage.system.enable` of every broker.
    #[serde(rename = "remote.storage.enable")]
    pub remote_storage_enable: bool,
    /// The same as `retention.ms`, of what is here and in remote storage as well; -2 for that.
    #[serde(rename = "local.retention.ms")]
    pub local_retention_ms: i64,
    /// The same as `retention.bytes`, of what is here and in remote storage as well; -2 for that.
    #[serde(rename = "local.retention.bytes")]
    pub local_retention_bytes: i64,
    /// How long files of segments that were removed stay on the disk.
    #[serde(rename = "file.delete.delay.ms")]
    pub file_delete_delay_ms: u64,
    /// Whether a replica outside the ISR may become leader.
    #[serde(rename = "unclean.leader.election.enable")]
    pub unclean_leader_election: bool,
    /// How batches are compressed in the log: as they come (`producer`), not at all
    /// (`uncompressed`), or with a codec.
    #[serde(rename = "compression.type")]
    pub compression: TopicCodec,
}

impl Default for Topic {
    /// `LogConfig` @ 3.9.0.
    fn default() -> Self {
        Self {
            min_insync_replicas: 1,
            flush_messages: i64::MAX as u64,
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            remote_storage_enable: false,
            local_retention_ms: -2,
            local_retention_bytes: -2,
            file_delete_delay_ms: 60_000,
            unclean_leader_election: false,
            compression: TopicCodec::Producer,
        }
    }
}

impl From<&Topic> for Rolling {
    fn from(topic: &Topic) -> Self {
        Self { bytes: topic.segment_bytes, after: Duration::from_millis(topic.segment_ms) }
    }
}

impl Topic {
    /// What it asks to be removed of a log that begins at `start`.
    pub fn retention(&self, start: u64) -> Retention {
        Retention {
            time: u64::try_from(self.retention_ms).ok().map(Duration::from_millis),
            bytes: u64::try_from(self.retention_bytes).ok(),
            floor: start,
            start,
            tiered: None,
        }
    }

    /// What it asks to be removed here of a log with remote storage, which begins at `start` and
    /// here at `local`, and of which everything before `copied` is there
    /// (`UnifiedLog.localRetentionMs`, `localRetentionSize`).
    pub fn local_retention(&self, (start, local): (u64, u64), copied: u64) -> Retention {
        let or = |local: i64, whole: i64| if local == -2 { whole } else { local };
        let time = or(self.local_retention_ms, self.retention_ms);
        let bytes = or(self.local_retention_bytes, self.retention_bytes);
        Retention {
            time: u64::try_from(time).ok().map(Duration::from_millis),
            bytes: u64::try_from(bytes).ok(),
            floor: local,
            start,
            tiered: Some(copied),
        }
    }

    /// Something may be removed before a week is over.
    pub fn removes_soon(&self) -> bool {
        let default = Self::default();
        let limits = (self.retention_ms, self.retention_bytes);
        self.remote_storage_enable || limits != (default.retention_ms, default.retention_bytes)
    }

    pub(super) fn check(&self, replicas: u32) -> Result<(), String> {
        let min = self.min_insync_replicas;
        let positive = [
            ("min.insync.replicas", u64::from(min)),
            ("flush.messages", self.flush_messages),
            ("segment.bytes", self.segment_bytes),
            ("segment.ms", self.segment_ms),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("topic.{name} is 0, but there must be at least 1"));
        }
        if min > replicas {
            return Err(format!(
                "topic.min.insync.replicas is {min}, but replication.factor is {replicas}: \
                 no write with acks=all could ever succeed"
            ));
        }
        let limits =
            [("retention.ms", self.retention_ms), ("retention.bytes", self.retention_bytes)];
        if let Some((name, value)) = limits.iter().find(|(_, value)| *value < -1) {
            return Err(format!("topic.{name} is {value}, but it is at least 0, or -1 for none"));
        }
        self.check_local()
    }

    /// `LogConfig.validateRemoteStorageRetentionSize` and its like.
    fn check_local(&self) -> Result<(), String> {
        for (name, local, whole) in [
            ("ms", self.local_retention_ms, self.retention_ms),
            ("bytes", self.local_retention_bytes, self.retention_bytes),
        ] {
            if local < -2 || (whole >= 0 && (local == -1 || local > whole)) {
                return Err(format!(
                    "topic.local.retention.{name} is {local}, but it is at most \
                     topic.retention.{name} ({whole}), or -2 for the same"
                ));
            }
            if local != -2 && !self.remote_storage_enable {
                return Err(format!(
                    "topic.local.retention.{name} needs topic.remote.storage.enable = true"
                ));
            }
        }
        Ok(())
    }
}
