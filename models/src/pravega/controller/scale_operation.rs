//! A scale of a stream that scales by its load: new segments are made, the epoch begins, the old
//! ones are sealed.
//!
//! Stands for `ScaleOperationTask`, `StreamMetadataTasks.processScale` @ v0.13.0. Each step is put
//! down before the next, so that a controller that comes back goes on where it was, and each may be
//! done again. The stream's creation is the first of them, with nothing to be sealed.
//!
//! Parameters: `RETRY`. Left out: the sizes of what was sealed, states of the stream that nobody
//! asks for.

use crate::collections::SortedVecMap;
use crate::pravega::epochs::Transition;
use crate::pravega::message::Message;
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::protocol::Message as AnyMessage;
use crate::signal::run_of_numbers;

use super::record_keeper::Then;
use super::scaling::RETRY;
use super::stream_record::Begun;
use super::{Controller, TIMER_STEP};

/// What is being done with segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: the record is being written.
    Keeping,
    Creating,
    Sealing,
}

/// A scale under way.
#[derive(Debug)]
pub(super) struct Running {
    step: Step,
    /// Segments with which it is not done, and requests for that.
    left: SortedVecMap<SegmentId, ()>,
    requests: SortedVecMap<u64, SegmentId>,
}

impl Running {
    fn new(step: Step, left: Vec<SegmentId>) -> Self {
        let left = left.into_iter().map(|segment| (segment, ())).collect();
        Self { step, left, requests: SortedVecMap::default() }
    }
}

impl Controller {
    /// Begins a scale, once its record is kept.
    pub(super) fn begin_scale(&mut self, ctx: &mut Ctx<'_>, transition: Transition) {
        let by_load = self.by_load.as_mut().expect("it is scaled by its load");
        by_load.running = Some(Running::new(Step::Keeping, Vec::new()));
        by_load.record.begun = Some(Begun { transition, entered: false });
        self.keep(ctx, Then::GoOn);
    }

    /// The record of the last step is kept.
    pub(super) fn go_on_with_scale(&mut self, ctx: &mut Ctx<'_>) {
        let by_load = self.by_load.as_mut().expect("it is scaled by its load");
        match by_load.record.begun.clone() {
            Some(Begun { transition, entered: false }) => {
                self.create_segments(ctx, transition.made);
            }
            Some(Begun { transition, entered: true }) => self.seal_segments(ctx, transition.sealed),
            None => {
                by_load.running = None;
                self.next_wish(ctx);
            }
        }
    }

    pub(super) fn create_segments(&mut self, ctx: &mut Ctx<'_>, segments: Vec<SegmentId>) {
        self.start_step(ctx, Running::new(Step::Creating, segments));
    }

    fn seal_segments(&mut self, ctx: &mut Ctx<'_>, segments: Vec<SegmentId>) {
        self.start_step(ctx, Running::new(Step::Sealing, segments));
    }

    fn start_step(&mut self, ctx: &mut Ctx<'_>, running: Running) {
        self.by_load.as_mut().expect("it is scaled by its load").running = Some(running);
        self.ask_stores(ctx);
    }

    /// Asks the stores to make or to seal what they have not, again and again until they have.
    pub(super) fn ask_stores(&mut self, ctx: &mut Ctx<'_>) {
        let Some(running) = self.by_load.as_mut().and_then(|one| one.running.as_mut()) else {
            return;
        };
        running.requests.clear();
        if running.left.is_empty() {
            return;
        }
        for segment in running.left.keys().copied() {
            let container = self.containers_of.of(segment);
            let Some(store) = self.owners[container.index()] else { continue };
            let request = self.replies.number();
            running.requests.insert(request, segment);
            let message = match running.step {
                Step::Sealing => Message::SealSegment { segment, request },
                Step::Creating | Step::Keeping => Message::CreateSegment { segment, request },
            };
            ctx.send(store, AnyMessage::Pravega(message));
        }
        ctx.timer(RETRY, TIMER_STEP);
    }

    /// A store has made or sealed a segment, or can't.
    pub(super) fn on_step(&mut self, ctx: &mut Ctx<'_>, request: u64, done: bool) {
        let Some(by_load) = &mut self.by_load else { return };
        let Some(running) = &mut by_load.running else { return };
        let Some(segment) = running.requests.remove(&request) else { return };
        if !done || running.left.remove(&segment).is_none() || !running.left.is_empty() {
            return;
        }
        let sealing = running.step == Step::Sealing;
        running.step = Step::Keeping;
        let record = &mut by_load.record;
        if sealing {
            let begun = record.complete().expect("it is being sealed");
            let epoch = record.epochs.epoch();
            note_scale(ctx, &begun.transition, epoch);
        } else if let Some(begun) = &mut record.begun {
            begun.entered = true;
            record.epochs.enter(&begun.transition);
        } else {
            record.created = true;
        }
        self.keep(ctx, Then::GoOn);
    }
}

/// Says what was scaled.
fn note_scale(ctx: &mut Ctx<'_>, transition: &Transition, epoch: u32) {
    let Transition { sealed, made } = transition;
    let (mark, property) = match sealed.len() {
        1 => (&signals::SEGMENT_SPLIT, &properties::SPLIT_BY_LOAD),
        _ => (&signals::SEGMENT_MERGED, &properties::MERGED_BY_LOAD),
    };
    let into = run_of_numbers(made[0].0, made.len() as u32);
    sealed.iter().for_each(|segment| mark.note(ctx, u64::from(*segment), into));
    property.reached(ctx);
    signals::STREAM_SCALED.note(ctx, 0, u64::from(epoch));
    properties::STREAM_SCALED.reached(ctx);
}
