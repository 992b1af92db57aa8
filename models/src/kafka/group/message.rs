//! What consumers ask besides records, and what they are told.
//!
//! Stands for FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup, ConsumerGroupHeartbeat,
//! OffsetCommit, OffsetFetch and ListOffsets (`clients/src/main/resources/common/message` @ 4.0).
//! Sizes are those of their fields with names of some ten bytes, rounded. No parameters.

use headwater_sim::fingerprint::mix;

use crate::kafka::ids::BrokerId;

/// A group, by its number from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// A member in one of its lives: the `Uuid` that a consumer draws when it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// `group.instance.id` of a static member, by its number from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceId(pub u32);

/// A member as an assignor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The member.
    pub member: MemberId,
    /// Its instance, if it is a static one.
    pub instance: Option<InstanceId>,
    /// What it has, ascending.
    pub owned: Vec<u32>,
}

/// Each member's partitions.
pub type Assignment = Vec<(MemberId, Vec<u32>)>;

/// Error codes (`Errors` @ 4.0) of groups, as far as they occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// The broker does not lead the group's partition, or not yet.
    NotCoordinator,
    /// Nobody leads it.
    CoordinatorNotAvailable,
    /// The group knows no such member.
    UnknownMemberId,
    /// The group is in another generation.
    IllegalGeneration,
    /// Members have to join again.
    RebalanceInProgress,
    /// The instance has a member whose session runs (KIP-848).
    UnreleasedInstanceId,
    /// The member's epoch is not the coordinator's (KIP-848).
    FencedMemberEpoch,
}

/// A request of a consumer.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The client's number for it.
    pub correlation: u64,
    /// Its group.
    pub group: GroupId,
    /// What it asks.
    pub what: Asked,
}

/// What a consumer asks.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Who coordinates the group?
    FindCoordinator,
    /// To be in the next generation.
    Join {
        /// Who; its instance and what it has.
        candidate: Candidate,
    },
    /// For its part of the generation's assignment.
    Sync {
        /// Which generation.
        generation: u32,
        /// Who.
        member: MemberId,
        /// Of the leader: everybody's.
        assignment: Assignment,
    },
    /// To stay in the group.
    Heartbeat {
        /// The generation that it knows.
        generation: u32,
        /// Who.
        member: MemberId,
    },
    /// To leave the group.
    Leave {
        /// Who.
        member: MemberId,
    },
    /// The same and more (KIP-848).
    ConsumerHeartbeat {
        /// Who.
        member: MemberId,
        /// Its instance.
        instance: Option<InstanceId>,
        /// The member's epoch, or what it wants instead.
        epoch: MemberEpoch,
        /// What it has, if that is news.
        owned: Option<Vec<u32>>,
        /// It says all that there is to say, as it has heard nothing or an error before.
        full: bool,
    },
    /// To keep how far it has come.
    Commit {
        /// Who, in which generation or epoch.
        by: (MemberId, u32),
        /// By partition: the next offset to be read.
        offsets: Vec<(u32, u64)>,
    },
    /// How far the group has come.
    FetchOffsets {
        /// In which partitions.
        partitions: Vec<u32>,
    },
    /// Where partitions begin or end, of their leader.
    ListOffsets {
        /// Which.
        partitions: Vec<u32>,
        /// Their ends.
        latest: bool,
    },
}

/// The epoch in a ConsumerGroupHeartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberEpoch {
    /// 0: it joins.
    Join,
    /// It is a member.
    Member(u32),
    /// -1: it leaves.
    Leave,
    /// -2: a static member that will be back.
    LeaveForNow,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Told {
    /// The request's.
    pub correlation: u64,
    /// What the consumer is told.
    pub what: Answer,
}

/// What a consumer is told.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing came of it.
    Error(GroupError),
    /// Who coordinates the group.
    Coordinator(BrokerId),
    /// The member is in this generation.
    Joined {
        /// Which.
        generation: u32,
        /// Of the leader: all who are in it. Nobody where the assignment stays.
        candidates: Vec<Candidate>,
    },
    /// Its part of the assignment.
    Synced(Vec<u32>),
    /// All is well.
    Done,
    /// The same (KIP-848).
    ConsumerHeartbeat {
        /// The member's epoch.
        epoch: u32,
        /// What it is to have, if that is news.
        assignment: Option<Vec<u32>>,
    },
    /// How far the group has come, by partition.
    Offsets(Vec<(u32, Option<u64>)>),
    /// Where partitions begin or end; those that the broker does not lead are not among them.
    Listed(Vec<(u32, u64)>),
}

fn candidate_bytes(candidate: &Candidate) -> u64 {
    80 + 4 * candidate.owned.len() as u64
}

impl Ask {
    /// Size without the header.
    pub fn size_bytes(&self) -> u64 {
        20 + match &self.what {
            Asked::FindCoordinator => 10,
            Asked::Join { candidate } => 40 + candidate_bytes(candidate),
            Asked::Sync { assignment, .. } => {
                let parts = assignment.iter().map(|(_, of)| 60 + 4 * of.len() as u64);
                60 + parts.sum::<u64>()
            }
            Asked::Heartbeat { .. } | Asked::Leave { .. } => 60,
            Asked::ConsumerHeartbeat { owned, .. } => {
                60 + owned.as_ref().map_or(0, |of| 40 + 4 * of.len() as u64)
            }
            Asked::Commit { offsets, .. } => 60 + 20 * offsets.len() as u64,
            Asked::FetchOffsets { partitions } => 20 + 4 * partitions.len() as u64,
            Asked::ListOffsets { partitions, .. } => 20 + 16 * partitions.len() as u64,
        }
    }

    /// A short name.
    pub const fn kind(&self) -> &'static str {
        match self.what {
            Asked::FindCoordinator => "find_coordinator",
            Asked::Join { .. } => "join_group",
            Asked::Sync { .. } => "sync_group",
            Asked::Heartbeat { .. } => "group_heartbeat",
            Asked::Leave { .. } => "leave_group",
            Asked::ConsumerHeartbeat { .. } => "consumer_group_heartbeat",
            Asked::Commit { .. } => "offset_commit",
            Asked::FetchOffsets { .. } => "offset_fetch",
            Asked::ListOffsets { .. } => "list_offsets",
        }
    }

    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        let seed = mix(40, self.correlation) ^ u64::from(self.group.0);
        match &self.what {
            Asked::FindCoordinator => mix(seed, 1),
            Asked::Join { candidate } => mix(mix(seed, 2), candidate.member.0),
            Asked::Sync { generation, member, assignment } => {
                mix(mix(mix(seed, 3), member.0), u64::from(*generation) ^ assignment.len() as u64)
            }
            Asked::Heartbeat { generation, member } => {
                mix(mix(mix(seed, 4), member.0), u64::from(*generation))
            }
            Asked::Leave { member } => mix(mix(seed, 5), member.0),
            Asked::ConsumerHeartbeat { member, epoch, owned, .. } => {
                let epoch = match epoch {
                    MemberEpoch::Member(epoch) => u64::from(*epoch),
                    MemberEpoch::Join => u64::MAX,
                    MemberEpoch::Leave => u64::MAX - 1,
                    MemberEpoch::LeaveForNow => u64::MAX - 2,
                };
                let owned = owned.iter().flatten().fold(0, |hash, at| mix(hash, u64::from(*at)));
                mix(mix(mix(seed, 6), member.0), epoch ^ owned)
            }
            Asked::Commit { by, offsets } => {
                let fold = |hash, (at, offset): &(u32, u64)| mix(mix(hash, (*at).into()), *offset);
                offsets.iter().fold(mix(mix(seed, 7), by.0.0), fold)
            }
            Asked::FetchOffsets { partitions } => {
                partitions.iter().fold(mix(seed, 8), |hash, at| mix(hash, (*at).into()))
            }
            Asked::ListOffsets { partitions, latest } => {
                let seed = mix(seed, 9 + u64::from(*latest));
                partitions.iter().fold(seed, |hash, at| mix(hash, (*at).into()))
            }
        }
    }
}

impl Told {
    /// Size without the header.
    pub fn size_bytes(&self) -> u64 {
        10 + match &self.what {
            Answer::Error(_) | Answer::Done => 2,
            Answer::Coordinator(_) => 40,
            Answer::Joined { candidates, .. } => {
                80 + candidates.iter().map(candidate_bytes).sum::<u64>()
            }
            Answer::Synced(assignment) => 40 + 4 * assignment.len() as u64,
            Answer::ConsumerHeartbeat { assignment, .. } => {
                60 + assignment.as_ref().map_or(0, |of| 20 + 4 * of.len() as u64)
            }
            Answer::Offsets(offsets) => 20 + 20 * offsets.len() as u64,
            Answer::Listed(offsets) => 20 + 24 * offsets.len() as u64,
        }
    }

    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        let seed = mix(41, self.correlation);
        let assigned = |seed, of: &[u32]| of.iter().fold(seed, |hash, at| mix(hash, (*at).into()));
        match &self.what {
            Answer::Error(error) => mix(seed, *error as u64),
            Answer::Done => mix(seed, 20),
            Answer::Coordinator(broker) => mix(mix(seed, 21), (*broker).into()),
            Answer::Joined { generation, candidates } => {
                let fold = |hash, of: &Candidate| mix(hash, of.member.0);
                candidates.iter().fold(mix(mix(seed, 22), (*generation).into()), fold)
            }
            Answer::Synced(assignment) => assigned(mix(seed, 23), assignment),
            Answer::ConsumerHeartbeat { epoch, assignment } => {
                let seed = mix(mix(seed, 24), (*epoch).into());
                assignment.as_ref().map_or(seed, |of| assigned(seed, of))
            }
            Answer::Offsets(offsets) => offsets.iter().fold(mix(seed, 25), |hash, (at, offset)| {
                mix(mix(hash, (*at).into()), offset.map_or(u64::MAX, |offset| offset))
            }),
            Answer::Listed(offsets) => offsets
                .iter()
                .fold(mix(seed, 26), |hash, (at, offset)| mix(mix(hash, (*at).into()), *offset)),
        }
    }
}
