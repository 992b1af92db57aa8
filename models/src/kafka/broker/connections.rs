//! Client connections: one request of each at a time, from the socket to the response.
//!
//! Stands for `SocketServer` and `KafkaApis` of apache/kafka @ 3.9.0. A connection is muted from
//! the moment its request is read until its response is sent. Parameters: `num.network.threads`,
//! [`crate::kafka::costs::Costs`]. Left out: that a connection belongs to one network thread.

use std::collections::VecDeque;

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::fetch::Session;
use super::log_reads::Reading;
use super::quotas::Spent;
use super::{Broker, Ctx, TAGS, kind};
use crate::batch::SharedBatch;
use crate::kafka::costs::per_kib;
use crate::kafka::message::{Fetch, Message};
use crate::kafka::record::record_bytes;
use crate::kafka::replica::RequestId;
use crate::protocol;
use crate::tags::TagLayout;

/// A connection.
#[derive(Debug, Default)]
pub struct Connection {
    waiting: VecDeque<Message>,
    pub(super) state: State,
    /// Counts requests, including those of earlier connections with the peer, to tell the work of
    /// one request from that of a later one.
    pub(super) serial: u64,
    /// Nothing is read of it until then: its client has had more than its quota.
    pub(super) muted: Time,
    /// What its request has taken of threads.
    pub(super) spent: Spent,
    /// The fetch session, of a follower or consumer.
    pub(super) session: Option<Box<Session>>,
}

/// A consumer has a connection of its own for its coordinator, so that neither waits for the other.
/// It stands beside the first one under another number.
const COORDINATORS: u32 = 1 << 23;

/// A consumer's connection with its coordinator.
pub(super) const fn of_group(peer: NodeId) -> NodeId {
    NodeId(peer.0 | COORDINATORS)
}

/// The client of a connection.
pub(super) const fn client_of(peer: NodeId) -> NodeId {
    NodeId(peer.0 & !COORDINATORS)
}

/// Which request: the serial above, 24 bits of the peer's node below.
const REQUESTS: TagLayout = TagLayout::new(24);
/// Bits of the serial that a tag holds.
const SERIAL_MASK: u64 = 0xffff_ffff;

impl Connection {
    /// The connection has broken. Work on its request goes on, and its result is dropped.
    pub(super) fn reset(&mut self) {
        *self = Self { serial: self.serial, ..Self::default() };
        self.serial += 1;
    }

    fn which(&self, peer: NodeId) -> u64 {
        REQUESTS.tag(self.serial & SERIAL_MASK, peer.0.into())
    }

    pub(super) fn tag(&self, kind: u64, peer: NodeId) -> u64 {
        TAGS.tag(kind, self.which(peer))
    }
}

#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Idle,
    /// The request is read, or waits for a handler.
    Reading(Message),
    /// Its batches are being appended, or wait for the followers.
    Producing(RequestId),
    /// It waits for data.
    Fetching { fetch: Box<Fetch>, deadline: Time },
    /// There is data, or it has waited for long enough: its session is being read.
    Completing(Box<Fetch>),
    /// What its fetch returns is being read from the disk.
    ReadingLogs(Box<Reading>),
    /// What its fetch returns is being read from remote storage; by which read.
    ReadingRemote(u64),
    /// The coordinator of its group has it.
    Asking,
    /// The response is being sent; nothing for acks=0.
    Responding(Option<Message>),
}

impl Broker {
    /// A request has arrived: it waits its turn.
    pub(super) fn request(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        if let Message::Produce(produce) = &message
            && produce.acks == 0
        {
            let received = Message::Received { bytes: message.size_bytes() };
            ctx.send(from, protocol::Message::Kafka(received));
        }
        let connection = self.connections.entry_or_default(from);
        connection.waiting.push_back(message);
        self.next_request(ctx, from);
    }

    /// The peer of a tag, if the request that it is about is still the connection's current one.
    pub(super) fn current(&self, which: u64) -> Option<NodeId> {
        let (of, node) = REQUESTS.split(which);
        let from = NodeId(node as u32);
        let serial = self.connections.get(&from)?.serial & SERIAL_MASK;
        (serial == of).then_some(from)
    }

    pub(super) fn next_request(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if !matches!(connection.state, State::Idle) || connection.muted > ctx.now() {
            return;
        }
        let Some(message) = connection.waiting.pop_front() else { return };
        connection.serial += 1;
        let bytes = message.size_bytes();
        let shaken = match message {
            Message::Hello => self.config.costs.tls_server_handshake_ns,
            _ => 0,
        };
        let tls = if self.has_tls() { self.tls_ns(from, bytes) } else { 0 };
        let cost = self.config.costs.network(bytes) + tls + shaken;
        self.spent_on_network(from, cost, Some(bytes));
        let Some(connection) = self.connections.get_mut(&from) else { return };
        let tag = connection.tag(kind::NETWORK_IN, from);
        self.allocate_for(ctx, &message);
        if let Some(connection) = self.connections.get_mut(&from) {
            connection.state = State::Reading(message);
        }
        self.network(ctx, Duration(cost), tag);
    }

    /// What a handler does for the request that was read on a connection.
    pub(super) fn cost_of(&self, from: NodeId) -> Option<Duration> {
        let connection = self.connections.get(&from)?;
        let State::Reading(message) = &connection.state else { return None };
        let costs = &self.config.costs;
        let cost = match message {
            Message::Produce(produce) => {
                let batches = &produce.batches;
                let records: u64 = batches.iter().map(|batch| batch.count()).sum();
                costs.append(batches.len() as u64, message.size_bytes())
                    + costs.append_record_ns * records
                    + self.recompression_ns(batches)
            }
            Message::Fetch(fetch) if fetch.full => costs.fetch(fetch.partitions.len() as u64),
            Message::Fetch(_) => {
                costs.fetch(connection.session.as_ref().map_or(0, |session| session.len() as u64))
            }
            _ => costs.handle_request_ns,
        };
        Some(Duration(cost))
    }

    /// What a leader takes to look into batches that are compressed, and to have them as the topic
    /// wants them (`LogValidator` @ 3.9.0).
    fn recompression_ns(&self, batches: &[SharedBatch]) -> u64 {
        let (sent, stored) = (self.config.sent_compression(), self.config.stored_compression());
        if sent.is_none() && stored.is_none() {
            return 0;
        }
        let bytes: u64 = batches.iter().map(|batch| record_bytes(batch)).sum();
        let opened = sent.map_or(0, |figures| figures.decompress_ns(bytes));
        opened
            + stored
                .filter(|_| self.config.recompresses())
                .map_or(0, |figures| figures.compress_ns(bytes))
    }

    /// A handler has the request.
    pub(super) fn handle(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let from = self.current(which);
        let state = from.and_then(|from| self.connections.get_mut(&from));
        match state.map(|connection| std::mem::take(&mut connection.state)).zip(from) {
            // The handler is free once everything is appended.
            Some((State::Reading(Message::Produce(produce)), from)) => {
                return self.produce(ctx, from, *produce);
            }
            Some((State::Reading(Message::Fetch(fetch)), from)) => self.fetch(ctx, from, fetch),
            // As above.
            Some((State::Reading(Message::Ask(ask)), from)) => return self.asked(ctx, from, *ask),
            Some((State::Reading(_), from)) => {
                let of_events = self.config.event_partitions() as usize;
                let partitions = self.image.partitions[..of_events].iter();
                let leaders = partitions.map(|state| (state.leader, state.leader_epoch)).collect();
                self.respond_within_quota(ctx, from, Some(Message::MetadataResponse { leaders }));
            }
            _ => {}
        }
        self.handler_free(ctx);
    }

    pub(super) fn respond(&mut self, ctx: &mut Ctx<'_>, to: NodeId, message: Option<Message>) {
        let cost = message.as_ref().map_or(0, |sent| self.cost_to_send(to, sent));
        self.spent_on_network(to, cost, None);
        let Some(connection) = self.connections.get_mut(&to) else { return };
        connection.state = State::Responding(message);
        let tag = connection.tag(kind::NETWORK_OUT, to);
        self.network(ctx, Duration(cost), tag);
    }

    fn has_tls(&self) -> bool {
        let between = self.config.broker.security_inter_broker_protocol;
        self.config.security_protocol.encrypts() || between.encrypts()
    }

    /// What a network thread takes to encrypt or decrypt so many bytes on a connection.
    fn tls_ns(&self, peer: NodeId, bytes: u64) -> u64 {
        match self.number_of(peer) {
            Some(_) => self.config.broker_tls_ns(bytes),
            None => self.config.client_tls_ns(bytes),
        }
    }

    /// What a network thread does to send a response. What is encrypted is read into the heap first
    /// (`SslTransportLayer.transferFrom`): there is no `sendfile` for it.
    fn cost_to_send(&self, to: NodeId, message: &Message) -> u64 {
        let (bytes, costs) = (message.size_bytes(), &self.config.costs);
        let tls = if self.has_tls() { self.tls_ns(to, bytes) } else { 0 };
        let copied = tls > 0 && matches!(message, Message::FetchResponse { .. });
        let copy = if copied { per_kib(costs.network_kib_ns, bytes) } else { 0 };
        costs.network(bytes) + tls + copy
    }

    /// A request is read: it is for the handlers, but for a handshake, which network threads do
    /// (`Selector.pollSelectionKeys`).
    pub(super) fn was_read(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let Some(from) = self.current(which) else { return };
        let Some(connection) = self.connections.get(&from) else { return };
        match connection.state {
            State::Reading(Message::Hello) => {
                self.respond(ctx, from, Some(Message::HelloAnswer));
            }
            _ => self.enqueue(ctx, which),
        }
    }

    /// The response is on its way: the connection is unmuted.
    pub(super) fn responded(&mut self, ctx: &mut Ctx<'_>, to: NodeId) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        if let State::Responding(message) = std::mem::take(&mut connection.state)
            && let Some(message) = message
        {
            ctx.send(client_of(to), protocol::Message::Kafka(message));
        }
        self.note_network(ctx, to);
        self.next_request(ctx, to);
    }
}
