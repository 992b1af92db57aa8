//! A micro-batch: the events that it is of, a part for each lane of the source.
//!
//! Stands for `OffsetHolder` in `MicroBatchExecution.scala` and the input partitions that
//! `KafkaMicroBatchStream.planInputPartitions` makes of it (apache/spark @ v3.5.6): a task for each
//! lane that has anything. No parameters. Left out: `minPartitions`.

use std::rc::Rc;

use headwater_sim::time::Time;

use super::trigger::offset_of;
use crate::batch::{Batch, Lane, SharedBatch, StreamId, StreamWriter};
use crate::handover::Handed;
use crate::replay::Replay;

/// The events of a lane in a micro-batch.
#[derive(Clone, Debug)]
pub struct Part {
    /// As the checkers know them: their numbers are their offsets.
    pub rows: SharedBatch,
    /// As they are passed on.
    pub events: Vec<Handed>,
}

/// A micro-batch.
#[derive(Clone, Debug)]
pub struct MicroBatch {
    /// Its number, from 0.
    pub number: u64,
    /// Where it ends, by lane.
    pub ends: Rc<[(Lane, u64)]>,
    /// What is in it.
    pub parts: Vec<Part>,
}

/// Where a micro-batch lies.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// Its number, from 0.
    pub number: u64,
    /// Where it begins, by lane.
    pub from: &'a [(Lane, u64)],
    /// Where it ends.
    pub ends: Rc<[(Lane, u64)]>,
}

impl MicroBatch {
    /// The batch of what lies between two places of the source; it is read `now`.
    pub fn read(
        source: &mut Replay,
        stream: StreamId,
        Place { number, from, ends }: Place<'_>,
        now: Time,
    ) -> Self {
        let mut parts = Vec::new();
        for (lane, end) in ends.iter() {
            let first = offset_of(from, *lane);
            if first < *end {
                let events = source.events(*lane, first..*end);
                let writer = StreamWriter { stream, number: 0 };
                let mut rows = Batch::empty(writer, *lane, first);
                events.iter().for_each(|event| rows.push(&event.arrival, now));
                parts.push(Part { rows: Rc::new(rows), events });
            }
        }
        Self { number, ends, parts }
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows.count()).sum()
    }
}
