//! Time: the run's clock, and the machine's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long before an intended time the pacer stops sleeping. Sleeps of Linux end up to about this
/// late: 50 us of timer slack (`prctl(2)`, `PR_SET_TIMERSLACK`) and as much again to be scheduled.
const SPIN: Duration = Duration::from_micros(150);

/// Longest uninterrupted sleep, so that an interruption is noticed.
const NAP: Duration = Duration::from_millis(50);

/// The run's clock: nanoseconds since its start, zero before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<OnceLock<Instant>>);

impl Clock {
    /// Starts now; clients are connected before that.
    pub(crate) fn start(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.0.get().map_or(0, |start| start.elapsed().as_nanos() as u64)
    }

    /// Waits until `at` (nanoseconds), the last of it without sleep; false if `stop` was raised
    /// before.
    pub(crate) fn wait(&self, at: u64, stop: &AtomicBool) -> bool {
        loop {
            let left = Duration::from_nanos(at.saturating_sub(self.now()));
            if left.is_zero() {
                return true;
            }
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            match left.checked_sub(SPIN) {
                Some(sleep) if !sleep.is_zero() => std::thread::sleep(sleep.min(NAP)),
                _ => std::hint::spin_loop(),
            }
        }
    }

    /// Sleeps until `at` (nanoseconds), to the precision of a sleep; false if `stop` was raised.
    pub(crate) fn sleep_until(&self, at: u64, stop: &AtomicBool) -> bool {
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = Duration::from_nanos(at.saturating_sub(self.now()));
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}
