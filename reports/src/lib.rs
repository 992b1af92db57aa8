//! The Outcome schema (what a run says about itself) and its renderings.

pub mod file;
pub mod latency;
pub mod outcome;
