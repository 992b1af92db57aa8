//! Requests about where segments begin and end, on their way to their containers.
//!
//! Stands for `PravegaRequestProcessor.truncateSegment`, `deleteSegment`, `getStreamSegmentInfo` @
//! v0.13.0. No parameters.

use headwater_sim::units::NodeId;

use crate::pravega::message::{CloseReason, Message};
use crate::pravega::node::Ctx;
use crate::pravega::truncation::Truncation;
use crate::protocol::Message as AnyMessage;

use super::SegmentStore;

impl SegmentStore {
    pub(super) fn on_truncation(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Truncation) {
        let (segment, request, refusal) = match message {
            Truncation::GetInfo { segment, request } => {
                let reason = match self.stream_exists {
                    true => CloseReason::WrongHost,
                    false => CloseReason::NoSuchSegment,
                };
                (segment, request, Truncation::Info { request, info: Err(reason) })
            }
            Truncation::Truncate { segment, request, .. } => {
                (segment, request, Truncation::Truncated { request, truncated: false })
            }
            Truncation::Delete { segment, request } => {
                (segment, request, Truncation::Deleted { request, deleted: false })
            }
            other => unreachable!("a store is not sent {}", other.kind()),
        };
        let id = self.containers_of.of(segment);
        if !self.stream_exists || !self.containers.contains_key(&id) {
            return ctx.send(from, AnyMessage::Pravega(Message::Truncation(refusal)));
        }
        self.with_container(ctx, id, |container, env| match message {
            Truncation::Truncate { offset, .. } => {
                container.truncate(env, (segment, offset), from, request);
            }
            Truncation::Delete { .. } => container.delete(env, segment, from, request),
            _ => container.tell_info(env, segment, from, request),
        });
    }
}
