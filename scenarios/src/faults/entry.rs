//! What is known of a kind of fault.

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
    /// What half works. Other kinds are gray too where they hit one replica or one direction.
    Gray,
}

/// The worst that a fault may cost; a budget counts by it.
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

/// What becomes of two faults of a kind on one target, where one ends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It sets a level, which the other has overwritten or lifts: what goes on is set again.
    Level,
    /// Each counts for itself, or leaves nothing to be lifted.
    Separate,
}

/// What a fault keeps from running for as long as it lasts, whatever else ends meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// Nothing, or not for all that time.
    Nothing,
    /// The process: it is not there.
    Process,
    /// The process's work: it is there and stands still.
    Work,
    /// The machine: it has no power.
    Machine,
}

/// How a fault is made on a live cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// `loadgen` signals and starts the processes that it has launched, so.
    Signal(&'static str),
    /// `loadgen` does not do it; somebody else could, so.
    ByHand(&'static str),
    /// Nobody does it to a cluster that runs.
    Never,
}

impl Live {
    /// True if `loadgen` does it.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Signal(_))
    }
}

/// How a swarm uses a kind.
#[derive(Clone, Copy, Debug)]
pub struct InSwarms {
    /// It is about several nodes and how they stand to each other: it is given all of its targets.
    pub together: bool,
    /// Targets that it needs where it costs each of them what it has.
    pub targets_min: usize,
    /// Who is hit is gone altogether, so that it may be left so for good. (One that half works may
    /// lead a partition for as long as it likes; no system here claims to settle then.)
    pub for_good: bool,
    /// Who has lost what it had does not come back by itself, whatever its system claims.
    pub beyond_repair: bool,
}

impl InSwarms {
    /// One target at a time, for a while.
    pub const USUAL: Self =
        Self { together: false, targets_min: 1, for_good: false, beyond_repair: false };
}

/// What is known of a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in a scenario file.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
    /// What it does.
    pub what: &'static str,
    /// Name and meaning of each parameter, with the default behind a semicolon.
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
