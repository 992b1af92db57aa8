//! Ensemble change: a failed bookie is replaced in the middle of a ledger.
//!
//! Stands for `LedgerHandle.handleBookieFailure` and `ensembleChangeLoop` of apache/bookkeeper @
//! branch-4.15.
//!
//! Parameters: `maxAllowedEnsembleChanges` and `delayEnsembleChange` of
//! [`crate::bookkeeper::config::Client`]. Left out: the notice of a watcher that a bookie has gone
//! (it fails its next add instead).

use headwater_sim::context::Context;
use headwater_sim::units::NodeId;

use crate::bookkeeper::ensemble_placement;
use crate::bookkeeper::ledger_metadata::{LedgerMetadata, LedgerState};
use crate::bookkeeper::metadata::message::{
    BOOKIES, MetadataError, MetadataResponse, Operation, Value,
};
use crate::bookkeeper::properties;
use crate::bookkeeper::signals;
use crate::bugs::Bug;
use crate::protocol::Streaming;

use super::{HandleEvent, LedgerError, LedgerHandle};

/// A change under way.
#[derive(Debug)]
pub(super) struct EnsembleChange {
    /// Being replaced.
    failed: Vec<NodeId>,
    /// Bookies that failed meanwhile, for the next round.
    delayed: Vec<NodeId>,
    /// What the metadata is being set to.
    wanted: Option<LedgerMetadata>,
}

impl LedgerHandle {
    pub(super) fn on_bookies_failed(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        bookies: Vec<NodeId>,
    ) -> Vec<HandleEvent> {
        let again = self.spec.client.bugs.has(Bug::ReplacedTwiceSticks);
        if let Some(change) = &mut self.change {
            for bookie in bookies {
                let known = change.failed.contains(&bookie) && !again;
                if !known && !change.delayed.contains(&bookie) {
                    change.delayed.push(bookie);
                }
            }
            return Vec::new();
        }
        self.begin_change(ctx, bookies)
    }

    fn begin_change(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        failed: Vec<NodeId>,
    ) -> Vec<HandleEvent> {
        self.changes += 1;
        if self.changes > self.spec.client.max_allowed_ensemble_changes {
            return self.fail(ctx, LedgerError::TooManyEnsembleChanges);
        }
        self.change = Some(EnsembleChange { failed, delayed: Vec::new(), wanted: None });
        self.service.request(ctx, Operation::List { directory: BOOKIES, watch: false });
        Vec::new()
    }

    pub(super) fn on_changing(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        result: Result<MetadataResponse, MetadataError>,
    ) -> Vec<HandleEvent> {
        match result {
            Ok(MetadataResponse::Directory(list)) => {
                self.choose(ctx, &ensemble_placement::registered(&list))
            }
            Ok(MetadataResponse::Done(version)) => {
                self.version = version;
                self.changed(ctx)
            }
            Err(MetadataError::BadVersion) => {
                let path = self.path();
                self.service.request(ctx, Operation::Get { path, watch: false });
                Vec::new()
            }
            Ok(MetadataResponse::Record { value: Value::Ledger(found), version }) => {
                self.on_conflict(ctx, &found, version)
            }
            _ => self.fail(ctx, LedgerError::Metadata),
        }
    }

    fn choose(&mut self, ctx: &mut Context<'_, Streaming>, bookies: &[NodeId]) -> Vec<HandleEvent> {
        let Some(change) = &mut self.change else { return Vec::new() };
        let (_, ensemble) = self.metadata.last_ensemble();
        let Some(ensemble) =
            ensemble_placement::replace(ensemble, &change.failed, bookies, ctx.random())
        else {
            return self.fail(ctx, LedgerError::NotEnoughBookies);
        };
        let mut wanted = self.metadata.clone();
        wanted.change_ensemble(self.last_add_confirmed.next(), ensemble);
        change.wanted = Some(wanted.clone());
        if self.spec.client.bugs.has(Bug::EnsembleBeforeMetadata) {
            let (_, ensemble) = wanted.last_ensemble();
            self.adds.change_ensemble(ctx, ensemble.to_vec());
            self.arm_timeout(ctx);
        }
        self.set(ctx, wanted);
        Vec::new()
    }

    /// The metadata has an unexpected version: an answer was lost, or somebody recovers the ledger.
    fn on_conflict(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        found: &LedgerMetadata,
        version: crate::bookkeeper::metadata::message::Version,
    ) -> Vec<HandleEvent> {
        match found.state {
            LedgerState::Closed { last } => {
                let keeps = last >= self.last_add_confirmed;
                properties::CLOSED_KEEPS_CONFIRMED.note(ctx, self.entity(), keeps);
                self.fail(ctx, LedgerError::Closed)
            }
            LedgerState::InRecovery => self.fail(ctx, LedgerError::Fenced),
            LedgerState::Open => {
                self.version = version;
                let wanted = self.change.as_ref().and_then(|change| change.wanted.clone());
                match wanted {
                    Some(wanted) if wanted == *found => self.changed(ctx),
                    Some(wanted) => {
                        self.set(ctx, wanted);
                        Vec::new()
                    }
                    None => Vec::new(),
                }
            }
        }
    }

    fn changed(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<HandleEvent> {
        let change = self.change.take().expect("a change is under way");
        self.metadata = change.wanted.expect("an ensemble was chosen");
        properties::ENSEMBLE_CHANGED.reached(ctx);
        for bookie in &change.failed {
            let (ledger, next) = (self.path().id, self.last_add_confirmed.next().word());
            signals::ENSEMBLE_CHANGED.note_of(ctx, ledger, Some(*bookie), next);
        }
        let (_, ensemble) = self.metadata.last_ensemble();
        let sticks = self.spec.client.bugs.has(Bug::ReplacedTwiceSticks);
        let waits = |bookie: &NodeId| sticks || ensemble.contains(bookie);
        let again: Vec<_> = change.delayed.into_iter().filter(waits).collect();
        if !again.is_empty() {
            if sticks {
                self.adds.take_for_sent(ensemble.to_vec());
            }
            return self.begin_change(ctx, again);
        }
        self.adds.change_ensemble(ctx, ensemble.to_vec());
        self.arm_timeout(ctx);
        let events = self.progress(ctx);
        self.close_if_done(ctx);
        events
    }
}
