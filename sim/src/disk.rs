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
    /// when too much is dirty.
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
    /// Remove the file, durably. Completes as `Synced`, also where there is none.
    Delete {
        /// The file.
        file: FileId,
    },
    /// List this node's files. Completes as `Listed`.
    List,
}

/// A disk's constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// Sequential write bandwidth of the device.
    pub write: BytesPerSecond,
    /// Read bandwidth of the device.
    pub read: BytesPerSecond,
    /// What a sync costs beyond moving its dirty bytes (flush of the device's cache, journal
    /// commit).
    pub sync: Distribution,
    /// What an uncached read costs beyond moving its bytes.
    pub seek: Distribution,
    /// Dirty bytes above which a write waits for writeback (Linux `vm.dirty_ratio`).
    pub dirty_max: Bytes,
    /// Age at which dirty data is written back in the background without a sync
    /// (Linux `vm.dirty_expire_centisecs`: 30 s).
    pub writeback_after: Duration,
    /// Page cache that holds what was read or written lately; what is older is read from the
    /// device.
    pub cache: Bytes,
    /// Space; zero for no limit.
    pub capacity: Bytes,
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
            seek: Distribution::LogNormal { median: us(80), p99: us(200) },
            dirty_max: Bytes::from_gib(1),
            writeback_after: Duration::from_secs(30),
            cache: Bytes::from_gib(8),
            capacity: Bytes(0),
        }
    }
}
