//! Counts over time, in constant memory.

use headwater_sim::time::{Duration, Time};

/// Events per bin, with a fixed number of bins.
pub(super) struct Series {
    bin: u64,
    counts: Vec<u64>,
}

/// Bins of a description at most.
pub(super) const BINS: u64 = 720;

impl Series {
    pub(super) fn new(duration: Duration) -> Self {
        // Bins of whole milliseconds where the schedule is long enough for them.
        let least = duration.0.div_ceil(BINS).max(1);
        let bin = if least > 1_000_000 { least.next_multiple_of(1_000_000) } else { least };
        Self { bin, counts: vec![0; duration.0.div_ceil(bin) as usize] }
    }

    pub(super) fn see(&mut self, at: Time) {
        self.counts[(at.0 / self.bin) as usize] += 1;
    }

    /// The bin's length, and events per second in each.
    pub(super) fn finish(self) -> (Duration, Vec<f64>) {
        let rate = |count: &u64| *count as f64 * 1e9 / self.bin as f64;
        (Duration(self.bin), self.counts.iter().map(rate).collect())
    }
}

/// The most events in any second that begins at a tenth of one.
pub(super) struct Peak {
    step: u64,
    steps: [u64; 10],
    current: u64,
    most: u64,
    most_ends: u64,
}

impl Peak {
    pub(super) fn new(duration: Duration) -> Self {
        let window = duration.0.min(1_000_000_000);
        Self { step: window.div_ceil(10).max(1), steps: [0; 10], current: 0, most: 0, most_ends: 0 }
    }

    pub(super) fn see(&mut self, at: Time) {
        let step = at.0 / self.step;
        while self.current < step {
            self.close();
            // More than ten empty steps give nothing.
            self.current = if step - self.current > 10 { step - 10 } else { self.current + 1 };
            self.steps[(self.current % 10) as usize] = 0;
        }
        self.steps[(step % 10) as usize] += 1;
    }

    fn close(&mut self) {
        let sum = self.steps.iter().sum();
        if sum > self.most {
            (self.most, self.most_ends) = (sum, self.current + 1);
        }
    }

    /// Events per second, and the start of that second.
    pub(super) fn finish(mut self) -> (f64, Time) {
        self.close();
        let rate = self.most as f64 * 1e9 / (self.step * 10) as f64;
        (rate, Time(self.most_ends.saturating_sub(10) * self.step))
    }
}

/// Variance over mean of the counts in whole windows of one length.
#[derive(Clone)]
pub(super) struct Dispersion {
    window: u64,
    windows: u64,
    current: u64,
    count: u64,
    sum: u128,
    squares: u128,
}

impl Dispersion {
    pub(super) fn new(window: Duration, duration: Duration) -> Self {
        let windows = duration.0 / window.0;
        Self { window: window.0, windows, current: 0, count: 0, sum: 0, squares: 0 }
    }

    pub(super) fn see(&mut self, at: Time) {
        let window = at.0 / self.window;
        if window != self.current {
            self.close();
            self.current = window;
        }
        self.count += 1;
    }

    fn close(&mut self) {
        if self.current < self.windows {
            self.sum += u128::from(self.count);
            self.squares += u128::from(self.count) * u128::from(self.count);
        }
        self.count = 0;
    }

    /// The window's length and the index; `None` with fewer than ten windows or no event.
    pub(super) fn finish(mut self) -> Option<(Duration, f64)> {
        self.close();
        if self.windows < 10 || self.sum == 0 {
            return None;
        }
        let n = self.windows as f64;
        let mean = self.sum as f64 / n;
        let variance = (self.squares as f64 - n * mean * mean) / (n - 1.0);
        Some((Duration(self.window), variance / mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_found_across_whole_seconds_and_after_a_pause() {
        let mut peak = Peak::new(Duration::from_secs(100));
        let times = (0..10).map(|n| n * 500).chain((0..40).map(|n| 60_550 + n * 20));
        times.for_each(|ms| peak.see(Time(ms * 1_000_000)));
        let (rate, at) = peak.finish();
        assert_eq!(rate, 40.0);
        assert!((60_300..=60_600).contains(&(at.0 / 1_000_000)), "{at}");
    }

    #[test]
    fn dispersion_is_that_of_all_windows_the_empty_ones_too() {
        let secs = Duration::from_secs;
        let mut dispersion = Dispersion::new(secs(1), secs(10));
        (0..20).for_each(|_| dispersion.see(Time(3_500_000_000)));
        // Counts 20 and nine times 0: mean 2, variance (18^2 + 9 x 2^2) / 9 = 40.
        assert_eq!(dispersion.finish(), Some((secs(1), 20.0)));
    }
}
