//! The block device and page cache under the files of a machine: who waits how long.

use rand::distr::Distribution;
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

use crate::disk::DiskSpec;
use crate::files::Tearing;
use crate::meter::Meter;
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

/// How often the journal of a file system commits what has changed (`JBD2_DEFAULT_MAX_COMMIT_AGE`,
/// `include/linux/jbd2.h` @ 6.12).
const COMMIT_AFTER: Duration = Duration::from_secs(5);

/// Bytes of the log that a commit writes before its record: one block for a few inodes.
const LOG_BLOCK: u64 = 4 << 10;

/// The longest that a throttled writer sleeps before it looks again (`MAX_PAUSE`,
/// `mm/page-writeback.c` @ 6.12).
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// A writer that would have to sleep for less goes on, and its pause is added to the next one's
/// (`wb_min_pause`, `mm/page-writeback.c` @ 6.12: HZ/100 to begin with).
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// One in the fixed point of `mm/page-writeback.c` (`RATELIMIT_CALC_SHIFT`, 10 bits).
const ONE: i64 = 1 << 10;

/// A disk of a machine: one server. Writes, syncs and writeback are served first come, first
/// served; a read goes ahead of them, but for what the device has taken on already
/// ([`DiskSpec::writeback_ahead`]).
#[derive(Debug)]
pub struct Device {
    spec: DiskSpec,
    /// When all that was asked for is served.
    free_at: Time,
    /// When the reads that were asked for are served.
    reads_free_at: Time,
    meter: Meter,
    /// Bytes in the page cache that have not been handed to the device.
    dirty: u64,
    /// Bytes of the page cache that the device is writing.
    under_way: u64,
    dirty_max: u64,
    /// Bytes ever written to the page cache.
    written: u64,
    /// Until when writers that have arrived so far are throttled.
    paced_until: Time,
    /// When the first change was made that the file system's journal has not committed.
    changed_since: Option<Time>,
    /// Until when a commit writes the log: whoever changes an inode of it waits.
    log_until: Time,
    used: u64,
    full: bool,
    percent: u32,
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
            free_at: Time::ZERO,
            reads_free_at: Time::ZERO,
            meter: Meter::default(),
            dirty: 0,
            under_way: 0,
            dirty_max: 0,
            written: 0,
            paced_until: Time::ZERO,
            changed_since: None,
            log_until: Time::ZERO,
            used: 0,
            full: false,
            percent: 100,
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

    /// Takes a write into the page cache. When it returns; nothing if there is no space.
    pub fn write(&mut self, now: Time, bytes: u64) -> Option<Time> {
        let capacity = self.spec.capacity.0;
        if self.full || (capacity != 0 && self.used + bytes > capacity) {
            return None;
        }
        self.used += bytes;
        self.written += bytes;
        self.dirty += bytes;
        let dirty = self.dirty + self.under_way;
        self.dirty_max = self.dirty_max.max(dirty);
        let admitted = self.change_metadata(now);
        let freerun = self.spec.background().midpoint(self.spec.dirty_max.0);
        if dirty <= freerun {
            return Some(admitted);
        }
        Some(admitted.max(self.balance(now, bytes, dirty)))
    }

    /// A write changes its inode, which is in the journal's running transaction. When it may: the
    /// buffer of an inode that a commit is writing to the log is waited for
    /// (`do_get_write_access`, `fs/jbd2/transaction.c` @ 6.12).
    fn change_metadata(&mut self, now: Time) -> Time {
        if let Some(due) = self.changed_since.map(|since| since + COMMIT_AFTER)
            && due <= now
        {
            // A commit has begun meanwhile; its log is written behind what else was asked for.
            let log = self.scaled(self.transfer(self.spec.write, LOG_BLOCK));
            self.log_until = self.free_at.max(due) + log;
            self.changed_since = None;
        }
        self.changed_since.get_or_insert(now);
        self.log_until.max(now)
    }

    /// Throttles a writer of `bytes` while so much is dirty, at the pace of the device: half way
    /// between the background limit and that of writers there is no pause, at three quarters
    /// writers are let through as fast as the device writes, and at the limit not at all
    /// (`balance_dirty_pages` and `pos_ratio_polynom`, `mm/page-writeback.c` @ 6.12). When it goes
    /// on.
    #[cold]
    fn balance(&mut self, now: Time, bytes: u64, dirty: u64) -> Time {
        let limit = self.spec.dirty_max.0;
        let time = |bytes| self.scaled(self.transfer(self.spec.write, bytes));
        if dirty >= limit {
            // Until the excess is written, behind what else was asked for.
            let below = self.free_at.max(now) + time(dirty - limit);
            self.paced_until = self.paced_until.max(below);
            return self.paced_until;
        }
        let freerun = self.spec.background().midpoint(limit);
        let setpoint = freerun.midpoint(limit);
        let off = (setpoint as i64 - dirty as i64) * ONE / ((limit - setpoint) | 1) as i64;
        let cube = (off * off / ONE) * off / ONE;
        let share = (ONE + cube).clamp(1, 2 * ONE) as u64;
        let pause = (time(bytes) * ONE as u64 / share).min(PAUSE_MAX);
        self.paced_until = self.paced_until.max(now) + pause;
        if self.paced_until.since(now) < PAUSE_MIN { now } else { self.paced_until }
    }

    /// `bytes` of dirty data are handed to the device.
    pub const fn submit(&mut self, bytes: u64) {
        self.dirty = self.dirty.saturating_sub(bytes);
        self.under_way += bytes;
    }

    /// The device has written so much of what was handed to it, or has failed to: then it is dirty
    /// as before.
    pub const fn complete(&mut self, bytes: u64, dirty_again: bool) {
        self.under_way = self.under_way.saturating_sub(bytes);
        if dirty_again {
            self.dirty += bytes;
        }
    }

    /// Writes `bytes` that were handed to it and flushes its cache. When that is done.
    pub fn sync(&mut self, now: Time, bytes: u64) -> Time {
        let moved = self.write_back(now, bytes);
        // The caller asks for a commit when its data is written; the timer may be earlier.
        self.changed_since = self.changed_since.filter(|since| *since + COMMIT_AFTER <= moved);
        let flush = self.spec.sync.sample(&mut self.syncs);
        self.occupy(now, flush)
    }

    /// Writes `bytes` that were handed to it. When that is done.
    pub fn write_back(&mut self, now: Time, bytes: u64) -> Time {
        self.occupy(now, self.transfer(self.spec.write, bytes))
    }

    /// Reads `bytes` that are not in the page cache. When that is done.
    pub fn read(&mut self, now: Time, bytes: u64) -> Time {
        if bytes == 0 {
            return now;
        }
        let transfer = self.scaled(self.transfer(self.spec.read, bytes));
        let seek = self.spec.seek.sample(&mut self.seeks);
        let mut start = self.reads_free_at;
        if start <= now {
            let ahead = self.free_at.since(now).min(self.scaled(self.spec.writeback_ahead));
            start = now + ahead;
        }
        self.reads_free_at = start + transfer;
        self.free_at = (self.free_at.max(now) + transfer).max(self.reads_free_at);
        self.meter.until(now, self.free_at);
        self.reads_free_at + self.scaled(seek)
    }

    fn occupy(&mut self, now: Time, cost: Duration) -> Time {
        self.free_at = self.free_at.max(now) + self.scaled(cost);
        self.meter.until(now, self.free_at);
        self.free_at
    }

    /// When it will be through with what it was asked for.
    pub const fn free_at(&self) -> Time {
        self.free_at
    }

    /// Bytes of a piece of writeback: as many as others may have to wait behind.
    pub const fn piece(&self) -> u64 {
        let bytes = self.spec.write.0 as u128 * self.spec.writeback_ahead.0 as u128 / 1_000_000_000;
        if bytes == 0 { u64::MAX } else { bytes as u64 }
    }

    /// Whether so much is dirty that the flusher has to run.
    #[inline]
    pub const fn wants_writeback(&self) -> bool {
        self.dirty > self.spec.background()
    }

    /// Whether a sync first writes what is dirty of other files.
    pub const fn is_ordered(&self) -> bool {
        self.spec.ordered
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
    pub const fn clean(&mut self, bytes: u64) {
        self.dirty = self.dirty.saturating_sub(bytes);
    }

    /// The power went: nothing is dirty, nothing is queued.
    pub fn power_cut(&mut self, now: Time) {
        (self.dirty, self.under_way) = (0, 0);
        (self.free_at, self.reads_free_at) = (now, now);
        (self.paced_until, self.log_until, self.changed_since) = (now, now, None);
        self.meter.stop(now);
    }

    /// Nothing is served for `time`.
    pub fn stall(&mut self, now: Time, time: Duration) {
        self.free_at = self.free_at.max(now) + time;
        self.reads_free_at = self.reads_free_at.max(now) + time;
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

    /// The time during which it had something to do, up to `now`.
    pub const fn busy(&self, now: Time) -> Duration {
        self.meter.busy(now)
    }

    /// Dirty bytes now, those that the device is writing included.
    pub const fn dirty(&self) -> u64 {
        self.dirty + self.under_way
    }

    /// Dirty bytes at the most.
    pub const fn dirty_max(&self) -> u64 {
        self.dirty_max
    }

    /// Bytes ever written to its files.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// How fast it writes at the best.
    pub const fn write_rate(&self) -> BytesPerSecond {
        self.spec.write
    }
}
