//! A Kafka cluster with its producers and consumers, ready to be simulated.
//!
//! Stands for the installation: `config/server.properties` @ 3.9.0 in combined mode, one process a
//! node. Parameters: [`super::config::Cluster`]. Left out: controllers on nodes of their own,
//! racks.

use crate::kafka::system::BROKER;
use crate::role::{CONSUMER, PRODUCER};
use std::rc::Rc;

use headwater_sim::units::NodeId;

use super::broker::{self, Broker};
use super::config::{self, Cluster};
use super::consumer::{self, Consumer};
use super::ids::BrokerId;
use super::producer;
use super::signals;
use crate::audit::{self, Late};
use crate::bugs::Bug;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::system::System as _;
use crate::tier::{self, TIER};

/// Adds nodes `broker-1` and so on, `producer-1` and so on, `consumer-1` and so on; each on a
/// machine of its own unless the environment has only one. With remote storage, `tier` stands
/// behind the brokers.
pub fn deploy(
    cluster: &Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let (mut cluster, bugs) = (cluster.clone(), environment.bugs);
    if bugs.has(Bug::ZombieLeader) {
        // The defaults before 3.0 (KIP-679).
        (cluster.producer.acks, cluster.producer.enable_idempotence) = (1, false);
    }
    // Partition 0 is placed on the first broker; a controller has to be elected.
    deployment.office(&signals::LEADER, Some(deployment.next_node()));
    deployment.office(&signals::CONTROLLER, None);
    let config = Rc::new(cluster.clone());
    let first = deployment.next_node().0;
    let brokers: Vec<_> = (first..first + cluster.brokers).map(NodeId).collect();
    // It stands behind the brokers.
    let tier = cluster.topic.remote_storage_enable.then_some(NodeId(first + cluster.brokers));
    for number in 0..cluster.brokers {
        let name = format!("broker-{}", number + 1);
        let machine = environment.server_machine(deployment, &name);
        let (config, brokers) = (config.clone(), brokers.clone());
        // A JVM asks how many there are; where there is no limit it gets the threads of eight.
        let cores = if environment.server.cores == 0 { 8 } else { environment.server.cores };
        let pools = broker::pools(&config, cores);
        let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
            let (config, me, brokers) = (config.clone(), BrokerId(number), brokers.clone());
            Box::new(Broker::new(config, bugs, me, brokers, cores).with_tier(tier))
        };
        deployment.node(BROKER, name, machine, pools, Box::new(build));
    }
    if tier.is_some() {
        let machine = environment.server_machine(deployment, "tier");
        let config = cluster.tier.clone();
        let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
            Box::new(tier::node::Tier::new(config.clone()))
        };
        deployment.node(TIER, "tier", machine, Vec::new(), Box::new(build));
    }
    for writer in 0..cluster.producers {
        let name = format!("producer-{}", writer + 1);
        let machine = feed.writer_machine(deployment, environment, &name, writer);
        let (config, brokers, of_writer) = (config.clone(), brokers.clone(), feed.clone());
        let pacer = environment.pacer;
        let pools = producer::pools(&config, pacer);
        let build = move |_| {
            let planted = (pacer, bugs);
            producer::producer(config.clone(), brokers.clone(), writer, &of_writer, planted)
        };
        feed.add_writer(deployment.node(PRODUCER, name, machine, pools, Box::new(build)));
    }
    for reader in 0..cluster.consumers * cluster.groups {
        let name = format!("consumer-{}", reader + 1);
        let machine = feed.reader_machine(deployment, environment, &name);
        let (config, brokers, feed) = (config.clone(), brokers.clone(), feed.clone());
        let pools = consumer::pools(&config);
        let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
            let outlet = feed.outlet(reader);
            let consumer = Consumer::new(config.clone(), brokers.clone(), reader, outlet);
            Box::new(consumer.with_bugs(bugs))
        };
        deployment.node(CONSUMER, name, machine, pools, Box::new(build));
    }
    add_auditor(&cluster, brokers, deployment, environment, feed);
}

/// A consumer of all partitions that is in no group, and begins when it is told to.
fn add_auditor(
    cluster: &Cluster,
    brokers: Vec<NodeId>,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let (Some(from), Some(number)) = (environment.audit, cluster.auditor()) else { return };
    let consumer = config::Consumer::default();
    let (consumers, groups, catch_up) = (1, 1, config::CatchUp::default());
    let config = Rc::new(Cluster { consumer, consumers, groups, catch_up, ..cluster.clone() });
    let machine = environment.client_machine(deployment, audit::NAME);
    let (pools, feed) = (consumer::pools(&config), feed.clone());
    let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
        let outlet = feed.audit_outlet(number);
        Box::new(Late::new(from, Consumer::new(config.clone(), brokers.clone(), 0, outlet)))
    };
    deployment.node(CONSUMER, audit::NAME, machine, pools, Box::new(build));
}
