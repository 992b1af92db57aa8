//! The event loops of a bookie's connections: they read requests, and write responses.
//!
//! Stands for `proto/BookieNettyServer.java` and `proto/BookieRequestHandler.java` of
//! apache/bookkeeper @ branch-4.15. Parameters: `io.*` of
//! [`crate::bookkeeper::costs::BookieCosts`]; where they are zero, what comes in is at its pool at
//! once. Left out: that a connection belongs to one loop, so that two of its requests may change
//! places where there are several loops; authentication, TLS.

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::bookkeeper::message::Message;
use crate::collections::RingMap;
use crate::protocol::{self, Streaming};

use super::{Add, Bookie, KIND_REQUEST, KIND_RESPONSE, TAGS, io_pool};

/// What event loops are at: requests with whom they are from, and responses with whom they are for.
#[derive(Debug, Default)]
pub(super) struct Connections {
    requests: RingMap<(NodeId, Message)>,
    responses: RingMap<(NodeId, Message)>,
}

impl Bookie {
    fn io_pool(&self) -> PoolId {
        io_pool(&self.config)
    }

    /// A request has come in.
    pub(super) fn receive(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: Message,
    ) {
        let bytes = match &message {
            Message::Add { entry, .. } => entry.size_bytes(),
            _ => 0,
        };
        let cost = self.config.costs.request(bytes);
        if cost == Duration::ZERO {
            return self.on_request(ctx, from, message);
        }
        let (number, pool) = (self.number(), self.io_pool());
        self.config.costs.work(ctx, pool, cost, TAGS.tag(KIND_REQUEST, number));
        self.connections.requests.insert(TAGS.low(number), (from, message));
    }

    /// An event loop has read a request.
    pub(super) fn on_received(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let request = self.connections.requests.take(number);
        let (from, message) = request.expect("a request was being read");
        self.on_request(ctx, from, message);
    }

    fn on_request(&mut self, ctx: &mut Context<'_, Streaming>, from: NodeId, message: Message) {
        match message {
            Message::Add { request, entry, recovery } => {
                self.on_add(ctx, Add { entry, client: from, request, recovery });
            }
            Message::Read { request, ledger, which, fence } => {
                self.on_read(ctx, from, request, ledger, which, fence);
            }
            Message::Added { .. } | Message::ReadReply { .. } | Message::Metadata(_) => {}
        }
    }

    /// Sends a response.
    pub(super) fn respond(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        to: NodeId,
        message: Message,
    ) {
        let bytes = match &message {
            Message::ReadReply { found: Some(entry), .. } => entry.size_bytes(),
            _ => 0,
        };
        let cost = self.config.costs.response(bytes);
        if cost == Duration::ZERO {
            return ctx.send(to, protocol::Message::BookKeeper(message));
        }
        let (number, pool) = (self.number(), self.io_pool());
        self.config.costs.work(ctx, pool, cost, TAGS.tag(KIND_RESPONSE, number));
        self.connections.responses.insert(TAGS.low(number), (to, message));
    }

    /// An event loop has made a response.
    pub(super) fn on_responded(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let response = self.connections.responses.take(number);
        let (to, message) = response.expect("a response was being written");
        ctx.send(to, protocol::Message::BookKeeper(message));
    }
}
