//! Real time: the load generator.
//!
//! ```text
//! schedule ──> preparer ──> pacer ──> writers of a live system ──> acks ──┐
//!                             │ sent                                       ├─> collector
//!                             └────> readers, which read everything back ──┘      │
//!                                                                              Outcome
//! ```
//!
//! The schedule, the payloads, the checkers and the Outcome are those of the simulator
//! (`headwater-scenarios`, `headwater-reports`); this crate adds the wall clock, the clients, and
//! clusters that it launches, breaks and clears away.
//!
//! - The pacer never waits for the system: what a client has no room for is refused, counted as
//!   failed, and makes the run an overloaded one.
//! - A live system is one folder of `systems`. What a scenario asks for and a live run can't do
//!   is refused, or stated in the Outcome.
//! - Launched processes belong to a guard process, which ends them when the generator is gone, for
//!   whatever reason ([`launch::guard`]).

mod arguments;
mod child;
mod cli;
mod clock;
mod collect;
mod early;
mod estimate;
mod failure;
mod fault;
mod followed;
mod forecast;
mod health;
mod history;
pub mod launch;
mod load_test;
mod output;
mod pacing;
mod paper;
mod placement;
mod plan;
mod prepare;
mod profile;
mod progress;
mod real_time;
mod run;
mod sampler;
mod speed;
mod swarm;
mod systems;
mod terminal;
mod utilisation;
mod validate;
mod wall_clock;

pub use cli::main;
