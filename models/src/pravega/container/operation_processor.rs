//! The operation processor: one loop per container from the queue to the log.
//!
//! Stands for `OperationProcessor`, `Throttler.throttle` and `OperationMetadataUpdater` @ v0.13.0:
//! wait as long as the throttlers say; take up to 1000 operations; check, number and serialise them
//! into frames; take more while there are any and no throttler delays them; write the last frame,
//! full or not; begin again. Metadata operations go first and are never throttled. CPU time is
//! charged for at most a frame's worth of operations at a time, so that frames leave as they fill
//! up.
//!
//! Parameters: `durablelog.*` of [`crate::pravega::config::SegmentStore`] and `operation*` of
//! [`crate::pravega::config::Costs`]. Left out: the metadata transactions that accumulate while
//! several frames are in flight (one state stands for the newest).

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::{Duration, Time};

use crate::batch::{Range, extend};
use crate::pravega::container::host::{ContainerEvent, Env, QUEUE_POOL};
use crate::pravega::message::CloseReason;
use crate::pravega::properties;
use crate::pravega::signals;

use super::data_frame::{FRAME_BYTES_MAX, Frame};
use super::metadata::Chunk;
use super::operation::{Logged, Operation};
use super::throttler::{Delay, Source};
use super::{Container, Pending, Phase, Queued, Work};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// The queue is empty.
    #[default]
    Waiting,
    /// A throttler asked for a delay.
    Delaying { until: Time, source: Source, maximum: bool },
    /// Operations are being serialised.
    Processing,
}

/// The queue and where the loop is.
#[derive(Debug, Default)]
pub struct Processor {
    critical: VecDeque<Queued>,
    normal: VecDeque<Queued>,
    taken: VecDeque<Queued>,
    step: Step,
    delay_number: u64,
}

impl Processor {
    /// Takes out everything that has not been processed.
    pub fn drain(&mut self) -> impl Iterator<Item = Queued> {
        let queues = [&mut self.taken, &mut self.critical, &mut self.normal];
        queues.map(std::mem::take).into_iter().flatten()
    }

    /// Operations waiting.
    pub fn queued(&self) -> usize {
        self.critical.len() + self.normal.len()
    }

    /// Takes up to `count` operations, all of one priority. True if there are any.
    ///
    /// What interrupts a delay lets nothing of a lower priority through
    /// (`PriorityBlockingDrainingQueue.fetch` @ v0.13.0).
    fn take(&mut self, count: usize) -> bool {
        let queue = if self.critical.is_empty() { &mut self.normal } else { &mut self.critical };
        let count = queue.len().min(count);
        self.taken.extend(queue.drain(..count));
        !self.taken.is_empty()
    }
}

impl Container {
    /// An append of a client.
    pub fn submit(&mut self, env: &mut Env<'_, '_>, queued: Queued) {
        self.processor.normal.push_back(queued);
        if self.processor.step == Step::Waiting && self.phase == Phase::Running {
            self.take(env);
        }
    }

    /// An operation of the container's own, which is not throttled.
    pub(super) fn submit_critical(&mut self, env: &mut Env<'_, '_>, operation: Operation) {
        self.processor.critical.push_back(Queued { operation, appender: None });
        match self.processor.step {
            Step::Waiting => self.take(env),
            Step::Delaying { source, .. } if source.is_interruptible() => self.take(env),
            Step::Delaying { .. } | Step::Processing => {}
        }
    }

    /// The head of the loop.
    pub(super) fn next_round(&mut self, env: &mut Env<'_, '_>) {
        self.throttle(env, None);
    }

    fn throttle(&mut self, env: &mut Env<'_, '_>, remaining: Option<Duration>) {
        if !self.processor.critical.is_empty() {
            return self.take(env);
        }
        let mut delay = self.throttler.delay(&self.pressure(env));
        if let Some(remaining) = remaining.filter(|_| !delay.maximum) {
            // An interrupted delay never becomes longer than what was left of it.
            let left = remaining.as_millis();
            if left > 0 && left < delay.ms {
                delay.ms = left;
            }
        }
        self.delay(env, delay);
    }

    fn delay(&mut self, env: &mut Env<'_, '_>, delay: Delay) {
        let Some(source) = delay.source.filter(|_| delay.ms > 0) else {
            return self.take(env);
        };
        let length = Duration::from_millis(delay.ms);
        if source.is_interruptible() {
            self.note(env, &signals::THROTTLED, length.as_nanos());
            properties::THROTTLED.reached(env.ctx);
        }
        self.processor.delay_number += 1;
        let until = env.ctx.now() + length;
        self.processor.step = Step::Delaying { until, source, maximum: delay.maximum };
        let tag = env.tasks.add(self.task(Work::DelayOver(self.processor.delay_number)));
        env.ctx.timer_for(length, tag, source.waited_for());
    }

    pub(super) fn delay_over(&mut self, env: &mut Env<'_, '_>, number: u64) {
        let Step::Delaying { maximum, .. } = self.processor.step else { return };
        if number != self.processor.delay_number {
            return;
        }
        if maximum {
            // At the cap the wait goes on until the pressure has fallen below it.
            let delay = self.throttler.delay(&self.pressure(env));
            if delay.maximum {
                return self.delay(env, delay);
            }
        }
        self.take(env);
    }

    /// The source of a throttler has improved: its delay is computed again.
    pub fn pressure_relieved(&mut self, env: &mut Env<'_, '_>) {
        if self.phase != Phase::Running {
            return;
        }
        if let Step::Delaying { until, source, .. } = self.processor.step
            && source.is_interruptible()
        {
            let now = env.ctx.now();
            let before = self.throttler.delay(&self.pressure(env));
            if before.maximum {
                // Still at the cap: the wait goes on.
                return;
            }
            self.throttle(env, Some(until.since(now)));
        }
    }

    fn take(&mut self, env: &mut Env<'_, '_>) {
        self.processor.delay_number += 1;
        if self.processor.take(env.cache.fetch_count()) {
            let batch = Duration(env.spec.cluster.costs.operation_batch_ns);
            self.serialise(env, batch);
        } else {
            self.processor.step = Step::Waiting;
        }
    }

    /// Charges for serialising at most a frame's worth of what was taken.
    fn serialise(&mut self, env: &mut Env<'_, '_>, extra: Duration) {
        self.processor.step = Step::Processing;
        let (mut count, mut bytes) = (0, 0);
        for queued in &self.processor.taken {
            count += 1;
            bytes += queued.operation.size_bytes();
            if bytes >= FRAME_BYTES_MAX {
                break;
            }
        }
        let costs = &env.spec.cluster.costs;
        let per_bytes = Duration(costs.operation_kib_ns).per_kib(bytes);
        let cost = extra + Duration(costs.operation_ns) * count as u64 + per_bytes;
        // Back through the loop and its throttler (`OperationProcessor.doRun`: two hand-overs).
        let back = Duration(costs.core_loop_ns) * 2;
        env.compute_in_loop(QUEUE_POOL, cost, back, self.task(Work::Processed(count)));
    }

    pub(super) fn processed(&mut self, env: &mut Env<'_, '_>, count: usize) {
        let mut frames = Vec::new();
        for _ in 0..count {
            let queued = self.processor.taken.pop_front().expect("counted when begun");
            self.process(env, queued, &mut frames);
        }
        for frame in frames {
            self.write_frame(env, frame);
        }
        if self.phase != Phase::Running {
            return;
        }
        if !self.processor.taken.is_empty() {
            return self.serialise(env, Duration::ZERO);
        }
        let critical = !self.processor.critical.is_empty();
        if (critical || !self.throttler.is_required(&self.pressure(env)))
            && self.processor.take(env.cache.fetch_count())
        {
            return self.serialise(env, Duration::ZERO);
        }
        if let Some(frame) = self.builder.flush() {
            self.write_frame(env, frame);
        }
        if self.phase == Phase::Running {
            self.next_round(env);
            self.log.look_through_queue(env.ctx.now());
        }
    }

    /// Checks an operation, gives it its place, and puts it into the frame at hand.
    fn process(&mut self, env: &mut Env<'_, '_>, queued: Queued, frames: &mut Vec<Frame>) {
        let Queued { mut operation, appender } = queued;
        if let Err(reason) = self.prepare(&mut operation) {
            if let Some(appender) = appender {
                env.events.push(ContainerEvent::Rejected { appender, reason });
            }
            return;
        }
        env.cache.promise(operation.cache_length());
        let logged = Rc::new(Logged { sequence: self.next_sequence, operation });
        self.next_sequence += 1;
        self.builder.append(Rc::clone(&logged), frames);
        self.pending.push_back(Pending { logged, appender });
    }

    /// Fills in what only the log's order decides; or says why the operation must be refused.
    fn prepare(&mut self, operation: &mut Operation) -> Result<(), CloseReason> {
        let length = operation.cache_length();
        match operation {
            Operation::Append { segment, offset, writer, event_number, previous, batch } => {
                let segment = self.state.segments.entry_or_default(*segment);
                if segment.sealed {
                    return Err(CloseReason::Sealed);
                }
                if segment.last_event(*writer) != *previous {
                    return Err(CloseReason::InvalidEventNumber);
                }
                segment.writers.insert(*writer, *event_number);
                *offset = segment.length;
                segment.length += length;
                if self.counts_events {
                    extend(&mut segment.events, Range::from(&**batch));
                }
            }
            Operation::Truncate { segment, offset } => {
                let segment = self.state.segments.entry_or_default(*segment);
                // `BadOffsetException`.
                if !(segment.start..=segment.length).contains(&*offset) {
                    return Err(CloseReason::Error);
                }
                segment.start = *offset;
            }
            Operation::Delete { segment } => {
                self.state.segments.entry_or_default(*segment).delete();
            }
            Operation::StorageTruncate { segment, offset, due_ms } => {
                let segment = self.state.segments.entry_or_default(*segment);
                self.state.garbage.extend(segment.give_up(*offset, *due_ms));
            }
            Operation::ChunkDeleted { chunk } => self.state.collected(*chunk),
            Operation::Seal { segment } => {
                self.state.segments.entry_or_default(*segment).sealed = true;
            }
            Operation::Checkpoint(snapshot) => *snapshot = Rc::new(self.state.clone()),
            Operation::StorageUpdate { segment, storage_length, chunk, chunk_start } => {
                let segment = self.state.segments.entry_or_default(*segment);
                segment.flushed(*storage_length, Chunk { start: *chunk_start, id: *chunk });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pravega::segment::SegmentId;

    #[test]
    fn what_is_critical_takes_nothing_else_along() {
        let queued = |operation| Queued { operation, appender: None };
        let seal = Operation::Seal { segment: SegmentId(0) };
        let mut processor = Processor::default();
        processor.normal.extend((0..5).map(|_| queued(seal.clone())));
        processor.critical.push_back(queued(Operation::Checkpoint(Rc::default())));
        assert!(processor.take(1_000));
        assert_eq!((processor.taken.len(), processor.queued()), (1, 5));
        processor.taken.clear();
        assert!(processor.take(3));
        assert_eq!((processor.taken.len(), processor.queued()), (3, 2));
    }
}
