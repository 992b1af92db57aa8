//! Reassigned partitions on a broker: replicas that come and go, and what they may take of the
//! network.
//!
//! Stands for `ReplicationQuotaManager`, `ReplicaManager.shouldLeaderThrottle`,
//! `ReplicaFetcherThread.shouldFollowerThrottle` and `ReplicaManager.stopReplicas` of apache/kafka
//! @ 3.9.0 (KIP-73, KIP-455). While a partition is reassigned, what its leader sends to any
//! follower counts against the leader's rate, and once that is used up a follower that is not in
//! sync gets nothing; what a new replica fetches counts against its broker's, and it asks for
//! nothing while that is used up. A follower in sync is never held back: so a throttle below the
//! rate at which events come in leaves nothing for the new replica, which never arrives. Rates are
//! over eleven windows of a second (`replication.quota.window.num`, `.size.seconds`). Parameter:
//! `reassignment.throttle`. Left out: `replica.alter.log.dirs.io.max.bytes.per.second`, the minute
//! until a log that is no longer needed is deleted, a place for it in the emptiest of several log
//! directories (it is in the first).

use headwater_sim::disk::DiskOp;
use headwater_sim::time::{Duration, Time};

use super::log_reads::Answer;
use super::{Broker, Ctx, TAGS, kind};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, InSync};
use crate::kafka::metadata::PartitionState;
use crate::kafka::partition_log::PartitionLog;
use crate::kafka::quota::{Sampled, Windows};
use crate::kafka::record::log_file;
use crate::kafka::replica::{Follower, Replica};
use crate::kafka::signals;

/// `replication.quota.window.num` and `replication.quota.window.size.seconds`.
const WINDOWS: Windows = Windows { count: 11, size: Duration::from_secs(1) };

/// What was sent and fetched of late of partitions that are reassigned.
#[derive(Debug, Default)]
pub struct Throttles {
    led: Sampled,
    followed: Sampled,
}

impl PartitionState {
    /// A replica that is being added, and is not in sync yet.
    pub(super) fn awaits(&self, broker: BrokerId) -> bool {
        self.adding.contains(&broker) && !self.isr.contains(&broker)
    }
}

impl Broker {
    /// What this broker sends of reassigned partitions is above its rate.
    pub(super) fn leader_is_throttled(&mut self, now: Time) -> bool {
        let limit = self.config.reassignment.throttle;
        limit > 0 && self.throttles.led.exceeds(WINDOWS, now, limit)
    }

    /// What this broker fetches of reassigned partitions is above its rate.
    pub(super) fn follower_is_throttled(&mut self, now: Time) -> bool {
        let limit = self.config.reassignment.throttle;
        limit > 0 && self.throttles.followed.exceeds(WINDOWS, now, limit)
    }

    /// What is sent to a follower counts, where it is of partitions that are reassigned.
    pub(super) fn count_led(&mut self, now: Time, answer: &Answer) {
        if self.config.reassignment.throttle == 0 {
            return;
        }
        let reassigned = |partition: TopicPartition| {
            self.replicas.get(partition).is_some_and(|of| !of.state.adding.is_empty())
        };
        let counted = answer.partitions.iter().filter(|fetched| reassigned(fetched.partition));
        let bytes: u64 = counted.map(|fetched| fetched.size_bytes()).sum();
        if bytes > 0 {
            self.throttles.led.record(WINDOWS, now, bytes as i64);
        }
    }

    /// What is fetched for a replica that is being added counts.
    pub(super) fn count_followed(&mut self, now: Time, partition: TopicPartition, bytes: u64) {
        let adds = |replica: &Replica| replica.state.adding.contains(&self.me);
        let counts = self.replicas.get(partition).is_some_and(adds);
        if counts && bytes > 0 && self.config.reassignment.throttle > 0 {
            self.throttles.followed.record(WINDOWS, now, bytes as i64);
        }
    }

    /// A fetch is of a follower that is being added to a partition, and not in sync.
    pub(super) fn awaited(&self, partition: TopicPartition, follower: Option<InSync>) -> bool {
        let replica = self.replicas.get(partition);
        let awaits = |follower: InSync| replica.is_some_and(|of| of.state.awaits(follower.broker));
        follower.is_some_and(awaits)
    }

    /// The broker has a replica from now on that it had not.
    pub(super) fn add_replica(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        state: &PartitionState,
    ) {
        let mut before = state.clone();
        (before.leader, before.leader_epoch) = (None, 0);
        self.replicas.insert(Replica::new(partition, before, PartitionLog::default(), 0));
        signals::REASSIGNMENT_BEGUN.note(ctx, u64::from(partition), 0);
    }

    /// A leader hears of replicas that are being added.
    pub(super) fn follow_added(replica: &mut Replica) {
        for added in &replica.state.adding {
            replica.followers.get_or_insert_with(*added, Follower::default);
        }
    }

    /// The broker has a replica no longer: its log goes. Its role has gone to others before.
    pub(super) fn drop_replica(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        while self.replicas.get(partition).is_some_and(|replica| !replica.appends.is_empty()) {
            self.finish(ctx, partition, ErrorCode::NotLeader, 0);
        }
        self.replicas.remove(partition);
        let delete = DiskOp::Delete { file: log_file(partition) };
        ctx.disk(self.dirs.of(partition), delete, TAGS.tag(kind::IGNORED, 0));
    }
}
