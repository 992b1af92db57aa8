//! Segments in remote storage, as their metadata tell (KIP-405).
//!
//! Stands for `RemoteLogSegmentMetadata` and `RemoteLogMetadataCache` of apache/kafka @ 1eb7644
//! (between 3.9.0 and 4.0). A segment is announced before it is copied, and before it is deleted.
//! The topic `__remote_log_metadata` has one partition here, numbered behind those of the events
//! and of groups, with a replica on each broker, which reads its own up to the high watermark. Left
//! out: its other 49 partitions, its retention, snapshots of the cache.
//!
//! Objects are those of Aiven-Open/tiered-storage-for-apache-kafka @ 1.1.1 (`ObjectKeyFactory`):
//! the log, its indexes, a manifest.

use std::rc::Rc;

use headwater_sim::time::Time;

use super::config::Cluster;
use super::group;
use super::ids::TopicPartition;
use super::partition_log::PartitionLog;
use super::record::LogBatch;
use crate::batch::{Lane, Range, StreamId};
use crate::collections::SortedVecMap;
use crate::tier::message::{ChunkId, Data};

/// `index.interval.bytes` at its default: bytes of a log from one entry of its index to the next.
pub const INDEX_INTERVAL: u64 = 4_096;
/// Entries of the index of offsets and of that of times (`OffsetIndex`, `TimeIndex`).
const INDEX_ENTRY_BYTES: u64 = 8 + 12;
/// A producer snapshot and a checkpoint of leader epochs of a few entries, rounded.
const INDEX_REST_BYTES: u64 = 500;
/// A manifest, as seen in listings of that plugin.
const MANIFEST_BYTES: u64 = 750;
/// A record of the metadata topic (`RemoteLogSegmentMetadataRecord`), rounded.
pub const METADATA_BYTES: u64 = 150;

/// Which segment: a number that no other has (`RemoteLogSegmentId`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentId(pub u64);

/// `RemoteLogSegmentState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being copied, or a copy was given up.
    CopyStarted,
    /// It is there.
    CopyFinished,
    /// It is being deleted, or is to be.
    DeleteStarted,
    /// It is gone.
    DeleteFinished,
}

/// What a segment consists of.
pub const OBJECTS: [Object; 3] = [Object::Log, Object::Indexes, Object::Manifest];

/// An object of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Its records.
    Log,
    /// Its indexes.
    Indexes,
    /// What the plugin wants to know of it.
    Manifest,
}

/// A segment in remote storage.
#[derive(Clone, Debug)]
pub struct RemoteSegment {
    /// Which.
    pub id: SegmentId,
    /// Of which partition.
    pub partition: TopicPartition,
    /// What is known of it.
    pub state: State,
    /// Its first offset.
    pub first: u64,
    /// The offset behind its last.
    pub end: u64,
    /// Bytes of its records.
    pub bytes: u64,
    /// The latest time of a record.
    pub largest: Time,
    /// Leader epochs in it, with their first offsets.
    pub epochs: Vec<(u32, u64)>,
    /// The events in it; for the observer.
    pub ranges: Rc<[Range]>,
}

impl RemoteSegment {
    /// The same in another state.
    pub fn now(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }

    /// Where an object of it is kept.
    pub const fn chunk(&self, object: Object) -> ChunkId {
        ChunkId(self.id.0 << 2 | object as u64)
    }

    /// What a record of the metadata topic says.
    pub fn words(&self) -> Vec<u64> {
        let Self { id, partition, state, first, end, bytes, largest, .. } = self;
        let epochs = self.epochs.len() as u64;
        let head = [id.0, (*partition).into(), *state as u64, *first, *end, *bytes, largest.0];
        let epochs = [epochs]
            .into_iter()
            .chain(self.epochs.iter().flat_map(|(epoch, start)| [u64::from(*epoch), *start]));
        let ranges = self.ranges.iter().flat_map(|range| {
            let Range { stream, writer, lane, first, count } = *range;
            [u64::from(stream.0) << 32 | u64::from(writer), lane.0.into(), first, count]
        });
        head.into_iter().chain(epochs).chain(ranges).collect()
    }

    /// The segment that a record of the metadata topic tells of.
    pub fn of(words: &[u64]) -> Option<Self> {
        let [id, partition, state, first, end, bytes, largest, epochs, rest @ ..] = words else {
            return None;
        };
        let state = match state {
            0 => State::CopyStarted,
            1 => State::CopyFinished,
            2 => State::DeleteStarted,
            _ => State::DeleteFinished,
        };
        let (epochs, ranges) = rest.split_at_checked(2 * *epochs as usize)?;
        let epochs = epochs.chunks_exact(2).map(|of| (of[0] as u32, of[1])).collect();
        let range = |of: &[u64]| Range {
            stream: StreamId((of[0] >> 32) as u32),
            writer: of[0] as u32,
            lane: Lane(of[1] as u32),
            first: of[2],
            count: of[3],
        };
        Some(Self {
            id: SegmentId(*id),
            partition: TopicPartition::of_events(*partition as u32),
            state,
            first: *first,
            end: *end,
            bytes: *bytes,
            largest: Time(*largest),
            epochs,
            ranges: ranges.chunks_exact(4).map(range).collect(),
        })
    }

    /// How large its indexes are, at the most.
    pub const fn index_bytes(&self) -> u64 {
        INDEX_ENTRY_BYTES * (self.bytes / INDEX_INTERVAL + 1) + INDEX_REST_BYTES
    }

    /// Its records are those of a log that has them (`isRemoteSegmentWithinLeaderEpochs`).
    fn is_of(&self, log: &PartitionLog) -> bool {
        self.epochs.last().is_none_or(|(last, _)| {
            let (epoch, end) = log.end_offset_for(*last);
            epoch == *last && self.end <= end
        })
    }
}

/// What an object of a segment holds, of which these are the batches.
pub fn object(object: Object, batches: &[LogBatch]) -> Data {
    let mut position = 0;
    let ends: Vec<_> = batches
        .iter()
        .map(|batch| {
            position += batch.size_bytes();
            position
        })
        .collect();
    match object {
        Object::Log => Data {
            bytes: position,
            batches: batches.iter().map(|of| of.batch.clone()).collect(),
            words: batches.iter().flat_map(|of| [of.base_offset, of.leader_epoch.into()]).collect(),
            ends,
            place: None,
        },
        Object::Indexes => {
            let (mut words, mut last) = (Vec::new(), None);
            for (batch, end) in batches.iter().zip(&ends) {
                let start = end - batch.size_bytes();
                if last.is_none_or(|last| start >= last + INDEX_INTERVAL) {
                    last = Some(start);
                    words.extend([batch.base_offset, start]);
                }
            }
            let entries = words.len() as u64 / 2;
            let bytes = INDEX_ENTRY_BYTES * entries + INDEX_REST_BYTES;
            Data { bytes, words, ..Data::default() }
        }
        Object::Manifest => Data { bytes: MANIFEST_BYTES, ..Data::default() },
    }
}

/// The segments of all partitions.
#[derive(Debug, Default)]
pub struct RemoteLogs(SortedVecMap<TopicPartition, Vec<RemoteSegment>>);

impl RemoteLogs {
    /// A record of the metadata topic has been read.
    pub fn apply(&mut self, segment: RemoteSegment) {
        let of = self.0.entry_or_default(segment.partition);
        let known = of.iter().position(|one| one.id == segment.id);
        match (known, segment.state) {
            (Some(at), State::DeleteFinished) => _ = of.remove(at),
            (Some(at), state) => of[at].state = state,
            (None, State::DeleteFinished) => {}
            (None, _) => {
                let at = of.partition_point(|one| one.first <= segment.first);
                of.insert(at, segment);
            }
        }
    }

    /// The segments of a partition, in order.
    pub fn of(&self, partition: TopicPartition) -> &[RemoteSegment] {
        self.0.get(&partition).map_or(&[], Vec::as_slice)
    }

    /// Those that are there, and hold what the log has or had.
    fn there<'a>(
        &'a self,
        partition: TopicPartition,
        log: &'a PartitionLog,
    ) -> impl DoubleEndedIterator<Item = &'a RemoteSegment> {
        let all = self.of(partition).iter();
        all.filter(|one| one.state == State::CopyFinished && one.is_of(log))
    }

    /// Everything of a log before this offset is there, as far as anything ever was
    /// (`findHighestRemoteOffset`).
    pub fn copied(&self, partition: TopicPartition, log: &PartitionLog) -> u64 {
        self.there(partition, log).map(|one| one.end).max().unwrap_or(0)
    }

    /// The segment with an offset.
    pub fn find<'a>(
        &'a self,
        partition: TopicPartition,
        log: &'a PartitionLog,
        offset: u64,
    ) -> Option<&'a RemoteSegment> {
        self.there(partition, log).rfind(|one| one.first <= offset && offset < one.end)
    }

    /// That with the last offset before this one, whatever the log that asks has.
    pub fn before(&self, partition: TopicPartition, offset: u64) -> Option<&RemoteSegment> {
        let mut all = self.of(partition).iter();
        all.rfind(|one| one.state == State::CopyFinished && one.first < offset && offset <= one.end)
    }

    /// Leader epochs of a partition's segments up to an offset.
    pub fn epochs(&self, partition: TopicPartition, until: u64) -> Vec<(u32, u64)> {
        let mut epochs: Vec<(u32, u64)> = Vec::new();
        for (epoch, start) in self.of(partition).iter().flat_map(|one| one.epochs.iter().copied()) {
            if start < until && epochs.last().is_none_or(|(last, _)| *last < epoch) {
                epochs.push((epoch, start));
            }
        }
        epochs
    }

    /// Bytes of a partition that are there.
    pub fn bytes(&self, partition: TopicPartition) -> u64 {
        let there = self.of(partition).iter().filter(|one| one.state == State::CopyFinished);
        there.map(|one| one.bytes).sum()
    }
}

/// The partition in which the metadata are kept, if there is remote storage.
pub fn metadata_partition(config: &Cluster) -> Option<TopicPartition> {
    let at = config.event_partitions() + group::partitions(config).len() as u32;
    config.topic.remote_storage_enable.then_some(TopicPartition::of_events(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: u64, first: u64, epochs: &[(u32, u64)]) -> RemoteSegment {
        let range = Range { stream: StreamId(1), writer: 2, lane: Lane(3), first: 4, count: 5 };
        RemoteSegment {
            id: SegmentId(id),
            partition: TopicPartition::of_events(3),
            state: State::CopyFinished,
            first,
            end: first + 10,
            bytes: 7,
            largest: Time(9),
            epochs: epochs.to_vec(),
            ranges: vec![range].into(),
        }
    }

    #[test]
    fn a_record_of_the_metadata_topic_tells_all_of_a_segment() {
        let told = segment(8, 20, &[(0, 20), (2, 25)]);
        let read = RemoteSegment::of(&told.words()).expect("it is one");
        assert_eq!(format!("{read:?}"), format!("{told:?}"));
    }

    #[test]
    fn a_segment_that_is_given_up_or_deleted_is_not_there() {
        let (log, of) = (PartitionLog::starting_at(100), TopicPartition::of_events(3));
        let mut logs = RemoteLogs::default();
        logs.apply(segment(1, 10, &[]).now(State::CopyStarted));
        assert_eq!((logs.copied(of, &log), logs.of(of).len()), (0, 1));
        logs.apply(segment(1, 10, &[]));
        logs.apply(segment(2, 20, &[]));
        assert_eq!((logs.copied(of, &log), logs.bytes(of)), (30, 14));
        assert_eq!(logs.find(of, &log, 19).map(|one| one.id), Some(SegmentId(1)));
        assert_eq!(logs.before(of, 30).map(|one| one.id), Some(SegmentId(2)));
        logs.apply(segment(2, 20, &[]).now(State::DeleteStarted));
        assert_eq!(logs.copied(of, &log), 20);
        logs.apply(segment(2, 20, &[]).now(State::DeleteFinished));
        assert_eq!(logs.of(of).len(), 1);
    }

    #[test]
    fn what_another_leader_had_copied_of_a_log_that_was_cut_does_not_count() {
        let (mut log, of) = (PartitionLog::starting_at(0), TopicPartition::of_events(3));
        log.start_epoch(0);
        let mut logs = RemoteLogs::default();
        logs.apply(segment(1, 0, &[(0, 0)]));
        assert_eq!(logs.copied(of, &log), 0, "the log ends before");
        assert_eq!(logs.copied(of, &PartitionLog::starting_at(10)), 0, "it has no such epoch");
        let log = PartitionLog::behind_tier(10, 0, vec![(0, 0)]);
        assert_eq!(logs.copied(of, &log), 10);
    }
}
