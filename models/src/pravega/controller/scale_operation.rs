//! A scale of a stream that scales by its load: new segments are made, the epoch begins, the old
//! ones are sealed.
//!
//! Stands for `ScaleOperationTask`, `StreamMetadataTasks.processScale` @ v0.13.0. Each step is put
//! down before the next, so that a controller that comes back goes on where it was, and each may be
//! done again. The stream's creation is the first of them, with nothing to be sealed.
//!
//! What is to be asked of stores for a truncation goes the same way. Parameters: `RETRY`. Left out:
//! states of the stream that nobody asks for.

use crate::collections::SortedVecMap;
use crate::pravega::epochs::Transition;
use crate::pravega::message::Message;
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::pravega::truncation::SegmentInfo;
use crate::protocol::Message as AnyMessage;
use crate::signal::run_of_numbers;

use super::record_keeper::Then;
use super::scaling::RETRY;
use super::stream_record::Begun;
use super::{Controller, TIMER_STEP};

/// What is being done with segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: the record is being written.
    Keeping,
    Creating,
    Sealing,
    /// They are asked where they begin and end.
    Measuring,
    Truncating,
    Deleting,
}

/// A scale, a look at what may go, or a truncation under way.
#[derive(Debug)]
pub(super) struct Running {
    step: Step,
    /// Segments with which it is not done, and requests for that.
    left: SortedVecMap<SegmentId, ()>,
    requests: SortedVecMap<u64, SegmentId>,
    /// What was found out about segments.
    pub infos: SortedVecMap<SegmentId, SegmentInfo>,
}

impl Running {
    pub(super) fn new(step: Step, left: Vec<SegmentId>) -> Self {
        let left = left.into_iter().map(|segment| (segment, ())).collect();
        Self { step, left, requests: SortedVecMap::default(), infos: SortedVecMap::default() }
    }

    /// The segment that a request was about, if that is waited for.
    pub(super) fn of_request(&self, request: u64) -> Option<SegmentId> {
        self.requests.get(&request).copied()
    }
}

impl Controller {
    /// Begins a scale, once its record is kept.
    pub(super) fn begin_scale(&mut self, ctx: &mut Ctx<'_>, transition: Transition) {
        let kept = self.kept.as_mut().expect("it is scaled by its load");
        kept.running = Some(Running::new(Step::Keeping, Vec::new()));
        kept.record.begun = Some(Begun { transition, entered: false });
        self.keep(ctx, Then::GoOn);
    }

    /// The record of the last step is kept.
    pub(super) fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        let kept = self.kept.as_mut().expect("it is scaled by its load");
        match kept.record.begun.clone() {
            Some(Begun { transition, entered: false }) => {
                self.create_segments(ctx, transition.made);
            }
            Some(Begun { transition, entered: true }) => self.seal_segments(ctx, transition.sealed),
            None if kept.record.retained.is_truncating() => self.truncate_segments(ctx),
            None => {
                kept.running = None;
                self.next_task(ctx);
            }
        }
    }

    pub(super) fn create_segments(&mut self, ctx: &mut Ctx<'_>, segments: Vec<SegmentId>) {
        self.start_step(ctx, Running::new(Step::Creating, segments));
    }

    fn seal_segments(&mut self, ctx: &mut Ctx<'_>, segments: Vec<SegmentId>) {
        self.start_step(ctx, Running::new(Step::Sealing, segments));
    }

    pub(super) fn start_step(&mut self, ctx: &mut Ctx<'_>, running: Running) {
        self.kept.as_mut().expect("it is scaled by its load").running = Some(running);
        self.ask_stores(ctx);
    }

    /// Asks the stores for what they have not done with segments, again and again until they have.
    pub(super) fn ask_stores(&mut self, ctx: &mut Ctx<'_>) {
        let Some(kept) = &mut self.kept else { return };
        let Some(running) = &mut kept.running else { return };
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
                Step::Measuring | Step::Deleting | Step::Truncating => {
                    let retained = &kept.record.retained;
                    Message::Truncation(retained.request(running.step, segment, request))
                }
            };
            ctx.send(store, AnyMessage::Pravega(message));
        }
        ctx.timer(RETRY, TIMER_STEP);
    }

    /// A store has done what it was asked for with a segment, or can't.
    pub(super) fn on_step(&mut self, ctx: &mut Ctx<'_>, request: u64, done: bool) {
        let Some(kept) = &mut self.kept else { return };
        let Some(running) = &mut kept.running else { return };
        let Some(segment) = running.requests.remove(&request) else { return };
        if !done || running.left.remove(&segment).is_none() || !running.left.is_empty() {
            return;
        }
        let step = std::mem::replace(&mut running.step, Step::Keeping);
        let record = &mut kept.record;
        match step {
            Step::Measuring => return self.measured(ctx),
            Step::Truncating => return self.delete_segments(ctx),
            Step::Deleting => return self.truncation_done(ctx),
            Step::Sealing => {
                let begun = record.complete().expect("it is being sealed");
                let epoch = record.epochs.epoch();
                note_scale(ctx, &begun.transition, epoch);
            }
            Step::Creating | Step::Keeping => match &mut record.begun {
                Some(begun) => {
                    begun.entered = true;
                    record.epochs.enter(&begun.transition);
                }
                None => record.created = true,
            },
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
