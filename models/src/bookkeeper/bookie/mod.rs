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
//! Each comes in and goes out by an event loop, where that costs something
//! ([`crate::bookkeeper::costs`]).
//!
//! The add path blocks while the memtables are full, or while too much waits for the journal. A
//! fence is in the journal before it is answered. A restarted bookie reads its index, its last mark
//! and the journal from there on, compares its cookies, registers with the metadata service (an old
//! registration must have expired first) and only then serves; one that has lost a disk does not
//! come up. One that is asked to stop writes a last checkpoint and takes its registration away
//! before it goes.
//!
//! Parameters: [`config::Bookie`]. Left out: the limbo state and data integrity check
//! (`dataIntegrityCheckingEnabled`, off by default), `maxAddsInProgressLimit` (0 by default),
//! auto-recovery, disk usage thresholds below full, write-ahead of the explicit LAC.

mod connections;
mod fold;
mod housekeeping;
mod reads;
mod registration;
mod restart;

pub use registration::COOKIE_FILE;

use std::collections::VecDeque;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::bookkeeper::signals;
use crate::collections::RingMap;
use crate::protocol::{self, Streaming};

use super::config;
use super::entry::SharedEntry;
use super::ids::LedgerId;
use super::input::Input;
use super::journal::{Journal, JournalItem, JournalOutcome, JournalTags};
use super::ledger_index::LedgerIndex;
use super::ledger_storage::{LedgerStorage, StorageTags};
use super::message::{Message, Status};
use super::metadata::client::MetadataClient;
use crate::tags::{TagLayout, TagSpace};
use connections::Connections;
use reads::Reads;
use registration::Cookie;
use restart::Restart;

/// Thread pools of a bookie on a machine of so many cores, for
/// [`headwater_sim::machine::NodeSpec::pools`]: add, read, high priority, journal callback, then a
/// thread for each journal, a force-write thread for each, and the event loops of connections, two
/// a core (`serverNumIOThreads` @ branch-4.15).
pub fn pools(config: &config::Bookie, cores: u32) -> Vec<PoolSpec> {
    let (pool, costs) = (PoolSpec::named, &config.costs);
    let (add, callback) = (costs.add_working_set_kib, costs.callback_working_set_kib);
    let mut pools = vec![
        pool("BookieWriteThreadPool-OrderedExecutor", config.num_add_worker_threads)
            .role("add-threads")
            .through(add),
        pool("BookieReadThreadPool-OrderedExecutor", config.num_read_worker_threads)
            .role("read-threads")
            .through(add),
        pool("BookieHighPriorityThread", config.num_high_priority_worker_threads)
            .role("high-priority-threads")
            .through(add),
        pool("bookie-journal-callback", config.num_journal_callback_threads)
            .role("journal-callbacks")
            .through(callback),
    ];
    let directories = config.journal_directories as usize;
    let journal = pool("BookieJournal", 1).role("journal-thread");
    let force = pool("ForceWriteThread", 1).role("force-write-thread");
    pools.extend(vec![journal.through(costs.journal_working_set_kib); directories]);
    pools.extend(vec![force.through(costs.force_working_set_kib); directories]);
    let io = pool("bookie-io", cores.max(1).saturating_mul(2)).role("event-loops");
    pools.push(io.through(costs.io_working_set_kib));
    pools
}

const POOL_ADD: PoolId = PoolId(0);
const POOL_READ: PoolId = PoolId(1);
const POOL_HIGH: PoolId = PoolId(2);
const POOL_CALLBACK: PoolId = PoolId(3);
const POOL_JOURNAL: u8 = 4;

/// The pool of the force-write thread of a journal directory.
const fn force_pool(config: &config::Bookie, directory: u32) -> PoolId {
    PoolId(POOL_JOURNAL + (config.journal_directories + directory) as u8)
}

/// The pool of event loops.
const fn io_pool(config: &config::Bookie) -> PoolId {
    PoolId(POOL_JOURNAL + (2 * config.journal_directories) as u8)
}

/// Tags: four bits of kind, 28 bits of number.
const TAGS: TagLayout = TagLayout::new(28);

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
const KIND_REQUEST: u64 = 13;
const KIND_RESPONSE: u64 = 14;
const KIND_JOURNAL_FORCE: u64 = 15;
const KIND_JOURNAL_WAKE: u64 = 0;

/// Of force-write threads: they wake after a sync; directories are numbered from here on.
const FORCED: u64 = 1 << 8;

/// Of timers; steps of checkpoints are numbered from here on.
const CHECKPOINT_TIMER: u64 = 0;
const COLLECT_TIMER: u64 = 0;
const WRITABLE_TIMER: u64 = 1;
const DELETED: u64 = 2;

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
    cookie: Option<u64>,
}

/// A bookie.
pub struct Bookie {
    config: config::Bookie,
    disks: u8,
    service: MetadataClient,
    asked: Asked,
    restart: Option<Restart>,
    cookie: Cookie,
    /// Registered: requests are served.
    serving: bool,
    /// Asked to stop: goes when its last checkpoint is done.
    stopping: bool,
    read_only: bool,
    storage: LedgerStorage,
    journals: Vec<Journal>,
    /// Journal files of each directory that are still there.
    journal_files: Vec<Vec<u64>>,
    /// Up to where the journals are no longer needed: (file, records) of each directory.
    marks: Vec<(u64, u64)>,
    /// Records of the index that have been folded on disk.
    index_folded: u64,
    /// Entries folded since the entry logs were looked at.
    entries_folded: usize,
    adds: RingMap<Add>,
    /// Past their add thread, waiting for room.
    blocked: VecDeque<Add>,
    reads: Reads,
    connections: Connections,
    callbacks: RingMap<Vec<JournalItem>>,
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
            cookie: Cookie::default(),
            serving: false,
            stopping: false,
            read_only: false,
            storage,
            journals: Vec::new(),
            journal_files: Vec::new(),
            marks: Vec::new(),
            index_folded: 0,
            entries_folded: 0,
            adds: RingMap::default(),
            blocked: VecDeque::new(),
            reads: Reads::default(),
            connections: Connections::default(),
            callbacks: RingMap::default(),
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
            return self.answer(ctx, &add, Status::Unavailable);
        }
        let pool = if add.recovery { POOL_HIGH } else { POOL_ADD };
        let bytes = self.config.cost_per_kib.per_kib(add.entry.size_bytes());
        let number = self.number();
        let cost = self.config.cost_add + bytes;
        self.config.costs.work(ctx, pool, cost, TAGS.tag(KIND_ADD, number));
        self.adds.insert(TAGS.low(number), add);
    }

    /// The add has been through its thread: checks, ledger storage, journal.
    fn on_add_computed(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let add = self.adds.take(number).expect("an add was being worked on");
        self.blocked.push_back(add);
        self.admit(ctx);
    }

    /// Lets in what waits, as far as there is room. An add thread that waits blocks those behind
    /// it.
    fn admit(&mut self, ctx: &mut Context<'_, Streaming>) {
        while let Some(add) = self.blocked.front() {
            let ledger = add.entry.ledger;
            let fenced = self.storage.index.is_fenced(ledger) && !add.recovery;
            if fenced || self.read_only {
                let status = if fenced { Status::Fenced } else { Status::ReadOnly };
                let add = self.blocked.pop_front().expect("a first");
                self.answer(ctx, &add, status);
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
        signals::BLOCKED_ADDS.set(ctx, self.blocked.len() as u64);
        signals::MEMTABLE.set(ctx, self.storage.memory_bytes());
    }

    fn on_journal(&mut self, ctx: &mut Context<'_, Streaming>, outcome: JournalOutcome) {
        for item in outcome.failed {
            match item {
                JournalItem::Add { entry, client, request } => {
                    let add = Add { entry, client, request, recovery: false };
                    self.answer(ctx, &add, Status::Io);
                }
                JournalItem::Fence { ledger } => self.on_fence_refused(ctx, ledger),
            }
        }
        let mut done = outcome.done;
        while !done.is_empty() {
            let rest = done.split_off(done.len().min(CALLBACK_CHUNK));
            let chunk = std::mem::replace(&mut done, rest);
            let cost = self.config.cost_callback * chunk.len() as u64;
            let number = self.number();
            self.config.costs.work(ctx, POOL_CALLBACK, cost, TAGS.tag(KIND_CALLBACK, number));
            self.callbacks.insert(TAGS.low(number), chunk);
        }
        let queued = self.journals.iter().map(Journal::queued).sum();
        signals::JOURNAL_QUEUE.set(ctx, queued);
        self.admit(ctx);
    }

    fn on_callback(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        for item in self.callbacks.take(number).expect("a callback was being worked on") {
            match item {
                JournalItem::Add { entry, client, request } => {
                    let add = Add { entry, client, request, recovery: false };
                    self.answer(ctx, &add, Status::Ok);
                }
                JournalItem::Fence { ledger } => {
                    self.storage.index.fence_is_durable(ledger);
                    self.on_fence_durable(ctx, ledger);
                }
            }
        }
    }

    fn answer(&mut self, ctx: &mut Context<'_, Streaming>, add: &Add, status: Status) {
        let (request, ledger, entry) = (add.request, add.entry.ledger, add.entry.id);
        self.respond(ctx, add.client, Message::Added { request, ledger, entry, status });
    }

    /// The disks that this bookie uses.
    fn own_disks(&self) -> Vec<DiskId> {
        let directories = 0..self.config.journal_directories;
        let mut disks: Vec<_> = directories
            .map(|directory| journal_disk(&self.config, self.disks, directory))
            .chain([ledger_disk(&self.config, self.disks)])
            .collect();
        disks.sort_unstable();
        disks.dedup();
        disks
    }
}

fn storage_tags() -> StorageTags {
    StorageTags {
        flush: TAGS.tag(KIND_STORAGE, CHECKPOINT_TIMER),
        checkpoint: TAGS.tag(KIND_STORAGE, CHECKPOINT_TIMER),
        write: TAGS.tag(KIND_BUFFER, 0),
    }
}

fn journal_tags(directory: u32) -> JournalTags {
    let directory = u64::from(directory);
    JournalTags {
        wake: TAGS.tag(KIND_JOURNAL_WAKE, directory),
        force: TAGS.tag(KIND_JOURNAL_FORCE, directory),
        forced: TAGS.tag(KIND_JOURNAL_FORCE, FORCED + directory),
        wait: TAGS.tag(KIND_JOURNAL_WAIT, directory),
        compute: TAGS.tag(KIND_JOURNAL_COMPUTE, directory),
        write: TAGS.tag(KIND_JOURNAL_WRITE, directory),
        sync: TAGS.tag(KIND_JOURNAL_SYNC, directory),
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

impl Node<Streaming> for Bookie {
    fn fold(&mut self, files: &mut Folding<'_, protocol::Record>, needs: &Needs) {
        self.fold_files(files, needs);
    }

    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.begin_restart(ctx);
    }

    fn on_shutdown(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.stop(ctx);
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(message) = message else { return };
        match message {
            Message::Add { .. } | Message::Read { .. } => self.receive(ctx, from, message),
            Message::Metadata(_) => self.on_service(ctx, Input::Message(from, &message)),
            Message::Added { .. } | Message::ReadReply { .. } => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, at: u64) {
        if TagSpace::number_of(at) != 0 {
            return self.on_service(ctx, Input::Timer(at));
        }
        let (kind, number) = TAGS.split(at);
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
        let (kind, number) = TAGS.split(at);
        match kind {
            KIND_ADD => self.on_add_computed(ctx, number),
            KIND_READ => self.on_read_computed(ctx, number),
            KIND_READ_DISK => self.on_read_from_disk(ctx, number, completion),
            KIND_CALLBACK => self.on_callback(ctx, number),
            KIND_JOURNAL_WAKE => self.journals[number as usize].on_awake(),
            KIND_JOURNAL_COMPUTE => self.journals[number as usize].on_computed(ctx),
            KIND_JOURNAL_WRITE | KIND_JOURNAL_SYNC => {
                self.on_journal_step(ctx, kind, number, &completion);
            }
            KIND_STORAGE => self.on_storage(ctx, number, &completion),
            KIND_BUFFER => self.on_buffer(ctx, number, &completion),
            KIND_REQUEST => self.on_received(ctx, number),
            KIND_RESPONSE => self.on_responded(ctx, number),
            KIND_JOURNAL_FORCE => self.on_force_write(ctx, number),
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
