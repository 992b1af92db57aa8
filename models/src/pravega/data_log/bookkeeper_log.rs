//! The log on BookKeeper: frames as entries of one ledger after another.
//!
//! Stands for `BookKeeperLog`, `WriteQueue`, `Ledgers` of `impl/bookkeeper` @ v0.13.0. Writes are
//! pipelined and complete in order. A full ledger (1 GiB) is followed by a new one, entered in the
//! log's metadata by compare-and-set before it is used; its writes wait until those of the old one
//! are through. When a ledger fails because there are too few bookies the same is done at once,
//! once it is known what the old ledger has; a fence, a lost compare-and-set or a new ledger that
//! can't be made ends the log. Left out: the retry of a failed rollover after 12 s (the writes' own
//! attempts are over by then), disabled logs.
//!
//! Parameters: [`crate::pravega::config::BookKeeperLog`].

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::fold::Needs;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::bookkeeper::ids::{EntryId, LedgerId};
use crate::bookkeeper::input::Input;
use crate::bookkeeper::ledger_handle::{HandleEvent, HandleSpec, LedgerError, LedgerHandle};
use crate::bookkeeper::ledger_recovery::{LedgerRecovery, RecoveryEvent, RecoverySpec};
use crate::bookkeeper::metadata::client::{MetadataClient, MetadataEvent};
use crate::bookkeeper::metadata::message::{
    LEDGERS, MetadataError, MetadataResponse, Operation, Path, Version,
};
use crate::bugs::Bug;
use crate::collections::append_or_replace;
use crate::component::Component;
use crate::logs;
use crate::pravega::config::Cluster;
use crate::pravega::container::data_frame::Frame;
use crate::pravega::container::id::ContainerId;
use crate::pravega::container::throttler::QueueStats;
use crate::pravega::node::{Ctx, LOG_CLIENT_POOLS, Spec};
use crate::pravega::properties;
use crate::tags::TagSpace;

use super::frame_codec;
use super::log_metadata::{self, LogMetadata};
use super::opening::Opening;
use super::{LogAddress, LogError, LogEvent};

/// Component numbers of one container's log: `1 + container * 4096` and on.
const TAGS_PER_CONTAINER: u32 = 4096;
/// Component numbers of one opening of a log, so that leftovers of an earlier one are not taken for
/// its own.
const TAGS_PER_INSTANCE: u32 = 64;

/// The container whose log has a component number, if one has.
pub fn container_of_tags(number: u32) -> Option<ContainerId> {
    Some(ContainerId(number.checked_sub(1)? / TAGS_PER_CONTAINER))
}

/// A frame on its way.
#[derive(Debug)]
struct Write {
    frame: Frame,
    added: Time,
    attempts: u32,
    /// Ledger (by its number in the log) and entry that it was sent as.
    sent: Option<(u64, EntryId)>,
    done: bool,
}

/// A ledger that the log writes or is closing.
#[derive(Debug)]
struct OpenLedger {
    sequence: u64,
    handle: LedgerHandle,
    bytes: u64,
}

/// Why the log's metadata is being changed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Update {
    /// The log is opened with a first ledger of its own.
    Open,
    /// A new ledger follows.
    Rollover,
    /// What lies before the truncation point goes.
    Truncate(Vec<LedgerId>),
}

#[derive(Debug)]
struct Updating {
    request: u64,
    update: Update,
    metadata: LogMetadata,
}

/// The log.
#[derive(Debug)]
pub struct BookKeeperLog {
    pub(super) cluster: Rc<Cluster>,
    pub(super) service: NodeId,
    container: ContainerId,
    tag_first: u32,
    tag_next: u32,
    client: MetadataClient,
    pub(super) opening: Option<Opening>,
    pub(super) metadata: LogMetadata,
    version: Option<Version>,
    updating: Option<Updating>,
    truncate_to: Option<LogAddress>,
    current: Option<OpenLedger>,
    next: Option<LedgerHandle>,
    retired: Vec<OpenLedger>,
    /// After a failure: finds out what the failed ledger has.
    inquiry: Option<(u64, LedgerRecovery)>,
    writes: VecDeque<Write>,
    stats: QueueStats,
    closed: bool,
}

impl BookKeeperLog {
    /// The log of a container, for the store's opening number `instance`.
    pub fn new(spec: &Spec, container: ContainerId, instance: u32) -> Self {
        let service = spec.metadata.expect("a log on BookKeeper needs the metadata service");
        let offset = instance.wrapping_mul(TAGS_PER_INSTANCE) % TAGS_PER_CONTAINER;
        let tag_first = 1 + container.0 * TAGS_PER_CONTAINER;
        let mut log = Self {
            cluster: Rc::clone(&spec.cluster),
            service,
            container,
            tag_first,
            tag_next: offset,
            client: MetadataClient::new(service, TagSpace::new(tag_first), Duration::ZERO),
            opening: None,
            metadata: LogMetadata::default(),
            version: None,
            updating: None,
            truncate_to: None,
            current: None,
            next: None,
            retired: Vec::new(),
            inquiry: None,
            writes: VecDeque::new(),
            stats: QueueStats::default(),
            closed: false,
        };
        log.client = MetadataClient::new(service, log.tags(), Duration::ZERO);
        log
    }

    /// Tags for a new component.
    pub(super) fn tags(&mut self) -> TagSpace {
        let number = self.tag_first + self.tag_next;
        self.tag_next = (self.tag_next + 1) % TAGS_PER_CONTAINER;
        TagSpace::new(number)
    }

    pub(super) fn create_ledger(&mut self, ctx: &mut Ctx<'_>) -> LedgerHandle {
        let options = &self.cluster.bookkeeper;
        let (ledger, client) = (options.ledger(), self.cluster.ledger_client());
        let (metadata, tags, pools) = (self.service, self.tags(), LOG_CLIENT_POOLS);
        LedgerHandle::create(ctx, HandleSpec { metadata, ledger, client, tags, pools })
    }

    pub(super) fn recover_ledger(&mut self, ctx: &mut Ctx<'_>, ledger: LedgerId) -> LedgerRecovery {
        let client = self.cluster.ledger_client();
        let (metadata, tags) = (self.service, self.tags());
        LedgerRecovery::start(ctx, RecoverySpec { metadata, ledger, client, tags })
    }

    /// Opens the log.
    pub fn start(&mut self, ctx: &mut Ctx<'_>) -> Vec<LogEvent> {
        self.opening = Some(Opening::default());
        let path = log_metadata::path(self.container);
        self.client.request(ctx, Operation::Get { path, watch: false });
        Vec::new()
    }

    /// Appends a frame.
    pub fn append(&mut self, ctx: &mut Ctx<'_>, frame: Frame) -> Vec<LogEvent> {
        self.writes.push_back(Write {
            frame,
            added: ctx.now(),
            attempts: 0,
            sent: None,
            done: false,
        });
        self.send_writes(ctx)
    }

    /// Sends what may be sent: to the current ledger, until it is full, and only once every write
    /// to older ones is through.
    fn send_writes(&mut self, ctx: &mut Ctx<'_>) -> Vec<LogEvent> {
        let options = &self.cluster.bookkeeper;
        let (size_max, attempts_max) = (options.ledger_size_max, options.write_attempts_max);
        let Some(current) = &mut self.current else { return Vec::new() };
        let of_older = |write: &Write| {
            !write.done && write.sent.is_some_and(|(sequence, _)| sequence != current.sequence)
        };
        if self.inquiry.is_some() || self.closed || self.writes.iter().any(of_older) {
            return Vec::new();
        }
        for write in self.writes.iter_mut().filter(|write| write.sent.is_none()) {
            if current.bytes >= size_max {
                break;
            }
            write.attempts += 1;
            if write.attempts == 2 {
                properties::FRAME_RETRIED.reached(ctx);
            }
            if write.attempts > attempts_max {
                return vec![self.fail(LogError::NotAvailable)];
            }
            match current.handle.add(ctx, frame_codec::encode(&write.frame)) {
                Ok(entry) => write.sent = Some((current.sequence, entry)),
                Err(_) => break,
            }
            current.bytes += write.frame.bytes;
        }
        if current.bytes >= size_max && self.next.is_none() && self.updating.is_none() {
            self.next = Some(self.create_ledger(ctx));
        }
        Vec::new()
    }

    /// See [`super::DataLog::needs`]: whoever opens it next reads from its truncation point.
    pub fn needs(&self, needs: &mut Needs) {
        let begins = self.metadata.truncation;
        for ledger in &self.metadata.ledgers {
            let from = if ledger.sequence == begins.ledger { begins.entry } else { 0 };
            needs.from(logs::of_ledger(ledger.id.0), from);
        }
    }

    fn fail(&mut self, error: LogError) -> LogEvent {
        self.close();
        LogEvent::Failed(error)
    }

    /// Lets go of everything.
    pub fn close(&mut self) {
        self.closed = true;
        self.current = None;
        self.next = None;
        self.inquiry = None;
        self.opening = None;
        self.retired.clear();
    }

    /// The queue as of the last look at it.
    pub fn queue_stats(&self) -> QueueStats {
        self.stats
    }

    /// Bytes on their way.
    pub fn outstanding_bytes(&self) -> u64 {
        self.writes.iter().map(|write| write.frame.bytes).sum()
    }

    /// See [`super::DataLog::unanswered_bytes`].
    pub fn unanswered_bytes(&self) -> u64 {
        let open = self.current.iter().chain(&self.retired);
        open.map(|ledger| ledger.handle.unanswered_bytes()).sum()
    }

    /// Looks through the queue without anything having completed: its age counts.
    pub fn look_through_queue(&mut self, now: Time) {
        let age = self.writes.front().map_or(0, |write| now.since(write.added).as_millis());
        self.note_stats(age);
    }

    fn note_stats(&mut self, expected_ms: u64) {
        let (size, bytes) = (self.writes.len() as u64, self.outstanding_bytes());
        self.stats = QueueStats { size, bytes, expected_ms };
    }

    /// Takes completed writes off the head of the queue (`WriteQueue.removeFinishedWrites`).
    fn remove_finished(&mut self, now: Time) -> Vec<LogEvent> {
        let (mut events, mut elapsed) = (Vec::new(), Duration::ZERO);
        while self.writes.front().is_some_and(|write| write.done) {
            let write = self.writes.pop_front().expect("there is one");
            let (ledger, entry) = write.sent.expect("a completed write was sent");
            elapsed += now.since(write.added);
            events.push(LogEvent::Appended(LogAddress { ledger, entry: entry.word() }));
        }
        if !events.is_empty() {
            self.note_stats((elapsed / events.len() as u64).as_millis());
        }
        events
    }

    fn on_handle(
        &mut self,
        ctx: &mut Ctx<'_>,
        sequence: u64,
        events: Vec<HandleEvent>,
    ) -> Vec<LogEvent> {
        let mut result = Vec::new();
        for event in events {
            match event {
                HandleEvent::Added { entry, .. } => {
                    let sent = Some((sequence, entry));
                    let mut writes = self.writes.iter_mut();
                    if let Some(write) = writes.find(|write| write.sent == sent) {
                        write.done = true;
                    }
                }
                HandleEvent::Failed { error, .. } => {
                    append_or_replace(&mut result, self.ledger_failed(ctx, sequence, error));
                }
                HandleEvent::Closed { .. } => {
                    self.retired.retain(|ledger| ledger.sequence != sequence);
                }
                HandleEvent::Created { .. } => {}
            }
        }
        append_or_replace(&mut result, self.remove_finished(ctx.now()));
        append_or_replace(&mut result, self.send_writes(ctx));
        result
    }

    fn ledger_failed(
        &mut self,
        ctx: &mut Ctx<'_>,
        sequence: u64,
        error: LedgerError,
    ) -> Vec<LogEvent> {
        match error {
            LedgerError::Fenced => return vec![self.fail(LogError::NotPrimary)],
            LedgerError::Metadata => return vec![self.fail(LogError::NotAvailable)],
            _ => {}
        }
        self.retired.retain(|ledger| ledger.sequence != sequence);
        let ledger = self.metadata.ledgers.iter().find(|ledger| ledger.sequence == sequence);
        let Some(id) = ledger.map(|ledger| ledger.id) else { return Vec::new() };
        // Closing it for good shows what it has.
        self.inquiry = Some((sequence, self.recover_ledger(ctx, id)));
        if self.current.as_ref().is_some_and(|current| current.sequence == sequence) {
            self.current = None;
            if self.next.is_none() {
                self.next = Some(self.create_ledger(ctx));
            }
        }
        Vec::new()
    }

    fn on_inquiry(&mut self, ctx: &mut Ctx<'_>, events: Vec<RecoveryEvent>) -> Vec<LogEvent> {
        let Some(event) = events.into_iter().next() else { return Vec::new() };
        let Some((sequence, _)) = self.inquiry.take() else { return Vec::new() };
        match event {
            RecoveryEvent::Failed { .. } => vec![self.fail(LogError::NotAvailable)],
            RecoveryEvent::Recovered { last, .. } => {
                for write in &mut self.writes {
                    match write.sent {
                        Some((ledger, entry)) if ledger == sequence && entry <= last => {
                            write.done = true
                        }
                        Some((ledger, _)) if ledger == sequence => write.sent = None,
                        _ => {}
                    }
                }
                let mut result = self.remove_finished(ctx.now());
                append_or_replace(&mut result, self.send_writes(ctx));
                result
            }
        }
    }

    /// A ledger that follows another was created, or could not be.
    fn on_next(&mut self, ctx: &mut Ctx<'_>, events: Vec<HandleEvent>) -> Vec<LogEvent> {
        for event in events {
            match event {
                HandleEvent::Created { ledger } => {
                    let update =
                        if self.opening.is_some() { Update::Open } else { Update::Rollover };
                    let mut metadata = self.metadata.clone();
                    if update == Update::Open {
                        metadata.epoch += 1;
                    }
                    metadata.add(ledger);
                    self.update(ctx, update, metadata);
                }
                HandleEvent::Failed { .. } => return vec![self.fail(LogError::NotAvailable)],
                HandleEvent::Added { .. } | HandleEvent::Closed { .. } => {}
            }
        }
        Vec::new()
    }

    /// Changes the metadata, if it is still as this log left it.
    fn update(&mut self, ctx: &mut Ctx<'_>, update: Update, metadata: LogMetadata) {
        let (path, value) = (log_metadata::path(self.container), metadata.to_value());
        let operation = match self.version {
            Some(version) => {
                let checked = !self.cluster.bugs.has(Bug::OwnerWithoutCompare);
                Operation::Set { path, value, version: Some(version).filter(|_| checked) }
            }
            None => Operation::Create { path, value, ephemeral: false },
        };
        let request = self.client.request(ctx, operation);
        self.updating = Some(Updating { request, update, metadata });
    }

    /// Drops the frames before `address`.
    pub fn truncate(&mut self, ctx: &mut Ctx<'_>, address: LogAddress) {
        self.truncate_to = self.truncate_to.max(Some(address));
        self.go_on_truncating(ctx);
    }

    fn go_on_truncating(&mut self, ctx: &mut Ctx<'_>) {
        if self.updating.is_some() || self.next.is_some() || self.closed {
            return;
        }
        if let Some(address) = self.truncate_to.take() {
            let mut metadata = self.metadata.clone();
            let dropped = metadata.truncate(address);
            self.update(ctx, Update::Truncate(dropped), metadata);
        }
    }

    fn on_metadata(&mut self, ctx: &mut Ctx<'_>, events: Vec<MetadataEvent>) -> Vec<LogEvent> {
        let mut result = Vec::new();
        for event in events {
            let MetadataEvent::Reply { request, result: reply } = event else { continue };
            match self.updating.take_if(|updating| updating.request == request) {
                Some(updating) => {
                    append_or_replace(&mut result, self.on_update(ctx, updating, reply))
                }
                None if self.opening.is_some() && self.next.is_none() => {
                    self.loaded(ctx, reply);
                }
                None => {}
            }
        }
        result
    }

    fn loaded(&mut self, ctx: &mut Ctx<'_>, reply: Result<MetadataResponse, MetadataError>) {
        if let Ok(MetadataResponse::Record { value, version }) = reply {
            self.metadata = LogMetadata::from_value(&value);
            self.version = Some(version);
        }
        self.fence_next(ctx);
    }

    /// Every ledger of the log is fenced: a new one is made.
    pub(super) fn fenced(&mut self, ctx: &mut Ctx<'_>) {
        self.next = Some(self.create_ledger(ctx));
    }

    fn on_update(
        &mut self,
        ctx: &mut Ctx<'_>,
        updating: Updating,
        reply: Result<MetadataResponse, MetadataError>,
    ) -> Vec<LogEvent> {
        match reply {
            Ok(MetadataResponse::Done(version)) => self.updated(ctx, updating, version),
            // A repeated request whose answer was lost finds its own record (`reconcileMetadata`).
            Ok(MetadataResponse::Record { value, version })
                if value == updating.metadata.to_value() =>
            {
                self.updated(ctx, updating, version)
            }
            Err(MetadataError::BadVersion | MetadataError::NodeExists) => {
                let path = log_metadata::path(self.container);
                let request = self.client.request(ctx, Operation::Get { path, watch: false });
                self.updating = Some(Updating { request, ..updating });
                Vec::new()
            }
            _ => vec![self.fail(LogError::NotPrimary)],
        }
    }

    fn updated(
        &mut self,
        ctx: &mut Ctx<'_>,
        updating: Updating,
        version: Version,
    ) -> Vec<LogEvent> {
        self.version = Some(version);
        self.metadata = updating.metadata;
        match updating.update {
            Update::Open => {
                self.begin_ledger();
                return self.read_log(ctx);
            }
            Update::Rollover => {
                if let Some(mut old) = self.current.take() {
                    old.handle.close(ctx);
                    self.retired.push(old);
                }
                let ledger = self.begin_ledger();
                properties::LEDGER_ROLLED.reached(ctx);
                if self.cluster.bugs.has(Bug::FramesTwiceAtRollover) {
                    self.writes.iter_mut().for_each(|write| write.sent = None);
                }
                let mut result = vec![LogEvent::RolledOver { ledger }];
                append_or_replace(&mut result, self.send_writes(ctx));
                self.go_on_truncating(ctx);
                return result;
            }
            Update::Truncate(dropped) => {
                for LedgerId(id) in dropped {
                    let path = Path::new(LEDGERS, id);
                    self.client.request(ctx, Operation::Delete { path, version: None });
                }
            }
        }
        self.go_on_truncating(ctx);
        self.send_writes(ctx)
    }

    fn begin_ledger(&mut self) -> u64 {
        let handle = self.next.take().expect("made before it was entered in the metadata");
        let sequence = self.metadata.ledgers.last().expect("just added").sequence;
        self.current = Some(OpenLedger { sequence, handle, bytes: 0 });
        sequence
    }

    /// Hands an input to every component; each ignores what is not its own.
    pub fn on(&mut self, ctx: &mut Ctx<'_>, input: Input<'_>) -> Vec<LogEvent> {
        if self.closed {
            return Vec::new();
        }
        if let Some(opening) = &mut self.opening {
            let steps = opening.on(ctx, input);
            let result = self.on_opening(ctx, steps);
            if !result.is_empty() {
                return result;
            }
        }
        let events = self.client.on(ctx, input);
        let mut result = self.on_metadata(ctx, events);
        if let Some(next) = &mut self.next {
            let events = next.on(ctx, input);
            append_or_replace(&mut result, self.on_next(ctx, events));
        }
        let sequences: Vec<u64> = self.retired.iter().map(|ledger| ledger.sequence).collect();
        for sequence in sequences {
            let Some(old) = self.retired.iter_mut().find(|old| old.sequence == sequence) else {
                continue;
            };
            let events = old.handle.on(ctx, input);
            append_or_replace(&mut result, self.on_handle(ctx, sequence, events));
        }
        if let Some(current) = &mut self.current {
            let (sequence, events) = (current.sequence, current.handle.on(ctx, input));
            if !events.is_empty() {
                append_or_replace(&mut result, self.on_handle(ctx, sequence, events));
            }
        }
        if let Some((_, inquiry)) = &mut self.inquiry {
            let events = inquiry.on(ctx, input);
            append_or_replace(&mut result, self.on_inquiry(ctx, events));
        }
        result
    }

    /// The log has been read: it may be written.
    pub(super) fn opened(&mut self, frames: Vec<(LogAddress, Frame)>) -> LogEvent {
        self.opening = None;
        LogEvent::Initialized { epoch: self.metadata.epoch, frames }
    }

    /// The log can't be opened.
    pub(super) fn opening_failed(&mut self) -> LogEvent {
        self.fail(LogError::NotAvailable)
    }
}
