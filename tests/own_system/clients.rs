//! The clients of the replicated log: a writer with one entry on its way, and a reader.

use std::rc::Rc;

use headwater_models::batch::{Batch, Lane, SharedBatch};
use headwater_models::intake::Intake;
use headwater_models::outlet::Outlet;
use headwater_models::protocol::{Message, Record, Streaming};
use headwater_sim::context::Context;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
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
    intake: Intake,
    open: Option<SharedBatch>,
    attempts: u64,
    /// The timer for what is due next is set.
    armed: bool,
}

impl Writer {
    /// Writes what it takes to the log that `leader` leads.
    pub fn new(leader: NodeId, intake: Intake) -> Self {
        Self { leader, intake, open: None, attempts: 0, armed: false }
    }

    fn take(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let (mut intended, mut bytes) = (Vec::new(), 0);
        while let Some(due) = self.intake.due(now).filter(|_| self.open.is_none()) {
            intended.push(due.at);
            bytes += u64::from(due.bytes);
            self.intake.take();
        }
        if !intended.is_empty() {
            let (lane, started) = (Lane(0), vec![now; intended.len()]);
            let first = self.intake.number(lane, intended.len() as u64);
            let (stream, writer) = (self.intake.writer().stream, self.intake.writer().number);
            let (packed, words) = (None, None);
            let batch =
                Batch { stream, writer, lane, first, bytes, intended, started, packed, words };
            self.open = Some(Rc::new(batch));
            self.send(ctx);
        } else if let Some(next) =
            self.intake.next_due(now).filter(|_| self.open.is_none() && !self.armed)
        {
            self.armed = true;
            ctx.timer(next.since(now), DUE);
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
        // What was due before this start went with the process that had taken it.
        self.intake.start(ctx.now(), |_| [Lane(0)]);
        self.take(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: Message) {
        let message = match message {
            Message::Other(message) => message,
            // The readers of another system have handed events on.
            Message::Handover(_) => return self.take(ctx),
            _ => return,
        };
        let Some(Rpc::Appended(last)) = message.as_any().downcast_ref() else { return };
        if let Some(batch) = self.open.take_if(|open| open.last() == *last) {
            self.intake.acked(ctx, batch);
            self.take(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        if tag == DUE {
            self.armed = false;
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
    outlet: Outlet,
    /// Entries read, and events in them.
    read: usize,
    position: u64,
    attempts: u64,
}

impl Reader {
    /// Reads the log that `leader` leads.
    pub fn new(leader: NodeId, outlet: Outlet) -> Self {
        Self { leader, outlet, read: 0, position: 0, attempts: 0 }
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
            self.outlet.deliver(ctx, batch, position);
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
