//! Configuration of a backup: options with the source of each default.
//!
//! Left out: files that are closed and followed by new ones, compression, a pool of writers.

use headwater_sim::time::Duration;
use headwater_sim::units::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When what was written is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sync {
    /// Before its position is written down, and the position after that (`persist` of Flink's local
    /// stream).
    Commit,
    /// When the operating system comes to it.
    None,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "models/src/pipeline/backup/config.rs: the default of each option from the \
                  product that it names"
))]
pub struct Cluster {
    /// Lines are written when there is so much of them, and before each position. Default 8 KiB
    /// (`io.DEFAULT_BUFFER_SIZE` of CPython 3.11).
    pub buffer: Bytes,
    /// Events that are read at once at the most. Default 500 (`max.poll.records`,
    /// `ConsumerConfig.java` @ apache/kafka 3.9.0).
    #[serde(rename = "max.poll.records")]
    pub max_poll_records: u64,
    /// From one position that is written down to the next. Default 5 s
    /// (`auto.commit.interval.ms`, `ConsumerConfig.java` @ apache/kafka 3.9.0).
    #[serde(rename = "commit.interval")]
    pub commit_interval: Duration,
    /// When what was written is made durable: `commit` or `none`. Default `commit`.
    pub sync: Sync,
    /// At a start the file is cut back to its last position, so that each event is in it once;
    /// false: lines behind the position stay, and are there twice then. Default true.
    pub once: bool,
    /// Positions that can be returned to: the stream keeps what follows the oldest. Default 1
    /// (`state.checkpoints.num-retained`, `CheckpointingOptions.java` @ apache/flink release-1.20).
    #[serde(rename = "positions.num-retained")]
    pub positions_num_retained: u32,
    /// Time until a write that was refused is tried again. Default 30 s (`action.resumeInterval`,
    /// rsyslog 8, which writes lines to files as well).
    #[serde(rename = "resume.interval")]
    pub resume_interval: Duration,
    /// Partitions of the source where it takes the schedule; behind a stream, as many as that has.
    /// Default 1.
    #[serde(rename = "source.partitions")]
    pub source_partitions: u32,
    /// CPU times.
    pub costs: Costs,
}

/// CPU times of one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "measured with CPython 3.11 on two cores: the best of 7 times 100 writes of 500 \
                  lines of 1,989 B to tmpfs, unbuffered, and of 2,000 writes of one"
))]
pub struct Costs {
    /// From the start of the process until it looks at its files: `import json, collections`.
    pub start: Duration,
    /// A write, whatever is in it.
    pub write: Duration,
    /// A KiB of lines is joined and copied.
    pub kib: Duration,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            buffer: Bytes(8_192),
            max_poll_records: 500,
            commit_interval: Duration::from_secs(5),
            sync: Sync::Commit,
            once: true,
            positions_num_retained: 1,
            resume_interval: Duration::from_secs(30),
            source_partitions: 1,
            costs: Costs {
                start: Duration::from_millis(140),
                write: Duration::from_nanos(1_300),
                kib: Duration::from_nanos(1_700),
            },
        }
    }
}

impl Cluster {
    /// What makes it impossible, if anything.
    ///
    /// # Errors
    /// The first option that cannot be 0.
    pub fn check(&self) -> Result<(), String> {
        let least = [
            ("max.poll.records", self.max_poll_records),
            ("commit.interval", self.commit_interval.0),
            ("positions.num-retained", self.positions_num_retained.into()),
            ("resume.interval", self.resume_interval.0),
            ("source.partitions", self.source_partitions.into()),
        ];
        match least.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("{name} is 0: it is above that")),
            None => Ok(()),
        }
    }
}
