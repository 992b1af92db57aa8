//! The process that keeps a backup: one thread, which reads, writes and commits in turn.
//!
//! Stands for a consumer's loop: what there is, up to `max.poll.records` of it, becomes lines in
//! the buffer of a file, which is written when it is full; each `commit.interval` the rest is
//! written, the file is synced, and its length written down with the place in the stream. A write
//! that the disk refuses (it is full) is tried again each `resume.interval`, and the stream keeps
//! what comes meanwhile. After a sync that failed nobody knows what of the file is on the disk: the
//! process returns to its position, as after a restart, and writes what follows anew.
//!
//! Parameters: [`Cluster`]. Left out: requests to the stream (its readers fetch ahead), a write of
//! which a full disk takes a part, a consumer that is thrown out of its group while it stands.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::config::{Cluster, Sync};
use super::record::{LINES, Lines, POSITIONS, Position, Record};
use super::recovery::{positions, standing};
use super::{properties, signals};
use crate::batch::{Lane, StreamId};
use crate::feed::Feed;
use crate::outlet::Outlet;
use crate::pipeline::offsets::{between, later, limited};
use crate::pipeline::part::{Part, joined, settle_until};
use crate::protocol::{self, Message, Streaming};
use crate::replay::Replay;

type Ctx<'a> = Context<'a, Streaming>;

/// Both files lie here.
const DISK: DiskId = DiskId(0);
/// The only thread.
const MAIN: PoolId = PoolId(0);

/// Records of a file that are read at a start.
const ALL: u64 = u64::MAX >> 1;

/// The threads of the process.
pub fn pools() -> Vec<PoolSpec> {
    vec![PoolSpec::named("backup", 1)]
}

steps! {
    /// What comes back, as the tag of what was asked for.
    enum Step {
        ReadPositions,
        List,
        ReadLines,
        CutLines,
        CutPositions,
        Started,
        Look,
        Buffered,
        Joined,
        Written,
        Commit,
        LinesSynced,
        PositionWritten,
        PositionSynced,
        Resume,
    }
}

/// What a start has found so far.
#[derive(Debug, Default)]
struct Found {
    positions: Vec<Position>,
    /// Of them, the file bears out so many.
    standing: usize,
    /// Writes that the file has, as its length tells, and those of them that are looked at.
    writes: u64,
    looked_from: u64,
    /// Writes that stay.
    keep: u64,
    /// There is a file of positions, whatever can be read of it.
    has_positions: bool,
}

/// The process.
pub struct Backup {
    config: Rc<Cluster>,
    stream: StreamId,
    source: Replay,
    outlet: Outlet,
    found: Found,
    /// It has something on its way, and comes back to the loop when that is done.
    busy: bool,
    /// Up to here events were read, by lane.
    next: Vec<(Lane, u64)>,
    /// Writes that the file has.
    writes: u64,
    /// What is read and has not been written.
    parts: Vec<Part>,
    /// What was written behind the last position.
    uncommitted: Vec<Part>,
    /// Positions that can be returned to.
    positions: VecDeque<Position>,
    /// A commit is due.
    due: bool,
    commit_began: Time,
    /// What the disk has refused, to be done again.
    refused: Option<Step>,
    /// It ends when what it has is committed.
    closing: bool,
    cut: u64,
}

impl Backup {
    /// A process that has not started.
    pub fn new(config: Rc<Cluster>, feed: &Feed) -> Self {
        Self {
            stream: feed.stream(),
            source: feed.replay(config.source_partitions),
            outlet: feed.outlet(0),
            config,
            found: Found::default(),
            busy: true,
            next: Vec::new(),
            writes: 0,
            parts: Vec::new(),
            uncommitted: Vec::new(),
            positions: VecDeque::new(),
            due: false,
            commit_began: Time::ZERO,
            refused: None,
            closing: false,
            cut: 0,
        }
    }

    fn disk(ctx: &mut Ctx<'_>, op: DiskOp<protocol::Record>, step: Step) {
        ctx.disk(DISK, op, step as u64);
    }

    fn write(ctx: &mut Ctx<'_>, file: FileId, record: Record, step: Step) {
        ctx.write(DISK, file, protocol::Record::Backup(record), step as u64);
    }

    /// Looks at what is there, at a start or when it does not know any more.
    fn recover(&mut self, ctx: &mut Ctx<'_>) {
        (self.busy, self.found) = (true, Found::default());
        self.parts.clear();
        self.uncommitted.clear();
        ctx.read(DISK, POSITIONS, 0, ALL, Step::ReadPositions as u64);
    }

    fn positions_read(&mut self, ctx: &mut Ctx<'_>, records: &[protocol::Record]) {
        self.found.positions = positions(records);
        Self::disk(ctx, DiskOp::List, Step::List);
    }

    /// The file's length is known: which positions it has room for. From the oldest that could be
    /// returned to it is looked at.
    fn listed(&mut self, ctx: &mut Ctx<'_>, files: &[(FileId, u64)]) {
        let length = |of: FileId| files.iter().find(|(file, _)| *file == of).map(|(_, of)| *of);
        self.found.has_positions = length(POSITIONS).is_some();
        let Some(writes) = length(LINES) else { return self.lines_cut(ctx) };
        self.found.writes = writes;
        let standing = standing(&self.found.positions, writes);
        let oldest = standing.checked_sub(self.config.positions_num_retained as usize + 1);
        let oldest = oldest.and_then(|oldest| self.found.positions.get(oldest));
        self.found.looked_from = oldest.map_or(0, |position| position.writes);
        ctx.read(DISK, LINES, self.found.looked_from, ALL, Step::ReadLines as u64);
    }

    /// The lines are looked at: so many writes are whole. What lies behind the position that they
    /// bear out goes; without `once`, what is not whole.
    fn lines_read(&mut self, ctx: &mut Ctx<'_>, whole: u64) {
        let whole = self.found.looked_from + whole;
        self.found.standing = standing(&self.found.positions, whole);
        let position = self.found.standing.checked_sub(1).map(|at| &self.found.positions[at]);
        let counts = position.map_or(0, |position| position.writes);
        self.found.keep = if self.config.once { counts } else { whole };
        Self::disk(ctx, DiskOp::Truncate { file: LINES, keep: self.found.keep }, Step::CutLines);
    }

    fn lines_cut(&self, ctx: &mut Ctx<'_>) {
        if !self.found.has_positions {
            return Self::start(ctx, &self.config);
        }
        let cut = DiskOp::Truncate { file: POSITIONS, keep: self.found.standing as u64 };
        Self::disk(ctx, cut, Step::CutPositions);
    }

    fn start(ctx: &mut Ctx<'_>, config: &Cluster) {
        ctx.compute(MAIN, config.costs.start, Step::Started as u64);
    }

    /// It knows where its file ends, and goes on there.
    fn started(&mut self, ctx: &mut Ctx<'_>) {
        let Found { positions, standing, writes, keep, .. } = std::mem::take(&mut self.found);
        self.writes = keep;
        self.cut += writes - keep;
        signals::BACKUP_STARTED.note(ctx, keep, writes - keep);
        signals::WRITES_CUT.set(ctx, self.cut);
        if writes > keep {
            properties::CUT.reached(ctx);
        }
        let retained = self.config.positions_num_retained as usize;
        self.positions = positions.into_iter().take(standing).collect();
        let old = self.positions.len().saturating_sub(retained);
        self.positions.drain(..old);
        let ends = self.positions.back().map(|last| last.ends.clone()).unwrap_or_default();
        self.source.latest(ctx.now());
        settle_until(ctx, &ends, (&mut self.source, self.stream), &self.outlet);
        let earliest = self.source.earliest();
        self.next = later(&ends, &earliest);
        let gap = between(&ends, &self.next);
        properties::NO_GAP.note(ctx, 0, gap == 0);
        if gap > 0 {
            signals::BACKUP_GAP.note(ctx, 0, gap);
        }
        (self.busy, self.due) = (false, false);
        self.look(ctx);
    }

    /// The loop: what there is, if it has nothing else to do.
    fn look(&mut self, ctx: &mut Ctx<'_>) {
        if self.busy {
            return;
        }
        if self.due || self.closing {
            return if self.parts.is_empty() { self.commit(ctx) } else { self.write_lines(ctx) };
        }
        let latest = self.latest(ctx);
        if between(&self.next, &latest) == 0 {
            self.source.look_when_due(ctx, Step::Look as u64);
            return;
        }
        let ends = limited(&self.next, &latest, self.config.max_poll_records);
        let places = [self.next.as_slice(), &ends];
        let mut parts = Part::between(&mut self.source, self.stream, places, ctx.now());
        let bytes = parts.iter().map(|part| part.rows.bytes).sum::<u64>();
        self.parts.append(&mut parts);
        self.next = later(&self.next, &ends);
        self.busy = true;
        let cost = self.config.costs.kib.per_kib(bytes);
        ctx.compute(MAIN, cost, Step::Buffered as u64);
    }

    /// Where the stream ends.
    fn latest(&mut self, ctx: &mut Ctx<'_>) -> Vec<(Lane, u64)> {
        let latest = self.source.latest(ctx.now());
        signals::LINES_BEHIND.set(ctx, between(&self.next, &latest));
        latest
    }

    /// Lines are in the buffer: is it full?
    fn buffered(&mut self, ctx: &mut Ctx<'_>) {
        self.busy = false;
        let bytes = |part: &Part| part.rows.bytes + part.rows.count();
        match self.parts.iter().map(bytes).sum::<u64>() >= self.config.buffer.0 {
            true => self.write_lines(ctx),
            false => self.look(ctx),
        }
    }

    fn write_lines(&mut self, ctx: &mut Ctx<'_>) {
        self.busy = true;
        ctx.compute(MAIN, self.config.costs.write, Step::Joined as u64);
    }

    fn joined(&mut self, ctx: &mut Ctx<'_>) {
        self.parts = joined(std::mem::take(&mut self.parts));
        let of = |part: &Part| {
            let indices = part.events.iter().map(|event| event.arrival.index).collect();
            Lines::new(part.rows.clone(), indices)
        };
        let lines: Rc<[Lines]> = self.parts.iter().map(of).collect();
        Self::write(ctx, LINES, Record::Lines(lines), Step::Written);
    }

    fn written(&mut self, ctx: &mut Ctx<'_>, index: u64) {
        self.resumed(ctx);
        self.writes = index + 1;
        self.uncommitted.append(&mut self.parts);
        let lines = self.uncommitted.iter().map(|part| part.rows.count()).sum();
        signals::LINES_UNCOMMITTED.set(ctx, lines);
        self.busy = false;
        self.look(ctx);
    }

    /// A position is written down, if there is anything behind the last.
    fn commit(&mut self, ctx: &mut Ctx<'_>) {
        self.due = false;
        if self.uncommitted.is_empty() {
            return self.committed(ctx);
        }
        (self.busy, self.commit_began) = (true, ctx.now());
        match self.config.sync {
            Sync::Commit => ctx.sync(DISK, LINES, Step::LinesSynced as u64),
            Sync::None => self.write_position(ctx),
        }
    }

    fn position(&self) -> Position {
        Position { writes: self.writes, ends: self.next.as_slice().into() }
    }

    fn write_position(&self, ctx: &mut Ctx<'_>) {
        Self::write(ctx, POSITIONS, Record::Position(self.position()), Step::PositionWritten);
    }

    fn position_written(&mut self, ctx: &mut Ctx<'_>) {
        self.resumed(ctx);
        match self.config.sync {
            Sync::Commit => ctx.sync(DISK, POSITIONS, Step::PositionSynced as u64),
            Sync::None => self.position_kept(ctx),
        }
    }

    /// The position stands: what is before it is done, and the stream may drop what is before the
    /// oldest that can be returned to.
    fn position_kept(&mut self, ctx: &mut Ctx<'_>) {
        self.positions.push_back(self.position());
        while self.positions.len() > self.config.positions_num_retained as usize {
            self.positions.pop_front();
        }
        for part in joined(std::mem::take(&mut self.uncommitted)) {
            part.settle(ctx, &self.outlet);
        }
        let oldest = self.positions.front().expect("one was just put there");
        oldest.ends.iter().for_each(|(lane, end)| self.source.drop_before(*lane, *end));
        signals::LINES_UNCOMMITTED.set(ctx, 0);
        signals::COMMIT_MS.set(ctx, ctx.now().since(self.commit_began).0 / 1_000_000);
        self.committed(ctx);
    }

    fn committed(&mut self, ctx: &mut Ctx<'_>) {
        self.busy = false;
        if self.closing {
            return ctx.exit();
        }
        self.look(ctx);
    }

    /// The disk has refused this. A write is tried again; else it begins with what is there.
    fn refuse(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        if self.refused.is_none() {
            signals::BACKUP_STOPPED.note(ctx, self.writes, 0);
        }
        self.refused = Some(step);
        if self.closing {
            return ctx.exit();
        }
        ctx.timer_for(self.config.resume_interval, Step::Resume as u64, "resume");
    }

    fn resume(&mut self, ctx: &mut Ctx<'_>) {
        match self.refused {
            Some(Step::Written) => self.joined(ctx),
            Some(Step::PositionWritten) => self.write_position(ctx),
            Some(_) => self.recover(ctx),
            None => {}
        }
    }

    fn resumed(&mut self, ctx: &mut Ctx<'_>) {
        if self.refused.take().is_some() {
            signals::BACKUP_RESUMED.note(ctx, self.writes, 0);
            properties::RESUMED.reached(ctx);
        }
    }

    fn timed(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        match step {
            Step::Commit => {
                self.due = true;
                ctx.timer_for(self.config.commit_interval, Step::Commit as u64, "commit");
                self.latest(ctx);
                self.look(ctx);
            }
            Step::Resume => self.resume(ctx),
            _ => self.look(ctx),
        }
    }

    fn done(&mut self, ctx: &mut Ctx<'_>, step: Step, index: u64) {
        match step {
            Step::CutLines => self.lines_cut(ctx),
            Step::CutPositions => Self::start(ctx, &self.config),
            Step::Started => self.started(ctx),
            Step::Buffered => self.buffered(ctx),
            Step::Joined => self.joined(ctx),
            Step::Written => self.written(ctx, index),
            Step::LinesSynced => self.write_position(ctx),
            Step::PositionWritten => self.position_written(ctx),
            Step::PositionSynced => self.position_kept(ctx),
            Step::ReadPositions
            | Step::List
            | Step::ReadLines
            | Step::Look
            | Step::Commit
            | Step::Resume => {}
        }
    }
}

impl Node<Streaming> for Backup {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        ctx.timer_for(self.config.commit_interval, Step::Commit as u64, "commit");
        self.recover(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: Message) {
        if let Message::Handover(_) = message {
            self.look(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        self.timed(ctx, step_of(tag));
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        let step = step_of(tag);
        match completion {
            Completion::Read { records, .. } if step == Step::ReadPositions => {
                self.positions_read(ctx, &records);
            }
            Completion::Read { records, .. } => self.lines_read(ctx, records.len() as u64),
            Completion::Listed { files } => self.listed(ctx, &files),
            Completion::Failed(DiskError::NoSuchFile) if step == Step::ReadPositions => {
                self.positions_read(ctx, &[]);
            }
            Completion::Failed(_) => self.refuse(ctx, step),
            Completion::Written { index } => self.done(ctx, step, index),
            Completion::Computed | Completion::Synced => self.done(ctx, step, 0),
        }
    }

    fn on_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        self.closing = true;
        match self.refused {
            Some(_) => ctx.exit(),
            None => self.look(ctx),
        }
    }
}
