//! What lies between two systems: events that the readers of one hand to the writers of the next.
//!
//! Stands for an application that reads from one system and writes to another, with its position
//! committed after each write: it hands an event on once however often it reads it, with its key,
//! and writes again after a restart what was not acknowledged. Each of its writers runs on the
//! machine of a reader, and takes what that reader has of its lanes.
//!
//! No parameters. Left out: the application's own computing, and the cost of committing positions.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};

use crate::arrival::Arrival;
use crate::batch::{Batch, Lane, StreamId};
use crate::collections::SortedVecMap;
use crate::note::Note;
use crate::protocol::{Message, Streaming};

/// Tells a writer that events have been handed to it; within a process, so without bytes.
#[derive(Clone, Copy, Debug)]
pub struct Notice;

impl Notice {
    /// Nothing goes over a wire.
    pub const fn size_bytes(self) -> u64 {
        0
    }

    /// Its kind, for traces.
    pub const fn kind(self) -> &'static str {
        "handed-on"
    }

    /// It says nothing else.
    pub const fn digest(self) -> u64 {
        0
    }
}

/// An event on its way through the systems of a run.
#[derive(Clone, Copy, Debug)]
pub struct Handed {
    /// The event as its writer takes it; `at` is when it was handed on.
    pub arrival: Arrival,
    /// When the schedule had it.
    pub due: Time,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    event: Handed,
    /// Acknowledged, or given up.
    settled: bool,
}

/// One writer of a stream that takes from another.
#[derive(Debug)]
struct Desk {
    node: NodeId,
    waiting: VecDeque<Handed>,
}

#[derive(Debug)]
struct Taker {
    stream: StreamId,
    desks: Vec<Desk>,
}

#[derive(Debug, Default)]
struct State {
    /// Events of the stream by writer, lane and number, until a reader is handed them.
    written: BTreeMap<(u32, Lane, u64), Written>,
    /// Taken by a writer, and not numbered yet.
    taken: SortedVecMap<u32, VecDeque<Handed>>,
    /// The next number by writer and lane.
    numbers: SortedVecMap<(u32, Lane), u64>,
    /// The machines of the readers.
    readers: Vec<MachineId>,
    takers: Vec<Taker>,
}

/// What is known of the events of one stream in a run where systems hand on, and who takes them
/// from its readers. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Handover(Rc<RefCell<State>>);

impl Handover {
    /// A reader of the stream runs on this machine.
    pub fn add_reader(&self, machine: MachineId) {
        self.0.borrow_mut().readers.push(machine);
    }

    /// The machine of the reader that hands on to writer `writer`, if there is a reader.
    pub fn reader_machine(&self, writer: u32) -> Option<MachineId> {
        let readers = &self.0.borrow().readers;
        readers.get(writer as usize % readers.len().max(1)).copied()
    }

    /// The next writer of a stream that takes from this one.
    pub fn add_writer(&self, stream: StreamId, node: NodeId) {
        let mut state = self.0.borrow_mut();
        let at = state.takers.iter().position(|taker| taker.stream == stream);
        let at = at.unwrap_or_else(|| {
            state.takers.push(Taker { stream, desks: Vec::new() });
            state.takers.len() - 1
        });
        state.takers[at].desks.push(Desk { node, waiting: VecDeque::new() });
    }

    fn desk<R>(&self, stream: StreamId, writer: u32, use_it: impl FnOnce(&mut Desk) -> R) -> R {
        let mut state = self.0.borrow_mut();
        let taker = state.takers.iter_mut().find(|taker| taker.stream == stream);
        use_it(&mut taker.expect("it takes from here").desks[writer as usize])
    }

    /// What waits for a writer of a stream that takes from this one.
    pub(crate) fn front(&self, stream: StreamId, writer: u32) -> Option<Handed> {
        self.desk(stream, writer, |desk| desk.waiting.front().copied())
    }

    /// Takes what waits for a writer of a stream that takes from this one.
    pub(crate) fn pop(&self, stream: StreamId, writer: u32) -> Option<Handed> {
        self.desk(stream, writer, |desk| desk.waiting.pop_front())
    }

    /// Events that such a writer has to write again, in order, before all others.
    pub(crate) fn push_front(&self, stream: StreamId, writer: u32, events: Vec<Handed>) {
        self.desk(stream, writer, |desk| {
            events.into_iter().rev().for_each(|event| desk.waiting.push_front(event));
        });
    }

    /// A writer of this stream has taken an event.
    pub(crate) fn taken(&self, writer: u32, event: Handed) {
        self.0.borrow_mut().taken.entry_or_default(writer).push_back(event);
    }

    /// A writer has numbered the next of the events that it has taken.
    pub(crate) fn numbered(&self, writer: u32, lane: Lane, number: u64) {
        let mut state = self.0.borrow_mut();
        state.numbers.insert((writer, lane), number + 1);
        if let Some(event) = state.taken.get_mut(&writer).and_then(VecDeque::pop_front) {
            state.written.insert((writer, lane, number), Written { event, settled: false });
        }
    }

    /// An event that a writer has numbered gets another number.
    pub(crate) fn unnumbered(&self, writer: u32, lane: Lane, number: u64) {
        let mut state = self.0.borrow_mut();
        if let Some(written) = state.written.remove(&(writer, lane, number)) {
            state.taken.entry_or_default(writer).push_back(written.event);
        }
    }

    /// A batch is acknowledged or given up: it is not written again.
    pub(crate) fn settled(&self, batch: &Batch) {
        let mut state = self.0.borrow_mut();
        for number in batch.first..=batch.last() {
            if let Some(written) = state.written.get_mut(&(batch.writer, batch.lane, number)) {
                written.settled = true;
            }
        }
    }

    /// What a writer had taken and nobody has acknowledged, in order, when it is started again.
    pub(crate) fn unsettled(&self, writer: u32) -> Vec<Handed> {
        let mut state = self.0.borrow_mut();
        let mut lost: Vec<_> = state.taken.remove(&writer).unwrap_or_default().into();
        let of_writer = (writer, Lane(0), 0)..(writer + 1, Lane(0), 0);
        let open = state.written.range(of_writer).filter(|(_, written)| !written.settled);
        let open: Vec<_> = open.map(|(place, written)| (*place, written.event)).collect();
        for (place, event) in open {
            state.written.remove(&place);
            lost.push(event);
        }
        lost.sort_by_key(|event| event.arrival.index);
        lost
    }

    /// The next number of each lane of a writer, as its earlier lives have left them.
    pub(crate) fn numbers(&self, writer: u32) -> Vec<(Lane, u64)> {
        let state = self.0.borrow();
        let of_writer = state.numbers.iter().filter(|((of, _), _)| *of == writer);
        of_writer.map(|((_, lane), next)| (*lane, *next)).collect()
    }

    /// A reader was handed a batch: those of its events that nobody was handed before go on to all
    /// who take from this stream, or are through.
    pub(crate) fn delivered(&self, ctx: &mut Context<'_, Streaming>, batch: &Batch) {
        let mut state = self.0.borrow_mut();
        let events = (batch.first..=batch.last())
            .filter_map(|number| state.written.remove(&(batch.writer, batch.lane, number)));
        let events: Vec<_> = events.map(|written| written.event).collect();
        if events.is_empty() {
            return;
        }
        let bytes = events.iter().map(|event| u64::from(event.arrival.bytes)).sum();
        if state.takers.is_empty() {
            let due = events.iter().map(|event| event.due).collect();
            return ctx.note(Note::Through { due, bytes });
        }
        for taker in &mut state.takers {
            let place = batch.lane.0 as usize % taker.desks.len();
            let desk = &mut taker.desks[place];
            if desk.waiting.is_empty() {
                ctx.send(desk.node, Message::Handover(Notice));
            }
            let at = ctx.now();
            let arrivals = events.iter().map(|event| Arrival { at, ..event.arrival });
            let handed = arrivals.zip(&events).map(|(arrival, of)| Handed { arrival, due: of.due });
            desk.waiting.extend(handed);
            let count = events.len() as u64;
            ctx.note(Note::HandedOn { to: taker.stream, count, bytes });
        }
    }
}
