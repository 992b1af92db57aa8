//! What tiered storage reports.
//!
//! Stands for no component: names of what is counted.

use crate::signal::{Gauge, Signals};

/// Requests under way.
pub const REQUESTS: Gauge = Gauge::new("tier_requests", "requests");
/// Bytes stored.
pub const BYTES: Gauge = Gauge::new("tier_bytes", "bytes");

/// All of them.
pub fn all() -> Signals {
    Signals { gauges: vec![&REQUESTS, &BYTES], ..Signals::default() }
}
