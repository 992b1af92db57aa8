//! Where a backup goes on that is started again.
//!
//! Stands for the constructor of `LocalRecoverableFsDataOutputStream` that takes a position
//! (apache/flink release-1.20), which cuts the file off there. Where that has no choice but to fail
//! (the file is shorter than its position: nothing was synced, and the power went), this returns to
//! the position before. No parameters.

use super::record::{Position, Record};
use crate::protocol;

/// The positions that a file of them has, in order.
pub fn positions(records: &[protocol::Record]) -> Vec<Position> {
    let position = |record: &protocol::Record| match record {
        protocol::Record::Backup(Record::Position(position)) => Some(position.clone()),
        _ => None,
    };
    records.iter().filter_map(position).collect()
}

/// How many of the positions, from the first, are of a file with so many writes that are whole.
pub fn standing(positions: &[Position], writes: u64) -> usize {
    positions.iter().rposition(|position| position.writes <= writes).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_shorter_than_its_position_returns_to_the_one_before() {
        let of = |writes| Position { writes, ..Position::default() };
        let all = [of(4), of(9), of(12)];
        assert_eq!([20, 12, 11, 9, 3].map(|writes| standing(&all, writes)), [3, 3, 2, 2, 0]);
        assert_eq!(standing(&[], 7), 0);
    }
}
