//! The flusher of a disk: which files it writes back, and in which order.
//!
//! Stands for `fs/fs-writeback.c` @ 6.12: every five seconds the files that have been dirty for
//! long enough, and whenever too much is dirty one file after the other, the one that has been
//! dirty for longest first, a piece of each at a time, until that is over.

use std::collections::VecDeque;

use crate::disk::FileId;
use crate::units::NodeId;

/// A file of a node, and the record up to which it is written back.
pub type Dirty = (NodeId, FileId, u64);

/// The flusher of a disk.
#[derive(Debug, Default)]
pub struct Flusher {
    /// Dirty for long enough: written whatever else is dirty.
    expired: VecDeque<Dirty>,
    /// Written while too much is dirty.
    round: VecDeque<Dirty>,
    /// The device has a piece.
    pub active: bool,
}

impl Flusher {
    /// A file has been dirty for long enough.
    pub fn expire(&mut self, file: Dirty) {
        self.expired.push_back(file);
    }

    /// The next file to write; of those that `dirty` lists, oldest first, if `too_much` is.
    pub fn next(&mut self, too_much: bool, dirty: impl FnOnce() -> Vec<Dirty>) -> Option<Dirty> {
        if let Some(file) = self.expired.front() {
            return Some(*file);
        }
        if !too_much {
            self.round.clear();
            return None;
        }
        if self.round.is_empty() {
            self.round.extend(dirty());
        }
        self.round.front().copied()
    }

    /// A piece of the file that came next was taken; `more` of it is left.
    pub fn took(&mut self, more: bool) {
        if let Some(file) = self.expired.pop_front() {
            if more {
                self.expired.push_front(file);
            }
            return;
        }
        if let Some(file) = self.round.pop_front()
            && more
        {
            self.round.push_back(file);
        }
    }

    /// The power went.
    pub fn power_cut(&mut self) {
        *self = Self::default();
    }
}
