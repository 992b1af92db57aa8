//! The classic protocol: members join, one of them assigns, all fetch what is theirs.
//!
//! Stands for `ClassicGroup` and the `classicGroup*` methods of `GroupMetadataManager` of
//! apache/kafka @ 4.0 (1eb7644). Parameters: [`Limits`]. Left out: that the coordinator draws the
//! ids of dynamic members (KIP-394, one more round trip), and fencing of a static member that goes
//! on beside its successor.

use headwater_sim::time::{Duration, Time};

use super::message::{Answer, Assignment, Candidate, GroupError};
use super::state::{Effects, Happened, Limits, Waiter, Words};
use super::{InstanceId, MemberId};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Empty,
    /// Members are joining until then at the latest; of a new group with what it may still be put
    /// off.
    Preparing {
        until: Time,
        initial: Option<Duration>,
    },
    /// The leader assigns.
    Completing {
        until: Time,
    },
    Stable,
}

#[derive(Clone, Debug)]
struct Member {
    candidate: Candidate,
    assignment: Vec<u32>,
    heard_at: Time,
    /// Its request to join, and for its assignment.
    joins: Option<Waiter>,
    syncs: Option<Waiter>,
}

impl Member {
    /// `ClassicGroupMember.hasSatisfiedHeartbeat`: who waits for an answer is there.
    const fn waits(&self) -> bool {
        self.joins.is_some() || self.syncs.is_some()
    }
}

/// A group of the classic protocol.
#[derive(Clone, Debug, Default)]
pub struct ClassicGroup {
    generation: u32,
    phase: Phase,
    leader: Option<MemberId>,
    /// In the order in which they joined.
    members: Vec<Member>,
    new_member: bool,
}

impl ClassicGroup {
    /// How many members it has.
    pub const fn member_count(&self) -> usize {
        self.members.len()
    }

    fn find(&mut self, member: MemberId) -> Option<&mut Member> {
        self.members.iter_mut().find(|of| of.candidate.member == member)
    }

    /// A member has been heard of in this generation.
    pub fn heard(&mut self, now: Time, by: (MemberId, u32)) -> Result<(), GroupError> {
        let generation = self.generation;
        let member = self.find(by.0).ok_or(GroupError::UnknownMemberId)?;
        if by.1 != generation {
            return Err(GroupError::IllegalGeneration);
        }
        member.heard_at = now;
        Ok(())
    }

    /// JoinGroup.
    pub fn join(
        &mut self,
        (now, limits): (Time, &Limits),
        candidate: Candidate,
        waiter: Waiter,
        effects: &mut Effects,
    ) {
        let generation = self.generation;
        let leads = self.leader == Some(candidate.member);
        let phase = self.phase;
        if let Some(member) = self.find(candidate.member) {
            let same = member.candidate == candidate;
            member.heard_at = now;
            let rejoins = match phase {
                Phase::Empty => {
                    return effects.answer(waiter, Answer::Error(GroupError::UnknownMemberId));
                }
                Phase::Preparing { .. } => false,
                Phase::Completing { .. } => !same,
                Phase::Stable => leads || !same,
            };
            if !rejoins && !matches!(phase, Phase::Preparing { .. }) {
                let candidates = if leads { self.candidates() } else { Vec::new() };
                return effects.answer(waiter, Answer::Joined { generation, candidates });
            }
            member.candidate = candidate;
            member.joins = Some(waiter);
            return match rejoins {
                true => self.prepare(now, limits, effects),
                false => self.maybe_complete(now, limits, effects),
            };
        }
        let same_instance = |of: &&mut Member| {
            candidate.instance.is_some() && of.candidate.instance == candidate.instance
        };
        if let Some(member) = self.members.iter_mut().find(same_instance) {
            let former = std::mem::replace(&mut member.candidate, candidate);
            (member.heard_at, member.syncs) = (now, None);
            let known = member.candidate.member;
            if self.leader == Some(former.member) {
                self.leader = Some(known);
            }
            return self.replaced(now, limits, (known, waiter), effects);
        }
        self.members.push(Member {
            candidate,
            assignment: Vec::new(),
            heard_at: now,
            joins: Some(waiter),
            syncs: None,
        });
        match self.phase {
            Phase::Preparing { initial: Some(_), .. } => self.new_member = true,
            Phase::Preparing { initial: None, .. } => self.maybe_complete(now, limits, effects),
            _ => self.prepare(now, limits, effects),
        }
    }

    /// A static member is back under another id (`updateStaticMemberThenRebalanceOrCompleteJoin`):
    /// in a stable group everything stays as it is.
    fn replaced(
        &mut self,
        now: Time,
        limits: &Limits,
        (member, waiter): (MemberId, Waiter),
        effects: &mut Effects,
    ) {
        let generation = self.generation;
        if self.phase == Phase::Stable {
            effects.happened.push(Happened::Returned);
            effects.written(waiter, Answer::Joined { generation, candidates: Vec::new() });
            return effects.store(self.record_bytes());
        }
        if let Some(member) = self.find(member) {
            member.joins = Some(waiter);
        }
        match self.phase {
            Phase::Completing { .. } => self.prepare(now, limits, effects),
            _ => self.maybe_complete(now, limits, effects),
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        self.members.iter().map(|of| of.candidate.clone()).collect()
    }

    /// `prepareRebalance`.
    fn prepare(&mut self, now: Time, limits: &Limits, effects: &mut Effects) {
        let initial = self.phase == Phase::Empty;
        for waiter in self.members.iter_mut().filter_map(|of| of.syncs.take()) {
            effects.answer(waiter, Answer::Error(GroupError::RebalanceInProgress));
        }
        if initial {
            let delay = limits.initial_delay;
            let rest = limits.rebalance_timeout.saturating_sub(delay);
            self.phase = Phase::Preparing { until: now + delay, initial: Some(rest) };
            return;
        }
        self.phase = Phase::Preparing { until: now + limits.rebalance_timeout, initial: None };
        self.maybe_complete(now, limits, effects);
    }

    fn maybe_complete(&mut self, now: Time, limits: &Limits, effects: &mut Effects) {
        let later = matches!(self.phase, Phase::Preparing { initial: None, .. });
        if later && self.members.iter().all(|of| of.joins.is_some()) {
            self.complete_join(now, limits, effects);
        }
    }

    /// `completeClassicGroupJoin`: who has not joined again is out, unless it is a static member.
    fn complete_join(&mut self, now: Time, limits: &Limits, effects: &mut Effects) {
        self.members.retain(|of| of.joins.is_some() || of.candidate.instance.is_some());
        let joined = |of: &&Member| of.joins.is_some();
        let leads = |of: &&Member| Some(of.candidate.member) == self.leader;
        let mut there = self.members.iter().filter(joined);
        let first = there.clone().find(leads).or_else(|| there.next());
        let Some(leader) = first.map(|of| of.candidate.member) else {
            if self.members.is_empty() {
                self.generation += 1;
                (self.phase, self.leader) = (Phase::Empty, None);
                return effects.store(self.record_bytes());
            }
            let until = now + limits.rebalance_timeout;
            self.phase = Phase::Preparing { until, initial: None };
            return;
        };
        (self.leader, self.new_member) = (Some(leader), false);
        self.generation += 1;
        self.phase = Phase::Completing { until: now + limits.rebalance_timeout };
        let (generation, all) = (self.generation, self.candidates());
        for member in &mut self.members {
            let Some(waiter) = member.joins.take() else { continue };
            member.heard_at = now;
            let candidates =
                if member.candidate.member == leader { all.clone() } else { Vec::new() };
            effects.answer(waiter, Answer::Joined { generation, candidates });
        }
    }

    /// SyncGroup.
    pub fn sync(
        &mut self,
        now: Time,
        by: (MemberId, u32),
        assignment: Assignment,
        waiter: Waiter,
        effects: &mut Effects,
    ) {
        if let Err(error) = self.heard(now, by) {
            return effects.answer(waiter, Answer::Error(error));
        }
        let (phase, leads) = (self.phase, self.leader == Some(by.0));
        let Some(member) = self.find(by.0) else { return };
        match phase {
            Phase::Empty | Phase::Preparing { .. } => {
                effects.answer(waiter, Answer::Error(GroupError::RebalanceInProgress));
            }
            Phase::Stable => effects.answer(waiter, Answer::Synced(member.assignment.clone())),
            Phase::Completing { .. } => {
                member.syncs = Some(waiter);
                if leads {
                    self.assigned(assignment, effects);
                }
            }
        }
    }

    fn assigned(&mut self, assignment: Assignment, effects: &mut Effects) {
        for member in &mut self.members {
            let of = assignment.iter().find(|(of, _)| *of == member.candidate.member);
            member.assignment = of.map(|(_, of)| of.clone()).unwrap_or_default();
            if let Some(waiter) = member.syncs.take() {
                effects.written(waiter, Answer::Synced(member.assignment.clone()));
            }
        }
        self.phase = Phase::Stable;
        effects.happened.push(Happened::Stable(self.generation));
        effects.store(self.record_bytes());
    }

    /// Heartbeat.
    pub fn heartbeat(&mut self, now: Time, by: (MemberId, u32), waiter: Waiter, to: &mut Effects) {
        let answer = match self.heard(now, by) {
            Err(error) => Answer::Error(error),
            Ok(()) if matches!(self.phase, Phase::Preparing { .. }) => {
                Answer::Error(GroupError::RebalanceInProgress)
            }
            Ok(()) => Answer::Done,
        };
        to.answer(waiter, answer);
    }

    /// LeaveGroup.
    pub fn leave(
        &mut self,
        (now, limits): (Time, &Limits),
        member: MemberId,
        waiter: Waiter,
        effects: &mut Effects,
    ) {
        if self.find(member).is_none() {
            return effects.answer(waiter, Answer::Error(GroupError::UnknownMemberId));
        }
        effects.happened.push(Happened::Left);
        effects.answer(waiter, Answer::Done);
        self.remove(now, limits, &[member], effects);
    }

    /// `removeMemberAndUpdateClassicGroup`.
    fn remove(&mut self, now: Time, limits: &Limits, gone: &[MemberId], effects: &mut Effects) {
        self.members.retain(|of| !gone.contains(&of.candidate.member));
        match self.phase {
            Phase::Stable | Phase::Completing { .. } => self.prepare(now, limits, effects),
            _ => self.maybe_complete(now, limits, effects),
        }
    }

    /// Requests that nobody has answered.
    pub fn abandon(self) -> Vec<Waiter> {
        self.members.into_iter().flat_map(|of| [of.joins, of.syncs]).flatten().collect()
    }

    /// When something is to be looked at next.
    pub fn deadline(&self, limits: &Limits) -> Option<Time> {
        let sessions = self.members.iter().filter(|of| !of.waits());
        let session = sessions.map(|of| of.heard_at + limits.session_timeout).min();
        let phase = match self.phase {
            Phase::Preparing { until, .. } | Phase::Completing { until } => Some(until),
            Phase::Empty | Phase::Stable => None,
        };
        session.into_iter().chain(phase).min()
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: Time, limits: &Limits, effects: &mut Effects) {
        match self.phase {
            Phase::Preparing { until, initial: Some(rest) } if until <= now => {
                // `tryCompleteInitialRebalanceElseSchedule`: another has come, more may.
                if std::mem::take(&mut self.new_member) && rest > Duration::ZERO {
                    let delay = limits.initial_delay.min(rest);
                    let initial = Some(rest.saturating_sub(limits.initial_delay));
                    self.phase = Phase::Preparing { until: now + delay, initial };
                } else {
                    self.complete_join(now, limits, effects);
                }
            }
            Phase::Preparing { until, initial: None } if until <= now => {
                self.complete_join(now, limits, effects);
            }
            Phase::Completing { until } if until <= now => {
                let late = self.members.iter().filter(|of| of.syncs.is_none());
                let late: Vec<_> = late.map(|of| of.candidate.member).collect();
                self.remove(now, limits, &late, effects);
            }
            _ => {}
        }
        let expired = |of: &&Member| !of.waits() && of.heard_at + limits.session_timeout <= now;
        let gone = self.members.iter().filter(expired);
        let gone: Vec<_> = gone.map(|of| of.candidate.member).collect();
        if !gone.is_empty() {
            effects.happened.extend(gone.iter().map(|_| Happened::Expired));
            self.remove(now, limits, &gone, effects);
        }
    }

    /// Bytes of a `GroupMetadataKey` and `GroupMetadataValue`, rounded.
    fn record_bytes(&self) -> u64 {
        let each = |of: &Member| 120 + 4 * of.assignment.len() as u64;
        80 + self.members.iter().map(each).sum::<u64>()
    }

    /// Puts down what its record holds.
    pub fn save(&self, to: &mut Vec<u64>) {
        to.extend([self.generation.into(), self.leader.map_or(0, |of| of.0)]);
        to.push(self.members.len() as u64);
        for member in &self.members {
            let Candidate { member: id, instance, owned } = &member.candidate;
            to.extend([id.0, instance.map_or(0, |of| u64::from(of.0) + 1)]);
            Words::put_list(to, owned);
            Words::put_list(to, &member.assignment);
        }
    }

    /// A group as its record has it: its members' sessions begin now.
    pub fn load(words: &mut Words<'_>, now: Time) -> Self {
        let generation = words.number() as u32;
        let leader = Some(MemberId(words.number()));
        let member = |words: &mut Words<'_>| Member {
            candidate: Candidate {
                member: MemberId(words.number()),
                instance: words.number().checked_sub(1).map(|of| InstanceId(of as u32)),
                owned: words.list(),
            },
            assignment: words.list(),
            heard_at: now,
            joins: None,
            syncs: None,
        };
        let count = words.number();
        let members: Vec<_> = (0..count).map(|_| member(words)).collect();
        let phase = if members.is_empty() { Phase::Empty } else { Phase::Stable };
        Self { generation, phase, leader, members, new_member: false }
    }
}
