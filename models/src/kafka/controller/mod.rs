//! The KRaft controller quorum: [`raft`] keeps the metadata log, [`active`] decides what goes in.

pub mod active;
pub mod raft;
