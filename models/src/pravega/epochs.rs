//! The epochs of a stream that scales by its load: which segments it had, what range of the key
//! space each owns, and who follows whom.
//!
//! Stands for `EpochRecord`, `StreamSegmentRecord`, `EpochTransitionRecord` and `RecordHelper` of
//! controller `store/stream/records` @ v0.13.0: segments are numbered on and never again, a split
//! divides a range evenly, a merge joins neighbours. The controller keeps it in the metadata
//! service, as numbers. No parameters. Left out: truncation of the history, sealed sizes.

use crate::pravega::segment::SegmentId;

/// A range of the key space, which is 0 to 1: above `low` up to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyRange {
    /// Where it begins.
    pub low: f64,
    /// Where it ends; this place belongs to it (`StreamSegments.getSegmentForKey`).
    pub high: f64,
}

impl KeyRange {
    /// Part `part` of `parts` equal ones. The last ends where the whole does, whatever was rounded
    /// (`AutoScaleTask.processScaleUp`).
    pub fn part(self, part: u32, parts: u32) -> Self {
        let delta = (self.high - self.low) / f64::from(parts);
        let at = |number: u32| self.low + delta * f64::from(number);
        Self { low: at(part), high: if part + 1 == parts { self.high } else { at(part + 1) } }
    }

    /// True if there is a place in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.low < other.high && other.low < self.high
    }
}

/// A segment with its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Owner {
    /// The segment.
    pub segment: SegmentId,
    /// What it owns.
    pub range: KeyRange,
}

/// A segment that follows another, with all that it follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Successor {
    /// The segment, and what it owns.
    pub owner: Owner,
    /// All that it follows.
    pub predecessors: Box<[SegmentId]>,
}

/// What a scale does: segments that are sealed, and the ranges of those that take over.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// What is sealed.
    pub sealed: Vec<SegmentId>,
    /// What is made.
    pub made: Vec<SegmentId>,
}

/// The segments of a stream over its epochs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Epochs {
    /// By number.
    ranges: Vec<KeyRange>,
    /// One for each epoch but the first.
    transitions: Vec<Transition>,
    /// Segments of epoch 0.
    initial: u32,
}

impl Epochs {
    /// A stream of so many segments, each with an equal share of the key space.
    pub fn new(initial: u32) -> Self {
        let all = KeyRange { low: 0.0, high: 1.0 };
        let ranges = (0..initial).map(|number| all.part(number, initial)).collect();
        Self { ranges, transitions: Vec::new(), initial }
    }

    /// Its epoch, from 0.
    pub fn epoch(&self) -> u32 {
        self.transitions.len() as u32
    }

    /// What a segment owns.
    pub fn range(&self, segment: SegmentId) -> KeyRange {
        self.ranges[segment.index()]
    }

    /// The segments of epoch 0, by their ranges.
    pub fn first(&self) -> impl Iterator<Item = SegmentId> + use<> {
        (0..self.initial).map(SegmentId)
    }

    /// The segments that own the key space now, by their ranges.
    pub fn active(&self) -> Vec<Owner> {
        let mut active: Vec<SegmentId> = self.first().collect();
        for Transition { sealed, made } in &self.transitions {
            active.retain(|segment| !sealed.contains(segment));
            active.extend(made);
        }
        let owner = |segment| Owner { segment, range: self.range(segment) };
        let mut owners: Vec<Owner> = active.into_iter().map(owner).collect();
        owners.sort_by(|one, other| one.range.low.total_cmp(&other.range.low));
        owners
    }

    /// The segments that were sealed before an epoch began.
    pub fn sealed_before(&self, epoch: u32) -> impl Iterator<Item = SegmentId> {
        let transitions = self.transitions.iter().take(epoch as usize);
        transitions.flat_map(|one| one.sealed.iter().copied())
    }

    /// Numbers and ranges for the segments of the next epoch, in which `sealed` are replaced by
    /// segments of these ranges; nothing if they are not all active, or own another part of the key
    /// space (`RecordHelper.canScaleFor`).
    pub fn begin(&mut self, sealed: &[SegmentId], ranges: &[KeyRange]) -> Option<Transition> {
        let active = self.active();
        let old: Option<Vec<KeyRange>> = sealed
            .iter()
            .map(|one| active.iter().find(|owner| owner.segment == *one))
            .map(|owner| owner.map(|owner| owner.range))
            .collect();
        let width =
            |ranges: &[KeyRange]| ranges.iter().map(|range| range.high - range.low).sum::<f64>();
        if (width(&old?) - width(ranges)).abs() > 1e-9 {
            return None;
        }
        let first = self.ranges.len() as u32;
        self.ranges.extend(ranges);
        let made = (first..self.ranges.len() as u32).map(SegmentId).collect();
        Some(Transition { sealed: sealed.to_vec(), made })
    }

    /// The segments of a transition are there: its epoch begins.
    pub fn enter(&mut self, transition: &Transition) {
        self.transitions.push(transition.clone());
    }

    /// Who follows a segment; nobody while it is active.
    pub fn successors(&self, segment: SegmentId) -> Box<[Successor]> {
        let Some(transition) = self.transitions.iter().find(|one| one.sealed.contains(&segment))
        else {
            return Box::default();
        };
        let range = self.range(segment);
        let following = transition.made.iter().filter(|one| self.range(**one).overlaps(range));
        let successor = |one: &SegmentId| {
            let owner = Owner { segment: *one, range: self.range(*one) };
            let before = transition.sealed.iter().copied();
            let before = before.filter(|old| self.range(*old).overlaps(owner.range));
            Successor { owner, predecessors: before.collect() }
        };
        following.map(successor).collect()
    }

    /// Segments of later epochs than the first whose predecessors are all among `read`.
    pub fn ready(&self, read: &[SegmentId]) -> Box<[SegmentId]> {
        let mut ready = Vec::new();
        for Transition { sealed, made } in &self.transitions {
            for one in made {
                let before = |old: &&SegmentId| self.range(**old).overlaps(self.range(*one));
                if sealed.iter().filter(before).all(|old| read.contains(old)) {
                    ready.push(*one);
                }
            }
        }
        ready.into()
    }

    /// Writes it as numbers.
    pub fn encode(&self, words: &mut Vec<u64>) {
        words.extend([u64::from(self.initial), self.ranges.len() as u64]);
        for KeyRange { low, high } in &self.ranges {
            words.extend([low.to_bits(), high.to_bits()]);
        }
        words.push(self.transitions.len() as u64);
        self.transitions.iter().for_each(|one| one.encode(words));
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        let initial = next(words) as u32;
        let count = next(words);
        let range = |words: &mut _| {
            let [low, high] = [next(words), next(words)].map(f64::from_bits);
            KeyRange { low, high }
        };
        let ranges = (0..count).map(|_| range(words)).collect();
        let count = next(words);
        let transitions = (0..count).map(|_| Transition::decode(words)).collect();
        Self { ranges, transitions, initial }
    }
}

impl Transition {
    /// Writes it as numbers.
    pub fn encode(&self, words: &mut Vec<u64>) {
        write_segments(words, &self.sealed);
        write_segments(words, &self.made);
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(words: &mut impl Iterator<Item = u64>) -> Self {
        Self { sealed: read_segments(words), made: read_segments(words) }
    }
}

/// Writes segments as numbers.
pub fn write_segments(words: &mut Vec<u64>, segments: &[SegmentId]) {
    words.push(segments.len() as u64);
    words.extend(segments.iter().map(|segment| u64::from(*segment)));
}

/// Reads what [`write_segments`] wrote.
pub fn read_segments(words: &mut impl Iterator<Item = u64>) -> Vec<SegmentId> {
    (0..next(words)).map(|_| SegmentId(next(words) as u32)).collect()
}

fn next(words: &mut impl Iterator<Item = u64>) -> u64 {
    words.next().expect("a record of a stream is whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(epochs: &mut Epochs, segment: u32, parts: u32) -> Transition {
        let range = epochs.range(SegmentId(segment));
        let ranges: Vec<_> = (0..parts).map(|part| range.part(part, parts)).collect();
        let transition = epochs.begin(&[SegmentId(segment)], &ranges).expect("it is active");
        epochs.enter(&transition);
        transition
    }

    fn numbers(owners: &[Owner]) -> Vec<u32> {
        owners.iter().map(|owner| owner.segment.0).collect()
    }

    #[test]
    fn segments_are_split_and_neighbours_merged_and_the_key_space_stays_whole() {
        let mut epochs = Epochs::new(2);
        split(&mut epochs, 0, 3);
        assert_eq!(numbers(&epochs.active()), [2, 3, 4, 1]);
        let range = KeyRange { low: epochs.range(SegmentId(4)).low, high: 1.0 };
        let merge = epochs.begin(&[SegmentId(4), SegmentId(1)], &[range]).expect("neighbours");
        epochs.enter(&merge);
        assert_eq!((numbers(&epochs.active()), epochs.epoch()), (vec![2, 3, 5], 2));
        let ends: Vec<_> = epochs.active().iter().map(|owner| owner.range.high).collect();
        let begins: Vec<_> = epochs.active().iter().map(|owner| owner.range.low).collect();
        assert_eq!((begins[1..].to_vec(), ends[2]), (ends[..2].to_vec(), 1.0));
        let after = epochs.successors(SegmentId(1));
        assert_eq!(after.len(), 1);
        assert_eq!(*after[0].predecessors, [SegmentId(4), SegmentId(1)]);
        assert_eq!(*epochs.ready(&[SegmentId(0), SegmentId(4)]), [2, 3, 4].map(SegmentId));
        let mut words = Vec::new();
        epochs.encode(&mut words);
        assert_eq!(Epochs::decode(&mut words.into_iter()), epochs);
    }

    #[test]
    fn what_is_not_active_or_owns_another_range_is_not_replaced() {
        let mut epochs = Epochs::new(1);
        let all = epochs.range(SegmentId(0));
        assert_eq!(epochs.begin(&[SegmentId(0)], &[all.part(0, 2)]), None);
        split(&mut epochs, 0, 2);
        assert_eq!(epochs.begin(&[SegmentId(0)], &[all]), None);
    }
}
