//! What BookKeeper's clients and bookies say to each other.
//!
//! Stands for `bookkeeper-proto/src/main/proto/BookkeeperProtocol.proto` (version 3 protocol) of
//! apache/bookkeeper @ branch-4.15: messages with their sizes in bytes. Left out: authentication,
//! explicit LAC, force-ledger, list of entries, long-poll reads.

use headwater_sim::fingerprint::mix;

use super::entry::SharedEntry;
use super::ids::{EntryId, LedgerId};
use super::metadata::message::MetadataMessage;
use crate::batch::SharedBatch;

/// What a bookie made of a request (`StatusCode` of
/// `bookkeeper-proto/src/main/proto/BookkeeperProtocol.proto` @ branch-4.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// The ledger is not known here (`ENOLEDGER`).
    NoLedger,
    /// The entry is not known here (`ENOENTRY`).
    NoEntry,
    /// The ledger is fenced: nobody but recovery may add (`EFENCED`).
    Fenced,
    /// The disk returned an error (`EIO`).
    Io,
    /// The bookie is read-only, its disk being full (`EREADONLY`).
    ReadOnly,
    /// The bookie has not finished starting; a real one refuses the connection.
    Unavailable,
}

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This entry.
    Entry(EntryId),
    /// The newest entry that the bookie has, for its last add confirmed
    /// (`BookieProtocol.LAST_ADD_CONFIRMED`).
    Newest,
}

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A client adds an entry.
    Add {
        /// Handed back with the reply.
        request: u64,
        /// What.
        entry: SharedEntry,
        /// True for a recovery's add, which a fence lets pass.
        recovery: bool,
    },
    /// A bookie has added an entry, or not.
    Added {
        /// The request.
        request: u64,
        /// Its ledger.
        ledger: LedgerId,
        /// Its number.
        entry: EntryId,
        /// What came of it.
        status: Status,
    },
    /// A client reads an entry.
    Read {
        /// Handed back with the reply.
        request: u64,
        /// The ledger.
        ledger: LedgerId,
        /// Which entry.
        which: Which,
        /// True to fence the ledger first.
        fence: bool,
    },
    /// A bookie has read an entry, or not.
    ReadReply {
        /// The request.
        request: u64,
        /// The ledger.
        ledger: LedgerId,
        /// What came of it.
        status: Status,
        /// The entry, if there is one.
        found: Option<SharedEntry>,
    },
    /// To or from the metadata service.
    Metadata(Box<MetadataMessage>),
}

/// Framing of a request or reply in the version 3 protocol beyond the entry itself: 4 bytes of
/// length, packet header (version, operation, transaction id), ledger id, entry id, and for a
/// request the 20-byte master key, in protobuf (apache/bookkeeper
/// `bookkeeper-proto/src/main/proto/BookkeeperProtocol.proto` @ branch-4.15; counted).
const REQUEST_BYTES: u64 = 60;
const REPLY_BYTES: u64 = 40;

impl Message {
    /// Size on the wire in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Add { entry, .. } => REQUEST_BYTES + entry.size_bytes(),
            Self::Added { .. } => REPLY_BYTES,
            Self::Read { .. } => REQUEST_BYTES,
            Self::ReadReply { found, .. } => {
                REPLY_BYTES + found.as_ref().map_or(0, |entry| entry.size_bytes())
            }
            Self::Metadata(message) => message.size_bytes(),
        }
    }

    /// Calls `see` with every batch that it carries.
    pub fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        match self {
            Self::Add { entry, .. } | Self::ReadReply { found: Some(entry), .. } => {
                entry.payload.batches.iter().for_each(see);
            }
            _ => {}
        }
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Added { .. } => "added",
            Self::Read { fence: true, .. } => "fence",
            Self::Read { .. } => "read",
            Self::ReadReply { .. } => "read_reply",
            Self::Metadata(message) => message.kind(),
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Add { request, entry, recovery } => {
                mix(mix(1 + u64::from(*recovery), *request), entry.digest())
            }
            Self::Added { request, ledger, entry, status } => {
                mix(mix(mix(3 + ((*status as u64) << 8), *request), ledger.0), entry.word())
            }
            Self::Read { request, ledger, which, fence } => {
                let which = match which {
                    Which::Entry(entry) => entry.word(),
                    Which::Newest => u64::MAX,
                };
                mix(mix(mix(4 + u64::from(*fence), *request), ledger.0), which)
            }
            Self::ReadReply { request, ledger, status, found } => {
                let found = found.as_ref().map_or(0, |entry| entry.digest());
                mix(mix(mix(6 + ((*status as u64) << 8), *request), ledger.0), found)
            }
            Self::Metadata(message) => mix(7, message.digest()),
        }
    }

    /// The tag under which the receiver asked for this, if it is a reply or a watch: which
    /// component of the receiver it belongs to (see [`crate::tags::TagSpace::number_of`]).
    pub fn reply_tag(&self) -> Option<u64> {
        match self {
            Self::Added { request, .. } | Self::ReadReply { request, .. } => Some(*request),
            Self::Metadata(message) => match **message {
                MetadataMessage::Reply { request, .. }
                | MetadataMessage::Changed { request, .. } => Some(request),
                MetadataMessage::Request { .. } => None,
            },
            Self::Add { .. } | Self::Read { .. } => None,
        }
    }
}
