//! The one protocol that all models speak, so that any of them can stand in one simulation.

use headwater_sim::fingerprint::mix;
use headwater_sim::node;

use crate::batch::SharedBatch;
use crate::note::Note;
use crate::{bookkeeper, kafka, pravega, tier};

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
}

impl Record {
    /// Calls `see` with every batch of events that the record holds, whole or in part.
    pub fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        match self {
            Self::Kafka(record) => record.for_each_batch(see),
            Self::BookKeeper(record) => record.for_each_batch(see),
            Self::Tier(record) => record.for_each_batch(see),
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
        each!(self, inner => inner.size_bytes(), Kafka, BookKeeper, Pravega, Tier)
    }

    fn kind(&self) -> &'static str {
        each!(self, inner => inner.kind(), Kafka, BookKeeper, Pravega, Tier)
    }

    fn digest(&self) -> u64 {
        each!(self, of => mix(of.digest(), of.size_bytes()), Kafka, BookKeeper, Pravega, Tier)
    }
}

impl node::Record for Record {
    fn size_bytes(&self) -> u64 {
        each!(self, inner => inner.size_bytes(), Kafka, BookKeeper, Tier)
    }

    fn digest(&self) -> u64 {
        each!(self, inner => mix(inner.digest(), inner.size_bytes()), Kafka, BookKeeper, Tier)
    }
}
