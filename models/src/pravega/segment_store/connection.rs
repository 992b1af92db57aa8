//! The front end: what comes in on writers' connections, one message of a connection at a time.
//!
//! Stands for `ServerConnectionInboundHandler`, `AppendDecoder` @ v0.13.0. A connection belongs to
//! one event loop, so its blocks are decoded in order. A writer whose segment has moved away is
//! told so.
//!
//! Parameters: `connection_append` of [`crate::pravega::config::Costs`]. Left out: decoding of
//! partial commands, keep-alives.

use headwater_sim::units::NodeId;

use crate::pravega::container::operation::Operation;
use crate::pravega::container::{Appender, Phase, Queued};
use crate::pravega::message::{Append, CloseReason, Connection, Message};

use super::SegmentStore;
use crate::pravega::container::host::{CONNECTION_POOL, Task};
use crate::pravega::node::Ctx;

impl SegmentStore {
    /// A writer announces itself.
    pub(super) fn setup_append(&mut self, ctx: &mut Ctx<'_>, from: NodeId, connection: Connection) {
        if !self.stream_exists {
            let reason = CloseReason::NoSuchSegment;
            return self.appends.close(ctx, from, connection, reason);
        }
        let id = self.container_of[connection.segment.index()];
        let running = self.containers.get(&id).filter(|one| one.phase == Phase::Running);
        let message = match running {
            Some(container) => {
                let Connection { segment, writer, .. } = connection;
                let last_event_number = container.last_event_number(segment, writer);
                self.appends.open(from, connection, last_event_number);
                Message::AppendSetup { connection, last_event_number }
            }
            None => Message::Closed { connection, reason: CloseReason::WrongHost },
        };
        let tag = self.tasks.add(Task::Send { to: from, message });
        ctx.compute(CONNECTION_POOL, self.spec.cluster.costs.connection_append, tag);
    }

    /// A block has come in.
    pub(super) fn append(&mut self, ctx: &mut Ctx<'_>, from: NodeId, append: Box<Append>) {
        let connection = append.connection;
        if let Some(state) = self.appends.state(connection) {
            state.inbox.push_back(append);
            self.read_connection(ctx, connection);
        } else {
            // The other end of a connection that an earlier incarnation of this process had, or
            // that was closed in the meantime: reset.
            self.appends.close(ctx, from, connection, CloseReason::Error);
        }
    }

    /// Decodes the next block of a connection, if it is read from and not busy.
    pub(super) fn read_connection(&mut self, ctx: &mut Ctx<'_>, connection: Connection) {
        if !self.appends.is_reading(connection) {
            return;
        }
        let Some(state) = self.appends.state(connection).filter(|state| !state.decoding) else {
            return;
        };
        let Some(append) = state.inbox.pop_front() else {
            return self.appends.drained(ctx, connection);
        };
        state.decoding = true;
        let from = state.node();
        let tag = self.tasks.add(Task::Decoded { from, append });
        ctx.compute(CONNECTION_POOL, self.spec.cluster.costs.connection_append, tag);
    }

    /// A block has been decoded: it goes to its container.
    pub(super) fn append_decoded(&mut self, ctx: &mut Ctx<'_>, from: NodeId, append: Box<Append>) {
        let connection = append.connection;
        let Some(state) = self.appends.state(connection) else { return };
        state.decoding = false;
        let id = self.container_of[connection.segment.index()];
        if self.containers.get(&id).is_none_or(|one| one.phase != Phase::Running) {
            return self.appends.close(ctx, from, connection, CloseReason::WrongHost);
        }
        let Some(previous) = self.appends.begin(ctx, &append) else { return };
        let bytes = append.length();
        let Append { event_number, batch, .. } = *append;
        let Connection { segment, writer, .. } = connection;
        let operation =
            Operation::Append { segment, offset: 0, writer, event_number, previous, batch };
        let appender = Some(Appender { node: from, connection, bytes });
        self.with_container(ctx, id, |container, env| {
            container.submit(env, Queued { operation, appender });
        });
        self.read_connection(ctx, connection);
    }
}
