//! The read index of a segment: what of it is in the cache.
//!
//! Stands for `StreamSegmentReadIndex` @ v0.13.0. An entry is one append, or what one was when it
//! came back from tier 2. Left out: merging of small entries.
//!
//! Parameters: none of its own; the cache's are [`crate::pravega::cache`]'s.

use std::rc::Rc;

use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use crate::batch::{Range, SharedBatch};
use crate::collections::SortedVecMap;
use crate::pravega::cache::Cache;
use crate::pravega::message::{Reading, segment_bytes};
use crate::pravega::segment::SegmentId;

/// A reader waiting for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// Who.
    pub from: NodeId,
    /// Handed back.
    pub request: u64,
    /// From where.
    pub offset: u64,
    /// How many bytes at the most.
    pub length: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    bytes: u64,
    /// None of entries that have been folded.
    batch: Option<SharedBatch>,
    generation: u64,
}

/// The index.
#[derive(Clone, Debug, Default)]
pub struct ReadIndex {
    entries: SortedVecMap<u64, Entry>,
    /// Bytes that may be read: everything committed.
    pub readable: u64,
    /// Nothing will be added.
    pub sealed: bool,
    /// The first byte that may be read.
    pub start: u64,
    /// The segment is gone.
    pub deleted: bool,
    /// When something was last added.
    pub newest: Time,
    /// Of a stream with a retention policy, for those who watch the run: what events were added.
    pub events: Vec<Range>,
    /// Readers at the end of the segment.
    pub tail_readers: Vec<ReadRequest>,
    /// Reads from tier 2 on their way, by the offset that they begin at, with who waits for them.
    pub loading: SortedVecMap<u64, Vec<ReadRequest>>,
}

impl ReadIndex {
    /// Adds what was appended.
    pub fn append(&mut self, cache: &mut Cache, offset: u64, batch: SharedBatch) {
        let bytes = segment_bytes(&batch);
        self.readable = self.readable.max(offset + bytes);
        self.insert(cache, offset, batch);
    }

    /// Adds what came from tier 2. False if it is here.
    pub fn insert(&mut self, cache: &mut Cache, offset: u64, batch: SharedBatch) -> bool {
        let bytes = segment_bytes(&batch);
        let is_new = self.entries.get(&offset).is_none() && !self.has_folded(offset);
        if is_new {
            let generation = cache.insert(bytes);
            self.entries.insert(offset, Entry { bytes, batch: Some(batch), generation });
        }
        is_new
    }

    /// Takes the entry at `offset` out.
    pub fn forget(&mut self, cache: &mut Cache, offset: u64) {
        if let Some(entry) = self.entries.remove(&offset) {
            cache.remove(entry.bytes);
        }
    }

    /// The byte at `offset` is in an entry that has been folded.
    pub fn has_folded(&self, offset: u64) -> bool {
        let floor = self.entries.floor(&offset);
        floor.is_some_and(|(start, entry)| entry.batch.is_none() && offset < start + entry.bytes)
    }

    /// Makes one of neighbours before `before` that were used last in the same generation: they
    /// leave the cache together.
    pub fn fold(&mut self, before: u64) {
        let over = |(offset, entry): &(&u64, &Entry)| *offset + entry.bytes <= before;
        let count = self.entries.iter().take_while(over).count();
        let mut folded: Vec<(u64, Entry)> = Vec::new();
        for (offset, entry) in self.entries.drain_first(count) {
            match folded.last_mut() {
                Some((start, last))
                    if *start + last.bytes == offset && last.generation == entry.generation =>
                {
                    last.bytes += entry.bytes;
                }
                _ => folded.push((offset, Entry { batch: None, ..entry })),
            }
        }
        self.entries.put_first(folded);
    }

    /// Reads from the cache; none if the first byte is not there.
    pub fn read(
        &mut self,
        cache: &mut Cache,
        segment: SegmentId,
        offset: u64,
        length: u64,
    ) -> Option<Reading> {
        let entries = self.entries.tail_from_floor_mut(&offset);
        let (first, entry) = entries.first()?;
        if first + entry.bytes <= offset {
            return None;
        }
        let limit = offset + length.min(self.readable - offset);
        let (mut end, mut batches) = (offset, Vec::new());
        for (start, entry) in entries {
            if *start > end || end >= limit {
                break;
            }
            let last = *start + entry.bytes;
            if let Some(batch) = entry.batch.as_ref().filter(|_| last <= limit) {
                batches.push((*start, Rc::clone(batch)));
            }
            end = last.min(limit);
            entry.generation = cache.touch();
        }
        Some(Reading { segment, offset, bytes: end - offset, batches })
    }

    /// Whether the byte at `offset` can't be read any more: then where the segment begins, if it
    /// is there.
    pub fn is_truncated(&self, offset: u64) -> Option<Option<u64>> {
        match self.deleted {
            true => Some(None),
            false => (offset < self.start).then_some(Some(self.start)),
        }
    }

    /// The oldest generation of its entries.
    pub fn oldest_generation(&self) -> Option<u64> {
        self.entries.values().map(|entry| entry.generation).min()
    }

    /// Takes out what is in tier 2 and older than generation `before`, or before the start
    /// (`isEvictable`). Bytes freed.
    pub fn evict(&mut self, cache: &mut Cache, before: u64, storage_length: u64) -> u64 {
        let mut freed = 0;
        self.entries.retain(|offset, entry| {
            let end = offset + entry.bytes;
            let goes = end <= storage_length && (entry.generation < before || end <= self.start);
            freed += if goes { entry.bytes } else { 0 };
            !goes
        });
        cache.remove(freed);
        freed
    }

    /// Bytes in the cache.
    pub fn cached_bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Lane, StreamWriter};
    use crate::pravega::config::SegmentStore;
    use headwater_sim::time::Time;

    const SEGMENT: SegmentId = SegmentId(0);

    fn batch(first: u64) -> SharedBatch {
        let times = vec![Time::ZERO];
        Rc::new(Batch {
            bytes: 92,
            intended: times.clone(),
            started: times,
            ..Batch::empty(StreamWriter::default(), Lane(0), first)
        })
    }

    #[test]
    fn reads_end_in_the_middle_of_a_batch_and_go_on_there() {
        let mut cache = Cache::new(&SegmentStore::default());
        let mut index = ReadIndex::default();
        for number in 0..3 {
            index.append(&mut cache, number * 100, batch(number));
        }
        let first = index.read(&mut cache, SEGMENT, 0, 150).expect("cached");
        assert_eq!((first.bytes, first.batches.len()), (150, 1));
        let second = index.read(&mut cache, SEGMENT, 150, 1_000).expect("cached");
        let firsts: Vec<u64> = second.batches.iter().map(|(_, batch)| batch.first).collect();
        assert_eq!((second.bytes, firsts), (150, vec![1, 2]));
    }

    #[test]
    fn only_what_tier_2_has_is_evicted() {
        let mut cache = Cache::new(&SegmentStore::default());
        let mut index = ReadIndex::default();
        for number in 0..3 {
            index.append(&mut cache, number * 100, batch(number));
        }
        assert_eq!(index.evict(&mut cache, u64::MAX, 250), 200);
        assert_eq!((index.cached_bytes(), cache.used()), (100, 100));
        assert!(index.read(&mut cache, SEGMENT, 0, 10).is_none());
        assert_eq!(index.read(&mut cache, SEGMENT, 250, 10).map(|read| read.bytes), Some(10));
    }
}
