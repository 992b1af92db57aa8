//! The stream: which segments it has, in which epoch, and who follows whom when it is scaled.
//!
//! Stands for the epochs and the segment records of a stream, controller `store/stream/records`
//! (`EpochRecord`, `StreamSegmentRecord`) @ v0.13.0. In epoch 0 the segments own equal ranges of
//! the key space; epoch 1 splits each of them evenly; epoch 2 merges again what epoch 1 has split.
//! The numbers of segments count up from epoch to epoch, as in reality.
//!
//! Parameters: `segments` and [`Scaling`]. Splits of single segments and merges of any neighbours
//! are those of a stream that is scaled by its load ([`super::epochs`]), of which this knows what
//! it begins with. What is removed of them, the controller knows (`controller/retention.rs`). As
//! the epochs are known from the configuration their record in the controller's store is not kept;
//! which of them is current is found out by sealing the segments once more.

use std::ops::Range;

use super::config::{Cluster, Scaling};
use super::epochs::{KeyRange, Owner, Successor};
use super::segment::SegmentId;

/// The stream's segments over its epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    initial: u32,
    scaling: Scaling,
    by_load: bool,
}

impl Stream {
    /// The stream of a cluster.
    pub fn new(cluster: &Cluster) -> Self {
        let by_load = cluster.scaling_policy.scales();
        Self { initial: cluster.segments, scaling: cluster.scaling, by_load }
    }

    /// Segments of epoch 0.
    pub fn initial(self) -> u32 {
        self.initial
    }

    /// True if it may ever be scaled.
    pub fn scales(self) -> bool {
        self.by_load || self.scaled_by_hand()
    }

    /// True if it is scaled by its load: nobody knows beforehand which segments it will have
    /// ([`super::epochs`]).
    pub fn scales_by_load(self) -> bool {
        self.by_load
    }

    fn scaled_by_hand(self) -> bool {
        self.scaling.at_ms > 0
    }

    /// When epoch `epoch` ends, in ms of virtual time, if it does.
    pub fn ends_at_ms(self, epoch: u32) -> Option<u64> {
        let at = match epoch {
            0 => self.scaling.at_ms,
            1 => self.scaling.back_at_ms,
            _ => 0,
        };
        (at > 0).then_some(at)
    }

    /// True if it ever has this epoch.
    pub fn has_epoch(self, epoch: u32) -> bool {
        !self.numbers(epoch).is_empty()
    }

    /// An epoch's segments.
    pub fn of_epoch(self, epoch: u32) -> impl Iterator<Item = SegmentId> {
        self.numbers(epoch).map(SegmentId)
    }

    /// The segments of all epochs.
    pub fn all(self) -> impl Iterator<Item = SegmentId> {
        let total = (0..3).map(|epoch| self.numbers(epoch).end).max().unwrap_or(0);
        (0..total).map(SegmentId)
    }

    /// The numbers of an epoch's segments.
    fn numbers(self, epoch: u32) -> Range<u32> {
        let split = self.initial + self.initial * self.scaling.factor;
        match epoch {
            0 => 0..self.initial,
            1 if self.scaled_by_hand() => self.initial..split,
            2 if self.ends_at_ms(1).is_some() => split..split + self.initial,
            _ => 0..0,
        }
    }

    /// The epoch in which a segment is made, if that is known beforehand.
    pub fn epoch_of(self, segment: SegmentId) -> Option<u32> {
        (0..3).find(|epoch| self.numbers(*epoch).contains(&segment.0))
    }

    fn known_epoch_of(self, segment: SegmentId) -> u32 {
        self.epoch_of(segment).expect("one of the stream's")
    }

    /// The segment of epoch `epoch` that owns the place `place`, from 0 to below 1, of the key
    /// space.
    pub fn owner(self, epoch: u32, place: f64) -> SegmentId {
        let scaled = place * f64::from(self.initial);
        // The highest segment owns the closed end (`StreamSegments`: ceiling of the upper bounds).
        let first = (scaled as u32).min(self.initial - 1);
        let start = self.numbers(epoch).start;
        if epoch != 1 {
            return SegmentId(start + first);
        }
        let factor = self.scaling.factor;
        let part = ((scaled - f64::from(first)) * f64::from(factor)) as u32;
        SegmentId(start + first * factor + part.min(factor - 1))
    }

    /// The part of the key space that a segment owns, if that is known beforehand
    /// (`StreamSegmentRecord.keyStart`, `keyEnd`). Worked out apart from [`Self::succession`], by
    /// which writers route: they are checked by this.
    pub fn range_of(self, segment: SegmentId) -> Option<Range<f64>> {
        let numbers = self.numbers(self.epoch_of(segment)?);
        let (count, at) = (f64::from(numbers.end - numbers.start), segment.0 - numbers.start);
        Some(f64::from(at) / count..f64::from(at + 1) / count)
    }

    /// The segment of epoch 0 that it descends from, or that descends into it.
    pub fn root(self, segment: SegmentId) -> SegmentId {
        let epoch = self.known_epoch_of(segment);
        let place = segment.0 - self.numbers(epoch).start;
        SegmentId(if epoch == 1 { place / self.scaling.factor } else { place })
    }

    /// Who follows a segment.
    pub fn successors(self, segment: SegmentId) -> impl Iterator<Item = SegmentId> {
        let (epoch, root) = (self.known_epoch_of(segment), self.root(segment).0);
        let next = self.numbers(epoch + 1);
        let each = match epoch {
            _ if next.is_empty() => 0,
            0 => self.scaling.factor,
            _ => 1,
        };
        (next.start + root * each..next.start + (root + 1) * each).map(SegmentId)
    }

    /// Who follows a segment, with what each owns and whom it follows.
    pub fn succession(self, segment: SegmentId) -> Box<[Successor]> {
        let successor = |segment| {
            let owner = Owner { segment, range: self.range(segment) };
            Successor { owner, predecessors: self.predecessors(segment).collect() }
        };
        self.successors(segment).map(successor).collect()
    }

    /// What a segment owns.
    fn range(self, segment: SegmentId) -> KeyRange {
        let root = self.root(segment).0;
        let range = KeyRange { low: 0.0, high: 1.0 }.part(root, self.initial);
        match self.known_epoch_of(segment) {
            1 => {
                let first = self.numbers(1).start + root * self.scaling.factor;
                range.part(segment.0 - first, self.scaling.factor)
            }
            _ => range,
        }
    }

    /// Whom a segment follows.
    pub fn predecessors(self, segment: SegmentId) -> impl Iterator<Item = SegmentId> {
        let (epoch, root) = (self.known_epoch_of(segment), self.root(segment));
        let split = (epoch == 2).then(|| self.successors(root)).into_iter().flatten();
        (epoch == 1).then_some(root).into_iter().chain(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pravega::config::Version;

    fn stream() -> Stream {
        let scaling = Scaling { at_ms: 10, factor: 3, back_at_ms: 20 };
        Stream::new(&Cluster { segments: 4, scaling, ..Cluster::defaults(Version::V0_13) })
    }

    #[test]
    fn every_place_stays_with_the_descendants_of_its_segment() {
        let stream = stream();
        assert_eq!(stream.all().count(), 4 + 12 + 4);
        for step in 0..1_000 {
            let place = f64::from(step) / 1_000.0;
            let [first, second, third] = [0, 1, 2].map(|epoch| stream.owner(epoch, place));
            assert!(stream.successors(first).any(|one| one == second), "{place}: {first:?}");
            assert!(stream.successors(second).any(|one| one == third), "{place}: {second:?}");
            assert_eq!([second, third].map(|segment| stream.root(segment)), [first; 2]);
        }
    }

    #[test]
    fn predecessors_are_who_has_one_as_successor() {
        let stream = stream();
        for segment in stream.all() {
            let follows = |other: &SegmentId| stream.successors(*other).any(|one| one == segment);
            let before: Vec<_> = stream.all().filter(follows).collect();
            assert_eq!(stream.predecessors(segment).collect::<Vec<_>>(), before, "{segment:?}");
        }
    }
}
