//! Scenario files, traffic and checkers; run, sweep, find and plan.

pub mod determinism;
pub mod estimate;
pub mod explain;
pub mod faults;
pub mod find;
pub mod follow;
pub mod library;
pub mod observe;
pub mod options;
mod outside;
pub mod plan;
pub mod profile;
pub mod replay;
pub mod run;
pub mod sample;
pub mod scenario;
pub mod schema;
pub mod shard;
mod shown;
pub mod shrink;
pub mod stats;
pub mod swarm;
pub mod sweep;
mod table;
pub mod targets;
pub mod trace;
pub mod units;
