//! The writer: a process that takes events from the schedule when they are due and appends them.
//!
//! Stands for an application with one `EventWriter` of pravega-client-rust @ v0.3.7 or one
//! `EventStreamWriter` of the Java client @ v0.13.0, keyed events, a connection per segment. With
//! the Rust client one reactor does everything: it takes events as long as 16 MiB are not
//! acknowledged, and while it reconnects one segment it serves no other. With the Java client the
//! application's thread writes, and stands still while a segment that it writes to has no
//! connection or a full socket. `loadgen`'s own client (`loadgen/pravega`) has the Rust client's
//! blocks, and no reactor that segments share. A writer that is started again numbers its events as
//! the schedule does, and leaves out those that were due before. Left out: transactions,
//! keep-alives.
//!
//! Parameters: [`super::config::Writer`], `writer_*` of [`super::config::Costs`].

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::effect::{PoolId, TIMER};
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use rand::RngCore;

use crate::arrival::Arrival;
use crate::batch::{Lane, SharedBatch};
use crate::collections::SortedVecMap;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::protocol::{Message as AnyMessage, Record, Streaming};
use crate::tags::Tasks;

use super::config::{Client, Cluster};
use super::message::{Append, Message, WriterId};
use super::node::Ctx;
use super::stream::Stream;
use super::waits;

use self::event::Event;
use self::java_client::JavaClient;
use self::link::Link;
use self::routing::Router;
use self::rust_client::RustClient;

pub mod block_estimator;
pub mod event;
pub mod java_client;
pub mod link;
mod reconnect;
pub mod routing;
pub mod rust_client;
mod sealing;

/// Events taken at a time at the most: what is due is taken in small lots, so that the first are on
/// their way while the rest are still being routed.
const LOT: usize = 64;
/// How often the backlog is reported.
const GAUGE_PERIOD: Duration = Duration::from_millis(250);
/// Bytes that `loadgen` hands to its own client before they are acknowledged (`BYTES_MAX` in
/// `loadgen/src/systems/pravega/writer.rs`).
const HEADWATER_BYTES_MAX: u64 = 64 << 20;
/// How often its own client asks connections for a sign (`Options::sign` in
/// `loadgen/pravega/src/options.rs`).
const HEADWATER_SIGN: Duration = Duration::from_secs(5);
/// The error of an event whose segment writer has given up.
const NO_WRITER: &str = "IllegalStateException";
/// The thread that takes events and writes them.
const APPLICATION: PoolId = PoolId(0);

#[derive(Debug)]
enum Queue {
    Rust(RustClient),
    Java(JavaClient),
}

#[derive(Debug)]
struct SegmentWriter {
    lane: Lane,
    link: Link,
    queue: Queue,
    /// Events taken and not acknowledged, with their keys; only if the stream scales.
    unacked: VecDeque<(u64, Event)>,
    /// It is sealed, and its events have moved to the successors.
    moved: bool,
}

impl SegmentWriter {
    fn outstanding(&self) -> u64 {
        match &self.queue {
            Queue::Rust(client) => client.outstanding(),
            Queue::Java(client) => client.outstanding(),
        }
    }

    /// Events wait for the one block that the Rust client has in flight.
    fn is_held(&self) -> bool {
        matches!(&self.queue, Queue::Rust(client) if client.is_held())
    }
}

#[derive(Debug)]
enum Task {
    /// Events have been routed.
    Routed,
    /// A block has been encoded.
    Encoded { segment: SegmentId, append: Box<Append> },
    /// A reply has been read.
    Read { from: NodeId, message: Message },
    /// The next event is due.
    Due,
    /// The Java client's batch timer; of `loadgen`'s own, when connections are asked for a sign.
    Tick,
    /// A segment's next attempt to connect.
    Reconnect { segment: SegmentId, number: u32 },
    /// A segment's attempt has taken too long.
    ConnectTimeout { segment: SegmentId, number: u32 },
    /// The backlog is to be reported.
    Gauge,
}

/// The node.
pub struct Writer {
    cluster: Rc<Cluster>,
    controller: NodeId,
    intake: Intake,
    stream: Stream,
    router: Router,
    segments: Vec<SegmentWriter>,
    /// Routed and not yet accepted by a segment writer that can't write (Java).
    blocked: VecDeque<(SegmentId, Event)>,
    /// Being routed.
    lot: Vec<(SegmentId, Event)>,
    /// Events of sealed segments, to come behind those that are being routed.
    moved: VecDeque<(SegmentId, Event)>,
    routing: bool,
    due_armed: Option<Time>,
    outstanding_bytes: u64,
    /// The segment that the Rust client's reactor is reconnecting, those that come next, and what
    /// the reactor has not looked at meanwhile.
    reconnecting: Option<SegmentId>,
    to_reconnect: VecDeque<SegmentId>,
    held: VecDeque<(NodeId, Message)>,
    requests: SortedVecMap<u64, SegmentId>,
    tasks: Tasks<Task>,
}

impl Writer {
    /// Writer `number` of the cluster's writers.
    pub fn new(cluster: Rc<Cluster>, number: u32, controller: NodeId, feed: &Feed) -> Self {
        Self {
            controller,
            intake: feed.intake(number, cluster.writers),
            stream: Stream::new(&cluster),
            router: Router::new(Stream::new(&cluster), cluster.bugs),
            segments: Vec::new(),
            blocked: VecDeque::new(),
            lot: Vec::new(),
            moved: VecDeque::new(),
            routing: false,
            due_armed: None,
            outstanding_bytes: 0,
            reconnecting: None,
            to_reconnect: VecDeque::new(),
            held: VecDeque::new(),
            requests: SortedVecMap::default(),
            tasks: Tasks::default(),
            cluster,
        }
    }

    fn new_queue(cluster: &Cluster, now: Time) -> Queue {
        match cluster.client {
            Client::Rust | Client::Headwater => Queue::Rust(RustClient::default()),
            Client::Java => Queue::Java(JavaClient::new(&cluster.writer, now)),
        }
    }

    /// The stream has this segment, and all that have lower numbers.
    fn know(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        while self.segments.len() <= segment.index() {
            let segment = SegmentId(self.segments.len() as u32);
            let writer = WriterId(ctx.random().next_u64());
            let queue = Self::new_queue(&self.cluster, ctx.now());
            let link = Link::new(self.cluster.client, &self.cluster.writer, writer, segment);
            let (lane, unacked) = (segment.into(), VecDeque::new());
            self.segments.push(SegmentWriter { lane, link, queue, unacked, moved: false });
        }
    }

    fn timer(&mut self, ctx: &mut Ctx<'_>, after: Duration, task: Task) {
        let what = match &task {
            Task::Due => waits::DUE,
            Task::Tick if self.is_java() => waits::BATCH,
            // A connection that is silent is left for another.
            Task::Tick => waits::CONNECT_TIMEOUT,
            Task::Reconnect { .. } => waits::RECONNECT,
            Task::ConnectTimeout { .. } => waits::CONNECT_TIMEOUT,
            _ => TIMER,
        };
        let tag = self.tasks.add(task);
        ctx.timer_for(after, tag, what);
    }

    /// Every segment of the stream that is known.
    fn segment_ids(&self) -> impl Iterator<Item = SegmentId> + use<> {
        (0..self.segments.len() as u32).map(SegmentId)
    }

    /// Whether it is the Rust client, whose reactor waits for one reconnect after another.
    fn is_rust(&self) -> bool {
        self.cluster.client == Client::Rust
    }

    /// Whether acknowledgements are read on a pool of their own, and what is written costs what it
    /// costs on a JVM.
    fn is_java(&self) -> bool {
        self.cluster.client == Client::Java
    }

    /// Bytes that the client takes before they are acknowledged, if there is a limit.
    fn bytes_max(&self) -> Option<u64> {
        match self.cluster.client {
            Client::Rust => Some(self.cluster.writer.rust_channel_bytes),
            Client::Java => None,
            Client::Headwater => Some(HEADWATER_BYTES_MAX),
        }
    }

    /// Takes what is due, as far as there is room for it.
    fn pull(&mut self, ctx: &mut Ctx<'_>) {
        let full = self.bytes_max().is_some_and(|max| self.outstanding_bytes >= max);
        if self.routing || full || !self.blocked.is_empty() {
            return;
        }
        let now = ctx.now();
        while self.lot.len() < LOT
            && let Some(arrival) = self.intake.due(now)
        {
            let event = self.take(arrival, now);
            self.lot.push(event);
        }
        if self.lot.is_empty() {
            return self.await_next(ctx);
        }
        self.routing = true;
        let costs = &self.cluster.costs;
        let cost = match self.is_java() {
            true => Duration(costs.writer_event_java_ns),
            false => Duration(costs.writer_event_rust_ns),
        };
        let cost = cost * self.lot.len() as u64;
        let tag = self.tasks.add(Task::Routed);
        ctx.compute(APPLICATION, cost, tag);
    }

    fn take(&mut self, arrival: Arrival, now: Time) -> (SegmentId, Event) {
        self.intake.take();
        self.outstanding_bytes += u64::from(arrival.bytes);
        let event = Event { sequence: 0, bytes: arrival.bytes, intended: arrival.at, started: now };
        self.assign(arrival.key, event)
    }

    fn await_next(&mut self, ctx: &mut Ctx<'_>) {
        let Some(at) = self.intake.next_due(ctx.now()) else { return };
        if self.due_armed.is_none_or(|armed| at < armed) {
            self.due_armed = Some(at);
            self.timer(ctx, at - ctx.now(), Task::Due);
        }
    }

    /// Events have been routed: each goes to its segment's writer.
    fn routed(&mut self, ctx: &mut Ctx<'_>) {
        self.routing = false;
        let segments = &self.segments;
        let lot = self.lot.drain(..);
        self.blocked.extend(lot.filter(|(segment, _)| !segments[segment.index()].moved));
        self.blocked.append(&mut self.moved);
        self.write_routed(ctx);
        self.pull(ctx);
    }

    fn write_routed(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let buffer = self.cluster.writer.socket_buffer_bytes;
        while let Some((segment, event)) = self.blocked.front().copied() {
            let writer = self.intake.writer();
            let part = &mut self.segments[segment.index()];
            let block = match &mut part.queue {
                _ if part.link.phase == link::Phase::Dead => {
                    self.blocked.pop_front();
                    self.give_up(ctx, event::batch(writer, segment.into(), &[event]), NO_WRITER);
                    continue;
                }
                Queue::Rust(client) => {
                    client.push(event);
                    None
                }
                Queue::Java(client) => {
                    let stuck = part.link.stuck_bytes.is_some_and(|bytes| bytes >= buffer);
                    if part.link.store().is_none() || stuck {
                        // The application's thread is blocked.
                        return;
                    }
                    client.push(writer, part.lane, now, event)
                }
            };
            self.blocked.pop_front();
            match block {
                Some(block) => self.encode(ctx, segment, block),
                None => self.write_pending(ctx, segment),
            }
        }
    }

    /// The Rust client's next block of a segment (or that of `loadgen`'s own), if it may leave.
    fn write_pending(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        let part = &mut self.segments[segment.index()];
        let Queue::Rust(client) = &mut part.queue else { return };
        if part.link.store().is_none() || self.reconnecting.is_some() {
            return;
        }
        let limits = self.cluster.block_limits();
        if let Some(block) = client.next_block(self.intake.writer(), part.lane, limits) {
            self.encode(ctx, segment, block);
        }
    }

    fn encode(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, block: (SharedBatch, u64)) {
        let (batch, overhead) = block;
        let connection = self.segments[segment.index()].link.connection;
        let event_number = event::event_number(&batch);
        let append = Box::new(Append { connection, event_number, batch, overhead });
        let cost = self.cluster.costs.block(append.length());
        let tag = self.tasks.add(Task::Encoded { segment, append });
        ctx.compute(APPLICATION, cost, tag);
    }

    fn encoded(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, append: Box<Append>) {
        let link = &mut self.segments[segment.index()].link;
        let Some(store) = link.store().filter(|_| link.connection == append.connection) else {
            return;
        };
        if let Some(stuck) = &mut link.stuck_bytes {
            *stuck += append.length();
        }
        ctx.send(store, AnyMessage::Pravega(Message::Append(append)));
    }

    /// Everything up to an event of a segment is acknowledged.
    fn ack(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, number: i64) {
        let SegmentWriter { queue, unacked, .. } = &mut self.segments[segment.index()];
        while let Some(batch) = match queue {
            Queue::Rust(client) => client.ack(number),
            Queue::Java(client) => client.ack(number),
        } {
            unacked.drain(..unacked.len().min(batch.count() as usize));
            self.outstanding_bytes -= batch.bytes;
            self.intake.acked(ctx, batch);
        }
    }

    fn give_up(&mut self, ctx: &mut Ctx<'_>, batch: SharedBatch, error: &'static str) {
        self.outstanding_bytes -= batch.bytes;
        self.intake.failed(ctx, batch, error);
    }

    fn on_reply(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        match message {
            Message::DataAppended { connection, event_number, .. } => {
                let segment = connection.segment;
                let part = &mut self.segments[segment.index()];
                if part.link.connection != connection {
                    return;
                }
                part.link.heard = ctx.now();
                if let Queue::Java(client) = &mut part.queue {
                    client.record_ack(event_number);
                }
                self.ack(ctx, segment, event_number);
                self.write_pending(ctx, segment);
                self.pull(ctx);
            }
            Message::AppendSetup { connection, last_event_number } => {
                self.set_up(ctx, from, connection, last_event_number);
            }
            Message::Closed { connection, reason } => self.closed(ctx, from, connection, reason),
            Message::Endpoint { request, store } => self.resolved(ctx, request, store),
            Message::Successors { request, segments } => self.succeeded(ctx, request, &segments),
            Message::Window { connection, open } => {
                let link = &mut self.segments[connection.segment.index()].link;
                if link.connection == connection {
                    link.stuck_bytes = if open { None } else { Some(0) };
                    self.write_routed(ctx);
                    self.pull(ctx);
                }
            }
            _ => {}
        }
    }

    fn tick(&mut self, ctx: &mut Ctx<'_>) {
        self.drop_silent(ctx);
        for segment in self.segment_ids() {
            let part = &mut self.segments[segment.index()];
            let Queue::Java(client) = &mut part.queue else { break };
            if part.link.store().is_some()
                && let Some(block) = client.tick(self.intake.writer(), part.lane)
            {
                self.encode(ctx, segment, block);
            }
        }
        let batch = Duration::from_millis(self.cluster.writer.java_batch_time_ms);
        let period = if self.is_java() { batch } else { HEADWATER_SIGN };
        self.timer(ctx, period, Task::Tick);
    }

    fn run(&mut self, ctx: &mut Ctx<'_>, task: Task) {
        match task {
            Task::Routed => self.routed(ctx),
            Task::Encoded { segment, append } => self.encoded(ctx, segment, append),
            Task::Read { from, message } => self.on_reply(ctx, from, message),
            Task::Due => {
                self.due_armed = None;
                self.pull(ctx);
            }
            Task::Tick => self.tick(ctx),
            Task::Reconnect { segment, number } => self.next_attempt(ctx, segment, number),
            Task::ConnectTimeout { segment, number } => self.timed_out(ctx, segment, number),
            Task::Gauge => {
                let events = self.segments.iter().map(SegmentWriter::outstanding).sum::<u64>();
                signals::WRITER_OUTSTANDING_EVENTS.set(ctx, events + self.blocked.len() as u64);
                signals::WRITER_OUTSTANDING_BYTES.set(ctx, self.outstanding_bytes);
                let held = self.segments.iter().filter(|segment| segment.is_held()).count() as u64;
                let segments = self.segments.len().max(1) as u64;
                signals::BLOCK_IN_FLIGHT.set(ctx, held * 1_000 / segments);
                let full = !self.blocked.is_empty();
                signals::OUTSTANDING_BYTES.set(ctx, u64::from(full) * 1_000);
                self.timer(ctx, GAUGE_PERIOD, Task::Gauge);
            }
        }
    }

    /// True if the reactor may look at a message now (Rust: not while it reconnects another
    /// segment).
    fn may_read(&self, message: &Message) -> bool {
        let Some(reconnecting) = self.reconnecting else { return true };
        match message {
            Message::AppendSetup { connection, .. } | Message::Closed { connection, .. } => {
                connection.segment == reconnecting
            }
            Message::Endpoint { .. } | Message::Successors { .. } => true,
            _ => false,
        }
    }

    fn read(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        let pool = if self.is_java() { PoolId(1) } else { APPLICATION };
        let tag = self.tasks.add(Task::Read { from, message });
        ctx.compute(pool, Duration(self.cluster.costs.writer_ack_ns), tag);
    }
}

impl Node<Streaming> for Writer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let client = self.cluster.client;
        self.stream.all().for_each(|segment| self.know(ctx, segment));
        if self.stream.scales_by_load() {
            self.intake.start_on_any_lane(ctx.now());
        } else {
            // An earlier life may have written an event to any segment that ever owns its key.
            self.intake.start(ctx.now(), |missed| self.router.lanes_ever(missed.key));
        }
        for segment in self.stream.of_epoch(0) {
            self.reconnect(ctx, segment);
        }
        if client != Client::Rust {
            self.tick(ctx);
        }
        self.run(ctx, Task::Gauge);
        self.pull(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: AnyMessage) {
        match message {
            AnyMessage::Pravega(message) if self.may_read(&message) => {
                self.read(ctx, from, message);
            }
            AnyMessage::Pravega(message) => self.held.push_back((from, message)),
            AnyMessage::Handover(_) => self.pull(ctx),
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        if let Some(task) = self.tasks.take(tag) {
            self.run(ctx, task);
        }
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _completion: Completion<Record>) {
        if let Some(task) = self.tasks.take(tag) {
            self.run(ctx, task);
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        self.peer_gone(ctx, peer);
    }
}
