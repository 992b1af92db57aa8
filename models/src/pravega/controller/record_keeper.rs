//! A stream that scales by its load, as far as the controller's services have got with it: what
//! they know of it, and what they do once that is kept.
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
    /// The scale under way goes on.
    GoOn,
}

/// The stream.
#[derive(Debug, Default)]
pub(super) struct ByLoad {
    /// What is, or is about to be, written.
    pub record: StreamRecord,
    pub wishes: Wishes,
    pub running: Option<Running>,
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

impl ByLoad {
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(super) fn is_scaling(&self) -> bool {
        self.running.is_some()
    }
}

impl Controller {
    /// The services start: reads the record.
    pub(super) fn load(&mut self, ctx: &mut Ctx<'_>) {
        if let (Some(by_load), Some(client)) = (&mut self.by_load, &mut self.client) {
            let list = Operation::List { directory: STREAMS, watch: false };
            by_load.reading = Some(client.request(ctx, list));
        }
    }

    /// The services end: what readers wait for is asked again.
    pub(super) fn forget_stream(&mut self) {
        let Some(by_load) = &mut self.by_load else { return };
        for then in by_load.then.drain(..).chain(by_load.next.drain(..)) {
            if let Then::Follow { from, segment, request } = then {
                self.ended.push((from, segment, request));
            }
        }
        *by_load = ByLoad::default();
    }

    /// True if the reply was to one of these requests.
    pub(super) fn on_record(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: u64,
        found: Option<&[(u64, Value)]>,
    ) -> bool {
        let initial = self.cluster.segments;
        let Some(by_load) = &mut self.by_load else { return false };
        if by_load.reading == Some(request) {
            by_load.reading = None;
            by_load.loaded = true;
            by_load.record = match found.and_then(<[_]>::first) {
                Some((_, Value::Words(words))) => StreamRecord::decode(words),
                _ => StreamRecord::new(initial),
            };
            by_load.exists = found.is_some_and(|found| !found.is_empty());
            self.loaded(ctx);
            return true;
        }
        if by_load.writing != Some(request) {
            return false;
        }
        (by_load.writing, by_load.exists) = (None, true);
        let then = std::mem::take(&mut by_load.then);
        if by_load.changed {
            self.write(ctx);
        }
        for then in then {
            self.after_write(ctx, then);
        }
        true
    }

    fn loaded(&mut self, ctx: &mut Ctx<'_>) {
        self.go_on_with_stream(ctx);
        for (from, segment, request) in std::mem::take(&mut self.waiting) {
            self.answer_successors(ctx, from, segment, request);
        }
        for (from, segment, request) in std::mem::take(&mut self.ended) {
            self.segment_read(ctx, from, segment, request);
        }
    }

    /// What the record says is not done: the creation of the stream, or a scale.
    fn go_on_with_stream(&mut self, ctx: &mut Ctx<'_>) {
        let by_load = self.by_load.as_mut().expect("it was loaded");
        if !by_load.record.created {
            let made = by_load.record.epochs.first().collect();
            self.create_segments(ctx, made);
        } else if by_load.record.begun.is_some() {
            self.go_on_with_scale(ctx);
        }
    }

    /// Writes the record, then does something.
    pub(super) fn keep(&mut self, ctx: &mut Ctx<'_>, then: Then) {
        let by_load = self.by_load.as_mut().expect("it has a record");
        by_load.changed = true;
        by_load.next.push(then);
        if by_load.writing.is_none() {
            self.write(ctx);
        }
    }

    fn write(&mut self, ctx: &mut Ctx<'_>) {
        let (Some(by_load), Some(client)) = (&mut self.by_load, &mut self.client) else { return };
        let path = Path::new(STREAMS, 0);
        let value = Value::Words(by_load.record.encode());
        let operation = if by_load.exists {
            Operation::Set { path, value, version: None }
        } else {
            Operation::Create { path, value, ephemeral: false }
        };
        by_load.changed = false;
        by_load.then = std::mem::take(&mut by_load.next);
        by_load.writing = Some(client.request(ctx, operation));
    }

    fn after_write(&mut self, ctx: &mut Ctx<'_>, then: Then) {
        match then {
            Then::Tell(to, message) => self.reply(ctx, to, message),
            Then::Follow { from, segment, request } => {
                self.answer_successors(ctx, from, segment, request);
            }
            Then::GoOn => self.go_on_with_scale(ctx),
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
        let Some(by_load) = self.by_load.as_mut().filter(|one| one.is_loaded()) else {
            return self.ended.push((from, segment, request));
        };
        if by_load.record.mark_read(segment) {
            self.keep(ctx, Then::Follow { from, segment, request });
        } else {
            self.answer_successors(ctx, from, segment, request);
        }
    }

    /// A reader looks at its group's state.
    pub(super) fn tell_group(&mut self, ctx: &mut Ctx<'_>, from: NodeId, request: u64) {
        if let Some(by_load) = self.by_load.as_ref().filter(|one| one.is_loaded()) {
            let segments = by_load.record.ready();
            self.reply(ctx, from, Message::Group { request, segments });
        }
    }
}
