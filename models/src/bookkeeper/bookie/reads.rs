//! Reads and fences.
//!
//! Stands for `proto/ReadEntryProcessorV3.java` and `bookie/LedgerDescriptorImpl.java` (fencing) of
//! apache/bookkeeper @ branch-4.15. A fenced ledger is noted in the journal before the fence is
//! answered. Parameters: read and high-priority threads and `cost.read` of
//! [`crate::bookkeeper::config::Bookie`]. Left out: long polling, read-ahead and the read cache of
//! `DbLedgerStorage`, as the page cache of the disk model answers what was read lately.

use headwater_sim::context::Context;
use headwater_sim::node::Completion;
use headwater_sim::units::NodeId;

use crate::bookkeeper::entry::SharedEntry;
use crate::bookkeeper::ids::LedgerId;
use crate::bookkeeper::journal::JournalItem;
use crate::bookkeeper::ledger_index::Location;
use crate::bookkeeper::ledger_storage::entry_log_file;
use crate::bookkeeper::message::{Message, Status, Which};
use crate::bookkeeper::properties;
use crate::bookkeeper::record::Record;
use crate::bookkeeper::signals;
use crate::collections::{RingMap, SortedVecMap};
use crate::note::Note;
use crate::protocol::{self, Streaming};

use super::{Bookie, KIND_READ, KIND_READ_DISK, POOL_HIGH, POOL_READ, TAGS, ledger_disk};

/// A read under way.
#[derive(Clone, Debug)]
struct Read {
    client: NodeId,
    request: u64,
    ledger: LedgerId,
    which: Which,
    fence: bool,
    /// Its place in the entry log record that is being read.
    slot: u32,
}

/// Reads under way.
#[derive(Debug, Default)]
pub(super) struct Reads {
    active: RingMap<Read>,
    /// Waiting for the fence to be in the journal.
    fencing: SortedVecMap<LedgerId, Vec<Read>>,
}

impl Bookie {
    pub(super) fn on_read(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        client: NodeId,
        request: u64,
        ledger: LedgerId,
        which: Which,
        fence: bool,
    ) {
        let read = Read { client, request, ledger, which, fence, slot: 0 };
        if !self.serving {
            return self.reply(ctx, &read, Status::Unavailable, None);
        }
        let number = self.number();
        let pool = if fence { POOL_HIGH } else { POOL_READ };
        let cost = self.config.cost_read;
        self.config.costs.work(ctx, pool, cost, TAGS.tag(KIND_READ, number));
        self.reads.active.insert(TAGS.low(number), read);
    }

    pub(super) fn on_read_computed(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let read = self.reads.active.take(number).expect("a read was being worked on");
        let ledger = read.ledger;
        if !read.fence || self.storage.index.has_durable_fence(ledger) {
            self.look_up(ctx, read);
            return;
        }
        let waiting = self.reads.fencing.entry_or_default(ledger);
        waiting.push(read);
        let being_logged = waiting.len() > 1;
        if self.storage.index.fence(ledger) {
            signals::LEDGER_FENCED.note(ctx, ledger.0, 0);
            properties::LEDGER_FENCED.reached(ctx);
        }
        if !being_logged {
            let journal = self.journal_of(ledger);
            self.journals[journal].push(ctx, JournalItem::Fence { ledger });
        }
    }

    /// The journal has refused a fence: the next request logs it again
    /// (`LedgerDescriptorImpl.fenceAndLogInLedger`).
    pub(super) fn on_fence_refused(&mut self, ctx: &mut Context<'_, Streaming>, ledger: LedgerId) {
        for read in self.reads.fencing.remove(&ledger).unwrap_or_default() {
            self.reply(ctx, &read, Status::Io, None);
        }
    }

    pub(super) fn on_fence_durable(&mut self, ctx: &mut Context<'_, Streaming>, ledger: LedgerId) {
        for read in self.reads.fencing.remove(&ledger).unwrap_or_default() {
            self.look_up(ctx, read);
        }
    }

    fn look_up(&mut self, ctx: &mut Context<'_, Streaming>, mut read: Read) {
        let found = match read.which {
            Which::Entry(entry) => self.storage.index.find(read.ledger, entry),
            Which::Newest => self.storage.index.newest(read.ledger),
        };
        match found {
            Some(Location::Memory(entry)) => self.reply(ctx, &read, Status::Ok, Some(entry)),
            Some(Location::Folded) => {
                ctx.note(Note::Folded);
                self.reply(ctx, &read, Status::NoEntry, None);
            }
            Some(Location::Log { file, record, slot }) => {
                read.slot = slot;
                let number = self.number();
                self.reads.active.insert(TAGS.low(number), read);
                let disk = ledger_disk(&self.config, self.disks);
                let tag = TAGS.tag(KIND_READ_DISK, number);
                ctx.read(disk, entry_log_file(file), record, 1, tag);
            }
            None if self.storage.index.knows(read.ledger) => {
                self.reply(ctx, &read, Status::NoEntry, None);
            }
            None => self.reply(ctx, &read, Status::NoLedger, None),
        }
    }

    pub(super) fn on_read_from_disk(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        completion: Completion<protocol::Record>,
    ) {
        let read = self.reads.active.take(number).expect("a read was being worked on");
        let entry = match &completion {
            Completion::Read { records, .. } => records.first().and_then(|record| match record {
                protocol::Record::BookKeeper(Record::EntryLog { entries }) => {
                    entries.get(read.slot as usize).cloned()
                }
                _ => None,
            }),
            _ => None,
        };
        if let Completion::Read { records, .. } = &completion
            && let Some(protocol::Record::BookKeeper(Record::Folded(_))) = records.first()
        {
            ctx.note(Note::Folded);
        }
        let status = if entry.is_some() { Status::Ok } else { Status::Io };
        self.reply(ctx, &read, status, entry);
    }

    fn reply(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        read: &Read,
        status: Status,
        found: Option<SharedEntry>,
    ) {
        let Read { request, ledger, .. } = *read;
        self.respond(ctx, read.client, Message::ReadReply { request, ledger, status, found });
    }
}
