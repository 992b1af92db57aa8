//! What a container knows about its segments, and the checkpoint of it that goes to the log.
//!
//! Stands for `ContainerMetadataUpdateTransaction`, `StreamSegmentMetadata` and the serialised
//! `MetadataCheckpointOperation` @ v0.13.0. Segments exist as soon as somebody appends to them:
//! their creation is left out.
//!
//! Parameters: sizes in bytes, below. Left out: eviction of inactive segments from memory,
//! attributes other than writers' event numbers.

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
}

impl Snapshot {
    /// Bytes in the log: 100 for the container, 100 per segment, 33 per attribute and 40 per chunk
    /// (fields of the serializers, counted).
    pub fn size_bytes(&self) -> u64 {
        let bytes = |segment: &Segment| {
            100 + 33 * segment.writers.len() as u64 + 40 * segment.chunks.len() as u64
        };
        100 + self.segments.values().map(bytes).sum::<u64>()
    }

    /// Writes it as numbers.
    pub fn encode(&self, words: &mut Vec<u64>) {
        words.extend([self.journal_epoch, self.segments.len() as u64]);
        for (number, segment) in self.segments.iter() {
            words.extend([u64::from(*number), segment.length, segment.storage_length]);
            words.extend([segment.writers.len() as u64, segment.chunks.len() as u64]);
            words.push(u64::from(segment.sealed));
            for (writer, event) in segment.writers.iter() {
                words.extend([writer.0, *event as u64]);
            }
            for chunk in &segment.chunks {
                words.extend([chunk.start, chunk.id.0]);
            }
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let mut next = || words.next().expect("a checkpoint in the log is whole");
        let journal_epoch = next();
        let mut segments = SortedVecMap::default();
        for _ in 0..next() {
            let number = SegmentId(next() as u32);
            let (length, storage_length) = (next(), next());
            let (writers, chunks, sealed) = (next(), next(), next() == 1);
            let writers = (0..writers).map(|_| (WriterId(next()), next() as i64)).collect();
            let chunks =
                (0..chunks).map(|_| Chunk { start: next(), id: ChunkId(next()) }).collect();
            let segment = Segment { length, storage_length, writers, chunks, sealed };
            segments.insert(number, segment);
        }
        Self { segments, journal_epoch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut words = Vec::new();
        snapshot.encode(&mut words);
        assert_eq!(Snapshot::decode(&mut words.into_iter()), snapshot);
    }
}
