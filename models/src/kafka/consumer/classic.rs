//! A member of a classic group.
//!
//! Stands for `AbstractCoordinator` and `ConsumerCoordinator` of the Java client @ 3.9.0. With an
//! eager assignor a member gives everything up before it joins again; with the cooperative one only
//! what it is told to, and joins once more for that to be given to others (KIP-429).

use super::member::{About, Stage};
use super::{Consumer, Ctx};
use crate::kafka::config::Strategy;
use crate::kafka::group::assignor::assign;
use crate::kafka::group::message::{Answer, Asked, Candidate, GroupError};

impl Consumer {
    fn cooperates(&self) -> bool {
        matches!(self.config.consumer.assignment_strategy, Strategy::CooperativeSticky)
    }

    pub(super) fn join(&mut self, ctx: &mut Ctx<'_>) {
        let owned = if self.cooperates() { self.owned() } else { Vec::new() };
        let Some(member) = &mut self.member else { return };
        member.stage = Stage::Joining;
        let candidate = Candidate { member: member.id, instance: member.instance, owned };
        self.ask_coordinator(ctx, About::Join, Asked::Join { candidate });
    }

    pub(super) fn beat_classic(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &self.member else { return };
        let (generation, id) = (member.generation, member.id);
        if member.stage == Stage::Member && !member.asks(About::Heartbeat) {
            let what = Asked::Heartbeat { generation, member: id };
            self.ask_coordinator(ctx, About::Heartbeat, what);
        }
        self.beat_in(ctx, self.config.consumer.heartbeat_interval_ms);
    }

    pub(super) fn told_classic(&mut self, ctx: &mut Ctx<'_>, about: About, answer: Answer) {
        let config = self.config.clone();
        let Some(member) = &mut self.member else { return };
        match answer {
            Answer::Joined { generation, candidates } if member.stage == Stage::Joining => {
                (member.generation, member.stage) = (generation, Stage::Syncing);
                let member = member.id;
                let strategy = self.config.consumer.assignment_strategy;
                let assignment = match candidates.is_empty() {
                    true => Vec::new(),
                    false => assign(strategy, &candidates, config.topic_partitions()),
                };
                let what = Asked::Sync { generation, member, assignment };
                self.ask_coordinator(ctx, About::Sync, what);
            }
            Answer::Synced(assignment) if member.stage == Stage::Syncing => {
                member.stage = Stage::Member;
                self.assigned(ctx, &assignment);
                self.beat_in(ctx, self.config.consumer.heartbeat_interval_ms);
            }
            Answer::Error(GroupError::RebalanceInProgress) => {
                let of_now = match about {
                    About::Heartbeat => member.stage == Stage::Member,
                    _ => true,
                };
                if of_now {
                    self.rejoin(ctx);
                }
            }
            Answer::Error(error) => self.refused(error),
            _ => {}
        }
    }

    /// `onJoinPrepare`: what it reads no longer is committed, and then it joins.
    fn rejoin(&mut self, ctx: &mut Ctx<'_>) {
        let offsets = match self.cooperates() {
            true => self.delivered(),
            false => {
                let owned = self.owned();
                self.give_up(&owned)
            }
        };
        self.join_after(ctx, offsets);
    }

    /// Joins again once these offsets are committed, if there are any.
    fn join_after(&mut self, ctx: &mut Ctx<'_>, offsets: Vec<(u32, u64)>) {
        let commits = self.commit(ctx, offsets);
        let Some(member) = &mut self.member else { return };
        member.stage = if commits { Stage::Committing } else { Stage::Outside };
    }

    /// `onJoinComplete`.
    fn assigned(&mut self, ctx: &mut Ctx<'_>, assignment: &[u32]) {
        let owned = self.owned();
        let gone: Vec<_> = owned.iter().copied().filter(|of| !assignment.contains(of)).collect();
        let fresh: Vec<_> = assignment.iter().copied().filter(|of| !owned.contains(of)).collect();
        let offsets = self.give_up(&gone);
        self.take_over(&fresh);
        if !gone.is_empty() {
            self.join_after(ctx, offsets);
        }
    }
}
