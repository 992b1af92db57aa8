//! Checkers: what a run promised against what its history shows.

mod ranges;

pub use ranges::{Range, RangeSet};
