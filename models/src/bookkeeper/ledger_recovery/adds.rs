//! The adds of a recovery, and the ensemble change that they may need: kept in memory until the
//! ledger is closed (`ReadOnlyLedgerHandle.handleBookieFailure` @ branch-4.15).
//!
//! Parameters: `addEntryTimeoutSec` of [`crate::bookkeeper::config::Client`], in s. Left out: a
//! limit on the adds under way, as there is none.

use headwater_sim::context::Context;
use headwater_sim::units::NodeId;

use crate::bookkeeper::ensemble_placement;
use crate::bookkeeper::ids::EntryId;
use crate::bookkeeper::ledger_handle::LedgerError;
use crate::bookkeeper::message::Status;
use crate::bookkeeper::metadata::message::{BOOKIES, Operation, Value};
use crate::bookkeeper::pending_adds::AddAnswer;
use crate::bookkeeper::properties;
use crate::bookkeeper::waits;
use crate::protocol::Streaming;

use super::{LedgerRecovery, Phase, RecoveryEvent, TIMER_ADDS};

impl LedgerRecovery {
    pub(super) fn on_added(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        bookie: NodeId,
        entry: EntryId,
        status: Status,
    ) -> Vec<RecoveryEvent> {
        let Some(adds) = &mut self.adds else { return Vec::new() };
        match adds.on_answer(bookie, entry, status) {
            AddAnswer::Progress => self.progress(ctx),
            AddAnswer::Fenced => self.fail(LedgerError::Fenced),
            AddAnswer::BookieFailed(bookie) => self.on_bookies_failed(ctx, vec![bookie]),
        }
    }

    fn progress(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<RecoveryEvent> {
        if self.listing {
            return Vec::new();
        }
        while let Some(added) = self.adds.as_mut().and_then(|adds| adds.take_completed()) {
            self.last = added.id;
        }
        self.close_if_done(ctx)
    }

    pub(super) fn on_bookies_failed(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        bookies: Vec<NodeId>,
    ) -> Vec<RecoveryEvent> {
        if self.phase != Phase::Reading {
            return Vec::new();
        }
        self.failed.extend(bookies);
        if !self.listing {
            self.listing = true;
            self.service.request(ctx, Operation::List { directory: BOOKIES, watch: false });
        }
        Vec::new()
    }

    /// The registered bookies are known: replaces the failed ones.
    pub(super) fn on_bookies(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        list: &[(u64, Value)],
    ) -> Vec<RecoveryEvent> {
        self.listing = false;
        let Some(adds) = &mut self.adds else { return Vec::new() };
        let failed = std::mem::take(&mut self.failed);
        let bookies = ensemble_placement::registered(list);
        let replaced =
            ensemble_placement::replace(adds.ensemble(), &failed, &bookies, ctx.random());
        let Some(ensemble) = replaced else {
            return self.fail(LedgerError::NotEnoughBookies);
        };
        properties::RECOVERY_CHANGED_ENSEMBLE.reached(ctx);
        let changed = self.changed.get_or_insert_with(|| self.metadata.clone());
        changed.change_ensemble(self.last.next(), ensemble.clone());
        if let Some(adds) = &mut self.adds {
            adds.change_ensemble(ctx, ensemble);
        }
        self.arm_add_timer(ctx);
        self.progress(ctx)
    }

    pub(super) fn arm_add_timer(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.add_timer_armed {
            return;
        }
        if let Some(deadline) = self.adds.as_ref().and_then(|adds| adds.next_deadline()) {
            self.add_timer_armed = true;
            let tag = self.timers.tag(TIMER_ADDS);
            ctx.timer_for(deadline - ctx.now(), tag, waits::RECOVERY_TIMEOUT);
        }
    }

    pub(super) fn on_add_timer(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<RecoveryEvent> {
        self.add_timer_armed = false;
        let now = ctx.now();
        let late = self.adds.as_mut().map(|adds| adds.take_timed_out(now)).unwrap_or_default();
        let events = if late.is_empty() { Vec::new() } else { self.on_bookies_failed(ctx, late) };
        self.arm_add_timer(ctx);
        events
    }
}
