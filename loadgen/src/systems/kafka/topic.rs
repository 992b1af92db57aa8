//! The topic of a run, and what a cluster says of itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headwater_models::kafka::config::Cluster;
use headwater_reports::outcome::Mark;
use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use serde::Deserialize;

use super::events;
use crate::failure::{Failure, Result};
use crate::systems::client::Observer;
use crate::systems::counts::{Counting, Counts};
use crate::systems::system::Storage;

/// How long a cluster may take to answer a question about itself before it counts as dead.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take to make or remove a topic.
const ADMIN: Duration = Duration::from_secs(30);

/// After how long an administrator asks once more.
const AGAIN: Duration = Duration::from_millis(200);

/// Who makes and removes topics.
type Admin = AdminClient<DefaultClientContext>;

/// A cluster by its address, and the topic of this run.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    /// `host:port`, one or several with commas.
    pub(super) bootstrap: String,
    /// The topic's name.
    pub(super) name: String,
    /// More of a cluster that was launched here.
    pub(super) inside: Option<Inside>,
}

/// What is known of a launched cluster.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    /// Where its brokers find each other, past any proxy.
    pub(super) bootstrap: String,
    /// What they keep.
    pub(super) data: PathBuf,
    /// How many they are.
    pub(super) brokers: usize,
}

/// The office of who leads the topic's first partition.
pub(super) const LEADER: &str = "leader";

/// The office of the active controller.
pub(super) const CONTROLLER: &str = "controller";

/// Partitions of a topic, or of others, that are asked at the most how much was written to them.
const PARTITIONS_ASKED: usize = 200;

/// What the client logs and warns of goes nowhere: connections are lost by design here.
pub(super) struct Silent;

/// A client that is as silent, and tells what it does if that is asked for.
pub(super) struct Told(Option<(Counting, String)>);

impl Told {
    /// Of a client of this name, whose options are `config`.
    pub(super) fn new(
        observer: Option<&Observer>,
        name: String,
        config: &mut ClientConfig,
    ) -> Self {
        let counting = observer.and_then(|observer| observer.counting.clone());
        if counting.is_some() {
            config.set("statistics.interval.ms", Counting::EVERY.as_millis().to_string());
        }
        Self(counting.map(|counting| (counting, name)))
    }
}

impl ClientContext for Told {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}

    fn stats(&self, statistics: Statistics) {
        if let Self(Some((counting, name))) = self {
            // Microseconds of the monotonic clock (`rd_clock`, rdtime.h).
            counting.tell(name, statistics.ts as u64 * 1_000, counted(&statistics));
        }
    }
}

/// What librdkafka counts of itself (STATISTICS.md @ 2.12.1).
fn counted(statistics: &Statistics) -> Counts {
    let of = |requests: &HashMap<String, i64>, name: &str| {
        requests.get(name).copied().unwrap_or(0).max(0) as f64
    };
    let mut counts = Counts {
        written: statistics.txmsgs as f64,
        read: statistics.rxmsgs as f64,
        ..Counts::default()
    };
    for broker in statistics.brokers.values() {
        let (writes, reads) = (of(&broker.req, "Produce"), of(&broker.req, "Fetch"));
        counts.writes += writes;
        counts.reads += reads;
        counts.others += broker.tx as f64 - writes - reads;
        counts.sent += broker.txbytes as f64;
        counts.received += broker.rxbytes as f64;
    }
    counts
}

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

/// A client configuration for `bootstrap`.
pub(super) fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config.set("client.id", "headwater");
    // Loopback names resolve to both families; brokers here listen on IPv4.
    config.set("broker.address.family", "v4");
    config.set("log_level", "0");
    config
}

/// How long a client may take to say why a connection failed.
const SAYS_WHY: Duration = Duration::from_secs(1);

/// Complaints of a client that are listened to.
const COMPLAINTS: usize = 20;

/// What the client complained of last.
#[derive(Clone, Default)]
struct Complaint(Arc<Mutex<String>>);

impl ClientContext for Complaint {
    /// A connection that failed: `[thrd:...]: 127.0.0.1:9092/bootstrap: Disconnected (after ...)`.
    fn log(&self, _: RDKafkaLogLevel, what: &str, text: &str) {
        if let (Ok(mut last), "FAIL") = (self.0.lock(), what) {
            text.rsplit("/bootstrap: ").next().unwrap_or(text).clone_into(&mut last);
        }
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Complaint {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Brokers that the cluster at `bootstrap` has.
///
/// # Errors
/// Why it does not answer within [`ANSWER`], in a few words.
pub(super) fn brokers(bootstrap: &str) -> std::result::Result<u32, String> {
    let complaint = Complaint::default();
    let fail = |error: KafkaError| {
        let reason = complaint.0.lock().map(|last| last.clone()).unwrap_or_default();
        let seconds = ANSWER.as_secs();
        let why = if reason.is_empty() { error.to_string() } else { reason };
        format!("does not answer as Kafka without TLS or SASL within {seconds} s ({why})")
    };
    let mut config = client(bootstrap);
    // It logs what connections fail of.
    config.set("log_level", "6");
    let asks: BaseProducer<Complaint> =
        config.create_with_context(complaint.clone()).map_err(fail)?;
    let metadata = asks.client().fetch_metadata(None, ANSWER);
    if metadata.is_err() {
        // Complaints are handed over one by one when somebody asks for them, and may be on their
        // way still.
        let since = Instant::now();
        let none = || complaint.0.lock().is_ok_and(|last| last.is_empty());
        while none() && since.elapsed() < SAYS_WHY {
            asks.poll(Duration::from_millis(10));
        }
        (0..COMPLAINTS).for_each(|_| asks.poll(Duration::from_millis(1)));
    }
    Ok(metadata.map_err(fail)?.brokers().len() as u32)
}

impl Topic {
    /// Makes the topic, with the options of the scenario's topic.
    pub(super) fn create(&self, cluster: &Cluster) -> Result<()> {
        let placed = self.placement(cluster)?;
        let placed: Option<Vec<&[i32]>> =
            placed.as_ref().map(|placed| placed.iter().map(Vec::as_slice).collect());
        let replication = match &placed {
            Some(placed) => TopicReplication::Variable(placed),
            None => TopicReplication::Fixed(cluster.replication_factor as i32),
        };
        let options = [
            ("min.insync.replicas", cluster.topic.min_insync_replicas.to_string()),
            ("flush.messages", cluster.topic.flush_messages.to_string()),
            ("segment.bytes", cluster.topic.segment_bytes.to_string()),
            ("segment.ms", cluster.topic.segment_ms.to_string()),
            ("retention.ms", cluster.topic.retention_ms.to_string()),
            ("retention.bytes", cluster.topic.retention_bytes.to_string()),
            ("file.delete.delay.ms", cluster.topic.file_delete_delay_ms.to_string()),
            ("unclean.leader.election.enable", cluster.topic.unclean_leader_election.to_string()),
            ("compression.type", cluster.topic.compression.name().into()),
        ];
        let mut topic = NewTopic::new(&self.name, cluster.partitions as i32, replication);
        for (name, value) in &options {
            topic = topic.set(name, value);
        }
        let fail = |error: String| {
            Failure::new(format!("{}: can't create topic {}: {error}", self.bootstrap, self.name))
        };
        self.administer(RDKafkaErrorCode::TopicAlreadyExists, |admin, options| {
            block_on(admin.create_topics([&topic], options))
        })?
        .and_then(|()| self.wait_for_leaders(cluster.partitions))
        .map_err(fail)
    }

    /// Waits until leaders take what is asked of partitions: metadata names one before it knows
    /// that it leads, and an event that it refuses is sent again after those behind it.
    fn wait_for_leaders(&self, partitions: u32) -> std::result::Result<(), String> {
        let admin = self.admin().map_err(|error| error.to_string())?.0;
        let until = Instant::now() + ADMIN;
        for partition in 0..(partitions as usize).min(PARTITIONS_ASKED) {
            while let Err(error) =
                admin.inner().fetch_watermarks(&self.name, partition as i32, ANSWER)
            {
                if Instant::now() > until {
                    return Err(format!("nobody leads partition {partition}: {error}"));
                }
                std::thread::sleep(AGAIN / 4);
            }
        }
        Ok(())
    }

    /// Does something to this one topic, once more if the client gave the broker up that it had
    /// asked: metadata of a broker that lags behind the others does not list all, and librdkafka
    /// then ends what the missing ones were to answer (`_DESTROY_BROKER`, rdkafka_broker.c @
    /// 2.12.1), which it repeats for metadata, not for an administrator. `done` is the answer to a
    /// repetition of what had been done.
    fn administer(
        &self,
        done: RDKafkaErrorCode,
        ask: impl Fn(&Admin, &AdminOptions) -> Result<KafkaResult<Vec<TopicResult>>>,
    ) -> Result<std::result::Result<(), String>> {
        let (admin, options) = match self.admin() {
            Ok(admin) => admin,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let until = Instant::now() + ADMIN;
        let mut again = false;
        loop {
            match ask(&admin, &options)? {
                Err(KafkaError::AdminOp(RDKafkaErrorCode::DestroyBroker))
                    if Instant::now() < until =>
                {
                    again = true;
                    std::thread::sleep(AGAIN);
                }
                Err(error) => return Ok(Err(error.to_string())),
                Ok(mut answers) => {
                    return Ok(match answers.pop() {
                        Some(Err((_, code))) if !(again && code == done) => Err(code.to_string()),
                        _ => Ok(()),
                    });
                }
            }
        }
    }

    /// The brokers of each partition, where a fault asks for a leader that is, or is not, the
    /// controller: as simulated, relative to the controller. None where the cluster places them.
    fn placement(&self, cluster: &Cluster) -> Result<Option<Vec<Vec<i32>>>> {
        let (Some(first), Some(inside)) = (cluster.first_controller, &self.inside) else {
            return Ok(None);
        };
        let until = Instant::now() + ANSWER;
        let controller = loop {
            match controller(&inside.data) {
                Some(controller) => break controller,
                None if Instant::now() > until => {
                    return Err(Failure::new(
                        "no controller was elected, and a fault asks for a leader that is, or is \
                         not, the controller",
                    ));
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        Ok(Some(placed(cluster, controller, first.index())))
    }

    fn admin(&self) -> KafkaResult<(Admin, AdminOptions)> {
        let config = client(&self.bootstrap);
        let admin = AdminClient::from_config_and_context(&config, DefaultClientContext)?;
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN)).operation_timeout(Some(ADMIN));
        Ok((admin, options))
    }
}

impl Topic {
    /// The first partition, as the brokers at `bootstrap` say: who leads it, and its replicas.
    fn first_partition(&self, bootstrap: &str) -> Option<(i32, Vec<i32>)> {
        let config = client(bootstrap);
        let admin = AdminClient::<Silent>::from_config_and_context(&config, Silent).ok()?;
        let metadata = admin.inner().fetch_metadata(Some(&self.name), ANSWER).ok()?;
        let partition = metadata.topics().first()?.partitions().first()?;
        Some((partition.leader(), partition.replicas().to_vec()))
    }
}

/// The brokers of each partition, round robin as the simulated cluster has them, from a broker such
/// that the `controller` stands `after` places behind the leader of partition 0.
fn placed(cluster: &Cluster, controller: usize, after: usize) -> Vec<Vec<i32>> {
    let (brokers, copies) = (cluster.brokers as usize, cluster.replication_factor as usize);
    let from = controller - 1 + brokers - after % brokers;
    let broker = |place: usize| ((from + place) % brokers + 1) as i32;
    let of = |partition: usize| (0..copies).map(|copy| broker(partition + copy)).collect();
    (0..cluster.partitions as usize).map(of).collect()
}

/// What a voter of the metadata log keeps of the last election that it knows of
/// (`QuorumStateData.json` @ 3.9.2, 4.3.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QuorumState {
    /// -1 while nobody is elected.
    leader_id: i64,
    leader_epoch: i64,
}

/// The active controller: who was elected last, as the voters that keep their logs in `data` have
/// written down. Clients can't ask: in KRaft the controller of a metadata response is any broker
/// (KIP-590), and librdkafka does not describe quorums.
fn controller(data: &Path) -> Option<usize> {
    let states = (1..).map_while(|id| {
        let log = super::launch::log_directory(data, id);
        log.exists().then(|| log.join("__cluster_metadata-0/quorum-state"))
    });
    let read = |path: PathBuf| -> Option<QuorumState> {
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    };
    let last = states.filter_map(read).max_by_key(|state| (state.leader_epoch, state.leader_id))?;
    usize::try_from(last.leader_id).ok()
}

impl Storage for Topic {
    fn place(&self) -> Option<(&str, &str)> {
        Some((&self.bootstrap, &self.name))
    }

    fn holder(&self, office: &str) -> Option<String> {
        let inside = self.inside.as_ref()?;
        let id = match office {
            LEADER => usize::try_from(self.first_partition(&inside.bootstrap)?.0).ok()?,
            CONTROLLER => controller(&inside.data)?,
            _ => return None,
        };
        Some(super::launch::broker_name(id))
    }

    fn placed(&self) -> Vec<String> {
        let Some(inside) = &self.inside else { return vec![] };
        let replicas = self.first_partition(&inside.bootstrap).unwrap_or_default().1;
        let id = |replica: i32| usize::try_from(replica).ok().map(super::launch::broker_name);
        replicas.into_iter().filter_map(id).collect()
    }

    /// The ends of the partitions of all other topics, together: of so many as can be asked soon.
    fn written_by_others(&self) -> Option<u64> {
        if self.inside.is_some() {
            return None;
        }
        let config = client(&self.bootstrap);
        let admin = AdminClient::<Silent>::from_config_and_context(&config, Silent).ok()?;
        let metadata = admin.inner().fetch_metadata(None, ANSWER).ok()?;
        let others = metadata.topics().iter().filter(|topic| topic.name() != self.name);
        let of = |topic: &MetadataTopic| {
            let id = |partition: &MetadataPartition| (topic.name().to_owned(), partition.id());
            topic.partitions().iter().map(id).collect::<Vec<_>>()
        };
        let until = Instant::now() + ANSWER;
        let end = |(topic, partition): (String, i32)| {
            let left = until.saturating_duration_since(Instant::now());
            let ends = admin.inner().fetch_watermarks(&topic, partition, left);
            ends.map_or(0, |(_, end)| u64::try_from(end).unwrap_or(0))
        };
        Some(others.flat_map(of).take(PARTITIONS_ASKED).map(end).sum())
    }

    fn marks(&self, started: u64) -> Vec<Mark> {
        let of = |inside: &Inside| events::marks(&inside.data, inside.brokers, &self.name, started);
        self.inside.as_ref().map_or_else(Vec::new, of)
    }

    fn remove(&self) -> Result<()> {
        let fail = |error: String| {
            Failure::new(format!("{}: topic {} is left behind: {error}", self.bootstrap, self.name))
        };
        self.administer(RDKafkaErrorCode::UnknownTopicOrPartition, |admin, options| {
            block_on(admin.delete_topics(&[&self.name], options))
        })?
        .map_err(fail)
    }
}

/// Waits for a client's future on this thread.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_models::kafka::config::Version;

    #[test]
    fn partitions_are_placed_as_simulated_relative_to_the_controller() {
        let cluster = |brokers, copies| Cluster {
            brokers,
            partitions: 2,
            replication_factor: copies,
            ..Cluster::defaults(Version::V3_9)
        };
        assert_eq!(placed(&cluster(3, 3), 2, 0), [[2, 3, 1], [3, 1, 2]], "the controller leads");
        assert_eq!(placed(&cluster(3, 2), 2, 1), [[1, 2], [2, 3]], "it follows");
        assert_eq!(placed(&cluster(3, 2), 1, 1), [[3, 1], [1, 2]]);
    }

    #[test]
    fn the_controller_is_who_was_elected_last() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(controller(data.path()), None);
        let write = |id: usize, text: &str| {
            let folder = super::super::launch::log_directory(data.path(), id);
            let folder = folder.join("__cluster_metadata-0");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("quorum-state"), text).unwrap();
        };
        let state = |leader: i64, epoch: i64| {
            format!(
                "{{\"leaderId\":{leader},\"leaderEpoch\":{epoch},\"votedId\":2,\
                 \"votedDirectoryId\":\"x\",\"data_version\":1}}"
            )
        };
        write(1, &state(1, 4));
        write(2, "half a fi");
        assert_eq!(controller(data.path()), Some(1));
        write(3, &state(3, 5));
        write(2, &state(-1, 5));
        assert_eq!(controller(data.path()), Some(3), "the second does not know yet");
        write(2, &state(-1, 6));
        assert_eq!(controller(data.path()), None, "an election goes on");
    }
}
