//! What tiered storage keeps on disk: one file for each chunk.
//!
//! Nothing is modelled beyond the bytes that a write takes. Left out: a file system's own metadata.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;

use crate::batch::Range;

use super::message::Data;

/// A disk record: what one write put into a chunk.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was written.
    pub data: Rc<Data>,
}

impl Record {
    /// Size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.data.bytes
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        let first = self.data.batches.first().map_or(0, |batch| batch.digest());
        mix(mix(self.data.bytes, self.data.batches.len() as u64), first)
    }

    /// Calls `see` with all events that the record holds.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        self.data.batches.iter().map(|batch| Range::from(&**batch)).for_each(see);
    }
}
