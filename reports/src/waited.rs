//! Where single events of a run waited: the parts of their latency.

use serde::{Deserialize, Serialize};

/// An event at a place among all of a run, and what it waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waited {
    /// Which latency: `response` or `end to end`.
    pub latency: String,
    /// Its place among all: `p50`, `p99`, `max`.
    pub at: String,
    /// How late it was, nanoseconds: what the parts add up to.
    pub latency_ns: u64,
    /// When it was due, nanoseconds since the run's start.
    pub due_ns: u64,
    /// Its writer, lane and number.
    pub event: String,
    /// What it waited for, the longest first.
    pub parts: Vec<WaitedPart>,
}

/// What an event waited for one mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitedPart {
    /// The mechanism: `linger`, `sync`, `replication`.
    pub name: String,
    /// What that means, in a few words.
    pub means: String,
    /// How long, nanoseconds.
    pub ns: u64,
}

impl Waited {
    /// How long it waited for a mechanism, nanoseconds.
    pub fn of(&self, name: &str) -> u64 {
        self.parts.iter().filter(|part| part.name == name).map(|part| part.ns).sum()
    }

    /// Says of which event the parts don't add up, if of any.
    pub(crate) fn check(all: &[Self]) -> Result<(), String> {
        let adds_up =
            |one: &&Self| one.parts.iter().map(|part| part.ns).sum::<u64>() == one.latency_ns;
        match all.iter().find(|one| !adds_up(one)) {
            Some(one) => Err(format!(
                "the parts of the {} at {} do not add up to its {} ns",
                one.latency, one.at, one.latency_ns
            )),
            None => Ok(()),
        }
    }
}
