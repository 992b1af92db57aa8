//! What a container knows about its segments, and the checkpoint of it that goes to the log.
//!
//! Stands for `ContainerMetadataUpdateTransaction`, `StreamSegmentMetadata` and the serialised
//! `MetadataCheckpointOperation` @ v0.13.0. Segments exist as soon as somebody appends to them:
//! their creation is left out.
//!
//! Parameters: sizes in bytes, below. Left out: eviction of inactive segments from memory,
//! attributes other than writers' event numbers.

use crate::batch::{Range, decode_ranges, encode_ranges};
use crate::collections::SortedVecMap;
use crate::pravega::message::{NO_EVENT, WriterId};
use crate::pravega::segment::SegmentId;
use crate::tier::message::ChunkId;

/// A chunk of a segment in tier 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where in the segment it begins.
    pub start: u64,
    /// Its name.
    pub id: ChunkId,
}

/// A chunk of tier 2 that is no longer a segment's (`GarbageCollector.TaskInfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// Its name.
    pub id: ChunkId,
    /// Its bytes.
    pub bytes: u64,
    /// From when on it is to be deleted, ms.
    pub due_ms: u64,
}

/// One segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Bytes appended.
    pub length: u64,
    /// Bytes that tier 2 has.
    pub storage_length: u64,
    /// Last event number of each writer.
    pub writers: SortedVecMap<WriterId, i64>,
    /// Chunks in tier 2, in order; a chunk ends where the next begins.
    pub chunks: Vec<Chunk>,
    /// It takes no more.
    pub sealed: bool,
    /// Its first byte that can be read.
    pub start: u64,
    /// Chunks that lie before this are no longer its own.
    pub storage_start: u64,
    /// It is gone.
    pub deleted: bool,
    /// Of a stream with a retention policy, for those who watch the run: which events are in its
    /// bytes, those before `start` counted.
    pub events: Vec<Range>,
}

impl Segment {
    /// The last event number of a writer, or [`NO_EVENT`].
    pub fn last_event(&self, writer: WriterId) -> i64 {
        self.writers.get(&writer).copied().unwrap_or(NO_EVENT)
    }

    /// Notes a flush.
    pub fn flushed(&mut self, storage_length: u64, chunk: Chunk) {
        self.storage_length = self.storage_length.max(storage_length);
        if self.chunks.last().is_none_or(|last| last.id != chunk.id) {
            self.chunks.push(chunk);
        }
    }

    /// Gives up the chunks that lie before `offset` (`TruncateOperation.updateFirstChunk`).
    pub fn give_up(&mut self, offset: u64, due_ms: u64) -> Vec<Garbage> {
        self.storage_start = self.storage_start.max(offset);
        let ends = self.chunks.iter().skip(1).map(|next| next.start);
        let ends: Vec<u64> = ends.chain([self.storage_length]).collect();
        let gone = ends.iter().take_while(|end| **end <= offset).count().min(self.chunks.len());
        let gone = self.chunks.drain(..gone).zip(ends);
        gone.map(|(chunk, end)| Garbage { id: chunk.id, bytes: end - chunk.start, due_ms })
            .collect()
    }

    /// It is gone.
    pub fn delete(&mut self) {
        (self.deleted, self.sealed, self.start) = (true, true, self.length);
    }

    fn is_truncated(&self) -> bool {
        self.deleted || self.start > 0 || self.storage_start > 0 || !self.events.is_empty()
    }

    /// The chunk that holds byte `offset`, and where in the segment that chunk ends.
    pub fn chunk_at(&self, offset: u64) -> Option<(Chunk, u64)> {
        if offset >= self.storage_length {
            return None;
        }
        let after = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let chunk = *self.chunks.get(after.checked_sub(1)?)?;
        let end = self.chunks.get(after).map_or(self.storage_length, |next| next.start);
        Some((chunk, end))
    }
}

/// The segments of a container, as far as operations have been processed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By number.
    pub segments: SortedVecMap<SegmentId, Segment>,
    /// Epoch of the last system journal in tier 2 (`SnapshotInfo`, attributes of the container's
    /// metadata segment); 0 for none.
    pub journal_epoch: u64,
    /// Chunks that are to be deleted, in the order in which they were given up.
    pub garbage: Vec<Garbage>,
}

/// What is said of a segment in one number.
const SEALED: u64 = 1;
const DELETED: u64 = 2;
/// What truncation has to do with follows behind.
const TRUNCATED: u64 = 4;

impl Snapshot {
    /// Bytes in the log: 100 for the container, 100 per segment, 33 per attribute and 40 per chunk
    /// (fields of the serializers, counted); a chunk that is to be deleted as any other.
    pub fn size_bytes(&self) -> u64 {
        let bytes = |segment: &Segment| {
            100 + 33 * segment.writers.len() as u64 + 40 * segment.chunks.len() as u64
        };
        100 + 40 * self.garbage.len() as u64 + self.segments.values().map(bytes).sum::<u64>()
    }

    /// A chunk that was to be deleted is.
    pub fn collected(&mut self, chunk: ChunkId) {
        self.garbage.retain(|garbage| garbage.id != chunk);
    }

    /// Writes it as numbers.
    pub fn encode(&self, words: &mut Vec<u64>) {
        let garbage = (self.garbage.len() as u64) << 32;
        words.extend([self.journal_epoch, self.segments.len() as u64 | garbage]);
        for (number, segment) in self.segments.iter() {
            words.extend([u64::from(*number), segment.length, segment.storage_length]);
            words.extend([segment.writers.len() as u64, segment.chunks.len() as u64]);
            let truncated = segment.is_truncated();
            words.push(
                (u64::from(segment.sealed) * SEALED)
                    | (u64::from(segment.deleted) * DELETED)
                    | (u64::from(truncated) * TRUNCATED),
            );
            for (writer, event) in segment.writers.iter() {
                words.extend([writer.0, *event as u64]);
            }
            for chunk in &segment.chunks {
                words.extend([chunk.start, chunk.id.0]);
            }
            if truncated {
                words.extend([segment.start, segment.storage_start]);
                encode_ranges(words, &segment.events);
            }
        }
        for Garbage { id, bytes, due_ms } in &self.garbage {
            words.extend([id.0, *bytes, *due_ms]);
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let (journal_epoch, counts) = (next(words), next(words));
        let mut segments = SortedVecMap::default();
        for _ in 0..counts & u64::from(u32::MAX) {
            let number = SegmentId(next(words) as u32);
            segments.insert(number, Segment::decode(words));
        }
        let garbage = |words: &mut _| {
            let (id, bytes, due_ms) = (ChunkId(next(words)), next(words), next(words));
            Garbage { id, bytes, due_ms }
        };
        let garbage = (0..counts >> 32).map(|_| garbage(words)).collect();
        Self { segments, journal_epoch, garbage }
    }
}

fn next(words: &mut impl Iterator<Item = u64>) -> u64 {
    words.next().expect("a checkpoint in the log is whole")
}

impl Segment {
    /// Reads what [`Snapshot::encode`] wrote of it.
    fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let (length, storage_length) = (next(words), next(words));
        let (writers, chunks, said) = (next(words), next(words), next(words));
        let writer = |words: &mut _| (WriterId(next(words)), next(words) as i64);
        let chunk = |words: &mut _| Chunk { start: next(words), id: ChunkId(next(words)) };
        let mut segment = Self {
            length,
            storage_length,
            writers: (0..writers).map(|_| writer(words)).collect(),
            chunks: (0..chunks).map(|_| chunk(words)).collect(),
            sealed: said & SEALED > 0,
            deleted: said & DELETED > 0,
            ..Self::default()
        };
        if said & TRUNCATED > 0 {
            (segment.start, segment.storage_start) = (next(words), next(words));
            segment.events = decode_ranges(words);
        }
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::StreamId;

    #[test]
    fn a_snapshot_reads_back_as_written() {
        let mut snapshot = Snapshot::default();
        let segment = snapshot.segments.entry_or_default(SegmentId(7));
        segment.length = 900;
        segment.writers.insert(WriterId(3), NO_EVENT + 1);
        segment.flushed(400, Chunk { start: 0, id: ChunkId(11) });
        segment.sealed = true;
        segment.flushed(600, Chunk { start: 400, id: ChunkId(12) });
        assert_eq!(segment.chunk_at(399), Some((Chunk { start: 0, id: ChunkId(11) }, 400)));
        assert_eq!(segment.chunk_at(599).map(|(chunk, end)| (chunk.id.0, end)), Some((12, 600)));
        assert_eq!(segment.chunk_at(600), None);
        reads_back(&snapshot);
    }

    fn reads_back(snapshot: &Snapshot) {
        let mut words = Vec::new();
        snapshot.encode(&mut words);
        assert_eq!(Snapshot::decode(&mut words.into_iter()), *snapshot);
    }

    #[test]
    fn chunks_go_when_all_of_them_lies_before_the_start() {
        let mut snapshot = Snapshot::default();
        let segment = snapshot.segments.entry_or_default(SegmentId(7));
        for (number, end) in [(11, 400), (12, 600), (13, 700)] {
            let start = segment.storage_length;
            segment.flushed(end, Chunk { start, id: ChunkId(number) });
        }
        let given_up = |segment: &mut Segment, offset| {
            let gone = segment.give_up(offset, 5);
            gone.iter().map(|one| (one.id.0, one.bytes)).collect::<Vec<_>>()
        };
        assert_eq!(given_up(segment, 399), []);
        assert_eq!(given_up(segment, 650), [(11, 400), (12, 200)]);
        assert_eq!((segment.chunk_at(599), segment.chunks.len()), (None, 1));
        snapshot.garbage = snapshot.segments.entry_or_default(SegmentId(7)).give_up(700, 6);
        assert_eq!(snapshot.garbage, [Garbage { id: ChunkId(13), bytes: 100, due_ms: 6 }]);
        let segment = snapshot.segments.entry_or_default(SegmentId(7));
        assert_eq!((segment.chunks.len(), segment.storage_start), (0, 700));
        (segment.start, segment.deleted) = (700, true);
        let (stream, writer, lane) = (StreamId(0), 1, SegmentId(7).into());
        segment.events = vec![Range { stream, writer, lane, first: 0, count: 9 }];
        reads_back(&snapshot);
    }
}
