//! What a count keeps: up to where windows are over, and where in the stream the others begin.
//!
//! Stands for positions that are committed with a note beside them (a consumer's offsets with
//! metadata). The counts themselves are kept nowhere. Sizes in bytes.

use std::rc::Rc;

use headwater_sim::disk::FileId;
use headwater_sim::fingerprint::mix;

use crate::batch::Lane;

/// The positions.
pub const POSITIONS: FileId = FileId(1);

/// Where a restart begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Windows that end at this many advances from the start of the run, or before, are over.
    pub over: u64,
    /// The first event that a window needs which is not over, by lane.
    pub from: Rc<[(Lane, u64)]>,
    /// Events before were read, by lane.
    pub read: Rc<[(Lane, u64)]>,
}

/// A disk record.
#[derive(Clone, Debug)]
pub struct Record(pub Rc<Position>);

impl Record {
    /// Size on disk.
    pub fn size_bytes(&self) -> u64 {
        // `{"over":00000000,"from":{"0":00000000,..},"read":{"0":00000000,..}}`.
        let Position { from, read, .. } = &*self.0;
        40 + 13 * (from.len() + read.len()) as u64
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        let Position { over, from, read } = &*self.0;
        let both = from.iter().chain(read.iter());
        both.fold(mix(1, *over), |hash, (lane, end)| mix(hash ^ u64::from(lane.0), *end))
    }
}
