//! A stream that scales by its load, or that is truncated, as far as the controller's services have
//! got with it: what they know of it, and what they do once that is kept.
//!
//! Stands for `StreamMetadataStore` on ZooKeeper @ v0.13.0: nothing is done or answered before the
//! record that says so is written. A controller that has restarted, or has another session, reads
//! the record first, and goes on with what it says. One write is under way at a time. Parameters:
//! none. Left out: versions of the record, as there is one controller.

use headwater_sim::units::NodeId;

use crate::bookkeeper::metadata::message::{Operation, Path, Value};
use crate::pravega::message::Message;
use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;

use super::Controller;
use super::auto_scaling::Wishes;
use super::scale_operation::Running;
use super::stream_record::StreamRecord;

/// Directory of the streams' records.
const STREAMS: &str = "streams";

/// What to do once the record is written.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Somebody is told something.
    Tell(NodeId, Message),
    /// A reader that has read a segment to its end is told who follows.
    Follow { from: NodeId, segment: SegmentId, request: u64 },
    /// Nothing.
    Nothing,
    /// The scale or the truncation under way goes on.
    GoOn,
    /// The same, and the next look what may go is due some time from now.
    Rest,
}

/// The stream.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// What is, or is about to be, written.
    pub record: StreamRecord,
    pub wishes: Wishes,
    pub running: Option<Running>,
    /// It is to be looked what may go.
    pub look: bool,
    /// The request that reads the record; the one that writes it.
    reading: Option<u64>,
    writing: Option<u64>,
    loaded: bool,
    /// There is a record to write over.
    exists: bool,
    /// It has changed since the write under way began.
    changed: bool,
    /// What comes after the write under way, and after the next.
    then: Vec<Then>,
    next: Vec<Then>,
}

impl Kept {
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// True if its segments are being changed.
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }
}

impl Controller {
    /// The services start: reads the record.
    pub(super) fn load(&mut self, ctx: &mut Ctx<'_>) {
        if let (Some(kept), Some(client)) = (&mut self.kept, &mut self.client) {
            let list = Operation::List { directory: STREAMS, watch: false };
            kept.reading = Some(client.request(ctx, list));
        }
    }

    /// The services end: what readers wait for is asked again.
    pub(super) fn forget_stream(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        for then in kept.then.drain(..).chain(kept.next.drain(..)) {
            if let Then::Follow { from, segment, request } = then {
                self.ended.push((from, segment, request));
            }
        }
        *kept = Kept::default();
    }

    /// True if the reply was to one of these requests.
    pub(super) fn on_record(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: u64,
        found: Option<&[(u64, Value)]>,
    ) -> bool {
        let initial = self.cluster.segments;
        let Some(kept) = &mut self.kept else { return false };
        if kept.reading == Some(request) {
            kept.reading = None;
            kept.loaded = true;
            kept.record = match found.and_then(<[_]>::first) {
                Some((_, Value::Words(words))) => StreamRecord::decode(words),
                _ => StreamRecord::new(initial),
            };
            kept.exists = found.is_some_and(|found| !found.is_empty());
            self.loaded(ctx);
            return true;
        }
        if kept.writing != Some(request) {
            return false;
        }
        (kept.writing, kept.exists) = (None, true);
        let then = std::mem::take(&mut kept.then);
        if kept.changed {
            self.write(ctx);
        }
        for then in then {
            self.after_write(ctx, then);
        }
        true
    }

    fn loaded(&mut self, ctx: &mut Ctx<'_>) {
        self.rest(ctx);
        self.go_on_with_stream(ctx);
        for (from, segment, request) in std::mem::take(&mut self.waiting) {
            self.answer_successors(ctx, from, segment, request);
        }
        for (from, segment, request) in std::mem::take(&mut self.ended) {
            self.segment_read(ctx, from, segment, request);
        }
    }

    /// What the record says is not done: the creation of the stream, a scale, or a truncation.
    fn go_on_with_stream(&mut self, ctx: &mut Ctx<'_>) {
        let kept = self.kept.as_mut().expect("it was loaded");
        if !kept.record.created {
            let made = kept.record.epochs.first().collect();
            self.create_segments(ctx, made);
        } else {
            self.go_on(ctx);
        }
    }

    /// Writes the record, then does something.
    pub(super) fn keep(&mut self, ctx: &mut Ctx<'_>, then: Then) {
        let kept = self.kept.as_mut().expect("it has a record");
        kept.changed = true;
        kept.next.push(then);
        if kept.writing.is_none() {
            self.write(ctx);
        }
    }

    fn write(&mut self, ctx: &mut Ctx<'_>) {
        let (Some(kept), Some(client)) = (&mut self.kept, &mut self.client) else { return };
        let path = Path::new(STREAMS, 0);
        let value = Value::Words(kept.record.encode());
        let operation = if kept.exists {
            Operation::Set { path, value, version: None }
        } else {
            Operation::Create { path, value, ephemeral: false }
        };
        kept.changed = false;
        kept.then = std::mem::take(&mut kept.next);
        kept.writing = Some(client.request(ctx, operation));
    }

    fn after_write(&mut self, ctx: &mut Ctx<'_>, then: Then) {
        match then {
            Then::Tell(to, message) => self.reply(ctx, to, message),
            Then::Follow { from, segment, request } => {
                self.answer_successors(ctx, from, segment, request);
            }
            Then::Nothing => {}
            Then::GoOn => self.go_on(ctx),
            Then::Rest => {
                self.rest(ctx);
                self.go_on(ctx);
            }
        }
    }

    /// A reader has read a segment to its end.
    pub(super) fn segment_read(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: NodeId,
        segment: SegmentId,
        request: u64,
    ) {
        let Some(kept) = self.kept.as_mut().filter(|one| one.is_loaded()) else {
            return self.ended.push((from, segment, request));
        };
        if kept.record.mark_read(segment) {
            self.keep(ctx, Then::Follow { from, segment, request });
        } else {
            self.answer_successors(ctx, from, segment, request);
        }
    }

    /// A reader looks at its group's state.
    pub(super) fn tell_group(&mut self, ctx: &mut Ctx<'_>, from: NodeId, request: u64) {
        if let Some(kept) = self.kept.as_ref().filter(|one| one.is_loaded()) {
            let segments = kept.record.ready();
            self.reply(ctx, from, Message::Group { request, segments });
        }
    }
}
