//! What is no frame.

use std::fmt;

use super::{FRAME_BYTES_MAX, VERSION_HIGH, VERSION_LOW};

/// Bytes that are no frame of the wire protocol, or one that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The type is none of the protocol that this client knows.
    UnknownType(i32),
    /// The length is negative, or above [`FRAME_BYTES_MAX`].
    TooLong {
        /// The type of the frame.
        kind: i32,
        /// Its length as it stands there.
        length: i64,
    },
    /// The frame ends before its fields do.
    CutOff {
        /// The type of the frame.
        kind: i32,
        /// Which field is missing.
        field: &'static str,
    },
    /// A field holds what it can't.
    Invalid {
        /// The type of the frame.
        kind: i32,
        /// Which field.
        field: &'static str,
    },
    /// The other end speaks versions of the protocol that this client doesn't.
    Version {
        /// Its lowest.
        low: i32,
        /// Its highest.
        high: i32,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(kind) => {
                write!(f, "a frame of type {kind}, which is none of Pravega's wire protocol here")
            }
            Self::TooLong { kind, length } => write!(
                f,
                "a frame of type {kind} and {length} bytes: 0 to {} are allowed",
                FRAME_BYTES_MAX
            ),
            Self::CutOff { kind, field } => {
                write!(f, "a frame of type {kind} is cut off before its end, in `{field}`")
            }
            Self::Invalid { kind, field } => {
                write!(f, "a frame of type {kind} has an impossible `{field}`")
            }
            Self::Version { low, high } => write!(
                f,
                "the store speaks wire versions {low} to {high}, this client {} to {}",
                VERSION_LOW, VERSION_HIGH
            ),
        }
    }
}

impl std::error::Error for WireError {}
