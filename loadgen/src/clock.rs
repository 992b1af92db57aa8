//! Time: the run's clock, and the machine's.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::thread::{clock_nanosleep_absolute, set_current_timer_slack};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// CPU time of this thread.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Longest uninterrupted sleep, so that an interruption is noticed.
const NAP: Duration = Duration::from_millis(50);

/// The run's clock: nanoseconds since its start, zero before. It is the machine's monotonic clock,
/// which a JVM's `System.nanoTime` reads as well (`os::javaTimeNanos`, os_posix.cpp @ OpenJDK 17).
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<OnceLock<Start>>);

/// When a run started.
#[derive(Clone, Copy, Debug)]
struct Start {
    at: Instant,
    /// The same, on the monotonic clock.
    monotonic_ns: u64,
    /// The same, microseconds since the Unix epoch.
    unix_us: u64,
}

impl Clock {
    /// Starts now; clients are connected before that.
    pub(crate) fn start(&self) {
        self.0.get_or_init(|| Start {
            at: Instant::now(),
            monotonic_ns: monotonic_ns(),
            unix_us: unix_us(),
        });
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.0.get().map_or(0, |start| start.at.elapsed().as_nanos() as u64)
    }

    /// What the machine's monotonic clock showed at the start, nanoseconds; none before it.
    pub(crate) fn started(&self) -> Option<u64> {
        self.0.get().map(|start| start.monotonic_ns)
    }

    /// The start, milliseconds since the Unix epoch; zero before it.
    pub(crate) fn started_unix_ms(&self) -> u64 {
        self.started_unix_us() / 1_000
    }

    /// The start, microseconds since the Unix epoch; zero before it.
    pub(crate) fn started_unix_us(&self) -> u64 {
        self.0.get().map_or(0, |start| start.unix_us)
    }

    /// Sleeps until `at` (nanoseconds), to the precision of the thread's timers
    /// ([`precise_timers`]); false if `stop` was raised before.
    pub(crate) fn sleep_until(&self, at: u64, stop: &AtomicBool) -> bool {
        let started = self.started().unwrap_or_else(monotonic_ns);
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let now = self.now();
            if now >= at {
                return true;
            }
            let until = started + at.min(now + NAP.as_nanos() as u64);
            let until = Timespec {
                tv_sec: (until / 1_000_000_000) as i64,
                tv_nsec: (until % 1_000_000_000) as i64,
            };
            // A signal that ends it early only makes another turn.
            let _ = clock_nanosleep_absolute(rustix::thread::ClockId::Monotonic, &until);
        }
    }
}

/// The machine's monotonic clock, nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Takes the 50 us off that Linux lets the timers of a thread be late by, to wake several at once
/// (`PR_SET_TIMERSLACK`, prctl(2)). Threads in real time have none.
pub(crate) fn precise_timers() {
    // Where it is refused the lag is what the machine gives, and is measured.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
}

/// The day of a time in seconds since 1970, such as `2026-11-28`.
pub(crate) fn date(seconds: u64) -> String {
    let (year, month, day) = headwater_traffic::civil(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    unix_us() / 1_000
}

/// Microseconds since the Unix epoch.
fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as u64)
}
