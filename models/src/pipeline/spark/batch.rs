//! A micro-batch: the events that it is of, a part for each lane of the source.
//!
//! Stands for `OffsetHolder` in `MicroBatchExecution.scala` and the input partitions that
//! `KafkaMicroBatchStream.planInputPartitions` makes of it (apache/spark @ v3.5.6): a task for each
//! lane that has anything. No parameters. Left out: `minPartitions`.

use std::rc::Rc;

use headwater_sim::time::Time;

use crate::batch::{Lane, StreamId};
use crate::pipeline::part::Part;
use crate::replay::Replay;

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
        let parts = Part::between(source, stream, [from, &ends], now);
        Self { number, ends, parts }
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows.count()).sum()
    }
}
