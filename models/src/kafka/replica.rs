//! One replica of a partition: follower, or leader with its view of the followers.
//!
//! Stands for `Partition` and `Replica` of apache/kafka @ 3.9.0. Parameters: those that callers
//! pass, `min.insync.replicas` and `replica.lag.time.max.ms`. Left out: fetching from followers
//! (KIP-392, off by default).

use std::collections::VecDeque;

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::ids::{BrokerId, TopicPartition};
use super::message::InSync;
use super::metadata::PartitionState;
use super::partition_log::PartitionLog;
use super::record::{LogBatch, ProducerEpoch};
use crate::batch::SharedBatch;
use crate::collections::SortedVecMap;

/// Number of a produce request at its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What waits to be appended.
#[derive(Debug)]
pub enum Append {
    /// A batch of a produce request.
    Produced {
        /// The request that brought it.
        request: RequestId,
        /// The batch.
        batch: SharedBatch,
        /// Its producer's epoch, if that is idempotent.
        producer_epoch: Option<ProducerEpoch>,
        /// The request asks for all replicas.
        all: bool,
    },
    /// A batch fetched from the leader.
    Fetched {
        /// The leader.
        leader: BrokerId,
        /// The batch.
        batch: LogBatch,
    },
}

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug, Default)]
pub struct Follower {
    /// Its log end offset, as of its last fetch.
    pub end_offset: u64,
    /// When it last had everything that the leader had; never, as far as this leader knows.
    pub caught_up_at: Option<Time>,
    last_fetch_at: Option<Time>,
    leader_end_at_last_fetch: u64,
}

impl Follower {
    /// `ReplicaState.isCaughtUp`: it has everything, or had so not long ago.
    fn is_caught_up(&self, leader_end: u64, now: Time, lag_max: Duration) -> bool {
        let lately = |at: Time| now.since(at) <= lag_max;
        self.end_offset == leader_end || self.caught_up_at.is_some_and(lately)
    }
}

/// A replica on a broker.
#[derive(Debug)]
pub struct Replica {
    /// The partition.
    pub partition: TopicPartition,
    /// The partition's state as of the metadata.
    pub state: PartitionState,
    /// The log.
    pub log: PartitionLog,
    /// The high watermark.
    pub high_watermark: u64,
    /// By follower; a leader's only.
    pub followers: SortedVecMap<BrokerId, Follower>,
    /// First offset of this leader's epoch.
    pub epoch_start: u64,
    /// An ISR that the controller has been asked for.
    pub proposed_isr: Option<Vec<InSync>>,
    /// Appends in order; the first is under way if `busy`.
    pub appends: VecDeque<Append>,
    /// The log's lock is held.
    pub busy: bool,
    /// The batch that is on its way into the log's file.
    pub writing: Option<LogBatch>,
    /// Records since the last sync.
    pub unflushed: u64,
    /// The log is synced up to here, as far as is known.
    pub recovery_point: u64,
    /// Produce requests that wait for the high watermark.
    pub waiting: Vec<RequestId>,
    /// Peers in whose fetch session the partition may be.
    pub watchers: Vec<NodeId>,
    /// How many events the leader had committed that this replica had not, when it last heard of
    /// it; a follower's only.
    pub lag: Option<u64>,
    /// The leader's log does not continue this one; nothing more is fetched from it
    /// (`AbstractFetcherThread.markPartitionFailed`).
    pub failed: bool,
}

impl Replica {
    /// A replica with the log and high watermark found on disk.
    pub fn new(
        partition: TopicPartition,
        state: PartitionState,
        log: PartitionLog,
        checkpoint: u64,
    ) -> Self {
        Self {
            partition,
            state,
            high_watermark: checkpoint.min(log.end_offset()),
            log,
            followers: SortedVecMap::default(),
            epoch_start: 0,
            proposed_isr: None,
            appends: VecDeque::new(),
            busy: false,
            writing: None,
            unflushed: 0,
            recovery_point: 0,
            waiting: Vec::new(),
            watchers: Vec::new(),
            lag: None,
            failed: false,
        }
    }

    /// Becomes the leader of its epoch (`Replica.resetReplicaState`: who is in sync counts as
    /// caught up now, the others as never).
    pub fn lead(&mut self, me: BrokerId, now: Time) {
        self.log.start_epoch(self.state.leader_epoch);
        self.epoch_start = self.log.end_offset();
        self.proposed_isr = None;
        let fresh = |replica: &BrokerId| {
            let at = self.state.isr.contains(replica).then_some(now);
            Follower { caught_up_at: at, last_fetch_at: at, ..Follower::default() }
        };
        let others = self.state.replicas.iter().filter(|replica| **replica != me);
        self.followers = others.map(|replica| (*replica, fresh(replica))).collect();
    }

    /// A follower has fetched from `offset`.
    pub fn fetched(&mut self, follower: BrokerId, offset: u64, now: Time) {
        let end = self.log.end_offset();
        let Some(of) = self.followers.get_mut(&follower) else { return };
        if offset >= end {
            of.caught_up_at = Some(now);
        } else if offset >= of.leader_end_at_last_fetch {
            of.caught_up_at = of.caught_up_at.max(of.last_fetch_at);
        }
        of.end_offset = offset;
        of.last_fetch_at = Some(now);
        of.leader_end_at_last_fetch = end;
    }

    /// The log is about to grow. A follower that had everything had it still when it last fetched
    /// anything of its session: such fetches, which say nothing of this partition, are not told to
    /// it one by one.
    pub fn about_to_grow(&mut self, follower: BrokerId, fetched_at: Time) {
        let end = self.log.end_offset();
        let Some(of) = self.followers.get_mut(&follower) else { return };
        if of.end_offset >= end && of.last_fetch_at.is_some() {
            of.caught_up_at = of.caught_up_at.max(Some(fetched_at));
            of.last_fetch_at = of.last_fetch_at.max(Some(fetched_at));
            of.leader_end_at_last_fetch = end;
        }
    }

    /// Advances the leader's high watermark: the least end offset in the ISR, in the one asked for,
    /// and of followers that have caught up and are `eligible` to join, so that they can
    /// (`Partition.maybeIncrementLeaderHW`); unless the ISR is below `min_isr`. True if it moved.
    pub fn advance(
        &mut self,
        min_isr: u32,
        (now, lag_max): (Time, Duration),
        eligible: impl Fn(BrokerId) -> bool,
    ) -> bool {
        if (self.state.isr.len() as u32) < min_isr.min(self.state.replicas.len() as u32) {
            return false;
        }
        let end = self.log.end_offset();
        let mut least = end;
        for (broker, follower) in self.followers.iter() {
            let proposed = || self.proposed_isr.iter().flatten().any(|one| one.broker == *broker);
            let joins = || follower.is_caught_up(end, now, lag_max) && eligible(*broker);
            if follower.end_offset < least
                && (self.state.isr.contains(broker) || proposed() || joins())
            {
                least = follower.end_offset;
            }
        }
        let moved = least > self.high_watermark;
        self.high_watermark = self.high_watermark.max(least);
        moved
    }

    /// The ISR without followers that have not caught up for `lag_max`; nothing if it stays.
    pub fn shrunk(&self, me: BrokerId, now: Time, lag_max: Duration) -> Option<Vec<BrokerId>> {
        let end = self.log.end_offset();
        let in_sync = |replica: &BrokerId| {
            let follower = self.followers.get(replica);
            *replica == me || follower.is_some_and(|of| of.is_caught_up(end, now, lag_max))
        };
        let kept: Vec<_> = self.state.isr.iter().copied().filter(in_sync).collect();
        (kept.len() < self.state.isr.len()).then_some(kept)
    }

    /// The ISR with a follower that has caught up; nothing if it is in there or is not that far.
    pub fn expanded(&self, follower: BrokerId) -> Option<Vec<BrokerId>> {
        let end = self.followers.get(&follower)?.end_offset;
        let caught_up = end >= self.high_watermark && end >= self.epoch_start;
        if self.state.isr.contains(&follower) || !caught_up {
            return None;
        }
        let mut isr = self.state.isr.clone();
        isr.push(follower);
        Some(isr)
    }
}

/// The replicas on a broker, found by the number of their partition.
#[derive(Debug, Default)]
pub struct Replicas(Vec<Option<Box<Replica>>>);

impl Replicas {
    /// Takes a replica in.
    pub fn insert(&mut self, replica: Replica) {
        let at = replica.partition.index();
        if at >= self.0.len() {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(Box::new(replica));
    }

    /// The broker has no replica of a partition any more.
    pub fn remove(&mut self, partition: TopicPartition) {
        if let Some(place) = self.0.get_mut(partition.index()) {
            *place = None;
        }
    }

    /// The replica of a partition.
    #[inline]
    pub fn get(&self, partition: TopicPartition) -> Option<&Replica> {
        self.0.get(partition.index())?.as_deref()
    }

    /// The replica of a partition, to change.
    #[inline]
    pub fn get_mut(&mut self, partition: TopicPartition) -> Option<&mut Replica> {
        self.0.get_mut(partition.index())?.as_deref_mut()
    }

    /// All of them, by partition, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica> {
        self.0.iter_mut().flatten().map(|replica| &mut **replica)
    }

    /// All of them, by partition.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.0.iter().flatten().map(|replica| &**replica)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::batch::{Batch, Lane, StreamWriter};
    use crate::kafka::config::Topic;
    use crate::kafka::metadata::Image;
    use crate::kafka::segments::Rolling;

    const B0: BrokerId = BrokerId(0);
    const B1: BrokerId = BrokerId(1);
    const B2: BrokerId = BrokerId(2);
    const LAG_MAX: Duration = Duration::from_secs(30);

    fn second(at: u64) -> Time {
        Time(at * 1_000_000_000)
    }

    /// Broker 0 leads from second 10 on, in sync with broker 1 alone.
    fn leader() -> Replica {
        let partition = TopicPartition::of_events(0);
        let mut state = Image::new(3, 1, 3).partitions.remove(0);
        state.isr = vec![B0, B1];
        let mut replica = Replica::new(partition, state, PartitionLog::default(), 0);
        replica.lead(B0, second(10));
        replica
    }

    fn append(replica: &mut Replica, count: usize) {
        let times = vec![Time::ZERO; count];
        let (intended, started) = (times.clone(), times);
        let (first, base_offset) = (replica.log.end_offset(), replica.log.end_offset());
        let batch = Batch {
            bytes: 100,
            intended,
            started,
            ..Batch::empty(StreamWriter::default(), Lane(0), first)
        };
        let batch = Rc::new(batch);
        let batch = LogBatch { base_offset, leader_epoch: 0, producer_epoch: None, batch };
        replica.log.push(batch, Rolling::from(&Topic::default()));
    }

    fn advanced(replica: &mut Replica, now: u64, eligible: bool) -> u64 {
        replica.advance(1, (second(now), LAG_MAX), |_| eligible);
        replica.high_watermark
    }

    #[test]
    fn a_follower_that_has_caught_up_and_may_join_holds_the_high_watermark_back() {
        let mut replica = leader();
        append(&mut replica, 10);
        replica.fetched(B1, 10, second(11));
        assert_eq!(advanced(&mut replica, 11, true), 10, "broker 2 is far behind");
        replica.fetched(B2, 10, second(12));
        append(&mut replica, 5);
        replica.fetched(B1, 15, second(13));
        assert_eq!(advanced(&mut replica, 13, true), 10, "broker 2 is about to join");
        assert_eq!(replica.expanded(B2), Some(vec![B0, B1, B2]));
        assert_eq!(advanced(&mut replica, 13, false), 15, "it is fenced and may not join");
    }

    #[test]
    fn a_follower_that_falls_behind_again_is_not_waited_for() {
        let mut replica = leader();
        replica.fetched(B2, 0, second(11));
        append(&mut replica, 5);
        replica.fetched(B1, 5, second(12));
        assert_eq!(advanced(&mut replica, 12, true), 0);
        assert_eq!(advanced(&mut replica, 42, true), 5);
    }

    #[test]
    fn a_fetch_that_says_nothing_of_a_quiet_partition_counts_for_it() {
        let mut replica = leader();
        replica.fetched(B1, 0, second(11));
        // The follower goes on fetching other partitions until second 50.
        replica.about_to_grow(B1, second(50));
        append(&mut replica, 5);
        assert_eq!(replica.shrunk(B0, second(79), LAG_MAX), None);
        assert_eq!(replica.shrunk(B0, second(81), LAG_MAX), Some(vec![B0]));
    }
}
