//! Where a consumer is in its partitions, and who leads them as far as it knows.
//!
//! Stands for `SubscriptionState` of the Java client @ 3.9.0. No parameters of its own.

use super::Consumer;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::FetchPartition;

/// How far a consumer has come in a partition.
pub(super) struct Position {
    pub offset: u64,
    pub leader: Option<BrokerId>,
    pub leader_epoch: u32,
    /// That of the last batch that has come; nothing before the first.
    pub last_fetched_epoch: Option<u32>,
    /// The application has been handed everything before.
    pub delivered: u64,
    /// What was committed last.
    pub committed: Option<u64>,
    /// Which of the consumer's assignments it is of.
    pub assignment: u64,
}

impl Position {
    pub const fn asked(&self, partition: TopicPartition) -> FetchPartition {
        let Self { offset, leader_epoch, last_fetched_epoch, .. } = *self;
        FetchPartition { partition, offset, leader_epoch, last_fetched_epoch }
    }
}

impl Consumer {
    /// A partition is led by a broker, or by none as far as is known.
    pub(super) fn led(&mut self, partition: TopicPartition, leader: Option<BrokerId>, epoch: u32) {
        let Some(position) = self.positions.get_mut(&partition) else { return };
        let before = std::mem::replace(&mut position.leader, leader);
        position.leader_epoch = epoch;
        let asked = position.asked(partition);
        if before != leader {
            if let Some(before) = before {
                self.each[before.index()].session.forget(partition);
            }
            self.leaderless += usize::from(leader.is_none());
            self.leaderless -= usize::from(before.is_none());
        }
        if let Some(leader) = leader {
            self.each[leader.index()].session.want(asked);
        }
    }

    /// The consumer reads a partition from an offset on.
    pub(super) fn assign(&mut self, partition: TopicPartition, offset: u64) {
        let (leader, leader_epoch) = self.leaders[partition.index()];
        self.assignments += 1;
        let position = Position {
            offset,
            leader,
            leader_epoch,
            last_fetched_epoch: None,
            delivered: offset,
            committed: None,
            assignment: self.assignments,
        };
        match leader {
            Some(leader) => self.each[leader.index()].session.want(position.asked(partition)),
            None => self.leaderless += 1,
        }
        self.positions.insert(partition, position);
    }

    /// The consumer reads a partition no longer. How far its application has come.
    pub(super) fn unassign(&mut self, partition: TopicPartition) -> Option<u64> {
        let position = self.positions.remove(&partition)?;
        match position.leader {
            Some(leader) => self.each[leader.index()].session.forget(partition),
            None => self.leaderless -= 1,
        }
        Some(position.delivered)
    }

    /// By partition: how far the application has come.
    pub(super) fn delivered(&self) -> Vec<(u32, u64)> {
        let of = |(of, at): (&TopicPartition, &Position)| (of.partition.0, at.delivered);
        self.positions.iter().map(of).collect()
    }
}
