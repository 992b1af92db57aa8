//! The users of the page: each asks when the time has come, whatever becomes of the others.
//!
//! Stands for an open population of users, or for a load generator in open loop: how long an answer
//! took is measured from when its query was to be asked, so that a generator that stood still hides
//! nothing. Who has waited for too long goes away, and the query has failed. What is asked and when
//! is in [`crate::queries`].
//!
//! Parameters: [`Users`](super::config::Users). Left out: users who try again, sessions. Queries
//! that fall into a time in which the process was gone are not asked.

use std::collections::BTreeMap;
use std::iter::Peekable;

use headwater_sim::context::Context;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::latencies::Latencies;
use super::message::{Message, Status};
use super::signals;
use crate::note::Note;
use crate::protocol::{self, Streaming};
use crate::queries::{Asked, Load, Queries};

type Ctx<'a> = Context<'a, Streaming>;

/// The next query is due, as the tag of a timer; the others are the ends of patience.
const DUE: u64 = 0;

/// All of them.
pub struct Users {
    load: Load,
    balancer: NodeId,
    queries: Option<Peekable<Queries>>,
    /// Queries without an answer, and when each was to be asked.
    open: BTreeMap<u64, Time>,
    asked: u64,
    answered: u64,
    failed: u64,
    took: Latencies,
}

impl Users {
    /// They have not begun; `balancer` is whom they ask.
    pub fn new(load: Load, balancer: NodeId) -> Self {
        Self {
            load,
            balancer,
            queries: None,
            open: BTreeMap::new(),
            asked: 0,
            answered: 0,
            failed: 0,
            took: Latencies::default(),
        }
    }

    /// Asks all that is due, and waits for what is next.
    fn ask(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let Some(queries) = &mut self.queries else { return };
        while let Some(query) = queries.next_if(|query| query.at <= now) {
            let id = query.number;
            let message = Message::Query { id, query: query.key };
            ctx.send(self.balancer, protocol::Message::Search(message));
            let left = (query.at + self.load.limit).since(now);
            ctx.timer_for(left, id + 1, "patience");
            self.open.insert(id, query.at);
            self.asked += 1;
        }
        if let Some(next) = queries.peek() {
            ctx.timer_for(next.at.since(now), DUE, "query");
        }
        signals::QUERIES_ASKED.set(ctx, self.asked);
        signals::QUERIES_OPEN.set(ctx, self.open.len() as u64);
    }

    /// A query has its end.
    fn end(&mut self, ctx: &mut Ctx<'_>, number: u64, status: Status) {
        let Some(at) = self.open.remove(&number) else { return };
        let took = ctx.now().since(at);
        let state = match status {
            Status::Done if took <= self.load.limit => Asked::Answered,
            Status::Done | Status::Failed => Asked::Failed,
        };
        if state == Asked::Answered {
            self.answered += 1;
            self.took.add(took);
            signals::QUERIES_ANSWERED.set(ctx, self.answered);
            signals::QUERY_P50.set(ctx, self.took.below(500));
            signals::QUERY_P99.set(ctx, self.took.below(990));
            signals::QUERY_MAX.set(ctx, self.took.max());
        } else {
            self.failed += 1;
            signals::QUERIES_FAILED.set(ctx, self.failed);
        }
        signals::QUERIES_OPEN.set(ctx, self.open.len() as u64);
        ctx.note(Note::Asked { number, state });
    }
}

impl Node<Streaming> for Users {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let streams = (ctx.stream("queries"), ctx.stream("queries asked"));
        let mut queries = Queries::drawn(&self.load, streams.0, streams.1).peekable();
        // What was due in an earlier life, or before this one, is not asked.
        while queries.next_if(|query| query.at < ctx.now()).is_some() {}
        if let Some(first) = queries.peek() {
            ctx.note(Note::Asked { number: first.number, state: Asked::First });
        }
        self.queries = Some(queries);
        signals::QUERIES_FAILED.set(ctx, 0);
        self.ask(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: protocol::Message) {
        if let protocol::Message::Search(Message::Answer { id, status, .. }) = message {
            self.end(ctx, id, status);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match tag {
            DUE => self.ask(ctx),
            patience => self.end(ctx, patience - 1, Status::Failed),
        }
    }

    fn on_completion(
        &mut self,
        _ctx: &mut Ctx<'_>,
        _tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, _peer: NodeId) {
        let lost: Vec<u64> = self.open.keys().copied().collect();
        lost.into_iter().for_each(|number| self.end(ctx, number, Status::Failed));
    }
}
