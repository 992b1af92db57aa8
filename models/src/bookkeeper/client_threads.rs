//! The threads of BookKeeper's client that an entry passes on its way to bookies, and the bookies'
//! answers on their way back.
//!
//! Stands for `client/PendingAddOp.java`, `proto/PerChannelBookieClient.java` and the executors of
//! `client/BookKeeper.java` of apache/bookkeeper @ branch-4.15:
//!
//! ```text
//! add ──> worker ──> event loop, a request for each bookie ──> bookies
//! acknowledged <── worker <── event loop, a response of each <──┘
//! ```
//!
//! Parameters: [`super::costs::ClientCosts`]; what costs nothing is done at once. Left out: the
//! threads of reads and of a ledger's recovery, and that a connection belongs to one event loop and
//! a ledger to one worker: answers may change places where there are several, entries don't.

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::collections::RingMap;
use crate::protocol::{self, Streaming};
use crate::tags::TagSpace;

use super::costs::ClientCosts;
use super::ids::EntryId;
use super::message::{Message, Status};

/// The pools of a process that the client's threads are, as
/// [`ClientCosts`] makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientPools {
    /// Event loops.
    pub io: PoolId,
    /// Workers.
    pub worker: PoolId,
}

/// A bookie's answer to an add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose.
    pub from: NodeId,
    /// Of which entry.
    pub entry: EntryId,
    /// What came of it.
    pub status: Status,
}

/// What a thread is at.
#[derive(Debug)]
enum Step {
    /// A worker makes an entry's requests.
    Add,
    /// An event loop writes a request.
    Request(NodeId, Message),
    /// An event loop reads a response.
    Response(Answer),
    /// A worker takes a response.
    Answer(Answer),
}

/// What a thread has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The requests of the oldest entry that was handed over can be sent.
    Add,
    /// A bookie has answered.
    Answered(Answer),
}

/// The threads of a client, as far as one ledger is concerned.
#[derive(Debug)]
pub struct ClientThreads {
    costs: ClientCosts,
    pools: ClientPools,
    tags: TagSpace,
    steps: RingMap<Step>,
    last: u64,
}

impl ClientThreads {
    /// Idle ones, whose work comes back with these tags.
    pub fn new(costs: &ClientCosts, pools: ClientPools, tags: TagSpace) -> Self {
        Self { costs: costs.clone(), pools, tags, steps: RingMap::default(), last: 0 }
    }

    fn begin(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        pool: PoolId,
        cost: Duration,
        step: Step,
    ) {
        self.last += 1;
        let tag = self.tags.tag(self.last);
        self.costs.work(ctx, pool, cost, tag);
        self.steps.insert(self.tags.low(tag), step);
    }

    /// Hands an entry to a worker: false where that costs nothing, and its requests can be sent at
    /// once.
    pub fn hand_over(&mut self, ctx: &mut Context<'_, Streaming>) -> bool {
        let cost = Duration(self.costs.worker_add_ns);
        if cost > Duration::ZERO {
            self.begin(ctx, self.pools.worker, cost, Step::Add);
        }
        cost > Duration::ZERO
    }

    /// Sends a request that carries so many bytes.
    pub fn send(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        to: NodeId,
        message: Message,
        bytes: u64,
    ) {
        match self.costs.request(bytes) {
            Duration::ZERO => ctx.send(to, protocol::Message::BookKeeper(message)),
            cost => self.begin(ctx, self.pools.io, cost, Step::Request(to, message)),
        }
    }

    /// A bookie has answered: gives that back if it costs nothing to read and to take.
    pub fn receive(&mut self, ctx: &mut Context<'_, Streaming>, answer: Answer) -> Option<Answer> {
        match Duration(self.costs.io_response_ns) {
            Duration::ZERO => self.take(ctx, answer),
            cost => {
                self.begin(ctx, self.pools.io, cost, Step::Response(answer));
                None
            }
        }
    }

    fn take(&mut self, ctx: &mut Context<'_, Streaming>, answer: Answer) -> Option<Answer> {
        match Duration(self.costs.worker_response_ns) {
            Duration::ZERO => Some(answer),
            cost => {
                self.begin(ctx, self.pools.worker, cost, Step::Answer(answer));
                None
            }
        }
    }

    /// The work with this tag is done, if it is one of these threads': what the ledger has to know.
    pub fn done(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) -> Option<Done> {
        if !self.tags.owns(tag) {
            return None;
        }
        match self.steps.take(self.tags.low(tag))? {
            Step::Add => Some(Done::Add),
            Step::Request(to, message) => {
                ctx.send(to, protocol::Message::BookKeeper(message));
                None
            }
            Step::Response(answer) => self.take(ctx, answer).map(Done::Answered),
            Step::Answer(answer) => Some(Done::Answered(answer)),
        }
    }
}
