//! Reads of a container: from the cache, from tier 2, or at the tail as soon as something is
//! committed.
//!
//! Stands for `StreamSegmentReadIndex`, `StorageReadManager` and
//! `PravegaRequestProcessor.readSegment` @ v0.13.0. A read from tier 2 is of one aligned megabyte,
//! whole pieces of the chunk as they were flushed: what else comes with it goes to the cache too.
//! Readers of the same bytes share one read.
//!
//! Parameters: `read.bytes.max`, `readindex.storageRead.alignment` (bytes). Left out: prefetching,
//! copying between cache blocks, reads that time out at the store.

use std::collections::BTreeSet;
use std::rc::Rc;

use headwater_sim::fold::Needs;
use headwater_sim::units::NodeId;

use crate::bugs::Bug;
use crate::logs;
use crate::note::Note;
use crate::pravega::container::host::{Env, Task};
use crate::pravega::message::{self, CloseReason, Reading};
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::truncation::Truncation;
use crate::protocol::Message;
use crate::tier;
use crate::tier::message::{Piece, TierError, TierResponse};

use super::operation::Operation;
use super::read_index::ReadRequest;
use super::{Container, Phase, Work};

impl Container {
    /// A reader asks.
    pub fn read(&mut self, env: &mut Env<'_, '_>, segment: SegmentId, request: ReadRequest) {
        if self.phase != Phase::Running {
            return answer(env, &request, Err(CloseReason::WrongHost));
        }
        let index = self.segments.entry_or_default(segment);
        if let Some(start) = index.is_truncated(request.offset) {
            let message = Truncation::IsTruncated { request: request.request, start };
            return env.reply(request.from, message::Message::Truncation(message), 0);
        }
        if request.offset > index.readable {
            return answer(env, &request, Err(CloseReason::Error));
        }
        if index.has_folded(request.offset) {
            env.ctx.note(Note::Folded);
        }
        let at_end = request.offset == index.readable;
        let skips = env.spec.cluster.bugs.has(Bug::SealedTailSkipped);
        if index.sealed && (at_end || skips) {
            properties::SEALED_IS_READ.note(env.ctx, segment.into(), at_end);
            return answer(env, &request, Err(CloseReason::Sealed));
        }
        if at_end {
            index.tail_readers.push(request);
            return;
        }
        let length = request.length.min(env.spec.cluster.segment_store.read_bytes_max);
        match index.read(env.cache, segment, request.offset, length) {
            Some(reading) => answer(env, &request, Ok(reading)),
            None => self.load(env, segment, request),
        }
    }

    /// Something was committed: answers those who wait for it.
    pub(super) fn serve_tail_readers(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let index = self.segments.entry_or_default(segment);
        if index.tail_readers.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut index.tail_readers);
        for request in waiting.drain(..) {
            self.read(env, segment, request);
        }
        let index = self.segments.entry_or_default(segment);
        if index.tail_readers.is_empty() {
            index.tail_readers = waiting;
        }
    }

    /// How many wait for the first operations that are not committed yet, so many of them.
    pub(super) fn tail_readers_of(&self, operations: usize) -> usize {
        let appended =
            self.pending.iter().take(operations).filter_map(|of| match &of.logged.operation {
                Operation::Append { segment, .. } => Some(*segment),
                _ => None,
            });
        let segments: BTreeSet<SegmentId> = appended.collect();
        let waiting = segments.iter().filter_map(|segment| self.segments.get(segment));
        waiting.map(|index| index.tail_readers.len()).sum()
    }

    fn load(&mut self, env: &mut Env<'_, '_>, segment: SegmentId, request: ReadRequest) {
        let alignment = env.spec.cluster.segment_store.storage_read_alignment;
        let known = self.state.segments.get(&segment);
        let Some((chunk, chunk_end)) = known.and_then(|known| known.chunk_at(request.offset))
        else {
            // Between commit and eviction: the flush is in the log, its update not yet.
            return answer(env, &request, Err(CloseReason::Error));
        };
        let first = (request.offset / alignment * alignment).max(chunk.start);
        let index = self.segments.entry_or_default(segment);
        let waiting = index.loading.entry_or_default(first);
        waiting.push(request);
        if waiting.len() > 1 {
            return;
        }
        let bytes = (first / alignment * alignment + alignment).min(chunk_end) - first;
        let offset = first - chunk.start;
        let operation = tier::message::Operation::Read { chunk: chunk.id, offset, bytes };
        let work = Work::Load { segment, offset: first };
        let request = env.tasks.add(Task::Tier { id: self.id, instance: self.instance, work });
        let message = tier::message::Message::Request { request, operation };
        env.ctx.send(env.spec.tier, Message::Tier(message));
    }

    /// Tier 2 has answered.
    pub fn on_tier_reply(
        &mut self,
        env: &mut Env<'_, '_>,
        work: Work,
        result: Result<TierResponse, TierError>,
    ) {
        match (work, result) {
            (Work::Bootstrap, result) => self.bootstrap_answered(env, result),
            (_, _) if self.phase != Phase::Running => {}
            (Work::Flush { segment, attempt }, result) => {
                self.flush_answered(env, segment, attempt, result);
            }
            (Work::Load { segment, offset }, Ok(TierResponse::Pieces(pieces))) => {
                self.loaded(env, segment, offset, &pieces);
            }
            (Work::Load { segment, offset }, _) => self.load_failed(env, segment, offset),
            (Work::Collect { chunk }, result) => self.collected(env, chunk, result.map(|_| ())),
            (other, _) => unreachable!("{other:?} asks nothing of tier 2"),
        }
    }

    fn loaded(&mut self, env: &mut Env<'_, '_>, segment: SegmentId, offset: u64, pieces: &[Piece]) {
        properties::READ_FROM_TIER.reached(env.ctx);
        let index = self.segments.entry_or_default(segment);
        let waiting = index.loading.remove(&offset).unwrap_or_default();
        // What a cache that is nearly full has no place for is answered, and not kept
        // (`StreamSegmentReadIndex.insert`).
        let bytes = pieces.iter().map(|piece| piece.data.bytes).sum();
        let keeps = !env.cache.is_critical() && env.cache.has_room(bytes);
        let mut passing = Vec::new();
        for piece in pieces {
            // An upload that broke off says nothing.
            let Some((_, mut at)) = piece.data.place else { continue };
            for batch in &piece.data.batches {
                if index.insert(env.cache, at, Rc::clone(batch)) && !keeps {
                    passing.push(at);
                }
                at += message::segment_bytes(batch);
            }
        }
        let length_max = env.spec.cluster.segment_store.read_bytes_max;
        for request in waiting {
            let length = request.length.min(length_max);
            let reading = index.read(env.cache, segment, request.offset, length);
            answer(env, &request, reading.ok_or(CloseReason::Error));
        }
        passing.into_iter().for_each(|offset| index.forget(env.cache, offset));
    }

    pub(super) fn load_failed(&mut self, env: &mut Env<'_, '_>, segment: SegmentId, offset: u64) {
        let index = self.segments.entry_or_default(segment);
        for request in index.loading.remove(&offset).unwrap_or_default() {
            answer(env, &request, Err(CloseReason::Error));
        }
    }

    pub(super) fn loads_broken(&mut self, env: &mut Env<'_, '_>) {
        for index in self.segments.values_mut() {
            for request in std::mem::take(&mut index.loading).into_iter().flat_map(|(_, all)| all) {
                answer(env, &request, Err(CloseReason::Error));
            }
        }
    }

    pub(super) fn fail_readers(&mut self, env: &mut Env<'_, '_>) {
        for index in self.segments.values_mut() {
            for request in std::mem::take(&mut index.tail_readers) {
                answer(env, &request, Err(CloseReason::WrongHost));
            }
        }
        self.loads_broken(env);
    }

    /// Forgets the requests of a reader whose connection has broken.
    pub fn reader_gone(&mut self, peer: NodeId) {
        for index in self.segments.values_mut() {
            index.tail_readers.retain(|request| request.from != peer);
            index.loading.values_mut().for_each(|waiting| waiting.retain(|one| one.from != peer));
        }
    }

    /// From which byte of each segment, and which entry of each ledger of its log, on it may still
    /// ask for what is there.
    pub fn needs(&self, needs: &mut Needs) {
        for (segment, known) in self.state.segments.iter() {
            needs.from(logs::of_segment(segment.0), known.length);
        }
        self.log.needs(needs);
    }

    /// Forgets what nobody needs any more of what is in the cache, though it counts there.
    pub fn fold(&mut self, needs: &Needs) {
        for (segment, index) in self.segments.iter_mut() {
            let flushed = self.state.segments.get(segment).map_or(0, |known| known.storage_length);
            let before = needs.before(logs::of_segment(segment.0)).unwrap_or(0);
            index.fold(before.min(flushed));
        }
    }

    /// The oldest generation in the container's part of the cache.
    pub fn oldest_generation(&self) -> Option<u64> {
        self.segments.values().filter_map(|index| index.oldest_generation()).min()
    }

    /// Evicts what is older than generation `before` and in tier 2. Bytes freed.
    pub fn evict(&mut self, env: &mut Env<'_, '_>, before: u64) -> u64 {
        let mut freed = 0;
        for (segment, index) in self.segments.iter_mut() {
            let flushed = self.state.segments.get(segment).map_or(0, |known| known.storage_length);
            freed += index.evict(env.cache, before, flushed);
        }
        freed
    }
}

fn answer(env: &mut Env<'_, '_>, request: &ReadRequest, reading: Result<Reading, CloseReason>) {
    let bytes = reading.as_ref().map_or(0, |reading| reading.bytes);
    let reading = reading.map(Box::new);
    let message = message::Message::SegmentRead { request: request.request, reading };
    env.reply(request.from, message, bytes);
}
