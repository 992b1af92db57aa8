//! The Kafka model as its users see it: latencies, bounds, failovers, losses.

mod harness;

#[cfg(feature = "planted-bugs")]
mod bugs;
mod failover;
mod latency;
mod loss;
mod producer;
mod recovery;
mod storage;
