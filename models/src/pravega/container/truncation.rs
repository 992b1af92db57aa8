//! Truncation of segments: where they begin, and that they are gone.
//!
//! Stands for `StreamSegmentTruncateOperation`, `DeleteSegmentOperation`,
//! `StreamSegmentContainer.truncateStreamSegment`, `deleteStreamSegment` and `getStreamSegmentInfo`
//! @ v0.13.0: operations in the log like any other. Who reads before the start of a segment is told
//! from then on; what is before it leaves the cache with the next eviction, and tier 2 when the
//! storage writer has come so far. A truncation may come again: it does nothing then, and one that
//! is behind the last is answered as if it had been done
//! (`SegmentHelper.EXPECTED_SUCCESS_REPLIES`). Parameters: none. Left out: the removal of a deleted
//! segment's metadata.

use headwater_sim::units::NodeId;

use crate::bugs::Bug;
use crate::pravega::container::host::Env;
use crate::pravega::message::{CloseReason, Message};
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::pravega::truncation::{SegmentInfo, Truncation};
use crate::protocol::Message as AnyMessage;

use super::operation::Operation;
use super::{Container, Phase, Queued};

/// Somebody waits for a truncation or a deletion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncating {
    segment: SegmentId,
    /// Where it is to begin; none of one that is to be deleted.
    offset: Option<u64>,
    from: NodeId,
    request: u64,
}

impl Truncating {
    fn answer(&self, env: &mut Env<'_, '_>, done: bool) {
        let request = self.request;
        let message = match self.offset {
            Some(_) => Truncation::Truncated { request, truncated: done },
            None => Truncation::Deleted { request, deleted: done },
        };
        send(env, self.from, message);
    }
}

impl Container {
    /// Somebody asks where a segment begins and ends.
    pub fn tell_info(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        from: NodeId,
        request: u64,
    ) {
        let index = self.segments.entry_or_default(segment);
        let info = if self.phase != Phase::Running {
            Err(CloseReason::WrongHost)
        } else if index.deleted {
            Err(CloseReason::NoSuchSegment)
        } else {
            let (start, length) = (index.start, index.readable);
            let (newest, events) = (index.newest, index.events.as_slice().into());
            Ok(Box::new(SegmentInfo { start, length, newest, events }))
        };
        send(env, from, Truncation::Info { request, info });
    }

    /// The controller wants a segment to begin at `offset`; answered when it does.
    pub fn truncate(
        &mut self,
        env: &mut Env<'_, '_>,
        (segment, offset): (SegmentId, u64),
        from: NodeId,
        request: u64,
    ) {
        let index = self.segments.entry_or_default(segment);
        let offset = match env.spec.cluster.bugs.has(Bug::TruncatesToTheEnd) {
            true => index.readable,
            false => offset,
        };
        let done = index.deleted || offset < index.start;
        let waiting = Truncating { segment, offset: Some(offset), from, request };
        self.submit_truncation(env, waiting, done, Operation::Truncate { segment, offset });
    }

    /// The controller wants a segment to be gone; answered when it is.
    pub fn delete(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        from: NodeId,
        request: u64,
    ) {
        let done = self.segments.entry_or_default(segment).deleted;
        let waiting = Truncating { segment, offset: None, from, request };
        self.submit_truncation(env, waiting, done, Operation::Delete { segment });
    }

    fn submit_truncation(
        &mut self,
        env: &mut Env<'_, '_>,
        waiting: Truncating,
        done: bool,
        operation: Operation,
    ) {
        if self.phase != Phase::Running || done {
            return waiting.answer(env, self.phase == Phase::Running);
        }
        self.truncating.push(waiting);
        self.submit(env, Queued { operation, appender: None });
    }

    /// A truncation is committed.
    pub(super) fn truncation_committed(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        offset: u64,
        sequence: u64,
    ) {
        let index = self.segments.entry_or_default(segment);
        if offset > index.start {
            index.start = offset;
            signals::SEGMENT_TRUNCATED.note(env.ctx, segment.into(), offset);
        }
        self.writer.truncate(segment, offset, sequence);
        let is_done = |one: &Truncating| {
            one.segment == segment && one.offset.is_some_and(|wanted| wanted <= offset)
        };
        self.answer_truncations(env, is_done);
    }

    /// A deletion is committed.
    pub(super) fn deletion_committed(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        sequence: u64,
    ) {
        let index = self.segments.entry_or_default(segment);
        (index.start, index.sealed) = (index.readable, true);
        let length = index.readable;
        if !std::mem::replace(&mut index.deleted, true) {
            signals::SEGMENT_DELETED.note(env.ctx, segment.into(), length);
        }
        self.writer.truncate(segment, length, sequence);
        self.answer_truncations(env, |one| one.segment == segment);
    }

    fn answer_truncations(&mut self, env: &mut Env<'_, '_>, is_done: impl Fn(&Truncating) -> bool) {
        for one in self.truncating.iter().filter(|one| is_done(one)) {
            one.answer(env, true);
        }
        self.truncating.retain(|one| !is_done(one));
    }
}

fn send(env: &mut Env<'_, '_>, to: NodeId, message: Truncation) {
    env.ctx.send(to, AnyMessage::Pravega(Message::Truncation(message)));
}
