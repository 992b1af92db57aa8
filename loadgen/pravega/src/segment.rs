//! Names of streams and segments, and where a routing key belongs.

use std::fmt;

use crate::murmur::murmur3_first_half;

/// A stream in its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamName {
    /// Its scope.
    pub scope: String,
    /// Its own name.
    pub stream: String,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope, self.stream)
    }
}

/// A segment of a stream: its number, and above that the epoch in which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentId(pub i64);

impl SegmentId {
    /// The epoch in which it was made (`NameUtils.getEpoch` @ v0.13.0).
    pub fn epoch(self) -> i32 {
        (self.0 >> 32) as i32
    }

    /// Its number in the stream (`NameUtils.getSegmentNumber` @ v0.13.0).
    pub fn number(self) -> i32 {
        self.0 as i32
    }

    /// Its name to a store (`NameUtils.getQualifiedStreamSegmentName` @ v0.13.0).
    pub fn name(self, stream: &StreamName) -> String {
        format!("{stream}/{}.#epoch.{}", self.number(), self.epoch())
    }
}

/// A segment, and the part of the key space that it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmentRange {
    /// Which.
    pub id: SegmentId,
    /// Where its keys begin, from 0 to 1.
    pub low: f64,
    /// Where they end, not included but for 1.
    pub high: f64,
}

/// A routing key, by where it lies in the key space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoutingKey(pub(crate) f64);

impl RoutingKey {
    /// Where a key lies, from 0 to below 1 (`HashHelper.hashToRange` @ v0.13.0, with the seed of
    /// `EventRouter`): the first 52 bits of the Murmur hash of its UTF-16.
    pub fn new(key: &str) -> Self {
        let utf16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // The hash code of the string "EventRouter" (`StreamSegments.HASH_HELPER` @ v0.13.0).
        let hash = murmur3_first_half(&utf16, 1_741_865_571);
        Self(f64::from_bits(0x3ff0_0000_0000_0000 | (hash >> 12)) - 1.0)
    }
}

/// Which segment has which keys, as a writer knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes(Vec<SegmentRange>);

impl Routes {
    /// The segments of a stream now.
    pub fn new(segments: Vec<SegmentRange>) -> Self {
        Self(segments)
    }

    /// Which segments there are, each once for a part of the key space.
    pub fn ids(&self) -> impl Iterator<Item = SegmentId> {
        self.0.iter().map(|range| range.id)
    }

    /// Whose a key is.
    pub fn segment_of(&self, key: RoutingKey) -> Option<SegmentId> {
        let has = |range: &&SegmentRange| range.low <= key.0 && key.0 < range.high;
        self.0.iter().find(has).or(self.0.last()).map(|range| range.id)
    }

    /// A segment is sealed: its keys go to its successors, and those of no other, though a
    /// successor that several merged into has theirs as well
    /// (`StreamSegments.withReplacementRange` @ v0.13.0).
    pub fn replace(&mut self, sealed: SegmentId, successors: &[SegmentRange]) {
        let mut replaced = vec![];
        for range in self.0.drain(..) {
            if range.id != sealed {
                replaced.push(range);
                continue;
            }
            replaced.extend(successors.iter().filter_map(|successor| {
                let low = successor.low.max(range.low);
                let high = successor.high.min(range.high);
                (low < high).then_some(SegmentRange { id: successor.id, low, high })
            }));
        }
        replaced.sort_by(|a, b| a.low.total_cmp(&b.low));
        self.0 = replaced;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(id: i64, low: f64, high: f64) -> SegmentRange {
        SegmentRange { id: SegmentId(id), low, high }
    }

    #[test]
    fn a_key_lies_where_the_other_clients_have_it() {
        // `test_hash` in `shared/src/lib.rs` of pravega-client-rust @ v0.3.7.
        assert_eq!(RoutingKey::new("hello").0, 0.658_716_230_571_337);
    }

    #[test]
    fn a_segment_has_the_name_that_stores_know() {
        let stream = StreamName { scope: "testScope".into(), stream: "testStream".into() };
        let id = SegmentId((1 << 32) + 1);
        assert_eq!(id.name(&stream), "testScope/testStream/1.#epoch.1");
        assert_eq!((id.epoch(), id.number()), (1, 1));
    }

    #[test]
    fn keys_go_to_the_successors_of_their_own_segment_alone() {
        let mut routes = Routes::new(vec![range(0, 0.0, 0.5), range(1, 0.5, 1.0)]);
        assert_eq!(routes.segment_of(RoutingKey(0.5)), Some(SegmentId(1)));
        // Both merge into one; the second is not known to be sealed yet.
        routes.replace(SegmentId(0), &[range(2, 0.0, 1.0)]);
        assert_eq!(routes, Routes::new(vec![range(2, 0.0, 0.5), range(1, 0.5, 1.0)]));
        routes.replace(SegmentId(1), &[range(2, 0.0, 1.0)]);
        routes.replace(SegmentId(2), &[range(4, 0.75, 1.0), range(3, 0.0, 0.75)]);
        let at = |position| routes.segment_of(RoutingKey(position)).map(|id| id.0);
        assert_eq!([0.0, 0.49, 0.5, 0.74, 0.75, 0.999].map(at), [3, 3, 3, 3, 4, 4].map(Some));
    }

    #[test]
    fn a_stream_without_segments_has_nobody_for_a_key() {
        assert_eq!(Routes::default().segment_of(RoutingKey(0.3)), None);
    }
}
