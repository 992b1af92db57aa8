//! What one run of one engine costs, as one line that the comparison reads.
//!
//! The peers under `peers/` include this file too: every engine is measured by the same code.

use std::fs;
use std::time::Instant;

/// A measured run, printed as one line of JSON.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Messages handed to their receiver, requests and replies alike.
    pub messages: u64,
    /// Seconds by the wall clock.
    pub wall_seconds: f64,
    /// Seconds of processor time; the wall clock's where the system does not tell.
    pub core_seconds: f64,
    /// The engine's own fingerprint of the run; zero where it has none.
    pub fingerprint: u64,
}

impl Run {
    /// Runs `work`, which gives back the number of messages and a fingerprint, and measures it.
    pub fn measure(work: impl FnOnce() -> (u64, u64)) -> Self {
        let (wall, core) = (Instant::now(), core_nanos());
        let (messages, fingerprint) = work();
        let wall_seconds = wall.elapsed().as_secs_f64();
        let core_seconds = match (core, core_nanos()) {
            (Some(before), Some(after)) => (after - before) as f64 / 1e9,
            _ => wall_seconds,
        };
        Self { messages, wall_seconds, core_seconds, fingerprint }
    }

    /// Prints the line.
    pub fn print(&self) {
        println!(
            "{{\"messages\":{},\"wall_seconds\":{:.6},\"core_seconds\":{:.6},\"fingerprint\":{}}}",
            self.messages, self.wall_seconds, self.core_seconds, self.fingerprint
        );
    }
}

/// Processor time of every thread of this process so far, in nanoseconds
/// (`Documentation/scheduler/sched-stats.rst` @ Linux 6.6: first field of `schedstat`).
fn core_nanos() -> Option<u64> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let line = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum += line.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(sum)
}

/// The length of the run in virtual seconds: the last argument.
///
/// # Panics
/// If there is none, or it is no number.
pub fn virtual_seconds() -> u64 {
    let last = std::env::args().next_back().expect("an argument");
    last.parse().unwrap_or_else(|_| panic!("usage: [MODE] VIRTUAL_SECONDS, not {last}"))
}
