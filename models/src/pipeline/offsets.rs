//! Places in a stream, by lane, and the part of what is new that is taken at once.
//!
//! Stands for `rateLimit` of `KafkaMicroBatchStream` (apache/spark @ v3.5.6,
//! `connector/kafka-0-10-sql/`), and for the share of each partition in what a consumer's `poll`
//! gives. No parameters of its own.

use crate::batch::Lane;

/// Where a lane begins or ends of several.
pub fn offset_of(lanes: &[(Lane, u64)], lane: Lane) -> u64 {
    lanes.iter().find(|(of, _)| *of == lane).map_or(0, |(_, offset)| *offset)
}

/// Events between two places, over all lanes of the second.
pub fn between(from: &[(Lane, u64)], until: &[(Lane, u64)]) -> u64 {
    until.iter().map(|(lane, end)| end.saturating_sub(offset_of(from, *lane))).sum()
}

/// The later of two places in each lane that either has; lanes ascend.
pub fn later(one: &[(Lane, u64)], other: &[(Lane, u64)]) -> Vec<(Lane, u64)> {
    let mut lanes: Vec<Lane> = one.iter().chain(other).map(|(lane, _)| *lane).collect();
    lanes.sort_unstable();
    lanes.dedup();
    let latest = |lane| offset_of(one, lane).max(offset_of(other, lane));
    lanes.into_iter().map(|lane| (lane, latest(lane))).collect()
}

/// The part of each lane that a batch of at most `limit` events is of: as much of each as is its
/// share of what is new, and of one that has anything an event at least.
pub fn limited(from: &[(Lane, u64)], until: &[(Lane, u64)], limit: u64) -> Vec<(Lane, u64)> {
    let size = |lane: Lane, end: u64| end - offset_of(from, lane);
    let total: u64 = until.iter().map(|(lane, end)| size(*lane, *end)).sum();
    if limit == 0 || total <= limit {
        return until.to_vec();
    }
    let end = |(lane, end): &(Lane, u64)| {
        let size = size(*lane, *end);
        // `Math.ceil` of what is below 1, else `Math.floor`.
        let share = (u128::from(limit) * u128::from(size) / u128::from(total)) as u64;
        let share = if size == 0 { 0 } else { share.max(1) };
        (*lane, (offset_of(from, *lane) + share).min(*end))
    };
    until.iter().map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shared_out_by_what_each_lane_has() {
        let from = [(Lane(0), 10), (Lane(1), 0)];
        let until = [(Lane(0), 310), (Lane(1), 100), (Lane(2), 1)];
        assert_eq!(limited(&from, &until, 0), until);
        assert_eq!(limited(&from, &until, 401), until);
        assert_eq!(limited(&from, &until, 40), [(Lane(0), 39), (Lane(1), 9), (Lane(2), 1)]);
    }

    #[test]
    fn the_later_of_two_places_has_every_lane() {
        let (one, other) = ([(Lane(0), 5), (Lane(2), 9)], [(Lane(0), 7), (Lane(1), 1)]);
        assert_eq!(later(&one, &other), [(Lane(0), 7), (Lane(1), 1), (Lane(2), 9)]);
        assert_eq!((between(&one, &other), between(&other, &one)), (3, 9));
    }
}
