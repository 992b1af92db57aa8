//! Throttlers: how long a container waits before it takes the next operations.
//!
//! Stands for `ThrottlerCalculator`, `Throttler`, `ThrottlerPolicy` @ v0.13.0. The delay is the
//! longest of four, never their sum. Milliseconds are whole, as in the original: a log that takes
//! less than 1 ms gives no batching delay. The floats are plain IEEE sums and products, the same
//! everywhere.
//!
//! Parameters: `durablelog.*`, `cache.*` and `bookkeeper.*` options, ms, percent and bytes. Left
//! out: metrics.

use crate::pravega::config::{BookKeeperLog, SegmentStore};
use crate::pravega::waits;

use super::data_frame::FRAME_BYTES_MAX;

/// What the log's write queue looked like when it was last cleaned up (`QueueStats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Writes in it.
    pub size: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Mean time in ms that the writes removed last spent in it, or the age of the oldest.
    pub expected_ms: u64,
}

impl QueueStats {
    /// How full the frames in the queue are, 0 to 1; 0 when it is empty.
    pub fn fill_ratio(&self) -> f64 {
        if self.size == 0 {
            return 0.0;
        }
        (self.bytes as f64 / self.size as f64 / FRAME_BYTES_MAX as f64).min(1.0)
    }
}

/// Which throttler set the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// To gather more operations into a frame; never interrupted.
    Batching,
    /// The cache is too full.
    Cache,
    /// Too much is on its way to the log.
    DurableDataLog,
    /// Too many operations are not truncated.
    OperationLog,
}

impl Source {
    /// True if a change of its source ends the delay early (`ThrottlerName.interruptible`).
    pub fn is_interruptible(self) -> bool {
        self != Self::Batching
    }

    /// What its delays are called.
    pub fn waited_for(self) -> &'static str {
        match self {
            Self::Batching => waits::BATCHING,
            Self::Cache => waits::CACHE_FULL,
            Self::DurableDataLog => waits::LOG_SLOW,
            Self::OperationLog => waits::OPERATIONS,
        }
    }
}

/// A delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// In ms.
    pub ms: u64,
    /// At the cap: the container waits until the pressure falls.
    pub maximum: bool,
    /// The throttler that asked for it; none for no delay.
    pub source: Option<Source>,
}

/// What the throttlers look at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Cache used and promised, as a share of its size.
    pub cache_utilization: f64,
    /// The log's queue.
    pub log: QueueStats,
    /// Operations not truncated.
    pub operations: u64,
}

/// The calculator.
#[derive(Clone, Debug)]
pub struct Throttler {
    delay_ms_max: u64,
    batching_ms_max: u64,
    cache_target: f64,
    cache_base_delay: f64,
    log_threshold_ms: u64,
    log_threshold_min: i64,
    log_base_delay: i64,
    operations_target: u64,
    operations_max: u64,
}

/// `ThrottlerPolicy.CACHE_TARGET_UTILIZATION_THRESHOLD_ADJUSTMENT`.
const CACHE_TARGET_ADJUSTMENT: f64 = 0.05;

impl Throttler {
    /// A calculator for these options.
    pub fn new(store: &SegmentStore, log: &BookKeeperLog) -> Self {
        let cache_target = f64::from(store.cache_target_percent) / 100.0 + CACHE_TARGET_ADJUSTMENT;
        let cache_max = f64::from(store.cache_max_percent) / 100.0;
        let delay_ms_max = store.delay_ms_max;
        let cache_base_delay = if cache_target >= cache_max {
            delay_ms_max as f64
        } else {
            libm::ceil(delay_ms_max as f64 / (100.0 * (cache_max - cache_target)))
        };
        // A tenth of the write timeout, and a tenth of the outstanding bytes in full frames
        // (`ThrottlerPolicy.DURABLE_DATALOG_THROTTLE_THRESHOLD_FRACTION`).
        let threshold_max = (log.outstanding_bytes_max / FRAME_BYTES_MAX) as i64;
        let log_threshold_min = threshold_max / 10;
        let span = (threshold_max - log_threshold_min).max(1);
        Self {
            delay_ms_max,
            batching_ms_max: store.batching_delay_ms_max,
            cache_target,
            cache_base_delay,
            log_threshold_ms: log.write_timeout_ms / 10,
            log_threshold_min,
            log_base_delay: (delay_ms_max as i64).saturating_add(span - 1) / span,
            operations_target: store.operation_log_target,
            operations_max: store.operation_log_max,
        }
    }

    /// True if the container must not take more without a delay (`isThrottlingRequired`).
    pub fn is_required(&self, pressure: &Pressure) -> bool {
        pressure.cache_utilization > self.cache_target
            || pressure.log.expected_ms > self.log_threshold_ms
            || pressure.operations > self.operations_target
    }

    /// The delay before the next operations.
    pub fn delay(&self, pressure: &Pressure) -> Delay {
        let delays = [
            (Source::Cache, self.cache_ms(pressure.cache_utilization)),
            (Source::Batching, self.batching_ms(&pressure.log)),
            (Source::DurableDataLog, self.log_ms(&pressure.log)),
            (Source::OperationLog, self.operations_ms(pressure.operations)),
        ];
        let mut longest = Delay { ms: 0, maximum: false, source: None };
        for (source, ms) in delays {
            if ms >= self.delay_ms_max {
                return Delay { ms: self.delay_ms_max, maximum: true, source: Some(source) };
            }
            if ms > longest.ms {
                longest = Delay { ms, maximum: false, source: Some(source) };
            }
        }
        longest
    }

    fn cache_ms(&self, utilization: f64) -> u64 {
        // Below the target the product is negative, which the cast makes zero.
        (100.0 * (utilization - self.cache_target) * self.cache_base_delay) as u64
    }

    fn batching_ms(&self, log: &QueueStats) -> u64 {
        let delay = libm::floor(log.expected_ms as f64 * (1.0 - log.fill_ratio()) + 0.5) as u64;
        delay.min(self.batching_ms_max)
    }

    fn log_ms(&self, log: &QueueStats) -> u64 {
        if log.expected_ms <= self.log_threshold_ms {
            return 0;
        }
        let full_frames = (log.size as f64 * log.fill_ratio()) as i64;
        ((full_frames - self.log_threshold_min) * self.log_base_delay).max(0) as u64
    }

    fn operations_ms(&self, operations: u64) -> u64 {
        if operations <= self.operations_target {
            return 0;
        }
        if operations >= self.operations_max {
            return self.delay_ms_max;
        }
        let span = self.operations_max - self.operations_target;
        self.delay_ms_max * (operations - self.operations_target) / span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttler() -> Throttler {
        Throttler::new(&SegmentStore::default(), &BookKeeperLog::default())
    }

    fn of_cache(percent: f64) -> Delay {
        throttler().delay(&Pressure { cache_utilization: percent / 100.0, ..Pressure::default() })
    }

    #[test]
    fn the_cache_throttler_follows_the_published_line() {
        assert_eq!(of_cache(80.0).ms, 0);
        for (percent, published) in [(81.0, 2_500_u64), (85.0, 12_500), (88.0, 20_000)] {
            let delay = of_cache(percent);
            assert!(delay.ms.abs_diff(published) <= 10, "{percent} %: {delay:?}");
            assert_eq!(delay.source, Some(Source::Cache));
        }
        assert_eq!(
            of_cache(90.0),
            Delay { ms: 25_000, maximum: true, source: Some(Source::Cache) }
        );
    }

    #[test]
    fn the_log_throttlers_follow_the_published_lines() {
        let log = |frames: u64| {
            let stats =
                QueueStats { size: frames, bytes: frames * FRAME_BYTES_MAX, expected_ms: 6_001 };
            throttler().delay(&Pressure { log: stats, ..Pressure::default() }).ms
        };
        for (frames, published) in [(50, 2_700_u64), (100, 8_200), (200, 19_000), (256, 25_000)] {
            assert!(log(frames).abs_diff(published) <= 100, "{frames}: {} ms", log(frames));
        }
        let operations =
            |operations| throttler().delay(&Pressure { operations, ..Pressure::default() }).ms;
        let delays = [950_000, 960_000, 975_000, 1_000_000].map(operations);
        assert_eq!(delays, [0, 5_000, 12_500, 25_000]);
    }

    #[test]
    fn batching_waits_as_long_as_an_empty_frame_took_and_not_for_full_frames() {
        let batching = |expected_ms, bytes| {
            let log = QueueStats { size: u64::from(bytes > 0), bytes, expected_ms };
            throttler().delay(&Pressure { log, ..Pressure::default() }).ms
        };
        assert_eq!(batching(2, 0), 2);
        assert_eq!(batching(0, 0), 0, "whole milliseconds: a fast log is never waited for");
        assert_eq!(batching(70, 0), 50);
        assert_eq!(batching(10, FRAME_BYTES_MAX / 2), 5);
        assert_eq!(batching(10, FRAME_BYTES_MAX), 0);
    }
}
