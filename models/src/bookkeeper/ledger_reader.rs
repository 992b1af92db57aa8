//! Reads a ledger whose metadata is known, entry by entry, in order.
//!
//! Stands for `client/PendingReadOp.java` (sequential reads) of apache/bookkeeper @ branch-4.15.
//! The bookies of an entry's write set are asked one after another: the next one when one has
//! failed, doesn't have the entry, or has not answered for `speculativeReadTimeout`. Up to `window`
//! entries are on the way; they are handed over in order.
//!
//! Parameters: [`config::Client`]. Left out: reordering of the write set by distance and load, long
//! polling for the last add confirmed.

use std::collections::BTreeMap;

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::protocol::{self, Streaming};

use super::config;
use super::distribution_schedule::DistributionSchedule;
use super::entry::SharedEntry;
use super::ids::{EntryId, LedgerId};
use super::input::Input;
use super::ledger_handle::LedgerError;
use super::ledger_metadata::LedgerMetadata;
use super::message::{Message, Status, Which};
use super::waits;
use crate::component::Component;
use crate::tags::TagSpace;

/// What a reader tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderEvent {
    /// The next entry.
    Entry(SharedEntry),
    /// The last entry has been handed over.
    Finished,
    /// An entry could not be read; those before it have been handed over.
    Failed {
        /// Which.
        entry: EntryId,
        /// Why.
        error: LedgerError,
    },
}

/// What a reader is made with.
#[derive(Clone, Debug)]
pub struct ReaderSpec {
    /// The ledger.
    pub ledger: LedgerId,
    /// Its metadata.
    pub metadata: LedgerMetadata,
    /// The first entry to read.
    pub first: EntryId,
    /// The last entry to read; before the first for none.
    pub last: EntryId,
    /// Entries on the way at the most, at least 1.
    pub window: u64,
    /// Options.
    pub client: config::Client,
    /// The reader's own tags.
    pub tags: TagSpace,
}

#[derive(Debug)]
struct Reading {
    /// Bookies of the write set, in the order in which they are asked.
    bookies: Vec<NodeId>,
    /// How many have been asked.
    asked: usize,
    /// Those that have answered without the entry, and how many of them don't have it.
    answered: Vec<NodeId>,
    missing: usize,
    asked_at: Time,
    found: Option<SharedEntry>,
    failed: Option<LedgerError>,
}

impl Reading {
    const fn is_over(&self) -> bool {
        self.found.is_some() || self.failed.is_some()
    }
}

/// A reader of one ledger.
#[derive(Debug)]
pub struct LedgerReader {
    spec: ReaderSpec,
    requests: TagSpace,
    timers: TagSpace,
    reading: BTreeMap<EntryId, Reading>,
    next_asked: EntryId,
    next_handed: EntryId,
    over: bool,
    timer_armed: bool,
}

impl LedgerReader {
    /// Begins. The events are those that are known at once: `Finished` for an empty range.
    pub fn start(ctx: &mut Context<'_, Streaming>, spec: ReaderSpec) -> (Self, Vec<ReaderEvent>) {
        let mut reader = Self {
            requests: spec.tags.part(0),
            timers: spec.tags.part(1),
            reading: BTreeMap::new(),
            next_asked: spec.first,
            next_handed: spec.first,
            over: false,
            timer_armed: false,
            spec,
        };
        let events = reader.go_on(ctx);
        (reader, events)
    }

    /// The ledger.
    pub const fn ledger(&self) -> LedgerId {
        self.spec.ledger
    }

    fn bookies_of(&self, entry: EntryId) -> Vec<NodeId> {
        let ensemble = self.spec.metadata.ensemble_of(entry);
        let schedule = DistributionSchedule {
            ensemble: ensemble.len() as u32,
            write_quorum: self.spec.metadata.write_quorum,
            ack_quorum: self.spec.metadata.ack_quorum,
        };
        schedule.write_set(entry).map(|place| ensemble[place]).collect()
    }

    fn go_on(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<ReaderEvent> {
        let mut events = Vec::new();
        if self.over {
            return events;
        }
        while let Some(first) = self.reading.first_entry()
            && first.get().found.is_some()
        {
            let entry = first.remove().found.expect("it was found");
            self.next_handed = entry.id.next();
            events.push(ReaderEvent::Entry(entry));
        }
        if let Some(first) = self.reading.first_entry()
            && let Some(error) = first.get().failed
        {
            self.over = true;
            events.push(ReaderEvent::Failed { entry: *first.key(), error });
            return events;
        }
        while self.next_asked <= self.spec.last
            && (self.reading.len() as u64) < self.spec.window.max(1)
        {
            let entry = self.next_asked;
            self.next_asked = entry.next();
            let reading = Reading {
                bookies: self.bookies_of(entry),
                asked: 0,
                answered: Vec::new(),
                missing: 0,
                asked_at: ctx.now(),
                found: None,
                failed: None,
            };
            self.reading.insert(entry, reading);
            self.ask_next(ctx, entry);
        }
        if self.reading.is_empty() {
            self.over = true;
            events.push(ReaderEvent::Finished);
        } else {
            self.arm_timer(ctx);
        }
        events
    }

    /// Asks the next bookie of the write set, if there is one.
    fn ask_next(&mut self, ctx: &mut Context<'_, Streaming>, entry: EntryId) {
        let Some(reading) = self.reading.get_mut(&entry) else { return };
        let Some(bookie) = reading.bookies.get(reading.asked) else { return };
        let bookie = *bookie;
        reading.asked += 1;
        reading.asked_at = ctx.now();
        let (request, ledger) = (self.requests.tag(entry.word()), self.spec.ledger);
        let which = Which::Entry(entry);
        let message = Message::Read { request, ledger, which, fence: false };
        ctx.send(bookie, protocol::Message::BookKeeper(message));
    }

    fn arm_timer(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.timer_armed {
            self.timer_armed = true;
            let wait = Duration::from_millis(self.spec.client.speculative_read_timeout.max(1));
            ctx.timer_for(wait, self.timers.tag(0), waits::SPECULATIVE_READ);
        }
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: &Message,
    ) -> Vec<ReaderEvent> {
        let Message::ReadReply { request, status, found, .. } = message else { return Vec::new() };
        if !self.requests.owns(*request) || self.over {
            return Vec::new();
        }
        // Entry numbers stay far below the 2^30 tags of a part.
        let entry = EntryId(self.requests.low(*request) as i64);
        if !self.reading.contains_key(&entry) {
            return Vec::new();
        }
        self.on_answer(ctx, from, entry, *status, found.as_ref())
    }

    fn on_answer(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        entry: EntryId,
        status: Status,
        found: Option<&SharedEntry>,
    ) -> Vec<ReaderEvent> {
        let reading = self.reading.get_mut(&entry).expect("it is being read");
        if reading.is_over() || reading.answered.contains(&from) {
            return Vec::new();
        }
        if let (Status::Ok, Some(found)) = (status, found) {
            reading.found = Some(found.clone());
            return self.go_on(ctx);
        }
        reading.answered.push(from);
        if matches!(status, Status::NoEntry | Status::NoLedger) {
            reading.missing += 1;
        }
        if reading.answered.len() == reading.bookies.len() {
            let all_missing = reading.missing == reading.bookies.len();
            let error = if all_missing { LedgerError::NoSuchEntry } else { LedgerError::Read };
            reading.failed = Some(error);
            return self.go_on(ctx);
        }
        if reading.asked == reading.answered.len() {
            self.ask_next(ctx, entry);
        }
        Vec::new()
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) -> Vec<ReaderEvent> {
        if !self.timers.owns(tag) || self.over {
            return Vec::new();
        }
        self.timer_armed = false;
        let speculative = Duration::from_millis(self.spec.client.speculative_read_timeout);
        let timeout = Duration::from_secs(self.spec.client.read_entry_timeout_sec);
        let now = ctx.now();
        let waiting = self.reading.iter().filter(|(_, reading)| !reading.is_over());
        let late = waiting.filter(|(_, reading)| now.since(reading.asked_at) >= speculative);
        for entry in late.map(|(entry, _)| *entry).collect::<Vec<_>>() {
            let reading = &self.reading[&entry];
            let all_asked = reading.asked == reading.bookies.len();
            if all_asked && now.since(reading.asked_at) >= timeout {
                let reading = self.reading.get_mut(&entry).expect("it is being read");
                reading.failed = Some(LedgerError::Read);
                continue;
            }
            self.ask_next(ctx, entry);
        }
        self.go_on(ctx)
    }

    /// A connection has broken: what was asked of that bookie counts as an error.
    fn on_disconnect(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        peer: NodeId,
    ) -> Vec<ReaderEvent> {
        let asked = self.reading.iter().filter(|(_, reading)| {
            !reading.is_over() && reading.bookies[..reading.asked].contains(&peer)
        });
        let mut events = Vec::new();
        for entry in asked.map(|(entry, _)| *entry).collect::<Vec<_>>() {
            if self.over || !self.reading.contains_key(&entry) {
                break;
            }
            events.extend(self.on_answer(ctx, peer, entry, Status::Unavailable, None));
        }
        events
    }
}

impl Component for LedgerReader {
    type Message = Message;
    type Event = ReaderEvent;

    fn on(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) -> Vec<ReaderEvent> {
        match input {
            Input::Message(from, message) => self.on_message(ctx, from, message),
            Input::Timer(tag) => self.on_timer(ctx, tag),
            Input::Disconnect(peer) => self.on_disconnect(ctx, peer),
        }
    }
}
