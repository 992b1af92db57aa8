//! The Kafka model as its users see it: latencies, bounds, failovers, losses.

mod harness;

mod failover;
mod latency;
mod loss;
mod recovery;
mod storage;
