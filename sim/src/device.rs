//! The block device and page cache under the files of a machine: who waits how long.

use rand::distr::Distribution;
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

use crate::disk::DiskSpec;
use crate::files::Tearing;
use crate::random::Stream;
use crate::time::{Duration, Time};
use crate::units::BytesPerSecond;

/// A way in which a disk misbehaves. Each kind is set on its own; zero, an unlimited rate and
/// [`Tearing::Prefix`] lift it. Rates are in a million operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DiskFault {
    /// Reads that the page cache does not answer fail with EIO.
    ReadErrors(u32),
    /// Writes fail with EIO.
    WriteErrors(u32),
    /// Syncs fail with EIO.
    SyncErrors {
        /// How many.
        ppm: u32,
        /// The pages are then marked clean: a later sync succeeds without having written them, as
        /// Linux file systems do (the "fsyncgate" of PostgreSQL, 2018). False: they stay dirty.
        forgets: bool,
    },
    /// A read gives fewer records than are there, and has to be repeated for the rest.
    ShortReads(u32),
    /// Writes never reach the medium, whatever is synced: the page cache shows them until it is
    /// cold.
    LostWrites(u32),
    /// Syncs take their time and make nothing durable: a drive that lies about its cache. A later
    /// sync that is honest covers what they should have.
    LostSyncs(u32),
    /// Writes land in the place of another record of the file.
    MisdirectedWrites(u32),
    /// Reads that the page cache does not answer come from a place one record off.
    MisdirectedReads(u32),
    /// A limit to its bandwidth, for reads and for writes each.
    Throttle(BytesPerSecond),
    /// What a power cut leaves of records that no sync has covered.
    Tearing(Tearing),
}

/// What is set of [`DiskFault`].
#[derive(Clone, Copy, Debug, Default)]
struct Faulty {
    read_errors: u32,
    write_errors: u32,
    sync_errors: (u32, bool),
    short_reads: u32,
    lost_writes: u32,
    lost_syncs: u32,
    misdirected_writes: u32,
    misdirected_reads: u32,
    throttle: BytesPerSecond,
    tearing: Tearing,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFate {
    /// It reaches the page cache, and the medium when it is synced.
    Good,
    /// It never reaches the medium.
    Lost,
    /// It lands on another record; the number picks which.
    Misdirected(u64),
    /// EIO.
    Failed,
}

/// What becomes of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncFate {
    /// It makes durable what it covers.
    Good,
    /// It reports success and makes nothing durable.
    Lost,
    /// It makes durable what it covers, and reports a writeback that failed before (EIO), as Linux
    /// does since 4.13 (`errseq_t`).
    TellsOfEarlier,
    /// EIO, and the pages are forgotten or not.
    Failed {
        /// Marked clean, without having been written.
        forgotten: bool,
    },
}

/// What becomes of a read from the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFate {
    /// It gives what is there.
    Good,
    /// It gives what lies one record further.
    Misdirected,
    /// EIO.
    Failed,
}

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
    /// Bytes that were written back at the expense of a throttled writer, not by a sync.
    prepaid: u64,
    syncs: Stream,
    seeks: Stream,
    faulty: Faulty,
    faults: Stream,
    /// Files made on it so far.
    births: u64,
}

impl Device {
    /// An idle device.
    pub fn new(spec: DiskSpec, [syncs, seeks, faults]: [Stream; 3]) -> Self {
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
            prepaid: 0,
            syncs,
            seeks,
            faulty: Faulty::default(),
            faults,
            births: 0,
        }
    }

    /// Sets or lifts one way in which it misbehaves.
    pub const fn misbehave(&mut self, fault: DiskFault) {
        let faulty = &mut self.faulty;
        match fault {
            DiskFault::ReadErrors(ppm) => faulty.read_errors = ppm,
            DiskFault::WriteErrors(ppm) => faulty.write_errors = ppm,
            DiskFault::SyncErrors { ppm, forgets } => faulty.sync_errors = (ppm, forgets),
            DiskFault::ShortReads(ppm) => faulty.short_reads = ppm,
            DiskFault::LostWrites(ppm) => faulty.lost_writes = ppm,
            DiskFault::LostSyncs(ppm) => faulty.lost_syncs = ppm,
            DiskFault::MisdirectedWrites(ppm) => faulty.misdirected_writes = ppm,
            DiskFault::MisdirectedReads(ppm) => faulty.misdirected_reads = ppm,
            DiskFault::Throttle(rate) => faulty.throttle = rate,
            DiskFault::Tearing(tearing) => faulty.tearing = tearing,
        }
    }

    /// What becomes of the write at hand.
    pub fn write_fate(&mut self) -> WriteFate {
        if self.faults.chance_ppm(self.faulty.write_errors) {
            WriteFate::Failed
        } else if self.faults.chance_ppm(self.faulty.lost_writes) {
            WriteFate::Lost
        } else if self.faults.chance_ppm(self.faulty.misdirected_writes) {
            WriteFate::Misdirected(self.faults.next_u64())
        } else {
            WriteFate::Good
        }
    }

    /// What becomes of the sync at hand.
    pub fn sync_fate(&mut self) -> SyncFate {
        let (ppm, forgotten) = self.faulty.sync_errors;
        if self.faults.chance_ppm(ppm) {
            SyncFate::Failed { forgotten }
        } else if self.faults.chance_ppm(self.faulty.lost_syncs) {
            SyncFate::Lost
        } else {
            SyncFate::Good
        }
    }

    /// What becomes of the read at hand, if it has to go to the medium.
    pub fn read_fate(&mut self) -> ReadFate {
        if self.faults.chance_ppm(self.faulty.read_errors) {
            ReadFate::Failed
        } else if self.faults.chance_ppm(self.faulty.misdirected_reads) {
            ReadFate::Misdirected
        } else {
            ReadFate::Good
        }
    }

    /// How many of `records` the read at hand gives; at least one.
    pub fn short_read(&mut self, records: usize) -> usize {
        if records > 1 && self.faults.chance_ppm(self.faulty.short_reads) {
            return self.faults.random_range(1..records as u64) as usize;
        }
        records
    }

    /// The number of a file that is made now.
    pub const fn birth(&mut self) -> u64 {
        self.births += 1;
        self.births
    }

    /// What a power cut leaves of what no sync has covered.
    pub const fn tearing(&self) -> Tearing {
        self.faulty.tearing
    }

    /// Time to move bytes at this rate, or at the throttle's if that is less.
    fn transfer(&self, rate: BytesPerSecond, bytes: u64) -> Duration {
        rate.transfer(bytes).max(self.faulty.throttle.transfer(bytes))
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
            done = self.occupy(now, self.transfer(self.spec.write, bytes));
            self.dirty -= bytes;
            self.prepaid += bytes;
        }
        Some((done, self.cached))
    }

    /// Moves `bytes` of dirty data to the device and flushes its cache. When that is done.
    pub fn sync(&mut self, now: Time, bytes: u64) -> Time {
        let flush = self.spec.sync.sample(&mut self.syncs);
        let left = self.unpaid(bytes);
        self.occupy(now, flush + self.transfer(self.spec.write, left))
    }

    /// Dirty bytes go clean: how many of them are still to be written.
    fn unpaid(&mut self, bytes: u64) -> u64 {
        let left = bytes - self.prepaid.min(bytes);
        self.prepaid -= bytes - left;
        self.dirty = self.dirty.saturating_sub(left);
        left
    }

    /// Writes `bytes` back in the background. When that is done.
    pub fn write_back(&mut self, now: Time, bytes: u64) -> Time {
        let left = self.unpaid(bytes);
        self.occupy(now, self.transfer(self.spec.write, left))
    }

    /// Reads `bytes` that are not in the page cache. When that is done.
    pub fn read(&mut self, now: Time, bytes: u64) -> Time {
        if bytes == 0 {
            return now;
        }
        let transfer = self.scaled(self.transfer(self.spec.read, bytes));
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

    /// Space is taken by files that come from elsewhere.
    pub const fn take(&mut self, bytes: u64) {
        self.used += bytes;
    }

    /// Dirty data was dropped with its file: nobody has to write it back.
    pub fn clean(&mut self, bytes: u64) {
        self.unpaid(bytes);
    }

    /// A sync has failed and its data is dirty as before.
    pub const fn dirty_again(&mut self, bytes: u64) {
        self.dirty += bytes;
    }

    /// The power went: the page cache is cold, nothing is dirty, nothing is queued.
    pub fn power_cut(&mut self, now: Time) {
        self.cold_below = self.cached;
        (self.dirty, self.prepaid) = (0, 0);
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
