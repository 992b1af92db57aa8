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
use crate::note::{Note, Passed};
use crate::protocol::{Message, Streaming};
use crate::shelf::Shelf;

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
    /// It was passed on before, by a system that has worked on it twice.
    pub again: bool,
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
    /// Of a system that keeps its own position, in place of desks.
    shelf: Option<Shelf>,
    /// Who is told that something new lies on the shelf, and whether it has been since it looked.
    reader: Option<(NodeId, bool)>,
}

/// Who waits until what was passed on is settled.
#[derive(Debug)]
struct Watch {
    node: NodeId,
    /// Passed on to writers, and neither acknowledged nor given up.
    open: u64,
    /// Given up.
    failed: u64,
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
    /// The stream that this one's writers take from.
    from: Option<Handover>,
    /// By lane, what was passed on up to here is so again.
    passed: SortedVecMap<Lane, u64>,
    /// By lane, what a system that keeps its own position has said to be done with.
    done: SortedVecMap<Lane, u64>,
    watch: Option<Watch>,
}

/// What is known of the events of one stream in a run where systems hand on, and who takes them
/// from its readers. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Handover(Rc<RefCell<State>>);

impl Handover {
    /// Of a stream whose writers take from another's readers, if they do.
    pub(crate) fn taking_from(from: Option<&Self>) -> Self {
        let state = State { from: from.cloned(), ..State::default() };
        Self(Rc::new(RefCell::new(state)))
    }

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
        let desk = Desk { node, waiting: VecDeque::new() };
        self.add_taker(stream, |taker| taker.desks.push(desk));
    }

    /// The machine of the reader whose turn it is to be taken from, if there is a reader.
    pub(crate) fn next_machine(&self) -> Option<MachineId> {
        let takers = self.0.borrow().takers.len() as u32;
        self.reader_machine(takers)
    }

    /// A system that takes from this one keeps its own position.
    pub(crate) fn add_shelf(&self, stream: StreamId) {
        self.add_taker(stream, |taker| taker.shelf = Some(Shelf::default()));
    }

    fn add_taker(&self, stream: StreamId, with: impl FnOnce(&mut Taker)) {
        let takers = &mut self.0.borrow_mut().takers;
        let at = takers.iter().position(|taker| taker.stream == stream);
        let at = at.unwrap_or_else(|| {
            takers.push(Taker { stream, desks: Vec::new(), shelf: None, reader: None });
            takers.len() - 1
        });
        with(&mut takers[at]);
    }

    fn taker<R>(&self, stream: StreamId, use_it: impl FnOnce(&mut Taker) -> R) -> R {
        let mut state = self.0.borrow_mut();
        let taker = state.takers.iter_mut().find(|taker| taker.stream == stream);
        use_it(taker.expect("it takes from here"))
    }

    fn desk<R>(&self, stream: StreamId, writer: u32, use_it: impl FnOnce(&mut Desk) -> R) -> R {
        self.taker(stream, |taker| use_it(&mut taker.desks[writer as usize]))
    }

    /// Looks at what lies on the shelf of a stream that takes from this one.
    pub(crate) fn shelf<R>(&self, stream: StreamId, use_it: impl FnOnce(&mut Shelf) -> R) -> R {
        self.taker(stream, |taker| use_it(taker.shelf.as_mut().expect("it has a shelf")))
    }

    /// This node is told, by a [`Notice`], when something new lies on the shelf of a stream that
    /// takes from this one: once, until it looks again.
    pub(crate) fn tell_of_new(&self, stream: StreamId, node: NodeId) {
        self.taker(stream, |taker| taker.reader = Some((node, false)));
    }

    /// Where the lanes on such a shelf end, for its reader.
    pub(crate) fn look(&self, stream: StreamId) -> Vec<(Lane, u64)> {
        self.taker(stream, |taker| {
            if let Some((_, told)) = &mut taker.reader {
                *told = false;
            }
            taker.shelf.as_ref().expect("it has a shelf").ends()
        })
    }

    /// This node is told, by a [`Notice`], when all that was passed on is settled.
    pub(crate) fn watch(&self, node: NodeId) {
        self.0.borrow_mut().watch = Some(Watch { node, open: 0, failed: 0 });
    }

    /// What was passed on and is not settled, and what was given up; nothing where nobody watches.
    pub(crate) fn open(&self) -> (u64, u64) {
        self.0.borrow().watch.as_ref().map_or((0, 0), |watch| (watch.open, watch.failed))
    }

    /// Who watches begins anew: what was given up before does not matter to it.
    pub(crate) fn forget_refused(&self) {
        if let Some(watch) = &mut self.0.borrow_mut().watch {
            watch.failed = 0;
        }
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

    /// A batch is acknowledged, or `failed` and given up: it is not written again.
    pub(crate) fn settled(&self, ctx: &mut Context<'_, Streaming>, batch: &Batch, failed: bool) {
        let mut state = self.0.borrow_mut();
        let mut newly = 0;
        for number in batch.first..=batch.last() {
            if let Some(written) = state.written.get_mut(&(batch.writer, batch.lane, number)) {
                newly += u64::from(!written.settled);
                written.settled = true;
            }
        }
        state.tell_from(ctx, newly, failed);
    }

    /// Writers of a stream that takes from this one have settled so many events.
    fn taken_over(&self, ctx: &mut Context<'_, Streaming>, events: u64, failed: bool) {
        let mut state = self.0.borrow_mut();
        let Some(watch) = &mut state.watch else { return };
        watch.open -= events;
        watch.failed += if failed { events } else { 0 };
        if watch.open == 0 {
            ctx.send(watch.node, Message::Handover(Notice));
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
        let written: Vec<_> = (batch.first..=batch.last())
            .filter_map(|number| state.written.remove(&(batch.writer, batch.lane, number)))
            .collect();
        // It is stored, as its writer will be told, or its next life would have been.
        let stored = written.iter().filter(|written| !written.settled).count() as u64;
        state.tell_from(ctx, stored, false);
        let events: Vec<_> = written.into_iter().map(|written| written.event).collect();
        state.hand_on(ctx, batch.lane, &events);
    }

    /// A system that keeps its own position has worked on a batch, of which these are the events.
    pub(crate) fn pass(&self, ctx: &mut Context<'_, Streaming>, batch: &Batch, events: &[Handed]) {
        let mut state = self.0.borrow_mut();
        let passed = state.passed.entry_or_default(batch.lane);
        let numbered = (batch.first..).zip(events);
        let events: Vec<_> = numbered
            .map(|(number, of)| Handed { again: of.again || number < *passed, ..*of })
            .collect();
        *passed = (*passed).max(batch.last() + 1);
        state.hand_on(ctx, batch.lane, &events);
    }

    /// A system that keeps its own position is done with what lies before `until`, for good: where
    /// it was before.
    pub(crate) fn done(&self, lane: Lane, until: u64) -> u64 {
        let mut state = self.0.borrow_mut();
        let done = state.done.entry_or_default(lane);
        std::mem::replace(done, until.max(*done))
    }

    /// Up to which number of a lane everything was passed on.
    pub(crate) fn passed(&self, lane: Lane) -> u64 {
        self.0.borrow().passed.get(&lane).copied().unwrap_or(0)
    }
}

impl State {
    fn tell_from(&self, ctx: &mut Context<'_, Streaming>, events: u64, failed: bool) {
        if let Some(from) = self.from.as_ref().filter(|_| events > 0) {
            from.taken_over(ctx, events, failed);
        }
    }

    fn hand_on(&mut self, ctx: &mut Context<'_, Streaming>, lane: Lane, events: &[Handed]) {
        if events.is_empty() {
            return;
        }
        let size = |of: &Handed| u64::from(of.arrival.bytes);
        let first = events.iter().filter(|event| !event.again);
        let mut way: Rc<[Passed]> =
            first.clone().map(|of| Passed { due: of.due, since: of.arrival.at }).collect();
        if self.takers.is_empty() {
            let bytes = first.map(size).sum();
            if !way.is_empty() {
                ctx.note(Note::Through { way, bytes });
            }
            return;
        }
        let (count, bytes) = (events.len() as u64, events.iter().map(size).sum());
        let again = count - way.len() as u64;
        let at = ctx.now();
        for taker in &mut self.takers {
            let handed = events.iter().map(|of| {
                let arrival = Arrival { at, ..of.arrival };
                Handed { arrival, ..*of }
            });
            if let Some(shelf) = &mut taker.shelf {
                handed.for_each(|event| shelf.put(lane, event));
                if let Some((node, told @ false)) = &mut taker.reader {
                    *told = true;
                    ctx.send(*node, Message::Handover(Notice));
                }
            } else {
                let place = lane.0 as usize % taker.desks.len();
                let desk = &mut taker.desks[place];
                if desk.waiting.is_empty() {
                    ctx.send(desk.node, Message::Handover(Notice));
                }
                desk.waiting.extend(handed);
                if let Some(watch) = &mut self.watch {
                    watch.open += count;
                }
            }
            let way = std::mem::take(&mut way);
            ctx.note(Note::HandedOn { to: taker.stream, count, again, way, bytes });
        }
    }
}
