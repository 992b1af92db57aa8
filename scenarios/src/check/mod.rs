//! Checkers: what a run promised against what its history shows.
