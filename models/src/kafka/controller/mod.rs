//! The KRaft controller quorum: [`raft`] keeps the metadata log ([`metadata_log`]), [`active`]
//! decides what goes in, [`partition_change`] what becomes of a partition.
//!
//! Stands for `raft/` and `metadata/` of apache/kafka @ 3.9.0; see there for parameters and what is
//! left out.

pub mod active;
pub mod metadata_log;
pub mod partition_change;
pub mod raft;
