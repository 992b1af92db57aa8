//! What clients and tiered storage say to each other.
//!
//! Stands for the calls of `ChunkStorage` (pravega `segmentstore/storage` @ v0.13.0) that the
//! models make. Messages with their sizes in bytes. Left out: listing, truncation in place,
//! read-only marks.

use std::ops::Range;
use std::rc::Rc;

use headwater_sim::fingerprint::mix;

use crate::batch::SharedBatch;

/// A chunk: a file or an object. Its number is the client's to choose, unique over all clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub u64);

/// Bytes of a chunk, and the events in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// How many bytes.
    pub bytes: u64,
    /// Events in it, whole or in part.
    pub batches: Vec<SharedBatch>,
    /// What it is of, if the client says so: a log ([`crate::logs`]), and the position of the first
    /// byte in it. What nobody needs of that log any more is folded ([`headwater_sim::fold`]).
    pub place: Option<(u64, u64)>,
    /// Anything else that the client wants back.
    pub words: Vec<u64>,
    /// Where each batch ends within it, of data that can be read in part: then the words are as
    /// many for each batch. Empty: it is read whole.
    pub ends: Vec<u64>,
}

/// Data that can be read in part is kept in parts of so many bytes, as a disk would be read.
const PART_BYTES: u64 = 1 << 20;

impl Data {
    /// Some of its batches.
    fn slice(&self, batches: Range<usize>) -> Self {
        let start = batches.start.checked_sub(1).map_or(0, |last| self.ends[last]);
        let each = self.words.len() / self.batches.len().max(1);
        let ends: Vec<_> = self.ends[batches.clone()].iter().map(|end| end - start).collect();
        Self {
            bytes: ends.last().copied().unwrap_or(0),
            words: self.words[each * batches.start..each * batches.end].to_vec(),
            batches: self.batches[batches].to_vec(),
            ends,
            place: None,
        }
    }

    /// What is kept of it by itself, in order.
    pub fn parts(self: &Rc<Self>) -> Vec<Rc<Self>> {
        let (mut parts, mut from) = (Vec::new(), 0);
        while from < self.ends.len() {
            let start = from.checked_sub(1).map_or(0, |last| self.ends[last]);
            let until = self.ends.partition_point(|end| *end <= start + PART_BYTES).max(from + 1);
            parts.push(Rc::new(self.slice(from..until)));
            from = until;
        }
        if parts.is_empty() { vec![self.clone()] } else { parts }
    }
}

impl Piece {
    /// What of it overlaps `offset .. offset + bytes`: whole batches, or all of it.
    pub fn overlap(&self, offset: u64, bytes: u64) -> Self {
        let data = &self.data;
        if data.ends.is_empty() {
            return self.clone();
        }
        let (from, until) =
            (offset.saturating_sub(self.offset), offset.saturating_add(bytes) - self.offset);
        let first = data.ends.partition_point(|end| *end <= from);
        let last = data.ends.partition_point(|end| *end < until) + 1;
        let last = last.clamp(first, data.ends.len());
        let start = first.checked_sub(1).map_or(0, |before| data.ends[before]);
        Self { offset: self.offset + start, data: Rc::new(data.slice(first..last)) }
    }
}

/// Data as it was written at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it starts in the chunk.
    pub offset: u64,
    /// What was written.
    pub data: Rc<Data>,
}

/// One thing asked of the storage. Writes are durable when answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes at the end of a chunk, `offset` being its length. At offset 0 the chunk is made. An
    /// object store takes offset 0 only: an object is written whole.
    Write {
        /// Which.
        chunk: ChunkId,
        /// Its length so far.
        offset: u64,
        /// What.
        data: Rc<Data>,
    },
    /// Reads what overlaps `offset .. offset + bytes`, in whole pieces, or in whole batches of data
    /// that says where each ends.
    Read {
        /// Which.
        chunk: ChunkId,
        /// From where.
        offset: u64,
        /// How much.
        bytes: u64,
    },
    /// Asks for a chunk's length.
    Stat {
        /// Which.
        chunk: ChunkId,
    },
    /// Removes a chunk.
    Delete {
        /// Which.
        chunk: ChunkId,
    },
    /// Moves the content of `source` to the end of `target`, and removes `source`.
    Concat {
        /// What grows.
        target: ChunkId,
        /// What is no more.
        source: ChunkId,
    },
}

/// What was found or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierResponse {
    /// Done; the chunk now has `length` bytes (0 if removed).
    Done {
        /// Its length.
        length: u64,
    },
    /// Pieces in order; none past the end.
    Pieces(Vec<Piece>),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierError {
    /// No space is left.
    Full,
    /// There is no such chunk.
    NoSuchChunk,
    /// The offset is not the chunk's length, or there is a chunk already.
    BadOffset,
    /// An object can't be appended to.
    NotAppendable,
    /// Too many requests (429, S3's `SlowDown`). It may be tried again, later.
    TooManyRequests,
    /// The service is not available (503). It may be tried again.
    Unavailable,
    /// The request failed (an error of the service, a broken disk). It may be tried again.
    Io,
}

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A client asks.
    Request {
        /// Handed back with the reply.
        request: u64,
        /// What.
        operation: Operation,
    },
    /// The storage answers.
    Reply {
        /// The request.
        request: u64,
        /// What came of it.
        result: Result<TierResponse, TierError>,
    },
}

/// Headers of a request or reply, as of an NFS call over RPC and TCP (RFC 5531, RFC 8881) or a
/// short HTTP exchange; some 200 bytes either way, estimated.
const HEADER_BYTES: u64 = 200;

impl Operation {
    /// The chunk that it is about; for a concat the target.
    pub fn chunk(&self) -> ChunkId {
        match self {
            Self::Write { chunk, .. }
            | Self::Read { chunk, .. }
            | Self::Stat { chunk }
            | Self::Delete { chunk }
            | Self::Concat { target: chunk, .. } => *chunk,
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Write { chunk, offset, data } => mix(mix(mix(1, chunk.0), *offset), data.bytes),
            Self::Read { chunk, offset, bytes } => mix(mix(mix(2, chunk.0), *offset), *bytes),
            Self::Stat { chunk } => mix(3, chunk.0),
            Self::Delete { chunk } => mix(4, chunk.0),
            Self::Concat { target, source } => mix(mix(5, target.0), source.0),
        }
    }
}

impl Message {
    /// Size on the wire in bytes.
    pub fn size_bytes(&self) -> u64 {
        HEADER_BYTES
            + match self {
                Self::Request { operation: Operation::Write { data, .. }, .. } => data.bytes,
                Self::Reply { result: Ok(TierResponse::Pieces(pieces)), .. } => {
                    pieces.iter().map(|piece| piece.data.bytes).sum()
                }
                Self::Request { .. } | Self::Reply { .. } => 0,
            }
    }

    /// Calls `see` with every batch that it carries.
    pub fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        match self {
            Self::Request { operation: Operation::Write { data, .. }, .. } => {
                data.batches.iter().for_each(see);
            }
            Self::Reply { result: Ok(TierResponse::Pieces(pieces)), .. } => {
                pieces.iter().flat_map(|piece| &piece.data.batches).for_each(see);
            }
            Self::Request { .. } | Self::Reply { .. } => {}
        }
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request { operation, .. } => match operation {
                Operation::Write { .. } => "tier_write",
                Operation::Read { .. } => "tier_read",
                Operation::Stat { .. } => "tier_stat",
                Operation::Delete { .. } => "tier_delete",
                Operation::Concat { .. } => "tier_concat",
            },
            Self::Reply { .. } => "tier_reply",
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Request { request, operation } => mix(mix(1, *request), operation.digest()),
            Self::Reply { request, result } => {
                let result = match result {
                    Ok(TierResponse::Done { length }) => mix(1, *length),
                    Ok(TierResponse::Pieces(pieces)) => mix(2, pieces.len() as u64),
                    Err(error) => 0xe000 + *error as u64,
                };
                mix(mix(2, *request), result)
            }
        }
    }

    /// The tag under which the receiver asked for this, if it is a reply.
    pub fn reply_tag(&self) -> Option<u64> {
        match self {
            Self::Reply { request, .. } => Some(*request),
            Self::Request { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Lane, StreamWriter};

    /// Four batches of 400 KiB, each with its number as its word.
    fn data() -> Rc<Data> {
        let batch = |first| Rc::new(Batch::empty(StreamWriter::default(), Lane(0), first));
        let ends: Vec<_> = (1..=4).map(|n| n * (400 << 10)).collect();
        Rc::new(Data {
            bytes: 1_600 << 10,
            batches: (0..4).map(batch).collect(),
            words: vec![0, 1, 2, 3],
            place: None,
            ends,
        })
    }

    #[test]
    fn data_that_can_be_read_in_part_is_kept_in_parts_of_a_mebibyte() {
        let parts = data().parts();
        let bytes: Vec<_> = parts.iter().map(|part| part.bytes >> 10).collect();
        assert_eq!(bytes, [800, 800]);
        assert_eq!((&parts[1].words, &parts[1].ends), (&vec![2, 3], &vec![400 << 10, 800 << 10]));
        let whole = Rc::new(Data { bytes: 5 << 20, ..Data::default() });
        assert_eq!(whole.parts(), [whole]);
    }

    #[test]
    fn a_read_gives_the_batches_that_overlap() {
        let piece = Piece { offset: 1_000, data: data() };
        let read = |from: u64, bytes| {
            let part = piece.overlap(1_000 + from, bytes);
            (part.offset - 1_000, part.data.words.clone())
        };
        assert_eq!(read(0, 1), (0, vec![0]));
        assert_eq!(read(500 << 10, 400 << 10), (400 << 10, vec![1, 2]));
        assert_eq!(read(400 << 10, u64::MAX), (400 << 10, vec![1, 2, 3]));
        let whole = Piece { offset: 7, data: Rc::new(Data { bytes: 10, ..Data::default() }) };
        assert_eq!(whole.overlap(9, 1), whole);
    }
}
