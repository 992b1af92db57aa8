//! A reader's outlet: what becomes of the events that it was handed.
//!
//! Stands for the application above a client library. It tells that it was handed them, and hands
//! them on where another system takes from this one. No parameters.

use std::rc::Rc;

use headwater_sim::context::Context;

use crate::batch::{Lane, SharedBatch};
use crate::handover::{Handed, Handover};
use crate::note::Note;
use crate::protocol::Streaming;

/// The outlet of one reader.
#[derive(Clone, Debug)]
pub struct Outlet {
    reader: u32,
    handover: Option<Handover>,
}

impl Outlet {
    pub(crate) const fn new(reader: u32, handover: Option<Handover>) -> Self {
        Self { reader, handover }
    }

    /// The reader was handed a batch that begins at `position`.
    pub fn deliver(&self, ctx: &mut Context<'_, Streaming>, batch: SharedBatch, position: u64) {
        let reader = self.reader;
        if let Some(handover) = &self.handover {
            ctx.note(Note::Delivered { reader, batch: batch.clone(), position });
            return handover.delivered(ctx, &batch);
        }
        ctx.note(Note::Delivered { reader, batch, position });
    }

    /// A system that keeps its own position ([`crate::replay`]) has worked on a batch, of which
    /// these are the events: they go on each time that it does. Positions are its events' numbers.
    pub fn pass(&self, ctx: &mut Context<'_, Streaming>, batch: SharedBatch, events: &[Handed]) {
        let (reader, position) = (self.reader, batch.first);
        ctx.note(Note::Delivered { reader, batch: batch.clone(), position });
        if let Some(handover) = &self.handover {
            handover.pass(ctx, &batch, events);
        }
    }

    /// As [`Self::pass`], without what any life has passed on before: of a system that cuts off
    /// what it had not said to be done, or counts it anew, when it is started again.
    pub fn pass_once(&self, ctx: &mut Context<'_, Streaming>, batch: &SharedBatch, of: &[Handed]) {
        if let Some((rest, known)) = behind(batch, self.passed(batch.lane)) {
            self.pass(ctx, rest, &of[known..]);
        }
    }

    /// A system that keeps its own position is done with a batch, for good: it is acknowledged, but
    /// for what any life was done with before.
    pub fn done_once(&self, ctx: &mut Context<'_, Streaming>, batch: &SharedBatch) {
        let until = batch.last() + 1;
        let before = self.handover.as_ref().map_or(0, |own| own.done(batch.lane, until));
        if let Some((batch, _)) = behind(batch, before) {
            ctx.note(Note::Acked { batch });
        }
    }

    /// Up to which number of a lane any life was done with everything.
    pub fn done(&self, lane: Lane) -> u64 {
        self.handover.as_ref().map_or(0, |own| own.done(lane, 0))
    }

    /// Up to which number of a lane everything was passed on, by any life.
    pub fn passed(&self, lane: Lane) -> u64 {
        self.handover.as_ref().map_or(0, |handover| handover.passed(lane))
    }

    /// Events passed on that writers of the next systems have neither had acknowledged nor given
    /// up, and those that they have given up.
    pub fn open(&self) -> (u64, u64) {
        self.handover.as_ref().map_or((0, 0), Handover::open)
    }

    /// A system that keeps its own position begins anew: what writers had given up before does not
    /// matter to it.
    pub fn forget_refused(&self) {
        if let Some(handover) = &self.handover {
            handover.forget_refused();
        }
    }
}

/// The part of a batch from `number` on, if there is any, and how many events lie before it.
fn behind(batch: &SharedBatch, number: u64) -> Option<(SharedBatch, usize)> {
    match number.saturating_sub(batch.first) {
        0 => Some((batch.clone(), 0)),
        known if known < batch.count() => {
            Some((Rc::new(batch.without_first(known)), known as usize))
        }
        _ => None,
    }
}
