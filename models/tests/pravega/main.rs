//! Pravega's behaviour end to end, on the kernel, with faults.

mod auto_scaling;
mod bench;
mod bookkeeper;
mod config;
mod failover;
mod fold;
mod outages;
mod performance;
mod planted;
mod retention;
mod scaling;
#[path = "../seen/mod.rs"]
#[allow(dead_code, reason = "each of the binaries of systems looks at a part")]
mod seen;
mod standalone;
mod tiering;
