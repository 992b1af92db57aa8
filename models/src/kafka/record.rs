//! Disk records.

use crate::batch::SharedBatch;

/// A disk record.
#[derive(Clone, Debug)]
pub enum Record {}

impl Record {
    /// Size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        match *self {}
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match *self {}
    }

    /// Calls `see` with every batch that the record holds.
    pub fn for_each_batch(&self, _see: &mut dyn FnMut(&SharedBatch)) {
        match *self {}
    }
}
