//! Signals: what a model reports besides its properties. Each is a value beside its model, so that
//! an observer asks the signal what it means instead of comparing names.

use headwater_sim::context::Context;
use headwater_sim::units::NodeId;

use crate::note::Note;
use crate::protocol::Streaming;

/// A role that one node at a time has, and that a fault's target may name: leader, active
/// controller.
#[derive(Debug, PartialEq, Eq)]
pub struct Office {
    /// Its name as a target, such as `leader`.
    pub name: &'static str,
    /// Who holds it, for docs/FAULTS.md.
    pub who: &'static str,
    /// The partition or container that it belongs to; none if it is the whole system's.
    pub of: Option<u64>,
    /// The other servers that keep the same follow who holds it: a fault may be on one of them.
    pub followed: bool,
}

/// In whose hands two offices of a system are at first, for a fault on a leader that is, or is not,
/// the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// One node holds both.
    Together,
    /// Two nodes hold one each.
    Apart,
}

/// Something that happens, and that a reader of the timeline wants to see.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name, such as `leader_elected`.
    pub name: &'static str,
    /// It changes who does what: a diagram of a run shows the messages around it.
    pub turns: bool,
    /// The node that notes it (or its peer) holds this office from now on.
    pub takes: Option<&'static Office>,
    /// What its entity is, such as `partition`; empty if it has none to be shown, `None` if nobody
    /// says.
    pub entity: Option<&'static str>,
    /// What its value is, such as `epoch`; empty if nobody says.
    pub value: &'static str,
    /// Its value is a run of numbers ([`run_of_numbers`]).
    pub is_run: bool,
}

/// A run of numbers as the value of a mark: the first, and how many there are, from 1.
pub const fn run_of_numbers(first: u32, count: u32) -> u64 {
    (first as u64) << 32 | count as u64
}

/// A run of numbers in words: `7`, `1 and 2`, `1 to 4`.
fn run_in_words(run: u64) -> String {
    let (first, count) = (run >> 32, run & u64::from(u32::MAX));
    match count {
        0 | 1 => first.to_string(),
        2 => format!("{first} and {}", first + 1),
        _ => format!("{first} to {}", first + count - 1),
    }
}

impl Mark {
    const NONE: Self =
        Self { name: "", turns: false, takes: None, entity: None, value: "", is_run: false };

    /// The office that is taken when this is noted of `entity`.
    pub fn office(&self, entity: u64) -> Option<&'static Office> {
        self.takes.filter(|office| office.of.is_none_or(|about| about == entity))
    }

    /// Something that happens.
    pub const fn new(name: &'static str) -> Self {
        Self { name, ..Self::NONE }
    }

    /// Something that changes who does what.
    pub const fn turn(name: &'static str) -> Self {
        Self { name, turns: true, ..Self::NONE }
    }

    /// A node takes an office.
    pub const fn takes(name: &'static str, office: &'static Office) -> Self {
        Self { name, turns: true, takes: Some(office), ..Self::NONE }
    }

    /// With the noun for its entity, such as `partition`; empty for none.
    pub const fn of(self, entity: &'static str) -> Self {
        Self { entity: Some(entity), ..self }
    }

    /// With the noun for its value, such as `epoch`.
    pub const fn with(self, value: &'static str) -> Self {
        Self { value, ..self }
    }

    /// With a word for its value, which is a run of numbers, such as `into`.
    pub const fn with_run(self, value: &'static str) -> Self {
        Self { value, is_run: true, ..self }
    }

    /// What happened, beside its name and the node: `partition 1, epoch 4`.
    pub fn detail(&self, entity: u64, peer: Option<&str>, value: u64) -> String {
        let entity = match self.entity {
            Some("") => None,
            Some(noun) => Some(format!("{noun} {entity}")),
            None => Some(format!("#{entity}")),
        };
        let value = match value {
            // Zero stands for none, and the greatest for -1: nothing confirmed yet.
            0 | u64::MAX => None,
            run if self.is_run => Some(format!("{} {}", self.value, run_in_words(run))),
            value if self.value.is_empty() => Some(value.to_string()),
            value => Some(format!("{} {value}", self.value)),
        };
        let parts: Vec<_> =
            entity.into_iter().chain(peer.map(str::to_owned)).chain(value).collect();
        parts.join(", ")
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
    /// A former owner may report it late, from acknowledgements that were in flight when it was
    /// replaced. Those are still true, so each node is held to what it has reported itself, and a
    /// node that reports for the first time to what any node has.
    pub learnt_late: bool,
}

impl Level {
    /// A level that no node may set below what any node has set.
    pub const fn new(name: &'static str) -> Self {
        Self { name, learnt_late: false }
    }

    /// A level that a former owner may report late.
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
    /// It is the utilisation of a limit, in thousandths, which may bind a run.
    pub limit: bool,
}

impl Gauge {
    /// A level in this unit.
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, limit: false }
    }

    /// The utilisation of a limit.
    pub const fn limit(name: &'static str) -> Self {
        Self { name, unit: "", limit: true }
    }

    /// Sets its value; of a limit, in thousandths.
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
    /// With those of a system that this one builds on.
    pub fn and(mut self, other: Self) -> Self {
        self.marks.extend(other.marks);
        self.levels.extend(other.levels);
        self.gauges.extend(other.gauges);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_what_its_numbers_are() {
        let elected = Mark::new("leader_elected").of("partition").with("epoch");
        assert_eq!(elected.detail(1, None, 4), "partition 1, epoch 4");
        assert_eq!(elected.detail(1, None, 0), "partition 1");
        let changed = Mark::new("ensemble_changed").of("ledger").with("from entry");
        assert_eq!(changed.detail(7, Some("bookie-2"), 30), "ledger 7, bookie-2, from entry 30");
        let scaled = Mark::new("stream_scaled").of("").with("epoch");
        assert_eq!(
            (scaled.detail(0, None, 1), scaled.detail(0, None, 0)),
            ("epoch 1".into(), String::new())
        );
        let split = Mark::new("segment_split").of("segment").with_run("into");
        let into = |first, count| split.detail(0, None, run_of_numbers(first, count));
        assert_eq!(into(1, 2), "segment 0, into 1 and 2");
        assert_eq!(
            (into(3, 4), into(0, 1)),
            ("segment 0, into 3 to 6".into(), "segment 0, into 0".into())
        );
        assert_eq!(Mark::new("got").detail(3, None, 5), "#3, 5");
    }
}
