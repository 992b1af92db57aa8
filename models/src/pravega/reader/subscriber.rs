//! A reader whose group holds truncation up until it has read what goes.
//!
//! Stands for `ReaderGroupConfig.StreamDataRetention`, automatic checkpoints and
//! `ReaderGroupStateManager.updateTruncationStreamCutIfNeeded` @ v0.13.0. Every so often the group
//! is at a checkpoint, and where it was is told to the controller. Parameters: `retention.type`,
//! `automatic.checkpoint.interval.ms` of [`crate::pravega::config::Reader`]. Left out: the
//! checkpoint itself, at which the readers of a group meet (each tells how far it is in its own
//! segments, at the same times); release by hand.

use headwater_sim::time::Duration;

use crate::batch::{Range, SharedBatch, extend};
use crate::pravega::message::{Message, segment_bytes};
use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;
use crate::pravega::truncation::{Consumed, Truncation};
use crate::protocol::Message as AnyMessage;

use super::{CHECKPOINT, Reader};

impl Reader {
    /// The next checkpoint is due some time from now, if the group has any.
    pub(super) fn arm_checkpoint(&self, ctx: &mut Ctx<'_>) {
        if self.cluster.has_subscribers() {
            let interval = self.cluster.reader.automatic_checkpoint_interval_ms;
            ctx.timer(Duration::from_millis(interval), CHECKPOINT);
        }
    }

    /// It is due.
    pub(super) fn checkpoint(&mut self, ctx: &mut Ctx<'_>) {
        let consumed = self.segments.iter().map(|(segment, input)| Consumed {
            segment: *segment,
            offset: input.passed,
            events: input.events.as_slice().into(),
        });
        let message = Message::Truncation(Truncation::Consumed(consumed.collect()));
        ctx.send(self.controller, AnyMessage::Pravega(message));
        self.arm_checkpoint(ctx);
    }

    /// A batch was handed out.
    pub(super) fn handed_out(&mut self, segment: SegmentId, position: u64, batch: &SharedBatch) {
        if self.cluster.has_subscribers()
            && let Some(input) = self.segments.get_mut(&segment)
        {
            input.passed = position + segment_bytes(batch);
            extend(&mut input.events, Range::from(&**batch));
        }
    }
}
