//! The Rust client's reader: what is between its fetch tasks and the application.
//!
//! Stands for `EventReader::acquire_segment`, `SegmentSlice::get_segment_data`
//! (`src/event/reader.rs`), `ReaderGroupState::check_online` (`src/event/reader_group_state.rs`)
//! and `Table` (`src/sync/table.rs`) of pravega-client-rust @ v0.3.7. Each segment has a task that
//! reads piece by piece and hands each to a channel that holds one. Before the application takes
//! the next, the reader looks at its group's table: once, once more from 10 s after it was opened
//! on, and again every 3 s to store how far it is. The table keeps the endpoint that it was opened
//! with: while that store is away the reader hangs, and if it answers without the table's
//! container, or if the attempts are limited and over, the reader panics. The application opens
//! another one then, and goes on behind what it was handed.
//!
//! Parameters: `rust.*` of [`crate::pravega::config::Reader`], `rust.retry.*` of the writer's
//! options (the client has one retry policy), the intervals below. Left out: where the table lies
//! by its name (here in the container of the stream's first segment); what is handed out again
//! because the last positions are up to 3 s old; the panics of fetch tasks whose attempts at the
//! controller are over.

use std::collections::VecDeque;

use headwater_sim::effect::PoolId;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::bugs::Bug;
use crate::pravega::message::{CloseReason, Message, Reading};
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::pravega::waits;
use crate::protocol::Message as AnyMessage;

use super::{GROUP_IDLE, GROUP_RETRY, Reader, Reply};

/// The segment whose container has the group's table.
const TABLE: SegmentId = SegmentId(0);
/// `READ_BUFFER_SIZE`: bytes that a fetch task asks for.
pub(super) const READ_BYTES: u64 = 8 << 20;
/// `REBALANCE_INTERVAL`: from then on each slice has another look at the table, as the time of the
/// last acquisition is only reset when segments are acquired.
const REBALANCE_INTERVAL: Duration = Duration::from_secs(10);
/// `UPDATE_OFFSET_INTERVAL`.
const UPDATE_OFFSET_INTERVAL: Duration = Duration::from_secs(3);
/// How long the application's call waits for data (`acquire_segment`).
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a fetch task hands over.
#[derive(Debug)]
pub(super) enum Fetched {
    Data(Box<Reading>),
    /// The segment is sealed, and read to its end.
    End,
}

/// What the reader does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// The controller is asked where the table is.
    #[default]
    Opening,
    /// The table is looked at, and so many times more after this.
    Looking { asked: Time, more: u32 },
    /// Waits before it looks again.
    BackingOff { more: u32 },
    /// Waits for data.
    Waiting,
    /// The application has a slice.
    Handing,
    /// It has panicked.
    Dead,
}

/// The reader's part in its group.
#[derive(Debug, Default)]
pub(super) struct Group {
    step: Step,
    table: Option<NodeId>,
    request: u64,
    failures: u32,
    opened: Time,
    positions: Time,
    waits: u64,
    /// In the channel, which holds one; then of tasks that wait for room in it.
    fetched: VecDeque<(SegmentId, Fetched)>,
}

impl Group {
    /// When the request under way was made, if there is one.
    pub(super) fn asked(&self) -> Option<Time> {
        match self.step {
            Step::Looking { asked, .. } => Some(asked),
            _ => None,
        }
    }

    pub(super) fn awaits(&self, request: u64) -> bool {
        self.step == Step::Opening && self.request == request
    }

    pub(super) fn looks_at(&self, store: NodeId) -> bool {
        self.asked().is_some() && self.table == Some(store)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.step == Step::Dead
    }
}

impl Reader {
    /// Opens the reader: the table's endpoint is asked for once.
    pub(super) fn open_group(&mut self, ctx: &mut Ctx<'_>) {
        self.group.step = Step::Opening;
        self.group.request = self.replies.number();
        let message = Message::GetEndpoint { segment: TABLE, request: self.group.request };
        ctx.send(self.controller, AnyMessage::Pravega(message));
    }

    pub(super) fn group_found(&mut self, ctx: &mut Ctx<'_>, store: Option<NodeId>) {
        if store.is_none() {
            return self.group_failed(ctx);
        }
        let now = ctx.now();
        self.group.table = store;
        (self.group.failures, self.group.opened, self.group.positions) = (0, now, now);
        let unread = self.segments.iter().filter(|(_, input)| !input.followed);
        for segment in unread.map(|(segment, _)| *segment).collect::<Vec<_>>() {
            self.ask(ctx, segment);
        }
        self.acquire(ctx);
    }

    /// The application wants the next slice.
    pub(super) fn acquire(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let rebalances = now.since(self.group.opened) > REBALANCE_INTERVAL;
        let updates = now.since(self.group.positions) > UPDATE_OFFSET_INTERVAL;
        if updates {
            self.group.positions = now;
        }
        self.look(ctx, u32::from(rebalances) + u32::from(updates));
    }

    fn look(&mut self, ctx: &mut Ctx<'_>, more: u32) {
        let store = self.group.table.expect("the table was found");
        let request = self.replies.number();
        self.group.request = request;
        self.group.step = Step::Looking { asked: ctx.now(), more };
        ctx.send(store, AnyMessage::Pravega(Message::ReadTable { segment: TABLE, request }));
        self.watch_requests(ctx);
    }

    /// The table's store has answered.
    pub(super) fn looked(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: u64,
        result: Result<(), CloseReason>,
    ) {
        let Step::Looking { more, .. } = self.group.step else { return };
        if request != self.group.request {
            return;
        }
        match result {
            Ok(()) if more > 0 => self.look(ctx, more - 1),
            Ok(()) => {
                self.group.failures = 0;
                self.group.step = Step::Waiting;
                self.hand(ctx);
            }
            Err(CloseReason::WrongHost) => self.die(ctx),
            // The stream is gone, and the group with it.
            Err(CloseReason::NoSuchSegment) => self.group.step = Step::Dead,
            Err(_) => self.group_failed(ctx),
        }
    }

    /// The table, or the controller, did not answer.
    pub(super) fn group_failed(&mut self, ctx: &mut Ctx<'_>) {
        let options = &self.cluster.writer;
        let tenfold = 10_u64.saturating_pow(self.group.failures);
        self.group.failures += 1;
        if let Step::Looking { more, .. } = self.group.step {
            let attempts = options.rust_retry_attempts_max;
            if attempts > 0 && self.group.failures > attempts {
                return self.die(ctx);
            }
            self.group.step = Step::BackingOff { more };
        }
        let delay = options.retry_delay_ms_initial.saturating_mul(tenfold);
        let delay = Duration::from_millis(delay.min(options.rust_retry_delay_ms_max));
        ctx.timer_for(delay, GROUP_RETRY, waits::READ_AGAIN);
    }

    /// A wait is over.
    pub(super) fn group_retries(&mut self, ctx: &mut Ctx<'_>) {
        match self.group.step {
            Step::BackingOff { more } => self.look(ctx, more),
            Step::Opening | Step::Dead => self.open_group(ctx),
            Step::Looking { .. } | Step::Waiting | Step::Handing => {}
        }
    }

    /// The call for a slice comes back empty: the application makes it again.
    pub(super) fn acquire_again(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        if self.group.step == Step::Waiting && number == self.group.waits {
            self.acquire(ctx);
        }
    }

    /// The reader panics (`check_online`). What it has fetched and not handed out goes with it.
    fn die(&mut self, ctx: &mut Ctx<'_>) {
        signals::READER_DIED.note(ctx, u64::from(self.number), 0);
        properties::READER_DIED.reached(ctx);
        self.group = Group { step: Step::Dead, waits: self.group.waits, ..Group::default() };
        for input in self.segments.values_mut() {
            (input.outstanding, input.store, input.failures) = (None, None, 0);
            input.buffered = 0;
            if !self.cluster.bugs.has(Bug::FetchedCountsAsRead) {
                input.offset = input.handed;
            }
        }
        let restart = self.cluster.reader.rust_restart_ms;
        if restart > 0 {
            ctx.timer_for(Duration::from_millis(restart), GROUP_RETRY, waits::READ_AGAIN);
        }
    }

    /// A fetch task has something: it reads on as soon as that is in the channel.
    pub(super) fn fetched(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, what: Fetched) {
        let reads_on = self.group.fetched.is_empty() && matches!(what, Fetched::Data(_));
        self.group.fetched.push_back((segment, what));
        if reads_on {
            self.ask(ctx, segment);
        }
        if self.group.step == Step::Waiting {
            self.hand(ctx);
        }
    }

    /// The application takes what is in the channel, or waits for it.
    fn hand(&mut self, ctx: &mut Ctx<'_>) {
        let Some((segment, what)) = self.group.fetched.pop_front() else {
            self.group.waits += 1;
            let tag = GROUP_IDLE + self.group.waits;
            return ctx.timer_for(ACQUIRE_TIMEOUT, tag, waits::ACQUIRE);
        };
        if let Some((next, Fetched::Data(_))) = self.group.fetched.front() {
            let next = *next;
            self.ask(ctx, next);
        }
        match what {
            Fetched::Data(reading) => {
                self.group.step = Step::Handing;
                let cost = self.cluster.costs.reading(&reading);
                let tag = self.replies.add(Reply { segment, reading });
                ctx.compute(PoolId(0), cost, tag);
            }
            Fetched::End => {
                self.on_end(ctx, segment);
                self.acquire(ctx);
            }
        }
    }
}
