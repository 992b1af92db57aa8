//! The ledger handle: the only writer of a ledger.
//!
//! Stands for `client/LedgerHandle.java`, `client/LedgerCreateOp.java` and
//! `client/PendingAddOp.java` of apache/bookkeeper @ branch-4.15. Entries go to a write quorum of
//! the ensemble, striped round-robin, count as added after an ack quorum of acks, and complete
//! strictly in order. Each carries the last add confirmed. A bookie that fails is replaced: by
//! default at its first failed add; completions wait until the new ensemble is in the metadata
//! (compare-and-set), pending adds are sent to the new bookie. Without a spare bookie the ledger is
//! closed after what was confirmed, and every pending add fails. A fence or a lost compare-and-set
//! means that somebody else is closing the ledger.
//!
//! Parameters: [`config::Client`], [`config::Ledger`]. Left out: deferred sync, explicit LAC, the
//! client's channel watermarks, bookie quarantine. The list of registered bookies is asked for when
//! it is needed (one round trip), where the real client keeps a copy by a watch. What the client's
//! threads take for an entry and its answers: [`super::client_threads`].

mod ensemble_change;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::bookkeeper::signals;
use crate::bugs::Bug;
use crate::collections::append_or_replace;
use crate::protocol::Streaming;

use super::client_threads::{Answer, ClientPools, ClientThreads, Done};
use super::config;
use super::distribution_schedule::DistributionSchedule;
use super::ensemble_placement;
use super::entry::{Entry, Payload, SharedEntry};
use super::ids::{EntryId, LedgerId};
use super::input::Input;
use super::ledger_metadata::{LedgerMetadata, LedgerState};
use super::message::Message;
use super::metadata::client::MetadataClient;
use super::metadata::message::{
    BOOKIES, LEDGERS, MetadataError, MetadataResponse, Operation, Path, Value, Version,
};
use super::pending_adds::{AddAnswer, PendingAdds};
use super::properties;
use super::rate_limiter::RateLimiter;
use super::waits;
use crate::component::Component;
use crate::tags::TagSpace;
use ensemble_change::EnsembleChange;

/// Why a ledger can't be written or read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// Fewer bookies are registered than needed (`BKNotEnoughBookiesException`).
    NotEnoughBookies,
    /// Somebody else is closing the ledger (`BKLedgerFencedException`).
    Fenced,
    /// The ledger is closed (`BKLedgerClosedException`).
    Closed,
    /// The ledger's metadata is gone or not as expected (`BKMetadataVersionException`).
    Metadata,
    /// More than `maxAllowedEnsembleChanges` (`BKWriteException`).
    TooManyEnsembleChanges,
    /// No bookie has the entry (`BKNoSuchEntryException`).
    NoSuchEntry,
    /// Too many bookies could not be read (`BKReadException`).
    Read,
}

impl LedgerError {
    /// The error's name in BookKeeper.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotEnoughBookies => "BKNotEnoughBookies",
            Self::Fenced => "BKLedgerFenced",
            Self::Closed => "BKLedgerClosed",
            Self::Metadata => "BKMetadataVersion",
            Self::TooManyEnsembleChanges => "BKWrite",
            Self::NoSuchEntry => "BKNoSuchEntry",
            Self::Read => "BKRead",
        }
    }
}

/// What the handle tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum HandleEvent {
    /// The ledger exists.
    Created {
        /// Its number.
        ledger: LedgerId,
    },
    /// An entry has been added; in order, without a gap.
    Added {
        /// Its number.
        entry: EntryId,
        /// What it was given.
        payload: Rc<Payload>,
    },
    /// The handle can't be used any more. Whether the entries were stored is not known.
    Failed {
        /// Why.
        error: LedgerError,
        /// Every entry that was not added, in order.
        entries: Vec<(EntryId, Rc<Payload>)>,
    },
    /// The ledger is closed, by [`LedgerHandle::close`].
    Closed {
        /// Its last entry.
        last: EntryId,
    },
}

/// What a handle is made with.
#[derive(Clone, Debug)]
pub struct HandleSpec {
    /// The metadata service.
    pub metadata: NodeId,
    /// Replication.
    pub ledger: config::Ledger,
    /// Options.
    pub client: config::Client,
    /// The handle's own tags.
    pub tags: TagSpace,
    /// The client's threads.
    pub pools: ClientPools,
}

const TIMER_THROTTLE: u64 = 0;
const TIMER_TIMEOUT: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for a number and a list of bookies, then for the record.
    Creating {
        number: Option<u64>,
        bookies: Option<Vec<NodeId>>,
    },
    Open,
    /// Waits for the closed state in the metadata.
    Closing,
    /// Dead; the closed state may still be on its way to the metadata.
    Over,
}

/// A ledger that this node writes.
#[derive(Debug)]
pub struct LedgerHandle {
    spec: HandleSpec,
    service: MetadataClient,
    timers: TagSpace,
    phase: Phase,
    failure: Option<LedgerError>,
    ledger: Option<LedgerId>,
    metadata: LedgerMetadata,
    version: Version,
    adds: PendingAdds,
    limiter: RateLimiter,
    /// Not sent yet: no permit, or no ledger.
    unsent: VecDeque<(EntryId, Rc<Payload>)>,
    unsent_bytes: u64,
    /// How many of them, from the first on, a worker of the client has.
    handed: usize,
    /// The last entry that was sent to bookies.
    sent: EntryId,
    next: EntryId,
    last_add_confirmed: EntryId,
    change: Option<EnsembleChange>,
    changes: u64,
    close_asked: bool,
    throttle_armed: bool,
    timeout_armed: Option<Time>,
}

impl LedgerHandle {
    /// Asks for a new ledger. Entries may be added at once; they wait for it.
    pub fn create(ctx: &mut Context<'_, Streaming>, spec: HandleSpec) -> Self {
        let mut service = MetadataClient::new(spec.metadata, spec.tags.part(1), Duration::ZERO);
        service.request(ctx, Operation::Next { counter: LEDGERS });
        service.request(ctx, Operation::List { directory: BOOKIES, watch: false });
        let adds = Self::pending_adds(&spec, Vec::new());
        let (write, ack) = (spec.ledger.write_quorum, spec.ledger.ack_quorum);
        Self {
            service,
            timers: spec.tags.part(2),
            phase: Phase::Creating { number: None, bookies: None },
            failure: None,
            ledger: None,
            metadata: LedgerMetadata::open(Vec::new(), write, ack),
            version: Version(0),
            adds,
            limiter: RateLimiter::new(spec.client.throttle, ctx.now()),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            handed: 0,
            sent: EntryId::NONE,
            next: EntryId(0),
            last_add_confirmed: EntryId::NONE,
            change: None,
            changes: 0,
            close_asked: false,
            throttle_armed: false,
            timeout_armed: None,
            spec,
        }
    }

    fn pending_adds(spec: &HandleSpec, ensemble: Vec<NodeId>) -> PendingAdds {
        let one = spec.client.bugs.has(Bug::AckQuorumOne);
        let schedule = DistributionSchedule {
            ensemble: spec.ledger.ensemble_size,
            write_quorum: spec.ledger.write_quorum,
            ack_quorum: if one { 1 } else { spec.ledger.ack_quorum },
        };
        let timeout = Duration::from_secs(spec.client.add_entry_timeout_sec);
        let threads = ClientThreads::new(&spec.client.costs, spec.pools, spec.tags.part(3));
        PendingAdds::new(spec.tags.part(0), schedule, ensemble, EntryId(0), timeout)
            .delaying_ensemble_change(spec.client.delay_ensemble_change)
            .on_threads(threads)
    }

    /// The ledger, once it exists.
    pub const fn id(&self) -> Option<LedgerId> {
        self.ledger
    }

    /// The last entry that was added.
    pub const fn last_add_confirmed(&self) -> EntryId {
        self.last_add_confirmed
    }

    /// Entries that are not added yet.
    pub fn pending_entries(&self) -> u64 {
        self.adds.len() + self.unsent.len() as u64
    }

    /// Bytes of entries that are not added yet.
    pub const fn pending_bytes(&self) -> u64 {
        self.adds.bytes() + self.unsent_bytes
    }

    /// See [`PendingAdds::unanswered_bytes`].
    pub fn unanswered_bytes(&self) -> u64 {
        self.adds.unanswered_bytes()
    }

    /// Why the handle is dead, if it is.
    pub const fn failure(&self) -> Option<LedgerError> {
        self.failure
    }

    /// The current ensemble; empty before the ledger exists.
    pub fn ensemble(&self) -> &[NodeId] {
        self.adds.ensemble()
    }

    /// Adds an entry. It is sent when the limiter and the ledger's creation let it.
    ///
    /// # Errors
    /// If the handle has failed or is being closed.
    pub fn add(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        payload: Payload,
    ) -> Result<EntryId, LedgerError> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        if self.close_asked || self.phase == Phase::Over {
            return Err(LedgerError::Closed);
        }
        let entry = self.next;
        self.next = entry.next();
        self.unsent_bytes += payload.bytes;
        self.unsent.push_back((entry, Rc::new(payload)));
        self.send_unsent(ctx);
        Ok(entry)
    }

    fn send_unsent(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.phase != Phase::Open {
            return;
        }
        while self.handed < self.unsent.len() {
            if let Err(when) = self.limiter.take(ctx.now()) {
                if !self.throttle_armed {
                    self.throttle_armed = true;
                    let tag = self.timers.tag(TIMER_THROTTLE);
                    ctx.timer_for(when - ctx.now(), tag, waits::THROTTLE);
                }
                break;
            }
            match self.adds.threads().is_some_and(|threads| threads.hand_over(ctx)) {
                true => self.handed += 1,
                false => self.send_next(ctx),
            }
        }
        self.arm_timeout(ctx);
    }

    /// Sends the oldest entry that was not.
    fn send_next(&mut self, ctx: &mut Context<'_, Streaming>) {
        let ledger = self.ledger.expect("the ledger is open");
        let (id, payload) = self.unsent.pop_front().expect("there is one");
        self.unsent_bytes -= payload.bytes;
        self.sent = id;
        let last_add_confirmed = self.last_add_confirmed;
        self.adds.send(ctx, Rc::new(Entry { ledger, id, last_add_confirmed, payload }));
    }

    /// The client's threads have done the work with this tag.
    fn on_work(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) -> Vec<HandleEvent> {
        match self.adds.threads().and_then(|threads| threads.done(ctx, tag)) {
            // None is left of what was handed over where the ledger has failed since.
            Some(Done::Add) if self.handed > 0 => {
                self.handed -= 1;
                self.send_next(ctx);
                self.arm_timeout(ctx);
                Vec::new()
            }
            Some(Done::Answered(answer)) => self.on_answer(ctx, answer),
            Some(Done::Add) | None => Vec::new(),
        }
    }

    fn arm_timeout(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.timeout_armed.is_some() || self.adds.is_empty() {
            return;
        }
        if let Some(deadline) = self.adds.next_deadline() {
            self.timeout_armed = Some(deadline);
            let tag = self.timers.tag(TIMER_TIMEOUT);
            ctx.timer_for(deadline - ctx.now(), tag, waits::ADD_TIMEOUT);
        }
    }

    /// Closes the ledger once every pending entry is added. Ends with `Closed` or `Failed`.
    pub fn close(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.close_asked = true;
        self.close_if_done(ctx);
    }

    fn close_if_done(&mut self, ctx: &mut Context<'_, Streaming>) {
        let done = self.adds.is_empty() && self.unsent.is_empty() && self.change.is_none();
        if self.close_asked && done && self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.set_closed(ctx);
        }
    }

    /// The entity of its notes: the ledger's number.
    fn entity(&self) -> u64 {
        self.ledger.map_or(u64::MAX, |ledger| ledger.0)
    }

    fn path(&self) -> Path {
        Path::new(LEDGERS, self.ledger.expect("the ledger exists").0)
    }

    fn set_closed(&mut self, ctx: &mut Context<'_, Streaming>) {
        let state = LedgerState::Closed { last: self.last_add_confirmed };
        let closed = LedgerMetadata { state, ..self.metadata.clone() };
        self.set(ctx, closed);
    }

    fn set(&mut self, ctx: &mut Context<'_, Streaming>, metadata: LedgerMetadata) {
        let (path, version) = (self.path(), Some(self.version));
        let value = Value::Ledger(metadata);
        self.service.request(ctx, Operation::Set { path, value, version });
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: &Message,
    ) -> Vec<HandleEvent> {
        match message {
            Message::Added { request, entry, status, .. }
                if self.spec.tags.part(0).owns(*request) =>
            {
                let answer = Answer { from, entry: *entry, status: *status };
                match self.adds.receive(ctx, answer) {
                    Some(answer) => self.on_answer(ctx, answer),
                    None => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    fn on_answer(&mut self, ctx: &mut Context<'_, Streaming>, answer: Answer) -> Vec<HandleEvent> {
        if matches!(self.phase, Phase::Over | Phase::Creating { .. }) {
            return Vec::new();
        }
        match self.adds.on_answer(answer.from, answer.entry, answer.status) {
            AddAnswer::Progress => self.progress(ctx),
            AddAnswer::Fenced => self.fail(ctx, LedgerError::Fenced),
            AddAnswer::BookieFailed(bookie) => self.on_bookies_failed(ctx, vec![bookie]),
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, timer: u64) -> Vec<HandleEvent> {
        if timer == TIMER_THROTTLE {
            self.throttle_armed = false;
            self.send_unsent(ctx);
            return Vec::new();
        }
        self.timeout_armed = None;
        let late = self.adds.take_timed_out(ctx.now());
        let events = if late.is_empty() || self.phase != Phase::Open {
            Vec::new()
        } else {
            self.on_bookies_failed(ctx, late)
        };
        self.arm_timeout(ctx);
        events
    }

    fn on_disconnect(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        peer: NodeId,
    ) -> Vec<HandleEvent> {
        if self.phase == Phase::Open && self.adds.on_disconnect(peer) {
            return self.on_bookies_failed(ctx, vec![peer]);
        }
        Vec::new()
    }

    /// Completes what can be completed.
    fn progress(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<HandleEvent> {
        if self.change.is_some() && !self.spec.client.bugs.has(Bug::EnsembleBeforeMetadata) {
            return Vec::new();
        }
        let mut events = Vec::new();
        while let Some(added) = self.adds.take_completed() {
            self.last_add_confirmed = added.id;
            events.push(HandleEvent::Added { entry: added.id, payload: added.payload.clone() });
        }
        if !events.is_empty() {
            let entity = self.entity();
            let value = self.last_add_confirmed.word();
            signals::LAST_ADD_CONFIRMED.note(ctx, entity, value);
            self.close_if_done(ctx);
        }
        events
    }

    /// Gives the ledger up; unless somebody else is closing it, closes it after what was confirmed
    /// (`LedgerHandle.handleUnrecoverableErrorDuringAdd`).
    fn fail(&mut self, ctx: &mut Context<'_, Streaming>, error: LedgerError) -> Vec<HandleEvent> {
        if self.phase == Phase::Over {
            return Vec::new();
        }
        let mine = error != LedgerError::Fenced && error != LedgerError::Closed;
        match error {
            _ if !mine => properties::WRITER_FENCED.reached(ctx),
            LedgerError::NotEnoughBookies => properties::NOT_ENOUGH_BOOKIES.reached(ctx),
            _ => {}
        }
        self.note_confirmed(ctx);
        if self.phase == Phase::Open && mine {
            self.set_closed(ctx);
        }
        self.phase = Phase::Over;
        self.failure = Some(error);
        self.change = None;
        let pair = |entry: SharedEntry| (entry.id, entry.payload.clone());
        let mut entries: Vec<_> = self.adds.take_all().into_iter().map(pair).collect();
        entries.extend(self.unsent.drain(..));
        (self.unsent_bytes, self.handed) = (0, 0);
        signals::LEDGER_FAILED.note(ctx, self.entity(), entries.len() as u64);
        vec![HandleEvent::Failed { error, entries }]
    }

    fn on_metadata(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        result: Result<MetadataResponse, MetadataError>,
    ) -> Vec<HandleEvent> {
        match self.phase {
            Phase::Creating { .. } => self.on_creating(ctx, result),
            Phase::Open if self.change.is_some() => self.on_changing(ctx, result),
            Phase::Closing => self.on_closing(ctx, result),
            Phase::Open | Phase::Over => Vec::new(),
        }
    }

    fn on_creating(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        result: Result<MetadataResponse, MetadataError>,
    ) -> Vec<HandleEvent> {
        let Phase::Creating { number, bookies } = &mut self.phase else { return Vec::new() };
        match result {
            Ok(MetadataResponse::Number(next)) => *number = Some(next),
            Ok(MetadataResponse::Directory(list)) => {
                *bookies = Some(ensemble_placement::registered(&list))
            }
            // Created, now or by an earlier try whose answer was lost: nobody else has this number.
            Ok(MetadataResponse::Done(_)) | Err(MetadataError::NodeExists) => {
                return self.open(ctx);
            }
            _ => return self.fail(ctx, LedgerError::Metadata),
        }
        let (Some(number), Some(bookies)) = (*number, bookies.clone()) else { return Vec::new() };
        let config::Ledger { ensemble_size, write_quorum, ack_quorum } = self.spec.ledger;
        let Some(ensemble) = ensemble_placement::new_ensemble(bookies, ensemble_size, ctx.random())
        else {
            return self.fail(ctx, LedgerError::NotEnoughBookies);
        };
        self.ledger = Some(LedgerId(number));
        self.metadata = LedgerMetadata::open(ensemble, write_quorum, ack_quorum);
        let (path, value) = (self.path(), Value::Ledger(self.metadata.clone()));
        self.service.request(ctx, Operation::Create { path, value, ephemeral: false });
        Vec::new()
    }

    fn open(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<HandleEvent> {
        let ledger = self.ledger.expect("it has a number");
        let (_, ensemble) = self.metadata.last_ensemble();
        self.adds = Self::pending_adds(&self.spec, ensemble.to_vec());
        self.phase = Phase::Open;
        signals::LEDGER_CREATED.note(ctx, ledger.0, 0);
        self.send_unsent(ctx);
        self.close_if_done(ctx);
        vec![HandleEvent::Created { ledger }]
    }

    fn on_closing(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        result: Result<MetadataResponse, MetadataError>,
    ) -> Vec<HandleEvent> {
        let last = self.last_add_confirmed;
        match result {
            Ok(MetadataResponse::Done(_)) => self.closed(ctx),
            Err(MetadataError::BadVersion) => {
                let path = self.path();
                self.service.request(ctx, Operation::Get { path, watch: false });
                Vec::new()
            }
            Ok(MetadataResponse::Record { value: Value::Ledger(metadata), version }) => {
                match metadata.state {
                    LedgerState::Closed { last: found } if found == last => self.closed(ctx),
                    LedgerState::Closed { last: found } => {
                        properties::CLOSED_KEEPS_CONFIRMED.note(ctx, self.entity(), found >= last);
                        self.fail(ctx, LedgerError::Metadata)
                    }
                    LedgerState::InRecovery => self.fail(ctx, LedgerError::Fenced),
                    LedgerState::Open => {
                        self.version = version;
                        self.set_closed(ctx);
                        Vec::new()
                    }
                }
            }
            _ => self.fail(ctx, LedgerError::Metadata),
        }
    }

    fn note_confirmed(&self, ctx: &mut Context<'_, Streaming>) {
        let sent = self.last_add_confirmed <= self.sent;
        properties::CONFIRMED_WAS_PUSHED.note(ctx, self.entity(), sent);
    }

    fn closed(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<HandleEvent> {
        self.note_confirmed(ctx);
        self.phase = Phase::Over;
        self.failure = Some(LedgerError::Closed);
        let entity = self.entity();
        let last = self.last_add_confirmed;
        signals::LEDGER_CLOSED.note(ctx, entity, last.word());
        vec![HandleEvent::Closed { last }]
    }
}

impl Component for LedgerHandle {
    type Message = Message;
    type Event = HandleEvent;

    fn on(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) -> Vec<HandleEvent> {
        let mut events = Vec::new();
        for result in self.service.results(ctx, input) {
            append_or_replace(&mut events, self.on_metadata(ctx, result));
        }
        let own = match input {
            Input::Message(from, message) => self.on_message(ctx, from, message),
            Input::Timer(tag) if self.timers.owns(tag) => self.on_timer(ctx, self.timers.low(tag)),
            Input::Timer(tag) => self.on_work(ctx, tag),
            Input::Disconnect(peer) => self.on_disconnect(ctx, peer),
        };
        append_or_replace(&mut events, own);
        events
    }
}
