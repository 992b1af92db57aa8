//! What the nodes of the replicated log send each other and keep on disk.

use std::any::Any;
use std::rc::Rc;

use headwater_models::batch::{Range, SharedBatch};
use headwater_models::protocol::{Message, OtherMessage, OtherRecord, Record};
use headwater_sim::fingerprint::mix;

/// A message; entries are counted from 0.
#[derive(Debug)]
pub enum Rpc {
    /// A writer has an entry.
    Append(SharedBatch),
    /// The writer's entry that ends with this event is on a quorum of disks.
    Appended(u64),
    /// A follower has so many entries on its disk, and takes more.
    Have(usize),
    /// Entries for a follower, from this one on.
    Entries(usize, Vec<SharedBatch>),
    /// A reader wants entries from this one on.
    Fetch(usize),
    /// Entries for a reader, from this one on.
    Fetched(usize, Vec<SharedBatch>),
}

impl Rpc {
    /// As a message of the one protocol.
    pub fn message(self) -> Message {
        Message::Other(Rc::new(self))
    }

    fn entries(&self) -> &[SharedBatch] {
        match self {
            Self::Append(entry) => std::slice::from_ref(entry),
            Self::Entries(_, entries) | Self::Fetched(_, entries) => entries,
            Self::Appended(_) | Self::Have(_) | Self::Fetch(_) => &[],
        }
    }
}

impl OtherMessage for Rpc {
    fn size_bytes(&self) -> u64 {
        32 + self.entries().iter().map(|entry| entry.bytes + 16).sum::<u64>()
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Append(_) => "append",
            Self::Appended(_) => "appended",
            Self::Have(_) => "have",
            Self::Entries(..) => "entries",
            Self::Fetch(_) => "fetch",
            Self::Fetched(..) => "fetched",
        }
    }

    fn digest(&self) -> u64 {
        let number = match self {
            Self::Append(_) => 0,
            Self::Appended(last) => *last,
            Self::Have(from) | Self::Entries(from, _) => *from as u64,
            Self::Fetch(from) | Self::Fetched(from, _) => *from as u64,
        };
        self.entries().iter().fold(number, |hash, entry| mix(hash, entry.digest()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An entry on disk.
#[derive(Debug)]
pub struct Entry(pub SharedBatch);

impl Entry {
    /// As a record of the one protocol.
    pub fn record(entry: SharedBatch) -> Record {
        Record::Other(Rc::new(Self(entry)))
    }
}

impl OtherRecord for Entry {
    fn size_bytes(&self) -> u64 {
        self.0.bytes + 16
    }

    fn digest(&self) -> u64 {
        self.0.digest()
    }

    fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        see(Range::from(&*self.0));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
