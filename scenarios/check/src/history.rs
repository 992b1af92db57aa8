//! The history of a run: what was acknowledged, given up and delivered, and how levels moved.

use std::collections::BTreeMap;

use headwater_models::batch::{Batch, Range, StreamId};
use headwater_models::note::Note;
use headwater_models::signal::Level;
use headwater_models::system::Positions;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::expired::Expired;
use super::loss;
use super::properties::Properties;
use super::ranges::GRAIN;
use super::stored::{Replica, Stored};
use super::suite::Audience;
use super::verdict::Verdict;
use headwater_traffic::Place;

/// Consecutive events of one writer on one lane of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// The stream.
    pub stream: StreamId,
    /// The writer, from 0.
    pub writer: u32,
    /// The lane, from 0.
    pub lane: u32,
    /// Lane sequence number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl From<&Batch> for Events {
    fn from(batch: &Batch) -> Self {
        let (stream, writer, lane) = (batch.stream, batch.writer, batch.lane.0);
        Self { stream, writer, lane, first: batch.first, count: batch.count() }
    }
}

impl From<Range> for Events {
    fn from(Range { stream, writer, lane, first, count }: Range) -> Self {
        Self { stream, writer, lane: lane.0, first, count }
    }
}

impl From<Place> for Events {
    fn from(place: Place) -> Self {
        // A live run has one stream.
        let stream = StreamId(0);
        Self { stream, writer: place.writer, lane: place.lane, first: place.seq, count: 1 }
    }
}

/// Consecutive events as a reader was handed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The writer.
    pub writer: u32,
    /// Lane sequence number of the first event.
    pub first: u64,
    /// That of the last.
    pub last: u64,
    /// Position of the first event.
    pub position: u64,
    /// Positions that the events take; with [`Positions::Bytes`] at least so many.
    pub width: u64,
    /// When the first was delivered.
    pub from: Time,
    /// When the last was.
    pub until: Time,
    /// Events of other writers stand between these ([`History::fold`]): at which of the positions
    /// each stands is not known any more.
    pub interleaved: bool,
}

impl Span {
    /// Whether both are of one run of interleaved events.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.interleaved
            && other.interleaved
            && (self.position, self.width) == (other.position, other.width)
            && (self.from, self.until) == (other.from, other.until)
    }

    /// Whether the positions of `other` are among those that this takes.
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.position <= other.position
            && other.position + other.width <= self.position + self.width
    }
}

/// A level that fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fall {
    /// Which level, such as `high_watermark`.
    pub name: &'static str,
    /// Whose.
    pub entity: u64,
    /// Where it stood, since `from_at`.
    pub from: u64,
    /// What it fell to, at `at`.
    pub to: u64,
    /// When it had been set to `from`.
    pub from_at: Time,
    /// When it fell.
    pub at: Time,
}

/// Falls and damaged payloads kept at most; all are counted.
const KEPT_MAX: usize = 1_000;

/// Where a level of the models stands, with the times at which that was reached.
#[derive(Clone, Debug)]
struct Levels {
    level: &'static Level,
    /// By entity: what anybody has.
    newest: BTreeMap<u64, (u64, Time)>,
    /// By entity and node: what it has said itself, of levels that are learnt late.
    own: Option<BTreeMap<(u64, NodeId), (u64, Time)>>,
}

impl Levels {
    fn new(level: &'static Level) -> Self {
        let own = level.learnt_late.then(BTreeMap::new);
        Self { level, newest: BTreeMap::new(), own }
    }
}

/// What happened to one stream of a run, as ranges. Lanes, writers and readers count from 0,
/// densely. Positions of each lane count from 0 at the first event of the run.
#[derive(Clone, Debug, Default)]
pub struct History {
    stream: StreamId,
    pub(super) positions: Positions,
    /// What writers were handed, where that is told.
    pub(super) sent: Stored,
    pub(super) acked: Stored,
    pub(super) failed: Stored,
    /// Per reader, per lane: in the order of delivery.
    pub(super) read: Vec<Vec<Vec<Span>>>,
    pub(super) replicas: Vec<Replica>,
    levels: Vec<Levels>,
    pub(super) level_moves: u64,
    pub(super) falls: Vec<Fall>,
    pub(super) fall_count: u64,
    pub(super) delivered: u64,
    pub(super) damaged: Vec<(Time, u32, String)>,
    pub(super) damaged_count: u64,
    pub(super) properties: Properties,
    pub(super) expired: Expired,
}

impl History {
    /// An empty history of a stream.
    pub fn new(stream: StreamId, positions: Positions) -> Self {
        Self { stream, positions, ..Self::default() }
    }

    /// The stream that it is of.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// What the models have noted of their properties.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Acknowledged events that retention has removed before they were read.
    pub fn expired_unread(&self, audience: Audience) -> u64 {
        loss::expired(self, audience)
    }

    /// What its positions count.
    pub fn positions(&self) -> Positions {
        self.positions
    }

    /// Whether what the models say must hold in the end holds; nothing if none was noted.
    pub fn eventually(&self) -> Option<Verdict> {
        self.properties.eventually().map(|verdict| Verdict { stream: self.stream, ..verdict })
    }

    /// Takes what the checkers need of a note of a node that belongs to the stream's system.
    pub fn note(&mut self, at: Time, node: NodeId, note: &Note) {
        match note {
            Note::Acked { batch } => self.acked(at, Events::from(&**batch)),
            Note::Failed { batch, .. } => self.failed(at, Events::from(&**batch)),
            Note::Delivered { reader, batch, position } => {
                self.delivered(at, *reader, Events::from(&**batch), *position, batch.bytes);
            }
            Note::Watermark { level, entity, value } => {
                self.watermark(at, node, level, *entity, *value);
            }
            Note::Property { property, entity, holds } => {
                self.properties.note(at, property, *entity, *holds);
            }
            Note::Expired { lane, position, ranges } => {
                self.expired.note(at, lane.0, *position, ranges);
            }
            Note::HandedOn { .. }
            | Note::Through { .. }
            | Note::Event { .. }
            | Note::Ranked(_)
            | Note::Late { .. }
            | Note::Asked { .. }
            | Note::Folded => {}
        }
    }

    /// The writer was handed the events.
    #[inline]
    pub fn sent(&mut self, at: Time, events: Events) {
        debug_assert_eq!(events.stream, self.stream, "each stream has its history");
        self.sent.insert(events, at);
    }

    /// The writer was told that the events are stored.
    #[inline]
    pub fn acked(&mut self, at: Time, events: Events) {
        debug_assert_eq!(events.stream, self.stream, "each stream has its history");
        self.acked.insert(events, at);
    }

    /// The writer gave the events up; whether they are stored is not known.
    #[inline]
    pub fn failed(&mut self, at: Time, events: Events) {
        debug_assert_eq!(events.stream, self.stream, "each stream has its history");
        self.failed.insert(events, at);
    }

    /// `reader` was handed the events, of which the first stands at `position` of the lane; `bytes`
    /// matters only where positions count bytes.
    #[inline]
    pub fn delivered(&mut self, at: Time, reader: u32, events: Events, position: u64, bytes: u64) {
        debug_assert_eq!(events.stream, self.stream, "each stream has its history");
        if events.count == 0 {
            return;
        }
        self.delivered += events.count;
        let whole = self.positions == Positions::Events;
        let width = if whole { events.count } else { bytes };
        let last = events.first + (events.count - 1);
        let span = Span {
            writer: events.writer,
            first: events.first,
            last,
            position,
            width,
            from: at,
            until: at,
            interleaved: false,
        };
        let spans = self.spans(reader, events.lane);
        match spans.last_mut().filter(|have| whole && follows(have, &span)) {
            Some(have) => {
                have.last = last;
                have.width += width;
                have.until = at;
            }
            None => spans.push(span),
        }
    }

    #[inline]
    fn spans(&mut self, reader: u32, lane: u32) -> &mut Vec<Span> {
        let (reader, lane) = (reader as usize, lane as usize);
        if reader >= self.read.len() {
            self.read.resize_with(reader + 1, Vec::new);
        }
        let lanes = &mut self.read[reader];
        if lane >= lanes.len() {
            lanes.resize_with(lane + 1, Vec::new);
        }
        &mut lanes[lane]
    }

    /// A level that must never fall was set by a node.
    pub fn watermark(
        &mut self,
        at: Time,
        by: NodeId,
        level: &'static Level,
        entity: u64,
        value: u64,
    ) {
        self.level_moves += 1;
        let (name, levels) = (level.name, self.levels_of(level));
        let level = levels.newest.entry(entity).or_insert((value, at));
        let floor = if let Some(own) = &mut levels.own {
            let own = own.entry((entity, by)).or_insert(*level);
            if value > level.0 {
                *level = (value, at);
            }
            own
        } else {
            level
        };
        let (from, from_at) = *floor;
        if value != from {
            *floor = (value, at);
        }
        if value < from {
            self.fall_count += 1;
            if self.falls.len() < KEPT_MAX {
                self.falls.push(Fall { name, entity, from, to: value, from_at, at });
            }
        }
    }

    fn levels_of(&mut self, level: &'static Level) -> &mut Levels {
        let found = self.levels.iter().position(|levels| levels.level == level);
        let at = found.unwrap_or_else(|| {
            self.levels.push(Levels::new(level));
            self.levels.len() - 1
        });
        &mut self.levels[at]
    }

    /// A reader was handed a payload that is not one that was written; `what` is wrong with it.
    pub fn damaged(&mut self, at: Time, reader: u32, what: impl ToString) {
        self.damaged_count += 1;
        if self.damaged.len() < KEPT_MAX {
            self.damaged.push((at, reader, what.to_string()));
        }
    }

    /// At the end: what one disk holds.
    pub fn replica(&mut self, replica: Replica) {
        self.replicas.push(replica);
    }

    /// Adds what another thread of the same run saw, of other writers' events or other readers, or
    /// later than this. Levels and replicas stay those of the two parts.
    pub fn absorb(&mut self, other: Self) {
        self.sent.extend(&other.sent);
        self.acked.extend(&other.acked);
        self.failed.extend(&other.failed);
        for (reader, lanes) in (0..).zip(other.read) {
            for (lane, spans) in (0..).zip(lanes) {
                self.spans(reader, lane).extend(spans);
            }
        }
        self.replicas.extend(other.replicas);
        for Levels { level, newest, own } in other.levels {
            let levels = self.levels_of(level);
            levels.newest.extend(newest);
            if let (Some(have), Some(own)) = (&mut levels.own, own) {
                have.extend(own);
            }
        }
        self.level_moves += other.level_moves;
        self.falls.extend(other.falls);
        self.fall_count += other.fall_count;
        self.delivered += other.delivered;
        self.damaged.extend(other.damaged);
        self.damaged_count += other.damaged_count;
        self.properties.absorb(other.properties);
    }

    /// Events acknowledged.
    pub fn acked_events(&self) -> u64 {
        self.acked.count()
    }

    /// Events given up.
    pub fn failed_events(&self) -> u64 {
        self.failed.count()
    }

    /// Events delivered, repeated deliveries included, over all readers.
    pub fn delivered_events(&self) -> u64 {
        self.delivered
    }

    /// Number of readers.
    pub(super) fn readers(&self) -> u32 {
        self.read.len() as u32
    }

    /// (reader, lane, spans in the order of delivery).
    pub(super) fn reads(&self) -> impl Iterator<Item = (u32, u32, &[Span])> {
        (0..).zip(&self.read).flat_map(|(reader, lanes)| {
            (0..).zip(lanes).map(move |(lane, spans)| (reader, lane, spans.as_slice()))
        })
    }

    /// (reader, span) of one lane, reader by reader.
    pub(super) fn on_lane(&self, lane: u32) -> impl Iterator<Item = (u32, &Span)> {
        (0..).zip(&self.read).flat_map(move |(reader, lanes)| {
            let spans = lanes.get(lane as usize).into_iter().flatten();
            spans.map(move |span| (reader, span))
        })
    }

    /// One more than the largest lane that was read.
    pub(super) fn lanes(&self) -> u32 {
        self.read.iter().map(Vec::len).max().unwrap_or(0) as u32
    }

    /// The events that were delivered: to `only`, or to anyone.
    pub(super) fn read_by(&self, whether: impl Fn(u32) -> bool) -> Stored {
        let mut stored = Stored::default();
        for (reader, lane, spans) in self.reads() {
            if whether(reader) {
                for span in spans {
                    let (stream, writer, first) = (self.stream, span.writer, span.first);
                    let count = span.last - first + 1;
                    stored.insert(Events { stream, writer, lane, first, count }, span.until);
                }
            }
        }
        stored
    }
}

/// Whether `next` goes on where `have` ends, in sequence and in position.
#[inline]
fn follows(have: &Span, next: &Span) -> bool {
    !have.interleaved
        && have.writer == next.writer
        && have.last.checked_add(1) == Some(next.first)
        && have.position + have.width == next.position
        && next.until.since(have.from) <= GRAIN
}
