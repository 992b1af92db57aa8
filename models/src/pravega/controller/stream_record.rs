//! What the controller keeps of a stream that scales by its load, or that is truncated, in the
//! metadata service.
//!
//! Stands for the records of a stream in `PersistentStreamBase` @ v0.13.0 (`EpochRecord`,
//! `EpochTransitionRecord`, state, cold markers), which are one record here, and for the part of a
//! reader group's state that says what was read to its end. Stream cuts: `retention_record.rs`. No
//! parameters. Left out: the configuration's versions.

use crate::collections::SortedVecMap;
use crate::pravega::epochs::{Epochs, Transition, read_segments, write_segments};
use crate::pravega::segment::SegmentId;

use super::retention_record::Retained;

/// A segment that is cold for good.
pub(super) const FOR_GOOD: u64 = u64::MAX;

/// A scale that is being done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Begun {
    pub transition: Transition,
    /// The new segments are there and the epoch has begun: what is left is to seal the old ones.
    pub entered: bool,
}

/// The record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StreamRecord {
    pub epochs: Epochs,
    /// The segments of epoch 0 are there.
    pub created: bool,
    pub begun: Option<Begun>,
    /// Segments that a store takes for cold, and until when, ms.
    cold: SortedVecMap<SegmentId, u64>,
    /// Segments that were read to their ends.
    read: Vec<SegmentId>,
    /// What retention has to do with.
    pub retained: Retained,
}

impl StreamRecord {
    /// Of a stream that begins with so many segments.
    pub(super) fn new(initial: u32) -> Self {
        Self { epochs: Epochs::new(initial), ..Self::default() }
    }

    /// `markCold`.
    pub(super) fn mark_cold(&mut self, segment: SegmentId, until_ms: u64) {
        self.cold.insert(segment, until_ms);
    }

    /// `isCold`.
    pub(super) fn is_cold(&self, segment: SegmentId, now_ms: u64) -> bool {
        self.cold.get(&segment).is_some_and(|until| *until > now_ms)
    }

    /// A segment was read to its end. False if that was known.
    pub(super) fn mark_read(&mut self, segment: SegmentId) -> bool {
        let new = !self.read.contains(&segment);
        if new {
            self.read.push(segment);
        }
        new
    }

    /// Segments of later epochs that may be read.
    pub(super) fn ready(&self) -> Box<[SegmentId]> {
        self.epochs.ready(&self.read)
    }

    /// The scale that is being done is over.
    pub(super) fn complete(&mut self) -> Option<Begun> {
        let begun = self.begun.take()?;
        begun.transition.sealed.iter().for_each(|segment| {
            self.cold.remove(segment);
        });
        Some(begun)
    }

    /// As numbers.
    pub(super) fn encode(&self) -> Vec<u64> {
        let mut words = Vec::new();
        self.epochs.encode(&mut words);
        words.push(u64::from(self.created));
        let entered = self.begun.as_ref().map_or(0, |begun| 1 + u64::from(begun.entered));
        words.push(entered);
        if let Some(begun) = &self.begun {
            begun.transition.encode(&mut words);
        }
        words.push(self.cold.iter().count() as u64);
        for (segment, until) in self.cold.iter() {
            words.extend([u64::from(*segment), *until]);
        }
        write_segments(&mut words, &self.read);
        self.retained.encode(&mut words);
        words
    }

    /// Of what [`Self::encode`] gave.
    pub(super) fn decode(words: &[u64]) -> Self {
        let mut words = words.iter().copied();
        let epochs = Epochs::decode(&mut words);
        let created = words.next() == Some(1);
        let begun = match words.next() {
            None | Some(0) => None,
            Some(state) => {
                Some(Begun { transition: Transition::decode(&mut words), entered: state == 2 })
            }
        };
        let mut cold = SortedVecMap::default();
        for _ in 0..words.next().unwrap_or(0) {
            let segment = SegmentId(words.next().expect("a record of a stream is whole") as u32);
            cold.insert(segment, words.next().expect("a record of a stream is whole"));
        }
        let read = read_segments(&mut words);
        let retained = Retained::decode(&mut words);
        Self { epochs, created, begun, cold, read, retained }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_written() {
        let mut record = StreamRecord::new(2);
        let range = record.epochs.range(SegmentId(1));
        let halves = [0, 1].map(|part| range.part(part, 2));
        let transition = record.epochs.begin(&[SegmentId(1)], &halves).expect("it is active");
        record.begun = Some(Begun { transition, entered: true });
        record.created = true;
        record.mark_cold(SegmentId(0), FOR_GOOD);
        record.mark_cold(SegmentId(1), 600_000);
        assert!(record.mark_read(SegmentId(0)) && !record.mark_read(SegmentId(0)));
        assert_eq!(StreamRecord::decode(&record.encode()), record);
        assert!(record.is_cold(SegmentId(1), 599_999) && !record.is_cold(SegmentId(1), 600_000));
        record.complete();
        assert!(!record.is_cold(SegmentId(1), 0) && record.is_cold(SegmentId(0), 1 << 60));
    }
}
