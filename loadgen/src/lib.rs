//! Real time: the load generator.
//!
//! ```text
//! schedule ──> pacer ──> target (null, log, Kafka, Pravega) ──> acks ─┐
//!                │ sent                                                ├─> collector ──> Outcome
//!                └───────> reader, which reads everything back ────────┘
//! ```
//!
//! The schedule, the payloads, the checkers and the Outcome are those of the simulator
//! (`headwater-scenarios`, `headwater-reports`); this crate adds the wall clock, the clients, and
//! clusters that it launches, breaks and clears away.
//!
//! - The pacer never waits for the system: what a client has no room for is refused, counted as
//!   failed, and makes the run an overloaded one.
//! - Launched processes belong to a guard process, which ends them when the generator is gone, for
//!   whatever reason ([`launch::guard`]).

mod cli;
mod collect;
mod failure;
mod fault;
mod health;
pub mod launch;
mod log;
mod output;
mod pacing;
mod plan;
mod profile;
mod progress;
mod run;
mod sampler;
mod say;
mod targets;

pub use cli::main;
