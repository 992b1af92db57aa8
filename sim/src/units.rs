//! Bytes, rates and identities as types of their own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::{ParseError, parse_with_unit, serde_as_text};
use crate::time::Duration;

/// A size in bytes, written and read with a unit: `512B`, `1MiB`, `2GB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const BYTE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

impl FromStr for Bytes {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse_with_unit(text, BYTE_UNITS, "a size such as \"1MiB\"").map(Self)
    }
}

serde_as_text!(Bytes, "1MiB");

impl Bytes {
    /// From kibibytes.
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// From mebibytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// From gibibytes.
    pub const fn from_gib(gib: u64) -> Self {
        Self(gib << 30)
    }
}

/// A bandwidth in bytes per second; zero means unlimited. Written and read with a unit, bytes or
/// bits (`Gbit/s`, as network cards are sold): `250MB/s`, `1GiB/s`, `10Gbit/s`, `unlimited`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BytesPerSecond(pub u64);

const RATE_UNITS: &[(&str, u64)] = &[
    ("B/s", 1),
    ("KB/s", 1_000),
    ("KiB/s", 1 << 10),
    ("MB/s", 1_000_000),
    ("MiB/s", 1 << 20),
    ("GB/s", 1_000_000_000),
    ("GiB/s", 1 << 30),
    ("Mbit/s", 125_000),
    ("Gbit/s", 125_000_000),
];

impl FromStr for BytesPerSecond {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.trim() == "unlimited" {
            return Ok(Self::UNLIMITED);
        }
        match parse_with_unit(text, RATE_UNITS, "a bandwidth such as \"250MB/s\"")? {
            0 => Err(ParseError::new(text, "a bandwidth above zero, or \"unlimited\"")),
            rate => Ok(Self(rate)),
        }
    }
}

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => write!(f, "unlimited"),
            n if n % 1_000_000 == 0 => write!(f, "{}MB/s", n / 1_000_000),
            n => write!(f, "{n}B/s"),
        }
    }
}

serde_as_text!(BytesPerSecond, "250MB/s");

impl BytesPerSecond {
    /// No limit: a transfer takes no time.
    pub const UNLIMITED: Self = Self(0);

    /// Time to move `bytes` at this rate, rounded up to a nanosecond.
    pub const fn transfer(self, bytes: u64) -> Duration {
        if self.0 == 0 {
            return Duration::ZERO;
        }
        // Below 18 GB the product fits 64 bits, which is several times faster.
        if bytes < u64::MAX / 1_000_000_000 {
            return Duration((bytes * 1_000_000_000).div_ceil(self.0));
        }
        Duration((bytes as u128 * 1_000_000_000).div_ceil(self.0 as u128) as u64)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 30 && n % (1 << 30) == 0 => write!(f, "{}GiB", n >> 30),
            n if n >= 1 << 20 && n % (1 << 20) == 0 => write!(f, "{}MiB", n >> 20),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}

/// A process of the simulation, in the order in which it was added.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

/// A machine: what nodes share (cores, disks, NIC, power).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MachineId(pub u32);

impl NodeId {
    /// In place of a node, for a process that is not of the system.
    pub const NOBODY: Self = Self(u32::MAX);

    /// As an index into per-node tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl MachineId {
    /// As an index into per-machine tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}
