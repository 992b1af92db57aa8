//! Signals: what a model tells of itself beside its properties. Each is a value beside its model,
//! so that an observer asks the signal what it means, and compares no names.

use headwater_sim::context::Context;
use headwater_sim::units::NodeId;

use crate::note::Note;
use crate::protocol::Streaming;

/// What one node at a time is, and a fault's target may name: the leader, the active controller.
#[derive(Debug, PartialEq, Eq)]
pub struct Office {
    /// Its name as a target, such as `leader`.
    pub name: &'static str,
    /// Who holds it, as docs/FAULTS.md has it.
    pub who: &'static str,
    /// The partition or container that it is about; none if it is about the whole system.
    pub of: Option<u64>,
}

/// Something that happens, and that a reader of the timeline wants to see.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name, such as `leader_elected`.
    pub name: &'static str,
    /// It changes who does what: a diagram of a run shows what goes to and fro around it.
    pub turns: bool,
    /// Who notes it (or the peer that it is about) holds this office from now on.
    pub takes: Option<&'static Office>,
}

impl Mark {
    /// The office that is taken where this is noted of `entity`.
    pub fn office(&self, entity: u64) -> Option<&'static Office> {
        self.takes.filter(|office| office.of.is_none_or(|about| about == entity))
    }

    /// Something that happens.
    pub const fn new(name: &'static str) -> Self {
        Self { name, turns: false, takes: None }
    }

    /// Something that changes who does what.
    pub const fn turn(name: &'static str) -> Self {
        Self { name, turns: true, takes: None }
    }

    /// Somebody takes an office.
    pub const fn takes(name: &'static str, office: &'static Office) -> Self {
        Self { name, turns: true, takes: Some(office) }
    }

    /// Notes it, of a partition, ledger or container, with a figure that goes with it (0: none).
    pub fn note(&'static self, ctx: &mut Context<'_, Streaming>, entity: u64, value: u64) {
        ctx.note(Note::Event { mark: self, entity, peer: None, value });
    }

    /// As [`Self::note`], about another node.
    pub fn note_of(
        &'static self,
        ctx: &mut Context<'_, Streaming>,
        entity: u64,
        peer: Option<NodeId>,
        value: u64,
    ) {
        ctx.note(Note::Event { mark: self, entity, peer, value });
    }
}

/// A level that must never fall: high watermark, last add confirmed, an epoch.
#[derive(Debug, PartialEq, Eq)]
pub struct Level {
    /// Its name, such as `high_watermark`.
    pub name: &'static str,
    /// A former owner may learn of it late: acknowledgements that were on their way when it was
    /// replaced. What was true then is true still, so that each node is held to what it has said
    /// itself, and a node that speaks for the first time to what anybody has.
    pub learnt_late: bool,
}

impl Level {
    /// A level that nobody may set lower than anybody has.
    pub const fn new(name: &'static str) -> Self {
        Self { name, learnt_late: false }
    }

    /// A level that a former owner may learn of late.
    pub const fn learnt_late(name: &'static str) -> Self {
        Self { name, learnt_late: true }
    }

    /// Notes where it stands, of a partition, ledger or container.
    pub fn note(&'static self, ctx: &mut Context<'_, Streaming>, entity: u64, value: u64) {
        ctx.note(Note::Watermark { level: self, entity, value });
    }
}

/// A named level of a node that is kept as a time series, such as the length of a queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Gauge {
    /// Its name.
    pub name: &'static str,
    /// What it counts, such as `bytes`; empty for a plain number.
    pub unit: &'static str,
    /// It says how far a limit is reached, in thousandths: it may be what binds a run.
    pub limit: bool,
}

impl Gauge {
    /// A level in this unit.
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, limit: false }
    }

    /// A limit, by how far it is reached.
    pub const fn limit(name: &'static str) -> Self {
        Self { name, unit: "", limit: true }
    }

    /// It stands here now; a limit in thousandths.
    #[inline]
    pub fn set(&self, ctx: &mut Context<'_, Streaming>, value: u64) {
        ctx.gauge(self.name, value);
    }
}

/// The signals of a system.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// What happens.
    pub marks: Vec<&'static Mark>,
    /// What must never fall.
    pub levels: Vec<&'static Level>,
    /// What is kept as time series.
    pub gauges: Vec<&'static Gauge>,
}

impl Signals {
    /// With those of a system that this one stands on.
    pub fn and(mut self, other: Self) -> Self {
        self.marks.extend(other.marks);
        self.levels.extend(other.levels);
        self.gauges.extend(other.gauges);
        self
    }
}
