//! Pravega's behaviour end to end, on the kernel, with faults.

mod bench;
mod bookkeeper;
mod config;
mod failover;
mod performance;
#[cfg(feature = "planted-bugs")]
mod planted;
mod scaling;
mod standalone;
mod tiering;
