//! Cascades: every event may be retweeted, and every retweet again.
//!
//! A marked branching (Hawkes) process by its clusters, which is exact and draws nothing in vain
//! (A. G. Hawkes and D. Oakes, "A cluster process representation of a self-exciting process",
//! Journal of Applied Probability 11, 1974). An event has a mark `m`, how many see it, and begets
//! `Poisson(ratio x m / mean m)` retweets, each after a delay of the kernel; they beget theirs.
//!
//! - **Independent.** What an event begets is a hash of (seed, its time), so that events added
//!   elsewhere move no retweet of it.
//! - **Stationary from the start.** Retweets of what was written before the schedule's start come
//!   as a process of their own ([`Carried`]). Its events before the start are a Poisson process of
//!   the mean rate: that some of them belong to one cascade is left out, their number is not.
//! - **Memory.** Retweets that are drawn and not yet due wait in a heap, 32 B each; those that
//!   would come after the schedule's end are not kept.

mod kernel;
mod process;
mod spec;

pub(super) use process::{Carried, Cascades, Pending};
pub use spec::{CascadeSpec, Kernel};
