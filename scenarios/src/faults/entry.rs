//! What is known about a kind of fault.

use headwater_sim::random::Stream;

use super::kind::{Action, Read};

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// What happens to messages.
    Network,
    /// What happens to disks.
    Storage,
    /// What happens to tiered storage.
    Tier,
    /// What happens to clocks.
    Clock,
    /// What happens to processes and machines.
    Process,
    /// What works only in part. Other kinds are gray too when they hit one replica or one
    /// direction.
    Gray,
}

/// The worst that a fault may cost, which budgets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// Time.
    Slow,
    /// A server, as long as the fault lasts.
    Unavailable,
    /// What a server has not synced.
    Volatile,
    /// What a server has synced.
    Durable,
}

/// What happens to two faults of a kind on one target when one ends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It sets a level, which the other has overwritten or lifts: the one that goes on is set
    /// again.
    Level,
    /// They are independent, or leave nothing to lift.
    Separate,
}

/// What a fault keeps from running while it lasts, whatever else ends meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// Nothing, or not for all that time.
    Nothing,
    /// The process: it is not there.
    Process,
    /// The process's work: it exists and is stopped.
    Work,
    /// The machine: it has no power.
    Machine,
}

/// How a fault is made on a live cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// How `loadgen` does it, by signals to the processes that it has launched.
    Signal(&'static str),
    /// How `loadgen` does it, by a proxy between clients and each server that it has launched.
    /// Servers talk to each other past it.
    Proxy(&'static str),
    /// `loadgen` does not do it; how somebody else could.
    ByHand(&'static str),
    /// It can't be done to a running cluster.
    Never,
}

impl Live {
    /// True if `loadgen` does it.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Signal(_) | Self::Proxy(_))
    }
}

/// How a swarm uses a kind.
#[derive(Clone, Copy, Debug)]
pub struct InSwarms {
    /// It concerns several nodes and the links between them: it is given all of its targets.
    pub together: bool,
    /// Targets that it needs, if each of them loses its data.
    pub targets_min: usize,
    /// The node is gone altogether, so that it may stay so for good. (One that works in part may
    /// lead a partition indefinitely; no system here claims to settle then.)
    pub for_good: bool,
    /// A node that has lost its data does not come back by itself, whatever its system claims.
    pub beyond_repair: bool,
}

impl InSwarms {
    /// One target at a time, for a while.
    pub const USUAL: Self =
        Self { together: false, targets_min: 1, for_good: false, beyond_repair: false };
}

/// What is known about a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in a scenario file.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
    /// What it does.
    pub what: &'static str,
    /// Name and meaning of each parameter, with the default after a semicolon.
    pub parameters: &'static [(&'static str, &'static str)],
    /// What causes it in the world.
    pub cause: &'static str,
    /// How it is made on a live cluster.
    pub live: Live,
    /// The worst that it may cost.
    pub damage: Damage,
    /// It has to end: `for` or `until` is required.
    pub needs_end: bool,
    /// What becomes of two at a time.
    pub overlap: Overlap,
    /// What it keeps from running.
    pub stops: Stops,
    /// How a swarm uses it.
    pub swarm: InSwarms,
    /// Reads its parameters.
    pub(super) read: Read,
    /// A plausible one.
    pub draw: fn(&mut Stream) -> Action,
}

impl Entry {
    /// Its file in this folder, without the extension.
    pub fn file(&self) -> String {
        self.name.replace('-', "_")
    }
}
