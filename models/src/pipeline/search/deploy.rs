//! A search, ready to be simulated: the indexer on the machine of the reader that it takes from,
//! every other process on one of its own where the profile has several. Parameters: [`Cluster`].

use std::rc::Rc;

use headwater_sim::machine::Factory;
use headwater_sim::units::NodeId;

use super::balancer::{self, Balancer};
use super::cache::{self, Cache};
use super::config::{self, Cluster};
use super::database::{self, Database};
use super::index::{self, Index};
use super::indexer::{self, Indexer, Sinks};
use super::system::{BALANCER, CACHE, DATABASE, INDEX, INDEXER, USERS, WEB};
use super::users::Users;
use super::web::{self, Backends, Web};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::protocol::Streaming;

/// Adds the nodes `indexer-1`, `database-1`, `index-1`, `cache-1`, `web-1` and so on, `balancer-1`
/// and `users-1`.
pub fn deploy(
    cluster: &Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    // Nodes are numbered in the order in which they are added.
    let first = deployment.next_node().0;
    let [database, index] = [1, 2].map(|behind| NodeId(first + behind));
    let vector = 4 * cluster.index.dimensions;
    let sinks = Sinks { database, index, vector };
    let config = Rc::new(cluster.indexer.clone());
    let build = move |feed: &Feed| Indexer::new(config.clone(), sinks, feed);
    let place = (&mut *deployment, environment);
    let (feed, indexer) =
        feed.add_replay_process(place, (INDEXER, "indexer-1"), indexer::pools(), build);
    feed.add_replay_reader(indexer);
    let added = add_database(deployment, environment, &cluster.database);
    assert_eq!(added, database, "the indexer has been told of it");
    let added = add_index(deployment, environment, &cluster.index);
    assert_eq!(added, index, "the indexer has been told of it");
    let cache = add_cache(deployment, environment, &cluster.cache);
    let cache = (cluster.cache.ttl.0 > 0).then_some(cache);
    let web =
        add_web(deployment, environment, &cluster.web, Backends { cache, index, database, vector });
    let balancer = add_balancer(deployment, environment, &cluster.balancer, web);
    let load = cluster.load();
    let factory: Factory<Streaming> = Box::new(move |_| Box::new(Users::new(load, balancer)));
    let machine = environment.client_machine(deployment, "users-1");
    deployment.node(USERS, "users-1", machine, vec![], factory);
}

/// Adds a database.
pub fn add_database(
    deployment: &mut Deployment,
    environment: &Environment,
    config: &config::Database,
) -> NodeId {
    let (config, pools) = (Rc::new(config.clone()), database::pools(config));
    let factory: Factory<Streaming> = Box::new(move |_| Box::new(Database::new(config.clone())));
    let machine = environment.server_machine(deployment, "database-1");
    deployment.node(DATABASE, "database-1", machine, pools, factory)
}

/// Adds an index of vectors.
pub fn add_index(
    deployment: &mut Deployment,
    environment: &Environment,
    config: &config::Index,
) -> NodeId {
    let (config, pools) = (Rc::new(config.clone()), index::pools(config));
    let factory: Factory<Streaming> = Box::new(move |_| Box::new(Index::new(config.clone())));
    let machine = environment.server_machine(deployment, "index-1");
    deployment.node(INDEX, "index-1", machine, pools, factory)
}

/// Adds a cache.
fn add_cache(
    deployment: &mut Deployment,
    environment: &Environment,
    config: &config::Cache,
) -> NodeId {
    let config = Rc::new(config.clone());
    let factory: Factory<Streaming> = Box::new(move |_| Box::new(Cache::new(config.clone())));
    let machine = environment.server_machine(deployment, "cache-1");
    deployment.node(CACHE, "cache-1", machine, cache::pools(), factory)
}

/// Adds the processes behind the page.
fn add_web(
    deployment: &mut Deployment,
    environment: &Environment,
    config: &config::Web,
    backends: Backends,
) -> Rc<[NodeId]> {
    let add = |number: u32| {
        let (config, pools) = (Rc::new(config.clone()), web::pools(config));
        let factory: Factory<Streaming> =
            Box::new(move |_| Box::new(Web::new(config.clone(), backends)));
        let name = format!("web-{number}");
        let machine = environment.server_machine(deployment, &name);
        deployment.node(WEB, name, machine, pools, factory)
    };
    (1..=config.processes).map(add).collect()
}

/// Adds what stands in front of them.
fn add_balancer(
    deployment: &mut Deployment,
    environment: &Environment,
    config: &config::Balancer,
    web: Rc<[NodeId]>,
) -> NodeId {
    let config = Rc::new(config.clone());
    let factory: Factory<Streaming> =
        Box::new(move |_| Box::new(Balancer::new(config.clone(), web.clone())));
    let machine = environment.server_machine(deployment, "balancer-1");
    deployment.node(BALANCER, "balancer-1", machine, balancer::pools(), factory)
}
