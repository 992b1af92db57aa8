//! One replica of a partition: follower, or leader with its view of the followers.
//!
//! Stands for `Partition` and `Replica` of apache/kafka @ 3.9.0. Parameters: those that callers
//! pass, `min.insync.replicas` and `replica.lag.time.max.ms`. Left out: log start offsets (nothing
//! is ever deleted), fetching from followers (KIP-392, off by default).

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

/// A request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// The client's node.
    pub from: NodeId,
    /// The request's number on the connection with it.
    pub serial: u64,
}

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
    /// When it last had everything that the leader had.
    pub caught_up_at: Time,
    last_fetch_at: Time,
    leader_end_at_last_fetch: u64,
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
            failed: false,
        }
    }

    /// Becomes the leader of its epoch.
    pub fn lead(&mut self, me: BrokerId, now: Time) {
        self.log.start_epoch(self.state.leader_epoch);
        self.epoch_start = self.log.end_offset();
        self.proposed_isr = None;
        let others = self.state.replicas.iter().filter(|replica| **replica != me);
        let fresh = Follower { caught_up_at: now, last_fetch_at: now, ..Follower::default() };
        self.followers = others.map(|replica| (*replica, fresh)).collect();
    }

    /// A follower has fetched from `offset`.
    pub fn fetched(&mut self, follower: BrokerId, offset: u64, now: Time) {
        let end = self.log.end_offset();
        let Some(of) = self.followers.get_mut(&follower) else { return };
        if offset >= end {
            of.caught_up_at = now;
        } else if offset >= of.leader_end_at_last_fetch {
            of.caught_up_at = of.caught_up_at.max(of.last_fetch_at);
        }
        of.end_offset = offset;
        of.last_fetch_at = now;
        of.leader_end_at_last_fetch = end;
    }

    /// Advances the leader's high watermark: the least end offset in the ISR (and in the one asked
    /// for), unless the ISR is below `min_isr`. True if it moved.
    pub fn advance(&mut self, me: BrokerId, min_isr: u32) -> bool {
        if (self.state.isr.len() as u32) < min_isr.min(self.state.replicas.len() as u32) {
            return false;
        }
        let proposed = self.proposed_isr.iter().flatten().map(|one| &one.broker);
        let others = self.state.isr.iter().chain(proposed).filter(|replica| **replica != me);
        let end = |replica| self.followers.get(replica).map_or(0, |known| known.end_offset);
        let ends = others.map(end);
        let least = ends.min().unwrap_or(u64::MAX).min(self.log.end_offset());
        let moved = least > self.high_watermark;
        self.high_watermark = self.high_watermark.max(least);
        moved
    }

    /// The ISR without followers that have not caught up for `lag_max`; nothing if it stays.
    pub fn shrunk(&self, me: BrokerId, now: Time, lag_max: Duration) -> Option<Vec<BrokerId>> {
        let in_sync = |replica: &BrokerId| {
            let follower = self.followers.get(replica);
            *replica == me
                || follower.is_some_and(|known| {
                    known.end_offset == self.log.end_offset()
                        || now.since(known.caught_up_at) <= lag_max
                })
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
