//! A member of a group of KIP-848.
//!
//! Stands for `ConsumerHeartbeatRequestManager` and `ConsumerMembershipManager` of the Java client
//! @ 4.0 (1eb7644). The coordinator's answers say what the member is to have; it says with its next
//! heartbeat, which it sends at once, that it has it.

use super::member::{About, Stage};
use super::{Consumer, Ctx};
use crate::kafka::group::message::{Answer, Asked, MemberEpoch};

impl Consumer {
    pub(super) fn beat_modern(&mut self, ctx: &mut Ctx<'_>) {
        let owned = self.owned();
        self.beat_in(ctx, self.config.broker.group_consumer_heartbeat_interval_ms);
        let Some(member) = &mut self.member else { return };
        if member.asks(About::Heartbeat) {
            return;
        }
        let epoch = match member.stage {
            Stage::Outside => MemberEpoch::Join,
            Stage::Member | Stage::Committing => MemberEpoch::Member(member.generation),
            Stage::Joining | Stage::Syncing | Stage::Slow | Stage::Closing => return,
        };
        if epoch == MemberEpoch::Join {
            member.stage = Stage::Joining;
        }
        let full = epoch == MemberEpoch::Join || member.told.is_none();
        let news = full || member.told.as_ref() != Some(&owned);
        // What it is about to give up it still has.
        let news = news && member.stage != Stage::Committing;
        let tells = news.then(|| owned.clone());
        if news {
            member.told = Some(owned);
        }
        let (member, instance) = (member.id, member.instance);
        let what = Asked::ConsumerHeartbeat { member, instance, epoch, owned: tells, full };
        self.ask_coordinator(ctx, About::Heartbeat, what);
    }

    pub(super) fn leaving(&self) -> Asked {
        let member = self.member.as_ref();
        let (id, instance) = member.map_or_else(Default::default, |of| (of.id, of.instance));
        let for_now = instance.is_some();
        let epoch = if for_now { MemberEpoch::LeaveForNow } else { MemberEpoch::Leave };
        let (owned, full) = (None, false);
        Asked::ConsumerHeartbeat { member: id, instance, epoch, owned, full }
    }

    pub(super) fn told_modern(&mut self, ctx: &mut Ctx<'_>, about: About, answer: Answer) {
        let Some(member) = &mut self.member else { return };
        match answer {
            Answer::ConsumerHeartbeat { epoch, assignment } => {
                member.generation = epoch;
                if member.stage == Stage::Joining {
                    member.stage = Stage::Member;
                }
                if let Some(assignment) = assignment {
                    member.next = Some(assignment);
                }
                if member.stage == Stage::Member {
                    self.reconcile(ctx);
                }
            }
            Answer::Error(error) if about == About::Heartbeat => self.refused(error),
            _ => {}
        }
    }

    /// Gives up what it is not to have: that is committed first.
    fn reconcile(&mut self, ctx: &mut Ctx<'_>) {
        let Some(next) = self.member.as_ref().and_then(|member| member.next.clone()) else {
            return;
        };
        let gone: Vec<_> = self.owned().into_iter().filter(|of| !next.contains(of)).collect();
        let offsets = self.give_up(&gone);
        if self.commit(ctx, offsets) {
            if let Some(member) = &mut self.member {
                member.stage = Stage::Committing;
            }
            return;
        }
        self.reconciled(ctx);
    }

    /// Takes what it is to have, and says so.
    pub(super) fn reconciled(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &mut self.member else { return };
        member.stage = Stage::Member;
        let Some(next) = member.next.take() else { return };
        let owned = self.owned();
        let fresh: Vec<_> = next.into_iter().filter(|of| !owned.contains(of)).collect();
        self.take_over(&fresh);
        let owned = self.owned();
        let news = self.member.as_ref().is_some_and(|member| member.told.as_ref() != Some(&owned));
        if news {
            self.beat_modern(ctx);
        }
    }
}
