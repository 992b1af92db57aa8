//! The Kafka model as its users see it: latencies, bounds, failovers, losses.

mod harness;

mod bugs;
mod compression;
mod failover;
mod fold;
mod groups;
mod latency;
mod librdkafka;
mod loss;
mod partitions;
mod producer;
mod quorum;
mod quota;
mod reassignment;
mod recovery;
mod retention;
#[path = "../seen/mod.rs"]
#[allow(dead_code, reason = "each of the binaries of systems looks at a part")]
mod seen;
mod stop;
mod storage;
mod tiered;
mod tls;
