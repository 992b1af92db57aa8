//! Copying segments to remote storage, one after the other for each partition that this broker
//! leads.
//!
//! Stands for `RLMCopyTask` of apache/kafka @ 1eb7644 (between 3.9.0 and 4.0): 0 s after the broker
//! began to lead and then as long after the last look as `remote.log.manager.task.interval.ms`, it
//! copies the segments behind those that the metadata say are there, up to the high watermark, but
//! for the active one. A segment is announced, read, put object by object, and announced again. An
//! error ends the look, and the segment counts as given up. Parameters:
//! `remote.log.manager.copier.thread.pool.size`. Left out: that what was copied in part is deleted
//! at once (the next look of [`super::expiration`] does).

use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::time::{Duration, Time};

use super::remote::For;
use super::{Broker, Ctx, TAGS, kind};
use crate::batch::{Range, extend};
use crate::bugs::Bug;
use crate::kafka::ids::TopicPartition;
use crate::kafka::record::log_file;
use crate::kafka::remote::{OBJECTS, RemoteSegment, SegmentId, State, object};
use crate::kafka::{properties, signals};
use crate::tier::message::Operation;

/// Copies of a partition.
#[derive(Debug)]
pub(super) struct Copy {
    /// The broker leads since this epoch.
    epoch: u32,
    /// When it is looked at next.
    due: Time,
    /// It has a copier, or waits for one.
    busy: bool,
    step: Step,
    /// The segment that is being copied.
    segment: Option<RemoteSegment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// No copier has it.
    Idle,
    /// That it begins is being announced.
    Starting,
    /// The segment is being read.
    Reading,
    /// Objects of it that are there.
    Putting(usize),
    /// That it is there is being announced.
    Finishing,
}

impl Copy {
    /// Of a partition that the broker leads since an epoch.
    pub const fn new(epoch: u32) -> Self {
        Self { epoch, due: Time::ZERO, busy: false, step: Step::Idle, segment: None }
    }

    /// A segment is being copied, whose cleanup is therefore not anybody else's.
    pub fn has(&self, id: SegmentId) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.id == id)
    }
}

/// Which partition a timer is for, and since which epoch its leader leads.
pub(super) fn of_epoch(partition: TopicPartition, epoch: u32) -> u64 {
    u64::from(epoch) << 32 | u64::from(partition.partition.0)
}

impl Broker {
    pub(super) fn copy_later(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        after: Duration,
    ) {
        let Some(remote) = &mut self.remote else { return };
        if let Some(copy) = remote.copies.get_mut(&partition) {
            copy.due = ctx.now() + after;
            ctx.timer(after, TAGS.tag(kind::COPY, of_epoch(partition, copy.epoch)));
        }
    }

    /// It is time to see what there is to be copied.
    pub(super) fn copy_due(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, epoch: u32) {
        let threads = self.config.broker.remote_copier_threads;
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.get_mut(&partition) else { return };
        if copy.epoch != epoch || copy.busy || ctx.now() < copy.due {
            return;
        }
        if !remote.ready {
            let interval = self.task_interval();
            return self.copy_later(ctx, partition, interval);
        }
        copy.busy = true;
        if remote.copying >= threads {
            return remote.to_copy.push_back(partition);
        }
        remote.copying += 1;
        self.copy_next(ctx, partition);
    }

    /// Announces the next segment that is to be copied, if there is one.
    fn copy_next(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let segment = self.next_segment(ctx, partition);
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.get_mut(&partition) else { return };
        match segment {
            Some(segment) => {
                (copy.step, copy.segment) = (Step::Starting, Some(segment.clone()));
                self.announce(ctx, segment);
            }
            None => self.end_copy(ctx, partition),
        }
    }

    /// `candidateLogSegments`: the first that is not active, and committed.
    fn next_segment(&mut self, ctx: &Ctx<'_>, partition: TopicPartition) -> Option<RemoteSegment> {
        let copied = self.copied(partition)?;
        let me = u64::from(self.me.0);
        let replica = self.replicas.get(partition)?;
        let (log, mark) = (&replica.log, replica.high_watermark);
        let from = copied.max(log.start_offset());
        let ends = log.segments().iter().skip(1).map(|next| next.first);
        let mut inactive = log.segments().iter().zip(ends);
        let (segment, end) = inactive.find(|(_, end)| *end > from)?;
        if end > mark && !self.bugs.has(Bug::CopiesUncommitted) {
            return None;
        }
        let batches = log.read(segment.first, end, u64::MAX);
        let mut ranges: Vec<Range> = Vec::new();
        batches.iter().for_each(|of| extend(&mut ranges, Range::from(&*of.batch)));
        let remote = self.remote.as_mut()?;
        let id = mix(mix(self.incarnation, me), remote.segment() + ctx.now().0) >> 2;
        Some(RemoteSegment {
            id: SegmentId(id),
            partition,
            state: State::CopyStarted,
            first: segment.first,
            end,
            bytes: segment.bytes,
            largest: segment.largest,
            epochs: log.epochs_in(segment.first, end),
            ranges: ranges.into(),
        })
    }

    /// This broker has read of a segment in the metadata: its copy goes on.
    pub(super) fn copy_announced(&mut self, ctx: &mut Ctx<'_>, segment: &RemoteSegment) {
        let partition = segment.partition;
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.get_mut(&partition) else { return };
        if !copy.has(segment.id) {
            return;
        }
        match (copy.step, segment.state) {
            (Step::Starting, State::CopyStarted) => {
                copy.step = Step::Reading;
                let Some(replica) = self.replicas.get(partition) else { return };
                let from = replica.log.record_at(segment.first);
                let count = replica.log.record_at(segment.end).saturating_sub(from);
                let tag = TAGS.tag(kind::COPY_READ, of_epoch(partition, copy.epoch));
                ctx.read(self.dirs.of(partition), log_file(partition), from, count, tag);
            }
            (Step::Finishing, State::CopyFinished) => {
                copy.segment = None;
                self.copy_next(ctx, partition);
            }
            _ => {}
        }
    }

    /// A segment is read from the disk: a copier goes through it.
    pub(super) fn copy_read(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let (partition, epoch) = (TopicPartition::of_events(which as u32), which >> 32);
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.get_mut(&partition) else { return };
        let Some(segment) = copy.segment.as_ref().filter(|_| copy.step == Step::Reading) else {
            return;
        };
        if u64::from(copy.epoch) == epoch {
            let cost = self.config.costs.build(0, segment.bytes);
            let cost = self.jvm.cost(Duration(cost));
            ctx.compute(super::REMOTE, cost, TAGS.tag(kind::COPY_BUILT, which));
        }
    }

    /// The first object can be put.
    pub(super) fn copy_built(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let (partition, epoch) = (TopicPartition::of_events(which as u32), which >> 32);
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.get_mut(&partition) else { return };
        if copy.step == Step::Reading && u64::from(copy.epoch) == epoch {
            copy.step = Step::Putting(0);
            self.put_object(ctx, partition, 0);
        }
    }

    fn put_object(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, number: usize) {
        let Some(remote) = &self.remote else { return };
        let copy = remote.copies.get(&partition);
        let Some(segment) = copy.and_then(|copy| copy.segment.clone()) else { return };
        let Some(replica) = self.replicas.get(partition) else { return };
        let batches = replica.log.read(segment.first, segment.end, u64::MAX);
        let whole = batches.last().is_some_and(|last| last.end_offset() == segment.end);
        if !whole || batches[0].base_offset > segment.first {
            // It was removed meanwhile: the log begins behind it by now.
            return self.give_up(ctx, partition);
        }
        let data = Rc::new(object(OBJECTS[number], &batches));
        let chunk = segment.chunk(OBJECTS[number]);
        self.ask_tier(ctx, For::Copy(partition), Operation::Write { chunk, offset: 0, data });
    }

    /// Remote storage has an object, or has refused it.
    pub(super) fn object_copied(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, ok: bool) {
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.get_mut(&partition) else { return };
        let Step::Putting(number) = copy.step else { return };
        if !ok {
            signals::COPY_FAILED.note(ctx, partition.into(), number as u64 + 1);
            return self.give_up(ctx, partition);
        }
        let next = number + 1;
        copy.step = Step::Putting(next);
        if next < OBJECTS.len() {
            return self.put_object(ctx, partition, next);
        }
        copy.step = Step::Finishing;
        let Some(segment) = copy.segment.clone() else { return };
        let mark = self.replicas.get(partition).map_or(0, |replica| replica.high_watermark);
        properties::COPIES_COMMITTED.note(ctx, partition.into(), segment.end <= mark);
        self.announce(ctx, segment.now(State::CopyFinished));
    }

    /// The segment will not be there: what there is of it is to be deleted.
    fn give_up(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(remote) = &mut self.remote else { return };
        let copy = remote.copies.get_mut(&partition);
        if let Some(segment) = copy.and_then(|copy| copy.segment.take()) {
            self.announce(ctx, segment.now(State::DeleteStarted));
        }
        self.end_copy(ctx, partition);
    }

    /// A copier is free.
    fn end_copy(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let interval = self.task_interval();
        let Some(remote) = &mut self.remote else { return };
        if let Some(copy) = remote.copies.get_mut(&partition) {
            *copy = Copy::new(copy.epoch);
        }
        self.copy_later(ctx, partition, interval);
        let Some(remote) = &mut self.remote else { return };
        match remote.to_copy.pop_front() {
            Some(next) => self.copy_next(ctx, next),
            None => remote.copying -= 1,
        }
        self.gauge_remote(ctx);
    }

    /// The partition has another leader or epoch: what was being copied is given up, as far as this
    /// broker is concerned.
    pub(super) fn stop_copying(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(remote) = &mut self.remote else { return };
        let Some(copy) = remote.copies.remove(&partition) else { return };
        if !copy.busy {
            return;
        }
        let queued = remote.to_copy.len();
        remote.to_copy.retain(|of| *of != partition);
        if remote.to_copy.len() < queued {
            return;
        }
        match remote.to_copy.pop_front() {
            Some(next) => self.copy_next(ctx, next),
            None => remote.copying -= 1,
        }
    }
}
