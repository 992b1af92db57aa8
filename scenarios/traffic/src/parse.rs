//! Reading a payload back: its stamp, or what is damaged.

use headwater_sim::time::Time;
use thiserror::Error;

use super::payload::{
    CHECKSUM_HEAD, CHECKSUM_LEN, CHECKSUM_TAIL, Place, STAMP_FIELD, STAMP_MIN, STAMP_TAG, Stamp,
    checksum,
};

/// Why a payload is not one that was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// Below 49 B there is no room for a stamp: such events can be counted, not checked.
    #[error("{bytes} B are too few to carry a stamp (49 B do)")]
    NoStamp {
        /// Its size.
        bytes: usize,
    },
    /// The checksum is that of other bytes.
    #[error("checksum {found:016x} in the payload, {computed:016x} over its bytes")]
    Checksum {
        /// What stands there.
        found: u64,
        /// What the bytes give.
        computed: u64,
    },
    /// The payload ends too early or has other fields.
    #[error("expected {expected} at byte {offset}")]
    Form {
        /// Where.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
}

/// The stamp of a payload that [`super::Payloads::write`] made, after checking every byte.
pub fn parse(payload: &[u8]) -> Result<Stamp, Damage> {
    if payload.len() < STAMP_MIN {
        return Err(Damage::NoStamp { bytes: payload.len() });
    }
    match payload[0] {
        b'{' => parse_json(payload),
        STAMP_TAG => parse_binary(payload),
        _ => Err(Damage::Form { offset: 0, expected: "'{' or a binary stamp" }),
    }
}

fn verify(bytes: &[u8], found: u64) -> Result<(), Damage> {
    let computed = checksum(bytes);
    if found == computed { Ok(()) } else { Err(Damage::Checksum { found, computed }) }
}

fn parse_json(payload: &[u8]) -> Result<Stamp, Damage> {
    let field = payload.len().saturating_sub(CHECKSUM_LEN);
    let digits = field + CHECKSUM_HEAD.len();
    let tail = digits + 16;
    if !payload[field..].starts_with(CHECKSUM_HEAD) || &payload[tail..] != CHECKSUM_TAIL {
        return Err(Damage::Form { offset: field, expected: "the checksum field" });
    }
    let mut sum = 0;
    for (offset, digit) in payload[digits..tail].iter().enumerate() {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => {
                let expected = "a lower-case hexadecimal digit";
                return Err(Damage::Form { offset: digits + offset, expected });
            }
        };
        sum = sum << 4 | u64::from(value);
    }
    verify(&payload[..digits], sum)?;
    let offset = if payload.starts_with(STAMP_FIELD) { STAMP_FIELD.len() } else { 0 };
    let mut cursor = Cursor { bytes: payload, offset };
    let index = cursor.field("{\"index\":")?;
    let key = cursor.field(",\"key\":")?;
    let at = Time(cursor.field(",\"at_ns\":")?);
    let place = Place {
        writer: cursor.field(",\"writer\":")? as u32,
        lane: cursor.field(",\"lane\":")? as u32,
        seq: cursor.field(",\"seq\":")?,
    };
    Ok(Stamp { index, key, at, place })
}

fn parse_binary(payload: &[u8]) -> Result<Stamp, Damage> {
    let (body, sum) = payload.split_at(payload.len() - 8);
    verify(body, word(sum, 0))?;
    let half = |offset: usize| (word(body, offset) & u64::from(u32::MAX)) as u32;
    let place = Place { writer: half(33), lane: half(37), seq: word(body, 25) };
    Ok(Stamp { index: word(body, 1), key: word(body, 9), at: Time(word(body, 17)), place })
}

/// Up to eight bytes from `offset`, little-endian.
fn word(bytes: &[u8], offset: usize) -> u64 {
    let rest = &bytes[offset..];
    let mut word = [0; 8];
    let length = rest.len().min(8);
    word[..length].copy_from_slice(&rest[..length]);
    u64::from_le_bytes(word)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    /// The number behind `name`.
    fn field(&mut self, name: &'static str) -> Result<u64, Damage> {
        let fail = Damage::Form { offset: self.offset, expected: name };
        let rest = self.bytes[self.offset..].strip_prefix(name.as_bytes()).ok_or(fail)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let (mut value, mut count) = (0_u64, 0);
        for digit in digits {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            count += 1;
        }
        self.offset += name.len() + count;
        Ok(value)
    }
}
