//! The front end: what comes in on writers' connections, one message of a connection at a time.
//!
//! Stands for `ServerConnectionInboundHandler`, `AppendDecoder` @ v0.13.0. A connection belongs to
//! one event loop, so its blocks are decoded in order. A writer whose segment has moved away is
//! told so.
//!
//! Parameters: `connection.*` of [`crate::pravega::config::Costs`]. Left out: decoding of partial
//! commands, keep-alives.

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::pravega::container::operation::Operation;
use crate::pravega::container::read_index::ReadRequest;
use crate::pravega::container::{Appender, Phase, Queued};
use crate::pravega::message::{Append, CloseReason, Connection, Message};

use super::SegmentStore;
use crate::pravega::container::host::{CONNECTION_POOL, Task};
use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;

impl SegmentStore {
    /// A writer announces itself.
    pub(super) fn setup_append(&mut self, ctx: &mut Ctx<'_>, from: NodeId, connection: Connection) {
        if !self.stream_exists {
            let reason = CloseReason::NoSuchSegment;
            return self.appends.close(ctx, from, connection, reason);
        }
        let id = self.containers_of.of(connection.segment);
        let running = self.containers.get(&id).filter(|one| one.phase == Phase::Running);
        let message = match running {
            Some(container) => {
                let Connection { segment, writer, .. } = connection;
                let last_event_number = {
                    let bugs = self.spec.cluster.bugs;
                    container.last_event_number(segment, writer, bugs)
                };
                self.appends.open(from, connection, last_event_number);
                Message::AppendSetup { connection, last_event_number }
            }
            None => Message::Closed { connection, reason: CloseReason::WrongHost },
        };
        let cost = self.spec.cluster.costs.append(0);
        self.on_event_loop(ctx, cost, Task::Send { to: from, message });
    }

    /// A connection's event loop does something.
    pub(super) fn on_event_loop(&mut self, ctx: &mut Ctx<'_>, cost: Duration, task: Task) {
        self.env(ctx).compute(CONNECTION_POOL, cost, task);
    }

    /// A request to read has come in.
    pub(super) fn read_segment(
        &mut self,
        ctx: &mut Ctx<'_>,
        segment: SegmentId,
        read: ReadRequest,
    ) {
        self.allocate(ctx, 0);
        let cost = Duration(self.spec.cluster.costs.connection_read_ns);
        self.on_event_loop(ctx, cost, Task::Read { segment, request: read });
    }

    /// A request to read has been decoded: it goes to its container.
    pub(super) fn read_decoded(
        &mut self,
        ctx: &mut Ctx<'_>,
        segment: SegmentId,
        read: ReadRequest,
    ) {
        let id = self.containers_of.of(segment);
        if self.stream_exists && self.containers.contains_key(&id) {
            return self
                .with_container(ctx, id, |container, env| container.read(env, segment, read));
        }
        let reading = Err(match self.stream_exists {
            true => CloseReason::WrongHost,
            false => CloseReason::NoSuchSegment,
        });
        let message = Message::SegmentRead { request: read.request, reading };
        let cost = self.spec.cluster.costs.reply(0);
        self.on_event_loop(ctx, cost, Task::Send { to: read.from, message });
    }

    /// A block has come in.
    pub(super) fn append(&mut self, ctx: &mut Ctx<'_>, from: NodeId, append: Box<Append>) {
        let connection = append.connection;
        self.allocate(ctx, append.length());
        if self.appends.state(connection).is_some() {
            self.appends.received(ctx, append);
            self.read_connection(ctx, connection);
        } else {
            // The other end of a connection that an earlier incarnation of this process had, or
            // that was closed in the meantime: reset.
            self.appends.close(ctx, from, connection, CloseReason::Error);
        }
    }

    /// Decodes the next block of a connection, if it is read from and not busy.
    pub(super) fn read_connection(&mut self, ctx: &mut Ctx<'_>, connection: Connection) {
        let Some((from, append)) = self.appends.next(ctx, connection) else { return };
        let cost = self.spec.cluster.costs.append(append.length());
        self.on_event_loop(ctx, cost, Task::Decoded { from, append });
    }

    /// A block has been decoded: it goes to its container.
    pub(super) fn append_decoded(&mut self, ctx: &mut Ctx<'_>, from: NodeId, append: Box<Append>) {
        let connection = append.connection;
        let Some(state) = self.appends.state(connection) else { return };
        state.decoding = false;
        let id = self.containers_of.of(connection.segment);
        if self.containers.get(&id).is_none_or(|one| one.phase != Phase::Running) {
            return self.appends.close(ctx, from, connection, CloseReason::WrongHost);
        }
        let Some(previous) = self.appends.begin(ctx, &append) else { return };
        let bytes = append.length();
        let Append { event_number, batch, .. } = *append;
        let events = batch.count();
        let Connection { segment, writer, .. } = connection;
        let operation =
            Operation::Append { segment, offset: 0, writer, event_number, previous, batch };
        let appender = Some(Appender { node: from, connection, bytes, events });
        self.with_container(ctx, id, |container, env| {
            container.submit(env, Queued { operation, appender });
        });
        self.read_connection(ctx, connection);
    }
}
