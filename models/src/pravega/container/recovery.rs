//! Recovery: a container's state from its log, and nothing else.
//!
//! Stands for `RecoveryProcessor`, `DurableLog.start` @ v0.13.0: frames are read from the
//! truncation point, operations before the first checkpoint are skipped, the others replayed into
//! metadata, cache and storage writer; then its storage is looked through (`bootstrap.rs`), a
//! checkpoint is written, and the container serves.
//!
//! Parameters: `replay_operation` of [`crate::pravega::config::Costs`]. Left out: the overlap limit
//! of 25 operations above which the original gives up (`RecoveryProcessor.MAX_OVERLAP`): repeated
//! operations are skipped however many they are.

use std::rc::Rc;

use headwater_sim::time::Duration;

use crate::batch::{Range, extend};
use crate::bugs::{Bug, BugSet};
use crate::pravega::container::host::{ContainerEvent, Env, QUEUE_POOL};
use crate::pravega::data_log::LogAddress;
use crate::pravega::message::segment_bytes;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;

use super::data_frame::Frame;
use super::metadata::Chunk;
use super::operation::{Logged, Operation};
use super::{Container, Phase, Work};

impl Container {
    pub(super) fn log_opened(
        &mut self,
        env: &mut Env<'_, '_>,
        epoch: u64,
        frames: Vec<(LogAddress, Frame)>,
    ) {
        self.epoch = epoch;
        let operations: usize = frames.iter().map(|(_, frame)| frame.operations.len()).sum();
        self.recovered = frames;
        let cost = Duration(env.spec.cluster.costs.replay_operation_ns * operations as u64);
        env.compute(QUEUE_POOL, cost, self.task(Work::Replayed));
    }

    pub(super) fn replayed(&mut self, env: &mut Env<'_, '_>) {
        if self.phase != Phase::Starting {
            return;
        }
        let frames = std::mem::take(&mut self.recovered);
        let (operations, repeated) = self.replay(env, &frames);
        properties::LOG_HOLDS_ONCE.note(env.ctx, self.id.into(), repeated == 0);
        if repeated > 0 && env.spec.cluster.bugs.has(Bug::FramesTwiceAtRollover) {
            // Before the fix of pravega/pravega#6444 a repetition ended recovery, each time
            // (`DataCorruptionException`).
            self.note(env, &signals::CONTAINER_CORRUPT, repeated);
            properties::CONTAINERS_RUN.note(env.ctx, self.id.into(), false);
            return self.stop(env);
        }
        self.replayed = operations.len() as u64;
        self.begin_filling(env.ctx.now(), operations);
        self.fill(env);
    }

    /// It serves.
    pub(super) fn serve(&mut self, env: &mut Env<'_, '_>) {
        self.phase = Phase::Running;
        let entity = u64::from(self.id);
        signals::CONTAINER_EPOCH.note(env.ctx, entity, self.epoch);
        if self.epoch > 1 {
            self.note(env, &signals::CONTAINER_RECOVERED, self.replayed);
            properties::CONTAINER_RECOVERED.reached(env.ctx);
        }
        properties::CONTAINERS_RUN.note(env.ctx, entity, true);
        env.events.push(ContainerEvent::Started { container: self.id });
        self.submit_critical(env, Operation::Checkpoint(Rc::default()));
        self.poke_storage_writer(env);
        self.collect_garbage(env);
    }

    /// Brings the metadata up to the end of the log. Gives the operations that counted, and how
    /// many were skipped because they are in the log twice: those of a frame that was written again
    /// after a rollover (`DataFrameReader.isHarmlessDuplicateEntry`).
    fn replay(
        &mut self,
        env: &Env<'_, '_>,
        frames: &[(LogAddress, Frame)],
    ) -> (Vec<Rc<Logged>>, u64) {
        let (mut begun, mut repeated) = (false, 0);
        let mut replayed: Vec<Rc<Logged>> = Vec::new();
        for (address, frame) in frames {
            for sequence in &frame.checkpoints {
                self.truncation_points.push_back((*sequence, *address));
            }
            for logged in &frame.operations {
                let is_checkpoint = matches!(logged.operation, Operation::Checkpoint(_));
                let before_begin = !begun && !is_checkpoint;
                let again = replayed.last().is_some_and(|last| logged.sequence <= last.sequence);
                if before_begin || again {
                    repeated += u64::from(again);
                    continue;
                }
                if !begun {
                    begun = true;
                    self.truncated_sequence = logged.sequence - 1;
                }
                self.apply(&logged.operation, env.spec.cluster.bugs);
                replayed.push(Rc::clone(logged));
            }
        }
        if let Some(last) = replayed.last() {
            self.committed_sequence = last.sequence;
            self.next_sequence = last.sequence + 1;
        }
        (replayed, repeated)
    }

    fn apply(&mut self, operation: &Operation, bugs: BugSet) {
        match operation {
            Operation::Checkpoint(snapshot) => self.state = (**snapshot).clone(),
            Operation::Append { segment, offset, writer, event_number, batch, .. } => {
                let segment = self.state.segments.entry_or_default(*segment);
                segment.length = offset + segment_bytes(batch);
                if !bugs.has(Bug::EventNumbersForgotten) {
                    segment.writers.insert(*writer, *event_number);
                }
                if self.counts_events {
                    extend(&mut segment.events, Range::from(&**batch));
                }
            }
            Operation::Seal { segment } => {
                self.state.segments.entry_or_default(*segment).sealed = true;
            }
            Operation::Truncate { segment, offset } => {
                self.state.segments.entry_or_default(*segment).start = *offset;
            }
            Operation::Delete { segment } => {
                self.state.segments.entry_or_default(*segment).delete();
            }
            Operation::StorageTruncate { segment, offset, due_ms } => {
                let segment = self.state.segments.entry_or_default(*segment);
                self.state.garbage.extend(segment.give_up(*offset, *due_ms));
            }
            Operation::ChunkDeleted { chunk } => self.state.collected(*chunk),
            Operation::StorageUpdate { segment, storage_length, chunk, chunk_start } => {
                let segment = self.state.segments.entry_or_default(*segment);
                segment.flushed(*storage_length, Chunk { start: *chunk_start, id: *chunk });
            }
        }
    }

    /// The writer's last event number that is committed, for `SetupAppend`.
    pub fn last_event_number(
        &self,
        segment: SegmentId,
        writer: crate::pravega::message::WriterId,
        bugs: BugSet,
    ) -> i64 {
        let processed = self
            .state
            .segments
            .get(&segment)
            .map_or(crate::pravega::message::NO_EVENT, |segment| segment.last_event(writer));
        if bugs.has(Bug::UncommittedCountsAsStored) {
            return processed;
        }
        // What is processed and not committed is not promised yet: the first of the writer's
        // operations in flight says what came before.
        let unlogged = self.pending.range(self.acknowledged..);
        let uncommitted =
            unlogged.into_iter().find_map(|pending| match &pending.logged.operation {
                Operation::Append { segment: other, writer: by, previous, .. } => {
                    (*other == segment && *by == writer).then_some(*previous)
                }
                _ => None,
            });
        uncommitted.unwrap_or(processed)
    }
}
