//! The page cache of a machine: which records are still in memory.
//!
//! Ranges are kept, not pages: each record has a stamp, the cache's count of bytes when it was put
//! in, and is there as long as no more than the cache's size has been put in since. What is read
//! from a disk is put in again, and pushes out what is oldest. So nothing is kept for each page,
//! and a run that fits into memory pays nothing at all.
//!
//! Stands for the inactive list of Linux (`mm/vmscan.c` @ 6.12), which is first in, first out for
//! what is used once, as a log is. Left out: the active list (a page that is read twice while it is
//! inactive stays longer), and read-ahead.

use crate::units::Bytes;

/// The page cache of a machine.
#[derive(Clone, Copy, Debug)]
pub struct PageCache {
    capacity: u64,
    /// Bytes ever put in.
    taken_in: u64,
    /// `taken_in` at the last power cut: what is older was lost.
    cold_below: u64,
    /// Files came from another machine: none of them is here.
    strangers: bool,
}

impl PageCache {
    /// An empty cache of this size.
    pub const fn new(capacity: Bytes) -> Self {
        Self { capacity: capacity.0, taken_in: 0, cold_below: 0, strangers: false }
    }

    /// Puts bytes in. Their stamp.
    #[inline]
    pub const fn take_in(&mut self, bytes: u64) -> u64 {
        self.taken_in += bytes;
        self.taken_in
    }

    /// True if what has this stamp is still there. Nothing ever has the stamp zero.
    #[inline]
    pub const fn holds(&self, stamp: u64) -> bool {
        stamp > self.cold_below && self.taken_in - stamp < self.capacity
    }

    /// True if all that was ever put in is still there.
    #[inline]
    pub const fn holds_everything(&self) -> bool {
        self.cold_below == 0 && !self.strangers && self.taken_in < self.capacity
    }

    /// Files have come from another machine; their stamps are zero.
    pub const fn meet_strangers(&mut self) {
        self.strangers = true;
    }

    /// Everything is lost.
    pub const fn power_cut(&mut self) {
        self.cold_below = self.taken_in;
    }
}
