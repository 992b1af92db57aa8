//! Kafka, BookKeeper, Pravega and tiered storage as state machines without I/O.

pub mod arrival;
pub mod batch;
pub mod bookkeeper;
pub mod bugs;
pub mod deployment;
pub mod intake;
pub mod kafka;
mod lists;
pub mod note;
pub mod outstanding;
pub mod pravega;
pub mod property;
pub mod protocol;
pub mod rising;
pub mod role;
pub mod tier;
