//! What of the young generation survives: it is copied at each collection, until it is old.
//!
//! Stands for `DefNewGeneration::copy_to_survivor_space` and
//! `AgeTable::compute_tenuring_threshold` @ JDK 17, which G1 shares. What has been copied as often
//! as the threshold says goes to the old generation, and what finds no room beside the rest; the
//! threshold is the age up to which the survivors fill half of their space.

/// Ages that an object can have (`MaxTenuringThreshold`).
const AGES: usize = 15;
/// Percent of its space that what survives should fill (`TargetSurvivorRatio`).
const TARGET_PERCENT: u64 = 50;

/// Bytes that are held, by how often they have been copied.
#[derive(Debug)]
pub(super) struct Young {
    ages: [u64; AGES + 1],
    threshold: usize,
}

/// What a collection has copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Bytes, within the young generation and out of it.
    pub(super) all: u64,
    /// Of these, what is old now.
    pub(super) promoted: u64,
}

impl Young {
    /// Nothing is held, and nothing has been collected.
    pub(super) fn new() -> Self {
        Self { ages: [0; AGES + 1], threshold: AGES }
    }

    /// So many bytes more are held.
    pub(super) fn hold(&mut self, bytes: u64) {
        self.ages[0] += bytes;
    }

    /// Lets go of so many bytes, the oldest first; gives back how many are held no longer.
    pub(super) fn release(&mut self, bytes: u64) -> u64 {
        let mut left = bytes;
        for age in self.ages.iter_mut().rev() {
            let gone = left.min(*age);
            *age -= gone;
            left -= gone;
        }
        bytes - left
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> u64 {
        self.ages.iter().sum()
    }

    /// Of these, what has survived a collection.
    pub(super) fn survived(&self) -> u64 {
        self.held() - self.ages[0]
    }

    /// Everything becomes old.
    pub(super) fn promote_all(&mut self) -> u64 {
        std::mem::take(&mut self.ages).iter().sum()
    }

    /// Collections before this one have found as much as it will.
    pub(super) fn as_before(&mut self, space: u64) {
        let born = self.ages[0];
        for age in 1..=AGES {
            self.collect(space);
            self.ages[0] = born;
            if self.ages[age] == 0 {
                break;
            }
        }
    }

    /// Copies what is held, where what survives has so many bytes of space.
    pub(super) fn collect(&mut self, space: u64) -> Copied {
        let (mut promoted, mut room, mut next) = (0, space, [0; AGES + 1]);
        for (age, bytes) in self.ages.iter().enumerate() {
            let stays = if age < self.threshold { room.min(*bytes) } else { 0 };
            room -= stays;
            promoted += bytes - stays;
            if age < AGES {
                next[age + 1] = stays;
            }
        }
        let all = self.held();
        self.ages = next;
        let desired = space / 100 * TARGET_PERCENT;
        let mut sum = 0;
        let beyond = |age: &usize| {
            sum += self.ages[*age];
            sum > desired
        };
        self.threshold = (1..=AGES).find(beyond).unwrap_or(AGES);
        Copied { all, promoted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// 16 MiB are held of what came between two collections, with 68 MiB of space: what is three
    /// collections old fills more than half of it, and 64 MiB are copied each time from then on
    /// (0.13.0 of Pravega in memory, its log of collections: 46 MiB survive, 17 become old).
    #[test]
    fn what_survives_is_copied_until_it_fills_half_of_its_space() {
        let mut young = Young::new();
        let collect = |young: &mut Young| {
            young.hold(16 * MIB);
            let copied = young.collect(68 * MIB);
            (copied.all / MIB, copied.promoted / MIB)
        };
        let found: Vec<_> = (0..6).map(|_| collect(&mut young)).collect();
        assert_eq!(found, [(16, 0), (32, 0), (48, 0), (64, 16), (64, 16), (64, 16)]);
        let mut old = Young::new();
        old.hold(16 * MIB);
        old.as_before(68 * MIB);
        assert_eq!(old.collect(68 * MIB).all, 64 * MIB);
    }

    #[test]
    fn what_finds_no_room_becomes_old_at_once() {
        let mut young = Young::new();
        young.hold(30 * MIB);
        assert_eq!(young.collect(10 * MIB), Copied { all: 30 * MIB, promoted: 20 * MIB });
        assert_eq!((young.survived(), young.release(15 * MIB)), (10 * MIB, 10 * MIB));
        assert_eq!(young.held(), 0);
    }
}
