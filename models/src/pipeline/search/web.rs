//! A process behind the page: it answers a query from the cache, or else from index and database.
//!
//! Stands for Flask under gunicorn with workers of the kind `sync`: each has one request at a time
//! and waits for whom it asks, the others wait in the backlog. The cache is beside what it stands
//! for (cache-aside): a query that it does not have goes to the index, the vectors found to the
//! database, and the answer into the cache. A cache that is gone or says nothing is a miss; an
//! index or a database that is, an error.
//!
//! Parameters: [`Web`](super::config::Web). Left out: connections that have to be made, several
//! misses of one query that are asked for once.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::config;
use super::message::{Message, Status};
use super::signals;
use crate::protocol::{self, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The workers.
const WORKERS: PoolId = PoolId(0);

/// Tags of a request: its number times this, and one of [`Stage`].
const TAGS: u64 = 8;
/// The start, as the tag of what was asked for: there is no request 0.
const STARTED: u64 = 0;

/// The processes of gunicorn.
pub fn pools(config: &config::Web) -> Vec<PoolSpec> {
    vec![PoolSpec::unnamed("workers", config.workers)]
}

/// Whom it asks.
#[derive(Clone, Copy, Debug)]
pub struct Backends {
    /// The cache, if there is one.
    pub cache: Option<NodeId>,
    /// The index of vectors.
    pub index: NodeId,
    /// The database.
    pub database: NodeId,
    /// Bytes of a query's vector.
    pub vector: u32,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Stage {
    /// With a worker, which reads it.
    Begun,
    /// The cache is asked.
    Cache,
    /// The index is asked.
    Index,
    /// The database is asked.
    Database,
    /// Its answer is written.
    Rendering,
}

struct Request {
    from: NodeId,
    id: u64,
    query: u64,
    stage: Stage,
    /// Vectors that were found, and then rows.
    rows: u32,
}

/// The process.
pub struct Web {
    config: Rc<config::Web>,
    backends: Backends,
    /// It has started.
    ready: bool,
    requests: BTreeMap<u64, Request>,
    backlog: VecDeque<(NodeId, u64, u64)>,
    /// The number of its next request, which no other life has had.
    next: u64,
    failed: u64,
    unanswered: u64,
    missing: u64,
}

impl Web {
    /// A process that has not started.
    pub fn new(config: Rc<config::Web>, backends: Backends) -> Self {
        Self {
            config,
            backends,
            ready: false,
            requests: BTreeMap::new(),
            backlog: VecDeque::new(),
            next: 0,
            failed: 0,
            unanswered: 0,
            missing: 0,
        }
    }

    /// Requests that wait are begun while there are workers.
    fn begin(&mut self, ctx: &mut Ctx<'_>) {
        while self.ready && self.requests.len() < self.config.workers as usize {
            let Some((from, id, query)) = self.backlog.pop_front() else { break };
            let number = self.next;
            self.next += 1;
            let request = Request { from, id, query, stage: Stage::Begun, rows: 0 };
            self.requests.insert(number, request);
            ctx.compute(WORKERS, self.config.request, number * TAGS + Stage::Begun as u64);
        }
        let all = self.requests.len() + self.backlog.len();
        signals::REQUESTS.set(ctx, all as u64);
    }

    /// The request asks `to`, and waits `patience` for it.
    fn ask(
        &mut self,
        ctx: &mut Ctx<'_>,
        (number, stage): (u64, Stage),
        (to, message): (NodeId, Message),
        patience: Duration,
    ) {
        if let Some(request) = self.requests.get_mut(&number) {
            request.stage = stage;
            ctx.send(to, protocol::Message::Search(message));
            ctx.timer_for(patience, number * TAGS + stage as u64, "answer");
        }
    }

    fn ask_cache(&mut self, ctx: &mut Ctx<'_>, id: u64) {
        let Some(request) = self.requests.get(&id) else { return };
        match self.backends.cache {
            None => self.ask_index(ctx, id),
            Some(cache) => {
                let get = Message::Get { id, key: request.query };
                self.ask(ctx, (id, Stage::Cache), (cache, get), self.config.cache_timeout);
            }
        }
    }

    fn ask_index(&mut self, ctx: &mut Ctx<'_>, id: u64) {
        let Some(request) = self.requests.get(&id) else { return };
        let find = Message::Find { id, query: request.query, vector: self.backends.vector };
        let index = (self.backends.index, find);
        self.ask(ctx, (id, Stage::Index), index, self.config.backend_timeout);
    }

    /// The index has found these.
    fn found(&mut self, ctx: &mut Ctx<'_>, id: u64, tweets: Rc<[u64]>) {
        if tweets.is_empty() {
            return self.selected(ctx, id, 0);
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.rows = tweets.len() as u32;
        }
        let database = (self.backends.database, Message::Select { id, tweets });
        self.ask(ctx, (id, Stage::Database), database, self.config.backend_timeout);
    }

    /// The database has so many of them: they go into the cache.
    fn selected(&mut self, ctx: &mut Ctx<'_>, id: u64, rows: u32) {
        let Some(request) = self.requests.get(&id) else { return };
        self.missing += u64::from(request.rows.saturating_sub(rows));
        signals::ROWS_MISSING.set(ctx, self.missing);
        if let Some(cache) = self.backends.cache {
            let set = Message::Set { key: request.query, rows };
            ctx.send(cache, protocol::Message::Search(set));
        }
        self.render(ctx, id, rows);
    }

    fn render(&mut self, ctx: &mut Ctx<'_>, number: u64, rows: u32) {
        if let Some(request) = self.requests.get_mut(&number) {
            (request.stage, request.rows) = (Stage::Rendering, rows);
            ctx.compute(WORKERS, self.config.render, number * TAGS + Stage::Rendering as u64);
        }
    }

    fn end(&mut self, ctx: &mut Ctx<'_>, number: u64, status: Status) {
        let Some(Request { from, id, rows, .. }) = self.requests.remove(&number) else { return };
        let rows = if status == Status::Done { rows } else { 0 };
        self.answer(ctx, from, Message::Answer { id, status, rows });
        self.begin(ctx);
    }

    fn answer(&mut self, ctx: &mut Ctx<'_>, to: NodeId, answer: Message) {
        if let Message::Answer { status: Status::Failed, .. } = answer {
            self.failed += 1;
            signals::REQUESTS_FAILED.set(ctx, self.failed);
        }
        ctx.send(to, protocol::Message::Search(answer));
    }

    /// Whom the request has asked says nothing.
    fn given_up(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        match self.requests.get(&number).map(|request| request.stage) {
            Some(Stage::Cache) => {
                self.unanswered += 1;
                signals::CACHE_UNANSWERED.set(ctx, self.unanswered);
                self.ask_index(ctx, number);
            }
            Some(Stage::Index | Stage::Database) => self.end(ctx, number, Status::Failed),
            Some(Stage::Begun | Stage::Rendering) | None => {}
        }
    }

    fn is_at(&self, number: u64, stage: Stage) -> bool {
        self.requests.get(&number).is_some_and(|request| request.stage == stage)
    }

    fn query(&mut self, ctx: &mut Ctx<'_>, from: NodeId, id: u64, query: u64) {
        if self.backlog.len() >= self.config.backlog as usize {
            return self.answer(ctx, from, Message::Answer { id, status: Status::Failed, rows: 0 });
        }
        self.backlog.push_back((from, id, query));
        self.begin(ctx);
    }
}

impl Node<Streaming> for Web {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.next = ctx.now().0 + 1;
        ctx.compute(WORKERS, self.config.start, STARTED);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let protocol::Message::Search(message) = message else { return };
        match message {
            Message::Query { id, query } => self.query(ctx, from, id, query),
            Message::Got { id, rows } if self.is_at(id, Stage::Cache) => match rows {
                Some(rows) => self.render(ctx, id, rows),
                None => self.ask_index(ctx, id),
            },
            Message::Found { id, status, tweets } if self.is_at(id, Stage::Index) => match status {
                Status::Done => self.found(ctx, id, tweets),
                Status::Failed => self.end(ctx, id, Status::Failed),
            },
            Message::Rows { id, status, rows } if self.is_at(id, Stage::Database) => match status {
                Status::Done => self.selected(ctx, id, rows),
                Status::Failed => self.end(ctx, id, Status::Failed),
            },
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let number = tag / TAGS;
        let waits = self.requests.get(&number).map(|request| request.stage as u64);
        if waits == Some(tag % TAGS) {
            self.given_up(ctx, number);
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
        if tag == STARTED {
            self.ready = true;
            return self.begin(ctx);
        }
        let number = tag / TAGS;
        match self.requests.get(&number).map(|request| request.stage) {
            Some(Stage::Begun) => self.ask_cache(ctx, number),
            Some(Stage::Rendering) => self.end(ctx, number, Status::Done),
            _ => {}
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        let asks = |stage| match stage {
            Stage::Cache => self.backends.cache == Some(peer),
            Stage::Index => self.backends.index == peer,
            Stage::Database => self.backends.database == peer,
            Stage::Begun | Stage::Rendering => false,
        };
        let lost = self.requests.iter().filter(|(_, request)| asks(request.stage));
        let lost: Vec<u64> = lost.map(|(number, _)| *number).collect();
        lost.into_iter().for_each(|number| self.given_up(ctx, number));
    }
}
