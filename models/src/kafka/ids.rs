//! Names of things: brokers, and the partitions of topics.
//!
//! Stands for `node.id`, `Uuid` of a topic and `TopicIdPartition` of apache/kafka @ 3.9.0. No
//! parameters. Left out: names of topics. What events are in has one number from topic to topic
//! ([`topics`](super::topics)).

use crate::batch::Lane;

/// A broker, by its number from 0; its node is `brokers[number]` of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub u32);

impl BrokerId {
    /// The brokers of a cluster of so many.
    pub fn all(brokers: u32) -> impl Iterator<Item = Self> {
        (0..brokers).map(Self)
    }

    /// Its place in lists by broker.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<BrokerId> for u64 {
    fn from(broker: BrokerId) -> Self {
        broker.0.into()
    }
}

/// A topic, by its number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u32);

impl TopicId {
    /// The topic of the events.
    pub const EVENTS: Self = Self(0);
}

/// A partition within its topic, by its number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u32);

/// A partition of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// Which of its partitions.
    pub partition: PartitionId,
}

impl TopicPartition {
    /// A partition of the topics of events, which are numbered as if they were one.
    pub const fn of_events(partition: u32) -> Self {
        Self { topic: TopicId::EVENTS, partition: PartitionId(partition) }
    }

    /// The first `partitions` of the topics of events.
    pub fn all(partitions: u32) -> impl Iterator<Item = Self> + Clone {
        (0..partitions).map(Self::of_events)
    }

    /// The broker that its first replica is on (`StripedReplicaPlacer` @ 3.9.0 without racks, apart
    /// from its random start).
    pub const fn first_leader(self, brokers: u32) -> BrokerId {
        BrokerId(self.partition.0 % brokers)
    }

    /// Its place in lists by partition of its topic.
    pub const fn index(self) -> usize {
        self.partition.0 as usize
    }
}

impl From<Lane> for TopicPartition {
    /// Events of a lane are in the partition of its number.
    fn from(lane: Lane) -> Self {
        Self::of_events(lane.0)
    }
}

impl From<TopicPartition> for Lane {
    fn from(partition: TopicPartition) -> Self {
        Self(partition.partition.0)
    }
}

impl From<TopicPartition> for u64 {
    fn from(partition: TopicPartition) -> Self {
        Self::from(partition.topic.0) << 32 | Self::from(partition.partition.0)
    }
}
