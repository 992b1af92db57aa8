//! The bookie: a storage server of ledger entries.
//!
//! Stands for `bookie/BookieImpl.java`, `proto/BookieRequestProcessor.java` and its processors of
//! apache/bookkeeper @ branch-4.15.
//!
//! ```text
//! add ──> add threads ──> ledger storage (memory) ──> journal ──> callback threads ──> ack
//! read ─> read threads ─> memory or entry log ──────────────────────────────────────> reply
//! fence ─> high-priority threads ─> journal ─────────────────────────────────────────> reply
//! ```
//!
//! The add path blocks while the memtables are full, or while too much waits for the journal. A
//! fence is in the journal before it is answered. A restarted bookie reads its index, its last mark
//! and the journal from there on, registers with the metadata service (an old registration must
//! have expired first) and only then serves: a wiped one comes back empty and says that it has no
//! such entry (apache/bookkeeper#2612), as nothing checks its identity.
//!
//! Parameters: [`config::Bookie`]. Left out: cookies, the limbo state and data integrity check
//! (`dataIntegrityCheckingEnabled`, off by default), `maxAddsInProgressLimit` (0 by default),
//! auto-recovery, disk usage thresholds below full, write-ahead of the explicit LAC.

mod reads;
mod restart;

use std::collections::{BTreeMap, VecDeque};

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, DiskOp, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::note::Note;
use crate::protocol::{self, Streaming};

use super::component::{Component, Input};
use super::config;
use super::entry::SharedEntry;
use super::ids::{LedgerId, TagSpace};
use super::journal::{Journal, JournalItem, JournalOutcome, JournalTags, journal_file};
use super::ledger_index::LedgerIndex;
use super::ledger_storage::{LedgerStorage, StorageTags, entry_log_file};
use super::message::{Message, Status};
use super::metadata::client::{MetadataClient, MetadataEvent};
use super::metadata::message::{LEDGERS, MetadataError, Operation, Outcome, Value, bookie_path};
use reads::Reads;
use restart::Restart;

/// Thread pools of a bookie, for [`headwater_sim::machine::NodeSpec::pools`]: add, read, high
/// priority, journal callback, then one thread for each journal.
pub fn pools(config: &config::Bookie) -> Vec<u32> {
    let mut pools = vec![
        config.num_add_worker_threads,
        config.num_read_worker_threads,
        config.num_high_priority_worker_threads,
        config.num_journal_callback_threads,
    ];
    pools.extend((0..config.journal_directories).map(|_| 1));
    pools
}

const POOL_ADD: PoolId = PoolId(0);
const POOL_READ: PoolId = PoolId(1);
const POOL_HIGH: PoolId = PoolId(2);
const POOL_CALLBACK: PoolId = PoolId(3);
const POOL_JOURNAL: u8 = 4;

/// Tags: four bits of kind, 28 bits of number.
const fn tag(kind: u64, number: u64) -> u64 {
    kind << 28 | (number & 0xfff_ffff)
}

const KIND_ADD: u64 = 1;
const KIND_READ: u64 = 2;
const KIND_READ_DISK: u64 = 3;
const KIND_CALLBACK: u64 = 4;
const KIND_JOURNAL_WAIT: u64 = 5;
const KIND_JOURNAL_COMPUTE: u64 = 6;
const KIND_JOURNAL_WRITE: u64 = 7;
const KIND_JOURNAL_SYNC: u64 = 8;
const KIND_STORAGE: u64 = 9;
const KIND_BUFFER: u64 = 10;
const KIND_RESTART: u64 = 11;
const KIND_HOUSEKEEPING: u64 = 12;

const CHECKPOINT_TIMER: u64 = 0;
const CHECKPOINT_STEP: u64 = 1;
const COLLECT_TIMER: u64 = 0;
const WRITABLE_TIMER: u64 = 1;
const DELETED: u64 = 2;

/// Time between checks whether a full disk has space again (`diskCheckInterval`, 10 s @
/// branch-4.15).
const DISK_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Items that a callback thread answers in one go, so that a large group is answered piece by
/// piece.
const CALLBACK_CHUNK: usize = 32;

#[derive(Clone, Debug)]
struct Add {
    entry: SharedEntry,
    client: NodeId,
    request: u64,
    recovery: bool,
}

/// Pending requests to the metadata service.
#[derive(Debug, Default)]
struct Asked {
    register: Option<u64>,
    old_registration: Option<u64>,
    ledgers: Option<(u64, Vec<LedgerId>)>,
}

/// A bookie.
pub struct Bookie {
    config: config::Bookie,
    disks: u8,
    service: MetadataClient,
    asked: Asked,
    restart: Option<Restart>,
    /// Registered: requests are served.
    serving: bool,
    read_only: bool,
    storage: LedgerStorage,
    journals: Vec<Journal>,
    /// Journal files of each directory that are still there.
    journal_files: Vec<Vec<u64>>,
    adds: BTreeMap<u64, Add>,
    /// Past their add thread, waiting for room.
    blocked: VecDeque<Add>,
    reads: Reads,
    callbacks: BTreeMap<u64, Vec<JournalItem>>,
    next: u64,
}

impl Bookie {
    /// A bookie on a machine with `disks` disks, registered with the service at `metadata`.
    pub fn new(config: config::Bookie, metadata: NodeId, disks: u8) -> Self {
        let timeout = Duration::from_millis(config.zk_timeout);
        let storage = LedgerStorage::new(
            &config,
            ledger_disk(&config, disks),
            storage_tags(),
            LedgerIndex::default(),
            0,
        );
        Self {
            service: MetadataClient::new(metadata, TagSpace::new(1), timeout),
            asked: Asked::default(),
            restart: None,
            serving: false,
            read_only: false,
            storage,
            journals: Vec::new(),
            journal_files: Vec::new(),
            adds: BTreeMap::new(),
            blocked: VecDeque::new(),
            reads: Reads::default(),
            callbacks: BTreeMap::new(),
            next: 0,
            config,
            disks,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn journal_of(&self, ledger: LedgerId) -> usize {
        (ledger.0 % self.journals.len() as u64) as usize
    }

    fn on_add(&mut self, ctx: &mut Context<'_, Streaming>, add: Add) {
        if !self.serving {
            answer(ctx, &add, Status::Unavailable);
            return;
        }
        let pool = if add.recovery { POOL_HIGH } else { POOL_ADD };
        let bytes = Duration(self.config.cost_per_kib.0 * add.entry.size_bytes() / 1024);
        let number = self.number();
        ctx.compute(pool, self.config.cost_add + bytes, tag(KIND_ADD, number));
        self.adds.insert(number & 0xfff_ffff, add);
    }

    /// The add has been through its thread: checks, ledger storage, journal.
    fn on_add_computed(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let add = self.adds.remove(&number).expect("an add was being worked on");
        self.blocked.push_back(add);
        self.admit(ctx);
    }

    /// Lets in what waits, as far as there is room. An add thread that waits blocks those behind
    /// it.
    fn admit(&mut self, ctx: &mut Context<'_, Streaming>) {
        while let Some(add) = self.blocked.front() {
            let ledger = add.entry.ledger;
            if self.storage.index.is_fenced(ledger) && !add.recovery {
                answer(ctx, add, Status::Fenced);
                self.blocked.pop_front();
                continue;
            }
            if self.read_only {
                answer(ctx, add, Status::ReadOnly);
                self.blocked.pop_front();
                continue;
            }
            let (journal, bytes) = (self.journal_of(ledger), add.entry.size_bytes());
            if !self.storage.has_room(bytes) || !self.journals[journal].has_room(bytes) {
                break;
            }
            let Add { entry, client, request, .. } = self.blocked.pop_front().expect("a first");
            self.storage.add(ctx, &entry);
            self.journals[journal].push(ctx, JournalItem::Add { entry, client, request });
        }
        ctx.gauge("blocked_adds", self.blocked.len() as u64);
        ctx.gauge("memtable_bytes", self.storage.memory_bytes());
    }

    fn on_journal(&mut self, ctx: &mut Context<'_, Streaming>, outcome: JournalOutcome) {
        for item in outcome.failed {
            if let JournalItem::Add { entry, client, request } = item {
                let add = Add { entry, client, request, recovery: false };
                answer(ctx, &add, Status::Io);
            }
        }
        let mut done = outcome.done.into_iter().peekable();
        while done.peek().is_some() {
            let chunk: Vec<_> = done.by_ref().take(CALLBACK_CHUNK).collect();
            let cost = self.config.cost_callback * chunk.len() as u64;
            let number = self.number();
            ctx.compute(POOL_CALLBACK, cost, tag(KIND_CALLBACK, number));
            self.callbacks.insert(number & 0xfff_ffff, chunk);
        }
        let queued = self.journals.iter().map(Journal::queued).sum();
        ctx.gauge("journal_queue", queued);
        self.admit(ctx);
    }

    fn on_callback(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        for item in self.callbacks.remove(&number).expect("a callback was being worked on") {
            match item {
                JournalItem::Add { entry, client, request } => {
                    let add = Add { entry, client, request, recovery: false };
                    answer(ctx, &add, Status::Ok);
                }
                JournalItem::Fence { ledger } => {
                    self.storage.index.fence_is_durable(ledger);
                    self.on_fence_durable(ctx, ledger);
                }
            }
        }
    }

    fn on_checkpoint_timer(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.storage.start(ctx);
        self.checkpoint(ctx);
    }

    fn checkpoint(&mut self, ctx: &mut Context<'_, Streaming>) {
        let marks = self.journals.iter().map(Journal::mark).collect();
        self.storage.begin_checkpoint(ctx, marks);
    }

    /// A checkpoint is done: journal files that are no longer needed go, but for some backups
    /// (`Journal.checkpointComplete`).
    fn on_checkpoint_done(&mut self, ctx: &mut Context<'_, Streaming>, marks: &[(u64, u64)]) {
        let backups = self.config.journal_max_backups as usize;
        for (directory, files) in self.journal_files.iter_mut().enumerate() {
            let current = self.journals[directory].mark().0;
            if files.last().is_some_and(|last| *last < current) {
                files.push(current);
            }
            let old = files.iter().filter(|file| **file < marks[directory].0).count();
            for file in files.drain(..old.saturating_sub(backups)) {
                let file = journal_file(directory as u32, file);
                let disk = self.journals[directory].disk();
                ctx.disk(disk, DiskOp::Delete { file }, tag(KIND_HOUSEKEEPING, DELETED));
            }
        }
    }

    /// The disk has refused a write: no more adds until it is looked at again.
    fn on_disk_failed(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.read_only {
            self.read_only = true;
            ctx.note(note("bookie_read_only", 0));
            self.service
                .request(ctx, Operation::Delete { path: bookie_path(ctx.me()), version: None });
            ctx.timer(DISK_CHECK_INTERVAL, tag(KIND_HOUSEKEEPING, WRITABLE_TIMER));
        }
    }

    fn register(&mut self, ctx: &mut Context<'_, Streaming>) {
        let (path, value) = (bookie_path(ctx.me()), Value::Words(Vec::new()));
        let create = Operation::Create { path, value, ephemeral: true };
        self.asked.register = Some(self.service.request(ctx, create));
    }

    fn on_service(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) {
        for event in self.service.on(ctx, input) {
            self.on_metadata(ctx, event);
        }
    }

    fn on_metadata(&mut self, ctx: &mut Context<'_, Streaming>, event: MetadataEvent) {
        match event {
            MetadataEvent::SessionOpened(_) => self.register(ctx),
            MetadataEvent::SessionExpired => {
                ctx.note(note("bookie_session_expired", 0));
                self.service.start(ctx);
            }
            MetadataEvent::Changed { request, .. } => {
                if self.asked.old_registration == Some(request) {
                    self.register(ctx);
                }
            }
            MetadataEvent::Reply { request, result } => self.on_reply(ctx, request, result),
        }
    }

    fn on_reply(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        request: u64,
        result: Result<Outcome, MetadataError>,
    ) {
        if self.asked.register == Some(request) {
            match result {
                Ok(_) => {
                    self.serving = true;
                    ctx.note(note("bookie_registered", 0));
                }
                // The old session's registration is still there: waits until it has gone
                // (`ZKRegistrationManager.checkRegNodeAndWaitExpired`).
                Err(MetadataError::NodeExists) => {
                    let get = Operation::Get { path: bookie_path(ctx.me()), watch: true };
                    self.asked.old_registration = Some(self.service.request(ctx, get));
                }
                Err(_) => {}
            }
        } else if self.asked.old_registration == Some(request) {
            if result == Err(MetadataError::NoNode) {
                self.register(ctx);
            }
        } else if let Some((_, known)) = self.asked.ledgers.take_if(|(asked, _)| *asked == request)
            && let Ok(Outcome::Directory(ledgers)) = result
        {
            self.collect(ctx, &known, &ledgers);
        }
    }

    /// Garbage collection: forgets ledgers that are no longer in the metadata and removes entry
    /// logs of which nothing is wanted (`ScanAndCompareGarbageCollector`,
    /// `GarbageCollectorThread`).
    fn collect(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        known: &[LedgerId],
        ledgers: &[(u64, Value)],
    ) {
        let exists =
            |ledger: &LedgerId| ledgers.binary_search_by_key(&ledger.0, |(id, _)| *id).is_ok();
        for ledger in known.iter().filter(|ledger| !exists(ledger)) {
            self.storage.remove(*ledger);
        }
        for file in self.storage.take_dead_logs() {
            let (disk, file) = (ledger_disk(&self.config, self.disks), entry_log_file(file));
            ctx.disk(disk, DiskOp::Delete { file }, tag(KIND_HOUSEKEEPING, DELETED));
        }
    }

    fn on_housekeeping(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        match number {
            COLLECT_TIMER => {
                self.arm_collect(ctx);
                let known = self.storage.index.ledgers().collect();
                let list = Operation::List { directory: LEDGERS, watch: false };
                self.asked.ledgers = Some((self.service.request(ctx, list), known));
            }
            WRITABLE_TIMER => {
                self.read_only = false;
                self.register(ctx);
            }
            _ => {}
        }
    }

    fn arm_collect(&self, ctx: &mut Context<'_, Streaming>) {
        let wait = Duration::from_millis(self.config.gc_wait_time);
        ctx.timer(wait, tag(KIND_HOUSEKEEPING, COLLECT_TIMER));
    }

    fn on_storage(&mut self, ctx: &mut Context<'_, Streaming>, failed: bool) {
        if failed {
            self.storage.on_checkpoint_failed();
            self.on_disk_failed(ctx);
        } else if let Some(marks) = self.storage.on_checkpoint_step(ctx) {
            self.on_checkpoint_done(ctx, &marks);
        }
    }

    fn on_buffer(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        completion: &Completion<protocol::Record>,
    ) {
        let record = match completion {
            Completion::Written { index } => Some(*index),
            _ => None,
        };
        self.storage.on_written(ctx, number, record);
        if record.is_none() {
            self.on_disk_failed(ctx);
        }
        self.admit(ctx);
    }

    fn on_journal_step(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        kind: u64,
        number: u64,
        failed: bool,
    ) {
        let journal = &mut self.journals[number as usize];
        let outcome = match kind {
            _ if failed => journal.on_failed(ctx, kind == KIND_JOURNAL_SYNC),
            KIND_JOURNAL_WRITE => journal.on_written(ctx),
            _ => journal.on_synced(ctx),
        };
        if failed {
            self.on_disk_failed(ctx);
        }
        self.on_journal(ctx, outcome);
    }
}

fn storage_tags() -> StorageTags {
    StorageTags {
        flush: tag(KIND_STORAGE, CHECKPOINT_TIMER),
        checkpoint: tag(KIND_STORAGE, CHECKPOINT_STEP),
        write: tag(KIND_BUFFER, 0),
    }
}

fn journal_tags(directory: u32) -> JournalTags {
    let directory = u64::from(directory);
    JournalTags {
        wait: tag(KIND_JOURNAL_WAIT, directory),
        compute: tag(KIND_JOURNAL_COMPUTE, directory),
        write: tag(KIND_JOURNAL_WRITE, directory),
        sync: tag(KIND_JOURNAL_SYNC, directory),
    }
}

/// The disk of a journal directory: the first `journalDisks` of the machine, in turn.
fn journal_disk(config: &config::Bookie, disks: u8, directory: u32) -> DiskId {
    let journal_disks = u32::from(config.journal_disks.min(disks).max(1));
    DiskId((directory % journal_disks) as u8)
}

/// The disk of the ledger directory: the one after the journals', or the last.
fn ledger_disk(config: &config::Bookie, disks: u8) -> DiskId {
    DiskId(config.journal_disks.min(disks.saturating_sub(1)))
}

fn note(name: &'static str, entity: u64) -> Note {
    Note::Event { name, entity, peer: None, value: 0 }
}

fn answer(ctx: &mut Context<'_, Streaming>, add: &Add, status: Status) {
    let (ledger, entry) = (add.entry.ledger, add.entry.id);
    let message = Message::Added { request: add.request, ledger, entry, status };
    ctx.send(add.client, protocol::Message::BookKeeper(message));
}

impl Node<Streaming> for Bookie {
    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.begin_restart(ctx);
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(message) = message else { return };
        match message {
            Message::Add { request, entry, recovery } => {
                self.on_add(ctx, Add { entry, client: from, request, recovery });
            }
            Message::Read { request, ledger, which, fence } => {
                self.on_read(ctx, from, request, ledger, which, fence);
            }
            Message::Metadata(_) => self.on_service(ctx, Input::Message(from, &message)),
            Message::Added { .. } | Message::ReadReply { .. } => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, at: u64) {
        if TagSpace::number_of(at) != 0 {
            return self.on_service(ctx, Input::Timer(at));
        }
        let (kind, number) = (at >> 28, at & 0xfff_ffff);
        match kind {
            KIND_JOURNAL_WAIT => self.journals[number as usize].on_timer(ctx),
            KIND_STORAGE => self.on_checkpoint_timer(ctx),
            KIND_HOUSEKEEPING => self.on_housekeeping(ctx, number),
            _ => {}
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        at: u64,
        completion: Completion<protocol::Record>,
    ) {
        let (kind, number) = (at >> 28, at & 0xfff_ffff);
        let failed = matches!(completion, Completion::Failed(_));
        match kind {
            KIND_ADD => self.on_add_computed(ctx, number),
            KIND_READ => self.on_read_computed(ctx, number),
            KIND_READ_DISK => self.on_read_from_disk(ctx, number, completion),
            KIND_CALLBACK => self.on_callback(ctx, number),
            KIND_JOURNAL_COMPUTE => self.journals[number as usize].on_computed(ctx),
            KIND_JOURNAL_WRITE | KIND_JOURNAL_SYNC => {
                self.on_journal_step(ctx, kind, number, failed);
            }
            KIND_STORAGE => self.on_storage(ctx, failed),
            KIND_BUFFER => self.on_buffer(ctx, number, &completion),
            KIND_RESTART => self.on_restart_step(ctx, number, completion),
            _ => {}
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        self.on_service(ctx, Input::Disconnect(peer));
    }
}

/// A file of the bookie on one of its disks.
type Place = (DiskId, FileId);
