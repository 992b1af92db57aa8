//! The storage writer: what moves a container's segments to tier 2 and lets its log be truncated.
//!
//! Stands for `StorageWriter`, `SegmentAggregator`, `ChunkedSegmentStorage` @ v0.13.0. One
//! iteration: read up to 1000 operations, add them to their segments' aggregators, flush every
//! segment that must be (4 MiB gathered, or 30 s since its last flush) side by side, wait for all
//! of them, truncate the log at the last checkpoint below which everything is flushed. A failed
//! flush ends the chunk that it went to, and the next iteration waits 1 s. What lies before a
//! truncation is flushed first (`storage_truncation.rs`). Left out: seals, merges, attribute
//! indexes, the flush of the metadata segments themselves.
//!
//! Parameters: `writer.*` of [`crate::pravega::config::SegmentStore`], in bytes and ms.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::{Duration, Time};

use crate::batch::SharedBatch;
use crate::bugs::{Bug, BugSet};
use crate::collections::SortedVecMap;
use crate::logs;
use crate::pravega::config::{SegmentStore, StorageKind};
use crate::pravega::container::host::{Env, Task};
use crate::pravega::message::segment_bytes;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::pravega::waits;
use crate::protocol::Message;
use crate::tier;
use crate::tier::config::Kind;
use crate::tier::message::{ChunkId, Data, TierError, TierResponse};

use super::operation::Operation;
use super::{Container, Phase, Work};

#[derive(Clone, Debug)]
struct Piece {
    offset: u64,
    sequence: u64,
    batch: SharedBatch,
}

/// A truncation that tier 2 does not know of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncate {
    pub offset: u64,
    sequence: u64,
}

/// An operation that was committed.
#[derive(Clone, Debug)]
enum Committed {
    Append(Piece),
    Truncate(Truncate),
}

impl Committed {
    fn sequence(&self) -> u64 {
        match self {
            Self::Append(piece) => piece.sequence,
            Self::Truncate(truncate) => truncate.sequence,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct OpenChunk {
    pub id: ChunkId,
    start: u64,
    length: u64,
}

#[derive(Clone, Copy, Debug)]
struct Flush {
    attempt: u64,
    pieces: usize,
    bytes: u64,
    end: u64,
    /// Tier 2 has it; what it wrote is being entered in the log.
    written: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Aggregator {
    pieces: VecDeque<Piece>,
    bytes: u64,
    last_flush: Time,
    pub chunk: Option<OpenChunk>,
    flush: Option<Flush>,
    /// In their order; the first is being entered in the log if `truncating`.
    pub truncates: VecDeque<Truncate>,
    pub truncating: bool,
}

impl Aggregator {
    fn must_flush(&self, now: Time, options: &SegmentStore) -> bool {
        let due = now.since(self.last_flush) >= Duration::from_millis(options.flush_threshold_ms);
        self.is_idle()
            && self.bytes > 0
            && (self.bytes >= options.flush_threshold_bytes || due || self.holds_truncation_up())
    }

    fn is_idle(&self) -> bool {
        self.flush.is_none() && !self.truncating
    }

    /// There are bytes before the next truncation.
    fn holds_truncation_up(&self) -> bool {
        let first = self.pieces.front().map(|piece| piece.sequence);
        self.truncates.front().zip(first).is_some_and(|(next, first)| first < next.sequence)
    }

    /// A truncation is next.
    fn must_truncate(&self) -> bool {
        self.is_idle() && !self.truncates.is_empty() && !self.holds_truncation_up()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Flushing,
    Sleeping,
}

/// What is committed and not in tier 2.
#[derive(Debug, Default)]
pub struct StorageWriter {
    unread: VecDeque<(SegmentId, Committed)>,
    pub(super) aggregators: SortedVecMap<SegmentId, Aggregator>,
    step: Step,
    failed: bool,
    timer_number: u64,
    attempts: u64,
    chunks: u64,
    unflushed_bytes: u64,
    behind: bool,
}

impl StorageWriter {
    /// Bytes committed and not in tier 2.
    pub fn unflushed_bytes(&self) -> u64 {
        self.unflushed_bytes
    }

    /// An append was committed.
    pub fn add(&mut self, segment: SegmentId, offset: u64, sequence: u64, batch: SharedBatch) {
        self.unflushed_bytes += segment_bytes(&batch);
        self.unread.push_back((segment, Committed::Append(Piece { offset, sequence, batch })));
    }

    /// A truncation was committed.
    pub(super) fn truncate(&mut self, segment: SegmentId, offset: u64, sequence: u64) {
        self.unread.push_back((segment, Committed::Truncate(Truncate { offset, sequence })));
    }

    /// Moves up to `count` operations to their aggregators.
    fn read(&mut self, count: u64, now: Time) {
        for _ in 0..count {
            let Some((segment, committed)) = self.unread.pop_front() else { return };
            let fresh = || Aggregator { last_flush: now, ..Aggregator::default() };
            let aggregator = self.aggregators.get_or_insert_with(segment, fresh);
            match committed {
                Committed::Append(piece) => {
                    aggregator.bytes += segment_bytes(&piece.batch);
                    aggregator.pieces.push_back(piece);
                }
                Committed::Truncate(truncate) => aggregator.truncates.push_back(truncate),
            }
        }
    }

    /// The oldest operation that is not in tier 2.
    fn lowest_uncommitted(&self, bugs: BugSet) -> Option<u64> {
        let unread = self.unread.front().map(|(_, committed)| committed.sequence());
        let front = |aggregator: &Aggregator| {
            let truncate = aggregator.truncates.front().map(|truncate| truncate.sequence);
            aggregator.pieces.front().map(|piece| piece.sequence).into_iter().chain(truncate).min()
        };
        let counts = !bugs.has(Bug::GatheredCountsAsFlushed);
        let gathered = self.aggregators.values().filter(|_| counts).filter_map(front);
        gathered.chain(unread).min()
    }

    fn is_flushing(&self) -> bool {
        self.aggregators.values().any(|aggregator| !aggregator.is_idle())
    }
}

impl Container {
    /// There are new operations to read.
    pub(super) fn poke_storage_writer(&mut self, env: &mut Env<'_, '_>) {
        self.note_lag(env);
        if self.writer.step == Step::Idle && self.phase == Phase::Running {
            self.iterate_storage_writer(env);
        }
    }

    /// Notes when the writer falls behind: a quarter of the cache can't be evicted because of it.
    fn note_lag(&mut self, env: &mut Env<'_, '_>) {
        let cache = env.spec.cluster.segment_store.cache_size_max;
        let unflushed = self.writer.unflushed_bytes;
        let behind = unflushed > if self.writer.behind { cache / 10 } else { cache / 4 };
        if behind && !self.writer.behind {
            self.note(env, &signals::STORAGE_WRITER_BEHIND, unflushed);
        }
        self.writer.behind = behind;
    }

    fn iterate_storage_writer(&mut self, env: &mut Env<'_, '_>) {
        let spec = Rc::clone(&env.spec.cluster);
        let options = &spec.segment_store;
        let now = env.ctx.now();
        loop {
            self.writer.read(options.items_to_read_max, now);
            let due: Vec<SegmentId> = self
                .writer
                .aggregators
                .iter()
                .filter(|(_, part)| part.must_flush(now, options) || part.must_truncate())
                .map(|(segment, _)| *segment)
                .collect();
            if !due.is_empty() {
                self.writer.step = Step::Flushing;
                due.into_iter().for_each(|segment| self.work_on(env, segment));
                return;
            }
            self.truncate_log(env);
            if self.writer.unread.is_empty() {
                break;
            }
        }
        self.writer.step = Step::Idle;
        let last_flushes = self.writer.aggregators.values().filter(|part| part.bytes > 0);
        if let Some(oldest) = last_flushes.map(|aggregator| aggregator.last_flush).min() {
            let due = oldest + Duration::from_millis(options.flush_threshold_ms);
            self.wake_storage_writer(env, due.since(now).max(Duration(1)));
        }
    }

    /// Flushes a segment, or truncates it, whatever is next.
    fn work_on(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        match self.writer.aggregators.get(&segment).is_some_and(Aggregator::must_truncate) {
            true => self.truncate_storage(env, segment),
            false => self.flush(env, segment),
        }
    }

    /// Something that a segment had to do is done.
    pub(super) fn work_done(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let (now, options) = (env.ctx.now(), &env.spec.cluster.segment_store);
        let goes_on = |part: &Aggregator| part.must_flush(now, options) || part.must_truncate();
        if self.writer.aggregators.get(&segment).is_some_and(goes_on) {
            return self.work_on(env, segment);
        }
        self.flush_ended(env);
    }

    fn wake_storage_writer(&mut self, env: &mut Env<'_, '_>, after: Duration) {
        self.writer.timer_number += 1;
        let tag = env.tasks.add(self.task(Work::FlushDue(self.writer.timer_number)));
        env.ctx.timer_for(after, tag, waits::FLUSH);
    }

    pub(super) fn flush_due(&mut self, env: &mut Env<'_, '_>, number: u64) {
        if number == self.writer.timer_number && self.writer.step != Step::Flushing {
            self.iterate_storage_writer(env);
        }
    }

    /// Writes the oldest bytes of a segment, whole operations, to the end of its chunk.
    fn flush(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let cluster = Rc::clone(&env.spec.cluster);
        let options = &cluster.segment_store;
        self.writer.attempts += 1;
        let attempt = self.writer.attempts;
        let aggregator = self.writer.aggregators.get_mut(&segment).expect("it must flush");
        let (mut pieces, mut bytes, mut batches) = (0, 0, Vec::new());
        let until = aggregator.truncates.front().map_or(u64::MAX, |next| next.sequence);
        for piece in aggregator.pieces.iter().take_while(|piece| piece.sequence < until) {
            pieces += 1;
            bytes += segment_bytes(&piece.batch);
            batches.push(Rc::clone(&piece.batch));
            if bytes >= options.flush_size_bytes_max {
                break;
            }
        }
        let start = aggregator.pieces.front().expect("there are bytes").offset;
        let grows = cluster.tier.kind != Kind::ObjectStore;
        let room = |chunk: &OpenChunk| chunk.length + bytes <= options.rollover_size_bytes_max;
        let chunk = match aggregator.chunk.filter(|chunk| grows && room(chunk)) {
            Some(chunk) => chunk,
            None => {
                self.writer.chunks += 1;
                let number = self.epoch << 24 | self.writer.chunks;
                let id = ChunkId(u64::from(self.id) << 48 | number);
                OpenChunk { id, start, length: 0 }
            }
        };
        let readable = self.segments.get(&segment).map_or(0, |index| index.readable);
        properties::TIER_BEHIND_LOG.note(env.ctx, segment.into(), start + bytes <= readable);
        aggregator.chunk = Some(chunk);
        aggregator.flush =
            Some(Flush { attempt, pieces, bytes, end: start + bytes, written: false });
        let place = Some((logs::of_segment(segment.0), start));
        let data = Rc::new(Data { bytes, batches, place, ..Data::default() });
        let operation =
            tier::message::Operation::Write { chunk: chunk.id, offset: chunk.length, data };
        let work = Work::Flush { segment, attempt };
        let task = Task::Tier { id: self.id, instance: self.instance, work: work.clone() };
        let request = env.tasks.add(task);
        let message = tier::message::Message::Request { request, operation };
        env.ctx.send(env.spec.tier, Message::Tier(message));
        let tag = env.tasks.add(self.task(work));
        let timeout = Duration::from_millis(options.flush_timeout_ms);
        env.ctx.timer_for(timeout, tag, waits::FLUSH_TIMEOUT);
    }

    /// Tier 2 has answered a flush.
    pub(super) fn flush_answered(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        attempt: u64,
        result: Result<TierResponse, TierError>,
    ) {
        let Some(aggregator) = self.writer.aggregators.get_mut(&segment) else { return };
        let flush = aggregator.flush.as_mut().filter(|flush| flush.attempt == attempt);
        let Some(flush) = flush else { return };
        if result.is_err() {
            return self.flush_failed(env, segment);
        }
        flush.written = true;
        let storage_length = flush.end;
        let chunk = aggregator.chunk.expect("a flush has its chunk");
        self.submit_critical(
            env,
            Operation::StorageUpdate {
                segment,
                storage_length,
                chunk: chunk.id,
                chunk_start: chunk.start,
            },
        );
    }

    /// The chunk metadata that a flush wrote is committed: the flush is complete.
    pub(super) fn flush_committed(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        storage_length: u64,
    ) {
        let now = env.ctx.now();
        let Some(aggregator) = self.writer.aggregators.get_mut(&segment) else { return };
        let Some(flush) = aggregator.flush.filter(|flush| flush.end == storage_length) else {
            return;
        };
        aggregator.flush = None;
        aggregator.pieces.drain(..flush.pieces);
        aggregator.bytes -= flush.bytes;
        aggregator.last_flush = now;
        if let Some(chunk) = &mut aggregator.chunk {
            chunk.length += flush.bytes;
        }
        self.writer.unflushed_bytes -= flush.bytes;
        let options = &env.spec.cluster.segment_store;
        if options.storage == StorageKind::InMemory {
            // Tier 2 is a map in this process (`InMemoryChunkStorage`).
            env.jvm.hold(flush.bytes);
        }
        self.work_done(env, segment);
    }

    pub(super) fn flush_timed_out(
        &mut self,
        env: &mut Env<'_, '_>,
        segment: SegmentId,
        attempt: u64,
    ) {
        let of_attempt = |aggregator: &Aggregator| {
            aggregator.flush.is_some_and(|flush| flush.attempt == attempt)
        };
        if self.writer.aggregators.get(&segment).is_some_and(of_attempt) {
            self.note(env, &signals::FLUSH_TIMED_OUT, u64::from(segment));
            self.flush_failed(env, segment);
        }
    }

    /// Requests to tier 2 that broke with its connection.
    pub(super) fn tier_disconnected(&mut self, env: &mut Env<'_, '_>) {
        let flushing: Vec<SegmentId> = self
            .writer
            .aggregators
            .iter()
            .filter(|(_, aggregator)| aggregator.flush.is_some_and(|flush| !flush.written))
            .map(|(segment, _)| *segment)
            .collect();
        flushing.into_iter().for_each(|segment| self.flush_failed(env, segment));
        self.loads_broken(env);
        self.collections_broken(env);
    }

    fn flush_failed(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let aggregator = self.writer.aggregators.get_mut(&segment).expect("it was flushing");
        aggregator.flush = None;
        // Whether the bytes are there is not known: the next flush begins a chunk
        // (`WriteOperation.skipOverFailedChunk`).
        if !env.spec.cluster.bugs.has(Bug::FailedChunkGoesOn) {
            aggregator.chunk = None;
        }
        self.writer.failed = true;
        properties::FLUSH_FAILED.reached(env.ctx);
        properties::FLUSHES_GO_ON.note(env.ctx, self.id.into(), false);
        self.flush_ended(env);
    }

    fn flush_ended(&mut self, env: &mut Env<'_, '_>) {
        self.note_lag(env);
        if self.writer.is_flushing() {
            return;
        }
        if std::mem::take(&mut self.writer.failed) {
            self.writer.step = Step::Sleeping;
            let pause = env.spec.cluster.segment_store.error_sleep_ms;
            return self.wake_storage_writer(env, Duration::from_millis(pause));
        }
        // Noted each time: the last failure may have been in a store that has lost the container
        // since.
        properties::FLUSHES_GO_ON.note(env.ctx, self.id.into(), true);
        self.truncate_log(env);
        self.iterate_storage_writer(env);
    }

    /// Truncates the log at the last checkpoint below which everything is flushed.
    fn truncate_log(&mut self, env: &mut Env<'_, '_>) {
        let flushed = match self.writer.lowest_uncommitted(env.spec.cluster.bugs) {
            Some(lowest) => lowest - 1,
            None => self.committed_sequence,
        };
        let up_to = match env.spec.cluster.bugs.has(Bug::TruncateBeyondTier) {
            true => self.committed_sequence,
            false => flushed,
        };
        let passed = self.truncation_points.partition_point(|(sequence, _)| *sequence <= up_to);
        let last = self.truncation_points.drain(..passed).next_back();
        if let Some((sequence, address)) = last {
            properties::TRUNCATES_FLUSHED.note(env.ctx, self.id.into(), sequence <= flushed);
            env.jvm.release(self.log.truncate(env.ctx, address));
            self.truncated_sequence = sequence;
            self.pressure_relieved(env);
        }
    }
}
