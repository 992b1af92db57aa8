//! BookKeeper as a whole: latency and throughput laws, replication, faults, recovery, metadata.

mod cluster;
mod faults;
mod laws;
mod probe;
mod protocol;
mod replication;
mod swarm;
