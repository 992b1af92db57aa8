//! A writer's reconnects: what happens between a broken connection and the next append.
//!
//! Stands for `SegmentOutputStreamImpl.reconnect`, `ResponseProcessor` @ v0.13.0 and
//! `src/segment/reactor.rs` of pravega-client-rust @ v0.3.7, whose reactor waits for one reconnect
//! at a time.
//!
//! Parameters: `connect.timeout.ms`, `java.socket.timeout.ms`; those of `loadgen`'s own client are
//! constants. Left out: renewal of delegation
//! tokens.

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::pravega::config::Client;
use crate::pravega::message::{CloseReason, Connection, Message};
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::protocol::Message as AnyMessage;

use super::link::Phase;
use super::{Queue, Task, Writer};

/// How long `loadgen`'s own client waits for a connection to be set up, and for a sign on one
/// (`Options::default` in `loadgen/pravega/src/options.rs`).
const HEADWATER_SETUP: Duration = Duration::from_secs(5);
const HEADWATER_SILENCE: Duration = Duration::from_secs(30);

impl Writer {
    /// A segment has no connection: makes one; with the Rust client, after the segments before it.
    pub(super) fn reconnect(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        if self.is_rust() {
            let queued = self.to_reconnect.contains(&segment);
            if self.reconnecting == Some(segment) || queued {
                return;
            }
            if self.reconnecting.is_some() {
                self.to_reconnect.push_back(segment);
                return;
            }
            self.reconnecting = Some(segment);
        }
        self.resolve(ctx, segment);
    }

    fn resolve(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        let link = &mut self.segments[segment.index()].link;
        link.begin();
        link.phase = Phase::Resolving;
        let number = link.connection.number;
        let request = self.tasks.number();
        self.requests.insert(request, segment);
        let message = Message::GetEndpoint { segment, request };
        ctx.send(self.controller, AnyMessage::Pravega(message));
        self.arm_timeout(ctx, segment, number);
    }

    pub(super) fn arm_timeout(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, number: u32) {
        let timeout = match self.cluster.client {
            Client::Headwater => HEADWATER_SETUP,
            Client::Rust | Client::Java => {
                Duration::from_millis(self.cluster.writer.connect_timeout_ms)
            }
        };
        self.timer(ctx, timeout, Task::ConnectTimeout { segment, number });
    }

    /// The controller has answered.
    pub(super) fn resolved(&mut self, ctx: &mut Ctx<'_>, request: u64, store: Option<NodeId>) {
        let Some(segment) = self.requests.remove(&request) else { return };
        if self.segments[segment.index()].link.phase != Phase::Resolving {
            return;
        }
        match store {
            Some(store) => self.ask_store(ctx, segment, store),
            None => self.attempt_failed(ctx, segment, None),
        }
    }

    fn ask_store(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, store: NodeId) {
        let link = &mut self.segments[segment.index()].link;
        link.phase = Phase::SettingUp(store);
        let connection = link.connection;
        ctx.send(store, AnyMessage::Pravega(Message::SetupAppend(connection)));
    }

    /// The wait before the next attempt is over.
    pub(super) fn next_attempt(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, number: u32) {
        let link = &mut self.segments[segment.index()].link;
        if link.connection.number != number {
            return;
        }
        match link.phase {
            Phase::BackingOff(Some(store)) => {
                link.begin();
                let number = link.connection.number;
                self.arm_timeout(ctx, segment, number);
                self.ask_store(ctx, segment, store);
            }
            Phase::BackingOff(None) => self.resolve(ctx, segment),
            Phase::Sealed => self.ask_successors(ctx, segment),
            _ => {}
        }
    }

    /// An attempt has taken too long.
    pub(super) fn timed_out(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, number: u32) {
        let link = &self.segments[segment.index()].link;
        let current = link.connection.number == number;
        let moved = self.segments[segment.index()].moved;
        match link.phase {
            Phase::SettingUp(store) if current => self.attempt_failed(ctx, segment, Some(store)),
            Phase::Resolving if current => self.attempt_failed(ctx, segment, None),
            Phase::Sealed if current && !moved => self.ask_successors(ctx, segment),
            _ => {}
        }
    }

    fn attempt_failed(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, store: Option<NodeId>) {
        let part = &mut self.segments[segment.index()];
        let number = part.link.connection.number;
        if let Some(delay) = part.link.failed(store, ctx.now()) {
            return self.timer(ctx, delay, Task::Reconnect { segment, number });
        }
        self.abandon(ctx, segment, "RetriesExhaustedException");
    }

    /// The segment is not written any more: whatever is not acknowledged fails.
    fn abandon(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, error: &'static str) {
        let writer = self.intake.writer();
        let part = &mut self.segments[segment.index()];
        part.link.phase = Phase::Dead;
        part.unacked.clear();
        let lost = match &mut part.queue {
            Queue::Java(client) => client.abandon(writer, part.lane),
            Queue::Rust(client) => client.abandon(writer, part.lane),
        };
        for batch in lost {
            self.give_up(ctx, batch, error);
        }
        if self.reconnecting == Some(segment) {
            self.reconnected(ctx);
        }
        self.write_routed(ctx);
        self.pull(ctx);
    }

    /// The store has set up a connection: what it has not stored is sent again.
    pub(super) fn set_up(
        &mut self,
        ctx: &mut Ctx<'_>,
        store: NodeId,
        connection: Connection,
        last_event_number: i64,
    ) {
        let segment = connection.segment;
        let link = &mut self.segments[segment.index()].link;
        if link.connection != connection || link.phase != Phase::SettingUp(store) {
            return;
        }
        link.ready(store);
        link.heard = ctx.now();
        self.ack(ctx, segment, last_event_number);
        let (writer, part) = (self.intake.writer(), &mut self.segments[segment.index()]);
        let blocks: Vec<_> = match &mut part.queue {
            Queue::Rust(client) => client.resend().into_iter().collect(),
            Queue::Java(client) => client.resend(writer, part.lane),
        };
        if connection.number > 1 && !blocks.is_empty() {
            properties::BLOCKS_RESENT.reached(ctx);
        }
        for block in blocks {
            self.encode(ctx, segment, block);
        }
        self.reconnected(ctx);
        self.write_pending(ctx, segment);
        self.write_routed(ctx);
        self.pull(ctx);
    }

    /// A refusal is an answer: the reactor asks the controller again at once, after what came
    /// meanwhile. That there is no such segment is no other refusal, so that it goes on for ever,
    /// and no event fails (`SegmentWriter::reconnect`).
    fn refused(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        if self.reconnecting == Some(segment) {
            self.reconnecting = None;
            for (from, message) in std::mem::take(&mut self.held) {
                self.read(ctx, from, message);
            }
            if let Some(next) = self.to_reconnect.pop_front() {
                self.to_reconnect.push_back(segment);
                return self.reconnect(ctx, next);
            }
        }
        self.reconnect(ctx, segment);
    }

    /// The Rust client's reactor goes on to the messages that it has held back.
    pub(super) fn reconnected(&mut self, ctx: &mut Ctx<'_>) {
        if !self.is_rust() {
            return;
        }
        self.reconnecting = None;
        if let Some(next) = self.to_reconnect.pop_front() {
            return self.reconnect(ctx, next);
        }
        for (from, message) in std::mem::take(&mut self.held) {
            self.read(ctx, from, message);
        }
        for segment in self.segment_ids() {
            self.write_pending(ctx, segment);
        }
    }

    /// The store has closed a connection.
    pub(super) fn closed(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: NodeId,
        connection: Connection,
        reason: CloseReason,
    ) {
        let segment = connection.segment;
        let is_rust = self.is_rust();
        let link = &mut self.segments[segment.index()].link;
        if link.connection != connection || link.peer() != Some(from) {
            return;
        }
        if reason == CloseReason::NoSuchSegment && !is_rust {
            return self.abandon(ctx, segment, "NoSuchSegmentException");
        }
        if reason == CloseReason::Sealed {
            return self.sealed(ctx, segment);
        }
        if is_rust {
            link.phase = Phase::Down;
            return self.refused(ctx, segment);
        }
        self.attempt_failed(ctx, segment, Some(from));
    }

    /// The Java client and `loadgen`'s own drop connections that have been silent for too long
    /// while acks are due.
    pub(super) fn drop_silent(&mut self, ctx: &mut Ctx<'_>) {
        let timeout = match self.cluster.client {
            Client::Headwater => HEADWATER_SILENCE,
            Client::Rust | Client::Java => {
                Duration::from_millis(self.cluster.writer.java_socket_timeout_ms)
            }
        };
        let now = ctx.now();
        for segment in self.segment_ids() {
            let part = &mut self.segments[segment.index()];
            if part.outstanding() == 0 {
                // Nothing is due: keep-alives are answered.
                part.link.heard = now;
            } else if let Some(store) = part.link.store()
                && now.since(part.link.heard) >= timeout
            {
                self.attempt_failed(ctx, segment, Some(store));
            }
        }
    }

    /// A process is gone, or refuses connections.
    pub(super) fn peer_gone(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        for segment in self.segment_ids() {
            let part = &self.segments[segment.index()];
            let (phase, moved) = (part.link.phase, part.moved);
            match phase {
                Phase::Sealed if peer == self.controller && !moved => {
                    self.ask_successors_later(ctx, segment);
                }
                Phase::SettingUp(store) if store == peer => {
                    self.attempt_failed(ctx, segment, Some(store));
                }
                Phase::Ready(store) if store == peer && self.is_rust() => {
                    self.segments[segment.index()].link.phase = Phase::Down;
                    self.reconnect(ctx, segment);
                }
                Phase::Ready(store) if store == peer => {
                    self.attempt_failed(ctx, segment, Some(store));
                }
                Phase::Resolving if peer == self.controller => {
                    self.attempt_failed(ctx, segment, None);
                }
                _ => {}
            }
        }
    }
}
