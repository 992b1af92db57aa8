//! The reader of the stand-alone deployment: reads every writer's ledgers back, in order.
//!
//! Stands for an application on the client library 4.15 that opens ledgers with recovery. A ledger
//! is opened once it cannot be written any more: a later one is listed, the writer has finished, or
//! the writer's session is no more. An entry that no bookie has is reported and skipped; one that
//! cannot be read now is tried again.
//!
//! Parameters: the client's options. It looks for new ledgers every [`POLL`].
//!
//! Left out: the application's CPU time, tailing of a ledger that is still open
//! (`readUnconfirmedEntries`, long polls): an event is handed over when its ledger has been closed.

use std::cmp::Ordering;

use headwater_sim::context::Context;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::bookkeeper::signals;
use crate::collections::SortedVecMap;
use crate::logs;
use crate::outlet::Outlet;
use crate::protocol::{self, Streaming};

use super::config;
use super::ids::{EntryId, LedgerId};
use super::input::Input;
use super::ledger_handle::LedgerError;
use super::ledger_metadata::LedgerMetadata;
use super::ledger_reader::{LedgerReader, ReaderEvent, ReaderSpec};
use super::ledger_recovery::{LedgerRecovery, RecoveryEvent, RecoverySpec};
use super::metadata::client::{MetadataClient, MetadataEvent};
use super::metadata::message::{MetadataResponse, Operation, Value};
use super::properties;
use super::writer::{WRITER_LEDGERS, WRITERS};
use crate::component::Component;
use crate::tags::TagSpace;

/// Time between looks at the writers' lists, and before something that failed is tried again.
pub const POLL: Duration = Duration::from_millis(500);

/// Entries on the way from one ledger.
const WINDOW: u64 = 64;

const TIMER_POLL: u64 = 1;
const SERVICE: u32 = 1;
/// Component numbers: this, the writer in the next bits, the low 16 bits counted up.
const FIRST_COMPONENT: u32 = 1 << 24;

/// What a reader is made with.
#[derive(Clone, Debug)]
pub struct ReaderNodeSpec {
    /// Where it puts what it has read.
    pub outlet: Outlet,
    /// The client's options.
    pub client: config::Client,
    /// The metadata service.
    pub metadata: NodeId,
}

#[derive(Debug)]
enum Work {
    None,
    Recovering(Box<LedgerRecovery>),
    Reading(Box<LedgerReader>, LedgerMetadata, EntryId),
}

/// One writer's ledgers.
#[derive(Debug)]
struct Stream {
    ledgers: Vec<u64>,
    /// Ledgers read to their end.
    read: usize,
    finished: bool,
    work: Work,
    /// Components made so far.
    components: u32,
    /// The next entry of the ledger, and the number of entries of the ledgers before it.
    next: EntryId,
    before: u64,
}

/// A reader.
pub struct Reader {
    spec: ReaderNodeSpec,
    service: MetadataClient,
    lists: Option<u64>,
    alive: Option<u64>,
    streams: SortedVecMap<u64, Stream>,
    writers: Vec<u64>,
}

impl Reader {
    /// A reader that has read nothing.
    pub fn new(spec: ReaderNodeSpec) -> Self {
        let tags = TagSpace::new(SERVICE);
        Self {
            service: MetadataClient::new(spec.metadata, tags, Duration::ZERO),
            lists: None,
            alive: None,
            streams: SortedVecMap::default(),
            writers: Vec::new(),
            spec,
        }
    }

    fn poll(&mut self, ctx: &mut Context<'_, Streaming>) {
        ctx.timer(POLL, TIMER_POLL);
        if self.lists.is_none() && self.alive.is_none() {
            let list = |directory| Operation::List { directory, watch: false };
            // First the lists, then the live writers: the last ledger of an old list is not written
            // any more if its writer has gone since.
            self.lists = Some(self.service.request(ctx, list(WRITER_LEDGERS)));
            self.alive = Some(self.service.request(ctx, list(WRITERS)));
        }
    }

    fn on_directory(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        request: u64,
        directory: Vec<(u64, Value)>,
    ) {
        if self.lists == Some(request) {
            self.lists = None;
            for (writer, value) in directory {
                let Value::Words(words) = value else { continue };
                let stream = self.streams.get_or_insert_with(writer, Stream::new);
                stream.finished = words.first() == Some(&1);
                stream.ledgers = words.into_iter().skip(1).collect();
            }
        } else if self.alive == Some(request) {
            self.alive = None;
            self.writers = directory.into_iter().map(|(writer, _)| writer).collect();
            for writer in self.streams.keys().copied().collect::<Vec<_>>() {
                self.go_on(ctx, writer);
            }
        }
    }

    /// Opens the next ledger of a writer, if it can't be written any more.
    fn go_on(&mut self, ctx: &mut Context<'_, Streaming>, writer: u64) {
        let alive = self.writers.contains(&writer);
        let (metadata, client) = (self.spec.metadata, self.spec.client.clone());
        let stream = self.streams.get_mut(&writer).expect("it is listed");
        let last = stream.read + 1 >= stream.ledgers.len();
        let writable = last && alive && !stream.finished;
        if !matches!(stream.work, Work::None) || stream.read >= stream.ledgers.len() || writable {
            return;
        }
        let (ledger, tags) = (LedgerId(stream.ledgers[stream.read]), stream.tags(writer));
        let spec = RecoverySpec { metadata, ledger, client, tags };
        stream.work = Work::Recovering(Box::new(LedgerRecovery::start(ctx, spec)));
    }

    fn on_recovery(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        writer: u64,
        events: Vec<RecoveryEvent>,
    ) {
        for event in events {
            let stream = &self.streams[&writer];
            let ledger = stream.ledgers[stream.read];
            match event {
                RecoveryEvent::Recovered { metadata, last } => {
                    properties::RECOVERY_ENDS.note(ctx, ledger, true);
                    self.read(ctx, writer, metadata, last);
                }
                // Tried again at the next look.
                RecoveryEvent::Failed { .. } => {
                    properties::RECOVERY_ENDS.note(ctx, ledger, false);
                    self.streams.get_mut(&writer).expect("it is being read").work = Work::None;
                }
            }
        }
    }

    fn read(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        writer: u64,
        metadata: LedgerMetadata,
        last: EntryId,
    ) {
        let client = self.spec.client.clone();
        let stream = self.streams.get_mut(&writer).expect("it is being read");
        let (ledger, tags) = (LedgerId(stream.ledgers[stream.read]), stream.tags(writer));
        let first = stream.next;
        let read = metadata.clone();
        let spec = ReaderSpec { ledger, metadata: read, first, last, window: WINDOW, client, tags };
        let (reader, events) = LedgerReader::start(ctx, spec);
        stream.work = Work::Reading(Box::new(reader), metadata, last);
        self.on_reader(ctx, writer, events);
    }

    fn on_reader(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        writer: u64,
        events: Vec<ReaderEvent>,
    ) {
        for event in events {
            let stream = self.streams.get_mut(&writer).expect("it is being read");
            match event {
                ReaderEvent::Entry(entry) => {
                    stream.next = entry.id.next();
                    let position = stream.before + entry.id.word();
                    for batch in &entry.payload.batches {
                        self.spec.outlet.deliver(ctx, batch.clone(), position);
                    }
                }
                ReaderEvent::Finished => {
                    stream.before += stream.next.word();
                    (stream.next, stream.read) = (EntryId(0), stream.read + 1);
                    stream.work = Work::None;
                    self.go_on(ctx, writer);
                }
                ReaderEvent::Failed { entry, error } => {
                    let entity = stream.ledgers[stream.read];
                    let work = std::mem::replace(&mut stream.work, Work::None);
                    if error == LedgerError::NoSuchEntry
                        && let Work::Reading(_, metadata, last) = work
                    {
                        stream.next = entry.next();
                        signals::ENTRY_MISSING.note(ctx, entity, entry.word());
                        self.read(ctx, writer, metadata, last);
                    }
                }
            }
        }
    }

    fn on_service(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) {
        for event in self.service.on(ctx, input) {
            if let MetadataEvent::Reply { request, result: Ok(MetadataResponse::Directory(list)) } =
                event
            {
                self.on_directory(ctx, request, list);
            }
        }
    }

    fn on_component(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        input: Input<'_>,
        only: Option<u64>,
    ) {
        let writers: Vec<_> = match only {
            Some(writer) => vec![writer],
            None => self.streams.keys().copied().collect(),
        };
        for writer in writers {
            let Some(stream) = self.streams.get_mut(&writer) else { continue };
            match &mut stream.work {
                Work::None => {}
                Work::Recovering(recovery) => {
                    let events = recovery.on(ctx, input);
                    self.on_recovery(ctx, writer, events);
                }
                Work::Reading(reader, ..) => {
                    let events = reader.on(ctx, input);
                    self.on_reader(ctx, writer, events);
                }
            }
        }
    }
}

impl Stream {
    const fn new() -> Self {
        Self {
            ledgers: Vec::new(),
            read: 0,
            finished: false,
            work: Work::None,
            components: 0,
            next: EntryId(0),
            before: 0,
        }
    }

    fn tags(&mut self, writer: u64) -> TagSpace {
        self.components = (self.components + 1) & 0xffff;
        TagSpace::new(FIRST_COMPONENT | (writer as u32) << 16 | self.components)
    }
}

/// The writer whose component a tag belongs to.
const fn writer_of(tag: u64) -> Option<u64> {
    let number = TagSpace::number_of(tag);
    if number < FIRST_COMPONENT {
        return None;
    }
    Some(((number & !FIRST_COMPONENT) >> 16) as u64)
}

impl Node<Streaming> for Reader {
    fn needs(&self, _files: &Folding<'_, protocol::Record>, needs: &mut Needs) {
        for stream in self.streams.values() {
            for (place, ledger) in stream.ledgers.iter().enumerate() {
                let from = match place.cmp(&stream.read) {
                    Ordering::Less => u64::MAX,
                    Ordering::Equal => stream.next.word(),
                    Ordering::Greater => 0,
                };
                needs.from(logs::of_ledger(*ledger), from);
            }
        }
    }

    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.service.start(ctx);
        self.poll(ctx);
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(message) = message else { return };
        let Some(tag) = message.reply_tag() else { return };
        if let Some(writer) = writer_of(tag) {
            self.on_component(ctx, Input::Message(from, &message), Some(writer));
        } else {
            self.on_service(ctx, Input::Message(from, &message));
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        if tag == TIMER_POLL {
            self.poll(ctx);
        } else if let Some(writer) = writer_of(tag) {
            self.on_component(ctx, Input::Timer(tag), Some(writer));
        } else {
            self.on_service(ctx, Input::Timer(tag));
        }
    }

    fn on_completion(
        &mut self,
        _ctx: &mut Context<'_, Streaming>,
        _tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        self.on_service(ctx, Input::Disconnect(peer));
        self.on_component(ctx, Input::Disconnect(peer), None);
    }
}
