//! The balancer: which process gets a request, and which one is taken to be down.
//!
//! Stands for nginx 1.22 (`src/http/ngx_http_upstream_round_robin.c`,
//! `ngx_http_upstream_least_conn_module.c`): processes take turns, or the one with the fewest open
//! requests is next. Its checks are those of requests: of a connection that breaks, or an answer
//! that does not come in time, it passes the request on to the next process
//! (`proxy_next_upstream error timeout`), and after `max_fails` of them within `fail_timeout`
//! leaves that process alone for as long. The next request after that is its trial. A process that
//! has no others beside it is always asked. An error that a process answers with is passed on to
//! the user.
//!
//! Parameters: [`Balancer`](super::config::Balancer). Left out: weights, several workers of nginx,
//! each of which counts for itself, checks that are no requests (those of nginx Plus).

use std::collections::BTreeMap;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::config::{self, Policy};
use super::message::{Message, Status};
use super::{properties, signals};
use crate::protocol::{self, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The only worker.
const WORKER: PoolId = PoolId(0);

/// The start, as the tag of what was asked for: there is no request 0.
const STARTED: u64 = 0;

/// The processes of nginx.
pub fn pools() -> Vec<PoolSpec> {
    vec![PoolSpec::named("balancer", 1)]
}

/// What is known of a process (`ngx_http_upstream_rr_peer_t`).
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    open: u32,
    fails: u32,
    /// When it failed last.
    failed: Time,
    /// From when on failures count, or when it got its last trial.
    checked: Time,
}

/// Which processes there are, and who is next.
#[derive(Clone, Debug)]
pub struct Peers {
    policy: Policy,
    max_fails: u32,
    fail_timeout: Duration,
    peers: Vec<Peer>,
    /// Where its turn begins.
    turn: usize,
}

impl Peers {
    /// So many, of which nothing is known.
    pub fn new(config: &config::Balancer, count: usize) -> Self {
        Self {
            policy: config.policy,
            max_fails: config.max_fails,
            fail_timeout: config.fail_timeout,
            peers: vec![Peer::default(); count],
            turn: 0,
        }
    }

    /// Who gets a request that those of `tried` have failed.
    pub fn next(&mut self, now: Time, tried: &[usize]) -> Option<usize> {
        let count = self.peers.len();
        let in_turn = (0..count).map(|step| (self.turn + step) % count);
        let mut able = in_turn.filter(|peer| !tried.contains(peer) && !self.is_down(now, *peer));
        let next = match self.policy {
            Policy::RoundRobin => able.next(),
            // The first in turn of several.
            Policy::LeastConnections => able.min_by_key(|peer| self.peers[*peer].open),
        }?;
        self.turn = (next + 1) % count;
        let peer = &mut self.peers[next];
        peer.open += 1;
        if now.since(peer.checked) > self.fail_timeout {
            peer.checked = now;
        }
        Some(next)
    }

    fn is_down(&self, now: Time, peer: usize) -> bool {
        let peer = &self.peers[peer];
        let failed = self.max_fails > 0 && peer.fails >= self.max_fails;
        !self.is_single() && failed && now.since(peer.checked) <= self.fail_timeout
    }

    /// Of one alone nothing is counted (`peers->single`).
    const fn is_single(&self) -> bool {
        self.peers.len() == 1
    }

    /// It has answered; true if that ends its failures.
    pub fn answered(&mut self, peer: usize) -> bool {
        let peer = &mut self.peers[peer];
        peer.open = peer.open.saturating_sub(1);
        let back = peer.fails > 0 && peer.failed < peer.checked;
        if back {
            peer.fails = 0;
        }
        back
    }

    /// It has not; the number of its failures if it is taken to be down from now on.
    pub fn failed(&mut self, now: Time, peer: usize) -> Option<u32> {
        if self.is_single() {
            return None;
        }
        let peer = &mut self.peers[peer];
        peer.open = peer.open.saturating_sub(1);
        peer.fails += 1;
        (peer.failed, peer.checked) = (now, now);
        (self.max_fails > 0 && peer.fails == self.max_fails).then_some(peer.fails)
    }
}

struct Request {
    from: NodeId,
    id: u64,
    query: u64,
    /// The processes that were asked, the last one included.
    tried: Vec<usize>,
}

/// The process.
pub struct Balancer {
    config: Rc<config::Balancer>,
    web: Rc<[NodeId]>,
    peers: Peers,
    requests: BTreeMap<u64, Request>,
    /// The number of its next request, which no other life has had.
    next: u64,
    passed_on: u64,
}

/// Tags of a request: its number times this, and how many processes were asked.
const TAGS: u64 = 256;

impl Balancer {
    /// A process that has not started.
    pub fn new(config: Rc<config::Balancer>, web: Rc<[NodeId]>) -> Self {
        let peers = Peers::new(&config, web.len());
        Self { config, web, peers, requests: BTreeMap::new(), next: 0, passed_on: 0 }
    }

    /// A request goes to the next process, or fails where none is left.
    fn pass(&mut self, ctx: &mut Ctx<'_>, id: u64) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Some(peer) = self.peers.next(ctx.now(), &request.tried) else {
            return self.end(ctx, id, Status::Failed, 0);
        };
        if !request.tried.is_empty() {
            self.passed_on += 1;
            properties::PASSED_ON.reached(ctx);
            signals::PASSED_ON.set(ctx, self.passed_on);
        }
        request.tried.push(peer);
        let query = Message::Query { id, query: request.query };
        let tag = id * TAGS + request.tried.len() as u64 % TAGS;
        ctx.send(self.web[peer], protocol::Message::Search(query));
        ctx.timer_for(self.config.read_timeout, tag, "answer");
    }

    /// The process that has the request does not answer it.
    fn failed(&mut self, ctx: &mut Ctx<'_>, id: u64) {
        let Some(peer) = self.requests.get(&id).and_then(|of| of.tried.last().copied()) else {
            return;
        };
        if let Some(fails) = self.peers.failed(ctx.now(), peer) {
            signals::WEB_DOWN.note_of(ctx, 0, Some(self.web[peer]), fails.into());
        }
        self.pass(ctx, id);
    }

    fn answered(&mut self, ctx: &mut Ctx<'_>, from: NodeId, id: u64, status: Status, rows: u32) {
        let asked = self.requests.get(&id).and_then(|request| request.tried.last().copied());
        let Some(peer) = asked.filter(|peer| self.web[*peer] == from) else { return };
        if self.peers.answered(peer) {
            signals::WEB_BACK.note_of(ctx, 0, Some(from), 0);
        }
        self.end(ctx, id, status, rows);
    }

    fn end(&mut self, ctx: &mut Ctx<'_>, number: u64, status: Status, rows: u32) {
        if let Some(Request { from, id, .. }) = self.requests.remove(&number) {
            ctx.send(from, protocol::Message::Search(Message::Answer { id, status, rows }));
        }
    }
}

impl Node<Streaming> for Balancer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.next = ctx.now().0 + 1;
        ctx.compute(WORKER, self.config.start, STARTED);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let protocol::Message::Search(message) = message else { return };
        match message {
            Message::Query { id, query } => {
                let request = Request { from, id, query, tried: Vec::new() };
                self.requests.insert(self.next, request);
                ctx.compute(WORKER, self.config.request, self.next * TAGS);
                self.next += 1;
            }
            Message::Answer { id, status, rows } => self.answered(ctx, from, id, status, rows),
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let (id, tried) = (tag / TAGS, tag % TAGS);
        let asked = self.requests.get(&id).map(|request| request.tried.len() as u64 % TAGS);
        if asked == Some(tried) {
            self.failed(ctx, id);
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
        if tag != STARTED {
            self.pass(ctx, tag / TAGS);
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        let with = |request: &Request| request.tried.last().map(|last| self.web[*last]);
        let lost = self.requests.iter().filter(|(_, request)| with(request) == Some(peer));
        let lost: Vec<u64> = lost.map(|(id, _)| *id).collect();
        lost.into_iter().for_each(|id| self.failed(ctx, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Time {
        Time::ZERO + S * (100 + seconds)
    }

    fn peers(policy: Policy, max_fails: u32) -> Peers {
        let config = config::Balancer { policy, max_fails, ..config::Balancer::default() };
        Peers::new(&config, 3)
    }

    #[test]
    fn processes_take_turns_or_the_one_with_the_fewest_is_next() {
        let mut all = peers(Policy::RoundRobin, 1);
        let order: Vec<_> = (0..5).map(|_| all.next(at(0), &[]).unwrap()).collect();
        assert_eq!(order, [0, 1, 2, 0, 1]);
        assert_eq!((all.next(at(0), &[2]), all.next(at(0), &[0, 1, 2])), (Some(0), None));
        let mut all = peers(Policy::LeastConnections, 1);
        let order: Vec<_> = (0..4).map(|_| all.next(at(0), &[]).unwrap()).collect();
        assert_eq!(order, [0, 1, 2, 0]);
        all.answered(2);
        assert_eq!(all.next(at(0), &[]), Some(2));
    }

    #[test]
    fn one_that_fails_is_left_alone_and_tried_after_ten_seconds() {
        let mut all = peers(Policy::RoundRobin, 1);
        assert_eq!((all.next(at(0), &[]), all.failed(at(0), 0)), (Some(0), Some(1)));
        for second in 0..=10 {
            assert_ne!(all.next(at(second), &[]), Some(0), "at {second} s");
        }
        let order: Vec<_> = (0..3).map(|_| all.next(at(11), &[]).unwrap()).collect();
        assert!(order.contains(&0), "{order:?}");
        // One trial at a time, until it has answered.
        assert!((0..4).all(|_| all.next(at(12), &[]) != Some(0)));
        assert!(all.answered(0) && !all.answered(0));
        assert!((0..3).any(|_| all.next(at(12), &[]) == Some(0)));
        let config = config::Balancer::default();
        let mut single = Peers::new(&config, 1);
        assert_eq!((single.next(at(0), &[]), single.failed(at(0), 0)), (Some(0), None));
        assert_eq!(single.next(at(0), &[]), Some(0), "there is no other");
        let mut never = peers(Policy::RoundRobin, 0);
        assert_eq!((never.next(at(0), &[]), never.failed(at(0), 0)), (Some(0), None));
        assert!((0..3).any(|_| never.next(at(0), &[]) == Some(0)));
    }
}
