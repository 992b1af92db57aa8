//! Producers: the Java client's and librdkafka's, which share their partitioners' rules and little
//! else.
//!
//! Stands for `KafkaProducer` @ 3.9.0 ([`java`]) and a producer of librdkafka @ 2.12.1
//! ([`librdkafka`]). Parameters: [`crate::kafka::config::Producer`]. Left out: see each.

pub mod java;
pub mod librdkafka;
pub mod partitioner;

use std::rc::Rc;

use headwater_sim::machine::PoolSpec;
use headwater_sim::node::Node;
use headwater_sim::units::NodeId;

use super::config::{ClientLibrary, Cluster};
use crate::bugs::BugSet;
use crate::deployment::Pacer;
use crate::feed::Feed;
use crate::protocol::Streaming;

/// Producer number `writer` of the brokers' cluster. The Java client has no pacer.
pub fn producer(
    config: Rc<Cluster>,
    brokers: Vec<NodeId>,
    writer: u32,
    feed: &Feed,
    (pacer, bugs): (Pacer, BugSet),
) -> Box<dyn Node<Streaming>> {
    match config.client {
        ClientLibrary::Java => {
            Box::new(java::Producer::new(config, brokers, writer, feed).with_bugs(bugs))
        }
        ClientLibrary::Librdkafka => {
            Box::new(librdkafka::Producer::new(config, brokers, writer, feed, pacer))
        }
    }
}

/// A producer's pools.
pub fn pools(config: &Cluster, pacer: Pacer) -> Vec<PoolSpec> {
    match config.client {
        ClientLibrary::Java => java::pools(config),
        ClientLibrary::Librdkafka => librdkafka::pools(config, pacer),
    }
}
