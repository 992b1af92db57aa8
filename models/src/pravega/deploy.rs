//! Builds a cluster: metadata service, bookies, tier, stores, controller, writers, readers.
//!
//! Stands for no component: it puts the modelled ones on machines. Parameters:
//! [`config::Cluster`] and the environment's machines. Left out: more than
//! one controller, a ZooKeeper server of its own for Pravega.

use crate::audit::{self, Late};
use crate::pravega::signals;
use crate::pravega::system::{CONTROLLER, SEGMENT_STORE};
use crate::role::{CONSUMER, PRODUCER};
use crate::tier::TIER;
use std::rc::Rc;

use headwater_sim::machine::{Factory, PoolSpec};
use headwater_sim::units::NodeId;

use crate::bookkeeper;
use crate::bookkeeper::auto_recovery::AutoRecoverySpec;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::protocol::Streaming;
use crate::runtime::jvm;
use crate::system::System as _;
use crate::tier;

use super::config::{self, Client, Cluster, Mode, StreamDataRetention};
use super::controller::{Controller, first_owners};
use super::node::{LOG_CLIENT_POOLS, Spec};
use super::reader::Reader;
use super::segment_store::SegmentStore;
use super::writer::Writer;

/// `autoScale.threadPool.size` of `AutoScalerConfig` @ v0.13.0, its default.
const AUTO_SCALER_THREADS: u32 = 10;

/// Adds the nodes of a cluster: `metadata`, `bookie-N`, `tier`, `store-N`, `controller-1`,
/// `producer-N`, `consumer-N`. A standalone cluster's servers share one machine; those of its log
/// in memory are one process in reality, which is `store-1` here.
pub fn deploy(
    cluster: &Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let cluster = Rc::new(Cluster { bugs: environment.bugs, ..cluster.clone() });
    let metadata = needs_metadata(&cluster)
        .then(|| bookkeeper::deploy::add_metadata(deployment, environment, &cluster.metadata));
    if let Some(metadata) = metadata.filter(|_| cluster.has_bookkeeper()) {
        let (count, bookie) = (cluster.bookies, &cluster.bookie);
        bookkeeper::deploy::add_bookies(deployment, environment, count, bookie, metadata);
        let daemon = AutoRecoverySpec {
            config: cluster.auto_recovery.clone(),
            client: cluster.ledger_client(),
            metadata,
            session_timeout_ms: bookie.zk_timeout,
        };
        bookkeeper::deploy::add_auto_recovery(deployment, environment, &daemon);
    }
    let tier = add_tier(deployment, environment, &cluster.tier);
    // Behind the stores.
    let controller = NodeId(deployment.next_node().0 + cluster.stores);
    let spec = Spec { cluster: Rc::clone(&cluster), metadata, tier, controller };
    let stores = add_stores(deployment, environment, &spec);
    let added = add_controller(deployment, environment, &spec, &stores);
    assert_eq!(added, controller, "the controller comes behind the stores");
    deployment.office(&signals::LEADER, first_owners(&cluster, &stores).first().copied().flatten());
    deployment.office(&signals::CONTROLLER, Some(controller));
    add_clients(deployment, environment, &cluster, controller, feed);
}

/// The emulator has one in its process, too; what the controller keeps there matters where the
/// stream's segments are not known beforehand, or not there for ever.
fn needs_metadata(cluster: &Cluster) -> bool {
    let keeps = cluster.scaling_policy.scales() || cluster.retention_policy.retains();
    cluster.mode == Mode::Distributed || cluster.has_bookkeeper() || keeps
}

fn add_tier(
    deployment: &mut Deployment,
    environment: &Environment,
    config: &tier::config::Tier,
) -> NodeId {
    let machine = environment.server_machine(deployment, "tier");
    let config = config.clone();
    let factory: Factory<Streaming> =
        Box::new(move |_| Box::new(tier::node::Tier::new(config.clone())));
    deployment.node(TIER, "tier", machine, Vec::new(), factory)
}

fn add_stores(deployment: &mut Deployment, environment: &Environment, spec: &Spec) -> Vec<NodeId> {
    let (options, costs) = (&spec.cluster.segment_store, &spec.cluster.costs);
    let cores = if environment.server.cores == 0 { 8 } else { environment.server.cores };
    let event_loops = PoolSpec::named("epollEventLoopGroup", options.connection_threads);
    let core = |role| costs.core_pool(PoolSpec::named("core", options.core_threads).role(role));
    let mut pools = vec![costs.connection_pool(event_loops.role("connection-threads"))];
    pools.extend(["operation-processors", "log-completions", "commit-processors"].map(core));
    pools.push(PoolSpec::named("auto-scaler", AUTO_SCALER_THREADS).role("statistics"));
    pools.extend(jvm::pools(cores));
    if spec.cluster.has_bookkeeper() {
        assert_eq!(pools.len(), usize::from(LOG_CLIENT_POOLS.io.0), "they come behind the JVM's");
        pools.extend(spec.cluster.bookkeeper.costs.pools(cores));
    }
    let add = |number| {
        let name = format!("store-{number}");
        let machine = environment.server_machine(deployment, &name);
        let spec = spec.clone();
        let factory: Factory<Streaming> =
            Box::new(move |_| Box::new(SegmentStore::new(spec.clone(), cores)));
        deployment.node(SEGMENT_STORE, name, machine, pools.clone(), factory)
    };
    (1..=spec.cluster.stores).map(add).collect()
}

fn add_controller(
    deployment: &mut Deployment,
    environment: &Environment,
    spec: &Spec,
    stores: &[NodeId],
) -> NodeId {
    let machine = environment.server_machine(deployment, "controller-1");
    let (spec, stores) = (spec.clone(), stores.to_vec());
    let factory: Factory<Streaming> = Box::new(move |_| {
        Box::new(Controller::new(Rc::clone(&spec.cluster), spec.metadata, &stores))
    });
    deployment.node(
        CONTROLLER,
        "controller-1",
        machine,
        vec![PoolSpec::unnamed("threads", 0)],
        factory,
    )
}

fn add_clients(
    deployment: &mut Deployment,
    environment: &Environment,
    cluster: &Rc<Cluster>,
    controller: NodeId,
    feed: &Feed,
) {
    // The Rust client's reactor is one thread; the Java client writes and reads on two. What the
    // tasks of `loadgen`'s own do is as little as the reactor's.
    let tasks = |role| cluster.costs.client_pool(PoolSpec::named("pravega", 1).role(role));
    let (pools, of_reader) = match cluster.client {
        Client::Rust | Client::Headwater => (vec![tasks("reactor")], tasks("application")),
        Client::Java => {
            let [application, connection] =
                ["application", "connection-thread"].map(|role| PoolSpec::unnamed(role, 1));
            (vec![application, connection], application)
        }
    };
    for number in 0..cluster.writers {
        let name = format!("producer-{}", number + 1);
        let machine = feed.writer_machine(deployment, environment, &name, number);
        let (cluster, of_writer) = (Rc::clone(cluster), feed.clone());
        let factory: Factory<Streaming> = Box::new(move |_| {
            Box::new(Writer::new(Rc::clone(&cluster), number, controller, &of_writer))
        });
        feed.add_writer(deployment.node(PRODUCER, name, machine, pools.clone(), factory));
    }
    for number in 0..cluster.readers {
        let name = format!("consumer-{}", number + 1);
        let machine = feed.reader_machine(deployment, environment, &name);
        let (cluster, feed) = (Rc::clone(cluster), feed.clone());
        let factory: Factory<Streaming> = Box::new(move |_| {
            Box::new(Reader::new(Rc::clone(&cluster), number, controller, feed.outlet(number)))
        });
        deployment.node(CONSUMER, name, machine, vec![of_reader], factory);
    }
    add_auditor(deployment, environment, cluster, controller, feed);
}

/// A reader of all segments that begins when it is told to. It has no reader group, and so is not
/// the Rust client's, and holds no truncation up.
fn add_auditor(
    deployment: &mut Deployment,
    environment: &Environment,
    cluster: &Cluster,
    controller: NodeId,
    feed: &Feed,
) {
    let (Some(from), Some(number)) = (environment.audit, cluster.auditor()) else { return };
    let client = match cluster.client {
        Client::Rust => Client::Headwater,
        other => other,
    };
    let retention_type = StreamDataRetention::None;
    let reader = config::Reader { retention_type, ..cluster.reader.clone() };
    let cluster = Rc::new(Cluster { readers: 1, client, reader, ..cluster.clone() });
    let machine = environment.client_machine(deployment, audit::NAME);
    let (pools, feed) = (vec![PoolSpec::unnamed("application", 1)], feed.clone());
    let factory: Factory<Streaming> = Box::new(move |_| {
        let outlet = feed.audit_outlet(number);
        let reader = Reader::new(Rc::clone(&cluster), 0, controller, outlet);
        Box::new(Late::new(from, reader))
    });
    deployment.node(CONSUMER, audit::NAME, machine, pools, factory);
}
