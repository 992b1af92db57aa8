//! The process that counts hashtags: one thread, which reads, parses, counts and shows in turn.
//!
//! Stands for a consumer's loop: what there is, up to `max.poll.records` of it, is parsed and
//! counted; windows that the watermark has passed are added up, ranked and shown, and then the
//! place in the stream is written down from which on the others can be counted anew. Nothing else
//! is stored: a process that is started again reads from there. What was shown and not written
//! down yet is shown again.
//!
//! Parameters: [`Cluster`]. Left out: requests to the stream (its readers fetch ahead), the way of
//! a ranking to the page. A position that the disk refuses is written with the next window's.

use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp};
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::config::{Cluster, Restart};
use super::panes::{Counted, Panes, Tagged};
use super::record::{POSITIONS, Position, Record};
use super::watermark::Watermark;
use super::{properties, signals};
use crate::batch::{Lane, SharedBatch, StreamId};
use crate::feed::Feed;
use crate::note::Note;
use crate::outlet::Outlet;
use crate::pipeline::offsets::{between, later, limited, offset_of};
use crate::pipeline::part::{Part, joined_rows, settle_until};
use crate::protocol::{self, Message, Streaming};
use crate::replay::Replay;
use crate::topics::Topics;

type Ctx<'a> = Context<'a, Streaming>;

/// The positions lie here.
const DISK: DiskId = DiskId(0);
/// The only thread.
const MAIN: PoolId = PoolId(0);

/// Records of a file that are read at a start.
const ALL: u64 = u64::MAX >> 1;

/// The threads of the process.
pub fn pools() -> Vec<PoolSpec> {
    vec![PoolSpec::named("trending", 1)]
}

steps! {
    /// What comes back, as the tag of what was asked for.
    enum Step {
        ReadPositions,
        Cut,
        Started,
        Due,
        Parsed,
        Wake,
        AddedUp,
        PositionWritten,
        PositionSynced,
        Again,
    }
}

/// The process.
pub struct Trending {
    config: Rc<Cluster>,
    stream: StreamId,
    source: Replay,
    outlet: Outlet,
    topics: Topics,
    /// Where it began.
    begun: Rc<Position>,
    /// It has something on its way, and comes back to the loop when that is done.
    busy: bool,
    /// Up to here events are read, by lane.
    next: Vec<(Lane, u64)>,
    panes: Panes,
    watermark: Watermark,
    /// What is being parsed, with the hashtag of each event.
    parts: Vec<(Part, Vec<Option<u64>>)>,
    /// Up to when windows are being added up.
    until: Time,
    /// What was read and windows may still need.
    taken: Vec<SharedBatch>,
    /// When it looks at the time of day.
    wakes_at: Option<Time>,
    shown: u64,
    late: u64,
    again: u64,
}

impl Trending {
    /// A process that has not started.
    pub fn new(config: Rc<Cluster>, feed: &Feed) -> Self {
        Self {
            stream: feed.stream(),
            source: feed.replay(config.source_partitions),
            outlet: feed.outlet(0),
            topics: feed.topics().clone(),
            begun: Rc::default(),
            busy: true,
            next: Vec::new(),
            panes: Panes::new(config.windows(), config.distinct, 0),
            watermark: Watermark::new(config.max_delay, Time::ZERO),
            parts: Vec::new(),
            until: Time::ZERO,
            taken: Vec::new(),
            wakes_at: None,
            shown: 0,
            late: 0,
            again: 0,
            config,
        }
    }

    fn positions_read(&mut self, ctx: &mut Ctx<'_>, records: &[protocol::Record], damaged: bool) {
        if let Some(protocol::Record::Trending(Record(last))) = records.last() {
            self.begun = last.clone();
        }
        if damaged {
            // What would be written behind a torn record could not be read.
            let cut = DiskOp::Truncate { file: POSITIONS, keep: records.len() as u64 };
            return ctx.disk(DISK, cut, Step::Cut as u64);
        }
        ctx.compute(MAIN, self.config.costs.start, Step::Started as u64);
    }

    /// It knows where it was, and reads from there.
    fn started(&mut self, ctx: &mut Ctx<'_>) {
        let latest = self.source.latest(ctx.now());
        let windows = self.config.windows();
        match self.config.restart {
            Restart::Latest => {
                self.begun = Rc::default();
                self.next = latest;
            }
            Restart::Position => {
                let begun = self.begun.clone();
                self.panes = Panes::new(windows, self.config.distinct, begun.over);
                self.watermark = Watermark::new(self.config.max_delay, self.panes.over_at());
                settle_until(ctx, &begun.from, (&mut self.source, self.stream), &self.outlet);
                self.next = later(&begun.from, &self.source.earliest());
                let gap = between(&begun.from, &self.next);
                properties::NO_GAP.note(ctx, 0, gap == 0);
                if gap > 0 {
                    signals::COUNTING_GAP.note(ctx, 0, gap);
                }
                self.tell_of_start(ctx);
            }
        }
        signals::LATE.set(ctx, 0);
        signals::COUNTED_BEFORE.set(ctx, 0);
        self.busy = false;
        self.look(ctx);
    }

    /// What is read again is what the last life has passed on.
    fn tell_of_start(&self, ctx: &mut Ctx<'_>) {
        let read = self.next.iter().map(|(lane, _)| (*lane, self.outlet.passed(*lane)));
        let again = between(&self.next, &read.collect::<Vec<_>>());
        signals::COUNTING_STARTED.note(ctx, self.panes.over(), again);
        if again > 0 {
            properties::REBUILT.reached(ctx);
        }
    }

    /// The loop: what there is, or else what time it is.
    fn look(&mut self, ctx: &mut Ctx<'_>) {
        if self.busy {
            return;
        }
        let latest = self.source.latest(ctx.now());
        let unread = between(&self.next, &latest);
        signals::UNREAD.set(ctx, unread);
        if self.pass_windows(ctx, &latest) {
            return;
        }
        if unread == 0 {
            self.source.look_when_due(ctx, Step::Due as u64);
            return;
        }
        let (mut bytes, mut tagged) = (0, 0);
        let ends = limited(&self.next, &latest, self.config.max_poll_records);
        let places = [self.next.as_slice(), &ends];
        for part in Part::between(&mut self.source, self.stream, places, ctx.now()) {
            let tags: Vec<_> = part.events.iter().map(|of| self.topics.of(of)).collect();
            bytes += part.rows.bytes;
            tagged += tags.iter().flatten().count() as u64;
            self.parts.push((part, tags));
        }
        let costs = &self.config.costs;
        let cost = costs.kib.per_kib(bytes) + costs.count * tagged;
        self.busy = true;
        ctx.compute(MAIN, cost, Step::Parsed as u64);
    }

    fn parsed(&mut self, ctx: &mut Ctx<'_>) {
        for (part, tags) in std::mem::take(&mut self.parts) {
            let lane = part.rows.lane;
            for ((offset, event), tag) in (part.rows.first..).zip(&part.events).zip(tags) {
                self.watermark.event(lane, event.due);
                if let Some(topic) = tag {
                    let (id, at) = (event.arrival.index, event.due);
                    self.count(ctx, &Tagged { id, at, topic, lane, offset });
                }
            }
            self.next = later(&self.next, &[(lane, part.rows.last() + 1)]);
            self.outlet.pass_once(ctx, &part.rows, &part.events);
            self.taken.push(part.rows);
        }
        self.busy = false;
        self.look(ctx);
    }

    fn count(&mut self, ctx: &mut Ctx<'_>, tweet: &Tagged) {
        match self.panes.count(tweet) {
            Counted::Whole => {}
            Counted::Again => {
                properties::AGAIN.reached(ctx);
                self.again += 1;
                signals::COUNTED_BEFORE.set(ctx, self.again);
            }
            // An earlier life has had it, in time or not.
            Counted::Late(..) if tweet.offset < offset_of(&self.begun.read, tweet.lane) => {}
            Counted::Late(first, last) => {
                properties::LATE.reached(ctx);
                self.late += 1;
                signals::LATE.set(ctx, self.late);
                ctx.note(Note::Late { first, last, topic: tweet.topic });
            }
        }
    }

    /// Adds up the windows that are over, if any are; true if it does.
    fn pass_windows(&mut self, ctx: &mut Ctx<'_>, latest: &[(Lane, u64)]) -> bool {
        let lanes = latest.iter().map(|(lane, end)| (*lane, offset_of(&self.next, *lane) < *end));
        let at = self.watermark.at(ctx.wall(), lanes);
        signals::WATERMARK_BEHIND.set(ctx, ctx.wall().since(at).0 / 1_000_000);
        if at < self.panes.over_at() + self.config.window_advance {
            self.wake(ctx, latest);
            return false;
        }
        self.busy = true;
        self.until = at;
        let costs = &self.config.costs;
        let cost = (costs.merge + costs.rank) * self.panes.entries_until(at);
        ctx.compute(MAIN, cost, Step::AddedUp as u64);
        true
    }

    /// A window that nothing comes after is over by the time of day.
    fn wake(&mut self, ctx: &mut Ctx<'_>, latest: &[(Lane, u64)]) {
        if self.taken.is_empty() {
            return;
        }
        let next = self.panes.over_at() + self.config.window_advance;
        let at = self.watermark.passes(next, latest.iter().map(|(lane, _)| *lane));
        if at > ctx.wall() && self.wakes_at != Some(at) {
            self.wakes_at = Some(at);
            ctx.timer_for(at.since(ctx.wall()), Step::Wake as u64, "window");
        }
    }

    fn added_up(&mut self, ctx: &mut Ctx<'_>) {
        for ranking in self.panes.close(self.until) {
            self.shown += 1;
            signals::WINDOWS_SHOWN.set(ctx, self.shown);
            signals::HASHTAGS.set(ctx, ranking.counts.len() as u64);
            signals::TOP_COUNT.set(ctx, ranking.top.first().map_or(0, |(_, count)| *count));
            ctx.note(Note::Ranked(Rc::new(ranking)));
        }
        let needed = |(lane, read): &(Lane, u64)| (*lane, self.panes.first_needed(*lane, *read));
        let from = self.next.iter().map(needed).collect();
        let (over, read) = (self.panes.over(), self.next.as_slice().into());
        self.begun = Rc::new(Position { over, from, read });
        let record = protocol::Record::Trending(Record(self.begun.clone()));
        ctx.write(DISK, POSITIONS, record, Step::PositionWritten as u64);
    }

    /// The position stands: what lies before it is done, and the stream may drop it.
    fn position_kept(&mut self, ctx: &mut Ctx<'_>) {
        let from = self.begun.from.clone();
        let needed = |rows: &SharedBatch| rows.last() >= offset_of(&from, rows.lane);
        let (taken, done) = std::mem::take(&mut self.taken).into_iter().partition(needed);
        self.taken = taken;
        let done: Vec<SharedBatch> = done;
        joined_rows(done).iter().for_each(|rows| self.outlet.done_once(ctx, rows));
        for (lane, _) in from.iter() {
            self.source.drop_before(*lane, self.outlet.done(*lane));
        }
        self.busy = false;
        self.look(ctx);
    }

    fn step(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        match step {
            Step::Cut => ctx.compute(MAIN, self.config.costs.start, Step::Started as u64),
            Step::Started => self.started(ctx),
            Step::Parsed => self.parsed(ctx),
            Step::AddedUp => self.added_up(ctx),
            Step::PositionWritten => ctx.sync(DISK, POSITIONS, Step::PositionSynced as u64),
            Step::PositionSynced => self.position_kept(ctx),
            Step::ReadPositions | Step::Due | Step::Wake | Step::Again => {}
        }
    }

    /// The disk has refused: what it read its position from is asked again, and a position that it
    /// did not take is written with the next window's.
    fn refused(&mut self, ctx: &mut Ctx<'_>, step: Step) {
        if matches!(step, Step::PositionWritten | Step::PositionSynced) {
            signals::POSITION_REFUSED.note(ctx, self.panes.over(), 0);
            self.busy = false;
            return self.look(ctx);
        }
        ctx.timer_for(self.config.window_advance, Step::Again as u64, "again");
    }

    fn read(ctx: &mut Ctx<'_>) {
        ctx.read(DISK, POSITIONS, 0, ALL, Step::ReadPositions as u64);
    }
}

impl Node<Streaming> for Trending {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        Self::read(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: Message) {
        if let Message::Handover(_) = message {
            self.look(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match step_of(tag) {
            Step::Again => Self::read(ctx),
            _ => self.look(ctx),
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Ctx<'_>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        let step = step_of(tag);
        match completion {
            Completion::Read { records, damaged } => self.positions_read(ctx, &records, damaged),
            Completion::Failed(DiskError::NoSuchFile) => self.positions_read(ctx, &[], false),
            Completion::Failed(_) => self.refused(ctx, step),
            Completion::Computed | Completion::Written { .. } | Completion::Synced => {
                self.step(ctx, step);
            }
            Completion::Listed { .. } => {}
        }
    }
}
