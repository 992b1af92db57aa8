//! Fetches of what is in remote storage only.
//!
//! Stands for `ReplicaManager.processRemoteFetch`, `DelayedRemoteFetch`, `RemoteLogReader` and
//! `RemoteIndexCache` of apache/kafka @ 1eb7644 (between 3.9.0 and 4.0). Of the partitions of a
//! consumer's fetch that are read from there, the first is, and the others of them are for later
//! fetches. A reader gets the segment's indexes, unless they are cached, each with a request, looks
//! the position up, and reads as much as the fetch may have. A read that takes longer than
//! `remote.fetch.max.wait.ms` is in vain: the fetch is answered without it. A follower that asks
//! for such an offset goes on behind what was copied (`TierStateMachine`, without its requests for
//! the leader's offsets). Parameters: `remote.log.reader.*`,
//! `remote.log.index.file.cache.total.size.bytes`, `remote.fetch.max.wait.ms`. Left out: the
//! producers' states in what a follower reads; the plugin's own caches.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::connections::State;
use super::log_reads::Answer;
use super::remote::For;
use super::{Broker, Ctx, TAGS, kind};
use crate::kafka::ids::TopicPartition;
use crate::kafka::message::FetchedPartition;
use crate::kafka::record::LogBatch;
use crate::kafka::remote::{INDEX_INTERVAL, Object, RemoteSegment, SegmentId};
use crate::kafka::signals;
use crate::tier::message::{Data, Operation, TierError, TierResponse};

/// Indexes that are read one after the other (`createCacheEntry`): offsets, times.
const INDEXES: u32 = 2;

/// What a fetch wants from remote storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remotely {
    pub offset: u64,
    /// At the most, or one batch.
    pub bytes: u64,
}

/// A fetch that waits for remote storage.
#[derive(Debug)]
pub(super) struct RemoteRead {
    to: NodeId,
    answer: Answer,
    /// Which of the answer's partitions.
    at: usize,
    wanted: Remotely,
    /// A reader has it.
    begun: bool,
    /// Indexes that were read for it.
    indexes: u32,
}

/// Entries of a segment's index of offsets, with the positions.
type Index = Rc<Vec<u64>>;

/// `RemoteIndexCache`: the least recently used go when it is full.
#[derive(Debug)]
pub(super) struct IndexCache {
    limit: u64,
    /// Least recently used first: the segment, its index, and how large its files are.
    entries: VecDeque<(SegmentId, Index, u64)>,
}

impl IndexCache {
    /// Of so many bytes.
    pub const fn new(limit: u64) -> Self {
        Self { limit, entries: VecDeque::new() }
    }

    fn get(&mut self, id: SegmentId) -> Option<Index> {
        let at = self.entries.iter().position(|(of, ..)| *of == id)?;
        let entry = self.entries.remove(at)?;
        let index = entry.1.clone();
        self.entries.push_back(entry);
        Some(index)
    }

    fn put(&mut self, id: SegmentId, data: &Data) {
        self.entries.retain(|(of, ..)| *of != id);
        self.entries.push_back((id, Rc::new(data.words.clone()), data.bytes));
        while self.entries.iter().map(|(.., bytes)| bytes).sum::<u64>() > self.limit {
            self.entries.pop_front();
        }
    }

    /// A segment is about to be deleted.
    pub fn forget(&mut self, segment: &RemoteSegment) {
        if segment.state as u64 > 1 {
            self.entries.retain(|(of, ..)| *of != segment.id);
        }
    }
}

/// Where the batch with an offset is at the earliest.
fn position(index: &[u64], offset: u64) -> u64 {
    let entries = index.chunks_exact(2).take_while(|entry| entry[0] <= offset);
    entries.last().map_or(0, |entry| entry[1])
}

impl Broker {
    /// A fetch is answered with this, once a partition of it is read from remote storage.
    pub(super) fn fetch_remotely(
        &mut self,
        ctx: &mut Ctx<'_>,
        to: NodeId,
        answer: Answer,
        (at, wanted): (usize, Remotely),
    ) {
        let broker = &self.config.broker;
        let wait = Duration::from_millis(broker.remote_fetch_max_wait_ms);
        let pending = broker.remote_reader_max_pending;
        let Some(remote) = &mut self.remote else { return };
        let Some(connection) = self.connections.get_mut(&to) else { return };
        if remote.to_read.len() as u32 >= pending {
            // `RejectedExecutionException`: the partition has nothing this time.
            return self.send_fetched(ctx, to, answer);
        }
        let read = remote.number();
        connection.state = State::ReadingRemote(read);
        let waiting = RemoteRead { to, answer, at, wanted, begun: false, indexes: 0 };
        remote.reads.insert(read, waiting);
        remote.to_read.push_back(read);
        ctx.timer(wait, TAGS.tag(kind::REMOTE_WAIT_OVER, read));
        self.read_next_remotely(ctx);
    }

    /// Readers that are free take what waits.
    fn read_next_remotely(&mut self, ctx: &mut Ctx<'_>) {
        while let Some(remote) = &mut self.remote
            && remote.reading < self.config.broker.remote_reader_threads
            && let Some(read) = remote.to_read.pop_front()
        {
            let Some(of) = remote.reads.get_mut(&read) else { continue };
            of.begun = true;
            remote.reading += 1;
            self.read_remotely(ctx, read);
        }
    }

    /// A reader's next step: an index, or the records.
    fn read_remotely(&mut self, ctx: &mut Ctx<'_>, read: u64) {
        let Some(remote) = &mut self.remote else { return };
        let Some(of) = remote.reads.get_mut(&read) else { return };
        let partition = of.answer.partitions[of.at].partition;
        let Remotely { offset, bytes } = of.wanted;
        let replica = self.replicas.get(partition);
        let segment = replica.and_then(|of| remote.logs.find(partition, &of.log, offset)).cloned();
        let Some(segment) = segment else { return self.end_remote_read(ctx, read, Vec::new()) };
        let operation = match remote.indexes.get(segment.id) {
            Some(index) if of.indexes == 0 || of.indexes == INDEXES => {
                let from = position(&index, offset);
                let bytes = (bytes + INDEX_INTERVAL).min(segment.bytes - from);
                Operation::Read { chunk: segment.chunk(Object::Log), offset: from, bytes }
            }
            _ => {
                let chunk = segment.chunk(Object::Indexes);
                Operation::Read { chunk, offset: 0, bytes: segment.index_bytes() }
            }
        };
        self.ask_tier(ctx, For::Read(read), operation);
    }

    /// Remote storage has given what a reader asked for.
    pub(super) fn remote_was_read(
        &mut self,
        ctx: &mut Ctx<'_>,
        read: u64,
        result: Result<TierResponse, TierError>,
    ) {
        let Some(remote) = &mut self.remote else { return };
        let Some(of) = remote.reads.get_mut(&read) else { return };
        let Ok(TierResponse::Pieces(pieces)) = result else {
            signals::REMOTE_READ_FAILED.note(ctx, 0, of.wanted.offset);
            return self.end_remote_read(ctx, read, Vec::new());
        };
        if pieces.iter().any(|piece| !piece.data.batches.is_empty()) {
            let batches = batches(pieces.iter().map(|piece| &*piece.data), of.wanted);
            return self.end_remote_read(ctx, read, batches);
        }
        let partition = of.answer.partitions[of.at].partition;
        let log = self.replicas.get(partition).map(|replica| &replica.log);
        let found = log.and_then(|log| remote.logs.find(partition, log, of.wanted.offset));
        of.indexes += 1;
        if of.indexes == INDEXES
            && let Some(id) = found.map(|segment| segment.id)
            && let Some(piece) = pieces.first()
        {
            remote.indexes.put(id, &piece.data);
        }
        if of.indexes > INDEXES {
            return self.end_remote_read(ctx, read, Vec::new());
        }
        self.read_remotely(ctx, read);
    }

    /// A fetch has waited for long enough.
    pub(super) fn remote_wait_over(&mut self, ctx: &mut Ctx<'_>, read: u64) {
        let Some(remote) = &self.remote else { return };
        if let Some(of) = remote.reads.get(&read) {
            signals::REMOTE_READ_LATE.note(ctx, 0, of.wanted.offset);
            self.end_remote_read(ctx, read, Vec::new());
        }
    }

    /// The fetch is answered, and its reader is free.
    fn end_remote_read(&mut self, ctx: &mut Ctx<'_>, read: u64, batches: Vec<LogBatch>) {
        let Some(remote) = &mut self.remote else { return };
        let Some(mut of) = remote.reads.remove(&read) else { return };
        remote.reading -= u32::from(of.begun);
        let waits = |state: &State| matches!(state, State::ReadingRemote(id) if *id == read);
        if self.connections.get(&of.to).is_some_and(|of| waits(&of.state)) {
            if let Some(last) = batches.last() {
                let RemoteRead { to, at, wanted, .. } = &of;
                let partition = of.answer.partitions[*at].partition;
                signals::REMOTE_READ.note_of(
                    ctx,
                    u64::from(partition),
                    Some(*to),
                    last.end_offset() - wanted.offset,
                );
            }
            of.answer.partitions[of.at].batches = batches;
            self.send_fetched(ctx, of.to, of.answer);
        }
        self.read_next_remotely(ctx);
    }

    /// A follower's log ends before what its leader has: it goes on behind what was copied, with
    /// the epochs that remote storage has.
    pub(super) fn build_aux_state(&mut self, ctx: &mut Ctx<'_>, fetched: &FetchedPartition) {
        let FetchedPartition { partition, log_start, local_start, .. } = *fetched;
        let Some(remote) = &mut self.remote else { return };
        if remote.building.contains_key(&partition) {
            return;
        }
        let Some(segment) = remote.logs.before(partition, local_start) else { return };
        let (chunk, end) = (segment.chunk(Object::Indexes), segment.end);
        let bytes = segment.index_bytes();
        remote.building.insert(partition, (end, log_start, 0));
        let read = Operation::Read { chunk, offset: 0, bytes };
        self.ask_tier(ctx, For::Follow(partition), read);
    }

    /// The checkpoint of epochs, or then the producers' snapshot, has been read.
    pub(super) fn aux_state_read(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        ok: bool,
    ) {
        let Some(remote) = &mut self.remote else { return };
        let Some((end, log_start, read)) = remote.building.get(&partition).copied() else { return };
        if !ok {
            // The next fetch is refused again, and it is tried again.
            remote.building.remove(&partition);
            return;
        }
        if read + 1 < INDEXES
            && let Some(segment) = remote.logs.before(partition, end)
        {
            let (chunk, bytes) = (segment.chunk(Object::Indexes), segment.index_bytes());
            remote.building.insert(partition, (end, log_start, read + 1));
            let read = Operation::Read { chunk, offset: 0, bytes };
            return self.ask_tier(ctx, For::Follow(partition), read);
        }
        remote.building.remove(&partition);
        let epochs = remote.logs.epochs(partition, end);
        let Some(replica) = self.replicas.get(partition) else { return };
        let leader = replica.state.leader;
        if replica.log.end_offset() < end && leader.is_some_and(|leader| leader != self.me) {
            self.restart_log(ctx, partition, end);
            if let Some(replica) = self.replicas.get_mut(partition) {
                replica.log =
                    crate::kafka::partition_log::PartitionLog::behind_tier(end, log_start, epochs);
            }
            self.write_log_starts(ctx);
            self.touch(partition, leader);
        }
    }
}

/// The batches of what was read, from the one with the offset on, as many as fit.
fn batches<'a>(data: impl Iterator<Item = &'a Data>, wanted: Remotely) -> Vec<LogBatch> {
    let (mut read, mut size) = (Vec::new(), 0);
    for data in data {
        for (batch, words) in data.batches.iter().zip(data.words.chunks_exact(2)) {
            let batch = LogBatch {
                base_offset: words[0],
                leader_epoch: words[1] as u32,
                producer_epoch: None,
                batch: batch.clone(),
            };
            if batch.end_offset() <= wanted.offset {
                continue;
            }
            size += batch.size_bytes();
            if size > wanted.bytes && !read.is_empty() {
                return read;
            }
            read.push(batch);
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_kept_until_others_need_the_room() {
        let index = |bytes| Data { bytes, words: vec![0, 0, 10, 500], ..Data::default() };
        let mut cache = IndexCache::new(100);
        (0..3).for_each(|id| cache.put(SegmentId(id), &index(40)));
        let there = |cache: &mut IndexCache| {
            (0..4).filter(|id| cache.get(SegmentId(*id)).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(there(&mut cache), [1, 2]);
        cache.get(SegmentId(1));
        cache.put(SegmentId(3), &index(40));
        assert_eq!(there(&mut cache), [1, 3], "the one that was used last is kept");
    }

    #[test]
    fn an_index_says_where_to_begin_at_the_earliest() {
        let index = [0, 0, 10, 500, 20, 900];
        assert_eq!([9, 10, 19, 25].map(|offset| position(&index, offset)), [0, 500, 500, 900]);
    }
}
