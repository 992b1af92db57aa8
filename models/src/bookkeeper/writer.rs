//! A writer of the stand-alone deployment: events of the schedule as entries of its own ledgers.
//!
//! Stands for an application on the client library 4.15. It writes one stream of ledgers (its
//! lane), listed in the metadata service before the first entry is added. A ledger that fails is
//! followed by a new one; events of entries that failed are reported as failed and not written
//! again. Started again after a crash, it goes on with what the schedule has from then on.
//!
//! Parameters: [`config::Writer`], and what the client's threads cost
//! ([`super::costs::ClientCosts`]). Left out: the application's CPU time.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::arrival::Arrival;
use crate::batch::{Batch, Lane};
use crate::bookkeeper::signals;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::protocol::{self, Streaming};

use super::client_threads::ClientPools;
use super::config;
use super::entry::Payload;
use super::ids::LedgerId;
use super::input::Input;
use super::ledger_handle::{HandleEvent, HandleSpec, LedgerHandle};
use super::metadata::client::{MetadataClient, MetadataEvent};
use super::metadata::message::{MetadataError, MetadataResponse, Operation, Path, Value};
use super::waits;
use crate::component::Component;
use crate::tags::TagSpace;

/// Directory of the writers' ephemeral records: who is alive.
pub const WRITERS: &str = "writers";
/// Directory of the writers' ledgers: words, first 1 if the writer has finished, then ledger
/// numbers.
pub const WRITER_LEDGERS: &str = "writer-ledgers";

const TIMER_ARRIVAL: u64 = 1;
const TIMER_RETRY: u64 = 2;
const SESSION: u32 = 1;
const FIRST_HANDLE: u32 = 2;

/// The client's threads: a writer has no others.
const POOLS: ClientPools = ClientPools { io: PoolId(0), worker: PoolId(1) };

/// What a writer is made with.
#[derive(Clone)]
pub struct WriterSpec {
    /// Its number, from 0.
    pub writer: u32,
    /// Options.
    pub writer_config: config::Writer,
    /// The client's options.
    pub client: config::Client,
    /// Replication.
    pub ledger: config::Ledger,
    /// The metadata service.
    pub metadata: NodeId,
    /// Session timeout with it in ms.
    pub session_timeout_ms: u64,
    /// What to write.
    pub feed: Feed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for the session and for the list of ledgers as it was left.
    Starting,
    /// Waits for a new ledger, and for the list to name it.
    Opening,
    Writing,
    /// Waits for the close of a full ledger, or of the last.
    Closing,
    /// Waits before it tries again.
    Retrying,
    Finished,
}

/// A writer.
pub struct Writer {
    spec: WriterSpec,
    service: MetadataClient,
    phase: Phase,
    intake: Intake,
    /// Taken from the schedule, not yet in an entry.
    gathered: VecDeque<(Arrival, Time)>,
    gathered_bytes: u64,
    handle: Option<LedgerHandle>,
    handles: u32,
    ledger_bytes: u64,
    ledgers: Vec<u64>,
    listing: Option<u64>,
    registering: Option<u64>,
    old_registration: Option<u64>,
    timer_armed: Option<Time>,
}

impl Writer {
    /// A writer at the start of its schedule.
    pub fn new(spec: WriterSpec) -> Self {
        let timeout = Duration::from_millis(spec.session_timeout_ms);
        Self {
            service: MetadataClient::new(spec.metadata, TagSpace::new(SESSION), timeout),
            phase: Phase::Starting,
            intake: spec.feed.intake(spec.writer, spec.writer_config.writers),
            gathered: VecDeque::new(),
            gathered_bytes: 0,
            handle: None,
            handles: 0,
            ledger_bytes: 0,
            ledgers: Vec::new(),
            listing: None,
            registering: None,
            old_registration: None,
            timer_armed: None,
            spec,
        }
    }

    const fn list_path(&self) -> Path {
        Path::new(WRITER_LEDGERS, self.spec.writer as u64)
    }

    /// Puts the list of ledgers into the metadata; `Set` or, the first time, `Create`.
    fn store_list(&mut self, ctx: &mut Context<'_, Streaming>, finished: bool) {
        let mut words = vec![u64::from(finished)];
        words.extend(&self.ledgers);
        let (path, value) = (self.list_path(), Value::Words(words));
        let request = self.service.request(ctx, Operation::Set { path, value, version: None });
        self.listing = Some(request);
    }

    fn open(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.phase = Phase::Opening;
        self.handles += 1;
        self.ledger_bytes = 0;
        let spec = HandleSpec {
            metadata: self.spec.metadata,
            ledger: self.spec.ledger.clone(),
            client: self.spec.client.clone(),
            tags: TagSpace::new(FIRST_HANDLE + self.handles),
            pools: POOLS,
        };
        self.handle = Some(LedgerHandle::create(ctx, spec));
    }

    /// Takes what is due and writes what is full or has waited long enough.
    fn write(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.phase != Phase::Writing {
            return;
        }
        let outstanding_max = self.spec.writer_config.outstanding_entries_max;
        loop {
            let pending = self.handle.as_ref().map_or(0, LedgerHandle::pending_entries);
            if pending >= outstanding_max {
                return;
            }
            self.gather(ctx.now());
            if self.gathered.is_empty() || !self.is_due(ctx.now()) {
                break;
            }
            self.add(ctx);
            if self.ledger_bytes >= self.spec.writer_config.ledger_bytes_max {
                self.close(ctx);
                return;
            }
        }
        match (self.gathered.front(), self.intake.next_due(ctx.now())) {
            (Some((_, taken)), next) => {
                let due = *taken + Duration::from_millis(self.spec.writer_config.linger_ms);
                let at = next.map_or(due, |next| due.min(next));
                self.arm(ctx, at);
            }
            (None, Some(next)) => self.arm(ctx, next),
            (None, None) => self.close(ctx),
        }
    }

    fn arm(&mut self, ctx: &mut Context<'_, Streaming>, at: Time) {
        if self.timer_armed.is_none_or(|armed| armed > at || armed <= ctx.now()) {
            self.timer_armed = Some(at);
            ctx.timer(at - ctx.now(), TIMER_ARRIVAL);
        }
    }

    fn is_full(&self, more: u64) -> bool {
        let config = &self.spec.writer_config;
        self.gathered.len() as u64 >= u64::from(config.entry_events_max)
            || (!self.gathered.is_empty() && self.gathered_bytes + more > config.entry_bytes_max)
    }

    fn gather(&mut self, now: Time) {
        while let Some(next) = self.intake.due(now)
            && !self.is_full(u64::from(next.bytes))
        {
            self.gathered_bytes += u64::from(next.bytes);
            self.gathered.push_back((next, now));
            self.intake.take();
        }
    }

    fn is_due(&self, now: Time) -> bool {
        let next = self.intake.due(now);
        let full = self.is_full(next.map_or(0, |next| u64::from(next.bytes)));
        let linger = Duration::from_millis(self.spec.writer_config.linger_ms);
        let waited = self.gathered.front().is_some_and(|(_, taken)| now.since(*taken) >= linger);
        full || waited || self.intake.next_due(now).is_none()
    }

    fn add(&mut self, ctx: &mut Context<'_, Streaming>) {
        let gathered = std::mem::take(&mut self.gathered);
        let bytes = std::mem::take(&mut self.gathered_bytes);
        let lane = Lane(self.spec.writer);
        let first = self.intake.number(lane, gathered.len() as u64);
        let batch = Batch {
            bytes,
            intended: gathered.iter().map(|(arrival, _)| arrival.at).collect(),
            started: gathered.iter().map(|(_, taken)| *taken).collect(),
            ..Batch::empty(self.intake.writer(), lane, first)
        };
        self.ledger_bytes += bytes;
        let payload = Payload { bytes, batches: vec![Rc::new(batch)], words: Vec::new() };
        let handle = self.handle.as_mut().expect("a writing writer has a ledger");
        // A handle that fails says so with an event, which changes the phase.
        handle.add(ctx, payload).expect("the ledger is open");
    }

    fn close(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.phase = Phase::Closing;
        if let Some(handle) = &mut self.handle {
            handle.close(ctx);
        }
    }

    fn on_handle(&mut self, ctx: &mut Context<'_, Streaming>, events: Vec<HandleEvent>) {
        for event in events {
            match event {
                HandleEvent::Created { ledger: LedgerId(ledger) } => {
                    self.ledgers.push(ledger);
                    self.store_list(ctx, false);
                }
                HandleEvent::Added { payload, .. } => {
                    for batch in &payload.batches {
                        self.intake.acked(ctx, batch.clone());
                    }
                }
                HandleEvent::Failed { error, entries } => {
                    for batch in entries.iter().flat_map(|(_, payload)| &payload.batches) {
                        self.intake.failed(ctx, batch.clone(), error.name());
                    }
                    self.phase = Phase::Retrying;
                    let wait = Duration::from_millis(self.spec.writer_config.retry_ms);
                    ctx.timer_for(wait, TIMER_RETRY, waits::RETRY);
                }
                HandleEvent::Closed { .. } => self.on_closed(ctx),
            }
        }
        self.write(ctx);
    }

    fn on_closed(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.intake.next_due(ctx.now()).is_none() && self.gathered.is_empty() {
            self.phase = Phase::Finished;
            self.store_list(ctx, true);
        } else {
            self.open(ctx);
        }
    }

    fn on_metadata(&mut self, ctx: &mut Context<'_, Streaming>, event: MetadataEvent) {
        match event {
            MetadataEvent::SessionOpened(_) => {
                self.register(ctx);
                if self.phase == Phase::Starting {
                    let path = self.list_path();
                    let get = Operation::Get { path, watch: false };
                    self.listing = Some(self.service.request(ctx, get));
                }
            }
            MetadataEvent::SessionExpired => self.service.start(ctx),
            MetadataEvent::Reply { request, result } if self.listing == Some(request) => {
                self.listing = None;
                self.on_listed(ctx, result);
            }
            // A session of an earlier life is still there: waits until it has gone.
            MetadataEvent::Reply { request, result: Err(MetadataError::NodeExists) }
                if self.registering == Some(request) =>
            {
                let get = Operation::Get { path: self.alive_path(), watch: true };
                self.old_registration = Some(self.service.request(ctx, get));
            }
            MetadataEvent::Reply { request, result: Err(MetadataError::NoNode) }
            | MetadataEvent::Changed { request, .. }
                if self.old_registration == Some(request) =>
            {
                self.register(ctx);
            }
            MetadataEvent::Reply { .. }
            | MetadataEvent::Changed { .. }
            | MetadataEvent::SessionClosed => {}
        }
    }

    /// An input for the components.
    fn on_input(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) {
        for event in self.service.on(ctx, input) {
            self.on_metadata(ctx, event);
        }
        if let Some(handle) = &mut self.handle {
            let events = handle.on(ctx, input);
            self.on_handle(ctx, events);
        }
        self.note_memory(ctx);
    }

    /// What is held for bookies that have not answered, and the end of the process if it is too
    /// much.
    fn note_memory(&self, ctx: &mut Context<'_, Streaming>) {
        let held = self.handle.as_ref().map_or(0, LedgerHandle::unanswered_bytes);
        signals::UNANSWERED_BYTES.set(ctx, held);
        let limit = self.spec.client.direct_memory_bytes;
        if limit > 0 && held > limit {
            signals::WRITER_OUT_OF_MEMORY.note(ctx, u64::from(self.spec.writer), held);
            ctx.exit();
        }
    }

    const fn alive_path(&self) -> Path {
        Path::new(WRITERS, self.spec.writer as u64)
    }

    fn register(&mut self, ctx: &mut Context<'_, Streaming>) {
        let (path, value) = (self.alive_path(), Value::Words(Vec::new()));
        let create = Operation::Create { path, value, ephemeral: true };
        self.registering = Some(self.service.request(ctx, create));
    }

    fn on_listed(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        result: Result<MetadataResponse, MetadataError>,
    ) {
        match (self.phase, result) {
            (Phase::Starting, Ok(MetadataResponse::Record { value: Value::Words(words), .. })) => {
                self.ledgers = words.into_iter().skip(1).collect();
                self.open(ctx);
            }
            (Phase::Starting, Err(MetadataError::NoNode)) => {
                let (path, value) = (self.list_path(), Value::Words(vec![0]));
                let create = Operation::Create { path, value, ephemeral: false };
                self.listing = Some(self.service.request(ctx, create));
            }
            (Phase::Starting, _) => self.open(ctx),
            (Phase::Opening, Ok(_)) => {
                self.phase = Phase::Writing;
                self.write(ctx);
            }
            (Phase::Opening | Phase::Finished, Err(_)) => {
                self.store_list(ctx, self.phase == Phase::Finished);
            }
            (Phase::Finished, Ok(_)) => {
                self.service.close(ctx);
                signals::WRITER_FINISHED.note(ctx, u64::from(self.spec.writer), 0);
            }
            _ => {}
        }
    }
}

impl Node<Streaming> for Writer {
    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        let lane = Lane(self.spec.writer);
        self.intake.start(ctx.now(), |_| [lane]);
        self.service.start(ctx);
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(message) = message else { return };
        self.on_input(ctx, Input::Message(from, &message));
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        match tag {
            TIMER_ARRIVAL => {
                self.timer_armed = self.timer_armed.filter(|armed| *armed > ctx.now());
                self.write(ctx);
            }
            TIMER_RETRY if self.phase == Phase::Retrying => self.open(ctx),
            _ => self.on_input(ctx, Input::Timer(tag)),
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
        self.on_input(ctx, Input::Timer(tag));
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        self.on_input(ctx, Input::Disconnect(peer));
    }
}
