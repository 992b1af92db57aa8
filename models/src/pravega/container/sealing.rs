//! Seals: a segment takes no more, and its readers are told where it ends.
//!
//! Stands for `StreamSegmentSealOperation`, `StreamSegmentContainer.sealStreamSegment` @ v0.13.0. A
//! seal is an operation in the log like any other: appends before it count, appends behind it are
//! refused. Parameters: none. Left out: the seal of the segment's chunks in tier 2.

use headwater_sim::units::NodeId;

use crate::pravega::container::host::{ContainerEvent, Env};
use crate::pravega::message::Message;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::protocol::Message as AnyMessage;

use super::operation::Operation;
use super::{Container, Phase, Queued};

impl Container {
    /// The controller wants a segment sealed; answered when it is.
    pub fn seal(&mut self, env: &mut Env<'_, '_>, segment: SegmentId, from: NodeId, request: u64) {
        if self.phase != Phase::Running {
            return answer(env, from, request, false);
        }
        if self.segments.entry_or_default(segment).sealed {
            return answer(env, from, request, true);
        }
        let waiting = self.sealing.entry_or_default(segment);
        waiting.push((from, request));
        if waiting.len() == 1 {
            let operation = Operation::Seal { segment };
            self.submit(env, Queued { operation, appender: None });
        }
    }

    /// A seal is committed.
    pub(super) fn seal_committed(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let index = self.segments.entry_or_default(segment);
        if !std::mem::replace(&mut index.sealed, true) {
            self.note(env, &signals::SEGMENT_SEALED, u64::from(segment));
            properties::SEGMENT_SEALED.reached(env.ctx);
            env.events.push(ContainerEvent::Sealed { segment });
        }
        for (from, request) in self.sealing.remove(&segment).unwrap_or_default() {
            answer(env, from, request, true);
        }
        self.serve_tail_readers(env, segment);
    }
}

fn answer(env: &mut Env<'_, '_>, to: NodeId, request: u64, sealed: bool) {
    let message = Message::SegmentSealed { request, sealed };
    env.ctx.send(to, AnyMessage::Pravega(message));
}
