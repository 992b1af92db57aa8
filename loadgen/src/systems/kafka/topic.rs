//! The topic of a run, and what a cluster says of itself.

use std::time::Duration;

use headwater_models::kafka::config::Cluster;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use crate::failure::{Failure, Result};
use crate::systems::Storage;

/// How long a cluster may take to answer a question about itself before it counts as dead.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take to make or remove a topic.
const ADMIN: Duration = Duration::from_secs(30);

/// A cluster by its address, and the topic of this run.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    /// `host:port`, one or several with commas.
    pub(super) bootstrap: String,
    /// The topic's name.
    pub(super) name: String,
}

/// What the client logs and warns of goes nowhere: connections are lost by design here.
pub(super) struct Silent;

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

/// Brokers that the cluster at `bootstrap` has, or why it does not answer within [`ANSWER`].
pub(super) fn brokers(bootstrap: &str) -> std::result::Result<u32, KafkaError> {
    let config = client(bootstrap);
    let admin = AdminClient::<Silent>::from_config_and_context(&config, Silent)?;
    let metadata = admin.inner().fetch_metadata(None, ANSWER)?;
    Ok(metadata.brokers().len() as u32)
}

impl Topic {
    /// Makes the topic, with the options of the scenario's topic.
    pub(super) fn create(&self, cluster: &Cluster) -> Result<()> {
        let replication = TopicReplication::Fixed(cluster.replication_factor as i32);
        let options = [
            ("min.insync.replicas", cluster.topic.min_insync_replicas.to_string()),
            ("flush.messages", cluster.topic.flush_messages.to_string()),
            ("unclean.leader.election.enable", cluster.topic.unclean_leader_election.to_string()),
        ];
        let mut topic = NewTopic::new(&self.name, cluster.partitions as i32, replication);
        for (name, value) in &options {
            topic = topic.set(name, value);
        }
        let fail = |error: String| {
            Failure::new(format!("{}: can't create topic {}: {error}", self.bootstrap, self.name))
        };
        let (admin, options) = self.admin().map_err(|error| fail(error.to_string()))?;
        let made = block_on(admin.create_topics(&[topic], &options))?;
        match made.map_err(|error| fail(error.to_string()))?.pop() {
            Some(Err((_, code))) => Err(fail(code.to_string())),
            _ => Ok(()),
        }
    }

    fn admin(
        &self,
    ) -> std::result::Result<(AdminClient<DefaultClientContext>, AdminOptions), KafkaError> {
        let config = client(&self.bootstrap);
        let admin = AdminClient::from_config_and_context(&config, DefaultClientContext)?;
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN)).operation_timeout(Some(ADMIN));
        Ok((admin, options))
    }
}

impl Storage for Topic {
    fn leader(&self) -> Option<String> {
        let (admin, _) = self.admin().ok()?;
        let metadata = admin.inner().fetch_metadata(Some(&self.name), ANSWER).ok()?;
        let leader = metadata.topics().first()?.partitions().first()?.leader();
        (leader >= 0).then(|| super::launch::broker_name(leader as usize))
    }

    fn remove(&self) -> Result<()> {
        let fail = |error: KafkaError| {
            Failure::new(format!("{}: topic {} is left behind: {error}", self.bootstrap, self.name))
        };
        let (admin, options) = self.admin().map_err(fail)?;
        block_on(admin.delete_topics(&[&self.name], &options))?.map_err(fail)?;
        Ok(())
    }
}

/// Waits for a client's future on this thread.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    Ok(runtime.block_on(future))
}
