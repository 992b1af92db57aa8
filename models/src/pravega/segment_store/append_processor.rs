//! The append processor: each writer's connection, its acks, and how much of it may be outstanding.
//!
//! Stands for `AppendProcessor`, `WriterState`, `ConnectionTracker` @ v0.13.0. A connection with
//! too many outstanding bytes is not read from until there are fewer; the sender sees its TCP
//! window close, as it does where blocks come faster than the event loop decodes them. Left out:
//! the 60 s request timeout.
//!
//! Parameters: `pravegaservice.append.bytes.*` in bytes.

use std::collections::VecDeque;

use headwater_sim::units::NodeId;

use crate::collections::SortedVecMap;
use crate::pravega::config::SegmentStore;
use crate::pravega::container::Appender;
use crate::pravega::message::{Append, CloseReason, Connection, Message, WriterId};
use crate::pravega::properties;
use crate::protocol::Message as AnyMessage;

use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;

/// A connection on which a writer appends.
#[derive(Debug)]
pub(super) struct WriterState {
    pub connection: Connection,
    node: NodeId,
    last_stored: i64,
    last_acked: i64,
    outstanding: u64,
    paused: bool,
    /// The segment has refused an append because it is sealed.
    sealed: bool,
    /// The sender has been told that its window is closed.
    window_closed: bool,
    /// Received and not decoded, oldest first.
    inbox: VecDeque<Box<Append>>,
    /// Bytes of these.
    inbox_bytes: u64,
    /// The oldest of the inbox is being decoded by the connection's event loop.
    pub decoding: bool,
}

impl WriterState {
    /// The sender finds no room in its socket any more.
    fn close_window(&mut self, ctx: &mut Ctx<'_>) {
        if !std::mem::replace(&mut self.window_closed, true) {
            properties::WINDOW_CLOSED.reached(ctx);
            let message = Message::Window { connection: self.connection, open: false };
            ctx.send(self.node, AnyMessage::Pravega(message));
        }
    }
}

/// Below this a connection is read from as long as the total is not too large
/// (`ConnectionTracker.LOW_WATERMARK`).
const LOW_WATERMARK: u64 = 1 << 20;

/// All connections.
#[derive(Debug)]
pub(super) struct AppendProcessor {
    states: SortedVecMap<SegmentId, SortedVecMap<WriterId, WriterState>>,
    outstanding: u64,
    all_max: u64,
    single_double_max: u64,
    /// Bytes that fit the socket of a connection that is not read from.
    socket: u64,
}

impl AppendProcessor {
    pub(super) fn new(options: &SegmentStore, socket: u64) -> Self {
        Self {
            states: SortedVecMap::default(),
            outstanding: 0,
            all_max: options.all_connections_bytes_max,
            single_double_max: 2 * options.single_connection_bytes_max,
            socket,
        }
    }

    /// The state of a connection, unless it is closed or replaced.
    pub(super) fn state(&mut self, connection: Connection) -> Option<&mut WriterState> {
        let writers = self.states.get_mut(&connection.segment)?;
        let state = writers.get_mut(&connection.writer)?;
        (state.connection == connection).then_some(state)
    }

    /// A writer has set up a connection.
    pub(super) fn open(&mut self, node: NodeId, connection: Connection, last: i64) {
        let (segment, writer) = (connection.segment, connection.writer);
        let old = self.states.get(&segment).and_then(|writers| writers.get(&writer));
        if old.is_some_and(|old| old.connection.number > connection.number) {
            return;
        }
        self.drop_state(segment, writer);
        let state = WriterState {
            connection,
            node,
            last_stored: last,
            last_acked: last,
            outstanding: 0,
            paused: false,
            sealed: false,
            window_closed: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            decoding: false,
        };
        self.states.entry_or_default(segment).insert(writer, state);
    }

    /// An append is handed on: the event number that must come before it.
    pub(super) fn begin(&mut self, ctx: &mut Ctx<'_>, append: &Append) -> Option<i64> {
        let bytes = append.length();
        let state = self.state(append.connection)?;
        let previous = std::mem::replace(&mut state.last_stored, append.event_number);
        state.outstanding += bytes;
        self.outstanding += bytes;
        self.adjust_reading(ctx, append.connection);
        Some(previous)
    }

    fn adjust_reading(&mut self, ctx: &mut Ctx<'_>, connection: Connection) {
        let (total, all_max, double) = (self.outstanding, self.all_max, self.single_double_max);
        let Some(state) = self.state(connection) else { return };
        let reads = total < all_max
            && (state.outstanding < LOW_WATERMARK
                || state.outstanding < double.saturating_sub(total));
        state.paused = !reads;
        if state.paused {
            state.close_window(ctx);
        }
    }

    /// A block has come in.
    pub(super) fn received(&mut self, ctx: &mut Ctx<'_>, append: Box<Append>) {
        let socket = self.socket;
        let Some(state) = self.state(append.connection) else { return };
        state.inbox_bytes += append.length();
        state.inbox.push_back(append);
        if state.inbox_bytes > socket {
            state.close_window(ctx);
        }
    }

    /// The next block of a connection that is read from and not busy. Once half of its socket is
    /// empty, its window is open again.
    pub(super) fn next(
        &mut self,
        ctx: &mut Ctx<'_>,
        connection: Connection,
    ) -> Option<(NodeId, Box<Append>)> {
        let socket = self.socket;
        let state = self.state(connection).filter(|state| !state.paused && !state.decoding)?;
        let append = state.inbox.pop_front();
        state.decoding = append.is_some();
        state.inbox_bytes -= append.as_ref().map_or(0, |append| append.length());
        if state.inbox_bytes <= socket / 2 && std::mem::take(&mut state.window_closed) {
            let message = Message::Window { connection, open: true };
            ctx.send(state.node, AnyMessage::Pravega(message));
        }
        append.map(|append| (state.node, append))
    }

    /// An append is durable. Its event loop may have been overtaken: then a later acknowledgement
    /// has already said so.
    pub(super) fn acknowledge(
        &mut self,
        ctx: &mut Ctx<'_>,
        appender: &Appender,
        event_number: i64,
    ) {
        let connection = appender.connection;
        let Some(state) = self.state(connection) else { return };
        state.outstanding -= appender.bytes;
        if event_number > state.last_acked {
            let previous = std::mem::replace(&mut state.last_acked, event_number);
            let message = Message::DataAppended { connection, event_number, previous };
            ctx.send(state.node, AnyMessage::Pravega(message));
        }
        self.outstanding -= appender.bytes;
        self.adjust_reading(ctx, connection);
        self.close_if_sealed(ctx, connection);
    }

    /// A sealed segment's connection is closed once everything on it has been answered
    /// (`WriterState.DelayedErrorHandler`).
    fn close_if_sealed(&mut self, ctx: &mut Ctx<'_>, connection: Connection) {
        let Some(state) = self.state(connection) else { return };
        if state.sealed && state.outstanding == 0 {
            let node = state.node;
            self.close(ctx, node, connection, CloseReason::Sealed);
        }
    }

    /// An append has failed: the connection is closed.
    pub(super) fn reject(&mut self, ctx: &mut Ctx<'_>, appender: &Appender, reason: CloseReason) {
        let Some(state) = self.state(appender.connection) else { return };
        if reason == CloseReason::Sealed {
            state.sealed = true;
            state.outstanding -= appender.bytes;
            self.outstanding -= appender.bytes;
            self.close_if_sealed(ctx, appender.connection);
        } else {
            self.close(ctx, appender.node, appender.connection, reason);
        }
    }

    /// Closes a connection.
    pub(super) fn close(
        &mut self,
        ctx: &mut Ctx<'_>,
        node: NodeId,
        connection: Connection,
        reason: CloseReason,
    ) {
        if self.state(connection).is_some() {
            self.drop_state(connection.segment, connection.writer);
        }
        ctx.send(node, AnyMessage::Pravega(Message::Closed { connection, reason }));
    }

    fn drop_state(&mut self, segment: SegmentId, writer: WriterId) {
        let writers = self.states.get_mut(&segment);
        if let Some(old) = writers.and_then(|writers| writers.remove(&writer)) {
            self.outstanding -= old.outstanding;
        }
    }

    /// A client's process is gone.
    pub(super) fn peer_gone(&mut self, peer: NodeId) {
        for writers in self.states.values_mut() {
            writers.retain(|_, one| {
                let stays = one.node != peer;
                self.outstanding -= if stays { 0 } else { one.outstanding };
                stays
            });
        }
    }
}
