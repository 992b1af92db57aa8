//! The cache: answers by query, in memory alone.
//!
//! Stands for Redis 7.0 without persistence: one thread does a command after the other; what it
//! has is gone when its process ends. Entries: [`super::entries`]. A command that comes while it
//! starts waits for that.
//!
//! Parameters: [`Cache`](super::config::Cache). Left out: snapshots and append-only files, threads
//! for input and output.

use std::collections::BTreeMap;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::units::NodeId;

use super::config;
use super::entries::{Entries, Looked};
use super::message::Message;
use super::signals;
use crate::protocol::{self, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The only thread.
const MAIN: PoolId = PoolId(0);

/// The start, as the tag of what was asked for; commands have those behind it.
const STARTED: u64 = 0;

/// The threads of the process.
pub fn pools() -> Vec<PoolSpec> {
    vec![PoolSpec::named("cache", 1)]
}

/// The process.
pub struct Cache {
    config: Rc<config::Cache>,
    entries: Entries,
    commands: BTreeMap<u64, (NodeId, Message)>,
    tags: u64,
    hits: u64,
    misses: u64,
    expired: u64,
    evicted: u64,
}

impl Cache {
    /// A process that has not started.
    pub fn new(config: Rc<config::Cache>) -> Self {
        let entries = Entries::new(config.ttl, config.entries as usize);
        let commands = BTreeMap::new();
        Self {
            config,
            entries,
            commands,
            tags: STARTED,
            hits: 0,
            misses: 0,
            expired: 0,
            evicted: 0,
        }
    }

    fn done(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match self.commands.remove(&tag) {
            Some((from, Message::Get { id, key })) => self.get(ctx, from, id, key),
            Some((_, Message::Set { key, rows })) => {
                self.evicted += u64::from(self.entries.set(ctx.now(), key, rows));
                signals::CACHE_EVICTED.set(ctx, self.evicted);
                signals::CACHE_ENTRIES.set(ctx, self.entries.len() as u64);
            }
            _ => {}
        }
    }

    fn get(&mut self, ctx: &mut Ctx<'_>, from: NodeId, id: u64, key: u64) {
        let looked = self.entries.get(ctx.now(), key);
        let rows = match looked {
            Looked::Hit(rows) => Some(rows),
            Looked::Missed | Looked::Expired => None,
        };
        self.hits += u64::from(rows.is_some());
        self.misses += u64::from(rows.is_none());
        self.expired += u64::from(looked == Looked::Expired);
        signals::CACHE_HITS.set(ctx, self.hits);
        signals::CACHE_MISSES.set(ctx, self.misses);
        signals::CACHE_EXPIRED.set(ctx, self.expired);
        ctx.send(from, protocol::Message::Search(Message::Got { id, rows }));
    }
}

impl Node<Streaming> for Cache {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        signals::CACHE_EMPTY.note(ctx, 0, 0);
        signals::CACHE_ENTRIES.set(ctx, 0);
        ctx.compute(MAIN, self.config.start, STARTED);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        if let protocol::Message::Search(command) = message {
            self.tags += 1;
            self.commands.insert(self.tags, (from, command));
            ctx.compute(MAIN, self.config.command, self.tags);
        }
    }

    fn on_timer(&mut self, _ctx: &mut Ctx<'_>, _tag: u64) {}

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
        self.done(ctx, tag);
    }
}
