//! What database and index have in common: rows that are stored durably, once each, one insert
//! after the other, and found again at a start.
//!
//! Stands for a transaction of PostgreSQL 15 (`INSERT .. ON CONFLICT DO NOTHING`: its record is
//! written to the log and synced, then it is answered), and for an index that keeps its vectors in
//! a file. A row that is there when it comes is not stored again. Where the disk refuses, the
//! insert is: what of it may be in the file is cut off, so that the file ends with what was
//! answered for. (PostgreSQL ends itself there and recovers, `data_sync_retry`.)
//!
//! Parameters: CPU time of a start, of a row that is inserted and of one that is recovered; how
//! much a row takes. Left out: checkpoints, several transactions in one sync.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp};
use headwater_sim::effect::PoolId;
use headwater_sim::node::Completion;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::message::{Message, Status};
use super::record::{Record, Row, STORED};
use super::{properties, signals};
use crate::protocol::{self, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// What is stored lies here.
const DISK: DiskId = DiskId(0);

/// Records of the file that are read at a start.
const ALL: u64 = u64::MAX >> 1;

/// Until the disk is asked again for what it has refused.
const AGAIN: Duration = Duration::from_secs(1);

/// Tags from here on are the node's own.
pub const OWN_TAGS: u64 = 16;

steps! {
    /// What comes back, as the tag of what was asked for.
    enum Step {
        Read,
        Cut,
        Recovered,
        Worked,
        Written,
        Synced,
        Again,
    }
}

/// What it takes.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// CPU time of a start.
    pub start: Duration,
    /// CPU time of a row that is recovered.
    pub recover: Duration,
    /// CPU time of a row that is inserted.
    pub insert: Duration,
    /// Bytes of a row beside its text.
    pub beside: u64,
    /// Its text is stored as well.
    pub text: bool,
}

/// An insert.
struct Insert {
    from: NodeId,
    id: u64,
    rows: Rc<[Row]>,
}

/// The rows.
pub struct Store {
    costs: Costs,
    /// Its own thread for inserts and starts.
    pool: PoolId,
    /// In the order in which they came.
    rows: Vec<u64>,
    known: BTreeSet<u64>,
    again: u64,
    /// Records of the file that were answered for.
    records: u64,
    ready: bool,
    /// An insert, or the cut after one that failed, is on its way.
    busy: bool,
    queue: VecDeque<Insert>,
    current: Option<Insert>,
}

impl Store {
    /// None yet, with inserts on a thread of `pool`.
    pub const fn new(costs: Costs, pool: PoolId) -> Self {
        Self {
            costs,
            pool,
            rows: Vec::new(),
            known: BTreeSet::new(),
            again: 0,
            records: 0,
            ready: false,
            busy: false,
            queue: VecDeque::new(),
            current: None,
        }
    }

    /// It has what it had, and serves.
    pub const fn ready(&self) -> bool {
        self.ready
    }

    /// The rows, in the order in which they came.
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// Whether a tweet is there.
    pub fn has(&self, tweet: u64) -> bool {
        self.known.contains(&tweet)
    }

    /// Reads what is there.
    pub fn start(&self, ctx: &mut Ctx<'_>) {
        ctx.read(DISK, STORED, 0, ALL, Step::Read as u64);
    }

    /// Rows are to be stored.
    pub fn insert(&mut self, ctx: &mut Ctx<'_>, from: NodeId, id: u64, rows: Rc<[Row]>) {
        if !self.ready {
            return answer(ctx, from, id, Status::Failed);
        }
        self.queue.push_back(Insert { from, id, rows });
        if !self.busy {
            self.next(ctx);
        }
    }

    /// A timer of its own has run out.
    pub fn timer(&self, ctx: &mut Ctx<'_>, tag: u64) {
        match step_of(tag) {
            Step::Again if self.ready => self.cut(ctx),
            Step::Again => self.start(ctx),
            _ => {}
        }
    }

    /// Something of its own is done.
    pub fn completed(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        match (completion, step_of(tag)) {
            (Completion::Read { records, damaged }, _) => self.read(ctx, &records, damaged),
            (Completion::Failed(DiskError::NoSuchFile), Step::Read) => self.read(ctx, &[], false),
            // Nothing was written at all.
            (Completion::Failed(DiskError::NoSuchFile), Step::Cut) => self.step(ctx, Step::Cut),
            (Completion::Failed(_), step) => self.refused(ctx, step),
            (_, step) => self.step(ctx, step),
        }
    }

    fn read(&mut self, ctx: &mut Ctx<'_>, records: &[protocol::Record], damaged: bool) {
        (self.rows, self.known) = (Vec::new(), BTreeSet::new());
        self.records = records.len() as u64;
        for record in records {
            record.for_each_index(&mut |tweet| {
                self.rows.push(tweet);
                self.known.insert(tweet);
            });
        }
        // What would be written behind a torn record could not be read.
        if damaged { self.cut(ctx) } else { self.recover(ctx) }
    }

    fn cut(&self, ctx: &mut Ctx<'_>) {
        let cut = DiskOp::Truncate { file: STORED, keep: self.records };
        ctx.disk(DISK, cut, Step::Cut as u64);
    }

    fn recover(&self, ctx: &mut Ctx<'_>) {
        let cost = self.costs.start + self.costs.recover * self.rows.len() as u64;
        ctx.compute(self.pool, cost, Step::Recovered as u64);
    }

    fn step(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        match step {
            Step::Cut if self.ready => self.next(ctx),
            Step::Cut => self.recover(ctx),
            Step::Recovered => {
                self.ready = true;
                signals::STORE_READY.note(ctx, 0, self.rows.len() as u64);
                signals::ROWS_STORED.set(ctx, self.rows.len() as u64);
                self.next(ctx);
            }
            Step::Worked => self.worked(ctx),
            Step::Written => ctx.sync(DISK, STORED, Step::Synced as u64),
            Step::Synced => self.synced(ctx),
            Step::Read | Step::Again => {}
        }
    }

    fn next(&mut self, ctx: &mut Ctx<'_>) {
        self.current = self.queue.pop_front();
        self.busy = self.current.is_some();
        if let Some(Insert { rows, .. }) = &self.current {
            let cost = self.costs.insert * self.unknown(rows).count() as u64;
            ctx.compute(self.pool, cost, Step::Worked as u64);
        }
    }

    fn unknown<'a>(&'a self, rows: &'a [Row]) -> impl Iterator<Item = Row> + 'a {
        rows.iter().filter(|row| !self.known.contains(&row.tweet)).copied()
    }

    /// The rows that are not there are written; each of them once, though it may come twice.
    fn worked(&mut self, ctx: &mut Ctx<'_>) {
        let Some(Insert { from, id, rows }) = &self.current else { return };
        let (from, id) = (*from, *id);
        let mut seen = BTreeSet::new();
        let new: Rc<[Row]> = self.unknown(rows).filter(|row| seen.insert(row.tweet)).collect();
        let known = (rows.len() - new.len()) as u64;
        if known > 0 {
            self.again += known;
            properties::KNOWN.reached(ctx);
            signals::ROWS_KNOWN.set(ctx, self.again);
        }
        if new.is_empty() {
            answer(ctx, from, id, Status::Done);
            return self.next(ctx);
        }
        let text = |row: &Row| if self.costs.text { u64::from(row.bytes) } else { 0 };
        let bytes = new.iter().map(|row| self.costs.beside + text(row)).sum();
        self.current = Some(Insert { from, id, rows: new.clone() });
        let record = protocol::Record::Search(Record::Stored { rows: new, bytes });
        ctx.write(DISK, STORED, record, Step::Written as u64);
    }

    fn synced(&mut self, ctx: &mut Ctx<'_>) {
        let Some(Insert { from, id, rows }) = self.current.take() else { return };
        self.records += 1;
        for row in rows.iter() {
            self.rows.push(row.tweet);
            self.known.insert(row.tweet);
        }
        signals::ROWS_STORED.set(ctx, self.rows.len() as u64);
        answer(ctx, from, id, Status::Done);
        self.next(ctx);
    }

    /// The disk has refused.
    fn refused(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        if let Some(Insert { from, id, rows }) = self.current.take() {
            signals::STORE_REFUSED.note(ctx, 0, rows.len() as u64);
            answer(ctx, from, id, Status::Failed);
            return self.cut(ctx);
        }
        debug_assert!(matches!(step, Step::Read | Step::Cut), "{step:?} without an insert");
        ctx.timer_for(AGAIN, Step::Again as u64, "again");
    }
}

fn answer(ctx: &mut Ctx<'_>, to: NodeId, id: u64, status: Status) {
    ctx.send(to, protocol::Message::Search(Message::Inserted { id, status }));
}
