//! Who of a group reads which partitions.
//!
//! Stands for `RangeAssignor` and `AbstractStickyAssignor` with `CooperativeStickyAssignor` of the
//! Java client @ 3.9.0, and for the coordinator's `UniformAssignor` @ 4.0, for topics that all
//! members have subscribed to. No parameters. Left out: racks, `assignor` of a user's own.

use std::ops::Range;

use super::MemberId;
use super::message::{Assignment, Candidate};
use crate::kafka::config::Strategy;

/// `RangeAssignor.assign`: members by their instance, or else their id, in order; each has as many
/// consecutive partitions of each topic, the first ones one more: with many topics of few
/// partitions the first ones have much more.
fn range(candidates: &[Candidate], topics: impl Iterator<Item = Range<u32>>) -> Assignment {
    let mut sorted: Vec<_> = candidates.iter().collect();
    sorted.sort_by_key(|of| (of.instance.is_none(), of.instance, of.member));
    let count = sorted.len() as u32;
    let mut assignment: Assignment = sorted.iter().map(|of| (of.member, Vec::new())).collect();
    for Range { start, end } in topics {
        let (mut next, partitions) = (start, end - start);
        for (at, (_, of)) in (0..).zip(&mut assignment) {
            let share = partitions / count + u32::from(at < partitions % count);
            of.extend(next..next + share);
            next += share;
        }
    }
    assignment
}

/// Balanced, and everybody keeps what it has up to its share (`UniformHomogeneousAssignmentBuilder`
/// and `AbstractStickyAssignor.constrainedAssign`, which give the same shares).
pub fn sticky(candidates: &[Candidate], partitions: u32) -> Assignment {
    let count = candidates.len() as u32;
    if count == 0 {
        return Vec::new();
    }
    let (least, mut with_more) = (partitions / count, partitions % count);
    let mut free = vec![true; partitions as usize];
    let mut sorted: Vec<_> = candidates.iter().collect();
    // Who has more keeps one more, as far as there are such shares.
    sorted.sort_by_key(|of| (std::cmp::Reverse(of.owned.len()), of.instance, of.member));
    let mut assignment: Vec<(MemberId, Vec<u32>, u32)> = Vec::new();
    for of in sorted {
        let more = with_more > 0;
        with_more -= u32::from(more);
        let share = least + u32::from(more);
        let owned = of.owned.iter().copied().filter(|at| *at < partitions);
        let kept: Vec<_> = owned.filter(|at| free[*at as usize]).take(share as usize).collect();
        kept.iter().for_each(|at| free[*at as usize] = false);
        assignment.push((of.member, kept, share));
    }
    let mut left = (0..partitions).filter(|at| free[*at as usize]).collect::<Vec<_>>().into_iter();
    let filled = assignment.into_iter().map(|(member, mut kept, share)| {
        kept.extend(left.by_ref().take(share as usize - kept.len()));
        kept.sort_unstable();
        (member, kept)
    });
    filled.collect()
}

/// What the leader of a classic group assigns. With the cooperative strategy a partition that
/// moves is nobody's until its owner has given it up (`adjustAssignment`).
pub fn assign(
    strategy: Strategy,
    candidates: &[Candidate],
    topics: impl Iterator<Item = Range<u32>>,
) -> Assignment {
    match strategy {
        Strategy::Range => range(candidates, topics),
        Strategy::CooperativeSticky => {
            let partitions = topics.map(|topic| topic.len() as u32).sum();
            let mut assignment = sticky(candidates, partitions);
            for (member, of) in &mut assignment {
                let others = || candidates.iter().filter(|other| other.member != *member);
                of.retain(|at| !others().any(|other| other.owned.contains(at)));
            }
            assignment
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(owned: &[&[u32]]) -> Vec<Candidate> {
        let one = |(at, owned): (u64, &&[u32])| Candidate {
            member: MemberId(at),
            instance: None,
            owned: owned.to_vec(),
        };
        (0..).zip(owned).map(one).collect()
    }

    fn sorted(mut assignment: Assignment) -> Vec<Vec<u32>> {
        assignment.sort();
        assignment.into_iter().map(|(_, of)| of).collect()
    }

    #[test]
    fn ranges_are_consecutive_and_the_first_have_one_more() {
        let all = assign(Strategy::Range, &candidates(&[&[], &[], &[]]), std::iter::once(0..7));
        assert_eq!(sorted(all), [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
        // Of each topic: three of one partition are all the first member's.
        let all = assign(Strategy::Range, &candidates(&[&[], &[]]), (0..3).map(|at| at..at + 1));
        assert_eq!(sorted(all), [vec![0, 1, 2], vec![]]);
    }

    #[test]
    fn a_sticky_assignment_moves_no_more_than_it_must() {
        // One of three is gone.
        let two = candidates(&[&[0, 1], &[4, 5]]);
        assert_eq!(sorted(sticky(&two, 6)), [vec![0, 1, 2], vec![3, 4, 5]]);
        // A third comes.
        let three = candidates(&[&[0, 1, 2], &[3, 4, 5], &[]]);
        assert_eq!(sorted(sticky(&three, 6)), [vec![0, 1], vec![3, 4], vec![2, 5]]);
    }

    #[test]
    fn what_moves_is_nobodys_until_it_is_given_up() {
        let three = candidates(&[&[0, 1, 2], &[3, 4, 5], &[]]);
        let first = assign(Strategy::CooperativeSticky, &three, std::iter::once(0..6));
        assert_eq!(sorted(first), [vec![0, 1], vec![3, 4], vec![]]);
        let given_up = candidates(&[&[0, 1], &[3, 4], &[]]);
        let second = assign(Strategy::CooperativeSticky, &given_up, [0..3, 3..6].into_iter());
        assert_eq!(sorted(second), [vec![0, 1], vec![3, 4], vec![2, 5]]);
    }
}
