//! A writer of events: one task that knows which segment has which key, and one for each segment.
//!
//! Stands for what `EventStreamWriterImpl` and `SegmentOutputStreamImpl` @ v0.13.0 do, with the
//! blocks of the Rust client (`src/segment/writer.rs` of pravega-client-rust @ v0.3.7): one in
//! flight for each segment, of at most 500 events and 8 MiB, while what is written meanwhile waits.
//! The store is asked of the controller before every attempt to connect. What is sent again is
//! known to the store by the writer's id and the event's number, and stored once. Where a segment
//! is sealed, what was not acknowledged goes to its successors by its key. Left out: transactions,
//! watermarks, events above 8 MiB, one connection for several segments.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};

use crate::controller::{Controller, until};
use crate::error::Error;
use crate::options::Options;
use crate::segment::{Routes, RoutingKey, SegmentId, SegmentRange, StreamName};

mod queue;
mod segment;

use queue::Event;
use segment::{End, Left, SegmentWriter};

/// Bytes of an event at the most (`EventWriter::MAX_EVENT_SIZE`, `src/event/writer.rs` of
/// pravega-client-rust @ v0.3.7; `Serializer.MAX_EVENT_SIZE` of the Java client).
pub const EVENT_BYTES_MAX: usize = 8 << 20;

/// What a writer is told its events by: anything that tasks can hand on.
pub trait Told: Send + 'static {}

impl<T: Send + 'static> Told for T {}

/// Is told what became of events, in lots: stored, or why it is not known whether they are.
pub type Tell<T> = Arc<dyn Fn(Vec<T>, Result<(), &Error>) + Send + Sync>;

/// What all tasks of a writer share.
struct Context<T> {
    controller: Controller,
    stream: Arc<StreamName>,
    options: Options,
    told: Tell<T>,
}

impl<T> Clone for Context<T> {
    fn clone(&self) -> Self {
        Self {
            controller: self.controller.clone(),
            stream: Arc::clone(&self.stream),
            options: self.options,
            told: Arc::clone(&self.told),
        }
    }
}

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It is larger than [`EVENT_BYTES_MAX`].
    TooLarge,
    /// The writer has ended.
    Ended,
}

/// A writer of events to a stream. When it is dropped, what it was given is still written.
#[derive(Debug)]
pub struct EventWriter<T> {
    events: UnboundedSender<Event<T>>,
    task: AbortHandle,
}

impl<T: Told> EventWriter<T> {
    /// Opens a writer, in the context of a runtime; `told` is called by its tasks.
    pub fn open(
        controller: Controller,
        stream: StreamName,
        options: Options,
        told: Tell<T>,
    ) -> Self {
        let (sender, events) = unbounded_channel();
        let context = Context { controller, stream: Arc::new(stream), options, told };
        let router = Router {
            context,
            events,
            routes: Routes::default(),
            writers: BTreeMap::new(),
            held: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        Self { events: sender, task: tokio::spawn(router.run()).abort_handle() }
    }

    /// Writes an event; never waits.
    pub fn write(&self, key: RoutingKey, token: T, payload: Vec<u8>) -> Result<(), NotTaken> {
        if payload.len() > EVENT_BYTES_MAX {
            return Err(NotTaken::TooLarge);
        }
        let event = Event { key, token, payload };
        self.events.send(event).map_err(|_| NotTaken::Ended)
    }

    /// Stops at once: nothing more is told of what is not acknowledged.
    pub fn abandon(&self) {
        self.task.abort();
    }
}

/// Brings events to the segments of their keys.
struct Router<T> {
    context: Context<T>,
    events: UnboundedReceiver<Event<T>>,
    routes: Routes,
    writers: BTreeMap<SegmentId, UnboundedSender<Event<T>>>,
    /// Events that came when the writer of their segment had ended and had not said so yet.
    held: BTreeMap<SegmentId, VecDeque<Event<T>>>,
    tasks: JoinSet<Left<T>>,
}

impl<T: Told> Router<T> {
    async fn run(mut self) {
        let Context { controller, stream, options, .. } = self.context.clone();
        match until(options.deadline, || controller.current_segments(&stream)).await {
            Ok(segments) => self.open_all(segments),
            Err(error) => return self.refuse_all(&error).await,
        }
        let mut closed = false;
        while !closed || !self.tasks.is_empty() {
            tokio::select! {
                biased;
                Some(left) = self.tasks.join_next() => {
                    // A task that panicked has taken its events with it: so does this one.
                    let left = left.unwrap_or_else(|panic| resume_unwind(panic.into_panic()));
                    self.ended(left).await;
                    if closed {
                        self.writers.clear();
                    }
                }
                event = self.events.recv(), if !closed => match event {
                    Some(event) => self.route(event),
                    None => {
                        closed = true;
                        // Each writes what it has, and ends.
                        self.writers.clear();
                    }
                },
            }
        }
    }

    fn open_all(&mut self, segments: Vec<SegmentRange>) {
        segments.iter().for_each(|segment| self.open(segment.id));
        self.routes = Routes::new(segments);
    }

    fn open(&mut self, segment: SegmentId) {
        let (sender, events) = unbounded_channel();
        self.writers.insert(segment, sender);
        self.tasks.spawn(SegmentWriter::new(self.context.clone(), segment, events).run());
    }

    fn route(&mut self, event: Event<T>) {
        let Some(segment) = self.routes.segment_of(event.key) else {
            return self.refuse([event], &Error::Sealed);
        };
        let Some(writer) = self.writers.get(&segment) else {
            let why = format!("the writer of {} has ended", segment.name(&self.context.stream));
            return self.refuse([event], &Error::Refused(why));
        };
        if let Err(event) = writer.send(event) {
            self.held.entry(segment).or_default().push_back(event.0);
        }
    }

    /// A writer of a segment has ended: its events go to the successors, or have failed.
    async fn ended(&mut self, left: Left<T>) {
        let Left { segment, end, unacked } = left;
        self.writers.remove(&segment);
        let held = self.held.remove(&segment).unwrap_or_default();
        let events = unacked.into_iter().chain(held);
        let replaced = match end {
            End::Done => return,
            End::Failed(error) => Err(error),
            End::Sealed => self.replace(segment).await,
        };
        match replaced {
            Ok(()) => events.for_each(|event| self.route(event)),
            Err(error) => self.refuse(events, &error),
        }
    }

    /// The keys of a sealed segment go to its successors, which are written to from now on.
    async fn replace(&mut self, segment: SegmentId) -> Result<(), Error> {
        let Context { controller, stream, options, .. } = self.context.clone();
        let ask = || controller.successors(&stream, segment);
        let successors = until(options.deadline, ask).await?;
        let ranges: Vec<SegmentRange> = successors.iter().map(|one| one.range).collect();
        self.routes.replace(segment, &ranges);
        let missing = |id: &SegmentId| !self.writers.contains_key(id);
        let ids: Vec<SegmentId> = self.routes.ids().filter(missing).collect();
        ids.into_iter().filter(|id| ranges.iter().any(|range| range.id == *id)).for_each(|id| {
            // A successor may have more than one part of the key space.
            if !self.writers.contains_key(&id) {
                self.open(id);
            }
        });
        if ranges.is_empty() { Err(Error::Sealed) } else { Ok(()) }
    }

    fn refuse(&self, events: impl IntoIterator<Item = Event<T>>, why: &Error) {
        let tokens: Vec<T> = events.into_iter().map(|event| event.token).collect();
        if !tokens.is_empty() {
            (self.context.told)(tokens, Err(why));
        }
    }

    /// The stream can't be written to: nothing that comes is.
    async fn refuse_all(mut self, why: &Error) {
        while let Some(event) = self.events.recv().await {
            self.refuse([event], why);
        }
    }
}
