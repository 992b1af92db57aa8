//! How a key picks its lane: the hash that clients outside of a simulation share with the models.
//!
//! Stands for `rd_crc32` of librdkafka @ 2.12.1 (`rdcrc32.h:161`), by which its default partitioner
//! spreads keys. The bytes of a key are those of its number, the lowest first. No parameters.

/// What a byte makes of a remainder of zero, by polynomial 0x04c11db7, reflected.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = crc >> 1 ^ 0xedb8_8320 & (crc & 1).wrapping_neg();
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// CRC-32 of the eight bytes of `key`.
pub fn crc32(key: u64) -> u32 {
    !key.to_le_bytes()
        .into_iter()
        .fold(u32::MAX, |crc, byte| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)])
}

/// The lane of `lanes` that a key belongs to: `rd_kafka_msg_partitioner_consistent` @ 2.12.1.
pub fn lane_of_key(key: u64, lanes: u32) -> u32 {
    crc32(key) % lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_that_everybody_calls_by_that_name() {
        // The check value of CRC-32/ISO-HDLC is of "123456789"; these eight bytes by zlib.
        assert_eq!(crc32(u64::from_le_bytes(*b"12345678")), 0x9ae0_daaf);
        assert_eq!(crc32(0), 0x6522_df69);
    }

    #[test]
    fn keys_spread_over_lanes() {
        let mut counts = [0; 7];
        (0..7_000).for_each(|key| counts[lane_of_key(key, 7) as usize] += 1);
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
