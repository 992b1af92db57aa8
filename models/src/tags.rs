//! Tags of effects: how a node knows what comes back to it, and for which of its components.
//!
//! Numbers only: nothing of a system is modelled here. There are three layers, all over one `u64`:
//!
//! ```text
//! 63              32 31                0
//! | component      | its own tags      |   TagSpace: which component of the node
//!                  | kind | which one  |   TagLayout: an index into the node's state
//!                  | running number    |   Tasks: what to do then is kept until it comes back
//! ```
//!
//! A node without components may lay out all 64 bits. Where a tag is the kind alone, it is a
//! constant. Tags are in the fingerprint: another layout moves it.

use crate::collections::RingMap;

/// A range of tags that belongs to one component of a node, so that several ledger handles, readers
/// and clients can live in it. The node's own tags lie below 2^32; a component's lie at
/// `number << 32`, low 32 bits free, and it uses them for timers and for requests alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagSpace {
    base: u64,
    bits: u32,
}

impl TagSpace {
    /// The space of component `number`, from 1; 0 is the node itself.
    pub const fn new(number: u32) -> Self {
        assert!(number > 0, "tags of number 0 are the node's own");
        Self { base: (number as u64) << 32, bits: 32 }
    }

    /// The number of the component that `tag` belongs to; 0 for the node itself.
    pub const fn number_of(tag: u64) -> u32 {
        (tag >> 32) as u32
    }

    /// True if `tag` lies in this space.
    pub const fn owns(self, tag: u64) -> bool {
        tag >> self.bits == self.base >> self.bits
    }

    /// The tag `low` of this space, modulo its size.
    pub const fn tag(self, low: u64) -> u64 {
        self.base | (low & ((1 << self.bits) - 1))
    }

    /// What [`Self::tag`] was given.
    pub const fn low(self, tag: u64) -> u64 {
        tag & ((1 << self.bits) - 1)
    }

    /// Part `number` (0 to 3) of this space, for a component of the component. Parts overlap the
    /// space itself: use the one or the other.
    pub const fn part(self, number: u64) -> Self {
        assert!(number < 4, "a tag space has four parts");
        Self { base: self.base | number << (self.bits - 2), bits: self.bits - 2 }
    }
}

/// Two numbers in one tag: mostly the kind of thing above, and which one of it below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagLayout {
    low_bits: u32,
}

impl TagLayout {
    /// A layout whose lower number has so many bits, 1 to 63.
    pub const fn new(low_bits: u32) -> Self {
        assert!(0 < low_bits && low_bits < 64, "both numbers have bits");
        Self { low_bits }
    }

    /// The tag of two numbers, the lower one modulo its size.
    pub const fn tag(self, high: u64, low: u64) -> u64 {
        high << self.low_bits | self.low(low)
    }

    /// The two numbers of a tag.
    pub const fn split(self, tag: u64) -> (u64, u64) {
        (tag >> self.low_bits, self.low(tag))
    }

    /// A number, or the lower number of a tag, modulo its size.
    pub const fn low(self, tag: u64) -> u64 {
        tag & ((1 << self.low_bits) - 1)
    }
}

/// Work in progress: what the tag of a timer, of CPU work or of a request stands for. All tags are
/// below 2^32, as a node's own are.
#[derive(Clone, Debug)]
pub struct Tasks<T> {
    last: u32,
    tasks: RingMap<T>,
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        Self::after(0)
    }
}

impl<T> Tasks<T> {
    /// No task yet; tags are above `last`.
    pub fn after(last: u32) -> Self {
        Self { last, tasks: RingMap::default() }
    }

    /// The next number, for something that isn't kept here.
    pub fn number(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.last.into()
    }

    /// Keeps a task; its tag.
    pub fn add(&mut self, task: T) -> u64 {
        let tag = self.number();
        self.tasks.insert(tag, task);
        tag
    }

    /// Gives the task back, once.
    pub fn take(&mut self, tag: u64) -> Option<T> {
        self.tasks.take(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_spaces_and_their_parts_do_not_overlap() {
        let spaces = [TagSpace::new(1), TagSpace::new(2)];
        for (index, space) in spaces.iter().enumerate() {
            for part in 0..4 {
                let tag = space.part(part).tag(17);
                let owners: Vec<_> = spaces.iter().map(|space| space.owns(tag)).collect();
                assert_eq!(owners.iter().filter(|owns| **owns).count(), 1, "{tag:#x}");
                assert!(owners[index]);
                assert_eq!(space.part(part).low(tag), 17);
                assert_eq!(TagSpace::number_of(tag), index as u32 + 1);
                assert_eq!((0..4).filter(|other| space.part(*other).owns(tag)).count(), 1);
            }
        }
        assert_eq!(TagSpace::number_of(u64::from(u32::MAX)), 0);
    }

    #[test]
    fn a_layout_gives_back_both_numbers_and_cuts_the_low_one() {
        let layout = TagLayout::new(28);
        assert_eq!(layout.tag(3, 5), 3 << 28 | 5);
        assert_eq!(layout.split(layout.tag(3, 5)), (3, 5));
        assert_eq!(layout.split(layout.tag(3, 1 << 28 | 5)), (3, 5));
        assert_eq!(layout.low(1 << 28 | 5), 5);
    }

    #[test]
    fn a_task_comes_back_once_under_its_tag() {
        let mut tasks = Tasks::after(10);
        let (a, number, b) = (tasks.add('a'), tasks.number(), tasks.add('b'));
        assert_eq!([a, number, b], [11, 12, 13]);
        assert_eq!([tasks.take(b), tasks.take(a), tasks.take(a)], [Some('b'), Some('a'), None]);
        assert_eq!(tasks.take(number), None);
    }
}
