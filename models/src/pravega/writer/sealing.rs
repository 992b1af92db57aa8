//! A writer whose segment was sealed: what was not acknowledged goes to the successors.
//!
//! Stands for `EventStreamWriterImpl.handleLogSealed`, `SegmentSelector` @ v0.13.0 and
//! `src/segment/selector.rs` of pravega-client-rust @ v0.3.7: the controller is asked for the
//! successors, the key range is theirs from then on, and every event that the sealed segment has
//! not acknowledged is written again, in order, before any later one of its keys. A sealed segment
//! says so only behind its acks (`WriterState.DelayedErrorHandler`), so that none is stored twice.
//!
//! Parameters: `connect.timeout.ms`, `RETRY`. Left out: the flush of the other segments' writers
//! that the Java client waits for in between.

use headwater_sim::time::Duration;

use crate::pravega::epochs::Successor;
use crate::pravega::message::Message;
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::protocol::Message as AnyMessage;

use super::event::Event;
use super::link::Phase;
use super::{Task, Writer};

/// Wait before the controller is asked again when it has gone
/// (`ControllerImplConfig.initialBackoffMillis` 1 growing tenfold; here its first second's rest).
const RETRY: Duration = Duration::from_millis(1_000);

impl Writer {
    /// A segment is sealed: who follows?
    pub(super) fn sealed(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        self.ask_successors(ctx, segment);
        if self.reconnecting == Some(segment) {
            self.reconnected(ctx);
        }
    }

    pub(super) fn ask_successors(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        let link = &mut self.segments[segment.index()].link;
        link.begin();
        link.phase = Phase::Sealed;
        let number = link.connection.number;
        let request = self.tasks.number();
        self.requests.insert(request, segment);
        let message = Message::GetSuccessors { segment, request };
        ctx.send(self.controller, AnyMessage::Pravega(message));
        self.arm_timeout(ctx, segment, number);
    }

    /// The controller has gone before it has answered.
    pub(super) fn ask_successors_later(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        let number = self.segments[segment.index()].link.connection.number;
        self.timer(ctx, RETRY, Task::Reconnect { segment, number });
    }

    /// The successors are known: they get what the sealed segment has not acknowledged.
    pub(super) fn succeeded(&mut self, ctx: &mut Ctx<'_>, request: u64, successors: &[Successor]) {
        let Some(segment) = self.requests.remove(&request) else { return };
        let part = &mut self.segments[segment.index()];
        if part.link.phase != Phase::Sealed || part.moved {
            return;
        }
        part.moved = true;
        let unacked = std::mem::take(&mut part.unacked);
        part.queue = Self::new_queue(&self.cluster, ctx.now());
        self.router.replace(segment, successors);
        for successor in successors.iter().map(|one| one.owner.segment) {
            self.know(ctx, successor);
            if self.segments[successor.index()].link.phase == Phase::Down {
                self.reconnect(ctx, successor);
            }
        }
        if !unacked.is_empty() {
            properties::EVENTS_MOVED.reached(ctx);
        }
        self.blocked.retain(|(other, _)| *other != segment);
        for (key, event) in unacked {
            self.intake.renumber(segment.into(), event.sequence);
            let moved = self.assign(key, event);
            self.check_owner(ctx, key, moved.0, successors);
            // After those that are being routed, whose numbers on a common successor are lower.
            let to = if self.routing { &mut self.moved } else { &mut self.blocked };
            to.push_back(moved);
        }
        self.write_routed(ctx);
        self.pull(ctx);
    }

    /// A sealed segment's event goes to the successor that owns its key, or to one that follows it.
    fn check_owner(
        &self,
        ctx: &mut Ctx<'_>,
        key: u64,
        segment: SegmentId,
        successors: &[Successor],
    ) {
        let place = self.router.place(key);
        let owner = successors.iter().map(|one| one.owner).find(|one| one.segment == segment);
        let owns = owner.is_none_or(|one| one.range.low <= place && place <= one.range.high);
        properties::KEY_OWNED.note(ctx, segment.into(), owns);
    }

    /// Gives an event its place on the segment that owns its key.
    pub(super) fn assign(&mut self, key: u64, event: Event) -> (SegmentId, Event) {
        let lane = self.router.lane(key);
        let event = Event { sequence: self.intake.number(lane, 1), ..event };
        let part = &mut self.segments[lane.0 as usize];
        if self.stream.scales() {
            part.unacked.push_back((key, event));
        }
        (lane.into(), event)
    }
}
