//! Names of things: ledgers, entries, and the tag spaces that keep components of one node apart.
//!
//! Pure names: nothing is modelled here. Ledger and entry numbers are those of apache/bookkeeper @
//! branch-4.15 (64 bits); tag spaces are this crate's.

use serde::{Deserialize, Serialize};

/// A ledger, as numbered by the metadata service, from 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LedgerId(pub u64);

/// An entry of a ledger, from 0; [`EntryId::NONE`] is the one before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EntryId(pub i64);

impl EntryId {
    /// No entry: what an empty ledger gives as its last
    /// (`LedgerHandle.INVALID_ENTRY_ID`, apache/bookkeeper @ branch-4.15).
    pub const NONE: Self = Self(-1);

    /// The entry after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The entry before this one.
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// As a number for hashes and modulo arithmetic; `NONE` gives the greatest.
    pub const fn word(self) -> u64 {
        self.0 as u64
    }
}

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

#[cfg(test)]
mod tests {
    use super::TagSpace;

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
}
