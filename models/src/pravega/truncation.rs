//! What Pravega's nodes say to each other about where segments begin and end.
//!
//! Stands for `GetStreamSegmentInfo`, `TruncateSegment`, `DeleteSegment`, their replies and
//! `SegmentIsTruncated` of `shared/protocol/netty/WireCommands.java` @ v0.13.0. Sizes in bytes are
//! counted as in [`super::message`]. Left out: tokens' contents, stack traces.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::time::Time;

use crate::batch::Range;
use crate::pravega::segment::SegmentId;

use super::message::{CloseReason, NAME_BYTES};

/// What a store knows of a segment (`StreamSegmentInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its first byte that can be read.
    pub start: u64,
    /// Bytes committed, those before `start` counted.
    pub length: u64,
    /// When the last of them was committed, as far as this store knows. For those who watch the
    /// run, as is the rest: nothing of it is on the wire.
    pub newest: Time,
    /// Which events lie before `length`.
    pub events: Rc<[Range]>,
}

/// How far a reader is in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// The segment.
    pub segment: SegmentId,
    /// Bytes handed out, whole events.
    pub offset: u64,
    /// For those who watch the run: which events these were.
    pub events: Rc<[Range]>,
}

/// A message.
#[derive(Clone, Debug)]
pub enum Truncation {
    /// Where does a segment begin and end?
    GetInfo {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// There; or it is gone, or its container not here.
    Info {
        /// The request.
        request: u64,
        /// Where, or why that can't be said.
        info: Result<Box<SegmentInfo>, CloseReason>,
    },
    /// The controller wants a segment to begin at an offset.
    Truncate {
        /// The segment.
        segment: SegmentId,
        /// Where.
        offset: u64,
        /// Handed back.
        request: u64,
    },
    /// It begins there, or behind; or its container is not here.
    Truncated {
        /// The request.
        request: u64,
        /// Truncated or not.
        truncated: bool,
    },
    /// The controller wants a sealed segment to be gone.
    Delete {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// It is gone; or its container is not here.
    Deleted {
        /// The request.
        request: u64,
        /// Gone or not.
        deleted: bool,
    },
    /// A reader of a group that holds truncation up says how far it was at its checkpoint
    /// (`updateSubscriberStreamCut`, a call of the controller's).
    Consumed(Rc<[Consumed]>),
    /// What a reader wants is gone (`SegmentIsTruncated`), or the whole segment is
    /// (`NoSuchSegment`).
    IsTruncated {
        /// The request.
        request: u64,
        /// Where the segment begins; none of one that is gone.
        start: Option<u64>,
    },
}

impl Truncation {
    /// Size on the wire in bytes, without the packet's headers: type and length, request and name
    /// of each command, then what is its own.
    pub fn size_bytes(&self) -> u64 {
        let own = match self {
            // A token's length.
            Self::GetInfo { .. } | Self::Delete { .. } => 2,
            // Exists, sealed, deleted; modified, offset, start.
            Self::Info { .. } => 3 + 3 * 8,
            Self::Truncate { .. } => 8 + 2,
            Self::Truncated { .. } | Self::Deleted { .. } => 0,
            // Start, an empty trace, the offset that was asked for.
            Self::IsTruncated { .. } => 8 + 2 + 8,
            // HTTP/2 frames and headers of a gRPC call, estimated, and two numbers a segment.
            Self::Consumed(places) => return 150 + 16 * places.len() as u64,
        };
        8 + 8 + NAME_BYTES + own
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::GetInfo { .. } => "get_segment_info",
            Self::Info { .. } => "segment_info",
            Self::Truncate { .. } => "truncate_segment",
            Self::Truncated { .. } => "segment_truncated",
            Self::Delete { .. } => "delete_segment",
            Self::Deleted { .. } => "segment_deleted",
            Self::Consumed(_) => "update_subscriber_stream_cut",
            Self::IsTruncated { .. } => "segment_is_truncated",
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::GetInfo { segment, request } => mix(mix(1, u64::from(*segment)), *request),
            Self::Info { request, info } => {
                let found = match info {
                    Ok(info) => mix(info.start, info.length),
                    Err(reason) => 0xe000 + *reason as u64,
                };
                mix(mix(2, *request), found)
            }
            Self::Truncate { segment, offset, request } => {
                mix(mix(mix(3, u64::from(*segment)), *offset), *request)
            }
            Self::Truncated { request, truncated } => mix(mix(4, *request), u64::from(*truncated)),
            Self::Delete { segment, request } => mix(mix(5, u64::from(*segment)), *request),
            Self::Deleted { request, deleted } => mix(mix(6, *request), u64::from(*deleted)),
            Self::Consumed(places) => places
                .iter()
                .fold(8, |hash, one| mix(mix(hash, u64::from(one.segment)), one.offset)),
            Self::IsTruncated { request, start } => {
                mix(mix(7, *request), start.map_or(0, |start| start + 1))
            }
        }
    }
}
