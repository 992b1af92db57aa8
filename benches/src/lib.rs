//! The kernel against madsim, turmoil and nexosim: one closed-loop scenario on each.
//!
//! `cargo run --profile fast -p headwater-benches --bin kernel` builds the peers (a workspace of
//! their own under `benches/peers`), runs every engine in turn, several times over, and prints the
//! medians.

pub mod closed_loop;
pub mod engine;
pub mod measure;
