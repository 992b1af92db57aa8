//! What the storage node knows of a chunk.
//!
//! Nothing more is modelled here than in [`super::node`]. No parameters.

use std::collections::VecDeque;

use headwater_sim::fold::Needs;
use headwater_sim::time::{Duration, Time};

use super::message::{Data, Piece};

/// What is known of a chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// Read from the disk, or made since the start.
    pub loaded: bool,
    pub exists: bool,
    /// Writes, from the first, that have been folded, and their bytes.
    pub folded: u64,
    pub begins: u64,
    /// The others.
    pub pieces: Vec<Piece>,
    pub length: u64,
    /// Requests for it, oldest first; the first is being carried out.
    pub queue: VecDeque<u64>,
    /// Lengths that lists don't show yet, with the time at which they were reached.
    pub unlisted: VecDeque<(Time, u64)>,
}

impl Chunk {
    /// The length that is shown at `now`, when writes show only after a while.
    pub fn listed(&mut self, now: Time, stale: Duration) -> u64 {
        while self.unlisted.front().is_some_and(|(at, _)| *at + stale <= now) {
            self.unlisted.pop_front();
        }
        // The oldest write that does not show hides its bytes and all behind them.
        let Some((_, hidden)) = self.unlisted.front() else { return self.length };
        let ends = self.pieces.iter().map(|piece| piece.offset + piece.data.bytes);
        ends.take_while(|end| end < hidden).last().unwrap_or(self.begins)
    }

    /// What overlaps.
    pub fn read(&self, offset: u64, bytes: u64) -> Vec<Piece> {
        let (first, count) = self.overlapping(offset, bytes);
        self.pieces[first..first + count].iter().map(|of| of.overlap(offset, bytes)).collect()
    }

    /// The first piece that overlaps, and how many do.
    pub fn overlapping(&self, offset: u64, bytes: u64) -> (usize, usize) {
        let ends_before = |piece: &Piece| piece.offset + piece.data.bytes <= offset;
        let first = self.pieces.partition_point(ends_before);
        let end = offset.saturating_add(bytes);
        let count = self.pieces[first..].partition_point(|piece| piece.offset < end);
        (first, count)
    }

    /// What was there is no more.
    pub fn clear(&mut self) {
        self.pieces.clear();
        (self.exists, self.length, self.folded, self.begins) = (false, 0, 0, 0);
    }

    /// Whether it has all bytes from `offset` on: those before may have been folded.
    pub const fn holds(&self, offset: u64) -> bool {
        offset >= self.begins
    }

    /// Forgets the first pieces that nobody needs. True if there were any.
    pub fn fold(&mut self, needs: &Needs) -> bool {
        let gone = self.pieces.iter().take_while(|piece| is_over(&piece.data, needs)).count();
        for piece in self.pieces.drain(..gone) {
            self.begins = piece.offset + piece.data.bytes;
        }
        self.folded += gone as u64;
        gone > 0
    }
}

/// Nobody needs these bytes any more.
pub(super) fn is_over(data: &Data, needs: &Needs) -> bool {
    let over = |(log, at)| needs.before(log).is_some_and(|before| at + data.bytes <= before);
    data.place.is_some_and(over)
}
