//! What stands for records that nobody needs any more ([`headwater_sim::fold`]).
//!
//! Nothing of the original is modelled here. No parameters.

use headwater_sim::fingerprint::mix;
use headwater_sim::node::{READ, Record};

use crate::batch::Range;

use super::ledger_index::LedgerSummary;
use super::metadata::tree::MetadataTree;

/// What stands for records of a file.
#[derive(Clone, Debug)]
pub struct Folded {
    /// How many.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The hash of a read of them, if they are the first of their file.
    pub read: u64,
    /// What is still to be known of them.
    pub summary: Summary,
}

/// What is still to be known of records.
#[derive(Clone, Debug)]
pub enum Summary {
    /// Of a journal or an entry log: the events in them.
    Events(Vec<Range>),
    /// Of a ledger index: what it says.
    Index(Vec<LedgerSummary>),
    /// The last of the last marks.
    Marks(Vec<(u64, u64)>),
    /// Of the metadata service's log: what it has made.
    Tree(Box<MetadataTree>),
}

impl Folded {
    /// What stands for `records`, of which this is to be known.
    pub fn of<R: Record>(records: &[&R], summary: Summary) -> Self {
        let mut folded = Self { records: 0, bytes: 0, read: READ, summary };
        for record in records {
            folded.records += record.stands_for();
            folded.bytes += record.size_bytes();
            folded.read =
                record.digest_of_read().unwrap_or_else(|| mix(folded.read, record.digest()));
        }
        folded
    }
}
