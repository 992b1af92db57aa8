//! Kafka's Java clients, in JVMs of their own.

use headwater_models::kafka::config::Cluster;

use super::topic::Topic;
use super::{launch, options};
use crate::failure::Result;
use crate::launch::Places;
use crate::systems::client::{Observer, Reading};
use crate::systems::java::writer::Producer;
use crate::systems::java::{Clients, Head, Program, Role, reader};

/// The driver.
const DRIVER: &str = include_str!("Driver.java");

/// The driver with the jars of the scenario's version.
fn program(cluster: &Cluster) -> Result<Program> {
    Ok(Program {
        source: DRIVER,
        jars: launch::jars(cluster, &Places::cache()?)?,
        resource: None,
        or: [super::BOOTSTRAP, "give --set system.client=librdkafka"],
        failure,
        counts: false,
    })
}

fn head<'a>(topic: &'a Topic, cluster: &Cluster, role: Role, partitions: Vec<u32>) -> Head<'a> {
    let mut options = match role {
        Role::Write => options::of_java_producer(cluster),
        Role::Read => options::of_java_consumer(cluster),
    };
    options.insert("bootstrap.servers", topic.bootstrap.clone());
    options.insert("client.id", "headwater".into());
    Head { role, options, topic: &topic.name, parts: partitions }
}

/// Starts producer `number`, from 0.
pub(super) fn write(
    number: u32,
    topic: &Topic,
    cluster: &Cluster,
    clients: &Clients,
    observer: &Observer,
) -> Result<Producer> {
    let head = head(topic, cluster, Role::Write, vec![]);
    Producer::start(number, &program(cluster)?, &head, clients, observer)
}

/// Starts the scenario's consumers, as the native ones share the partitions.
pub(super) fn read_all(
    topic: &Topic,
    cluster: &Cluster,
    clients: &Clients,
    observer: &Observer,
) -> Result<Reading> {
    let consumers = cluster.consumers.min(cluster.partitions);
    let of = |consumer: u32| {
        let partitions = (consumer..cluster.partitions).step_by(cluster.consumers as usize);
        head(topic, cluster, Role::Read, partitions.collect())
    };
    let heads: Vec<_> = (0..consumers).map(of).collect();
    reader::read_all(&program(cluster)?, &heads, clients, observer)
}

/// An exception of the producer in a word.
fn failure(name: &str) -> &'static str {
    match name {
        "BufferExhaustedException" => "queue_full",
        "TimeoutException" => "message_timed_out",
        "NotEnoughReplicasException" => "not_enough_replicas",
        "NotEnoughReplicasAfterAppendException" => "not_enough_replicas_after_append",
        "RecordTooLargeException" => "message_size_too_large",
        _ => "client_error",
    }
}
