//! Ledger recovery: closes a ledger in its writer's place, so that nothing acknowledged is lost.
//!
//! Stands for `client/LedgerRecoveryOp.java`, `client/ReadLastConfirmedOp.java` and
//! `client/ReadOnlyLedgerHandle.java` of apache/bookkeeper @ branch-4.15.
//!
//! 1. The metadata says that the ledger is in recovery (compare-and-set): no ensemble change any
//!    more.
//! 2. Every bookie of the last ensemble is asked to fence the ledger and for its newest entry,
//!    until
//!    fewer than Qa of any write set are unknown. The highest last add confirmed is where to start.
//! 3. Entries are read forward one by one, from all bookies of their write set at once, until
//!    (Qw - Qa) + 1 of them have no such entry. Each one read is added again, to a write quorum.
//! 4. The metadata says that the ledger is closed after the last of them.
//!
//! Parameters: [`config::Client`]. Left out: reads in batches (`recoveryReadBatchSize` is 1).

mod adds;

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::bookkeeper::signals;
use crate::bugs::Bug;
use crate::collections::SortedVecMap;
use crate::protocol::{self, Streaming};

use super::config;
use super::distribution_schedule::{Answer, DistributionSchedule};
use super::entry::SharedEntry;
use super::ids::{EntryId, LedgerId};
use super::input::Input;
use super::ledger_handle::LedgerError;
use super::ledger_metadata::{LedgerMetadata, LedgerState};
use super::message::{Message, Status, Which};
use super::metadata::client::MetadataClient;
use super::metadata::message::{
    LEDGERS, MetadataError, MetadataResponse, Operation, Path, Value, Version,
};
use super::pending_adds::PendingAdds;
use super::properties;
use super::waits;
use crate::component::Component;
use crate::tags::TagSpace;

/// What a recovery tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryEvent {
    /// The ledger is closed, by this recovery or before it.
    Recovered {
        /// Its metadata.
        metadata: LedgerMetadata,
        /// Its last entry.
        last: EntryId,
    },
    /// It could not be closed now. Start another recovery later.
    Failed {
        /// Why.
        error: LedgerError,
    },
}

/// What a recovery is made with.
#[derive(Clone, Debug)]
pub struct RecoverySpec {
    /// The metadata service.
    pub metadata: NodeId,
    /// The ledger.
    pub ledger: LedgerId,
    /// Options.
    pub client: config::Client,
    /// The recovery's own tags.
    pub tags: TagSpace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for the metadata, or for its change to in recovery.
    Marking {
        wanted: Option<LedgerMetadata>,
    },
    /// Waits for enough answers to the fence.
    Fencing,
    /// Reads forward and adds again.
    Reading,
    /// Waits for the closed state in the metadata.
    Closing,
    Over,
}

/// One question to one bookie.
#[derive(Clone, Copy, Debug)]
struct Question {
    bookie: NodeId,
    entry: EntryId,
    deadline: Time,
}

const TIMER_READS: u64 = 0;
const TIMER_ADDS: u64 = 1;

/// A recovery of one ledger.
#[derive(Debug)]
pub struct LedgerRecovery {
    spec: RecoverySpec,
    service: MetadataClient,
    reads: TagSpace,
    timers: TagSpace,
    phase: Phase,
    metadata: LedgerMetadata,
    version: Version,
    questions: SortedVecMap<u64, Question>,
    asked: u64,
    timer_armed: bool,
    /// Of the fence, by place in the ensemble.
    answers: Vec<Answer>,
    newest: EntryId,
    /// The entry that is being read, and how many don't have it or could not tell.
    reading: EntryId,
    missing: u32,
    unreadable: u32,
    read_done: bool,
    adds: Option<PendingAdds>,
    /// Bookies to be replaced once the list of the registered ones is here.
    failed: Vec<NodeId>,
    listing: bool,
    last: EntryId,
    /// The metadata with the ensembles that recovery itself has changed.
    changed: Option<LedgerMetadata>,
    add_timer_armed: bool,
}

impl LedgerRecovery {
    /// Begins.
    pub fn start(ctx: &mut Context<'_, Streaming>, spec: RecoverySpec) -> Self {
        let service = MetadataClient::new(spec.metadata, spec.tags.part(1), Duration::ZERO);
        let mut recovery = Self {
            service,
            reads: spec.tags.part(2),
            timers: spec.tags.part(3),
            phase: Phase::Marking { wanted: None },
            metadata: LedgerMetadata::open(Vec::new(), 1, 1),
            version: Version(0),
            questions: SortedVecMap::default(),
            asked: 0,
            timer_armed: false,
            answers: Vec::new(),
            newest: EntryId::NONE,
            reading: EntryId(0),
            missing: 0,
            unreadable: 0,
            read_done: false,
            adds: None,
            failed: Vec::new(),
            listing: false,
            last: EntryId::NONE,
            changed: None,
            add_timer_armed: false,
            spec,
        };
        recovery.get(ctx);
        recovery
    }

    /// The ledger.
    pub const fn ledger(&self) -> LedgerId {
        self.spec.ledger
    }

    const fn path(&self) -> Path {
        Path::new(LEDGERS, self.spec.ledger.0)
    }

    fn get(&mut self, ctx: &mut Context<'_, Streaming>) {
        let path = self.path();
        self.service.request(ctx, Operation::Get { path, watch: false });
    }

    fn set(&mut self, ctx: &mut Context<'_, Streaming>, metadata: LedgerMetadata) {
        let (path, version) = (self.path(), Some(self.version));
        self.service.request(ctx, Operation::Set { path, value: Value::Ledger(metadata), version });
    }

    fn schedule(&self) -> DistributionSchedule {
        let (_, ensemble) = self.metadata.last_ensemble();
        DistributionSchedule {
            ensemble: ensemble.len() as u32,
            write_quorum: self.metadata.write_quorum,
            ack_quorum: self.metadata.ack_quorum,
        }
    }

    fn fail(&mut self, error: LedgerError) -> Vec<RecoveryEvent> {
        if self.phase == Phase::Over {
            return Vec::new();
        }
        self.phase = Phase::Over;
        vec![RecoveryEvent::Failed { error }]
    }

    fn recovered(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        metadata: LedgerMetadata,
        last: EntryId,
    ) -> Vec<RecoveryEvent> {
        self.phase = Phase::Over;
        let (entity, value) = (self.spec.ledger.0, last.word());
        signals::LEDGER_RECOVERED.note(ctx, entity, value);
        if last > EntryId::NONE {
            signals::LAST_ADD_CONFIRMED.note(ctx, entity, value);
        }
        vec![RecoveryEvent::Recovered { metadata, last }]
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: &Message,
    ) -> Vec<RecoveryEvent> {
        match message {
            Message::ReadReply { request, status, found, .. } if self.reads.owns(*request) => {
                match self.questions.remove(request) {
                    Some(question) => self.on_read(ctx, question, *status, found.as_ref()),
                    None => Vec::new(),
                }
            }
            Message::Added { request, entry, status, .. }
                if self.spec.tags.part(0).owns(*request) =>
            {
                self.on_added(ctx, from, *entry, *status)
            }
            _ => Vec::new(),
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, timer: u64) -> Vec<RecoveryEvent> {
        if timer == TIMER_ADDS {
            return self.on_add_timer(ctx);
        }
        self.timer_armed = false;
        let now = ctx.now();
        let events = self.give_up(ctx, |question| question.deadline <= now);
        self.arm_timer(ctx);
        events
    }

    fn on_disconnect(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        peer: NodeId,
    ) -> Vec<RecoveryEvent> {
        let mut events = self.give_up(ctx, |question| question.bookie == peer);
        if self.adds.as_mut().is_some_and(|adds| adds.on_disconnect(peer)) {
            events.extend(self.on_bookies_failed(ctx, vec![peer]));
        }
        events
    }

    /// Treats these requests as answered with an error.
    fn give_up(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        which: impl Fn(&Question) -> bool,
    ) -> Vec<RecoveryEvent> {
        let lost = self.questions.iter().filter(|(_, question)| which(question));
        let lost: Vec<_> = lost.map(|(request, _)| *request).collect();
        let mut events = Vec::new();
        for request in lost {
            if let Some(question) = self.questions.remove(&request) {
                events.extend(self.on_read(ctx, question, Status::Unavailable, None));
            }
        }
        events
    }

    fn arm_timer(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.timer_armed {
            return;
        }
        if let Some(deadline) = self.questions.values().map(|question| question.deadline).min() {
            self.timer_armed = true;
            let tag = self.timers.tag(TIMER_READS);
            ctx.timer_for(deadline - ctx.now(), tag, waits::RECOVERY_TIMEOUT);
        }
    }

    fn on_metadata(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        result: Result<MetadataResponse, MetadataError>,
    ) -> Vec<RecoveryEvent> {
        if let Ok(MetadataResponse::Directory(list)) = &result {
            return self.on_bookies(ctx, list);
        }
        match (self.phase.clone(), result) {
            (Phase::Over, _) => Vec::new(),
            (_, Err(MetadataError::BadVersion)) => {
                self.get(ctx);
                Vec::new()
            }
            (Phase::Marking { wanted }, result) => match result {
                Ok(MetadataResponse::Record { value: Value::Ledger(metadata), version }) => {
                    self.version = version;
                    self.mark(ctx, metadata)
                }
                Ok(MetadataResponse::Done(version)) => {
                    self.version = version;
                    self.metadata = wanted.expect("a change was asked for");
                    self.fence(ctx)
                }
                _ => self.fail(LedgerError::Metadata),
            },
            (Phase::Closing, Ok(MetadataResponse::Done(_))) => {
                let (metadata, last) = (self.closed_metadata(), self.last);
                self.recovered(ctx, metadata, last)
            }
            (
                Phase::Closing,
                Ok(MetadataResponse::Record { value: Value::Ledger(metadata), version }),
            ) => self.on_close_conflict(ctx, metadata, version),
            _ => self.fail(LedgerError::Metadata),
        }
    }

    fn mark(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        metadata: LedgerMetadata,
    ) -> Vec<RecoveryEvent> {
        match metadata.state {
            LedgerState::Closed { last } => self.recovered(ctx, metadata, last),
            LedgerState::InRecovery => {
                self.metadata = metadata;
                self.fence(ctx)
            }
            LedgerState::Open => {
                let wanted = LedgerMetadata { state: LedgerState::InRecovery, ..metadata };
                self.phase = Phase::Marking { wanted: Some(wanted.clone()) };
                self.set(ctx, wanted);
                Vec::new()
            }
        }
    }

    fn fence(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<RecoveryEvent> {
        self.phase = Phase::Fencing;
        let (first, ensemble) = self.metadata.last_ensemble();
        let ensemble = ensemble.to_vec();
        // Ensembles before the last one are known to be confirmed.
        self.newest = first.previous();
        self.answers = vec![Answer::Unknown; ensemble.len()];
        for bookie in ensemble {
            self.ask(ctx, bookie, Which::Newest, EntryId::NONE);
        }
        self.arm_timer(ctx);
        Vec::new()
    }

    fn ask(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        bookie: NodeId,
        which: Which,
        entry: EntryId,
    ) {
        self.asked += 1;
        let (request, ledger) = (self.reads.tag(self.asked), self.spec.ledger);
        let timeout = Duration::from_secs(self.spec.client.read_entry_timeout_sec);
        let deadline = ctx.now() + timeout;
        self.questions.insert(request, Question { bookie, entry, deadline });
        let fence = !self.spec.client.bugs.has(Bug::RecoveryWithoutFencing);
        let message = Message::Read { request, ledger, which, fence };
        ctx.send(bookie, protocol::Message::BookKeeper(message));
    }

    fn on_read(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        question: Question,
        status: Status,
        found: Option<&SharedEntry>,
    ) -> Vec<RecoveryEvent> {
        match self.phase {
            Phase::Fencing => self.on_fenced(ctx, question.bookie, status, found),
            Phase::Reading if question.entry == self.reading && !self.read_done => {
                self.on_entry(ctx, status, found)
            }
            _ => Vec::new(),
        }
    }

    fn on_fenced(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        bookie: NodeId,
        status: Status,
        found: Option<&SharedEntry>,
    ) -> Vec<RecoveryEvent> {
        let (_, ensemble) = self.metadata.last_ensemble();
        if matches!(status, Status::Ok | Status::NoEntry | Status::NoLedger) {
            let place = ensemble.iter().position(|node| *node == bookie);
            self.answers[place.expect("it was asked")] = Answer::Known;
            let confirmed = found.map_or(EntryId::NONE, |entry| entry.last_add_confirmed);
            self.newest = self.newest.max(confirmed);
        }
        if self.schedule().covered(&self.answers) {
            return self.begin_reading(ctx);
        }
        if self.questions.is_empty() {
            return self.fail(LedgerError::Read);
        }
        Vec::new()
    }

    fn begin_reading(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<RecoveryEvent> {
        self.phase = Phase::Reading;
        self.questions.clear();
        self.last = self.newest;
        let (_, ensemble) = self.metadata.last_ensemble();
        let first = self.newest.next();
        let timeout = Duration::from_secs(self.spec.client.add_entry_timeout_sec);
        let (tags, schedule) = (self.spec.tags.part(0), self.schedule());
        let adds = PendingAdds::new(tags, schedule, ensemble.to_vec(), first, timeout);
        self.adds = Some(adds.for_recovery());
        self.read(ctx, first);
        Vec::new()
    }

    /// Asks every bookie of the write set, of the ensemble that the writer had.
    fn read(&mut self, ctx: &mut Context<'_, Streaming>, entry: EntryId) {
        self.reading = entry;
        (self.missing, self.unreadable) = (0, 0);
        let ensemble = self.metadata.ensemble_of(entry).to_vec();
        for place in self.schedule().write_set(entry) {
            self.ask(ctx, ensemble[place], Which::Entry(entry), entry);
        }
        self.arm_timer(ctx);
    }

    fn on_entry(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        status: Status,
        found: Option<&SharedEntry>,
    ) -> Vec<RecoveryEvent> {
        if let (Status::Ok, Some(entry)) = (status, found) {
            let entry = entry.clone();
            if self.missing + self.unreadable > 0 {
                properties::RECOVERED_FROM_FEW.reached(ctx);
            }
            self.questions.clear();
            let next = entry.id.next();
            let adds = self.adds.as_mut().expect("recovery adds what it reads");
            adds.send(ctx, entry);
            self.arm_add_timer(ctx);
            self.read(ctx, next);
            return Vec::new();
        }
        match status {
            Status::NoEntry | Status::NoLedger => self.missing += 1,
            _ => self.unreadable += 1,
        }
        let short = u32::from(self.spec.client.bugs.has(Bug::RecoveryOneAnswerShort));
        if self.missing >= (self.schedule().missing_quorum() - short).max(1) {
            self.read_done = true;
            self.questions.clear();
            return self.close_if_done(ctx);
        }
        if self.missing + self.unreadable >= self.metadata.write_quorum {
            return self.fail(LedgerError::Read);
        }
        Vec::new()
    }

    fn close_if_done(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<RecoveryEvent> {
        let added = self.adds.as_ref().is_some_and(PendingAdds::is_empty);
        if self.phase == Phase::Reading && self.read_done && added && !self.listing {
            self.phase = Phase::Closing;
            if self.last > self.newest {
                properties::READDED.reached(ctx);
            }
            let metadata = self.closed_metadata();
            self.set(ctx, metadata);
        }
        Vec::new()
    }

    fn closed_metadata(&self) -> LedgerMetadata {
        let state = LedgerState::Closed { last: self.last };
        let metadata = self.changed.as_ref().unwrap_or(&self.metadata);
        LedgerMetadata { state, ..metadata.clone() }
    }

    /// Somebody else has changed the metadata, or the answer to this recovery's change was lost.
    fn on_close_conflict(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        found: LedgerMetadata,
        version: Version,
    ) -> Vec<RecoveryEvent> {
        match found.state {
            LedgerState::Closed { last } => {
                properties::CLOSED_MEANWHILE.reached(ctx);
                self.recovered(ctx, found, last)
            }
            LedgerState::InRecovery => {
                self.version = version;
                let metadata = self.closed_metadata();
                self.set(ctx, metadata);
                Vec::new()
            }
            LedgerState::Open => self.fail(LedgerError::Metadata),
        }
    }
}

impl Component for LedgerRecovery {
    type Message = Message;
    type Event = RecoveryEvent;

    fn on(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) -> Vec<RecoveryEvent> {
        let mut events = Vec::new();
        for result in self.service.results(ctx, input) {
            events.extend(self.on_metadata(ctx, result));
        }
        events.extend(match input {
            Input::Message(from, message) => self.on_message(ctx, from, message),
            Input::Timer(tag) if self.timers.owns(tag) => self.on_timer(ctx, self.timers.low(tag)),
            Input::Timer(_) => Vec::new(),
            Input::Disconnect(peer) => self.on_disconnect(ctx, peer),
        });
        events
    }
}
