//! A segment container: the unit of ownership, ordering and recovery.
//!
//! Stands for `StreamSegmentContainer`, `DurableLog` and their parts @ v0.13.0: operations are
//! taken from a queue one batch at a time, put into data frames, written to the durable log, and
//! committed in order; a storage writer moves what is committed to tier 2; a log that is lost ends
//! the container, which is then recovered from the log, here or on another store.
//!
//! Parameters: [`crate::pravega::config::SegmentStore`] and CPU times of
//! [`crate::pravega::config::Costs`]. Left out: table segments, the metadata store's own segments,
//! transactions' segments and their merges, index segments (0.14 and later).

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::batch::{Range, extend};
use crate::bookkeeper::input::Input;
use crate::collections::SortedVecMap;
use crate::pravega::container::host::{COMMIT_POOL, ContainerEvent, Env, LOG_POOL, Task};
use crate::pravega::container::id::ContainerId;
use crate::pravega::data_log::{DataLog, LogAddress, LogError, LogEvent};
use crate::pravega::message::{CloseReason, Connection};
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::signal::Mark;
use crate::tier::message::ChunkId;

use self::bootstrap::Bootstrap;
use self::data_frame::{Frame, FrameBuilder};
use self::garbage::Collecting;
use self::metadata::Snapshot;
use self::operation::{Logged, Operation};
use self::operation_processor::Processor;
use self::read_index::ReadIndex;
use self::storage_writer::StorageWriter;
use self::throttler::{Pressure, Throttler};
use self::truncation::Truncating;

mod bootstrap;
pub mod data_frame;
mod filling;
mod garbage;
pub mod host;
pub mod id;
pub mod metadata;
pub mod operation;
pub mod operation_processor;
pub mod read_index;
mod reading;
mod recovery;
mod sealing;
mod storage_truncation;
pub mod storage_writer;
pub mod throttler;
mod truncation;

/// Whom to answer for an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appender {
    /// The client.
    pub node: NodeId,
    /// Its connection.
    pub connection: Connection,
    /// Bytes that the connection has outstanding for it.
    pub bytes: u64,
    /// Its events.
    pub events: u64,
}

/// An operation in the queue.
#[derive(Clone, Debug)]
pub struct Queued {
    /// What.
    pub operation: Operation,
    /// Who wants to know.
    pub appender: Option<Appender>,
}

/// An operation that has its place in the log but is not committed.
#[derive(Clone, Debug)]
struct Pending {
    logged: Rc<Logged>,
    appender: Option<Appender>,
}

/// A frame on its way to the log.
#[derive(Debug)]
struct InFlight {
    operations: usize,
    checkpoints: Vec<u64>,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its log is being opened or replayed, or its storage looked through.
    Starting,
    /// It serves.
    Running,
    /// It is no more.
    Stopped,
}

/// Work of a container that takes time.
#[derive(Clone, Debug)]
pub enum Work {
    /// This throttling delay, by its number, is over.
    DelayOver(u64),
    /// This many operations have been serialised.
    Processed(usize),
    /// A core thread has taken the completion of a frame from the log.
    FrameCompleted(LogAddress),
    /// The operations of this many frames have been completed.
    Committed(usize),
    /// The log has been replayed.
    Replayed,
    /// What did not fit into the cache is tried again.
    Filling,
    /// A request for the system journal: answered by tier 2.
    Bootstrap,
    /// Check whether something is to be flushed: a timer, by its number.
    FlushDue(u64),
    /// A segment's flush: answered by tier 2, or timed out.
    Flush {
        /// Which.
        segment: SegmentId,
        /// Which attempt.
        attempt: u64,
    },
    /// A chunk that was given up is deleted: its time has come; answered by tier 2.
    Collect {
        /// Which.
        chunk: ChunkId,
    },
    /// A read from tier 2 for a segment, from an offset.
    Load {
        /// Which.
        segment: SegmentId,
        /// From where.
        offset: u64,
    },
}

/// A container.
#[derive(Debug)]
pub struct Container {
    /// Its number.
    pub id: ContainerId,
    /// Which of the store's attempts to run it this is.
    pub instance: u32,
    /// Where it is in its life.
    pub phase: Phase,
    epoch: u64,
    log: DataLog,
    recovered: Vec<(LogAddress, Frame)>,
    bootstrap: Option<Bootstrap>,
    /// Operations that the log had.
    replayed: u64,
    state: Snapshot,
    throttler: Throttler,
    processor: Processor,
    builder: FrameBuilder,
    next_sequence: u64,
    /// Operations on their way to the log, or from there to the cache; those first that the log has
    /// and that are acknowledged.
    pending: VecDeque<Pending>,
    acknowledged: usize,
    in_flight: VecDeque<InFlight>,
    /// Frames in flight, from the first, that the log has.
    logged: usize,
    commits: VecDeque<(InFlight, LogAddress)>,
    committing: bool,
    /// Frames, from the first, that are being completed.
    completing: usize,
    /// Operations of the log that are not in the cache yet.
    unfilled: VecDeque<Rc<Logged>>,
    /// Evictions asked for since something did not fit into the cache.
    cleanups: u32,
    commits_since_checkpoint: u64,
    committed_sequence: u64,
    truncated_sequence: u64,
    truncation_points: VecDeque<(u64, LogAddress)>,
    segments: SortedVecMap<SegmentId, ReadIndex>,
    /// Who waits for a seal.
    sealing: SortedVecMap<SegmentId, Vec<(NodeId, u64)>>,
    /// Who waits for a truncation, up to where, and for a deletion.
    truncating: Vec<Truncating>,
    /// Events of segments are counted, as the stream has a retention policy.
    counts_events: bool,
    /// Chunks that are waited for, or that tier 2 was asked to delete.
    collecting: SortedVecMap<ChunkId, Collecting>,
    writer: StorageWriter,
}

impl Container {
    /// Starts container `id` from its log.
    pub fn start(id: ContainerId, instance: u32, log: DataLog, env: &mut Env<'_, '_>) -> Self {
        let cluster = &env.spec.cluster;
        let mut container = Self {
            id,
            instance,
            phase: Phase::Starting,
            epoch: 0,
            log,
            recovered: Vec::new(),
            bootstrap: None,
            replayed: 0,
            state: Snapshot::default(),
            throttler: Throttler::new(&cluster.segment_store, &cluster.bookkeeper),
            processor: Processor::default(),
            builder: FrameBuilder::default(),
            next_sequence: 1,
            pending: VecDeque::new(),
            acknowledged: 0,
            in_flight: VecDeque::new(),
            logged: 0,
            commits: VecDeque::new(),
            committing: false,
            completing: 0,
            unfilled: VecDeque::new(),
            cleanups: 0,
            commits_since_checkpoint: 0,
            committed_sequence: 0,
            truncated_sequence: 0,
            truncation_points: VecDeque::new(),
            segments: SortedVecMap::default(),
            sealing: SortedVecMap::default(),
            truncating: Vec::new(),
            counts_events: cluster.retention_policy.retains(),
            collecting: SortedVecMap::default(),
            writer: StorageWriter::default(),
        };
        let events = container.log.start(env.ctx);
        container.on_log(env, events);
        container
    }

    /// The container's epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Operations committed and not truncated.
    pub fn operation_log_length(&self) -> u64 {
        self.committed_sequence - self.truncated_sequence
    }

    /// Bytes committed and not in tier 2.
    pub fn unflushed_bytes(&self) -> u64 {
        self.writer.unflushed_bytes()
    }

    /// Bytes of its segments that can be read.
    pub fn retained_bytes(&self) -> u64 {
        self.segments.values().map(|index| index.readable - index.start).sum()
    }

    /// Bytes on their way to the log.
    pub fn outstanding_log_bytes(&self) -> u64 {
        self.log.outstanding_bytes()
    }

    /// Bytes that its log holds for bookies that have not answered.
    pub fn unanswered_bytes(&self) -> u64 {
        self.log.unanswered_bytes()
    }

    fn task(&self, work: Work) -> Task {
        Task::Container { id: self.id, instance: self.instance, work }
    }

    fn note(&self, env: &mut Env<'_, '_>, mark: &'static Mark, value: u64) {
        mark.note(env.ctx, u64::from(self.id), value);
    }

    fn pressure(&self, env: &Env<'_, '_>) -> Pressure {
        Pressure {
            cache_utilization: env.cache.utilization(),
            log: self.log.queue_stats(),
            operations: self.operation_log_length(),
        }
    }

    /// Work of this instance is done.
    pub fn on_work(&mut self, env: &mut Env<'_, '_>, work: Work) {
        match work {
            Work::DelayOver(number) => self.delay_over(env, number),
            Work::Processed(count) => self.processed(env, count),
            Work::FrameCompleted(address) => self.frame_completed(env, address),
            Work::Committed(frames) => self.committed(env, frames),
            Work::Replayed => self.replayed(env),
            Work::Filling => self.fill(env),
            Work::Bootstrap => unreachable!("answered by tier 2"),
            Work::FlushDue(number) => self.flush_due(env, number),
            Work::Flush { segment, attempt } => self.flush_timed_out(env, segment, attempt),
            Work::Load { segment, offset } => self.load_failed(env, segment, offset),
            Work::Collect { chunk } => self.collect(env, chunk),
        }
    }

    /// The log has something to say.
    fn on_log(&mut self, env: &mut Env<'_, '_>, events: Vec<LogEvent>) {
        for event in events {
            match event {
                LogEvent::Initialized { epoch, frames } => self.log_opened(env, epoch, frames),
                LogEvent::Appended(address) => self.frame_appended(env, address),
                LogEvent::RolledOver { ledger } => self.note(env, &signals::LEDGER_ROLLED, ledger),
                LogEvent::Failed(error) => self.log_failed(env, error),
            }
        }
    }

    fn log_failed(&mut self, env: &mut Env<'_, '_>, error: LogError) {
        let mark = match error {
            LogError::NotPrimary => &signals::CONTAINER_FENCED,
            LogError::NotAvailable => &signals::CONTAINER_FAILED,
        };
        if self.phase != Phase::Stopped {
            if error == LogError::NotPrimary {
                properties::CONTAINER_FENCED.reached(env.ctx);
            } else {
                properties::CONTAINERS_RUN.note(env.ctx, self.id.into(), false);
            }
            self.note(env, mark, self.epoch);
            self.stop(env);
        }
    }

    /// A message or a timer of one of the log's components.
    pub fn on_log_input(&mut self, env: &mut Env<'_, '_>, input: Input<'_>) {
        let events = self.log.on(env.ctx, input);
        self.on_log(env, events);
    }

    /// A connection has broken.
    pub fn on_disconnect(&mut self, env: &mut Env<'_, '_>, peer: NodeId) {
        self.on_log_input(env, Input::Disconnect(peer));
        match self.phase {
            _ if peer != env.spec.tier => {}
            Phase::Running => self.tier_disconnected(env),
            Phase::Starting => self.bootstrap_broken(env),
            Phase::Stopped => {}
        }
    }

    /// Hands a frame to the log.
    fn write_frame(&mut self, env: &mut Env<'_, '_>, frame: Frame) {
        let (operations, checkpoints) = (frame.operations.len(), frame.checkpoints.clone());
        env.jvm.hold(self.log.holds(&frame));
        let events = self.log.append(env.ctx, frame);
        self.in_flight.push_back(InFlight { operations, checkpoints });
        self.on_log(env, events);
    }

    fn frame_appended(&mut self, env: &mut Env<'_, '_>, address: LogAddress) {
        if self.phase != Phase::Running {
            return;
        }
        let operations = self.in_flight[self.logged].operations as u64;
        self.logged += 1;
        let costs = &env.spec.cluster.costs;
        let cost = Duration(costs.frame_ns + costs.acknowledge_ns * operations);
        env.compute(LOG_POOL, cost, self.task(Work::FrameCompleted(address)));
        self.pressure_relieved(env);
    }

    /// The oldest frame that is not yet, whichever thread was the first: the log is in order. The
    /// thread that the log answered hands it to the one that commits, then acknowledges what is in
    /// it (`OperationProcessor.QueueProcessingState.commit`).
    fn frame_completed(&mut self, env: &mut Env<'_, '_>, address: LogAddress) {
        if self.phase != Phase::Running {
            return;
        }
        let frame = self.in_flight.pop_front().expect("the log acknowledges what it was given");
        self.logged -= 1;
        let first = self.acknowledged;
        self.acknowledged += frame.operations;
        self.commits.push_back((frame, address));
        self.commit_next(env);
        for Pending { logged, appender } in self.pending.range(first..self.acknowledged) {
            if let (Operation::Append { event_number, .. }, Some(appender)) =
                (&logged.operation, *appender)
            {
                let event_number = *event_number;
                env.events.push(ContainerEvent::Appended { appender, event_number });
            }
        }
    }

    /// Commits frames to the cache on a core thread, one lot at a time (`MAX_COMMIT_QUEUE_SIZE` =
    /// 50).
    fn commit_next(&mut self, env: &mut Env<'_, '_>) {
        if self.committing || self.commits.is_empty() {
            return;
        }
        self.committing = true;
        let frames = self.commits.len().min(50);
        let operations: usize =
            self.commits.range(..frames).map(|(frame, _)| frame.operations).sum();
        let costs = &env.spec.cluster.costs;
        let waiting = match costs.tail_read_ns {
            0 => 0,
            _ => self.tail_readers_of(operations),
        };
        let cost = Duration(costs.commit_ns) * operations as u64
            + Duration(costs.tail_read_ns) * waiting as u64;
        let back = Duration(costs.core_loop_ns);
        env.compute_in_loop(COMMIT_POOL, cost, back, self.task(Work::Committed(frames)));
    }

    fn committed(&mut self, env: &mut Env<'_, '_>, frames: usize) {
        self.completing = frames;
        self.complete(env);
    }

    /// Completes operations in order, as long as the cache takes them.
    fn complete(&mut self, env: &mut Env<'_, '_>) {
        while self.completing > 0 {
            while self.commits[0].0.operations > 0 {
                let length = self.pending[0].logged.operation.cache_length();
                if !self.finds_room(env, length) {
                    return;
                }
                let pending = self.pending.pop_front().expect("an operation of the frame");
                self.acknowledged -= 1;
                self.commit(env, &pending.logged);
                self.commits[0].0.operations -= 1;
            }
            let (frame, address) = self.commits.pop_front().expect("counted when begun");
            for sequence in frame.checkpoints {
                self.truncation_points.push_back((sequence, address));
            }
            self.completing -= 1;
            self.commits_since_checkpoint += 1;
        }
        self.completed(env);
    }

    fn completed(&mut self, env: &mut Env<'_, '_>) {
        self.committing = false;
        let entity = u64::from(self.id);
        signals::COMMITTED_SEQUENCE.note(env.ctx, entity, self.committed_sequence);
        let checkpoint_every = env.spec.cluster.segment_store.checkpoint_commit_count;
        if self.commits_since_checkpoint >= checkpoint_every {
            self.commits_since_checkpoint = 0;
            self.submit_critical(env, Operation::Checkpoint(Rc::default()));
        }
        self.commit_next(env);
        self.poke_storage_writer(env);
    }

    fn commit(&mut self, env: &mut Env<'_, '_>, logged: &Logged) {
        self.committed_sequence = logged.sequence;
        match &logged.operation {
            Operation::Append { segment, offset, batch, .. } => {
                env.cache.release(logged.operation.cache_length());
                let index = self.segments.entry_or_default(*segment);
                index.append(env.cache, *offset, Rc::clone(batch));
                if self.counts_events {
                    index.newest = env.ctx.now();
                    extend(&mut index.events, Range::from(&**batch));
                }
                self.writer.add(*segment, *offset, logged.sequence, Rc::clone(batch));
                self.serve_tail_readers(env, *segment);
            }
            Operation::StorageUpdate { segment, storage_length, .. } => {
                self.flush_committed(env, *segment, *storage_length);
            }
            Operation::Seal { segment } => self.seal_committed(env, *segment),
            Operation::Truncate { segment, offset } => {
                self.truncation_committed(env, *segment, *offset, logged.sequence);
            }
            Operation::Delete { segment } => {
                self.deletion_committed(env, *segment, logged.sequence);
            }
            Operation::StorageTruncate { segment, .. } => {
                self.storage_truncated(env, *segment);
            }
            Operation::ChunkDeleted { chunk } => self.chunk_deleted(*chunk),
            Operation::Checkpoint(_) => {}
        }
    }

    /// Ends the container: whatever was not acknowledged fails, and the log is released.
    pub fn stop(&mut self, env: &mut Env<'_, '_>) {
        self.phase = Phase::Stopped;
        self.log.close();
        let unprocessed = self.processor.drain().filter_map(|queued| queued.appender);
        let unlogged = self.pending.range(self.acknowledged..);
        let failed: Vec<Appender> =
            unprocessed.chain(unlogged.filter_map(|pending| pending.appender)).collect();
        for appender in failed {
            env.events.push(ContainerEvent::Rejected { appender, reason: CloseReason::Error });
        }
        for pending in std::mem::take(&mut self.pending) {
            env.cache.release(pending.logged.operation.cache_length());
        }
        for index in self.segments.values_mut() {
            env.cache.remove(index.cached_bytes());
        }
        self.fail_readers(env);
        self.segments.clear();
        env.events.push(ContainerEvent::Stopped { container: self.id });
    }
}
