//! A reassignment of partitions that happens in a run.
//!
//! Stands for what `kafka-reassign-partitions.sh --execute` of apache/kafka @ 3.9.0 is given, with
//! its `--throttle`, and for a `--verify` as soon as it is done, which takes the throttle off.
//! Left out: cancelling, other orders of replicas, a throttle between log directories.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::Cluster;
use super::ids::{BrokerId, TopicPartition};
use super::metadata::Image;

/// Replicas that go from one broker to another, as when that replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "kafka-reassign-partitions.sh @ apache/kafka 3.9.0; KIP-73, KIP-455"
))]
pub struct Reassignment {
    /// How many partitions: the first ones of those that have a replica on the one broker and none
    /// on the other. 0 for no reassignment.
    pub partitions: u32,
    /// When it is asked for, in milliseconds from the beginning of the run.
    pub after_ms: u64,
    /// The broker that its replicas go from, as its node is numbered (`broker-1`).
    pub from: u32,
    /// The broker that they go to.
    pub to: u32,
    /// `--throttle`: bytes in a second that each leader may send to followers of these partitions,
    /// and that each new replica's broker may fetch. 0 for no limit.
    pub throttle: u64,
}

impl Default for Reassignment {
    fn default() -> Self {
        Self { partitions: 0, after_ms: 0, from: 1, to: 2, throttle: 0 }
    }
}

impl Reassignment {
    /// There is one.
    pub const fn is_set(&self) -> bool {
        self.partitions > 0
    }

    /// The broker that replicas go from, and the one that they go to.
    pub const fn brokers(&self) -> (BrokerId, BrokerId) {
        (BrokerId(self.from - 1), BrokerId(self.to - 1))
    }

    /// Which partitions.
    pub fn moves(&self, cluster: &Cluster) -> Vec<TopicPartition> {
        let (from, to) = self.brokers();
        let Cluster { brokers, partitions, replication_factor, .. } = *cluster;
        let image = Image::new(brokers, partitions, replication_factor);
        let all = TopicPartition::all(cluster.event_partitions()).zip(image.partitions);
        let can = all.filter(|(_, of)| of.replicas.contains(&from) && !of.replicas.contains(&to));
        can.map(|(partition, _)| partition).take(self.partitions as usize).collect()
    }

    /// What makes it impossible, if anything.
    ///
    /// # Errors
    /// The first impossible value and what would be possible.
    pub fn check(&self, cluster: &Cluster) -> Result<(), String> {
        if !self.is_set() {
            return Ok(());
        }
        for (name, broker) in [("from", self.from), ("to", self.to)] {
            if !(1..=cluster.brokers).contains(&broker) {
                return Err(format!(
                    "reassignment.{name} is {broker}, but brokers are numbered from 1 to {}",
                    cluster.brokers
                ));
            }
        }
        let moved = self.moves(cluster).len();
        if moved < self.partitions as usize {
            return Err(format!(
                "reassignment.partitions is {}, but only {moved} of {} partitions have a replica \
                 on broker {} and none on broker {}",
                self.partitions,
                cluster.event_partitions(),
                self.from,
                self.to
            ));
        }
        Ok(())
    }
}
