//! Trending: how often each hashtag was in a window of event time, and the most frequent of them.
//!
//! ```text
//!  what is new -> parsed -> panes, one for each advance -> windows that are over -> shown
//!                           (counts by hashtag, ids)   \
//!                                    position: where the panes that are still needed begin
//! ```
//!
//! Stands for the "trending function" of the paper's section 5: it takes what the engine has made
//! from the second stream and ranks hashtags; the ranking is not stored. A restart therefore reads
//! the stream again from where the windows begin that are not over, and counts them anew.
//!
//! Windows are those of Kafka Streams (`TimeWindows.java` @ apache/kafka 3.9.0): of event time,
//! tumbling or hopping, each with its beginning and without its end. What is over is told by the
//! watermark of Beam's `CustomTimestampPolicyWithLimitedDelay.java` (`sdks/java/io/kafka` @
//! apache/beam v2.60.0): of each partition the latest event time less a limited delay, or, where
//! nothing is left to read, the time of day less that delay; of all the earliest.

pub mod config;
pub mod deploy;
pub mod panes;
pub mod process;
pub mod properties;
pub mod record;
pub mod signals;
pub mod system;
pub mod watermark;
