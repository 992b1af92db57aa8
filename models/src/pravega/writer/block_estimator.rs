//! The Java client's block estimator: how large the next append block is to be.
//!
//! Stands for `AppendBatchSizeTrackerImpl`, `ExponentialMovingAverage` @ v0.13.0: half of what is
//! usually outstanding, at most 20 ms of events, at most 523,264 bytes; nothing while at most one
//! event is outstanding, so that a writer which waits for its acks is never held up. The averages
//! start at 1024 B, 10 ms and 20 appends and move slowly: the first thousands of events see large
//! blocks.
//!
//! Parameters: `java.batch.*` in bytes and ms; the averages' weights, below. Left out: nothing.

use headwater_sim::time::Time;

/// An exponential moving average, of the square roots of the samples if so configured.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MovingAverage {
    value: f64,
    new_sample_weight: f64,
    roots: bool,
}

impl MovingAverage {
    fn new(initial: f64, new_sample_weight: f64, roots: bool) -> Self {
        let value = if roots { libm::sqrt(initial) } else { initial };
        Self { value, new_sample_weight, roots }
    }

    fn add(&mut self, sample: f64) {
        let sample = if self.roots { libm::sqrt(sample) } else { sample };
        let weight = self.new_sample_weight;
        self.value = sample * weight + (1.0 - weight) * self.value;
    }

    fn get(&self) -> f64 {
        if self.roots { self.value * self.value } else { self.value }
    }
}

/// The estimator of one segment writer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockEstimator {
    bytes_max: u64,
    time_ms_max: f64,
    last_append: Time,
    last_append_number: i64,
    last_ack_number: i64,
    event_size: MovingAverage,
    nanos_between_appends: MovingAverage,
    appends_outstanding: MovingAverage,
}

impl BlockEstimator {
    /// An estimator that has seen nothing, at time `now`.
    pub fn new(bytes_max: u64, time_ms_max: u64, now: Time) -> Self {
        Self {
            bytes_max,
            time_ms_max: time_ms_max as f64,
            last_append: now,
            last_append_number: 0,
            last_ack_number: 0,
            event_size: MovingAverage::new(1024.0, 0.01, true),
            nanos_between_appends: MovingAverage::new(10e6, 0.001, false),
            appends_outstanding: MovingAverage::new(20.0, 0.001, false),
        }
    }

    /// An event of `bytes` is written.
    pub fn record_append(&mut self, now: Time, event_number: i64, bytes: u64) {
        self.nanos_between_appends.add(now.since(self.last_append).as_nanos() as f64);
        self.last_append = self.last_append.max(now);
        self.last_append_number = event_number;
        self.event_size.add(bytes as f64);
    }

    /// Everything up to an event is acknowledged.
    pub fn record_ack(&mut self, event_number: i64) {
        self.last_ack_number = event_number;
        self.appends_outstanding.add((self.last_append_number - event_number) as f64);
    }

    /// Bytes of the next block; 0 for one that holds a single event.
    pub fn block_bytes(&self) -> u64 {
        if self.last_append_number - self.last_ack_number <= 1 {
            return 0;
        }
        let in_batch_time = (self.time_ms_max * 1e6 / self.nanos_between_appends.get()).max(1.0);
        // The original's clamp: the lower bound counts where the bounds cross.
        let events = (self.appends_outstanding.get() / 2.0).min(in_batch_time).max(1.0);
        ((events * self.event_size.get()) as u64).min(self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimator() -> BlockEstimator {
        BlockEstimator::new(523_264, 20, Time::ZERO)
    }

    #[test]
    fn a_fresh_estimator_gives_two_events_of_a_kilobyte() {
        let mut fresh = estimator();
        assert_eq!(fresh.block_bytes(), 0, "nothing outstanding");
        // Two appends at time 0: 10 ms between appends falls by a thousandth each, so 20 ms hold
        // 20 / (10 * 0.999^2) = 2.004 events of about 1 KiB: 20 outstanding would allow 10.
        fresh.record_append(Time::ZERO, 1, 1024);
        assert_eq!(fresh.block_bytes(), 0, "one outstanding");
        fresh.record_append(Time::ZERO, 2, 1024);
        assert_eq!(fresh.block_bytes(), 2_052);
    }

    #[test]
    fn acks_pull_the_block_towards_half_of_what_is_outstanding() {
        let mut fast = estimator();
        // 100 us between events for long: 20 ms would hold 200 events.
        let mut now = Time::ZERO;
        for number in 1..=20_000 {
            now += headwater_sim::time::Duration::from_micros(100);
            fast.record_append(now, number, 108);
            if number > 40 {
                fast.record_ack(number - 40);
            }
        }
        // Half of 40 events of 108 bytes.
        assert!(fast.block_bytes().abs_diff(2_160) <= 5, "{}", fast.block_bytes());
    }

    #[test]
    fn a_block_is_never_larger_than_the_limit() {
        let mut large = estimator();
        for number in 1..=100_000 {
            large.record_append(Time::ZERO, number, 10_000);
            large.record_ack(0);
        }
        assert_eq!(large.block_bytes(), 523_264);
    }
}
