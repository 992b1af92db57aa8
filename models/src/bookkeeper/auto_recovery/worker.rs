//! The replication worker: copies what a lost bookie had of a ledger to another, and says so in the
//! ledger's metadata.
//!
//! Stands for `replication/ReplicationWorker.java`, `client/LedgerFragmentReplicator.java` of
//! apache/bookkeeper @ branch-4.15: one ledger after another, one lost bookie of one ensemble after
//! another. Entries are read from those who have them and added past the fence
//! (`BookieProtocol.FLAG_RECOVERY_ADD`), a batch at a time; then the ensemble is changed by
//! compare-and-set. A ledger that is open is left to its writer for
//! `openLedgerRereplicationGracePeriod`; if its newest ensemble still has the lost bookie it is
//! recovered and so closed. What can't be done now is tried again after `rwRereplicateBackoffMs`.
//!
//! Parameters: [`super::config::AutoRecovery`]. Left out: older parts of a ledger that stays open
//! (they wait until it is closed), throttling by bytes (`replicationRateByBytes`, off by default).
//! Entries of a striped ledger that the lost bookie had not are read in vain.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use rand::seq::IndexedRandom;

use crate::bookkeeper::distribution_schedule::DistributionSchedule;
use crate::bookkeeper::entry::SharedEntry;
use crate::bookkeeper::ids::{EntryId, LedgerId};
use crate::bookkeeper::input::Input;
use crate::bookkeeper::ledger_metadata::{LedgerMetadata, LedgerState};
use crate::bookkeeper::ledger_reader::{LedgerReader, ReaderEvent, ReaderSpec};
use crate::bookkeeper::ledger_recovery::{LedgerRecovery, RecoveryEvent, RecoverySpec};
use crate::bookkeeper::message::{Message, Status};
use crate::bookkeeper::metadata::message::{
    LEDGERS, MetadataError, MetadataResponse, Operation, Path, Value, Version,
};
use crate::bookkeeper::properties;
use crate::bookkeeper::signals;
use crate::bookkeeper::waits;
use crate::bugs::Bug;
use crate::collections::SortedVecMap;
use crate::component::Component;
use crate::protocol::{self, Streaming};
use crate::tags::TagSpace;

use super::{AutoRecovery, FIRST_COMPONENT, TIMER_ADDS, TIMER_WORK, missing};

/// A lost bookie of one ensemble, and who takes its place.
#[derive(Debug)]
struct Copying {
    /// The ensemble's first entry, and its last that there is.
    first: EntryId,
    last: EntryId,
    lost: NodeId,
    place: usize,
    target: NodeId,
    reader: LedgerReader,
    read: bool,
    adds: TagSpace,
    /// Adds without an answer.
    unanswered: SortedVecMap<EntryId, Time>,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Idle,
    /// The ledger's metadata are asked for.
    Looking,
    Recovering(Box<LedgerRecovery>),
    Copying(Box<Copying>),
    /// The metadata are being changed.
    Storing,
    /// Something could not be done: waits.
    BackingOff,
}

/// What is under-replicated, and what is being done about it.
#[derive(Debug, Default)]
pub(super) struct Worker {
    queue: VecDeque<u64>,
    /// Of ledgers that are open: when they were first seen so.
    open: SortedVecMap<u64, Time>,
    step: Step,
    ledger: u64,
    request: Option<u64>,
    metadata: Option<(LedgerMetadata, Version)>,
    components: u32,
}

impl Worker {
    /// A ledger lacks copies.
    pub(super) fn enqueue(&mut self, ledger: u64) {
        if !self.queue.contains(&ledger) {
            self.queue.push_back(ledger);
        }
    }

    fn tags(&mut self) -> TagSpace {
        self.components = (self.components + 1) & 0xf_ffff;
        TagSpace::new(FIRST_COMPONENT + self.components)
    }
}

impl AutoRecovery {
    /// Begins with the next ledger, if nothing is under way.
    pub(super) fn work(&mut self, ctx: &mut Context<'_, Streaming>) {
        if matches!(self.worker.step, Step::Idle)
            && let Some(ledger) = self.worker.queue.pop_front()
        {
            self.worker.ledger = ledger;
            self.look(ctx);
        }
    }

    pub(super) fn work_again(&mut self, ctx: &mut Context<'_, Streaming>) {
        if matches!(self.worker.step, Step::BackingOff) {
            self.worker.step = Step::Idle;
            self.work(ctx);
        }
    }

    /// This ledger can't be done now.
    fn put_off(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.worker.enqueue(self.worker.ledger);
        self.worker.step = Step::BackingOff;
        let backoff = Duration::from_millis(self.spec.config.rereplicate_backoff_ms);
        ctx.timer_for(backoff, TIMER_WORK, waits::REREPLICATE);
    }

    fn look(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.worker.step = Step::Looking;
        let path = Path::new(LEDGERS, self.worker.ledger);
        self.worker.request =
            Some(self.service.request(ctx, Operation::Get { path, watch: false }));
    }

    /// The metadata service has answered the worker.
    pub(super) fn worked(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        request: u64,
        result: Result<MetadataResponse, MetadataError>,
    ) {
        if self.worker.request != Some(request) {
            return;
        }
        self.worker.request = None;
        match (&self.worker.step, result) {
            (
                Step::Looking,
                Ok(MetadataResponse::Record { value: Value::Ledger(found), version }),
            ) => {
                self.worker.metadata = Some((found, version));
                self.next_copy(ctx);
            }
            // Deleted meanwhile.
            (Step::Looking, Err(MetadataError::NoNode)) => self.replicated(ctx, false),
            // Changed, now or by somebody else: looked at again.
            (Step::Storing, _) => self.look(ctx),
            _ => self.put_off(ctx),
        }
    }

    fn replicated(&mut self, ctx: &mut Context<'_, Streaming>, exists: bool) {
        if exists {
            signals::LEDGER_REREPLICATED.note(ctx, self.worker.ledger, 0);
            properties::REREPLICATED.reached(ctx);
        }
        self.worker.step = Step::Idle;
        self.work(ctx);
    }

    /// The next lost bookie of the ledger, if there is one.
    fn next_copy(&mut self, ctx: &mut Context<'_, Streaming>) {
        let available = self.available();
        let (metadata, _) = self.worker.metadata.as_ref().expect("it was looked at");
        if missing(metadata, &available).is_empty() {
            self.worker.open.remove(&self.worker.ledger);
            return self.replicated(ctx, true);
        }
        let LedgerState::Closed { last } = metadata.state else { return self.leave_open(ctx) };
        let short = i64::from(self.spec.client.bugs.has(Bug::CopiedWithoutLast));
        let last = EntryId(last.0 - short);
        let starts = metadata.ensembles.iter().map(|(first, _)| *first).skip(1);
        let ends = starts.map(|first| EntryId(first.0 - 1)).chain([last]);
        let mut found = None;
        for ((first, ensemble), end) in metadata.ensembles.iter().zip(ends) {
            let place = ensemble.iter().position(|bookie| !available.contains(bookie));
            if let Some(place) = place {
                found = Some((*first, end.min(last), ensemble.clone(), place));
                break;
            }
        }
        let (first, end, ensemble, place) = found.expect("a bookie is missing");
        let free = self.writable().iter().filter(|bookie| !ensemble.contains(bookie));
        let free: Vec<NodeId> = free.copied().collect();
        let Some(target) = free.choose(ctx.random()).copied() else { return self.put_off(ctx) };
        self.copy(ctx, (first, end), (ensemble[place], place), target);
    }

    /// An open ledger is its writer's, who replaces the bookie; if he does not, it is closed.
    fn leave_open(&mut self, ctx: &mut Context<'_, Streaming>) {
        let now = ctx.now();
        let ledger = self.worker.ledger;
        let since = *self.worker.open.get_or_insert_with(ledger, || now);
        let grace = Duration::from_millis(self.spec.config.open_ledger_grace_period_ms);
        let available = self.available();
        let (metadata, _) = self.worker.metadata.as_ref().expect("it was looked at");
        let (_, ensemble) = metadata.last_ensemble();
        let is_whole = ensemble.iter().all(|bookie| available.contains(bookie));
        if is_whole || now.since(since) < grace {
            return self.put_off(ctx);
        }
        let (tags, client) = (self.worker.tags(), self.spec.client.clone());
        let (metadata, ledger) = (self.spec.metadata, LedgerId(ledger));
        let spec = RecoverySpec { metadata, ledger, client, tags };
        let recovery = LedgerRecovery::start(ctx, spec);
        self.worker.step = Step::Recovering(Box::new(recovery));
    }

    fn copy(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        (first, last): (EntryId, EntryId),
        (lost, place): (NodeId, usize),
        target: NodeId,
    ) {
        let (metadata, _) = self.worker.metadata.clone().expect("it was looked at");
        let (tags, adds) = (self.worker.tags(), self.worker.tags());
        let ledger = LedgerId(self.worker.ledger);
        let (window, client) = (self.spec.config.entry_batch_size, self.spec.client.clone());
        let spec = ReaderSpec { ledger, metadata, first, last, window, client, tags };
        let (reader, events) = LedgerReader::start(ctx, spec);
        let unanswered = SortedVecMap::default();
        self.arm_adds(ctx);
        let copying =
            Copying { first, last, lost, place, target, reader, read: false, adds, unanswered };
        self.worker.step = Step::Copying(Box::new(copying));
        self.on_read(ctx, events);
    }

    fn arm_adds(&self, ctx: &mut Context<'_, Streaming>) {
        let timeout = Duration::from_secs(self.spec.client.add_entry_timeout_sec);
        let tag = TIMER_ADDS + u64::from(self.worker.components);
        ctx.timer_for(timeout, tag, waits::ADD_TIMEOUT);
    }

    /// Looks whether the new bookie owes an answer for too long.
    pub(super) fn adds_late(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let Step::Copying(copying) = &self.worker.step else { return };
        if number != u64::from(self.worker.components) {
            return;
        }
        let timeout = Duration::from_secs(self.spec.client.add_entry_timeout_sec);
        let oldest = copying.unanswered.values().min();
        if oldest.is_some_and(|sent| ctx.now().since(*sent) >= timeout) {
            return self.put_off(ctx);
        }
        self.arm_adds(ctx);
    }

    fn on_read(&mut self, ctx: &mut Context<'_, Streaming>, events: Vec<ReaderEvent>) {
        for event in events {
            let Step::Copying(copying) = &mut self.worker.step else { return };
            match event {
                ReaderEvent::Entry(entry) => {
                    let (metadata, _) = self.worker.metadata.as_ref().expect("it is copied");
                    copying.add(ctx, metadata, entry);
                }
                ReaderEvent::Finished => copying.read = true,
                ReaderEvent::Failed { .. } => return self.put_off(ctx),
            }
        }
        self.store_if_copied(ctx);
    }

    /// The ensemble has another bookie, once everything is with it.
    fn store_if_copied(&mut self, ctx: &mut Context<'_, Streaming>) {
        let Step::Copying(copying) = &self.worker.step else { return };
        if !copying.read || !copying.unanswered.is_empty() {
            return;
        }
        let (mut metadata, version) = self.worker.metadata.clone().expect("it is copied");
        let ensemble = metadata.ensembles.iter_mut().find(|(first, _)| *first == copying.first);
        let (_, ensemble) = ensemble.expect("an ensemble of the ledger");
        ensemble[copying.place] = copying.target;
        let entries = copying.last.next().0 - copying.first.0;
        let lost = Some(copying.lost);
        signals::FRAGMENT_COPIED.note_of(ctx, self.worker.ledger, lost, entries.max(0) as u64);
        let path = Path::new(LEDGERS, self.worker.ledger);
        let (value, version) = (Value::Ledger(metadata), Some(version));
        self.worker.step = Step::Storing;
        self.worker.request =
            Some(self.service.request(ctx, Operation::Set { path, value, version }));
    }

    /// An input for whatever is under way.
    pub(super) fn on_component(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) {
        match &mut self.worker.step {
            Step::Recovering(recovery) => match recovery.on(ctx, input).into_iter().next() {
                Some(RecoveryEvent::Recovered { .. }) => self.look(ctx),
                Some(RecoveryEvent::Failed { .. }) => self.put_off(ctx),
                None => {}
            },
            Step::Copying(copying) => {
                if copying.answered(input) {
                    return self.put_off(ctx);
                }
                let events = copying.reader.on(ctx, input);
                self.on_read(ctx, events);
            }
            Step::Idle | Step::Looking | Step::Storing | Step::BackingOff => {}
        }
    }
}

impl Copying {
    /// Adds an entry to the new bookie, if the lost one had it.
    fn add(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        metadata: &LedgerMetadata,
        entry: SharedEntry,
    ) {
        let schedule = DistributionSchedule {
            ensemble: metadata.ensemble_of(entry.id).len() as u32,
            write_quorum: metadata.write_quorum,
            ack_quorum: metadata.ack_quorum,
        };
        if !schedule.holds(entry.id, self.place) {
            return;
        }
        self.unanswered.insert(entry.id, ctx.now());
        let request = self.adds.tag(entry.id.word());
        let message = Message::Add { request, entry: Rc::clone(&entry), recovery: true };
        ctx.send(self.target, protocol::Message::BookKeeper(message));
    }

    /// Takes an answer of the new bookie. True if it has failed.
    fn answered(&mut self, input: Input<'_>) -> bool {
        match input {
            Input::Message(_, Message::Added { request, entry, status, .. })
                if self.adds.owns(*request) =>
            {
                self.unanswered.remove(entry);
                *status != Status::Ok
            }
            Input::Disconnect(peer) => peer == self.target && !self.unanswered.is_empty(),
            _ => false,
        }
    }
}
