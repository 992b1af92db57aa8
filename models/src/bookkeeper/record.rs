//! What BookKeeper's nodes keep on disk.
//!
//! Stands for the file formats of `bookie/Journal.java`, `bookie/EntryLogger.java`,
//! `bookie/LogMark.java` of apache/bookkeeper @ branch-4.15 and `FileTxnLog` of ZooKeeper 3.6.3,
//! with sizes in bytes. Left out: file headers (some 100 bytes a file), the ledger map at the end
//! of an entry log.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::units::NodeId;

use crate::batch::Range;

use super::entry::SharedEntry;
use super::folded::{Folded, Summary};
use super::ids::{EntryId, LedgerId};
use super::metadata::message::{Operation, SessionId};

/// Where entries of one ledger lie in the entry logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPage {
    /// The ledger.
    pub ledger: LedgerId,
    /// True once the ledger is fenced.
    pub fenced: bool,
    /// (entry, entry log file, record of the file, place in the record).
    pub entries: Vec<(EntryId, u64, u64, u32)>,
}

/// A disk record.
#[derive(Clone, Debug)]
pub enum Record {
    /// One flush of a bookie's journal: entries, and ledgers fenced.
    Journal {
        /// Entries, in the order in which they came.
        entries: Vec<SharedEntry>,
        /// Ledgers that were fenced. A boxed slice, which is smaller than a `Vec`: seldom any.
        fences: Box<[LedgerId]>,
        /// Bytes with lengths and padding.
        bytes: u64,
    },
    /// One buffer of a bookie's entry log.
    EntryLog {
        /// Entries, sorted by ledger and number.
        entries: Vec<SharedEntry>,
    },
    /// What one checkpoint adds to a bookie's ledger index.
    Index {
        /// One page for each ledger that changed.
        pages: Vec<IndexPage>,
    },
    /// Up to where each journal directory's entries are in the entry logs: (file, records).
    LastMark {
        /// One for each journal directory.
        marks: Vec<(u64, u64)>,
    },
    /// Whose disk this is.
    Cookie {
        /// The bookie.
        bookie: NodeId,
    },
    /// One transaction of the metadata service's log.
    Transaction {
        /// The session that asked, if it has one.
        session: Option<SessionId>,
        /// What it asked. Boxed, as it is seldom and large: records are moved often.
        operation: Box<Operation>,
    },
    /// Records that have been folded.
    Folded(Rc<Folded>),
}

impl Record {
    /// Size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Journal { bytes, .. } => *bytes,
            // Each entry has a length of 4 bytes before it (`EntryLogger` @ branch-4.15).
            Self::EntryLog { entries } => entries.iter().map(|entry| 4 + entry.size_bytes()).sum(),
            // 8 bytes of offset for each entry (`LedgerEntryPage`), a header for each ledger.
            Self::Index { pages } => {
                pages.iter().map(|page| 64 + 8 * page.entries.len() as u64).sum()
            }
            // Two longs (`LogMark`).
            Self::LastMark { marks } => 16 * marks.len() as u64,
            // Layout version, host, directories and instance as text (`Cookie`), estimated.
            Self::Cookie { .. } => 200,
            // Checksum, length and transaction header (`FileTxnLog` @ ZooKeeper 3.6.3).
            Self::Transaction { operation, .. } => 60 + operation.size_bytes(),
            Self::Folded(folded) => folded.bytes,
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Journal { entries, fences, bytes } => {
                let ends = entries.last().map_or(0, |entry| entry.digest());
                let fences = fences.iter().fold(ends, |hash, ledger| mix(hash, ledger.0));
                mix(mix(1, fences), entries.len() as u64 ^ bytes.rotate_left(32))
            }
            Self::EntryLog { entries } => {
                let ends = entries.last().map_or(0, |entry| entry.digest());
                mix(mix(2, ends), entries.len() as u64)
            }
            Self::Index { pages } => pages.iter().fold(3, |hash, page| {
                mix(mix(hash, page.ledger.0 << 1 | u64::from(page.fenced)), {
                    page.entries.len() as u64
                })
            }),
            Self::LastMark { marks } => {
                marks.iter().fold(4, |hash, (file, records)| mix(mix(hash, *file), *records))
            }
            Self::Cookie { bookie } => mix(6, u64::from(bookie.0)),
            Self::Transaction { session, operation } => {
                mix(mix(5, session.map_or(0, |session| session.0)), operation.digest())
            }
            Self::Folded(folded) => folded.read,
        }
    }

    /// See [`headwater_sim::node::Record::stands_for`].
    pub fn stands_for(&self) -> u64 {
        match self {
            Self::Folded(folded) => folded.records,
            _ => 1,
        }
    }

    /// See [`headwater_sim::node::Record::digest_of_read`].
    pub fn digest_of_read(&self) -> Option<u64> {
        match self {
            Self::Folded(folded) => Some(folded.read),
            _ => None,
        }
    }

    /// Calls `see` with all events that the record holds. Only where entries are stored for good
    /// or until then: the journal and the entry log.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        if let Self::Folded(folded) = self
            && let Summary::Events(ranges) = &folded.summary
        {
            ranges.iter().copied().for_each(&mut *see);
        }
        self.for_each_entry(&mut |entry| {
            entry.payload.batches.iter().for_each(|batch| see(Range::from(&**batch)));
        });
    }

    /// Calls `see` with every entry that the record holds whole.
    pub fn for_each_entry(&self, see: &mut dyn FnMut(&SharedEntry)) {
        match self {
            Self::Journal { entries, .. } | Self::EntryLog { entries } => {
                entries.iter().for_each(see);
            }
            Self::Index { .. }
            | Self::LastMark { .. }
            | Self::Cookie { .. }
            | Self::Transaction { .. }
            | Self::Folded(_) => {}
        }
    }
}
