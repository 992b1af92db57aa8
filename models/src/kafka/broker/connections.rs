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
use super::{Broker, Ctx, TAGS, kind};
use crate::kafka::message::{Fetch, Message};
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
    /// The coordinator of its group has it.
    Asking,
    /// The response is being sent; nothing for acks=0.
    Responding(Option<Message>),
}

impl Broker {
    /// A request has arrived: it waits its turn.
    pub(super) fn request(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
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

    fn next_request(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if !matches!(connection.state, State::Idle) {
            return;
        }
        let Some(message) = connection.waiting.pop_front() else { return };
        connection.serial += 1;
        let cost = self.config.costs.network(message.size_bytes());
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
            }
            Message::Fetch(fetch) if fetch.full => costs.fetch(fetch.partitions.len() as u64),
            Message::Fetch(_) => {
                costs.fetch(connection.session.as_ref().map_or(0, |session| session.len() as u64))
            }
            _ => costs.handle_request_ns,
        };
        Some(Duration(cost))
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
                let of_events = self.config.partitions as usize;
                let partitions = self.image.partitions[..of_events].iter();
                let leaders = partitions.map(|state| (state.leader, state.leader_epoch)).collect();
                self.respond(ctx, from, Some(Message::MetadataResponse { leaders }));
            }
            _ => {}
        }
        self.handler_free(ctx);
    }

    pub(super) fn respond(&mut self, ctx: &mut Ctx<'_>, to: NodeId, message: Option<Message>) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let cost = message.as_ref().map_or(0, |sent| self.config.costs.network(sent.size_bytes()));
        connection.state = State::Responding(message);
        let tag = connection.tag(kind::NETWORK_OUT, to);
        self.network(ctx, Duration(cost), tag);
    }

    /// The response is on its way: the connection is unmuted.
    pub(super) fn responded(&mut self, ctx: &mut Ctx<'_>, to: NodeId) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        if let State::Responding(message) = std::mem::take(&mut connection.state)
            && let Some(message) = message
        {
            let peer = NodeId(to.0 & !COORDINATORS);
            ctx.send(peer, protocol::Message::Kafka(message));
        }
        self.next_request(ctx, to);
    }
}
