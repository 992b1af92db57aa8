//! The models on madsim: the same state machines, scenario files, observer and checkers as under
//! `headwater run`, on another runtime.
//!
//! ```text
//!   scenario file, seed
//!          |
//!          v
//!   director ---- kill, restart, pause, clog ----> madsim
//!                                                    |  scheduler, clock, TCP
//!      +-----------------+-----------------+---------+
//!      v                 v                 v
//!   process           process           process       one madsim node each
//!   | Node<Streaming> |                 |             built by the deployment's factory
//!   | timers, workers, syncs, connections: tasks
//!   +--- disk (survives the process) ---> [world]
//!   +--- notes -------------------------> observer ---> checkers
//! ```
//!
//! What a node asks for is carried out by tasks of madsim: a timer sleeps, a thread of a pool is a
//! worker, a connection is madsim's TCP. madsim's scheduler takes the next ready task at random, so
//! that whatever is due at one time comes in any order. Nothing of the kernel in `sim` runs here,
//! only its vocabulary ([`headwater_sim::node`], [`headwater_sim::effect`]). What the two runtimes
//! have in common and where they differ: `docs/SECOND_RUNTIME.md`.

#[cfg(not(madsim))]
compile_error!("build with RUSTFLAGS='--cfg madsim'");

mod connection;
mod director;
mod disk;
mod faults;
mod process;
mod verdict;
mod work;
mod world;

#[cfg(test)]
mod host_tests;

pub use director::{Report, run, run_with};
pub use verdict::{Verdicts, compare, on_kernel, seeds};
