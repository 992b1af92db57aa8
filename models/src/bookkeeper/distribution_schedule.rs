//! Which bookies of an ensemble hold which entry, and whose answers are enough.
//!
//! Stands for `client/RoundRobinDistributionSchedule.java` of apache/bookkeeper @ branch-4.15.
//!
//! Parameters: E, Qw and Qa of the ledger, numbers of bookies. Left out: reordering of a write set
//! for reads by distance (`reorderReadSequence`).

use super::ids::EntryId;

/// Round-robin striping: entry `e` lies on the `write_quorum` bookies from place `e` modulo
/// `ensemble` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistributionSchedule {
    /// Bookies of the ensemble (E), at most 64.
    pub ensemble: u32,
    /// Copies of each entry (Qw).
    pub write_quorum: u32,
    /// Copies acknowledged (Qa).
    pub ack_quorum: u32,
}

/// What is known about one bookie of an ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing, or that it failed: it may hold anything.
    Unknown,
    /// It answered, with an entry or that it has none.
    Known,
}

impl DistributionSchedule {
    /// The places in the ensemble that hold `entry`, in order of preference.
    pub fn write_set(self, entry: EntryId) -> impl Iterator<Item = usize> {
        let first = entry.word() % u64::from(self.ensemble);
        let places = first..first + u64::from(self.write_quorum);
        places.map(move |place| (place % u64::from(self.ensemble)) as usize)
    }

    /// True if the bookie in place `index` holds `entry`.
    pub fn holds(self, entry: EntryId, index: usize) -> bool {
        let distance = (index as u64 + u64::from(self.ensemble))
            .wrapping_sub(entry.word() % u64::from(self.ensemble));
        distance % u64::from(self.ensemble) < u64::from(self.write_quorum)
    }

    /// Bookies of a write set that must say that they don't have an entry before it counts as never
    /// acknowledged: (Qw - Qa) + 1 (`LedgerRecoveryOp` by way of `ReadOpBase`).
    pub fn missing_quorum(self) -> u32 {
        self.write_quorum - self.ack_quorum + 1
    }

    /// True if no entry can have been acknowledged by bookies that are all unknown: among any Qw
    /// neighbours fewer than Qa are (`RRQuorumCoverageSet.checkCovered`).
    pub fn covered(self, answers: &[Answer]) -> bool {
        (0..i64::from(self.ensemble)).all(|first| {
            let places = self.write_set(EntryId(first));
            let unknown = places.filter(|place| answers[*place] == Answer::Unknown).count();
            (unknown as u32) < self.ack_quorum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, DistributionSchedule};
    use crate::bookkeeper::ids::EntryId;

    #[test]
    fn entries_are_striped_round_robin() {
        let schedule = DistributionSchedule { ensemble: 5, write_quorum: 3, ack_quorum: 2 };
        let set = |entry| schedule.write_set(EntryId(entry)).collect::<Vec<_>>();
        assert_eq!((set(0), set(4), set(8)), (vec![0, 1, 2], vec![4, 0, 1], vec![3, 4, 0]));
        for entry in 0..20 {
            for index in 0..5 {
                assert_eq!(schedule.holds(EntryId(entry), index), set(entry).contains(&index));
            }
        }
    }

    #[test]
    fn coverage_needs_all_but_ack_quorum_less_one_of_every_write_set() {
        let schedule = DistributionSchedule { ensemble: 3, write_quorum: 3, ack_quorum: 2 };
        assert_eq!(schedule.missing_quorum(), 2);
        let (known, unknown) = (Answer::Known, Answer::Unknown);
        assert!(schedule.covered(&[known, unknown, known]));
        assert!(!schedule.covered(&[known, unknown, unknown]));
        let all = DistributionSchedule { ack_quorum: 3, ..schedule };
        assert!(all.covered(&[known, unknown, unknown]));
        assert!(!all.covered(&[unknown, unknown, unknown]));
        let one = DistributionSchedule { ack_quorum: 1, ..schedule };
        assert!(!one.covered(&[known, known, unknown]));
    }
}
