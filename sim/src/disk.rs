//! The disk: records per file, what is cached and what is durable, and how long it all takes.
//!
//! A write goes to the page cache and is visible at once. A sync makes durable what the file held
//! when it was asked for. A process crash keeps the page cache; a power cut keeps what was durable
//! and a seeded choice of the rest.

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::time::Duration;
use crate::units::{Bytes, BytesPerSecond};

/// A disk of a machine, by its place in [`crate::machine::MachineSpec::disks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskId(pub u8);

/// A file of one node on one disk. The number is the node's to choose.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct FileId(pub u64);

/// Why a disk operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// No space is left (ENOSPC).
    Full,
    /// The device returned an error (EIO).
    Io,
    /// There is no such file.
    NoSuchFile,
}

/// A disk operation.
#[derive(Clone, Debug)]
pub enum DiskOp<R> {
    /// Append a record. Completes as `Written` once it is in the page cache, which takes time only
    /// when too much is dirty or the file system's journal can't be written.
    Write {
        /// The file.
        file: FileId,
        /// The record.
        record: R,
    },
    /// Make durable what the file holds now (fdatasync). Completes as `Synced`.
    Sync {
        /// The file.
        file: FileId,
    },
    /// Read records, again and again until all are there or the file ends, as `readFully` does.
    /// Completes as `Read`; at once if they are in the page cache.
    Read {
        /// The file.
        file: FileId,
        /// The first record's number.
        from: u64,
        /// How many at the most.
        count: u64,
    },
    /// Read records once, as read(2) does: it may give fewer than are there. Completes as `Read`.
    ReadOnce {
        /// The file.
        file: FileId,
        /// The first record's number.
        from: u64,
        /// How many at the most.
        count: u64,
    },
    /// Keep the first `keep` records and drop the others. Completes as `Written` with `index` =
    /// the number of records kept. The drop is durable with the next sync of the file.
    Truncate {
        /// The file.
        file: FileId,
        /// Records to keep.
        keep: u64,
    },
    /// Drop what the first `records` of a file took on the disk, durably: of a log that is cut from
    /// its beginning. The others keep their numbers; `record` stands for those of them that nothing
    /// has stood for yet ([`crate::fold`]). Completes as `Written` with `index` = the number of
    /// records, dropped ones included.
    Discard {
        /// The file.
        file: FileId,
        /// How many.
        records: u64,
        /// What stands for them. Boxed, as it is seldom: effects are moved often.
        record: Box<R>,
    },
    /// Remove the file, durably. Completes as `Synced`, also where there is none.
    Delete {
        /// The file.
        file: FileId,
    },
    /// List this node's files. Completes as `Listed`.
    List,
}

/// A disk's constants. Keys that have a default may be left out of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// Sequential write bandwidth of the device.
    pub write: BytesPerSecond,
    /// Read bandwidth of the device.
    pub read: BytesPerSecond,
    /// What a sync costs beyond moving its dirty bytes (flush of the device's cache, journal
    /// commit).
    pub sync: Distribution,
    /// A sync of one file first writes what is dirty of all others: true for ext3 and for ext4 with
    /// `nodelalloc`, whose journal commits the data of a transaction with it (`data=ordered`). With
    /// delayed allocation blocks are not part of a transaction before they are written
    /// (`ext4_map_blocks` @ 6.12), and XFS has no such mode: false, the default.
    #[serde(default)]
    pub ordered: bool,
    /// What an uncached read costs beyond moving its bytes.
    pub seek: Distribution,
    /// Dirty bytes at which writes stand still until some are written back (Linux
    /// `vm.dirty_ratio`, 20 % of the memory that is available).
    pub dirty_max: Bytes,
    /// Dirty bytes above which writeback begins (Linux `vm.dirty_background_ratio`, 10 %); zero,
    /// the default, for half of `dirty_max`.
    #[serde(default)]
    pub dirty_background: Bytes,
    /// Age at which dirty data is written back in the background without a sync
    /// (Linux `vm.dirty_expire_centisecs`: 30 s).
    pub writeback_after: Duration,
    /// How much writeback the device has taken on at a time, by how long it takes: what a sync or a
    /// read waits behind while writeback runs. 2 ms, the default, is what Linux holds it down to
    /// for solid-state drives, and 75 ms for others (`/sys/block/*/queue/wbt_lat_usec`,
    /// `block/blk-wbt.c` @ 6.12).
    #[serde(default = "writeback_ahead")]
    pub writeback_ahead: Duration,
    /// Page cache that holds what was read or written lately; what is older is read from the
    /// device. The disks of a machine share one: the largest of theirs, unless
    /// [`crate::machine::MachineSpec::page_cache`] says how large it is.
    pub cache: Bytes,
    /// Space; zero for no limit.
    pub capacity: Bytes,
}

const fn writeback_ahead() -> Duration {
    Duration::from_millis(2)
}

impl DiskSpec {
    /// Dirty bytes above which writeback begins. A limit that is not below that of writers counts
    /// as half of theirs (`domain_dirty_limits` in `mm/page-writeback.c` @ 6.12).
    pub const fn background(&self) -> u64 {
        let (background, limit) = (self.dirty_background.0, self.dirty_max.0);
        if background == 0 || background >= limit { limit / 2 } else { background }
    }
}

impl Default for DiskSpec {
    /// A data-centre NVMe drive: 1 GB/s either way, 60 us (p99 200 us) for a flush, 80 us for a
    /// read. Writeback as in Linux (`Documentation/admin-guide/sysctl/vm.rst` @ 6.6).
    fn default() -> Self {
        let us = Duration::from_micros;
        Self {
            write: BytesPerSecond(1_000_000_000),
            read: BytesPerSecond(1_000_000_000),
            sync: Distribution::LogNormal { median: us(60), p99: us(200) },
            ordered: false,
            seek: Distribution::LogNormal { median: us(80), p99: us(200) },
            dirty_max: Bytes::from_gib(1),
            dirty_background: Bytes(0),
            writeback_after: Duration::from_secs(30),
            writeback_ahead: writeback_ahead(),
            cache: Bytes::from_gib(8),
            capacity: Bytes(0),
        }
    }
}
