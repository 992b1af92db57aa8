//! Entries: what a ledger holds.
//!
//! Stands for the packet that `proto/checksum/DigestManager.java` of apache/bookkeeper @
//! branch-4.15 makes. Parameters: the header's 36 bytes, below. Left out: the payload's bytes
//! themselves and its digest: an entry is its size and the events in it, and it is damaged as a
//! whole.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;

use crate::batch::SharedBatch;

use super::ids::{EntryId, LedgerId};

/// Header that the client puts before the payload: ledger, entry, last add confirmed and length,
/// 8 bytes each (`DigestManager.METADATA_LENGTH`), and a CRC32C of 4 bytes
/// (apache/bookkeeper `proto/checksum/DigestManager.java` @ branch-4.15).
pub const ENTRY_HEADER_BYTES: u64 = 36;

/// What the application writes as one entry. BookKeeper looks at its size only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Size in bytes, headers of the application included.
    pub bytes: u64,
    /// Events in it, whole or in part, for the checkers and for readers.
    pub batches: Vec<SharedBatch>,
    /// Anything else that the application wants back: operations, positions, markers.
    pub words: Vec<u64>,
}

/// An entry as it travels and as it is stored: immutable once sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its ledger.
    pub ledger: LedgerId,
    /// Its number.
    pub id: EntryId,
    /// The writer's last add confirmed when it sent the entry (piggybacked).
    pub last_add_confirmed: EntryId,
    /// What the application wrote.
    pub payload: Rc<Payload>,
}

/// A shared entry: replicas, journals and queues hold the same one.
pub type SharedEntry = Rc<Entry>;

impl Entry {
    /// Size in bytes with the header and digest of the client.
    pub fn size_bytes(&self) -> u64 {
        ENTRY_HEADER_BYTES + self.payload.bytes
    }

    /// A cheap hash for the fingerprint.
    pub fn digest(&self) -> u64 {
        let place = mix(self.ledger.0, self.id.word());
        mix(mix(place, self.last_add_confirmed.word()), self.payload.bytes)
    }
}
