//! The process that takes the stream into database and index: one thread.
//!
//! Stands for a consumer's loop: what there is, up to `max.poll.records` of it, is parsed and made
//! into vectors; rows and vectors are sent at the same time, and when both are committed the place
//! in the stream is written down. A restart goes on from there: rows that are stored already come
//! again, and are not stored again. Until both have answered nothing else is read, so that a
//! database that stands holds the stream up.
//!
//! Parameters: [`Indexer`](super::config::Indexer). Left out: requests to the stream (its readers
//! fetch ahead), several batches on their way.

use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp};
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::config;
use super::message::{Message, Status};
use super::record::{POSITIONS, Record, Row};
use super::{properties, signals};
use crate::batch::{Lane, StreamId};
use crate::feed::Feed;
use crate::outlet::Outlet;
use crate::pipeline::offsets::{between, later, limited};
use crate::pipeline::part::{Part, settle_until};
use crate::protocol::{self, Streaming};
use crate::replay::Replay;

type Ctx<'a> = Context<'a, Streaming>;

/// The positions lie here.
const DISK: DiskId = DiskId(0);
/// The only thread.
const MAIN: PoolId = PoolId(0);

/// Records of a file that are read at a start.
const ALL: u64 = u64::MAX >> 1;

/// The threads of the process.
pub fn pools() -> Vec<PoolSpec> {
    vec![PoolSpec::named("indexer", 1)]
}

steps! {
    /// What comes back, as the tag of what was asked for.
    enum Step {
        ReadPositions,
        Cut,
        Started,
        Due,
        Parsed,
        PositionWritten,
        PositionSynced,
        Again,
        Overdue,
    }
}

/// Tags: the number of the attempt times this, and a step.
const TAGS: u64 = 16;

/// Whom rows go to.
#[derive(Clone, Copy, Debug)]
pub struct Sinks {
    /// The database.
    pub database: NodeId,
    /// The index.
    pub index: NodeId,
    /// Bytes of a vector.
    pub vector: u32,
}

/// What the loop is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// It starts.
    Start,
    /// It waits for something new.
    Rest,
    /// It parses.
    Parsing,
    /// Database and index have rows to store, and have not both answered.
    Storing,
    /// The position is on its way to the disk.
    Keeping,
}

/// The process.
pub struct Indexer {
    config: Rc<config::Indexer>,
    sinks: Sinks,
    stream: StreamId,
    source: Replay,
    outlet: Outlet,
    at: At,
    /// Up to here everything is stored, as it was when the process began.
    begun: Rc<[(Lane, u64)]>,
    /// Up to here events are read, by lane.
    next: Vec<(Lane, u64)>,
    parts: Vec<Part>,
    rows: Rc<[Row]>,
    /// The number of the attempt, which no other life has had, and who has not stored the batch.
    batch: u64,
    open: Vec<NodeId>,
}

impl Indexer {
    /// A process that has not started.
    pub fn new(config: Rc<config::Indexer>, sinks: Sinks, feed: &Feed) -> Self {
        Self {
            stream: feed.stream(),
            source: feed.replay(config.source_partitions),
            outlet: feed.outlet(0),
            config,
            sinks,
            at: At::Start,
            begun: Rc::new([]),
            next: Vec::new(),
            parts: Vec::new(),
            rows: Rc::new([]),
            batch: 0,
            open: Vec::new(),
        }
    }

    fn positions_read(&mut self, ctx: &mut Ctx<'_>, records: &[protocol::Record], damaged: bool) {
        if let Some(protocol::Record::Search(Record::Position(last))) = records.last() {
            self.begun = last.clone();
        }
        if damaged {
            // What would be written behind a torn record could not be read.
            let cut = DiskOp::Truncate { file: POSITIONS, keep: records.len() as u64 };
            return ctx.disk(DISK, cut, Step::Cut as u64);
        }
        ctx.compute(MAIN, self.config.start, Step::Started as u64);
    }

    /// It knows where it was, and reads from there.
    fn started(&mut self, ctx: &mut Ctx<'_>) {
        let latest = self.source.latest(ctx.now());
        let begun = self.begun.clone();
        settle_until(ctx, &begun, (&mut self.source, self.stream), &self.outlet);
        self.next = later(&begun, &self.source.earliest());
        let gap = between(&begun, &self.next);
        properties::NO_GAP.note(ctx, 0, gap == 0);
        if gap > 0 {
            signals::INDEXING_GAP.note(ctx, 0, gap);
        }
        signals::INDEXING_STARTED.note(ctx, 0, between(&self.next, &latest));
        self.at = At::Rest;
        self.look(ctx);
    }

    /// The loop: what there is.
    fn look(&mut self, ctx: &mut Ctx<'_>) {
        if self.at != At::Rest {
            return;
        }
        let latest = self.source.latest(ctx.now());
        let unread = between(&self.next, &latest);
        signals::UNINDEXED.set(ctx, unread);
        if unread == 0 {
            self.source.look_when_due(ctx, Step::Due as u64);
            return;
        }
        let ends = limited(&self.next, &latest, self.config.max_poll_records);
        let places = [self.next.as_slice(), &ends];
        self.parts = Part::between(&mut self.source, self.stream, places, ctx.now());
        let bytes: u64 = self.parts.iter().map(|part| part.rows.bytes).sum();
        let events = self.parts.iter().flat_map(|part| &part.events);
        let row =
            |arrival: &crate::arrival::Arrival| Row { tweet: arrival.index, bytes: arrival.bytes };
        self.rows = events.map(|event| row(&event.arrival)).collect();
        let cost = self.config.kib.per_kib(bytes) + self.config.embed * self.rows.len() as u64;
        self.at = At::Parsing;
        ctx.compute(MAIN, cost, Step::Parsed as u64);
    }

    fn parsed(&mut self, ctx: &mut Ctx<'_>) {
        self.at = At::Storing;
        self.batch += 1;
        self.open = vec![self.sinks.database, self.sinks.index];
        self.store(ctx);
    }

    /// Sends the batch to those who have not stored it.
    fn store(&self, ctx: &mut Ctx<'_>) {
        let text: u64 = self.rows.iter().map(|row| u64::from(row.bytes)).sum();
        let vectors = u64::from(self.sinks.vector) * self.rows.len() as u64;
        for to in &self.open {
            let bytes = if *to == self.sinks.index { vectors } else { text };
            let (id, rows) = (self.batch, self.rows.clone());
            ctx.send(*to, protocol::Message::Search(Message::Insert { id, rows, bytes }));
        }
        self.timer(ctx, self.config.timeout, Step::Overdue);
    }

    fn timer(&self, ctx: &mut Ctx<'_>, after: Duration, step: Step) {
        ctx.timer_for(after, self.batch * TAGS + step as u64, "again");
    }

    fn inserted(&mut self, ctx: &mut Ctx<'_>, from: NodeId, id: u64, status: Status) {
        if self.at != At::Storing || id != self.batch {
            return;
        }
        if status == Status::Failed {
            return self.timer(ctx, self.config.retry, Step::Again);
        }
        self.open.retain(|sink| *sink != from);
        if self.open.is_empty() {
            self.at = At::Keeping;
            let ends = self.parts.iter().map(|part| (part.rows.lane, part.rows.last() + 1));
            self.next = later(&self.next, &ends.collect::<Vec<_>>());
            self.keep(ctx);
        }
    }

    fn keep(&self, ctx: &mut Ctx<'_>) {
        let position = Record::Position(self.next.as_slice().into());
        let record = protocol::Record::Search(position);
        ctx.write(DISK, POSITIONS, record, Step::PositionWritten as u64);
    }

    /// The position stands: what lies before it is done, and the stream may drop it.
    fn kept(&mut self, ctx: &mut Ctx<'_>) {
        for part in std::mem::take(&mut self.parts) {
            part.settle(ctx, &self.outlet);
            self.source.drop_before(part.rows.lane, part.rows.last() + 1);
        }
        self.at = At::Rest;
        self.look(ctx);
    }

    fn step(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        match step {
            Step::Cut => ctx.compute(MAIN, self.config.start, Step::Started as u64),
            Step::Started => self.started(ctx),
            Step::Parsed => self.parsed(ctx),
            Step::PositionWritten => ctx.sync(DISK, POSITIONS, Step::PositionSynced as u64),
            Step::PositionSynced => self.kept(ctx),
            Step::ReadPositions | Step::Due | Step::Again | Step::Overdue => {}
        }
    }

    /// What was refused, or what nobody has answered for, is done again.
    fn again(&mut self, ctx: &mut Ctx<'_>) {
        match self.at {
            At::Start => Self::read(ctx),
            At::Storing => {
                signals::ROWS_AGAIN.note(ctx, 0, self.rows.len() as u64);
                // What comes of the attempt before does not matter any more.
                self.batch += 1;
                self.store(ctx);
            }
            At::Keeping => self.keep(ctx),
            At::Rest | At::Parsing => {}
        }
    }

    fn read(ctx: &mut Ctx<'_>) {
        ctx.read(DISK, POSITIONS, 0, ALL, Step::ReadPositions as u64);
    }
}

impl Node<Streaming> for Indexer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.batch = ctx.now().0 + 1;
        Self::read(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        match message {
            protocol::Message::Handover(_) => self.look(ctx),
            protocol::Message::Search(Message::Inserted { id, status }) => {
                self.inserted(ctx, from, id, status);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match step_of(tag % TAGS) {
            Step::Again | Step::Overdue if tag / TAGS == self.batch => self.again(ctx),
            Step::Again | Step::Overdue => {}
            _ => self.look(ctx),
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        match completion {
            Completion::Read { records, damaged } => self.positions_read(ctx, &records, damaged),
            Completion::Failed(DiskError::NoSuchFile) => self.positions_read(ctx, &[], false),
            Completion::Failed(_) => self.timer(ctx, self.config.retry, Step::Again),
            Completion::Computed | Completion::Written { .. } | Completion::Synced => {
                self.step(ctx, step_of(tag));
            }
            Completion::Listed { .. } => {}
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if self.at == At::Storing && self.open.contains(&peer) {
            self.timer(ctx, self.config.retry, Step::Again);
        }
    }
}
