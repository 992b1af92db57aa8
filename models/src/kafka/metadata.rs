//! Cluster metadata: the records of the KRaft log and the image that brokers build from them.
//!
//! Stands for `metadata/` of apache/kafka @ 3.9.0 (`RegisterBrokerRecord`,
//! `BrokerRegistrationChange`, `PartitionRecord`, `PartitionChangeRecord`), for one topic that is
//! there from the start. Replicas are assigned round robin from broker 0, as an unracked cluster
//! does apart from its random start. Left out: topic creation, configuration changes,
//! snapshots (runs are short). No parameters of its own.

use headwater_sim::fingerprint::mix;

use super::ids::{BrokerId, TopicPartition};

/// State of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// Its replicas in order of preference.
    pub replicas: Vec<BrokerId>,
    /// Those of them that are being added (KIP-455).
    pub adding: Vec<BrokerId>,
    /// Those of them that go once the added ones are in sync.
    pub removing: Vec<BrokerId>,
    /// Its in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// Replicas outside of the ISR that have everything committed (KIP-966); they may lead if the
    /// ISR is empty.
    pub elr: Vec<BrokerId>,
    /// Who led when the ISR became empty.
    pub last_known_leader: Option<BrokerId>,
    /// Its leader, if any.
    pub leader: Option<BrokerId>,
    /// Counts leaders.
    pub leader_epoch: u32,
    /// Counts changes.
    pub partition_epoch: u32,
}

/// An entry of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// A new controller has taken over (`LeaderChangeMessage`; also the no-op that commits).
    LeaderChange {
        /// The controller.
        leader: BrokerId,
    },
    /// A broker has registered again, with a new incarnation (`RegisterBrokerRecord`). It is
    /// fenced.
    Registered {
        /// The broker.
        broker: BrokerId,
        /// Which life.
        incarnation: u64,
    },
    /// A broker was fenced or unfenced.
    Fencing {
        /// The broker.
        broker: BrokerId,
        /// Fenced or not.
        fenced: bool,
    },
    /// A broker is about to stop: it may not lead and not join an ISR
    /// (`BrokerRegistrationChangeRecord.inControlledShutdown`).
    ControlledShutdown {
        /// The broker.
        broker: BrokerId,
    },
    /// A partition's state changed.
    Partition {
        /// The partition.
        partition: TopicPartition,
        /// Its state from now on.
        state: PartitionState,
    },
    /// Nothing (`NoOpRecord`, every `metadata.max.idle.interval.ms`).
    NoOp,
}

impl MetadataRecord {
    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        match self {
            Self::LeaderChange { leader } => mix(1, u64::from(*leader)),
            Self::Fencing { broker, fenced } => mix(2 + u64::from(*fenced), u64::from(*broker)),
            Self::Partition { partition, state } => {
                let seed = mix(u64::from(*partition) << 32 | 4, u64::from(state.leader_epoch));
                let leader = state.leader.map_or(0, |leader| u64::from(leader) + 1);
                let isr = state.isr.iter().fold(0, |hash, one| mix(hash, u64::from(*one)));
                let elr = state.elr.iter().fold(isr, |hash, one| mix(hash, u64::from(*one) << 32));
                let moves = state.adding.iter().chain(&state.removing);
                let elr = moves.fold(elr, |hash, one| mix(hash, u64::from(*one) << 48));
                mix(mix(seed, leader), elr ^ u64::from(state.partition_epoch))
            }
            Self::Registered { broker, incarnation } => {
                mix(mix(10, u64::from(*broker)), *incarnation)
            }
            Self::ControlledShutdown { broker } => mix(11, u64::from(*broker)),
            Self::NoOp => 9,
        }
    }
}

/// The state that the metadata log gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// By partition.
    pub partitions: Vec<PartitionState>,
    /// By broker.
    pub fenced: Vec<bool>,
    /// By broker: it is in controlled shutdown.
    pub stopping: Vec<bool>,
    /// The registered incarnation of each broker.
    pub incarnations: Vec<u64>,
}

impl Image {
    /// A cluster that has settled: every broker is registered and unfenced, and every partition is
    /// led by its first replica with all replicas in sync.
    pub fn new(brokers: u32, partitions: u32, replication_factor: u32) -> Self {
        let replicas = |partition: TopicPartition| -> Vec<_> {
            let first = partition.first_leader(brokers).0;
            (0..replication_factor).map(|replica| BrokerId((first + replica) % brokers)).collect()
        };
        let state = |partition| PartitionState {
            adding: Vec::new(),
            removing: Vec::new(),
            isr: replicas(partition),
            elr: Vec::new(),
            last_known_leader: None,
            leader: Some(partition.first_leader(brokers)),
            replicas: replicas(partition),
            leader_epoch: 0,
            partition_epoch: 0,
        };
        Self {
            partitions: TopicPartition::all(partitions).map(state).collect(),
            fenced: vec![false; brokers as usize],
            stopping: vec![false; brokers as usize],
            incarnations: vec![0; brokers as usize],
        }
    }

    /// A broker may lead and be in sync (`ClusterControlManager.isActive`).
    pub fn is_active(&self, broker: BrokerId) -> bool {
        !self.fenced[broker.index()] && !self.stopping[broker.index()]
    }

    /// Takes a record in.
    pub fn apply(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::Registered { broker, incarnation } => {
                self.incarnations[broker.index()] = *incarnation;
                self.fenced[broker.index()] = true;
                self.stopping[broker.index()] = false;
            }
            MetadataRecord::ControlledShutdown { broker } => self.stopping[broker.index()] = true,
            MetadataRecord::Fencing { broker, fenced } => self.fenced[broker.index()] = *fenced,
            MetadataRecord::Partition { partition, state } => {
                self.partitions[partition.index()] = state.clone();
            }
            MetadataRecord::LeaderChange { .. } | MetadataRecord::NoOp => {}
        }
    }
}
