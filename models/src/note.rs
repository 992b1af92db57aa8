//! What the models tell the observer: what was acknowledged, delivered, given up, decided.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::node;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use crate::batch::{Lane, Range, SharedBatch, StreamId};
use crate::property::Property;
use crate::queries::Asked;
use crate::signal::{Level, Mark};

/// An event that has passed a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When the schedule had it.
    pub due: Time,
    /// When it was due in this stream.
    pub since: Time,
}

/// How often topics were in a window of event time, as it is shown to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// The window begins here, by the times of the schedule.
    pub from: Time,
    /// And ends before this.
    pub until: Time,
    /// Each topic, ascending, with its events.
    pub counts: Vec<(u64, u64)>,
    /// Those of them that are shown, the most frequent first.
    pub top: Vec<(u64, u64)>,
}

/// An observation. Latencies are the observer's to compute, from the batch's times and the note's.
#[derive(Clone, Debug)]
pub enum Note {
    /// The writer's callback ran with success for every event of the batch, now.
    Acked {
        /// What was acknowledged.
        batch: SharedBatch,
    },
    /// The writer gave the batch up with an error. Whether it was stored is not known.
    Failed {
        /// What failed.
        batch: SharedBatch,
        /// The error's name in the modelled system, such as `DELIVERY_TIMEOUT`.
        error: &'static str,
    },
    /// A reader was handed the batch.
    Delivered {
        /// The reader, from 0.
        reader: u32,
        /// What it was handed.
        batch: SharedBatch,
        /// Offset in the partition or segment of the batch's first event (or byte).
        position: u64,
    },
    /// Readers handed events to the writers of another stream, now; each event once, but by a
    /// system that has worked on it twice.
    HandedOn {
        /// The stream whose writers have them to take.
        to: StreamId,
        /// Events.
        count: u64,
        /// Those of them that were handed on before.
        again: u64,
        /// The others, where they are handed on for the first time of several.
        way: Rc<[Passed]>,
        /// Their payload bytes.
        bytes: u64,
    },
    /// Events came out at the end of all systems that hand on to one another; each event once.
    Through {
        /// Each of them.
        way: Rc<[Passed]>,
        /// Their payload bytes.
        bytes: u64,
    },
    /// A window is over, and what was counted in it is shown.
    Ranked(Rc<Ranking>),
    /// An event about a topic came when windows that it belongs to were over: those that end in
    /// `first ..= last`.
    Late {
        /// The end of the first of them.
        first: Time,
        /// That of the last.
        last: Time,
        /// The topic.
        topic: u64,
    },
    /// Something became of a user's query.
    Asked {
        /// Its number.
        number: u64,
        /// What.
        state: Asked,
    },
    /// A level that must never fall has changed: high watermark, last add confirmed, container
    /// epoch.
    Watermark {
        /// What it is.
        level: &'static Level,
        /// Which partition, ledger or container.
        entity: u64,
        /// Its value.
        value: u64,
    },
    /// Something happened that a reader of the timeline wants to see.
    Event {
        /// What.
        mark: &'static Mark,
        /// Which partition, ledger or container.
        entity: u64,
        /// The other node that it is about, if any.
        peer: Option<NodeId>,
        /// A number that goes with it (epoch, delay in nanoseconds), zero if none.
        value: u64,
    },
    /// A server has removed from the beginning of a lane what its retention does not keep.
    Expired {
        /// The lane.
        lane: Lane,
        /// The lane begins here now, on that server.
        position: u64,
        /// Which events went; those that were read by all and are no longer told apart left out.
        ranges: Rc<[Range]>,
    },
    /// Somebody asked for what has been folded ([`headwater_sim::fold`]): the run is not what it
    /// would have been.
    Folded,
    /// A property of the model was checked.
    Property {
        /// Which.
        property: &'static Property,
        /// Of which partition, container, segment or ledger.
        entity: u64,
        /// Whether it holds here and now.
        holds: bool,
    },
}

impl node::Note for Note {
    fn digest(&self) -> u64 {
        let name = |name: &str| name.bytes().fold(0, |hash, byte| mix(hash, u64::from(byte)));
        match self {
            Self::Acked { batch } => mix(1, batch.digest()),
            Self::Failed { batch, error } => mix(mix(2, batch.digest()), name(error)),
            Self::Delivered { reader, batch, position } => {
                mix(mix(3 + (u64::from(*reader) << 8), batch.digest()), *position)
            }
            Self::Watermark { level, entity, value } => {
                mix(mix(mix(4, name(level.name)), *entity), *value)
            }
            Self::Event { mark, entity, peer, value } => {
                let peer = peer.map_or(0, |peer| u64::from(peer.0) + 1);
                mix(mix(mix(mix(5, name(mark.name)), *entity), peer), *value)
            }
            // What was handed on before shows in the notes before it: fingerprints stay.
            Self::HandedOn { to, count, again: _, way: _, bytes } => {
                mix(mix(mix(8, u64::from(to.0)), *count), *bytes)
            }
            Self::Through { way, bytes } => {
                way.iter().fold(mix(9, *bytes), |hash, of| mix(hash, of.due.0))
            }
            Self::Folded => 10,
            Self::Ranked(ranking) => {
                let times = mix(mix(12, ranking.from.0), ranking.until.0);
                let both = ranking.counts.iter().chain(&ranking.top);
                both.fold(times, |hash, (topic, count)| mix(mix(hash, *topic), *count))
            }
            Self::Asked { number, state } => mix(mix(14, *number), *state as u64),
            Self::Late { first, last, topic } => mix(mix(mix(13, first.0), last.0), *topic),
            Self::Expired { lane, position, .. } => mix(mix(11, u64::from(lane.0)), *position),
            // Without the entity, which the events before it determine: fingerprints stay.
            Self::Property { property, entity: _, holds } => {
                mix(6 + u64::from(*holds), name(property.name))
            }
        }
    }
}
