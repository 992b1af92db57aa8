//! A log in memory, for the standalone emulator.
//!
//! Stands for `InMemoryDurableDataLog` @ v0.13.0 with its default delay of zero. Its queue
//! statistics are always empty, so nothing batches or throttles for its sake. Its content goes with
//! the process; as no container of the emulator moves or restarts alone, nothing is kept to be
//! given back.
//!
//! Parameters: none. Left out: its content, of which it knows how many bytes of the process's heap
//! it takes, and the optional append delay.

use std::collections::VecDeque;

use headwater_sim::time::Time;

use super::{LogAddress, LogEvent};

/// The log.
#[derive(Debug, Default)]
pub struct InMemoryLog {
    next: u64,
    /// Bytes of the frames that are not truncated.
    frames: VecDeque<u64>,
}

impl InMemoryLog {
    /// Opens it, empty. Its epoch is the time in ms, so that a later life has a greater one.
    pub fn start(&mut self, now: Time) -> Vec<LogEvent> {
        vec![LogEvent::Initialized { epoch: 1 + now.as_nanos() / 1_000_000, frames: Vec::new() }]
    }

    /// Appends a frame of so many bytes, at once.
    pub fn append(&mut self, bytes: u64) -> Vec<LogEvent> {
        let address = LogAddress { ledger: 0, entry: self.next };
        self.next += 1;
        self.frames.push_back(bytes);
        vec![LogEvent::Appended(address)]
    }

    /// Drops the frames before `address`; gives back how many bytes they had.
    pub fn truncate(&mut self, address: LogAddress) -> u64 {
        let first = self.next - self.frames.len() as u64;
        self.frames.drain(..address.entry.saturating_sub(first) as usize).sum()
    }
}
