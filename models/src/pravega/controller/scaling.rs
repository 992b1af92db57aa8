//! Scaling the stream by hand: the segments of an epoch are sealed, those of the next take over.
//!
//! Stands for `ScaleOperationTask`, `StreamMetadataTasks.startScale` and the calls to
//! `SegmentHelper.sealSegment` @ v0.13.0, which are tried again until every segment is sealed. A
//! controller that was down at that time begins when it is back, and one that went down in the
//! middle starts over: sealing a sealed segment again does no harm.
//!
//! Parameters: [`crate::pravega::config::Scaling`] (ms), `RETRY`. Left out: the request stream, the
//! epoch transition's record, the creation of segments (they exist once somebody appends).

use headwater_sim::time::{Duration, Time};

use crate::collections::SortedVecMap;
use crate::pravega::message::Message;
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::protocol::Message as AnyMessage;

use super::{Controller, TIMER_SCALE, TIMER_SEAL};

/// Time between attempts to seal a segment (`RetryHelper`, `TaskStepsRetryHelper`: 100 ms growing
/// to 10 s; here their usual second).
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Scale {
    /// The epoch whose segments are written, and the one that is wanted.
    epoch: u32,
    wanted: u32,
    /// Segments that are not sealed yet, and requests for that.
    unsealed: SortedVecMap<SegmentId, ()>,
    requests: SortedVecMap<u64, SegmentId>,
}

impl Controller {
    /// Sets the timers of the scales to come.
    pub(super) fn arm_scales(&self, ctx: &mut Ctx<'_>) {
        for epoch in 0..2 {
            if let Some(at) = self.stream.ends_at_ms(epoch) {
                let at = Time::ZERO + Duration::from_millis(at);
                ctx.timer(at.since(ctx.now().min(at)), TIMER_SCALE + u64::from(epoch));
            }
        }
    }

    /// Epoch `epoch` ends.
    pub(super) fn scale_due(&mut self, ctx: &mut Ctx<'_>, epoch: u32) {
        self.scale.wanted = self.scale.wanted.max(epoch + 1);
        self.go_on_scaling(ctx);
    }

    fn go_on_scaling(&mut self, ctx: &mut Ctx<'_>) {
        if self.scale.unsealed.is_empty() && self.scale.epoch < self.scale.wanted {
            let segments = self.stream.of_epoch(self.scale.epoch);
            self.scale.unsealed = segments.map(|segment| (segment, ())).collect();
            self.seal_all(ctx);
        }
    }

    /// Asks the stores to seal what is not sealed, again and again until they have.
    pub(super) fn seal_all(&mut self, ctx: &mut Ctx<'_>) {
        self.scale.requests.clear();
        if self.scale.unsealed.is_empty() {
            return;
        }
        for (segment, ()) in self.scale.unsealed.clone() {
            let container = self.containers_of.of(segment);
            let Some(store) = self.owners[container.index()] else { continue };
            let request = self.replies.number();
            self.scale.requests.insert(request, segment);
            ctx.send(store, AnyMessage::Pravega(Message::SealSegment { segment, request }));
        }
        ctx.timer(RETRY, TIMER_SEAL);
    }

    /// A store has answered.
    pub(super) fn on_sealed(&mut self, ctx: &mut Ctx<'_>, request: u64, sealed: bool) {
        let Some(segment) = self.scale.requests.remove(&request) else { return };
        if !sealed
            || self.scale.unsealed.remove(&segment).is_none()
            || !self.scale.unsealed.is_empty()
        {
            return;
        }
        self.scale.epoch += 1;
        signals::STREAM_SCALED.note(ctx, 0, u64::from(self.scale.epoch));
        properties::STREAM_SCALED.reached(ctx);
        self.go_on_scaling(ctx);
    }
}
