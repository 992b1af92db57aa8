//! Murmur 3 for 64-bit machines, 128 bits: what Pravega's clients spread routing keys by.
//!
//! Stands for `Hashing.murmur3_128` of Guava, from Austin Appleby's MurmurHash3.cpp
//! (`MurmurHash3_x64_128`), which is in the public domain.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn first(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn second(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

/// Up to eight bytes as a little-endian number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// The first 64 of the hash's 128 bits.
pub(crate) fn murmur3_first_half(bytes: &[u8], seed: u64) -> u64 {
    let (mut h1, mut h2) = (seed, seed);
    let blocks = bytes.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        h1 ^= first(number(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= second(number(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= second(number(high));
    h1 ^= first(number(low));
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_every_length_of_what_is_left_hash_as_published() {
        // `murmur3_x64_128` of the crate murmurhash3 0.0.5 (`src/mmh3_128.rs`), seed 0: of the
        // empty string, of less than half a block, and of more than two blocks.
        assert_eq!(murmur3_first_half(b"", 0), 0);
        assert_eq!(murmur3_first_half(b"hello", 0), 0xcbd8_a7b3_41bd_9b02);
        let fox = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(murmur3_first_half(fox, 0), 0xe34b_bc7b_bc07_1b6c);
    }
}
