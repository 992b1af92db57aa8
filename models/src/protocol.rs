//! The one protocol that all models speak, so that any of them can share a simulation.

use std::any::Any;
use std::fmt::Debug;
use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::node;

use crate::batch::{Range, SharedBatch};
use crate::note::Note;
use crate::pipeline::{backup, search, spark, trending};
use crate::{bookkeeper, handover, kafka, pravega, tier};

/// The protocol of this crate's nodes.
#[derive(Clone, Copy, Debug)]
pub struct Streaming;

impl node::Protocol for Streaming {
    type Message = Message;
    type Record = Record;
    type Note = Note;
}

/// A message of any modelled system.
#[derive(Clone, Debug)]
pub enum Message {
    /// Kafka's.
    Kafka(kafka::message::Message),
    /// BookKeeper's.
    BookKeeper(bookkeeper::message::Message),
    /// Pravega's.
    Pravega(pravega::message::Message),
    /// Tiered storage's.
    Tier(tier::message::Message),
    /// From the readers of one system to the writers of another.
    Handover(handover::Notice),
    /// A search's.
    Search(search::message::Message),
    /// One of a system of another crate.
    Other(Rc<dyn OtherMessage>),
}

/// A disk record of any modelled system.
#[derive(Clone, Debug)]
pub enum Record {
    /// Kafka's.
    Kafka(kafka::record::Record),
    /// BookKeeper's.
    BookKeeper(bookkeeper::record::Record),
    /// Tiered storage's.
    Tier(tier::record::Record),
    /// Spark's.
    Spark(spark::record::Record),
    /// A backup's.
    Backup(backup::record::Record),
    /// A count's of hashtags.
    Trending(trending::record::Record),
    /// A search's.
    Search(search::record::Record),
    /// One of a system of another crate.
    Other(Rc<dyn OtherRecord>),
}

/// A message of a system of another crate.
pub trait OtherMessage: Debug {
    /// Bytes on the wire.
    fn size_bytes(&self) -> u64;

    /// Its kind, for traces.
    fn kind(&self) -> &'static str;

    /// A hash of its content, for the fingerprint.
    fn digest(&self) -> u64;

    /// Calls `see` with every batch of events that it carries, whole or in part: what follows an
    /// event on its way. Default: none, and its way is not followed.
    fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        let _ = see;
    }

    /// Itself, for a node that knows its type.
    fn as_any(&self) -> &dyn Any;
}

/// A disk record of a system of another crate.
pub trait OtherRecord: Debug {
    /// Bytes on disk.
    fn size_bytes(&self) -> u64;

    /// A hash of its content, for the fingerprint.
    fn digest(&self) -> u64;

    /// Calls `see` with all events that it holds, whole or in part.
    fn for_each_range(&self, see: &mut dyn FnMut(Range));

    /// Itself, for a node that knows its type.
    fn as_any(&self) -> &dyn Any;
}

impl Message {
    /// Calls `see` with every batch of events that the message carries, whole or in part.
    pub fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        match self {
            Self::Kafka(message) => message.for_each_batch(see),
            Self::BookKeeper(message) => message.for_each_batch(see),
            Self::Pravega(message) => message.for_each_batch(see),
            Self::Tier(message) => message.for_each_batch(see),
            Self::Other(message) => message.for_each_batch(see),
            Self::Handover(_) | Self::Search(_) => {}
        }
    }
}

impl Record {
    /// Calls `see` with all events that the record holds, whole or in part.
    pub fn for_each_range(&self, see: &mut dyn FnMut(Range)) {
        match self {
            Self::Kafka(record) => record.for_each_range(see),
            Self::BookKeeper(record) => record.for_each_range(see),
            Self::Tier(record) => record.for_each_range(see),
            Self::Spark(record) => record.for_each_range(see),
            Self::Backup(record) => record.for_each_range(see),
            Self::Trending(_) | Self::Search(_) => {}
            Self::Other(record) => record.for_each_range(see),
        }
    }

    /// Calls `see` with the number in the schedule of each event that the record holds, where that
    /// can be read out of it.
    pub fn for_each_index(&self, see: &mut dyn FnMut(u64)) {
        match self {
            Self::Backup(record) => record.for_each_index(see),
            Self::Search(record) => record.for_each_index(see),
            _ => {}
        }
    }
}

macro_rules! each {
    ($self:ident, $inner:ident => $body:expr, $($variant:ident),+) => {
        match $self { $(Self::$variant($inner) => $body),+ }
    };
}

impl node::Message for Message {
    fn size_bytes(&self) -> u64 {
        each!(self, m => m.size_bytes(), Kafka, BookKeeper, Pravega, Tier, Handover, Search, Other)
    }

    fn kind(&self) -> &'static str {
        each!(self, m => m.kind(), Kafka, BookKeeper, Pravega, Tier, Handover, Search, Other)
    }

    fn digest(&self) -> u64 {
        let digest =
            each!(self, m => m.digest(), Kafka, BookKeeper, Pravega, Tier, Handover, Search, Other);
        mix(digest, self.size_bytes())
    }
}

impl node::Record for Record {
    fn size_bytes(&self) -> u64 {
        each!(self, r => r.size_bytes(),
            Kafka, BookKeeper, Tier, Spark, Backup, Trending, Search, Other)
    }

    fn digest(&self) -> u64 {
        let digest = each!(self, r => r.digest(),
            Kafka, BookKeeper, Tier, Spark, Backup, Trending, Search, Other);
        mix(digest, node::Record::size_bytes(self))
    }

    fn digest_of_read(&self) -> Option<u64> {
        match self {
            Self::Kafka(record) => record.digest_of_read(),
            Self::BookKeeper(record) => record.digest_of_read(),
            Self::Tier(record) => record.digest_of_read(),
            Self::Spark(_)
            | Self::Backup(_)
            | Self::Trending(_)
            | Self::Search(_)
            | Self::Other(_) => None,
        }
    }

    fn stands_for(&self) -> u64 {
        match self {
            Self::BookKeeper(record) => record.stands_for(),
            Self::Tier(record) => record.stands_for(),
            Self::Kafka(_)
            | Self::Spark(_)
            | Self::Backup(_)
            | Self::Trending(_)
            | Self::Search(_)
            | Self::Other(_) => 1,
        }
    }

    fn joined(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::Kafka(this), Self::Kafka(next)) => this.joined(next).map(Self::Kafka),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::effect::Effect;

    #[test]
    fn messages_records_and_effects_are_small_enough_to_be_moved_about() {
        assert!(size_of::<Message>() <= MESSAGE_BYTES, "{}", size_of::<Message>());
        assert!(size_of::<Record>() <= RECORD_BYTES, "{}", size_of::<Record>());
        assert!(size_of::<Effect<Streaming>>() <= 80, "{}", size_of::<Effect<Streaming>>());
    }

    /// An effect has a tag and a receiver beside it.
    const MESSAGE_BYTES: usize = 72;
    /// A disk effect has an operation, its file, a disk and a tag beside it.
    const RECORD_BYTES: usize = 56;
}
