//! The block device and page cache under the files of a machine: who waits how long.

use crate::disk::DiskSpec;
use crate::random::Stream;
use crate::time::{Duration, Time};

/// A disk of a machine. Writes and syncs go through one queue, first come, first served, as a
/// file system's journal serialises them; reads go through another.
#[derive(Debug)]
pub struct Device {
    spec: DiskSpec,
    write_free_at: Time,
    read_free_at: Time,
    busy: Duration,
    /// Bytes ever put into the page cache: the newest `spec.cache` of them are still there.
    cached: u64,
    /// `cached` at the last power cut: what is older was lost from the cache.
    cold_below: u64,
    dirty: u64,
    dirty_max: u64,
    used: u64,
    full: bool,
    percent: u32,
    syncs: Stream,
    seeks: Stream,
}

impl Device {
    /// An idle device.
    pub fn new(spec: DiskSpec, syncs: Stream, seeks: Stream) -> Self {
        Self {
            spec,
            write_free_at: Time::ZERO,
            read_free_at: Time::ZERO,
            busy: Duration::ZERO,
            cached: 0,
            cold_below: 0,
            dirty: 0,
            dirty_max: 0,
            used: 0,
            full: false,
            percent: 100,
            syncs,
            seeks,
        }
    }

    fn scaled(&self, time: Duration) -> Duration {
        if self.percent == 100 { time } else { time * u64::from(self.percent) / 100 }
    }

    /// Takes a write into the page cache. When it returns, and the stamp of its bytes; nothing if
    /// there is no space.
    pub fn write(&mut self, now: Time, bytes: u64) -> Option<(Time, u64)> {
        let capacity = self.spec.capacity.0;
        if self.full || (capacity != 0 && self.used + bytes > capacity) {
            return None;
        }
        self.used += bytes;
        self.cached += bytes;
        self.dirty += bytes;
        self.dirty_max = self.dirty_max.max(self.dirty);
        let mut done = now;
        if self.dirty > self.spec.dirty_max.0 {
            // The writer is made to wait until as much has been written back.
            done = self.occupy(now, self.spec.write.transfer(bytes));
            self.dirty -= bytes;
        }
        Some((done, self.cached))
    }

    /// Moves `bytes` of dirty data to the device and flushes its cache. When that is done.
    pub fn sync(&mut self, now: Time, bytes: u64) -> Time {
        let cost = self.spec.sync.sample(&mut self.syncs) + self.spec.write.transfer(bytes);
        self.dirty = self.dirty.saturating_sub(bytes);
        self.occupy(now, cost)
    }

    /// Writes `bytes` back in the background. When that is done.
    pub fn write_back(&mut self, now: Time, bytes: u64) -> Time {
        self.dirty = self.dirty.saturating_sub(bytes);
        self.occupy(now, self.spec.write.transfer(bytes))
    }

    /// Reads `bytes` that are not in the page cache. When that is done.
    pub fn read(&mut self, now: Time, bytes: u64) -> Time {
        if bytes == 0 {
            return now;
        }
        let transfer = self.scaled(self.spec.read.transfer(bytes));
        let seek = self.spec.seek.sample(&mut self.seeks);
        self.read_free_at = self.read_free_at.max(now) + transfer;
        self.busy += transfer;
        self.read_free_at + self.scaled(seek)
    }

    fn occupy(&mut self, now: Time, cost: Duration) -> Time {
        let cost = self.scaled(cost);
        self.write_free_at = self.write_free_at.max(now) + cost;
        self.busy += cost;
        self.write_free_at
    }

    /// True if bytes with this stamp are still in the page cache.
    pub const fn is_cached(&self, stamp: u64) -> bool {
        stamp > self.cold_below && self.cached - stamp < self.spec.cache.0
    }

    /// Gives space back.
    pub const fn release(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Dirty data was dropped with its file: nobody has to write it back.
    pub const fn clean(&mut self, bytes: u64) {
        self.dirty = self.dirty.saturating_sub(bytes);
    }

    /// The power went: the page cache is cold, nothing is dirty, nothing is queued.
    pub fn power_cut(&mut self, now: Time) {
        self.cold_below = self.cached;
        self.dirty = 0;
        (self.write_free_at, self.read_free_at) = (now, now);
    }

    /// Nothing is served for `time`.
    pub fn stall(&mut self, now: Time, time: Duration) {
        self.write_free_at = self.write_free_at.max(now) + time;
        self.read_free_at = self.read_free_at.max(now) + time;
    }

    /// Every operation takes `percent` of its usual time from now on.
    pub fn slow(&mut self, percent: u32) {
        self.percent = percent.max(1);
    }

    /// No space is left, or there is again.
    pub const fn fill(&mut self, full: bool) {
        self.full = full;
    }

    /// Age at which dirty data is written back.
    pub const fn writeback_after(&self) -> Duration {
        self.spec.writeback_after
    }

    /// Busy time so far, work already queued included.
    pub const fn busy(&self) -> Duration {
        self.busy
    }

    /// Dirty bytes now.
    pub const fn dirty(&self) -> u64 {
        self.dirty
    }

    /// Dirty bytes at the most.
    pub const fn dirty_max(&self) -> u64 {
        self.dirty_max
    }
}
