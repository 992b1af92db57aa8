//! What becomes of the options of a Kafka scenario when librdkafka drives real brokers.

use std::collections::BTreeMap;

use headwater_models::kafka::compression::Codec;
use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_models::kafka::quota::Quota;
use headwater_scenarios::scenario::Scenario;

use crate::systems::departure::Departure;
use crate::systems::options::Treatment::{
    Client, Elsewhere, Generator, Model, Server, ServerFixed, Storage,
};
use crate::systems::options::{self, EXISTING, ListedOption};
use crate::systems::system::Source;

/// Every option of the configuration.
const OPTIONS: &[ListedOption] = &[
    ("version", Server),
    ("brokers", Server),
    ("partitions", Storage),
    ("replication.factor", Storage),
    ("producers", Generator),
    ("consumers", Generator),
    ("groups", Elsewhere),
    // The generator has one.
    ("topics.", Elsewhere),
    // Of groups, of which there is one.
    ("catch_up.", Elsewhere),
    ("client", Generator),
    ("keyed", Generator),
    // It is refused (`tls`).
    ("security.protocol", Elsewhere),
    (INTER_BROKER, Elsewhere),
    // They are refused (`quotas`).
    ("quota.", Elsewhere),
    ("broker.quota.window.num", Server),
    ("broker.quota.window.size.seconds", Server),
    // It is refused (`reassignment`).
    ("reassignment.", Elsewhere),
    ("compression.", Model),
    ("topic.min.insync.replicas", Storage),
    ("topic.flush.messages", Storage),
    ("topic.segment.bytes", Storage),
    ("topic.segment.ms", Storage),
    ("topic.retention.ms", Storage),
    ("topic.retention.bytes", Storage),
    (REMOTE, Elsewhere),
    ("topic.local.retention.ms", Elsewhere),
    ("topic.local.retention.bytes", Elsewhere),
    ("topic.file.delete.delay.ms", Storage),
    ("topic.unclean.leader.election.enable", Storage),
    ("topic.compression.type", Storage),
    ("broker.num.network.threads", Server),
    ("broker.num.io.threads", Server),
    ("broker.queued.max.requests", Server),
    ("broker.num.recovery.threads.per.data.dir", Server),
    ("broker.replica.lag.time.max.ms", Server),
    ("broker.replica.fetch.wait.max.ms", Server),
    (LOG_DIRS, ServerFixed("one folder on one disk", "It is gone with the run.")),
    ("broker.replica.fetch.max.bytes", Server),
    ("broker.replica.fetch.response.max.bytes", Server),
    ("broker.replica.fetch.backoff.ms", Server),
    ("broker.log.retention.check.interval.ms", Server),
    ("broker.remote.log.manager.task.interval.ms", Server),
    ("broker.remote.log.manager.copier.thread.pool.size", Server),
    ("broker.remote.log.reader.threads", Server),
    ("broker.remote.log.reader.max.pending.tasks", Server),
    ("broker.remote.fetch.max.wait.ms", Server),
    ("broker.remote.log.index.file.cache.total.size.bytes", Server),
    ("broker.replica.high.watermark.checkpoint.interval.ms", Server),
    ("broker.broker.heartbeat.interval.ms", Server),
    ("broker.broker.session.timeout.ms", Server),
    ("broker.auto.leader.rebalance.enable", Server),
    ("broker.leader.imbalance.check.interval.seconds", Server),
    ("broker.offsets.topic.num.partitions", Server),
    (OFFSETS_REPLICAS, ServerFixed("as many as there are brokers, 3 at the most", "")),
    ("broker.offsets.commit.timeout.ms", Server),
    ("broker.group.initial.rebalance.delay.ms", Server),
    ("broker.group.consumer.session.timeout.ms", Server),
    ("broker.group.consumer.heartbeat.interval.ms", Server),
    ("quorum.controller.quorum.election.timeout.ms", Server),
    ("quorum.controller.quorum.fetch.timeout.ms", Server),
    ("quorum.controller.quorum.election.backoff.max.ms", Server),
    ("quorum.controller.quorum.append.linger.ms", Server),
    // A feature of the cluster: the log directory is formatted with it.
    (ELR, Server),
    ("producer.acks", Client("acks")),
    ("producer.batch.size", Client("batch.size")),
    ("producer.batch.num.messages", Client("batch.num.messages")),
    ("producer.linger.ms", Client("linger.ms")),
    ("producer.compression.type", Client("compression.type")),
    ("producer.buffer.memory", Client("queue.buffering.max.kbytes")),
    ("producer.queue.buffering.max.messages", Client("queue.buffering.max.messages")),
    ("producer.max.block.ms", Elsewhere),
    // The generator picks the partition itself, as it writes the event's place into it.
    ("producer.sticky.partitioning.linger.ms", Generator),
    ("producer.max.request.size", Client("message.max.bytes")),
    ("producer.max.in.flight.requests.per.connection", Client(IN_FLIGHT)),
    ("producer.enable.idempotence", Client("enable.idempotence")),
    ("producer.request.timeout.ms", Client("request.timeout.ms")),
    ("producer.socket.timeout.ms", Client("socket.timeout.ms")),
    ("producer.delivery.timeout.ms", Client("message.timeout.ms")),
    ("producer.retry.backoff.ms", Client("retry.backoff.ms")),
    ("producer.retry.backoff.max.ms", Client("retry.backoff.max.ms")),
    ("producer.reconnect.backoff.ms", Client("reconnect.backoff.ms")),
    ("producer.reconnect.backoff.max.ms", Client("reconnect.backoff.max.ms")),
    ("consumer.fetch.max.wait.ms", Client("fetch.wait.max.ms")),
    ("consumer.max.partition.fetch.bytes", Client("fetch.message.max.bytes")),
    ("consumer.fetch.max.bytes", Client("fetch.max.bytes")),
    // Of groups, which live consumers are in none of.
    ("consumer.group.id", Elsewhere),
    ("consumer.group.protocol", Elsewhere),
    ("consumer.group.instance.id", Elsewhere),
    ("consumer.partition.assignment.strategy", Elsewhere),
    ("consumer.session.timeout.ms", Elsewhere),
    ("consumer.heartbeat.interval.ms", Elsewhere),
    ("consumer.max.poll.records", Elsewhere),
    ("consumer.max.poll.interval.ms", Elsewhere),
    ("consumer.enable.auto.commit", Elsewhere),
    ("consumer.auto.commit.interval.ms", Elsewhere),
    ("consumer.auto.offset.reset", Elsewhere),
    // Of remote storage, which live brokers don't have.
    ("tier.", Elsewhere),
    ("costs.", Model),
    // Options of the broker's JVM.
    ("jvm.heap", Server),
    ("jvm.collector", Server),
    ("jvm.max.gc.pause.millis", Server),
    ("jvm.", Model),
];

/// Whether there is remote storage.
const REMOTE: &str = "topic.remote.storage.enable";

const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// Whether partitions have eligible leader replicas.
const ELR: &str = "quorum.eligible.leader.replicas.version";

/// The replicas of `__consumer_offsets`.
const OFFSETS_REPLICAS: &str = "broker.offsets.topic.replication.factor";

/// Whether connections between brokers are encrypted.
const INTER_BROKER: &str = "broker.security.inter.broker.protocol";

/// The disks of a broker's logs.
const LOG_DIRS: &str = "broker.log.dirs";

/// Options of a launched broker's properties file: those below `broker` and `quorum`, by their own
/// names.
pub(super) fn of_broker(cluster: &Cluster) -> BTreeMap<String, String> {
    let own = |(path, value): (String, String)| {
        let section = ["broker.", "quorum."].iter().find_map(|of| path.strip_prefix(of));
        let option = section.filter(|_| {
            ![ELR, LOG_DIRS, OFFSETS_REPLICAS, INTER_BROKER].contains(&path.as_str())
        })?;
        Some((option.to_owned(), value))
    };
    options::flattened(cluster).into_iter().filter_map(own).collect()
}

/// The greatest that librdkafka takes, where it takes less than the scenario may ask
/// (`CONFIGURATION.md` @ 2.x), by the path of the scenario's option.
const LARGEST: [(&str, u64); 5] = [
    ("producer.batch.size", i32::MAX as u64),
    ("producer.batch.num.messages", 1_000_000),
    // 2,097,151 KiB.
    ("producer.buffer.memory", 2_097_151 << 10),
    ("producer.max.request.size", 1_000_000_000),
    ("producer.max.in.flight.requests.per.connection", 1_000_000),
];

fn at_most(path: &str, asked: u64) -> u64 {
    let largest = LARGEST.iter().find(|(name, _)| *name == path);
    largest.map_or(asked, |(_, largest)| asked.min(*largest))
}

/// The options of librdkafka's producer for those of the scenario.
pub(super) fn of_producer(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let producer = &cluster.producer;
    let kbytes = (at_most("producer.buffer.memory", producer.buffer_memory) >> 10).max(1);
    let batch_events = at_most("producer.batch.num.messages", producer.batch_num_messages);
    let request = at_most("producer.max.request.size", producer.max_request_size);
    let in_flight =
        at_most("producer.max.in.flight.requests.per.connection", producer.max_in_flight.into());
    BTreeMap::from([
        ("acks", producer.acks.to_string()),
        ("batch.size", at_most("producer.batch.size", producer.batch_size).to_string()),
        ("batch.num.messages", batch_events.to_string()),
        ("linger.ms", producer.linger_ms.to_string()),
        ("compression.type", producer.compression.name().into()),
        ("queue.buffering.max.kbytes", kbytes.to_string()),
        ("queue.buffering.max.messages", producer.queue_buffering_max_messages.to_string()),
        ("message.max.bytes", request.to_string()),
        (IN_FLIGHT, in_flight.to_string()),
        ("enable.idempotence", producer.enable_idempotence.to_string()),
        ("request.timeout.ms", producer.request_timeout_ms.to_string()),
        ("message.timeout.ms", producer.delivery_timeout_ms.to_string()),
        ("retry.backoff.ms", producer.retry_backoff_ms.to_string()),
        ("retry.backoff.max.ms", producer.retry_backoff_max_ms.to_string()),
        ("reconnect.backoff.ms", producer.reconnect_backoff_ms.to_string()),
        ("reconnect.backoff.max.ms", producer.reconnect_backoff_max_ms.to_string()),
        ("socket.timeout.ms", producer.socket_timeout_ms.to_string()),
        ("socket.nagle.disable", "true".into()),
    ])
}

/// The options of librdkafka's consumer for those of the scenario.
pub(super) fn of_consumer(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let consumer = &cluster.consumer;
    BTreeMap::from([
        ("fetch.wait.max.ms", consumer.fetch_max_wait_ms.to_string()),
        ("fetch.message.max.bytes", consumer.max_partition_fetch_bytes.to_string()),
        ("fetch.max.bytes", consumer.fetch_max_bytes.to_string()),
    ])
}

/// The options of the Java producer for those of the scenario, by its own names.
pub(super) fn of_java_producer(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let producer = &cluster.producer;
    BTreeMap::from([
        ("acks", producer.acks.to_string()),
        ("batch.size", producer.batch_size.to_string()),
        ("linger.ms", producer.linger_ms.to_string()),
        ("compression.type", producer.compression.name().into()),
        ("buffer.memory", producer.buffer_memory.to_string()),
        ("max.request.size", producer.max_request_size.to_string()),
        (IN_FLIGHT, producer.max_in_flight.to_string()),
        ("enable.idempotence", producer.enable_idempotence.to_string()),
        ("request.timeout.ms", producer.request_timeout_ms.to_string()),
        ("delivery.timeout.ms", producer.delivery_timeout_ms.to_string()),
        ("retry.backoff.ms", producer.retry_backoff_ms.to_string()),
        ("retry.backoff.max.ms", producer.retry_backoff_max_ms.to_string()),
        ("reconnect.backoff.ms", producer.reconnect_backoff_ms.to_string()),
        ("reconnect.backoff.max.ms", producer.reconnect_backoff_max_ms.to_string()),
        ("max.block.ms", producer.max_block_ms.to_string()),
    ])
}

/// The options of the Java consumer for those of the scenario, by its own names.
pub(super) fn of_java_consumer(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let consumer = &cluster.consumer;
    BTreeMap::from([
        ("fetch.max.wait.ms", consumer.fetch_max_wait_ms.to_string()),
        ("max.partition.fetch.bytes", consumer.max_partition_fetch_bytes.to_string()),
        ("fetch.max.bytes", consumer.fetch_max_bytes.to_string()),
    ])
}

/// What a live run does otherwise than the scenario asks.
pub(super) fn departures(
    scenario: &Scenario,
    cluster: &Cluster,
    source: &Source,
) -> Vec<Departure> {
    let defaults = Cluster::defaults(cluster.version).with_client(cluster.client);
    let mut all = vec![];
    if let Source::Existing { servers, .. } = source {
        all.push(Departure::told("system.version", version(cluster), "unknown", EXISTING));
        if let Some(servers) = servers.filter(|servers| *servers != cluster.brokers) {
            let done = servers.to_string();
            all.push(Departure::told("system.brokers", cluster.brokers, done, EXISTING));
        }
    }
    let general = options::departures(OPTIONS, scenario, &options::flattened(&defaults), source);
    let told = |path: &str| ["system.version", "system.brokers"].contains(&path);
    all.extend(general.into_iter().filter(|one| !told(&one.difference.option)));
    if cluster.client == ClientLibrary::Librdkafka {
        all.extend(limits(cluster));
        all.extend(codec(cluster));
    }
    all.extend(eligible_leader_replicas(cluster));
    all.extend(groups(cluster));
    all.extend(tls(cluster));
    all.extend(quotas(cluster));
    all.extend(reassignment(cluster));
    all.extend(remote_storage(cluster));
    all.extend(topics(cluster));
    all
}

/// Nobody reassigns partitions of a live cluster.
fn reassignment(cluster: &Cluster) -> Option<Departure> {
    cluster.reassignment.is_set().then(|| {
        let (asked, why) = (cluster.reassignment.partitions, "A live run reassigns nothing.");
        let told = Departure::told("system.reassignment.partitions", asked, "0", why);
        told.refused("run it with `headwater run`, or set it to 0")
    })
}

/// Nobody sets quotas on a live cluster.
fn quotas(cluster: &Cluster) -> Vec<Departure> {
    let Quota { producer_byte_rate, consumer_byte_rate, request_percentage } = cluster.quota;
    let all = [
        ("producer_byte_rate", producer_byte_rate),
        ("consumer_byte_rate", consumer_byte_rate),
        ("request_percentage", request_percentage),
    ];
    let refuse = |(option, asked): (&str, u64)| {
        let why = "A live run sets no quotas on the cluster.";
        let told = Departure::told(format!("system.quota.{option}"), asked, "none", why);
        told.refused("run it with `headwater run`, or set it to 0")
    };
    all.into_iter().filter(|(_, asked)| *asked > 0).map(refuse).collect()
}

/// Live clients have no certificates, and neither has a launched cluster.
fn tls(cluster: &Cluster) -> Vec<Departure> {
    let between = cluster.broker.security_inter_broker_protocol;
    let all = [("security.protocol", cluster.security_protocol), (INTER_BROKER, between)];
    let encrypted = all.into_iter().filter(|(_, protocol)| protocol.encrypts());
    let refuse = |(option, _)| {
        let why = "A live run has no certificates: its connections are not encrypted.";
        let told = Departure::told(format!("system.{option}"), "SSL", "PLAINTEXT", why);
        told.refused("run it with `headwater run`, or set it to PLAINTEXT")
    };
    encrypted.map(refuse).collect()
}

/// Live consumers read everything once, with partitions that are assigned by hand.
fn groups(cluster: &Cluster) -> Vec<Departure> {
    let why = "Live consumers have their partitions assigned by hand, and share them.";
    let told = |option: &str, asked: String, done: &str, fix: &str| {
        Departure::told(format!("system.{option}"), asked, done, why).refused(fix)
    };
    let group = cluster.has_groups().then(|| {
        let asked = cluster.consumer.group_id.clone();
        let fix = "run it with `headwater run`, or set it to \"\"";
        told("consumer.group.id", asked, "none", fix)
    });
    let late = (cluster.catch_up.groups > 0).then(|| {
        let fix = "run it with `headwater run`, or set it to 0";
        told("catch_up.groups", cluster.catch_up.groups.to_string(), "0", fix)
    });
    let several = (cluster.groups > 1).then(|| {
        let fix = "run it with `headwater run`, or set it to 1";
        told("groups", cluster.groups.to_string(), "1", fix)
    });
    group.into_iter().chain(several).chain(late).collect()
}

/// Kafka comes without a `RemoteStorageManager` but for tests.
fn remote_storage(cluster: &Cluster) -> Option<Departure> {
    cluster.topic.remote_storage_enable.then(|| {
        let why = "Kafka comes without a plugin for remote storage \
                   (remote.log.storage.manager.class.name).";
        let departure = Departure::told(format!("system.{REMOTE}"), true, "false", why);
        departure.refused("run it with `headwater run`, or set it to false")
    })
}

/// The generator writes to one topic, and reads it.
fn topics(cluster: &Cluster) -> Option<Departure> {
    (cluster.topics.count > 1).then(|| {
        let why = "The generator writes to one topic of its own.";
        let asked = cluster.topics.count.to_string();
        Departure::told("system.topics.count", asked, "1", why)
            .refused("run it with `headwater run`, or set it to 1")
    })
}

fn version(cluster: &Cluster) -> &'static str {
    match cluster.version {
        Version::V3_9 => "3.9",
        Version::V4 => "4.x",
    }
}

/// Options that are more than librdkafka takes.
fn limits(cluster: &Cluster) -> Vec<Departure> {
    let asked = options::flattened(cluster);
    let above = |(path, largest): (&str, u64)| {
        let asked: u64 = asked.get(path)?.parse().ok()?;
        (asked > largest).then(|| {
            let why = "librdkafka takes no more.";
            Departure::told(format!("system.{path}"), asked, largest.to_string(), why)
        })
    };
    LARGEST.into_iter().filter_map(above).collect()
}

/// librdkafka is built here without the libraries of two codecs.
fn codec(cluster: &Cluster) -> Option<Departure> {
    let codec = cluster.producer.compression;
    matches!(codec, Codec::Gzip | Codec::Zstd).then(|| {
        let why = "librdkafka is built here without zlib and zstd.";
        let departure =
            Departure::told("system.producer.compression.type", codec.name(), "none", why);
        departure.refused("set it to snappy or lz4, or system.client to java")
    })
}

/// Kafka 3.9 has no such feature.
fn eligible_leader_replicas(cluster: &Cluster) -> Option<Departure> {
    let asked = cluster.quorum.eligible_leader_replicas;
    (cluster.version == Version::V3_9 && asked > 0).then(|| {
        let why = "Kafka has eligible leader replicas from 4.0 on (KIP-966).";
        let departure = Departure::told(format!("system.{ELR}"), asked, "0", why);
        departure.refused("give --kafka-version 4.x, or set it to 0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::options::tests::assert_complete;

    const EXISTS: Source = Source::Existing { address: String::new(), servers: Some(3) };

    fn scenario(system: &str) -> Scenario {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'kafka'\n\
             {system}"
        );
        Scenario::parse(&text, "t", None, &[]).unwrap()
    }

    fn departing(system: &str, source: &Source) -> Vec<(String, String, String)> {
        let scenario = scenario(system);
        let cluster = crate::systems::kafka::configuration(&scenario).unwrap();
        let one = |departure: Departure| {
            let difference = departure.difference;
            (difference.option, difference.asked, difference.done)
        };
        departures(&scenario, cluster, source).into_iter().map(one).collect()
    }

    fn told(option: &str, asked: &str, done: &str) -> (String, String, String) {
        (option.to_owned(), asked.to_owned(), done.to_owned())
    }

    #[test]
    fn every_option_of_the_configuration_is_in_the_list() {
        for version in [Version::V3_9, Version::V4] {
            for client in [ClientLibrary::Java, ClientLibrary::Librdkafka] {
                assert_complete(OPTIONS, &Cluster::defaults(version).with_client(client));
            }
        }
    }

    #[test]
    fn remote_storage_is_refused() {
        let asked = departing("topic.'remote.storage.enable' = true", &EXISTS);
        let option = told("system.topic.remote.storage.enable", "true", "false");
        assert!(asked.contains(&option), "{asked:?}");
    }

    #[test]
    fn what_the_list_says_of_clients_is_what_they_are_told() {
        let cluster = Cluster::defaults(Version::V3_9);
        let mut told: Vec<&str> =
            of_producer(&cluster).into_keys().chain(of_consumer(&cluster).into_keys()).collect();
        for (path, treatment) in OPTIONS {
            if let Client(name) = treatment {
                assert!(told.contains(name), "{path}: nobody tells librdkafka `{name}`");
                told.retain(|told| told != name);
            }
        }
        assert_eq!(told, ["socket.nagle.disable"]);
    }

    #[test]
    fn the_java_clients_are_told_the_same_options_by_their_own_names() {
        let cluster = Cluster::defaults(Version::V3_9);
        let (native, java) = (of_producer(&cluster), of_java_producer(&cluster));
        for name in ["acks", "linger.ms", IN_FLIGHT, "enable.idempotence", "request.timeout.ms"] {
            assert_eq!(native[name], java[name], "{name}");
        }
        assert_eq!(java["delivery.timeout.ms"], native["message.timeout.ms"]);
        // What is an option of the model's client is one of its Java client by the same name.
        let options = options::flattened(&cluster);
        let named = |section: &str, told: BTreeMap<&str, String>| {
            for (name, value) in told {
                assert_eq!(options[&format!("{section}.{name}")], value, "{name}");
            }
        };
        named("producer", java);
        named("consumer", of_java_consumer(&cluster));
    }

    #[test]
    fn a_launched_broker_is_told_what_the_list_says() {
        let properties = of_broker(&Cluster::defaults(Version::V4));
        let servers = OPTIONS.iter().filter(|(path, treatment)| {
            let elsewhere = ["version", "brokers", ELR].contains(path) || path.starts_with("jvm.");
            *treatment == Server && !elsewhere
        });
        assert_eq!(properties.len(), servers.count());
        assert_eq!(properties["broker.heartbeat.interval.ms"], "2000");
    }

    #[test]
    fn the_clients_of_the_scenario_are_those_of_the_run() {
        assert_eq!(departing("", &Source::Launch), []);
        let system = "client = 'librdkafka'\nproducers = 3\nconsumers = 2\npartitions = 4\n";
        assert_eq!(departing(system, &Source::Launch), []);
    }

    #[test]
    fn a_cluster_that_was_there_has_options_of_its_own() {
        let system = "client = 'librdkafka'\nbroker.\"num.io.threads\" = 2\n";
        assert_eq!(
            departing(system, &EXISTS),
            [
                told("system.version", "3.9", "unknown"),
                told("system.brokers", "1", "3"),
                told("system.broker.num.io.threads", "2", "the cluster's own"),
            ]
        );
        assert_eq!(departing(system, &Source::Launch), []);
    }

    #[test]
    fn more_than_librdkafka_takes_is_told() {
        let system = "client = 'librdkafka'\nproducer.\"batch.num.messages\" = 2000000\n";
        assert_eq!(
            departing(system, &Source::Launch),
            [told("system.producer.batch.num.messages", "2000000", "1000000")]
        );
        let told = of_producer(super::super::configuration(&scenario(system)).unwrap());
        assert_eq!(told["batch.num.messages"], "1000000");
    }

    #[test]
    fn a_codec_that_librdkafka_lacks_is_refused_and_others_are_clients_options() {
        let system = "client = 'librdkafka'\nproducer.\"compression.type\" = 'zstd'\n";
        let codec = |system: &str| {
            let scenario = scenario(system);
            let cluster = crate::systems::kafka::configuration(&scenario).unwrap();
            let told = of_producer(cluster)["compression.type"].clone();
            let all = departures(&scenario, cluster, &Source::Launch);
            (told, all.into_iter().find_map(|one| one.remedy))
        };
        let remedy = "set it to snappy or lz4, or system.client to java".to_owned();
        assert_eq!(codec(system), ("zstd".into(), Some(remedy)));
        assert_eq!(codec(&system.replace("zstd", "lz4")), ("lz4".into(), None));
        assert_eq!(codec(&system.replace("librdkafka", "java")), ("zstd".into(), None));
    }

    #[test]
    fn quotas_are_refused_with_the_fix() {
        let scenario = scenario("quota.producer_byte_rate = 1000\nquota.request_percentage = 5");
        let cluster = crate::systems::kafka::configuration(&scenario).unwrap();
        let all = departures(&scenario, cluster, &Source::Launch);
        let told = |one: &Departure| (one.difference.option.clone(), one.remedy.is_some());
        let told: Vec<_> = all.iter().map(told).collect();
        let named = |option: &str| (format!("system.quota.{option}"), true);
        assert_eq!(told, [named("producer_byte_rate"), named("request_percentage")]);
    }

    #[test]
    fn tls_is_refused_with_the_fix() {
        let system = "'security.protocol' = 'SSL'\nbroker.'security.inter.broker.protocol' = 'SSL'";
        let scenario = scenario(system);
        let cluster = crate::systems::kafka::configuration(&scenario).unwrap();
        let all = departures(&scenario, cluster, &Source::Launch);
        let names: Vec<_> = all.iter().map(|one| &*one.difference.option).collect();
        assert_eq!(names, ["system.security.protocol", &format!("system.{INTER_BROKER}")]);
        assert!(all.iter().all(|one| one.remedy.is_some()));
        assert!(!of_broker(cluster).contains_key("security.inter.broker.protocol"));
    }

    #[test]
    fn groups_are_refused_with_the_fix() {
        let system = "groups = 2\ncatch_up.groups = 1\nconsumer.\"group.id\" = \"readers\"\n";
        let scenario = scenario(system);
        let cluster = crate::systems::kafka::configuration(&scenario).unwrap();
        let all = departures(&scenario, cluster, &Source::Launch);
        let refused: Vec<_> = all.iter().filter(|one| one.remedy.is_some()).collect();
        let names: Vec<_> = refused.iter().map(|one| &*one.difference.option).collect();
        assert_eq!(names, ["system.consumer.group.id", "system.groups", "system.catch_up.groups"]);
    }

    #[test]
    fn a_feature_that_the_version_lacks_is_refused_with_the_fix() {
        let system = "client = 'librdkafka'\nquorum.\"eligible.leader.replicas.version\" = 1\n";
        let scenario = scenario(system);
        let cluster = crate::systems::kafka::configuration(&scenario).unwrap();
        let all = departures(&scenario, cluster, &Source::Launch);
        let remedies: Vec<_> = all.iter().filter_map(|one| one.remedy.as_deref()).collect();
        assert_eq!(remedies, ["give --kafka-version 4.x, or set it to 0"]);
    }
}
