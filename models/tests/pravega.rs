//! Pravega's behaviour end to end, on the kernel, with faults.

#[path = "pravega/bench.rs"]
mod bench;
#[path = "pravega/bookkeeper.rs"]
mod bookkeeper;
#[path = "pravega/config.rs"]
mod config;
#[path = "pravega/failover.rs"]
mod failover;
#[path = "pravega/performance.rs"]
mod performance;
#[cfg(feature = "planted-bugs")]
#[path = "pravega/planted.rs"]
mod planted;
#[path = "pravega/scaling.rs"]
mod scaling;
#[path = "pravega/standalone.rs"]
mod standalone;
#[path = "pravega/tiering.rs"]
mod tiering;
