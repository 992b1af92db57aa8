//! Names of segments.
//!
//! Stands for the segment numbers of `StreamSegmentNameUtils` @ v0.13.0, without the epoch, which
//! [`super::stream::Stream::epoch_of`] knows. No parameters.

use crate::batch::Lane;

/// A segment of the stream, by its number from 0, which counts up over the epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u32);

impl SegmentId {
    /// Its place in lists by segment.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<SegmentId> for u64 {
    fn from(segment: SegmentId) -> Self {
        segment.0.into()
    }
}

impl From<Lane> for SegmentId {
    /// Events of a lane are in the segment of its number.
    fn from(lane: Lane) -> Self {
        Self(lane.0)
    }
}

impl From<SegmentId> for Lane {
    fn from(segment: SegmentId) -> Self {
        Self(segment.0)
    }
}
