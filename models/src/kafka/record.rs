//! What a broker keeps on disk: log batches, the metadata log, the quorum state, checkpoints.
//!
//! Stands for the files of a log directory of apache/kafka @ 3.9.0: `DefaultRecordBatch`,
//! `__cluster_metadata-0`, `quorum-state`, `replication-offset-checkpoint`,
//! `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`, `.kafka_cleanshutdown`,
//! `meta.properties`.
//! Sizes in bytes as there. Left out: indexes and snapshots, which only make a start faster.

use std::num::NonZeroU64;
use std::rc::Rc;

use headwater_sim::disk::FileId;
use headwater_sim::fingerprint::mix;
use headwater_sim::time::Time;

use super::controller::metadata_log::Run;
use super::ids::{BrokerId, PartitionId, TopicId, TopicPartition};
use super::metadata::MetadataRecord;
use super::partition_log::Summary;
use crate::batch::{Batch, Range, SharedBatch, extend};

/// Batch header of message format v2: 61 bytes (`DefaultRecordBatch` @ 3.9.0).
pub const BATCH_OVERHEAD: u64 = 61;
/// Length, attributes, deltas and header count of one record of some hundred bytes
/// (`DefaultRecord` @ 3.9.0).
pub const RECORD_OVERHEAD: u64 = 10;

/// Which producer a batch is of, as brokers tell them apart. A client that starts again gets
/// another one (`InitProducerId` without a transactional id @ 3.9.0): idempotence ends with the
/// process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerId(NonZeroU64);

impl ProducerId {
    /// The producer of this number, which is below `u64::MAX`. Never zero inside, so that a record
    /// without a producer takes no more room than one with it.
    pub const fn new(number: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(number))
    }
}

impl Default for ProducerId {
    fn default() -> Self {
        Self::new(0)
    }
}

/// Epoch of an idempotent producer on a partition. Sequence numbers start anew with each: the first
/// batch of an epoch is the one whose lane sequence number is `first`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerEpoch {
    /// Whose.
    pub producer: ProducerId,
    /// Counts epochs, from 0.
    pub number: u32,
    /// Lane sequence number of the epoch's first event (its sequence number 0).
    pub first: u64,
}

/// A batch in a partition's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogBatch {
    /// Offset of its first record.
    pub base_offset: u64,
    /// Epoch of the leader that appended it.
    pub leader_epoch: u32,
    /// Its producer's epoch, if that is idempotent: then its sequence numbers count.
    pub producer_epoch: Option<ProducerEpoch>,
    /// Its records.
    pub batch: SharedBatch,
}

impl LogBatch {
    /// Leaves out the records before `offset`, which lies within: a log gives whole batches, and a
    /// reader skips what it did not ask for.
    pub fn begin_at(&mut self, offset: u64) {
        if offset > self.base_offset {
            self.batch = Rc::new(self.batch.without_first(offset - self.base_offset));
            self.base_offset = offset;
        }
    }

    /// Offset after its last record.
    pub fn end_offset(&self) -> u64 {
        self.base_offset + self.batch.count()
    }

    /// Size in the log and on the wire.
    pub fn size_bytes(&self) -> u64 {
        batch_bytes(&self.batch)
    }

    /// Times of its first and its last record (`CreateTime`).
    pub fn times(&self) -> (Time, Time) {
        let of = |time: Option<&Time>| time.copied().unwrap_or_default();
        (of(self.batch.started.first()), of(self.batch.started.last()))
    }

    /// A cheap hash of it.
    pub fn digest(&self) -> u64 {
        mix(mix(self.base_offset, u64::from(self.leader_epoch)), self.batch.digest())
    }
}

/// What stands for batches of a log that nobody needs any more ([`headwater_sim::fold`]).
#[derive(Clone, Debug)]
pub struct Folded {
    /// What the log remembers of these batches and all before them.
    pub before: Summary,
    /// Events that it stands for.
    pub ranges: Vec<Range>,
    /// Their bytes in the log.
    pub bytes: u64,
}

/// Size of a batch in the log and on the wire.
pub fn batch_bytes(batch: &SharedBatch) -> u64 {
    BATCH_OVERHEAD + batch.packed.map_or_else(|| record_bytes(batch), |packed| packed.get().into())
}

/// Size of a batch's records before they are compressed.
pub fn record_bytes(batch: &Batch) -> u64 {
    batch.count() * RECORD_OVERHEAD + batch.bytes
}

/// What stands for entries of the metadata log that have been folded.
#[derive(Clone, Debug)]
pub struct MetadataRuns {
    /// The entries.
    pub runs: Vec<Run>,
    /// Entries up to the last of them.
    pub before: u64,
    /// The hash of a read of all of these.
    pub read: u64,
}

impl MetadataRuns {
    fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.count * METADATA_BYTES).sum()
    }
}

/// Bytes of an entry of the metadata log.
const METADATA_BYTES: u64 = 100;

/// What a voter of the controller quorum remembers of elections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuorumState {
    /// Its epoch.
    pub epoch: u32,
    /// The candidate that it voted for in it.
    pub voted_for: Option<BrokerId>,
    /// The leader of it, if known.
    pub leader: Option<BrokerId>,
}

/// A disk record of a broker.
#[derive(Clone, Debug)]
pub enum Record {
    /// A batch of a partition's log.
    Log(LogBatch),
    /// Batches of a partition's log that have been folded.
    Folded(Rc<Folded>),
    /// An entry of the metadata log.
    Metadata {
        /// Epoch of the controller that appended it.
        epoch: u32,
        /// The entry. Boxed, as it is seldom and large: records are moved often.
        record: Box<MetadataRecord>,
    },
    /// Entries of the metadata log that have been folded.
    MetadataRuns(Rc<MetadataRuns>),
    /// The quorum-state file.
    QuorumState(QuorumState),
    /// The replication-offset-checkpoint file: high watermark of each partition.
    HighWatermarks(Vec<u64>),
    /// The recovery-point-offset-checkpoint file: what each partition's log is synced up to.
    RecoveryPoints(Vec<u64>),
    /// The log-start-offset-checkpoint file: where each partition's log begins, with the names of
    /// the first segments, which say where what is here begins.
    LogStarts(Vec<(u64, u64)>),
    /// The .kafka_cleanshutdown file: which life of the broker was stopped cleanly.
    CleanShutdown {
        /// Its incarnation.
        incarnation: u64,
    },
    /// The meta.properties file: whose directory it is.
    MetaProperties {
        /// The broker's number.
        node_id: BrokerId,
    },
}

impl Record {
    /// Size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Log(batch) => batch.size_bytes(),
            Self::Folded(folded) => folded.bytes,
            Self::Metadata { .. } => METADATA_BYTES,
            Self::MetadataRuns(runs) => runs.bytes(),
            Self::QuorumState(_) => 150,
            Self::MetaProperties { .. } => 90,
            Self::CleanShutdown { .. } => 40,
            Self::HighWatermarks(partitions) | Self::RecoveryPoints(partitions) => {
                8 + 20 * partitions.len() as u64
            }
            Self::LogStarts(partitions) => 8 + 20 * partitions.len() as u64,
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Log(batch) => batch.digest(),
            Self::Folded(folded) => folded.before.digest_of_read(),
            Self::MetadataRuns(runs) => runs.read,
            Self::Metadata { epoch, record } => mix(u64::from(*epoch), record.digest()),
            Self::QuorumState(QuorumState { epoch, voted_for, leader }) => {
                let number = |voter: &Option<BrokerId>| voter.map_or(0, |of| u64::from(of) + 1);
                mix(u64::from(*epoch), number(voted_for) << 32 | number(leader))
            }
            Self::CleanShutdown { incarnation } => mix(6, *incarnation),
            Self::MetaProperties { node_id } => mix(5, (*node_id).into()),
            Self::HighWatermarks(partitions) | Self::RecoveryPoints(partitions) => {
                partitions.iter().fold(7, |hash, mark| mix(hash, *mark))
            }
            Self::LogStarts(partitions) => {
                partitions.iter().fold(8, |hash, (start, local)| mix(mix(hash, *start), *local))
            }
        }
    }

    /// See [`headwater_sim::node::Record::digest_of_read`].
    pub fn digest_of_read(&self) -> Option<u64> {
        match self {
            Self::Folded(folded) => Some(folded.before.digest_of_read()),
            Self::MetadataRuns(runs) => Some(runs.read),
            _ => None,
        }
    }

    /// See [`headwater_sim::node::Record::joined`].
    pub fn joined(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::Folded(this), Self::Folded(next)) => {
                let mut ranges = this.ranges.clone();
                next.ranges.iter().for_each(|range| extend(&mut ranges, *range));
                let (before, bytes) = (next.before.clone(), this.bytes + next.bytes);
                Some(Self::Folded(Rc::new(Folded { before, ranges, bytes })))
            }
            (Self::MetadataRuns(this), Self::MetadataRuns(next)) => {
                let runs = this.runs.iter().chain(&next.runs).cloned().collect();
                let MetadataRuns { before, read, .. } = **next;
                Some(Self::MetadataRuns(Rc::new(MetadataRuns { runs, before, read })))
            }
            _ => None,
        }
    }

    /// Of a record that stands for others: how many there are up to the last of them.
    pub fn folded(&self) -> Option<u64> {
        match self {
            Self::Folded(folded) => Some(folded.before.records()),
            Self::MetadataRuns(runs) => Some(runs.before),
            _ => None,
        }
    }

    /// Calls `see` with all events that the record holds.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        match self {
            Self::Log(batch) => see(Range::from(&*batch.batch)),
            Self::Folded(folded) => folded.ranges.iter().copied().for_each(see),
            _ => {}
        }
    }
}

/// The log of a partition.
pub const fn log_file(partition: TopicPartition) -> FileId {
    let TopicPartition { topic: TopicId(topic), partition: PartitionId(partition) } = partition;
    FileId((topic as u64) << 40 | 1 << 32 | partition as u64)
}

/// The partition of a log file; nothing for another file.
pub const fn log_partition(file: FileId) -> Option<TopicPartition> {
    if file.0 >> 32 & 0xff != 1 {
        return None;
    }
    let topic = TopicId((file.0 >> 40) as u32);
    Some(TopicPartition { topic, partition: PartitionId(file.0 as u32) })
}

/// The metadata log (`__cluster_metadata-0`).
pub const METADATA_FILE: FileId = FileId(2 << 32);
/// `quorum-state`.
pub const QUORUM_STATE_FILE: FileId = FileId(3 << 32);
/// `meta.properties`.
pub const META_PROPERTIES_FILE: FileId = FileId(5 << 32);
/// `recovery-point-offset-checkpoint`.
pub const RECOVERY_POINT_FILE: FileId = FileId(6 << 32);
/// `.kafka_cleanshutdown`.
pub const CLEAN_SHUTDOWN_FILE: FileId = FileId(7 << 32);
/// `replication-offset-checkpoint`.
pub const HIGH_WATERMARK_FILE: FileId = FileId(4 << 32);
/// `log-start-offset-checkpoint`.
pub const LOG_START_FILE: FileId = FileId(8 << 32);
