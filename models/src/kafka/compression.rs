//! Compression of batches: how much smaller they become, and what that takes of a core.
//!
//! Stands for `Compression`, `MemoryRecordsBuilder` and `CompressionRatioEstimator` of apache/kafka
//! @ 3.9.0 and for `rd_kafka_msgset_writer_compress` of librdkafka @ 2.12.1. The Java client
//! compresses as its caller appends, and goes by an estimate of the compressed size for whether a
//! batch is full; librdkafka compresses a batch when it makes its request, and again when it sends
//! it again. A leader decompresses each batch to look at its records
//! (`LogValidator.validateMessagesAndAssignOffsetsCompressed`), and compresses them again where
//! the topic has another codec; followers do neither; consumers decompress.
//!
//! Parameters: `compression.type` of producer and topic, and [`Compressions`]. Left out: levels,
//! the memory that it takes, and that small batches compress less than large ones: the ratio is
//! that of the option, whatever the batch.

use std::num::NonZeroU32;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::record_bytes;
use crate::batch::{Batch, SharedBatch};

/// `compression.type` of a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// As it is.
    #[default]
    None,
    /// zlib.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// Its name in Kafka's options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// `compression.type` of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TopicCodec {
    /// As the producer has compressed it.
    #[default]
    Producer,
    /// As it is.
    Uncompressed,
    /// zlib.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl TopicCodec {
    /// What is in the log of what a producer compresses with `producer`.
    pub const fn stored(self, producer: Codec) -> Codec {
        match self {
            Self::Producer => producer,
            Self::Uncompressed => Codec::None,
            Self::Gzip => Codec::Gzip,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd => Codec::Zstd,
        }
    }

    /// Its name in Kafka's options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Uncompressed => "uncompressed",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// What a codec makes of the events, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Size of the records behind compression in percent of that before
    /// (`compression-rate-avg` of Kafka's producer, times 100); from 1 to 100.
    pub ratio_percent: u64,
    /// Megabytes of records that one core compresses in a second.
    pub compress_mb_per_s: u64,
    /// Megabytes of records that one core gets back in a second.
    pub decompress_mb_per_s: u64,
}

impl Figures {
    /// What so many bytes of records become.
    pub fn packed(self, bytes: u64) -> NonZeroU32 {
        let packed = u32::try_from(bytes * self.ratio_percent / 100).unwrap_or(u32::MAX);
        NonZeroU32::new(packed).unwrap_or(NonZeroU32::MIN)
    }

    /// CPU time in ns to compress so many bytes.
    pub const fn compress_ns(self, bytes: u64) -> u64 {
        bytes * 1_000 / self.compress_mb_per_s
    }

    /// CPU time in ns to get so many bytes back.
    pub const fn decompress_ns(self, bytes: u64) -> u64 {
        bytes * 1_000 / self.decompress_mb_per_s
    }
}

/// By codec. The defaults are measured on the Silesia corpus on one core, at the levels that Kafka
/// has by default (gzip 6, zstd 3): zlib 1.3.1, lz4 1.10.0 and zstd 1.5.6 on an EPYC 9554
/// (inikep/lizard `README.md` @ 2.1), snappy 1.2.1 on a Core i7-9700K (facebook/zstd `README.md` @
/// 1.5.7). Events are not that corpus: measure yours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "no option of Kafka: Silesia corpus, one core, in inikep/lizard README.md @ 2.1 \
                  and facebook/zstd README.md @ 1.5.7"
))]
pub struct Compressions {
    /// zlib.
    pub gzip: Figures,
    /// Snappy.
    pub snappy: Figures,
    /// LZ4.
    pub lz4: Figures,
    /// Zstandard.
    pub zstd: Figures,
}

impl Default for Compressions {
    fn default() -> Self {
        let figures = |ratio_percent, compress_mb_per_s, decompress_mb_per_s| Figures {
            ratio_percent,
            compress_mb_per_s,
            decompress_mb_per_s,
        };
        Self {
            gzip: figures(32, 25, 344),
            snappy: figures(48, 520, 1_500),
            lz4: figures(48, 579, 3_728),
            zstd: figures(31, 250, 1_210),
        }
    }
}

impl Compressions {
    /// Of a codec; nothing for none.
    pub const fn of(&self, codec: Codec) -> Option<Figures> {
        match codec {
            Codec::None => None,
            Codec::Gzip => Some(self.gzip),
            Codec::Snappy => Some(self.snappy),
            Codec::Lz4 => Some(self.lz4),
            Codec::Zstd => Some(self.zstd),
        }
    }

    /// What is impossible of them, if anything.
    ///
    /// # Errors
    /// The first impossible value and what would be possible.
    pub fn check(&self) -> Result<(), String> {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let Some(figures) = self.of(codec) else { continue };
            let name = codec.name();
            if !(1..=100).contains(&figures.ratio_percent) {
                return Err(format!(
                    "compression.{name}.ratio_percent is {}, but it is from 1 to 100: the size \
                     behind compression in percent of that before",
                    figures.ratio_percent
                ));
            }
            let speeds = [
                ("compress_mb_per_s", figures.compress_mb_per_s),
                ("decompress_mb_per_s", figures.decompress_mb_per_s),
            ];
            if let Some((speed, _)) = speeds.iter().find(|(_, speed)| *speed == 0) {
                return Err(format!("compression.{name}.{speed} is 0, but it is at least 1"));
            }
        }
        Ok(())
    }
}

/// A batch as it is with this compression.
pub fn packed(batch: &SharedBatch, with: Option<Figures>) -> SharedBatch {
    let packed = with.map(|figures| figures.packed(record_bytes(batch)));
    match packed == batch.packed {
        true => batch.clone(),
        false => Rc::new(Batch { packed, ..Batch::clone(batch) }),
    }
}

/// What a Java producer takes its batches to compress to (`CompressionRatioEstimator`): it begins
/// with their full size, and goes after what it sees.
#[derive(Clone, Copy, Debug)]
pub struct Estimator {
    /// Size behind compression in thousandths of that before.
    thousandths: u64,
}

/// `COMPRESSION_RATIO_IMPROVING_STEP`, in thousandths.
const IMPROVING_STEP: u64 = 5;
/// `COMPRESSION_RATIO_DETERIORATE_STEP`, in thousandths.
const DETERIORATE_STEP: u64 = 50;
/// `MemoryRecordsBuilder.COMPRESSION_RATE_ESTIMATION_FACTOR`, in percent.
const SAFETY_PERCENT: u64 = 105;

impl Default for Estimator {
    fn default() -> Self {
        Self { thousandths: 1_000 }
    }
}

impl Estimator {
    /// What so many bytes are taken to become.
    pub const fn size(self, bytes: u64) -> u64 {
        bytes * self.thousandths * SAFETY_PERCENT / 100_000
    }

    /// A batch has been compressed from so many bytes to so many.
    pub fn saw(&mut self, before: u64, after: u64) {
        let seen = after * 1_000 / before.max(1);
        self.thousandths = if seen > self.thousandths {
            seen.max(self.thousandths + DETERIORATE_STEP)
        } else {
            seen.max(self.thousandths.saturating_sub(IMPROVING_STEP))
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_those_of_the_published_figures() {
        let all = Compressions::default();
        let zstd = all.of(Codec::Zstd).unwrap();
        assert_eq!(zstd.packed(2_000).get(), 620);
        assert_eq!(zstd.compress_ns(250_000_000), 1_000_000_000);
        assert_eq!(zstd.decompress_ns(1_210_000_000), 1_000_000_000);
        assert_eq!(zstd.packed(1).get(), 1, "nothing becomes nothing");
        assert_eq!(all.of(Codec::None), None);
        assert_eq!(TopicCodec::Producer.stored(Codec::Lz4), Codec::Lz4);
        assert_eq!(TopicCodec::Gzip.stored(Codec::Lz4), Codec::Gzip);
        assert_eq!(TopicCodec::Uncompressed.stored(Codec::Lz4), Codec::None);
    }

    #[test]
    fn an_estimate_falls_by_steps_of_half_a_percent_and_rises_by_five() {
        let mut estimator = Estimator::default();
        assert_eq!(estimator.size(1_000), 1_050);
        estimator.saw(1_000, 310);
        assert_eq!(estimator.size(1_000), 1_044, "99.5 % and the margin");
        (0..200).for_each(|_| estimator.saw(1_000, 310));
        assert_eq!(estimator.size(1_000), 325);
        estimator.saw(1_000, 320);
        assert_eq!(estimator.size(1_000), 378, "36 % and the margin");
    }

    #[test]
    fn an_impossible_ratio_is_refused_with_what_it_means() {
        let mut all = Compressions::default();
        all.lz4.ratio_percent = 210;
        let error = all.check().unwrap_err();
        assert!(error.starts_with("compression.lz4.ratio_percent is 210, but"), "{error}");
        all.lz4.ratio_percent = 48;
        all.gzip.decompress_mb_per_s = 0;
        assert!(all.check().unwrap_err().contains("gzip.decompress_mb_per_s is 0"));
    }
}
