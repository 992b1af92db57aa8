//! What tiered storage keeps on disk: one file for each chunk.
//!
//! Nothing is modelled beyond the bytes that a write takes. Left out: a file system's own metadata.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::node::{self, READ};

use crate::batch::Range;

use super::message::Data;

/// A disk record.
#[derive(Clone, Debug)]
pub enum Record {
    /// What one write put into a chunk.
    Written(Rc<Data>),
    /// The beginning of a chunk that nobody will read any more.
    Folded(Rc<Folded>),
}

/// What stands for the first writes to a chunk ([`headwater_sim::fold`]).
#[derive(Clone, Debug)]
pub struct Folded {
    /// How many.
    pub writes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The hash of a read of them.
    read: u64,
    /// The events in them.
    ranges: Vec<Range>,
}

impl Folded {
    /// What stands for these records of a chunk, from its first, in which these events are.
    pub fn of<R: node::Record>(records: &[&R], ranges: Vec<Range>) -> Self {
        let mut folded = Self { writes: 0, bytes: 0, read: READ, ranges };
        for record in records {
            folded.writes += record.stands_for();
            folded.bytes += record.size_bytes();
            folded.read =
                record.digest_of_read().unwrap_or_else(|| mix(folded.read, record.digest()));
        }
        folded
    }
}

impl Record {
    /// Size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Written(data) => data.bytes,
            Self::Folded(folded) => folded.bytes,
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Written(data) => {
                let first = data.batches.first().map_or(0, |batch| batch.digest());
                mix(mix(data.bytes, data.batches.len() as u64), first)
            }
            Self::Folded(folded) => folded.read,
        }
    }

    /// See [`headwater_sim::node::Record::stands_for`].
    pub fn stands_for(&self) -> u64 {
        match self {
            Self::Written(_) => 1,
            Self::Folded(folded) => folded.writes,
        }
    }

    /// See [`headwater_sim::node::Record::digest_of_read`].
    pub fn digest_of_read(&self) -> Option<u64> {
        match self {
            Self::Written(_) => None,
            Self::Folded(folded) => Some(folded.read),
        }
    }

    /// Calls `see` with all events that the record holds.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        match self {
            Self::Written(data) => {
                data.batches.iter().map(|batch| Range::from(&**batch)).for_each(see);
            }
            Self::Folded(folded) => folded.ranges.iter().copied().for_each(see),
        }
    }
}
