//! The database: rows by their key, for queries that have a connection.
//!
//! Stands for PostgreSQL 15 behind a pool of connections (PgBouncer): a query takes a connection
//! and a core for its time; where all connections are taken it waits for one. What was committed is
//! in its buffers, so that a query reads nothing from the disk. Inserts: [`super::store`], on a
//! connection of their own.
//!
//! Parameters: [`Database`](super::config::Database). Left out: locks, vacuum, queries that read
//! from the disk.

use std::collections::BTreeMap;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::inversion::Exp1;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::random::Stream;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;
use rand::Rng;

use super::config::{self, Service};
use super::message::{Message, Status};
use super::signals;
use super::store::{Costs, OWN_TAGS, Store};
use crate::protocol::{self, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The connections that queries have.
const CONNECTIONS: PoolId = PoolId(0);
/// The one that inserts have.
const INSERTS: PoolId = PoolId(1);

/// The processes of the database.
pub fn pools(config: &config::Database) -> Vec<PoolSpec> {
    vec![PoolSpec::unnamed("connections", config.connections), PoolSpec::unnamed("inserts", 1)]
}

/// A query that has a connection or waits for one.
struct Statement {
    from: NodeId,
    id: u64,
    tweets: Rc<[u64]>,
}

/// The process.
pub struct Database {
    config: Rc<config::Database>,
    store: Store,
    /// How long statements take, where that is drawn.
    service: Option<Stream>,
    statements: BTreeMap<u64, Statement>,
    tags: u64,
}

impl Database {
    /// A process that has not started.
    pub fn new(config: Rc<config::Database>) -> Self {
        let costs = Costs {
            start: config.start,
            recover: config.recover,
            insert: config.insert,
            beside: config.row_overhead.0,
            text: true,
        };
        Self {
            config,
            store: Store::new(costs, INSERTS),
            service: None,
            statements: BTreeMap::new(),
            tags: OWN_TAGS,
        }
    }

    fn select(&mut self, ctx: &mut Ctx<'_>, statement: Statement) {
        if !self.store.ready() {
            return rows(ctx, &statement, Status::Failed, 0);
        }
        let mean = self.config.select;
        let cost = match &mut self.service {
            Some(draws) => Duration((draws.sample(Exp1) * mean.0 as f64) as u64),
            None => mean,
        };
        ctx.compute(CONNECTIONS, cost, self.tags);
        self.statements.insert(self.tags, statement);
        self.tags += 1;
        signals::STATEMENTS.set(ctx, self.statements.len() as u64);
    }

    fn selected(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let Some(statement) = self.statements.remove(&tag) else { return };
        signals::STATEMENTS.set(ctx, self.statements.len() as u64);
        let there = statement.tweets.iter().filter(|tweet| self.store.has(**tweet)).count();
        rows(ctx, &statement, Status::Done, there as u32);
    }
}

fn rows(ctx: &mut Ctx<'_>, of: &Statement, status: Status, rows: u32) {
    ctx.send(of.from, protocol::Message::Search(Message::Rows { id: of.id, status, rows }));
}

impl Node<Streaming> for Database {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let drawn = self.config.service == Service::Exponential;
        self.service = drawn.then(|| ctx.stream("statements"));
        self.store.start(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        match message {
            protocol::Message::Search(Message::Insert { id, rows, .. }) => {
                self.store.insert(ctx, from, id, rows);
            }
            protocol::Message::Search(Message::Select { id, tweets }) => {
                self.select(ctx, Statement { from, id, tweets });
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        self.store.timer(ctx, tag);
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        match tag {
            0..OWN_TAGS => self.store.completed(ctx, tag, completion),
            _ => self.selected(ctx, tag),
        }
    }
}
