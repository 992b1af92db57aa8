//! Consumer groups: who is in one, who reads what, and how far they have come.
//!
//! Stands for `GroupMetadataManager` and `OffsetMetadataManager` of apache/kafka @ 4.0 (1eb7644),
//! which has what `GroupCoordinator.scala` @ 3.9.0 does for the classic protocol. [`classic`] is
//! the protocol of JoinGroup and SyncGroup, in which a member assigns; [`modern`] is KIP-848's, in
//! which the coordinator does. [`state`] is what a coordinator keeps of a group and writes to
//! `__consumer_offsets`.
//!
//! A group's coordinator is the leader of that partition of `__consumer_offsets` which the hash of
//! its name picks. Here these partitions are numbered behind those of the events: they are
//! replicated, elected and recovered as those are ([`partitions`]).
//!
//! Left out: transactions, group.max.size, expiry of offsets, regular expressions,
//! share groups, `group.coordinator.append.linger.ms` (10 ms).

pub mod assignor;
pub mod classic;
pub mod message;
pub mod modern;
pub mod state;

pub use self::message::{GroupId, InstanceId, MemberId};
use super::config::Cluster;
use super::ids::TopicPartition;
use super::metadata::Image;

/// The name of a group: `group.id`, with a number where there are several.
pub fn name(config: &Cluster, group: GroupId) -> String {
    match config.groups {
        0 | 1 => config.consumer.group_id.clone(),
        _ => format!("{}-{}", config.consumer.group_id, group.0 + 1),
    }
}

/// `GroupCoordinator.partitionFor`: `Utils.abs(groupId.hashCode) % offsets.topic.num.partitions`.
fn offsets_partition(config: &Cluster, group: GroupId) -> u32 {
    let hash = name(config, group)
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let hash = if hash == i32::MIN { 0 } else { hash.unsigned_abs() };
    hash % config.broker.offsets_topic_num_partitions.max(1)
}

/// Those partitions of `__consumer_offsets` that a group of the cluster is kept in, ascending.
fn used(config: &Cluster) -> Vec<u32> {
    if !config.has_groups() {
        return Vec::new();
    }
    let mut used: Vec<_> =
        (0..config.groups).map(|group| offsets_partition(config, GroupId(group))).collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// The partitions of the cluster in which groups are kept, each with its number in
/// `__consumer_offsets`.
pub fn partitions(config: &Cluster) -> Vec<(TopicPartition, u32)> {
    let numbered = (config.event_partitions()..).zip(used(config));
    numbered.map(|(at, number)| (TopicPartition::of_events(at), number)).collect()
}

/// The partition whose leader coordinates a group.
pub fn partition_of(config: &Cluster, group: GroupId) -> TopicPartition {
    let number = offsets_partition(config, group);
    let at = used(config).iter().position(|one| *one == number).unwrap_or(0);
    TopicPartition::of_events(config.event_partitions() + at as u32)
}

/// The image of a cluster that has settled, with the partitions in which its groups are kept, and
/// that of the metadata of remote storage.
pub fn image(config: &Cluster) -> Image {
    let mut image =
        Image::new(config.brokers, config.event_partitions(), config.replication_factor);
    let replicas = config.broker.offsets_topic_replication_factor.min(config.brokers);
    for (_, number) in partitions(config) {
        let placed = Image::new(config.brokers, number + 1, replicas).partitions.pop();
        image.partitions.extend(placed);
    }
    if config.topic.remote_storage_enable {
        // That of `__remote_log_metadata`, which every broker reads.
        let placed = Image::new(config.brokers, 1, config.brokers).partitions.pop();
        image.partitions.extend(placed);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::config::Version;

    #[test]
    fn a_groups_partition_is_that_of_kafkas_hash() {
        let mut config = Cluster::defaults(Version::V3_9);
        config.partitions = 3;
        // "hello".hashCode() is 99162322, "my-group".hashCode() 1091136390 in Java.
        config.consumer.group_id = "hello".into();
        assert_eq!(offsets_partition(&config, GroupId(0)), 22);
        assert_eq!(partitions(&config), [(TopicPartition::of_events(3), 22)]);
        config.groups = 2;
        assert_eq!(name(&config, GroupId(1)), "hello-2");
        let numbers: Vec<_> = partitions(&config).iter().map(|(_, number)| *number).collect();
        assert!(numbers.is_sorted() && !numbers.is_empty(), "{numbers:?}");
        for group in [GroupId(0), GroupId(1)] {
            let at = partition_of(&config, group);
            let number = offsets_partition(&config, group);
            assert!(partitions(&config).contains(&(at, number)));
        }
    }
}
