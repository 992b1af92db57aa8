//! Properties: what must hold always, at some time, and in the end.
//!
//! They are declared beside the models (`kafka::properties`, ...) and noted where the model knows.
//! The `always` ones fail a run at once. A `sometimes` that no run of a swarm has shown says that
//! the swarm never got there. An `eventually` holds if, for each entity, it held when it was last
//! noted: one container does not speak for another.

use headwater_sim::context::Context;

use crate::note::Note;
use crate::protocol::Streaming;

/// When a property has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// Each time that it is noted.
    Always,
    /// In one run of a swarm at least.
    Sometimes,
    /// The last time that it is noted, when the faults are over and the system had time to heal.
    Eventually,
}

/// A property of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name, unique among all systems, such as `kafka-follower-truncates`.
    pub name: &'static str,
    /// When it has to hold.
    pub when: When,
    /// What it says, in one sentence.
    pub what: &'static str,
}

impl Property {
    /// Must hold each time that it is noted.
    pub const fn always(name: &'static str, what: &'static str) -> Self {
        Self { name, when: When::Always, what }
    }

    /// Must be noted in one run of a swarm at least.
    pub const fn sometimes(name: &'static str, what: &'static str) -> Self {
        Self { name, when: When::Sometimes, what }
    }

    /// Must hold the last time that it is noted.
    pub const fn eventually(name: &'static str, what: &'static str) -> Self {
        Self { name, when: When::Eventually, what }
    }

    /// Notes that it holds, or does not, of an entity (a partition, container, segment or ledger by
    /// its number); rare paths only, each is a note.
    pub fn note(&'static self, ctx: &mut Context<'_, Streaming>, entity: u64, holds: bool) {
        ctx.note(Note::Property { property: self, entity, holds });
    }

    /// Notes that a `sometimes` has happened; of what does not matter.
    pub fn reached(&'static self, ctx: &mut Context<'_, Streaming>) {
        self.note(ctx, 0, true);
    }
}
