//! Operations of a container: what its durable log is made of.
//!
//! Stands for `server/logs/operations` @ v0.13.0: appends with the two attribute updates of the
//! append processor, metadata checkpoints, and the updates of the chunk metadata table that a flush
//! commits, seals, truncations and deletions. Left out: create and merge of segments, and the table
//! segments themselves (their updates are operations of their size here, and count as flushed).
//!
//! Parameters: sizes in bytes, below.

use std::rc::Rc;

use crate::batch::SharedBatch;
use crate::pravega::message::{WriterId, segment_bytes};
use crate::pravega::segment::SegmentId;
use crate::tier::message::ChunkId;

use super::metadata::Snapshot;

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Appends events to a segment, if the writer's last event number is `previous`
    /// (`AttributeUpdateType.ReplaceIfEquals`).
    Append {
        /// The segment.
        segment: SegmentId,
        /// The offset in it; set when the operation is processed.
        offset: u64,
        /// Whose events.
        writer: WriterId,
        /// Number of the last one.
        event_number: i64,
        /// The event number that must be the writer's last before.
        previous: i64,
        /// The events.
        batch: SharedBatch,
    },
    /// The segment takes no more (`StreamSegmentSealOperation`).
    Seal {
        /// The segment.
        segment: SegmentId,
    },
    /// The segment begins at `offset` (`StreamSegmentTruncateOperation`).
    Truncate {
        /// The segment.
        segment: SegmentId,
        /// Its first byte from now on.
        offset: u64,
    },
    /// The segment is gone (`DeleteSegmentOperation`).
    Delete {
        /// The segment.
        segment: SegmentId,
    },
    /// The container's state (`MetadataCheckpointOperation`): a log may begin with it.
    Checkpoint(Rc<Snapshot>),
    /// A flush has reached tier 2: the segment is there up to `storage_length`
    /// (the chunk metadata's transaction, `chunklayer` @ v0.13.0).
    StorageUpdate {
        /// The segment.
        segment: SegmentId,
        /// Its bytes in tier 2 from now on.
        storage_length: u64,
        /// The chunk that they went to.
        chunk: ChunkId,
        /// Where in the segment that chunk begins.
        chunk_start: u64,
    },
    /// Chunks that lie before `offset` are no longer the segment's, and are to be deleted from
    /// `due_ms` on (the transaction of `chunklayer.TruncateOperation`).
    StorageTruncate {
        /// The segment.
        segment: SegmentId,
        /// Where.
        offset: u64,
        /// When.
        due_ms: u64,
    },
    /// A chunk that was to be deleted is (the transaction of `GarbageCollector.deleteChunk`).
    ChunkDeleted {
        /// Which.
        chunk: ChunkId,
    },
}

/// Static part of an append operation and two attribute updates of 33 bytes
/// (`StreamSegmentAppendOperation.Serializer`: 24 + compact length + 33 each).
const APPEND_BYTES: u64 = 24 + 5 + 2 * 33;
/// Segment and length, 8 bytes each, with the serializer's header (`StreamSegmentSealOperation`).
const SEAL_BYTES: u64 = 8 + 16;
/// Segment and offset, as those of a seal (`StreamSegmentTruncateOperation`: 3 longs).
const TRUNCATE_BYTES: u64 = 8 + 24;
/// Two small table entries, segment and chunk metadata (estimated from their serializers' fields).
const STORAGE_UPDATE_BYTES: u64 = 300;
/// The entry of one chunk.
const CHUNK_DELETED_BYTES: u64 = STORAGE_UPDATE_BYTES / 2;

impl Operation {
    /// Bytes in the log without the entry header.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Append { batch, .. } => APPEND_BYTES + segment_bytes(batch),
            Self::Checkpoint(snapshot) => snapshot.size_bytes(),
            Self::StorageUpdate { .. } | Self::StorageTruncate { .. } => STORAGE_UPDATE_BYTES,
            Self::ChunkDeleted { .. } => CHUNK_DELETED_BYTES,
            Self::Seal { .. } | Self::Delete { .. } => SEAL_BYTES,
            Self::Truncate { .. } => TRUNCATE_BYTES,
        }
    }

    /// Bytes that it puts into the cache (`Operation.getCacheLength`).
    pub fn cache_length(&self) -> u64 {
        match self {
            Self::Append { batch, .. } => segment_bytes(batch),
            Self::Checkpoint(_)
            | Self::StorageUpdate { .. }
            | Self::StorageTruncate { .. }
            | Self::ChunkDeleted { .. }
            | Self::Seal { .. }
            | Self::Truncate { .. }
            | Self::Delete { .. } => 0,
        }
    }
}

/// An operation with its place in the container's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Sequence number, from 1, without a gap.
    pub sequence: u64,
    /// The operation.
    pub operation: Operation,
}

/// Words of an operation at the most, unless it is a checkpoint.
pub const WORDS_MAX: usize = 7;
const APPEND: u64 = 1;
const CHECKPOINT: u64 = 2;
const STORAGE_UPDATE: u64 = 3;
const SEAL: u64 = 4;
const TRUNCATE: u64 = 5;
const DELETE: u64 = 6;
const STORAGE_TRUNCATE: u64 = 7;
const CHUNK_DELETED: u64 = 8;

impl Logged {
    /// Writes it as numbers; the batch of an append goes to `batches`.
    pub fn encode(&self, words: &mut Vec<u64>, batches: &mut Vec<SharedBatch>) {
        match &self.operation {
            Operation::Append { segment, offset, writer, event_number, previous, batch } => {
                let segment = u64::from(*segment);
                let (number, previous) = (*event_number as u64, *previous as u64);
                words.extend([APPEND, self.sequence, segment, *offset, writer.0, number, previous]);
                batches.push(Rc::clone(batch));
            }
            Operation::Checkpoint(snapshot) => {
                words.extend([CHECKPOINT, self.sequence]);
                snapshot.encode(words);
            }
            Operation::StorageUpdate { segment, storage_length, chunk, chunk_start } => {
                let segment = u64::from(*segment);
                let (chunk, start) = (chunk.0, *chunk_start);
                words.extend([
                    STORAGE_UPDATE,
                    self.sequence,
                    segment,
                    *storage_length,
                    chunk,
                    start,
                ]);
            }
            Operation::Seal { segment } => {
                words.extend([SEAL, self.sequence, u64::from(*segment)]);
            }
            Operation::Truncate { segment, offset } => {
                words.extend([TRUNCATE, self.sequence, u64::from(*segment), *offset]);
            }
            Operation::Delete { segment } => {
                words.extend([DELETE, self.sequence, u64::from(*segment)]);
            }
            Operation::StorageTruncate { segment, offset, due_ms } => {
                let segment = u64::from(*segment);
                words.extend([STORAGE_TRUNCATE, self.sequence, segment, *offset, *due_ms]);
            }
            Operation::ChunkDeleted { chunk } => {
                words.extend([CHUNK_DELETED, self.sequence, chunk.0]);
            }
        }
    }

    /// Reads what [`Self::encode`] wrote; none at the end.
    pub fn decode(
        words: &mut impl Iterator<Item = u64>,
        batches: &mut impl Iterator<Item = SharedBatch>,
    ) -> Option<Self> {
        let kind = words.next()?;
        let mut next = || words.next().expect("an operation in the log is whole");
        let sequence = next();
        let operation = match kind {
            APPEND => Operation::Append {
                segment: SegmentId(next() as u32),
                offset: next(),
                writer: WriterId(next()),
                event_number: next() as i64,
                previous: next() as i64,
                batch: batches.next().expect("an append has its batch"),
            },
            CHECKPOINT => Operation::Checkpoint(Rc::new(Snapshot::decode(words))),
            STORAGE_UPDATE => Operation::StorageUpdate {
                segment: SegmentId(next() as u32),
                storage_length: next(),
                chunk: ChunkId(next()),
                chunk_start: next(),
            },
            SEAL => Operation::Seal { segment: SegmentId(next() as u32) },
            TRUNCATE => Operation::Truncate { segment: SegmentId(next() as u32), offset: next() },
            DELETE => Operation::Delete { segment: SegmentId(next() as u32) },
            STORAGE_TRUNCATE => Operation::StorageTruncate {
                segment: SegmentId(next() as u32),
                offset: next(),
                due_ms: next(),
            },
            CHUNK_DELETED => Operation::ChunkDeleted { chunk: ChunkId(next()) },
            other => unreachable!("operation kind {other} in the log"),
        };
        Some(Self { sequence, operation })
    }
}
