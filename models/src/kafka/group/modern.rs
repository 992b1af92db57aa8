//! KIP-848's protocol: the coordinator assigns, and members come to it one step at a time.
//!
//! Stands for `ConsumerGroup`, `CurrentAssignmentBuilder` and the `consumerGroup*` methods of
//! `GroupMetadataManager` of apache/kafka @ 4.0 (1eb7644). A partition goes to its next owner once
//! the former one says that it has given it up; nobody else stands still. Parameters: [`Limits`].
//! Left out: assignors other than `uniform`.

use headwater_sim::time::Time;

use super::assignor::sticky;
use super::message::{Answer, Candidate, GroupError, MemberEpoch};
use super::state::{Effects, Happened, Limits, Waiter, Words};
use super::{InstanceId, MemberId};

/// `MemberState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Stable,
    /// It has partitions that it has to give up.
    Unrevoked,
    /// Some of its partitions are still with others.
    Unreleased,
}

#[derive(Clone, Debug)]
struct Member {
    id: MemberId,
    instance: Option<InstanceId>,
    epoch: u32,
    state: State,
    assigned: Vec<u32>,
    /// What it has to give up.
    revoking: Vec<u32>,
    target: Vec<u32>,
    heard_at: Time,
    /// Since when it has had something to give up.
    revoking_since: Option<Time>,
    /// It has left and will be back (epoch -2).
    away: bool,
}

/// A group of KIP-848.
#[derive(Clone, Debug, Default)]
pub struct ModernGroup {
    /// Of the group and, as the target is made at once, of the target assignment.
    epoch: u32,
    partitions: u32,
    members: Vec<Member>,
}

/// A ConsumerGroupHeartbeat.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Who.
    pub member: MemberId,
    /// Its instance.
    pub instance: Option<InstanceId>,
    /// Its epoch.
    pub epoch: MemberEpoch,
    /// What it has, if it says so.
    pub owned: Option<Vec<u32>>,
    /// It may not know what it is to have (`isFullRequest`).
    pub full: bool,
}

impl ModernGroup {
    /// A group without members that reads so many partitions.
    pub fn new(partitions: u32) -> Self {
        Self { partitions, ..Self::default() }
    }

    /// How many members it has.
    pub const fn member_count(&self) -> usize {
        self.members.len()
    }

    fn at(&self, member: MemberId) -> Option<usize> {
        self.members.iter().position(|of| of.id == member)
    }

    /// Whether this is a member in this epoch, as a commit needs.
    pub fn is_member(&self, (member, epoch): (MemberId, u32)) -> Result<(), GroupError> {
        let at = self.at(member).ok_or(GroupError::UnknownMemberId)?;
        let same = self.members[at].epoch == epoch;
        if same { Ok(()) } else { Err(GroupError::FencedMemberEpoch) }
    }

    /// ConsumerGroupHeartbeat.
    pub fn heartbeat(&mut self, now: Time, beat: &Beat, waiter: Waiter, effects: &mut Effects) {
        let at = match beat.epoch {
            MemberEpoch::Join => self.joined(now, beat, effects),
            MemberEpoch::Member(epoch) => match self.at(beat.member) {
                Some(at) if self.members[at].epoch == epoch => Ok(at),
                Some(_) => Err(GroupError::FencedMemberEpoch),
                None => Err(GroupError::UnknownMemberId),
            },
            MemberEpoch::Leave | MemberEpoch::LeaveForNow => {
                return self.left(now, beat, waiter, effects);
            }
        };
        let at = match at {
            Ok(at) => at,
            Err(error) => return effects.answer(waiter, Answer::Error(error)),
        };
        let before = self.members[at].clone();
        self.reconcile(now, at, beat.owned.as_deref());
        let member = &mut self.members[at];
        member.heard_at = now;
        let changed = member.assigned != before.assigned;
        // An answer that could not be written, or got lost, has told it nothing.
        let tells = changed || beat.full;
        let assignment = tells.then(|| member.assigned.clone());
        let answer = Answer::ConsumerHeartbeat { epoch: member.epoch, assignment };
        let moved = changed || member.epoch != before.epoch || member.state != before.state;
        if moved {
            effects.store(self.record_bytes());
            let settled = |of: &Member| of.state == State::Stable && of.epoch == self.epoch;
            if self.members.iter().all(settled) {
                effects.happened.push(Happened::Stable(self.epoch));
            }
        }
        match effects.stores() {
            true => effects.written(waiter, answer),
            false => effects.answer(waiter, answer),
        }
    }

    /// Its place, if it may join.
    fn joined(
        &mut self,
        now: Time,
        beat: &Beat,
        effects: &mut Effects,
    ) -> Result<usize, GroupError> {
        if let Some(at) = self.at(beat.member) {
            return Ok(at);
        }
        let same = |of: &Member| beat.instance.is_some() && of.instance == beat.instance;
        if let Some(at) = self.members.iter().position(same) {
            let member = &mut self.members[at];
            if !member.away {
                return Err(GroupError::UnreleasedInstanceId);
            }
            (member.id, member.away, member.heard_at) = (beat.member, false, now);
            effects.happened.push(Happened::Returned);
            effects.store(self.record_bytes());
            return Ok(at);
        }
        self.members.push(Member {
            id: beat.member,
            instance: beat.instance,
            epoch: 0,
            state: State::Stable,
            assigned: Vec::new(),
            revoking: Vec::new(),
            target: Vec::new(),
            heard_at: now,
            revoking_since: None,
            away: false,
        });
        self.retarget(effects);
        Ok(self.members.len() - 1)
    }

    fn left(&mut self, now: Time, beat: &Beat, waiter: Waiter, effects: &mut Effects) {
        let Some(at) = self.at(beat.member) else {
            return effects.answer(waiter, Answer::Error(GroupError::UnknownMemberId));
        };
        if beat.epoch == MemberEpoch::LeaveForNow {
            (self.members[at].away, self.members[at].heard_at) = (true, now);
            effects.store(self.record_bytes());
        } else {
            self.members.remove(at);
            effects.happened.push(Happened::Left);
            self.retarget(effects);
        }
        effects.written(waiter, Answer::Done);
    }

    /// The members have changed: another epoch and another target assignment.
    fn retarget(&mut self, effects: &mut Effects) {
        self.epoch += 1;
        let candidate = |of: &Member| Candidate {
            member: of.id,
            instance: of.instance,
            owned: of.target.clone(),
        };
        let candidates: Vec<_> = self.members.iter().map(candidate).collect();
        let target = sticky(&candidates, self.partitions);
        for member in &mut self.members {
            let of = target.iter().find(|(of, _)| *of == member.id);
            member.target = of.map(|(_, of)| of.clone()).unwrap_or_default();
        }
        effects.store(self.record_bytes());
    }

    /// `CurrentAssignmentBuilder.build`.
    fn reconcile(&mut self, now: Time, at: usize, owned: Option<&[u32]>) {
        let member = &self.members[at];
        let has = |of: &[u32]| owned.is_none_or(|owned| of.iter().any(|one| owned.contains(one)));
        let epoch = match member.state {
            State::Stable if member.epoch == self.epoch => return,
            State::Unrevoked if has(&member.revoking) => return,
            State::Unrevoked => member.epoch + 1,
            State::Stable | State::Unreleased => member.epoch,
        };
        let with_others = |of: u32| {
            let others = (0..).zip(&self.members).filter(|(other, _)| *other != at);
            let mut all =
                others.flat_map(|(_, other)| other.assigned.iter().chain(&other.revoking));
            all.any(|one| *one == of)
        };
        let kept = member.assigned.iter().copied().filter(|one| member.target.contains(one));
        let mut assigned: Vec<_> = kept.collect();
        let goes = |one: &u32| !assigned.contains(one);
        let revoking: Vec<_> = member.assigned.iter().copied().filter(goes).collect();
        if !revoking.is_empty() && has(&revoking) {
            let member = &mut self.members[at];
            (member.state, member.epoch) = (State::Unrevoked, epoch);
            (member.assigned, member.revoking) = (assigned, revoking);
            member.revoking_since = Some(now);
            return;
        }
        let wanted: Vec<_> = member.target.iter().copied().filter(goes).collect();
        let (unreleased, free): (Vec<u32>, Vec<u32>) =
            wanted.into_iter().partition(|one| with_others(*one));
        assigned.extend(free);
        assigned.sort_unstable();
        let member = &mut self.members[at];
        member.state = if unreleased.is_empty() { State::Stable } else { State::Unreleased };
        (member.epoch, member.assigned) = (self.epoch, assigned);
        (member.revoking, member.revoking_since) = (Vec::new(), None);
    }

    fn until(member: &Member, limits: &Limits) -> Time {
        let session = member.heard_at + limits.session_timeout;
        let revoked = member.revoking_since.map(|since| since + limits.rebalance_timeout);
        revoked.map_or(session, |revoked| session.min(revoked))
    }

    /// When something is to be looked at next.
    pub fn deadline(&self, limits: &Limits) -> Option<Time> {
        self.members.iter().map(|of| Self::until(of, limits)).min()
    }

    /// Time has passed: members whose session is over are out.
    pub fn on_time(&mut self, now: Time, limits: &Limits, effects: &mut Effects) {
        let before = self.members.len();
        self.members.retain(|of| Self::until(of, limits) > now);
        let gone = before - self.members.len();
        if gone > 0 {
            effects.happened.extend((0..gone).map(|_| Happened::Expired));
            self.retarget(effects);
        }
    }

    /// Bytes of the records of one member and of the group, rounded.
    fn record_bytes(&self) -> u64 {
        200 + 4 * u64::from(self.partitions)
    }

    /// Puts down what its records hold.
    pub fn save(&self, to: &mut Vec<u64>) {
        to.extend([self.epoch.into(), self.partitions.into(), self.members.len() as u64]);
        for member in &self.members {
            to.extend([member.id.0, member.instance.map_or(0, |of| u64::from(of.0) + 1)]);
            to.extend([member.epoch.into(), member.state as u64, u64::from(member.away)]);
            for list in [&member.assigned, &member.revoking, &member.target] {
                Words::put_list(to, list);
            }
        }
    }

    /// A group as its records have it: its members' sessions begin now.
    pub fn load(words: &mut Words<'_>, now: Time) -> Self {
        let (epoch, partitions) = (words.number() as u32, words.number() as u32);
        let member = |words: &mut Words<'_>| {
            let id = MemberId(words.number());
            let instance = words.number().checked_sub(1).map(|of| InstanceId(of as u32));
            let epoch = words.number() as u32;
            let state = match words.number() {
                1 => State::Unrevoked,
                2 => State::Unreleased,
                _ => State::Stable,
            };
            let away = words.number() != 0;
            let (assigned, revoking, target) = (words.list(), words.list(), words.list());
            let revoking_since = (state == State::Unrevoked).then_some(now);
            Member {
                id,
                instance,
                epoch,
                state,
                assigned,
                revoking,
                target,
                heard_at: now,
                revoking_since,
                away,
            }
        };
        let count = words.number();
        Self { epoch, partitions, members: (0..count).map(|_| member(words)).collect() }
    }
}
