//! Kafka as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use headwater_sim::time::Duration;
use serde::Deserialize;

use super::config::{ClientLibrary, Cluster, Producer, Version};
use super::ids::BrokerId;
use super::producer::partitioner;
use super::record::META_PROPERTIES_FILE;
use super::sizing::KafkaSizing;
use super::{deploy, properties, signals, unmodelled, waits};
use crate::batch::Lane;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::role::{self, Capability, Role};
use crate::signal::{Office, Roles, Signals};
use crate::sizing::Sizing;
use crate::system::{
    AckedBy, Claims, Configured, Input, Once, ReaderGroups, Schema, System, SystemKind, schema_for,
};
use crate::tier;
use crate::wait::{Timer, Wait, Without};

/// A broker (combined mode: also a KRaft controller).
pub const BROKER: &Role = &Role {
    name: "broker",
    group: "brokers",
    who: "every Kafka broker",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: Some(META_PROPERTIES_FILE),
};

/// After an unclean end a broker is neither in sync nor eligible (KIP-966) until it has registered
/// again, which its former session keeps it from (9 s), and has caught up; that much again for a
/// controller that has to be elected first.
const COUNTED_OUT: Duration = Duration::from_secs(20);

/// The option by which a producer is idempotent.
const IDEMPOTENCE: &str = "producer.enable.idempotence";

/// Apache Kafka.
#[derive(Debug)]
pub struct Kafka;

/// The options that determine the defaults of the others.
#[derive(Deserialize)]
struct Deciding {
    #[serde(default = "newest_with_zookeeper")]
    version: Version,
    #[serde(default = "java")]
    client: ClientLibrary,
}

const fn newest_with_zookeeper() -> Version {
    Version::V3_9
}

const fn java() -> ClientLibrary {
    ClientLibrary::Java
}

impl SystemKind for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn sizing(&self) -> Option<&'static dyn Sizing> {
        Some(&KafkaSizing)
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![BROKER, tier::TIER, role::PRODUCER, role::CONSUMER]
    }

    fn offices(&self) -> Vec<&'static Office> {
        vec![&signals::LEADER, &signals::CONTROLLER]
    }

    fn signals(&self) -> Signals {
        signals::all()
    }

    fn properties(&self) -> Vec<&'static Property> {
        properties::ALL.to_vec()
    }

    fn deciding(&self) -> &'static [&'static str] {
        &["version", "client"]
    }

    fn unmodelled(&self) -> &'static [&'static str] {
        unmodelled::OPTIONS
    }

    fn schema(&self) -> Schema {
        schema_for!(Cluster)
    }

    fn defaults(&self, deciding: Input, keyed: bool) -> Configured {
        let Deciding { version, client } = Deciding::deserialize(deciding)?;
        Ok(Arc::new(Cluster { keyed, ..Cluster::defaults(version).with_client(client) }))
    }

    fn configured(&self, options: Input) -> Configured {
        Ok(Arc::new(Cluster::deserialize(options)?))
    }

    /// The Java producer is idempotent by default, but not where `acks` is not all: only where both
    /// are asked for that is an error (`ProducerConfig.postProcessAndValidateIdempotenceConfigs` @
    /// 3.9.0).
    fn settled(&self, system: Arc<dyn System>, is_set: &dyn Fn(&str) -> bool) -> Arc<dyn System> {
        match system.downcast_ref::<Cluster>() {
            Some(cluster) if cluster.producer.acks != -1 && !is_set(IDEMPOTENCE) => {
                let producer = Producer { enable_idempotence: false, ..cluster.producer.clone() };
                Arc::new(Cluster { producer, ..cluster.clone() })
            }
            _ => system,
        }
    }
}

impl System for Cluster {
    fn kind(&self) -> &'static dyn SystemKind {
        &Kafka
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    fn version(&self) -> String {
        match self.version {
            Version::V3_9 => "3.9".into(),
            Version::V4 => "4.x".into(),
        }
    }

    fn deploy(&self, to: &mut Deployment, environment: &Environment, feed: &Feed) {
        deploy::deploy(self, to, environment, feed);
    }

    fn paces(&self) -> bool {
        self.client == ClientLibrary::Librdkafka
    }

    /// A replica that is added reads all from the beginning.
    fn folds(&self) -> bool {
        !self.reassignment.is_set()
    }

    /// Partition 0 is led by the first broker, and the controller is elected at once: it, or the
    /// next.
    fn arranged(&self, roles: Roles) -> Result<Arc<dyn System>, String> {
        let first = match roles {
            Roles::Together => 0,
            Roles::Apart if self.brokers < 2 => {
                return Err("one broker is leader and controller: brokers = 2 or more".into());
            }
            Roles::Apart => 1,
        };
        Ok(Arc::new(Self { first_controller: Some(BrokerId(first)), ..self.clone() }))
    }

    /// An acknowledgement with `acks=all` is from `min.insync.replicas` at the least; with fewer it
    /// promises nothing when a server is lost. With eligible leader replicas (KIP-966) all but one
    /// of those may go for good; without, the one that goes may be the only one in sync.
    fn claims(&self) -> Claims {
        let least = self.topic.min_insync_replicas.min(self.replication_factor);
        let acked_by = if self.producer.acks == -1 { least } else { 0 };
        let majority = self.brokers / 2 + 1;
        let eligible = self.quorum.eligible_leader_replicas > 0;
        let spare = if eligible { least.saturating_sub(1) } else { 0 };
        Claims {
            losses: acked_by.saturating_sub(1),
            power_is_loss: self.topic.flush_messages > 1,
            returns: true,
            absent: (self.brokers - majority)
                .min(self.replication_factor.saturating_sub(least))
                .min(spare),
            counted_out: COUNTED_OUT,
        }
    }

    fn disks(&self) -> u8 {
        self.broker.log_dirs.iter().max().map_or(1, |last| last + 1)
    }

    fn copies(&self) -> u32 {
        self.replication_factor
    }

    fn reader_groups(&self) -> Option<ReaderGroups> {
        (self.groups > 1).then_some(ReaderGroups { count: self.groups, members: self.consumers })
    }

    fn auditor(&self) -> Option<u32> {
        Some(self.consumers * self.groups)
    }

    /// With `acks=all` the leader answers once `min.insync.replicas` have it, which append and
    /// flush alike (`ReplicaManager.appendRecords`, `Partition.checkEnoughReplicasReachOffset` @
    /// 3.9.0).
    fn acked_by(&self) -> Option<AckedBy> {
        let least = self.topic.min_insync_replicas.min(self.replication_factor);
        let copies = match self.producer.acks {
            0 => return None,
            -1 => least,
            _ => 1,
        };
        Some(AckedBy { copies, durable: self.topic.flush_messages == 1 })
    }

    fn may_have(&self, lane: Lane, key: u64, index: u64) -> bool {
        partitioner::may_have(self, lane, key, index)
    }

    fn once(&self) -> Once {
        if self.producer.enable_idempotence { Once::Stored } else { Once::Any }
    }

    fn waits(&self, role: &Role, timer: Timer) -> Wait {
        waits::of(self, role, timer.tag)
    }

    fn without(&self) -> Vec<Without> {
        waits::without(self)
    }
}
