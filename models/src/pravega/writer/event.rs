//! Events on their way from the schedule into blocks.
//!
//! Pure data of the writers; 8 bytes of header each (`WireCommands.TYPE_PLUS_LENGTH_SIZE` @
//! v0.13.0). Left out: the payload's bytes.

use std::rc::Rc;

use headwater_sim::time::Time;

use crate::batch::{Batch, Lane, SharedBatch, StreamWriter};
use crate::pravega::message::EVENT_HEADER_BYTES;

/// An event that the writer has taken from the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Lane sequence number, from 0.
    pub sequence: u64,
    /// Payload bytes.
    pub bytes: u32,
    /// When it is due.
    pub intended: Time,
    /// When the writer took it.
    pub started: Time,
}

impl Event {
    /// Bytes in the segment.
    pub fn length(&self) -> u64 {
        u64::from(self.bytes) + EVENT_HEADER_BYTES
    }

    /// Its number as the segment writer counts, from 1.
    pub fn number(&self) -> i64 {
        self.sequence as i64 + 1
    }
}

/// Makes a batch of consecutive events.
pub fn batch(writer: StreamWriter, lane: Lane, events: &[Event]) -> SharedBatch {
    let first = events.first().expect("a batch is not empty").sequence;
    Rc::new(Batch {
        bytes: events.iter().map(|event| u64::from(event.bytes)).sum(),
        intended: events.iter().map(|event| event.intended).collect(),
        started: events.iter().map(|event| event.started).collect(),
        ..Batch::empty(writer, lane, first)
    })
}

/// Number of a batch's last event as the segment writer counts, from 1.
pub fn event_number(batch: &SharedBatch) -> i64 {
    batch.last() as i64 + 1
}
