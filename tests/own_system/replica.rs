//! A replica: the first leads, the others fetch from it what it has on its disk.
//!
//! A restarted replica has what its disk gives back. A follower's log is the beginning of what the
//! leader has synced, so that they never differ; an entry is acknowledged when a quorum has it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use headwater_models::batch::SharedBatch;
use headwater_models::protocol::{Message, Record, Streaming};
use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp, FileId};
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::messages::{Entry, Rpc};
use crate::system::{Config, signals};

type Ctx<'a> = Context<'a, Streaming>;

const DISK: DiskId = DiskId(0);
const LOG: FileId = FileId(1);
/// How often a follower tells how far it is.
const BEAT: Duration = Duration::from_millis(200);
/// Entries of a message at the most.
const ENTRIES_MAX: usize = 32;

const READ: u64 = 0;
const CUT: u64 = 1;
const WRITTEN: u64 = 2;
const SYNCED: u64 = 3;

/// One of the replicas.
pub struct Replica {
    config: Rc<Config>,
    /// The first of the replicas.
    leader: NodeId,
    log: Vec<SharedBatch>,
    /// Who waits for the acknowledgement of each entry.
    writers: Vec<Option<NodeId>>,
    /// The disk has been read.
    ready: bool,
    /// Entries that are durable here; those that the sync under way makes so.
    synced: usize,
    syncing: Option<usize>,
    /// The leader's: entries that each follower has; followers that wait for more.
    have: BTreeMap<NodeId, usize>,
    waiting: BTreeSet<NodeId>,
    acknowledged: usize,
}

impl Replica {
    /// A replica that has not read its disk.
    pub fn new(config: Rc<Config>, leader: NodeId) -> Self {
        Self {
            config,
            leader,
            log: Vec::new(),
            writers: Vec::new(),
            ready: false,
            synced: 0,
            syncing: None,
            have: BTreeMap::new(),
            waiting: BTreeSet::new(),
            acknowledged: 0,
        }
    }

    fn push(&mut self, ctx: &mut Ctx<'_>, entry: SharedBatch, writer: Option<NodeId>) {
        ctx.write(DISK, LOG, Entry::record(entry.clone()), WRITTEN);
        self.log.push(entry);
        self.writers.push(writer);
    }

    fn sync(&mut self, ctx: &mut Ctx<'_>) {
        if self.syncing.is_none() && self.synced < self.log.len() {
            self.syncing = Some(self.log.len());
            ctx.sync(DISK, LOG, SYNCED);
        }
    }

    fn on_synced(&mut self, ctx: &mut Ctx<'_>) {
        self.synced = self.syncing.take().expect("a sync was under way");
        if !self.ready {
            self.ready = true;
            signals::RECOVERED.reached(ctx);
            let mark = if ctx.me() == self.leader { &signals::LEADS } else { &signals::FOLLOWS };
            mark.note(ctx, 0, self.synced as u64);
        }
        signals::LENGTH.set(ctx, self.synced as u64);
        if ctx.me() == self.leader {
            signals::DURABLE.note(ctx, 0, self.synced as u64);
            for follower in std::mem::take(&mut self.waiting) {
                self.serve(ctx, follower);
            }
            self.acknowledge(ctx);
        } else {
            ctx.send(self.leader, Rpc::Have(self.synced).message());
        }
        self.sync(ctx);
    }

    /// What a quorum has.
    fn committed(&self) -> usize {
        let mut lengths: Vec<usize> = self.have.values().copied().chain([self.synced]).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.get(self.config.quorum as usize - 1).copied().unwrap_or(0)
    }

    fn acknowledge(&mut self, ctx: &mut Ctx<'_>) {
        // The planted variation: what is in the page cache counts.
        let until = if self.config.sync_before_ack { self.committed() } else { self.log.len() };
        for entry in self.acknowledged..until {
            if let Some(writer) = self.writers[entry] {
                ctx.send(writer, Rpc::Appended(self.log[entry].last()).message());
            }
        }
        self.acknowledged = self.acknowledged.max(until);
    }

    /// Sends a follower what it has not, or lets it wait.
    fn serve(&mut self, ctx: &mut Ctx<'_>, follower: NodeId) {
        let from = self.have.get(&follower).copied().unwrap_or(0);
        if from >= self.synced {
            self.waiting.insert(follower);
            return;
        }
        let until = self.synced.min(from + ENTRIES_MAX);
        ctx.send(follower, Rpc::Entries(from, self.log[from..until].to_vec()).message());
    }

    fn on_append(&mut self, ctx: &mut Ctx<'_>, from: NodeId, entry: &SharedBatch) {
        let same = |have: &SharedBatch| have.writer == entry.writer && have.first == entry.first;
        match self.log.iter().rposition(same) {
            // Sent again: its acknowledgement was lost, or is yet to come.
            Some(at) if at < self.acknowledged => {
                ctx.send(from, Rpc::Appended(entry.last()).message());
            }
            Some(at) => self.writers[at] = Some(from),
            None => self.push(ctx, entry.clone(), Some(from)),
        }
        // The planted variation syncs with the next beat.
        match self.config.sync_before_ack {
            true => self.sync(ctx),
            false => self.acknowledge(ctx),
        }
    }
}

impl Node<Streaming> for Replica {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        ctx.read(DISK, LOG, 0, u64::MAX, READ);
        ctx.timer(BEAT, 0);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        let Message::Other(message) = message else { return };
        let Some(rpc) = message.as_any().downcast_ref::<Rpc>().filter(|_| self.ready) else {
            return;
        };
        match rpc {
            Rpc::Append(entry) => self.on_append(ctx, from, entry),
            Rpc::Have(length) => {
                let behind = *length <= self.synced;
                signals::FOLLOWERS_BEHIND.note(ctx, u64::from(from.0), behind);
                self.have.insert(from, *length);
                self.serve(ctx, from);
                self.acknowledge(ctx);
            }
            Rpc::Entries(first, entries) if *first == self.log.len() => {
                entries.iter().for_each(|entry| self.push(ctx, entry.clone(), None));
                self.sync(ctx);
            }
            Rpc::Fetch(first) => {
                let until = self.committed().min(first + ENTRIES_MAX);
                let entries = self.log.get(*first..until).unwrap_or_default().to_vec();
                ctx.send(from, Rpc::Fetched(*first, entries).message());
            }
            Rpc::Entries(..) | Rpc::Appended(_) | Rpc::Fetched(..) => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, _tag: u64) {
        ctx.timer(BEAT, 0);
        if self.ready && ctx.me() != self.leader {
            ctx.send(self.leader, Rpc::Have(self.synced).message());
        } else if self.ready {
            self.sync(ctx);
        }
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, completion: Completion<Record>) {
        match (tag, completion) {
            (READ, Completion::Failed(DiskError::NoSuchFile)) => {
                self.syncing = Some(0);
                self.on_synced(ctx);
            }
            (READ, Completion::Read { records, .. }) => {
                for record in &records {
                    let Record::Other(record) = record else { continue };
                    let Some(Entry(entry)) = record.as_any().downcast_ref() else { continue };
                    self.log.push(entry.clone());
                }
                self.writers = vec![None; self.log.len()];
                // What is torn at the end goes; what only the page cache has is synced.
                ctx.disk(DISK, DiskOp::Truncate { file: LOG, keep: self.log.len() as u64 }, CUT);
            }
            (CUT, Completion::Written { .. }) => {
                self.syncing = Some(self.log.len());
                ctx.sync(DISK, LOG, SYNCED);
            }
            (SYNCED, Completion::Synced) => self.on_synced(ctx),
            // Its supervisor starts it again.
            (_, Completion::Failed(_)) => ctx.exit(),
            _ => {}
        }
    }
}
