//! What a backup has on its disk: lines, and the positions beside them. Sizes in bytes.
//!
//! Stands for a file of JSON lines, one record for each write of several, and for a file that says
//! how much of it counts, one record for each time that it is written anew. Left out: a write of
//! which a full disk takes a part.

use std::rc::Rc;

use headwater_sim::disk::FileId;
use headwater_sim::fingerprint::mix;

use crate::batch::{Lane, Range, SharedBatch, extend};

/// The lines.
pub const LINES: FileId = FileId(1);
/// The positions.
pub const POSITIONS: FileId = FileId(2);

/// The lines of a lane in a write.
#[derive(Clone, Debug)]
pub struct Lines {
    /// As the checkers know them.
    rows: SharedBatch,
    /// The number of each event in the schedule: the tweet's id, which stands in its JSON.
    indices: Rc<[u64]>,
}

impl Lines {
    /// Of these events, each with its number in the schedule.
    pub fn new(rows: SharedBatch, indices: Rc<[u64]>) -> Self {
        Self { rows, indices }
    }
}

/// Up to where the file counts, and up to where in the stream that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Writes that the file has.
    pub writes: u64,
    /// The offset behind the last event in them, by lane.
    pub ends: Rc<[(Lane, u64)]>,
}

/// A disk record.
#[derive(Clone, Debug)]
pub enum Record {
    /// Lines that were written at once.
    Lines(Rc<[Lines]>),
    /// A position.
    Position(Position),
}

impl Record {
    /// Size on disk.
    pub fn size_bytes(&self) -> u64 {
        match self {
            // Each with a line feed.
            Self::Lines(parts) => {
                parts.iter().map(|part| part.rows.bytes + part.rows.count()).sum()
            }
            // `{"length":0000000000000,"offsets":{"0":00000000,..}}`.
            Self::Position(position) => 40 + 13 * position.ends.len() as u64,
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Lines(parts) => parts.iter().fold(1, |hash, of| mix(hash, of.rows.digest())),
            Self::Position(Position { writes, ends }) => ends
                .iter()
                .fold(mix(2, *writes), |hash, (lane, end)| mix(hash ^ u64::from(lane.0), *end)),
        }
    }

    /// Calls `see` with all events that the record holds.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        if let Self::Lines(parts) = self {
            let mut ranges = Vec::new();
            parts.iter().for_each(|part| extend(&mut ranges, Range::from(&*part.rows)));
            ranges.into_iter().for_each(see);
        }
    }

    /// Calls `see` with the number in the schedule of each event that the record holds.
    pub fn for_each_index(&self, see: &mut dyn FnMut(u64)) {
        if let Self::Lines(parts) = self {
            parts.iter().flat_map(|part| part.indices.iter()).for_each(|index| see(*index));
        }
    }
}
