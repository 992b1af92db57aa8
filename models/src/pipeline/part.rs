//! Events of a lane that are worked on together: as the checkers know them, and as they go on.
//!
//! Stands for the records of one partition in a task, or in what a consumer's `poll` gives. No
//! parameters.

use std::ops::Range;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::time::Time;

use super::offsets::offset_of;
use crate::batch::{Batch, Lane, SharedBatch, StreamId, StreamWriter};
use crate::handover::Handed;
use crate::outlet::Outlet;
use crate::protocol::Streaming;
use crate::replay::Replay;

/// The events of a lane.
#[derive(Clone, Debug)]
pub struct Part {
    /// As the checkers know them: their numbers are their offsets.
    pub rows: SharedBatch,
    /// As they are passed on.
    pub events: Vec<Handed>,
}

impl Part {
    /// What a system whose stream is `stream` reads of a lane `now`; the offsets are not empty.
    fn read(
        source: &mut Replay,
        stream: StreamId,
        lane: Lane,
        offsets: Range<u64>,
        now: Time,
    ) -> Self {
        let first = offsets.start;
        let events = source.events(lane, offsets);
        let writer = StreamWriter { stream, number: 0 };
        let mut rows = Batch::empty(writer, lane, first);
        events.iter().for_each(|event| rows.push(&event.arrival, now));
        Self { rows: Rc::new(rows), events }
    }

    /// What lies between two places, a part for each lane that has anything.
    pub fn between(
        source: &mut Replay,
        stream: StreamId,
        [from, ends]: [&[(Lane, u64)]; 2],
        now: Time,
    ) -> Vec<Self> {
        let mut parts = Vec::new();
        for (lane, end) in ends {
            let first = offset_of(from, *lane);
            if first < *end {
                parts.push(Self::read(source, stream, *lane, first..*end, now));
            }
        }
        parts
    }

    /// It is done with, for good, and passed on if no life has done so before.
    pub fn settle(&self, ctx: &mut Context<'_, Streaming>, outlet: &Outlet) {
        outlet.pass_once(ctx, &self.rows, &self.events);
        outlet.done_once(ctx, &self.rows);
    }
}

/// An earlier life has written this position down, and may not have come to say so.
pub fn settle_until(
    ctx: &mut Context<'_, Streaming>,
    position: &[(Lane, u64)],
    (source, stream): (&mut Replay, StreamId),
    outlet: &Outlet,
) {
    let told: Vec<_> = position.iter().map(|(lane, _)| (*lane, outlet.done(*lane))).collect();
    let parts = Part::between(source, stream, [&told, position], ctx.now());
    parts.iter().for_each(|part| part.settle(ctx, outlet));
}

/// Batches in order, with those of a lane that follow one another as one.
pub fn joined_rows(rows: impl IntoIterator<Item = SharedBatch>) -> Vec<SharedBatch> {
    let mut all: Vec<SharedBatch> = Vec::new();
    for next in rows {
        match before(all.iter_mut(), &next) {
            Some(rows) => append(rows, &next),
            None => all.push(next),
        }
    }
    all
}

/// The same of parts.
pub fn joined(parts: impl IntoIterator<Item = Part>) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    for next in parts {
        let place = before(all.iter_mut().map(|part| &mut part.rows), &next.rows);
        let Some(rows) = place else {
            all.push(next);
            continue;
        };
        append(rows, &next.rows);
        let lane = next.rows.lane;
        let part = all.iter_mut().rfind(|part| part.rows.lane == lane);
        part.expect("it was just found").events.extend(next.events);
    }
    all
}

/// The one that `next` goes on with: the last of its lane.
fn before<'a>(
    mut all: impl DoubleEndedIterator<Item = &'a mut SharedBatch>,
    next: &SharedBatch,
) -> Option<&'a mut SharedBatch> {
    let last = all.rfind(|rows| rows.lane == next.lane)?;
    (last.last() + 1 == next.first).then_some(last)
}

fn append(rows: &mut SharedBatch, next: &SharedBatch) {
    let rows = Rc::make_mut(rows);
    rows.bytes += next.bytes;
    rows.intended.extend(&next.intended);
    rows.started.extend(&next.started);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lane: u32, first: u64, count: u64) -> SharedBatch {
        let writer = StreamWriter { stream: StreamId(0), number: 0 };
        let times: Vec<_> = (first..first + count).map(Time).collect();
        let (intended, started) = (times.clone(), times);
        let empty = Batch::empty(writer, Lane(lane), first);
        Rc::new(Batch { bytes: 10 * count, intended, started, ..empty })
    }

    #[test]
    fn what_follows_in_a_lane_becomes_one() {
        let (first, gap) = (rows(0, 3, 2), rows(1, 9, 1));
        let all = [first.clone(), rows(1, 0, 4), rows(0, 5, 1), gap.clone(), rows(0, 6, 2)];
        let all = joined_rows(all);
        let places: Vec<_> = all.iter().map(|of| (of.lane.0, of.first, of.count())).collect();
        assert_eq!(places, [(0, 3, 5), (1, 0, 4), (1, 9, 1)]);
        assert_eq!((all[0].bytes, all[0].intended[4]), (50, Time(7)));
        // What others hold stays as it is.
        assert_eq!((first.count(), gap.count()), (2, 1));
    }
}
