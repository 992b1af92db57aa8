//! What a coordinator keeps of a group, and what becomes of a request.
//!
//! Stands for the records of `__consumer_offsets` (`GroupCoordinatorRecordHelpers`,
//! `OffsetMetadataManager` of apache/kafka @ 4.0). That topic is compacted, and a coordinator that
//! takes over has of each key the last value. Here each batch holds all of a group's last values,
//! as words, and counts as large as the records that Kafka would write; who takes over reads the
//! last batch of each group. No parameters of its own.

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::classic::ClassicGroup;
use super::message::{Answer, Asked, GroupError};
use super::modern::{Beat, ModernGroup};
use super::{GroupId, MemberId};
use crate::collections::SortedVecMap;
use crate::kafka::config::{Cluster, GroupProtocol};

/// What a group's members are given.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `session.timeout.ms`, `group.consumer.session.timeout.ms`.
    pub session_timeout: Duration,
    /// `max.poll.interval.ms`, which members give as their rebalance timeout.
    pub rebalance_timeout: Duration,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_delay: Duration,
}

impl Limits {
    /// Of a cluster's groups.
    pub const fn of(config: &Cluster) -> Self {
        let (consumer, broker) = (&config.consumer, &config.broker);
        let session = match consumer.group_protocol {
            GroupProtocol::Classic => consumer.session_timeout_ms,
            GroupProtocol::Consumer => broker.group_consumer_session_timeout_ms,
        };
        Self {
            session_timeout: Duration::from_millis(session),
            rebalance_timeout: Duration::from_millis(consumer.max_poll_interval_ms),
            initial_delay: Duration::from_millis(broker.group_initial_rebalance_delay_ms),
        }
    }
}

/// A request that an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The connection that it came on, and its number there.
    pub connection: NodeId,
    /// That number.
    pub serial: u64,
    /// The client's number for it.
    pub correlation: u64,
}

/// Something that a reader of the timeline wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// All members have what they are to have in this generation or epoch.
    Stable(u32),
    /// A member's session is over.
    Expired,
    /// A member has left.
    Left,
    /// A static member is back, and has what it had.
    Returned,
    /// A commit came from nobody who is in it.
    CommitRefused,
}

/// What comes of a request.
#[derive(Debug, Default)]
pub struct Effects {
    /// Answers for now.
    pub answers: Vec<(Waiter, Answer)>,
    /// Answers for when the group is written.
    pub after: Vec<(Waiter, Answer)>,
    /// The group is to be written, in records of so many bytes.
    pub store: Option<u64>,
    /// What there is to see.
    pub happened: Vec<Happened>,
}

impl Effects {
    /// An answer for now.
    pub fn answer(&mut self, to: Waiter, answer: Answer) {
        self.answers.push((to, answer));
    }

    /// An answer for when the group is written.
    pub fn written(&mut self, to: Waiter, answer: Answer) {
        self.after.push((to, answer));
    }

    /// The group is to be written.
    pub fn store(&mut self, bytes: u64) {
        *self.store.get_or_insert(0) += bytes;
    }

    /// It is to be.
    pub const fn stores(&self) -> bool {
        self.store.is_some()
    }
}

/// Words of a record, from first to last.
#[derive(Debug)]
pub struct Words<'a>(std::slice::Iter<'a, u64>);

impl Words<'_> {
    /// The next; zero behind the end.
    pub fn number(&mut self) -> u64 {
        self.0.next().copied().unwrap_or(0)
    }

    /// The next list.
    pub fn list(&mut self) -> Vec<u32> {
        let count = self.number();
        (0..count).map(|_| self.number() as u32).collect()
    }

    /// Puts a list down.
    pub fn put_list(to: &mut Vec<u64>, list: &[u32]) {
        to.push(list.len() as u64);
        to.extend(list.iter().map(|one| u64::from(*one)));
    }
}

#[derive(Clone, Debug)]
enum Members {
    Classic(ClassicGroup),
    Modern(ModernGroup),
}

/// Bytes of an `OffsetCommitKey` and `OffsetCommitValue`, rounded.
const COMMIT_BYTES: u64 = 70;

/// A group at its coordinator.
#[derive(Clone, Debug)]
pub struct Group {
    id: GroupId,
    members: Members,
    /// By partition: the next offset to be read.
    offsets: SortedVecMap<u32, u64>,
    /// The members as they were written last.
    record: Vec<u64>,
}

impl Group {
    /// A group that nobody has heard of.
    pub fn new(config: &Cluster, id: GroupId) -> Self {
        let members = match config.consumer.group_protocol {
            GroupProtocol::Classic => Members::Classic(ClassicGroup::default()),
            GroupProtocol::Consumer => Members::Modern(ModernGroup::new(config.event_partitions())),
        };
        let mut group = Self { id, members, offsets: SortedVecMap::default(), record: Vec::new() };
        group.put_down();
        group
    }

    /// How many members it has.
    pub const fn member_count(&self) -> usize {
        match &self.members {
            Members::Classic(group) => group.member_count(),
            Members::Modern(group) => group.member_count(),
        }
    }

    /// The group is another coordinator's: requests that nobody has answered.
    pub fn abandon(self) -> Vec<Waiter> {
        match self.members {
            Members::Classic(group) => group.abandon(),
            Members::Modern(_) => Vec::new(),
        }
    }

    fn put_down(&mut self) {
        self.record.clear();
        match &self.members {
            Members::Classic(group) => group.save(&mut self.record),
            Members::Modern(group) => group.save(&mut self.record),
        }
    }

    /// The offset that it reads a partition from next, as far as is committed.
    pub fn offset(&self, partition: u32) -> u64 {
        self.offsets.get(&partition).copied().unwrap_or(0)
    }

    /// What a batch of `__consumer_offsets` holds of it.
    pub fn words(&self) -> Vec<u64> {
        let mut words = vec![self.id.0.into(), self.offsets.len() as u64];
        for (partition, offset) in self.offsets.iter() {
            words.extend([u64::from(*partition), *offset]);
        }
        words.extend(&self.record);
        words
    }

    /// The group that such a batch is of.
    pub fn id_in(words: &[u64]) -> GroupId {
        GroupId(words.first().copied().unwrap_or(0) as u32)
    }

    /// What such a batch says. Sessions begin now.
    pub fn load(config: &Cluster, words: &[u64], now: Time) -> Self {
        let mut words = Words(words.iter());
        let id = GroupId(words.number() as u32);
        let count = words.number();
        let offsets = (0..count).map(|_| (words.number() as u32, words.number())).collect();
        let members = match config.consumer.group_protocol {
            GroupProtocol::Classic => Members::Classic(ClassicGroup::load(&mut words, now)),
            GroupProtocol::Consumer => Members::Modern(ModernGroup::load(&mut words, now)),
        };
        let mut group = Self { id, members, offsets, record: Vec::new() };
        group.put_down();
        group
    }

    /// A request of a member.
    pub fn ask(&mut self, at: (Time, &Limits), asked: Asked, waiter: Waiter) -> Effects {
        let (now, mut effects) = (at.0, Effects::default());
        match (&mut self.members, asked) {
            (_, Asked::FetchOffsets { partitions }) => {
                let of = |one| (one, self.offsets.get(&one).copied());
                let offsets = partitions.into_iter().map(of).collect();
                effects.answer(waiter, Answer::Offsets(offsets));
            }
            // The members stay as they were written last: a rebalance may be under way.
            (_, Asked::Commit { by, offsets }) => return self.commit(now, by, offsets, waiter),
            (Members::Classic(group), Asked::Join { candidate }) => {
                group.join(at, candidate, waiter, &mut effects);
            }
            (Members::Classic(group), Asked::Sync { generation, member, assignment }) => {
                group.sync(now, (member, generation), assignment, waiter, &mut effects);
            }
            (Members::Classic(group), Asked::Heartbeat { generation, member }) => {
                group.heartbeat(now, (member, generation), waiter, &mut effects);
            }
            (Members::Classic(group), Asked::Leave { member }) => {
                group.leave(at, member, waiter, &mut effects);
            }
            (
                Members::Modern(group),
                Asked::ConsumerHeartbeat { member, instance, epoch, owned, full },
            ) => {
                let beat = Beat { member, instance, epoch, owned, full };
                group.heartbeat(now, &beat, waiter, &mut effects);
            }
            _ => effects.answer(waiter, Answer::Error(GroupError::UnknownMemberId)),
        }
        self.changed(&effects);
        effects
    }

    fn commit(
        &mut self,
        now: Time,
        by: (MemberId, u32),
        offsets: Vec<(u32, u64)>,
        waiter: Waiter,
    ) -> Effects {
        let mut effects = Effects::default();
        let allowed = match &mut self.members {
            // It is a sign of life, too (`validateOffsetCommit`).
            Members::Classic(group) => group.heard(now, by),
            Members::Modern(group) => group.is_member(by),
        };
        if let Err(error) = allowed {
            effects.happened.push(Happened::CommitRefused);
            effects.answer(waiter, Answer::Error(error));
            return effects;
        }
        effects.store(COMMIT_BYTES * offsets.len() as u64);
        for (partition, offset) in offsets {
            self.offsets.insert(partition, offset);
        }
        effects.written(waiter, Answer::Done);
        effects
    }

    fn changed(&mut self, effects: &Effects) {
        if effects.stores() {
            self.put_down();
        }
    }

    /// When something is to be looked at next.
    pub fn deadline(&self, limits: &Limits) -> Option<Time> {
        match &self.members {
            Members::Classic(group) => group.deadline(limits),
            Members::Modern(group) => group.deadline(limits),
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: Time, limits: &Limits) -> Effects {
        let mut effects = Effects::default();
        match &mut self.members {
            Members::Classic(group) => group.on_time(now, limits, &mut effects),
            Members::Modern(group) => group.on_time(now, limits, &mut effects),
        }
        self.changed(&effects);
        effects
    }
}
