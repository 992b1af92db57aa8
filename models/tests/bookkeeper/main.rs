//! BookKeeper as a whole: latency and throughput laws, replication, faults, recovery, metadata.

mod auto_recovery;
mod cluster;
mod costs;
mod disk_errors;
mod faults;
mod fold;
mod laws;
mod planted;
mod probe;
mod protocol;
mod replication;
#[path = "../seen/mod.rs"]
#[allow(dead_code, reason = "each of the binaries of systems looks at a part")]
mod seen;
mod swarm;
