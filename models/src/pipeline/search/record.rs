//! What a search has on its disks: the log of the database, the vectors of the index, and the
//! position of the indexer. Sizes in bytes.
//!
//! Stands for the write-ahead log of PostgreSQL, with a record for each transaction, for a file of
//! vectors to which as many are appended, and for a file that says how far the stream was taken.
//! Left out: the tables that the log is about, checkpoints, and segments that are used again.

use std::rc::Rc;

use headwater_sim::disk::FileId;
use headwater_sim::fingerprint::mix;

use crate::batch::Lane;

/// What was stored, of the database and of the index.
pub const STORED: FileId = FileId(1);
/// The positions of the indexer.
pub const POSITIONS: FileId = FileId(2);

/// A tweet, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number in the schedule: its id, the primary key.
    pub tweet: u64,
    /// Bytes of its text.
    pub bytes: u32,
}

/// A disk record.
#[derive(Clone, Debug)]
pub enum Record {
    /// Rows that were committed together, or vectors that were written together.
    Stored {
        /// What it has.
        rows: Rc<[Row]>,
        /// Its size.
        bytes: u64,
    },
    /// Up to where in the stream everything is stored, by lane.
    Position(Rc<[(Lane, u64)]>),
}

impl Record {
    /// Size on disk.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Stored { bytes, .. } => *bytes,
            // `{"offsets":{"0":00000000,..}}`.
            Self::Position(ends) => 20 + 13 * ends.len() as u64,
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Stored { rows, .. } => rows.iter().fold(1, |hash, row| mix(hash, row.tweet)),
            Self::Position(ends) => {
                ends.iter().fold(2, |hash, (lane, end)| mix(hash ^ u64::from(lane.0), *end))
            }
        }
    }

    /// Calls `see` with the number in the schedule of each tweet that the record holds.
    pub fn for_each_index(&self, see: &mut dyn FnMut(u64)) {
        if let Self::Stored { rows, .. } = self {
            rows.iter().for_each(|row| see(row.tweet));
        }
    }
}
