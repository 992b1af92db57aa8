//! Waits: what a node's timer is for, and what a system can be run without. For those who explain
//! where an event spent its time.

use crate::role::{Capability, Role};

/// What a node waits for that waits for a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// More events, to be sent or stored together.
    Linger,
    /// News: the longest wait of a fetch, a pause before the next look.
    Poll,
    /// The system slows its writers down.
    Throttle,
    /// Time to try again, or the end of patience with an attempt.
    Retry,
    /// Time for servers to find out that one of them is gone, and to take its place.
    Failover,
    /// Tiered storage: its next write or read, or the end of patience with one.
    Tier,
    /// The end of a garbage collection.
    Collection,
    /// Servers that store the same to agree.
    Agreement,
}

impl Wait {
    /// What is most likely of a node of this role. `after` is the kind of input upon which the
    /// timer was set ([`headwater_sim::causes::Link::kind`]).
    pub fn likely(role: &Role, after: &str) -> Self {
        if after == "disconnect" {
            Self::Retry
        } else if role.can(Capability::Writes) {
            Self::Linger
        } else if role.can(Capability::Reads) {
            Self::Poll
        } else {
            Self::Failover
        }
    }
}

/// A timer of which it is asked what its node waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What came back with it.
    pub tag: u64,
    /// What its node said that it is for ([`headwater_sim::context::Context::timer_for`]).
    pub what: &'static str,
    /// The kind of input upon which it was set ([`headwater_sim::causes::Link::kind`]).
    pub after: &'static str,
}

/// A mechanism that a system can be run without, to see what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// What it is, such as `linger`.
    pub mechanism: &'static str,
    /// The options of the system that turn it off, with their values; none where the configuration
    /// has it off already.
    pub options: Vec<(&'static str, String)>,
}

impl Without {
    /// A mechanism that is on, and the options that turn it off.
    pub fn new(mechanism: &'static str, options: &[(&'static str, &str)]) -> Self {
        let options = options.iter().map(|(path, value)| (*path, (*value).to_owned())).collect();
        Self { mechanism, options }
    }
}
