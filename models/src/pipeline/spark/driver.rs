//! The process that runs a query: its stream execution thread, and tasks on the others.
//!
//! Stands for `MicroBatchExecution.scala` and, in `local[N]`, for the executor in the same process
//! (apache/spark @ v3.5.6). A trigger asks what the source has, writes down where the batch ends,
//! plans it, runs its tasks, and writes down that it is done. A process that is started again has
//! its checkpoint and nothing else: what was written down and is not done is made once more, with
//! the same events.
//!
//! Parameters: [`Cluster`]. Left out: garbage collection, code that is compiled as it runs, tasks
//! that fail by themselves (in `local[N]` one is the end of the query), speculation; the producers
//! within tasks, for which those of the next system stand: they write on what they were handed
//! though this process dies.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::batch::{MicroBatch, Place};
use super::config::{Cluster, Query, Sink};
use super::progress::Progress;
use super::record::{self, Record};
use super::recovery::{Ends, resume};
use super::trigger::next_after;
use super::{properties, signals};
use crate::batch::{Lane, StreamId};
use crate::bugs::{Bug, BugSet};
use crate::feed::Feed;
use crate::note::Note;
use crate::outlet::Outlet;
use crate::pipeline::offsets::{limited, offset_of};
use crate::protocol::{self, Message, Streaming};
use crate::replay::Replay;
use crate::tags::TagLayout;

type Ctx<'a> = Context<'a, Streaming>;

/// The checkpoint and the sink's files lie here.
const DISK: DiskId = DiskId(0);
/// The stream execution thread.
const STREAM: PoolId = PoolId(0);
/// Task threads.
const TASKS: PoolId = PoolId(1);

/// Records of a log that are read at a start.
const ALL: u64 = u64::MAX >> 1;

/// The threads of the process.
pub fn pools(config: &Cluster) -> Vec<PoolSpec> {
    vec![PoolSpec::named("stream-execution", 1), PoolSpec::named("task-threads", config.cores)]
}

const TAGS: TagLayout = TagLayout::new(32);

steps! {
    /// What comes back: a step of the stream execution thread, or the work of a task.
    enum Step {
        ReadOffsets,
        ReadCommits,
        ReadSink,
        Started,
        Trigger,
        LatestOffset,
        WalCommit,
        WalWritten,
        Planned,
        Job,
        Task,
        FileWritten,
        Shuffled,
        StateWritten,
        SinkCommit,
        SinkWritten,
        CommitOffsets,
        Committed,
    }
}

fn tag(step: Step, number: u64) -> u64 {
    TAGS.tag(step as u64, number)
}

/// The process.
pub struct Driver {
    config: Rc<Cluster>,
    bugs: BugSet,
    stream: StreamId,
    source: Replay,
    outlet: Outlet,
    /// The checkpoint's files, as far as they have been read.
    read: [Option<Vec<protocol::Record>>; 3],
    /// The number of the batch at hand, or of the next.
    number: u64,
    /// Up to here batches are done, by lane.
    done: Ends,
    /// Where the batch at hand ends, once that is written down.
    until: Option<Ends>,
    /// The last batch that the file sink has.
    sink: Option<u64>,
    /// Where batches end that could be made again, with their numbers.
    kept: VecDeque<(u64, Ends)>,
    batch: Option<MicroBatch>,
    /// Tasks, and writes of theirs, that are not done.
    open: u64,
    /// All tasks are done, and the next systems have not acknowledged all rows.
    flushing: bool,
    progress: Progress,
    /// The trigger after the one at hand, by the time of day.
    next_trigger: Time,
    repeats: bool,
    rows_repeated: u64,
    falling_behind: u64,
}

impl Driver {
    /// A process that has not started.
    pub fn new(config: Rc<Cluster>, bugs: BugSet, feed: &Feed) -> Self {
        Self {
            bugs,
            stream: feed.stream(),
            source: feed.replay(config.source_partitions),
            outlet: feed.outlet(0),
            config,
            read: [None, None, None],
            number: 0,
            done: Rc::new([]),
            until: None,
            sink: None,
            kept: VecDeque::new(),
            batch: None,
            open: 0,
            flushing: false,
            progress: Progress::begin(Time::ZERO),
            next_trigger: Time::ZERO,
            repeats: false,
            rows_repeated: 0,
            falling_behind: 0,
        }
    }

    fn work(ctx: &mut Ctx<'_>, cost: Duration, step: Step) {
        ctx.compute(STREAM, cost, tag(step, 0));
    }

    fn write(ctx: &mut Ctx<'_>, file: FileId, record: Record, tag: u64) {
        ctx.write(DISK, file, protocol::Record::Spark(record), tag);
    }

    /// The checkpoint is read.
    fn started(&mut self, ctx: &mut Ctx<'_>) {
        let [offsets, commits, sink] =
            std::mem::take(&mut self.read).map(Option::unwrap_or_default);
        let resume = resume(&offsets, &commits, &sink);
        self.outlet.forget_refused();
        self.source.latest(ctx.now());
        // What is older than batches that are kept is gone; without a disk, all before what is.
        let earliest = self.source.earliest();
        let from = resume.from.unwrap_or_default();
        let begin = |(lane, first): &(Lane, u64)| (*lane, offset_of(&from, *lane).max(*first));
        self.done = earliest.iter().map(begin).collect();
        (self.number, self.sink, self.kept) = (resume.next, resume.sink, resume.ends);
        self.repeats = resume.again.is_some();
        self.until = resume.again.filter(|_| !self.bugs.has(Bug::BatchPlannedAnew));
        signals::QUERY_STARTED.note(ctx, self.number, 0);
        signals::ROWS_REPEATED.set(ctx, 0);
        signals::FALLING_BEHIND.set(ctx, 0);
        if self.number > 0 && !self.repeats {
            properties::RESUMED.reached(ctx);
        }
        self.trigger(ctx);
    }

    fn trigger(&mut self, ctx: &mut Ctx<'_>) {
        self.progress = Progress::begin(ctx.now());
        self.next_trigger = next_after(ctx.wall(), self.config.trigger);
        if self.until.is_some() {
            return Self::work(ctx, self.config.costs.query_planning, Step::Planned);
        }
        Self::work(ctx, self.config.costs.latest_offset, Step::LatestOffset);
    }

    fn latest_offset(&mut self, ctx: &mut Ctx<'_>) {
        let latest = self.source.latest(ctx.now());
        let behind = latest.iter().map(|(lane, end)| end - offset_of(&self.done, *lane)).sum();
        signals::OFFSETS_BEHIND.set(ctx, behind);
        self.progress.skip(ctx.now());
        if behind == 0 {
            return self.rest(ctx, self.config.sql_streaming_polling_delay);
        }
        let ends = limited(&self.done, &latest, self.config.max_offsets_per_trigger);
        self.until = Some(ends.into());
        Self::work(ctx, self.config.costs.wal_commit, Step::WalCommit);
    }

    fn ends(&self) -> Ends {
        self.until.clone().expect("a batch is at hand")
    }

    fn wal_commit(&self, ctx: &mut Ctx<'_>) {
        let record = Record::Offsets { batch: self.number, ends: self.ends() };
        Self::write(ctx, record::OFFSETS, record, tag(Step::WalWritten, 0));
    }

    /// Where the batch ends is written down; what batches are of that nobody makes again may go.
    fn wal_written(&mut self, ctx: &mut Ctx<'_>) {
        self.kept.push_back((self.number, self.ends()));
        let retain = u64::from(self.config.sql_streaming_min_batches_to_retain);
        while self.kept.front().is_some_and(|(of, _)| *of + retain < self.number) {
            let (_, ends) = self.kept.pop_front().expect("there is a first");
            ends.iter().for_each(|(lane, end)| self.source.drop_before(*lane, *end));
        }
        self.progress.part(ctx, &signals::WAL_COMMIT);
        Self::work(ctx, self.config.costs.query_planning, Step::Planned);
    }

    fn planned(&mut self, ctx: &mut Ctx<'_>) {
        self.progress.part(ctx, &signals::QUERY_PLANNING);
        let ends = self.ends();
        let ascends = |(lane, done): &(Lane, u64)| offset_of(&ends, *lane) >= *done;
        properties::OFFSETS_ASCEND.note(ctx, 0, self.repeats || self.done.iter().all(ascends));
        let place = Place { number: self.number, from: &self.done, ends };
        let batch = MicroBatch::read(&mut self.source, self.stream, place, ctx.now());
        if std::mem::take(&mut self.repeats) {
            properties::BATCH_REPEATED.reached(ctx);
            signals::BATCH_REPEATED.note(ctx, self.number, batch.rows());
            self.rows_repeated += batch.rows();
            signals::ROWS_REPEATED.set(ctx, self.rows_repeated);
        }
        self.batch = Some(batch);
        if self.config.sink == Sink::File && self.sink.is_some_and(|last| self.number <= last) {
            signals::BATCH_SKIPPED.note(ctx, self.number, 0);
            return self.sink_written(ctx);
        }
        Self::work(ctx, self.config.costs.job, Step::Job);
    }

    fn batch(&self) -> &MicroBatch {
        self.batch.as_ref().expect("a batch is at hand")
    }

    /// The job's first stage: a task for each part.
    fn job(&mut self, ctx: &mut Ctx<'_>) {
        let parts = &self.batch().parts;
        for (number, part) in (0..).zip(parts) {
            let cost = self.config.costs.rows(part.rows.count(), part.rows.bytes);
            ctx.compute(TASKS, cost, tag(Step::Task, number));
        }
        self.open = parts.len() as u64;
        if self.open == 0 {
            self.tasks_done(ctx);
        }
    }

    fn task_done(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        match self.config.query {
            Query::Select => self.output(ctx, number),
            Query::Deduplicate => {
                self.open -= 1;
                if self.open == 0 {
                    self.shuffle(ctx);
                }
            }
        }
    }

    /// The second stage: a task for each shuffle partition, whatever is in it.
    fn shuffle(&mut self, ctx: &mut Ctx<'_>) {
        let partitions = u64::from(self.config.sql_shuffle_partitions);
        self.open = partitions;
        for partition in 0..partitions {
            let cost = self.config.costs.shuffled(self.shuffled(partition));
            ctx.compute(TASKS, cost, tag(Step::Shuffled, partition));
        }
    }

    /// Rows of a shuffle partition: an even share.
    fn shuffled(&self, partition: u64) -> u64 {
        let (rows, of) = (self.batch().rows(), u64::from(self.config.sql_shuffle_partitions));
        rows / of + u64::from(partition < rows % of)
    }

    fn shuffled_done(&self, ctx: &mut Ctx<'_>, partition: u64) {
        let record = Record::State { batch: self.number, keys: self.shuffled(partition) };
        Self::write(ctx, record::state(partition as u32), record, tag(Step::StateWritten, 0));
    }

    fn state_written(&mut self, ctx: &mut Ctx<'_>) {
        self.open -= 1;
        if self.open == 0 {
            self.open = self.batch().parts.len() as u64;
            (0..self.open).for_each(|part| self.output(ctx, part));
        }
    }

    /// Rows of a part go to the sink.
    fn output(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let part = &self.batch().parts[number as usize];
        let rows = part.rows.clone();
        if self.config.sink == Sink::File {
            let record = Record::Rows { rows };
            return Self::write(ctx, record::SINK, record, tag(Step::FileWritten, 0));
        }
        self.outlet.pass(ctx, rows, &part.events);
        self.output_done(ctx);
    }

    fn output_done(&mut self, ctx: &mut Ctx<'_>) {
        self.open -= 1;
        if self.open == 0 {
            self.tasks_done(ctx);
        }
    }

    fn tasks_done(&mut self, ctx: &mut Ctx<'_>) {
        if self.config.sink == Sink::File {
            return Self::work(ctx, self.config.costs.sink_commit, Step::SinkCommit);
        }
        self.flushing = true;
        match self.bugs.has(Bug::CommittedUnflushed) {
            true => self.commit(ctx),
            false => self.flush(ctx),
        }
    }

    /// Waits until the next systems have acknowledged everything (`producer.flush()` at the end of
    /// each task).
    fn flush(&mut self, ctx: &mut Ctx<'_>) {
        match self.outlet.open() {
            (_, 1..) if self.flushing => self.fail(ctx),
            (0, _) if self.flushing => self.commit(ctx),
            _ => {}
        }
    }

    fn sink_commit(&self, ctx: &mut Ctx<'_>) {
        let files = self.batch().parts.len() as u32;
        let record = Record::SinkCommit { batch: self.number, files };
        Self::write(ctx, record::SINK_LOG, record, tag(Step::SinkWritten, 0));
    }

    /// The batch's files are the sink's: whoever reads them has them, once.
    fn sink_written(&mut self, ctx: &mut Ctx<'_>) {
        for part in &self.batch.as_ref().expect("a batch is at hand").parts {
            if self.outlet.passed(part.rows.lane) <= part.rows.last() {
                self.outlet.pass(ctx, part.rows.clone(), &part.events);
            }
        }
        self.commit(ctx);
    }

    fn commit(&mut self, ctx: &mut Ctx<'_>) {
        self.flushing = false;
        self.progress.part(ctx, &signals::ADD_BATCH);
        Self::work(ctx, self.config.costs.commit_offsets, Step::CommitOffsets);
    }

    fn commit_offsets(&self, ctx: &mut Ctx<'_>) {
        let record = Record::Commit { batch: self.number };
        Self::write(ctx, record::COMMITS, record, tag(Step::Committed, 0));
    }

    fn committed(&mut self, ctx: &mut Ctx<'_>) {
        self.progress.part(ctx, &signals::COMMIT_OFFSETS);
        let batch = self.batch.take().expect("a batch is at hand");
        self.progress.end(ctx, batch.rows());
        self.done = batch.ends;
        self.until = None;
        self.number += 1;
        for part in batch.parts {
            ctx.note(Note::Acked { batch: part.rows });
        }
        let (interval, taken) = (self.config.trigger, self.progress.taken(ctx.now()));
        if interval > Duration::ZERO && taken > interval {
            self.falling_behind += 1;
            signals::FALLING_BEHIND.set(ctx, self.falling_behind);
        }
        self.rest(ctx, Duration::ZERO);
    }

    /// Until the next trigger, and so long at the least.
    fn rest(&self, ctx: &mut Ctx<'_>, least: Duration) {
        let until = self.next_trigger.since(ctx.wall()).max(least);
        ctx.timer_for(until, tag(Step::Trigger, 0), "trigger");
    }

    /// An exception: the query ends, and with it the process.
    fn fail(&self, ctx: &mut Ctx<'_>) {
        signals::QUERY_FAILED.note(ctx, self.number, self.outlet.open().1);
        ctx.exit();
    }

    fn step(&mut self, ctx: &mut Ctx<'_>, step: Step, number: u64) {
        match step {
            Step::ReadOffsets | Step::ReadCommits | Step::ReadSink => {}
            Step::Started => self.started(ctx),
            Step::Trigger => self.trigger(ctx),
            Step::LatestOffset => self.latest_offset(ctx),
            Step::WalCommit => self.wal_commit(ctx),
            Step::WalWritten => self.wal_written(ctx),
            Step::Planned => self.planned(ctx),
            Step::Job => self.job(ctx),
            Step::Task => self.task_done(ctx, number),
            Step::FileWritten => self.output_done(ctx),
            Step::Shuffled => self.shuffled_done(ctx, number),
            Step::StateWritten => self.state_written(ctx),
            Step::SinkCommit => self.sink_commit(ctx),
            Step::SinkWritten => self.sink_written(ctx),
            Step::CommitOffsets => self.commit_offsets(ctx),
            Step::Committed => self.committed(ctx),
        }
    }

    fn log_read(&mut self, ctx: &mut Ctx<'_>, step: Step, records: Vec<protocol::Record>) {
        self.read[step as usize - Step::ReadOffsets as usize] = Some(records);
        if self.read.iter().all(Option::is_some) {
            Self::work(ctx, self.config.costs.start, Step::Started);
        }
    }
}

impl Node<Streaming> for Driver {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let logs = [
            (record::OFFSETS, Step::ReadOffsets),
            (record::COMMITS, Step::ReadCommits),
            (record::SINK_LOG, Step::ReadSink),
        ];
        for (file, step) in logs {
            ctx.read(DISK, file, 0, ALL, tag(step, 0));
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: Message) {
        if let Message::Handover(_) = message {
            self.flush(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, _tag: u64) {
        self.trigger(ctx);
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        let (step, number) = TAGS.split(tag);
        let step = step_of(step);
        match completion {
            Completion::Read { damaged: false, records } => self.log_read(ctx, step, records),
            Completion::Failed(DiskError::NoSuchFile) => self.log_read(ctx, step, Vec::new()),
            // A file that is not whole is an `IllegalStateException` (`OffsetSeqLog.deserialize`).
            Completion::Read { .. } | Completion::Failed(_) => self.fail(ctx),
            Completion::Computed | Completion::Written { .. } => self.step(ctx, step, number),
            Completion::Synced | Completion::Listed { .. } => {}
        }
    }
}
