//! A reader's outlet: what becomes of the events that it was handed.
//!
//! Stands for the application above a client library. It tells that it was handed them, and hands
//! them on where another system takes from this one. No parameters.

use headwater_sim::context::Context;

use crate::batch::SharedBatch;
use crate::handover::Handover;
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
}
