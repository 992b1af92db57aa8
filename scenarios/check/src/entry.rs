//! A history as it is written down: one entry for each thing that was observed, in the order in
//! which it was.

use headwater_models::batch::StreamId;
use headwater_sim::time::Time;
use serde::{Deserialize, Serialize};

use super::history::{Events, History};

/// Consecutive events of a writer on a lane, of a run with one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// When, nanoseconds since the start of the run.
    pub at: u64,
    /// The writer, from 0.
    pub writer: u32,
    /// The lane, from 0.
    pub lane: u32,
    /// Lane sequence number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// An event as a reader was handed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// When, nanoseconds since the start of the run.
    pub at: u64,
    /// Which reader, from 0.
    pub reader: u32,
    /// The lane, from 0.
    pub lane: u32,
    /// Its position there, events.
    pub position: u64,
    /// Whose it is.
    pub writer: u32,
    /// Its lane sequence number.
    pub seq: u64,
}

/// Something that was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// Events were due, and were handed to their writer.
    Sent(Written),
    /// The writer was told that they are stored.
    Acked(Written),
    /// The writer gave them up; whether they are stored is not known.
    Failed(Written),
    /// A reader was handed an event.
    Read(Read),
    /// A reader was handed a payload that is not one that was written.
    Damaged {
        /// When, nanoseconds since the start of the run.
        at: u64,
        /// Which reader, from 0.
        reader: u32,
        /// What is wrong with it.
        what: String,
    },
}

impl From<Written> for Events {
    fn from(Written { writer, lane, first, count, .. }: Written) -> Self {
        Self { stream: StreamId(0), writer, lane, first, count }
    }
}

impl Written {
    /// These events, at `at`.
    pub fn at(at: u64, events: Events) -> Self {
        let Events { writer, lane, first, count, .. } = events;
        Self { at, writer, lane, first, count }
    }
}

impl History {
    /// Takes in what was observed.
    #[inline]
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Sent(of) => self.sent(Time(of.at), Events::from(*of)),
            Entry::Acked(of) => self.acked(Time(of.at), Events::from(*of)),
            Entry::Failed(of) => self.failed(Time(of.at), Events::from(*of)),
            Entry::Read(Read { at, reader, lane, position, writer, seq }) => {
                let (stream, writer, lane, first) = (StreamId(0), *writer, *lane, *seq);
                let events = Events { stream, writer, lane, first, count: 1 };
                self.delivered(Time(*at), *reader, events, *position, 1);
            }
            Entry::Damaged { at, reader, what } => self.damaged(Time(*at), *reader, what),
        }
    }
}
