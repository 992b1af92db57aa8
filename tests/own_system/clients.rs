//! The clients of the replicated log: a writer with one entry on its way, and a reader.

use std::rc::Rc;

use headwater_models::arrival::{Arrival, Arrivals};
use headwater_models::batch::{Batch, Lane, SharedBatch, StreamId};
use headwater_models::note::Note;
use headwater_models::protocol::{Message, Record, Streaming};
use headwater_sim::context::Context;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::messages::Rpc;

type Ctx<'a> = Context<'a, Streaming>;

/// An answer is awaited for this long, then asked for again.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a reader looks for more.
const POLL: Duration = Duration::from_millis(20);
/// The timer for what is due next; other tags are numbers of attempts.
const DUE: u64 = 0;

/// Writes the schedule, one entry at a time.
pub struct Writer {
    leader: NodeId,
    arrivals: Arrivals,
    next: Option<Arrival>,
    sequence: u64,
    open: Option<SharedBatch>,
    attempts: u64,
}

impl Writer {
    /// Writes these to the log that `leader` leads.
    pub fn new(leader: NodeId, arrivals: Arrivals) -> Self {
        Self { leader, arrivals, next: None, sequence: 0, open: None, attempts: 0 }
    }

    fn take(&mut self, ctx: &mut Ctx<'_>) {
        let (now, first) = (ctx.now(), self.sequence);
        let (mut intended, mut bytes) = (Vec::new(), 0);
        while let Some(due) = self.next.filter(|next| next.at <= now && self.open.is_none()) {
            intended.push(due.at);
            bytes += u64::from(due.bytes);
            self.sequence += 1;
            self.next = self.arrivals.next();
        }
        if !intended.is_empty() {
            let (writer, lane, started) = (0, Lane(0), vec![now; intended.len()]);
            let stream = StreamId(0);
            let batch = Batch { stream, writer, lane, first, bytes, intended, started };
            self.open = Some(Rc::new(batch));
            self.send(ctx);
        } else if let Some(next) = self.next.filter(|_| self.open.is_none()) {
            ctx.timer(next.at.since(now), DUE);
        }
    }

    fn send(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(open) = &self.open {
            self.attempts += 1;
            ctx.send(self.leader, Rpc::Append(open.clone()).message());
            ctx.timer(PATIENCE, self.attempts);
        }
    }
}

impl Node<Streaming> for Writer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.next = self.arrivals.next();
        // What was due before this start went with the process that had taken it.
        let now = ctx.now();
        while now > Time::ZERO && self.next.is_some_and(|next| next.at < now) {
            self.sequence += 1;
            self.next = self.arrivals.next();
        }
        self.take(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: Message) {
        let Message::Other(message) = message else { return };
        let Some(Rpc::Appended(last)) = message.as_any().downcast_ref() else { return };
        if let Some(batch) = self.open.take_if(|open| open.last() == *last) {
            ctx.note(Note::Acked { batch });
            self.take(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        if tag == DUE {
            self.take(ctx);
        } else if tag == self.attempts {
            self.send(ctx);
        }
    }

    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<Record>) {}
}

/// Reads everything, from the beginning.
pub struct Reader {
    leader: NodeId,
    /// Entries read, and events in them.
    read: usize,
    position: u64,
    attempts: u64,
}

impl Reader {
    /// Reads the log that `leader` leads.
    pub fn new(leader: NodeId) -> Self {
        Self { leader, read: 0, position: 0, attempts: 0 }
    }

    fn fetch(&mut self, ctx: &mut Ctx<'_>) {
        self.attempts += 1;
        ctx.send(self.leader, Rpc::Fetch(self.read).message());
        ctx.timer(PATIENCE, self.attempts);
    }
}

impl Node<Streaming> for Reader {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.fetch(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: Message) {
        let Message::Other(message) = message else { return };
        let Some(Rpc::Fetched(first, entries)) = message.as_any().downcast_ref() else { return };
        if *first != self.read {
            return;
        }
        for batch in entries {
            let (position, batch) = (self.position, batch.clone());
            self.read += 1;
            self.position += batch.count();
            ctx.note(Note::Delivered { reader: 0, batch, position });
        }
        self.attempts += 1;
        ctx.timer(POLL, self.attempts);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        if tag == self.attempts {
            self.fetch(ctx);
        }
    }

    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<Record>) {}
}
