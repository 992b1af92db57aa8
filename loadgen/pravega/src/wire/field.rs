//! Fields of frames: big-endian numbers, strings with a length of two bytes, data with one of four.
//!
//! As `DataOutput` writes them, which `WireCommands` @ v0.13.0 uses. Java's strings are in a UTF-8
//! of their own, which differs from the usual one in NUL and in characters beyond the first plane:
//! names of scopes and streams have neither, and in stack traces they are replaced.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::error::WireError;

/// The fields of one frame, as they are taken from it.
pub(super) struct Fields {
    /// Its type, for errors.
    pub(super) kind: i32,
    /// What is left of it.
    pub(super) rest: Bytes,
}

impl Fields {
    fn need(&self, bytes: usize, field: &'static str) -> Result<(), WireError> {
        if self.rest.len() < bytes {
            return Err(WireError::CutOff { kind: self.kind, field });
        }
        Ok(())
    }

    pub(super) fn invalid(&self, field: &'static str) -> WireError {
        WireError::Invalid { kind: self.kind, field }
    }

    pub(super) fn boolean(&mut self, field: &'static str) -> Result<bool, WireError> {
        self.need(1, field)?;
        Ok(self.rest.get_u8() != 0)
    }

    pub(super) fn int(&mut self, field: &'static str) -> Result<i32, WireError> {
        self.need(4, field)?;
        Ok(self.rest.get_i32())
    }

    pub(super) fn long(&mut self, field: &'static str) -> Result<i64, WireError> {
        self.need(8, field)?;
        Ok(self.rest.get_i64())
    }

    pub(super) fn uuid(&mut self, field: &'static str) -> Result<u128, WireError> {
        self.need(16, field)?;
        Ok(self.rest.get_u128())
    }

    pub(super) fn string(&mut self, field: &'static str) -> Result<String, WireError> {
        self.need(2, field)?;
        let length = usize::from(self.rest.get_u16());
        self.need(length, field)?;
        Ok(String::from_utf8_lossy(&self.rest.split_to(length)).into_owned())
    }

    /// Data behind its length: a part of the frame, not a copy.
    pub(super) fn data(&mut self, field: &'static str) -> Result<Bytes, WireError> {
        let length = usize::try_from(self.int(field)?).map_err(|_| self.invalid(field))?;
        self.need(length, field)?;
        Ok(self.rest.split_to(length))
    }

    /// A number that older servers don't send: `or`, then.
    pub(super) fn long_or(&mut self, or: i64) -> i64 {
        if self.rest.len() < 8 { or } else { self.rest.get_i64() }
    }

    /// A string that older servers don't send: empty, then.
    pub(super) fn string_if_any(&mut self, field: &'static str) -> Result<String, WireError> {
        if self.rest.is_empty() { Ok(String::new()) } else { self.string(field) }
    }

    /// A number that older servers don't send: `or`, then.
    pub(super) fn int_or(&mut self, or: i32) -> i32 {
        if self.rest.len() < 4 { or } else { self.rest.get_i32() }
    }
}

/// Writes a string behind its length.
pub(super) fn put_string(
    out: &mut BytesMut,
    kind: i32,
    field: &'static str,
    text: &str,
) -> Result<(), WireError> {
    let length = u16::try_from(text.len()).map_err(|_| WireError::Invalid { kind, field })?;
    out.put_u16(length);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// Writes data behind its length.
pub(super) fn put_data(
    out: &mut BytesMut,
    kind: i32,
    field: &'static str,
    data: &[u8],
) -> Result<(), WireError> {
    let length = i32::try_from(data.len()).map_err(|_| WireError::Invalid { kind, field })?;
    out.put_i32(length);
    out.put_slice(data);
    Ok(())
}
