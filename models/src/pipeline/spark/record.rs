//! What a query keeps in its checkpoint, and what its file sink writes.
//!
//! Stands for the files of `HDFSMetadataLog`, `OffsetSeqLog`, `CommitLog`, `FileStreamSinkLog` and
//! `state/HDFSBackedStateStoreProvider` of apache/spark @ v3.5.6, one for each batch there, one
//! record of a file for each batch here; sizes in bytes. Left out: checksum files, snapshots of the
//! state, compaction and purging of the logs.

use std::rc::Rc;

use headwater_sim::disk::FileId;
use headwater_sim::fingerprint::mix;

use crate::batch::{Lane, Range, SharedBatch, extend};

/// `offsets/`: what each batch is of, written before it is worked on.
pub const OFFSETS: FileId = FileId(1);
/// `commits/`: the batches that are done.
pub const COMMITS: FileId = FileId(2);
/// `_spark_metadata/`: the batches whose files are the sink's.
pub const SINK_LOG: FileId = FileId(3);
/// The sink's files.
pub const SINK: FileId = FileId(4);

/// The state of a shuffle partition.
pub const fn state(partition: u32) -> FileId {
    FileId(16 + partition as u64)
}

/// A disk record.
#[derive(Clone, Debug)]
pub enum Record {
    /// Where a batch ends, by lane.
    Offsets {
        /// Its number.
        batch: u64,
        /// The offset behind its last event.
        ends: Rc<[(Lane, u64)]>,
    },
    /// A batch is done.
    Commit {
        /// Its number.
        batch: u64,
    },
    /// A batch's files are the sink's.
    SinkCommit {
        /// Its number.
        batch: u64,
        /// Its files.
        files: u32,
    },
    /// A task's file.
    Rows {
        /// What is in it.
        rows: SharedBatch,
    },
    /// What a batch changed of a shuffle partition's state.
    State {
        /// Its number.
        batch: u64,
        /// Keys that it changed.
        keys: u64,
    },
}

impl Record {
    /// Size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            // A line for the version, one for watermark, time and a dozen settings, and one for the
            // source: `{"topic":{"0":12345,..}}` (`OffsetSeqLog`, `OffsetSeqMetadata`).
            Self::Offsets { ends, .. } => 800 + 12 * ends.len() as u64,
            // `v1` and `{"nextBatchWatermarkMs":0}` (`CommitLog`).
            Self::Commit { .. } => 30,
            // A line of JSON for each file (`SinkFileStatus`).
            Self::SinkCommit { files, .. } => 3 + 220 * u64::from(*files),
            Self::Rows { rows } => rows.bytes,
            // Key and value as unsafe rows with their lengths (`HDFSBackedStateStoreProvider`).
            Self::State { keys, .. } => 60 + 64 * keys,
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Offsets { batch, ends } => ends
                .iter()
                .fold(mix(1, *batch), |hash, (lane, end)| mix(hash ^ u64::from(lane.0), *end)),
            Self::Commit { batch } => mix(2, *batch),
            Self::SinkCommit { batch, files } => mix(mix(3, *batch), u64::from(*files)),
            Self::Rows { rows } => mix(4, rows.digest()),
            Self::State { batch, keys } => mix(mix(5, *batch), *keys),
        }
    }

    /// Calls `see` with all events that the record holds.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        if let Self::Rows { rows } = self {
            let mut ranges = Vec::new();
            extend(&mut ranges, Range::from(&**rows));
            ranges.into_iter().for_each(see);
        }
    }
}
