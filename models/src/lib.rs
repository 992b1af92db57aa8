//! Kafka, BookKeeper, Pravega and tiered storage as state machines without I/O.

pub mod arrival;
pub mod batch;
pub mod bookkeeper;
pub mod bugs;
mod collections;
pub mod component;
pub mod deployment;
pub mod intake;
pub mod kafka;
pub mod note;
pub mod pravega;
pub mod property;
pub mod protocol;
pub mod role;
pub mod tags;
pub mod tier;
