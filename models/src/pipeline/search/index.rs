//! The index of vectors: a graph in memory, for searches that have a worker.
//!
//! Stands for an index of the kind HNSW (Malkov and Yashunin, arXiv 1603.09320), as hnswlib,
//! pgvector and Milvus have it. A search descends through the layers, of which there are
//! log n / log m, and then looks at `ef` candidates in the lowest one, or at all vectors where
//! there are fewer. It is bound by a core, so that more clients than workers wait: `N` clients in a
//! closed loop get `X` answers a second whatever `N` is, each after `N / X`. Inserts:
//! [`super::store`], on a thread of their own; at a start the graph is made anew of the vectors in
//! the file.
//!
//! Parameters: [`Index`](super::config::Index). Left out: which vectors are near (drawn by a hash
//! of the query), recall, deletes, an index that does not fit into memory.

use std::collections::BTreeMap;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::fingerprint::mix;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::config;
use super::message::{Message, Status};
use super::signals;
use super::store::{Costs, OWN_TAGS, Store};
use crate::protocol::{self, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The threads that search.
const WORKERS: PoolId = PoolId(0);
/// The one that inserts.
const INSERTS: PoolId = PoolId(1);

/// The threads of the process.
pub fn pools(config: &config::Index) -> Vec<PoolSpec> {
    vec![PoolSpec::unnamed("searches", config.workers), PoolSpec::unnamed("inserts", 1)]
}

/// CPU time of a search among so many vectors.
pub fn search_time(config: &config::Index, vectors: u64) -> Duration {
    let layers = libm::log(vectors.max(1) as f64) / libm::log(f64::from(config.m));
    let candidates = u64::from(config.ef).min(vectors);
    Duration((layers * config.layer.0 as f64) as u64) + config.candidate * candidates
}

/// A search that has a worker or waits for one.
struct Search {
    from: NodeId,
    id: u64,
    query: u64,
}

/// The process.
pub struct Index {
    config: Rc<config::Index>,
    store: Store,
    searches: BTreeMap<u64, Search>,
    tags: u64,
}

impl Index {
    /// A process that has not started.
    pub fn new(config: Rc<config::Index>) -> Self {
        let costs = Costs {
            start: config.start,
            recover: config.insert,
            insert: config.insert,
            // A vector of 32-bit floats and its number.
            beside: 4 * u64::from(config.dimensions) + 8,
            text: false,
        };
        let store = Store::new(costs, INSERTS);
        Self { config, store, searches: BTreeMap::new(), tags: OWN_TAGS }
    }

    fn find(&mut self, ctx: &mut Ctx<'_>, search: Search) {
        if !self.store.ready() {
            return found(ctx, &search, Status::Failed, Rc::new([]));
        }
        let cost = search_time(&self.config, self.store.rows().len() as u64);
        ctx.compute(WORKERS, cost, self.tags);
        self.searches.insert(self.tags, search);
        self.tags += 1;
        signals::SEARCHES.set(ctx, self.searches.len() as u64);
    }

    fn searched(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let Some(search) = self.searches.remove(&tag) else { return };
        signals::SEARCHES.set(ctx, self.searches.len() as u64);
        let near = self.near(search.query);
        found(ctx, &search, Status::Done, near);
    }

    /// Vectors that stand for those near a query: each once, for fewer may be there.
    fn near(&self, query: u64) -> Rc<[u64]> {
        let rows = self.store.rows();
        let mut near: Vec<u64> = (0..u64::from(self.config.k).min(rows.len() as u64))
            .map(|number| rows[(mix(query, number) % rows.len() as u64) as usize])
            .collect();
        near.sort_unstable();
        near.dedup();
        near.into()
    }
}

fn found(ctx: &mut Ctx<'_>, of: &Search, status: Status, tweets: Rc<[u64]>) {
    ctx.send(of.from, protocol::Message::Search(Message::Found { id: of.id, status, tweets }));
}

impl Node<Streaming> for Index {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.store.start(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        match message {
            protocol::Message::Search(Message::Insert { id, rows, .. }) => {
                self.store.insert(ctx, from, id, rows);
            }
            protocol::Message::Search(Message::Find { id, query, .. }) => {
                self.find(ctx, Search { from, id, query });
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
            _ => self.searched(ctx, tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was measured with hnswlib, of 100,000 vectors: 0.11 ms at ef = 50 and 0.41 ms at 200.
    #[test]
    fn a_search_takes_what_was_measured() {
        let ms = |ef, vectors| {
            let config = config::Index { ef, ..config::Index::default() };
            search_time(&config, vectors).0 as f64 / 1e6
        };
        assert!((ms(50, 100_000) - 0.11).abs() < 0.002, "{}", ms(50, 100_000));
        assert!((ms(200, 100_000) - 0.41).abs() < 0.002, "{}", ms(200, 100_000));
        // Ten times as many vectors are not a whole layer more.
        let more = ms(50, 1_000_000) - ms(50, 100_000);
        assert!(more > 0.001 && more < 0.0024, "{more}");
        assert_eq!(ms(50, 0), 0.0);
    }
}
