//! The wire protocol between clients and segment stores: frames of a type, a length and fields.
//!
//! Stands for `io.pravega.shared.protocol.netty.WireCommands` and `WireCommandType` @ v0.13.0, of
//! which it has what writing and reading events needs: no tables, no transactions, no segments made
//! or merged by clients, no conditional appends. A frame of any other type is an error: nobody
//! sends it who was not asked for it.
//!
//! The length of a frame is looked at before anything is kept of it; what a frame holds is a part
//! of the buffer that it came in. More fields than are known at the end of a frame are from a later
//! version and passed over, as the Java client does.

mod command;
mod error;
mod field;

use bytes::{Buf, BufMut, BytesMut};

pub use command::Command;
pub use error::WireError;
use field::Fields;

/// The version that this client speaks (`WIRE_VERSION`).
pub const VERSION_HIGH: i32 = 16;

/// The oldest that it still does (`OLDEST_COMPATIBLE_VERSION`).
pub const VERSION_LOW: i32 = 5;

/// Bytes of a frame at the most, without its head (`MAX_WIRECOMMAND_SIZE`).
pub const FRAME_BYTES_MAX: usize = 0x00FF_FFFF;

/// Bytes of a frame's type and length, and of an event's (`TYPE_PLUS_LENGTH_SIZE`).
pub const HEAD_BYTES: usize = 8;

/// The type of an event (`EVENT`).
pub const EVENT: i32 = 0;

/// Whether the versions of the other end go with this client's.
pub fn check_versions(low: i32, high: i32) -> Result<(), WireError> {
    if low > VERSION_HIGH || high < VERSION_LOW {
        return Err(WireError::Version { low, high });
    }
    Ok(())
}

/// Writes a frame behind what there is in `out`; nothing of it, if it is impossible.
pub fn encode(command: &Command, out: &mut BytesMut) -> Result<(), WireError> {
    let start = out.len();
    let kind = command.kind();
    out.put_i32(kind);
    out.put_i32(0);
    let written = command.put_fields(out).and_then(|()| {
        let length = out.len() - start - HEAD_BYTES;
        if length > FRAME_BYTES_MAX {
            return Err(WireError::TooLong { kind, length: length as i64 });
        }
        out[start + 4..start + HEAD_BYTES].copy_from_slice(&(length as i32).to_be_bytes());
        Ok(())
    });
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Takes the next frame from `received`, once all of it is there.
pub fn decode(received: &mut BytesMut) -> Result<Option<Command>, WireError> {
    let Some(head) = received.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let mut head = &head[..];
    let (kind, length) = (head.get_i32(), head.get_i32());
    if !Command::is_known(kind) {
        return Err(WireError::UnknownType(kind));
    }
    let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= FRAME_BYTES_MAX);
    let Some(bytes) = bytes else {
        return Err(WireError::TooLong { kind, length: length.into() });
    };
    if received.len() < HEAD_BYTES + bytes {
        received.reserve(HEAD_BYTES + bytes - received.len());
        return Ok(None);
    }
    received.advance(HEAD_BYTES);
    let rest = received.split_to(bytes).freeze();
    Command::take_fields(&mut Fields { kind, rest }).map(Some)
}

/// Writes an event as it lies in a segment.
pub fn put_event(out: &mut BytesMut, payload: &[u8]) {
    out.put_i32(EVENT);
    out.put_i32(payload.len() as i32);
    out.put_slice(payload);
}

/// Takes the next event from the bytes of a segment, once all of it is there.
pub fn take_event(segment: &mut bytes::BytesMut) -> Result<Option<bytes::Bytes>, WireError> {
    let Some(head) = segment.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let mut head = &head[..];
    let (kind, length) = (head.get_i32(), head.get_i32());
    if kind != EVENT {
        return Err(WireError::UnknownType(kind));
    }
    let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= FRAME_BYTES_MAX);
    let Some(bytes) = bytes else {
        return Err(WireError::TooLong { kind, length: length.into() });
    };
    if segment.len() < HEAD_BYTES + bytes {
        return Ok(None);
    }
    segment.advance(HEAD_BYTES);
    Ok(Some(segment.split_to(bytes).freeze()))
}
