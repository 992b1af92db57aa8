//! A reader: it reads its share of the segments back, from the beginning, and hands out events.
//!
//! Stands for `EventStreamReaderImpl`, `SegmentInputStreamImpl`, `AsyncSegmentInputStreamImpl` @
//! v0.13.0: per segment one request outstanding, for as much as the buffer has room for, answered
//! by the store as soon as there is something; a sealed segment to its end, then its successors.
//! What the Rust client has between that and its application is `group.rs`'s; its reads
//! (`src/segment/reader.rs` of pravega-client-rust @ v0.3.7) end after 30 s without an answer and
//! are made again. `loadgen`'s own (`loadgen/pravega/src/reader`) reads as the Java client does,
//! and leaves a silent store sooner. Where a stream is scaled by its load, neighbours of several
//! readers may be merged: a segment that was read to its end is put down in the group's state,
//! which every reader looks at every 3 s (`ReaderGroupState.SegmentCompleted`). What becomes of a
//! reader whose next bytes are gone, `truncated.rs` says. Left out: that state's own segment (the
//! controller keeps what was read), checkpoints, and the acquisition and release of segments (they
//! are dealt out by number), the Rust reader's larger buffers.
//!
//! Parameters: [`super::config::Reader`], in bytes and ms, `reader_*` of [`super::config::Costs`].

use std::rc::Rc;

use headwater_sim::effect::PoolId;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::batch::Range;
use crate::collections::{RingMap, SortedVecMap};
use crate::logs;
use crate::outlet::Outlet;
use crate::pravega::epochs::Successor;
use crate::pravega::segment::SegmentId;
use crate::protocol::{Message as AnyMessage, Record, Streaming};
use crate::tags::Tasks;

use super::config::{Client, Cluster};
use super::message::{CloseReason, Message, Reading, segment_bytes};
use super::node::Ctx;
use super::properties;
use super::stream::Stream;
use super::truncation::Truncation;

use self::group::{Fetched, Group, READ_BYTES};
use super::waits;

mod group;
mod subscriber;
mod truncated;

/// How often connections are checked (`ConnectionPoolImpl`: keep-alives every 20 s).
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(20);
const KEEP_ALIVE: u64 = u64::MAX;
/// How long `loadgen`'s own client stays at a store that it hears nothing of, and the longest that
/// it waits between attempts, ms (`loadgen/pravega/src/options.rs`, `backoff.rs`).
const HEADWATER_SILENCE: Duration = Duration::from_secs(30);
const HEADWATER_DELAY_MS_MAX: u64 = 1_000;
/// The oldest request of the Rust client may have taken too long.
const REQUEST_TIMEOUT: u64 = u64::MAX - 1;
/// The group is looked at again, or opened.
const GROUP_RETRY: u64 = u64::MAX - 2;
/// The readers' group is looked at, where others read what this one may wait for.
const GROUP_REFRESH: u64 = u64::MAX - 3;
/// It is time for a checkpoint of the group.
const CHECKPOINT: u64 = u64::MAX - 4;
/// How often (`ReaderGroupConfig.groupRefreshTimeMillis` @ v0.13.0).
const GROUP_REFRESH_PERIOD: Duration = Duration::from_secs(3);
/// And the number of the wait: nothing was there to be handed out for so long.
const GROUP_IDLE: u64 = 1 << 40;

/// One segment.
#[derive(Debug, Default)]
struct SegmentInput {
    /// Where it is, if that is known.
    store: Option<NodeId>,
    /// The next byte to ask for.
    offset: u64,
    /// Bytes before this have been handed out.
    handed: u64,
    buffered: u64,
    /// A request is on its way, under this number, since then.
    outstanding: Option<u64>,
    asked: Time,
    failures: u32,
    /// Sealed, and read to its end.
    done: bool,
    /// Its successors are known.
    followed: bool,
    /// Where the last event ends that was handed out, and, for those who watch the run, which were.
    passed: u64,
    events: Vec<Range>,
    /// What comes next is gone: the store is asked where the segment begins.
    truncated: bool,
}

#[derive(Debug)]
struct Reply {
    segment: SegmentId,
    reading: Box<Reading>,
}

/// The node.
#[derive(Debug)]
pub struct Reader {
    cluster: Rc<Cluster>,
    number: u32,
    outlet: Outlet,
    controller: NodeId,
    segments: SortedVecMap<SegmentId, SegmentInput>,
    requests: RingMap<SegmentId>,
    replies: Tasks<Reply>,
    timeout_armed: bool,
    /// The Rust client's.
    group: Group,
}

impl Reader {
    /// Reader `number` of the cluster's readers.
    pub fn new(cluster: Rc<Cluster>, number: u32, controller: NodeId, outlet: Outlet) -> Self {
        let mine = (0..cluster.segments)
            .filter(|segment| segment % cluster.readers == number)
            .map(SegmentId);
        let segments = mine.map(|segment| (segment, SegmentInput::default())).collect();
        let (requests, replies) = (RingMap::default(), Tasks::default());
        Self {
            cluster,
            number,
            outlet,
            controller,
            segments,
            requests,
            replies,
            timeout_armed: false,
            group: Group::default(),
        }
    }

    fn is_rust(&self) -> bool {
        self.cluster.client == Client::Rust
    }

    /// Asks for the next bytes of a segment, or first for its store.
    fn ask(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        if self.group.is_dead() {
            return;
        }
        let (is_rust, by_load) = (self.is_rust(), self.cluster.scaling_policy.scales());
        let options = &self.cluster.reader;
        let input = self.segments.get_mut(&segment).expect("one of this reader's");
        let room = match is_rust {
            true => READ_BYTES,
            false => options.buffer_bytes.saturating_sub(input.buffered),
        };
        // The group is told of a segment's end when all of it was handed out.
        let ends = input.done && by_load && input.buffered > 0;
        let waits = room < options.read_bytes_min && !input.done || ends;
        if input.outstanding.is_some() || input.followed || waits {
            return;
        }
        let request = self.replies.number();
        input.outstanding = Some(request);
        input.asked = ctx.now();
        self.requests.insert(request, segment);
        let (to, message) = match input.store {
            _ if input.done && by_load => {
                (self.controller, Message::ReachedEnd { segment, request })
            }
            _ if input.done => (self.controller, Message::GetSuccessors { segment, request }),
            None => (self.controller, Message::GetEndpoint { segment, request }),
            Some(store) if input.truncated => {
                (store, Message::Truncation(Truncation::GetInfo { segment, request }))
            }
            Some(store) => {
                let offset = input.offset;
                (store, Message::ReadSegment { segment, offset, length: room, request })
            }
        };
        ctx.send(to, AnyMessage::Pravega(message));
        self.watch_requests(ctx);
    }

    fn watch_requests(&mut self, ctx: &mut Ctx<'_>) {
        if self.is_rust() && !self.timeout_armed {
            let timeout = Duration::from_millis(self.cluster.reader.rust_request_timeout_ms);
            self.arm_timeout(ctx, timeout);
        }
    }

    fn arm_timeout(&mut self, ctx: &mut Ctx<'_>, after: Duration) {
        self.timeout_armed = true;
        ctx.timer_for(after, REQUEST_TIMEOUT, waits::READ_AGAIN);
    }

    /// The Rust client makes requests again that have taken too long; those of a store that has
    /// nothing new as well.
    fn drop_late(&mut self, ctx: &mut Ctx<'_>) {
        self.timeout_armed = false;
        let timeout = Duration::from_millis(self.cluster.reader.rust_request_timeout_ms);
        let now = ctx.now();
        self.give_up(ctx, |input| input.outstanding.is_some() && now.since(input.asked) >= timeout);
        if self.group.asked().is_some_and(|asked| now.since(asked) >= timeout) {
            self.group_failed(ctx);
        }
        let waiting = self.segments.values().filter(|input| input.outstanding.is_some());
        let asked = waiting.map(|input| input.asked).chain(self.group.asked());
        if let Some(oldest) = asked.min() {
            self.arm_timeout(ctx, (oldest + timeout).since(now).max(Duration(1)));
        }
    }

    /// A request has failed: the store is looked up again after a while.
    fn retry(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        let options = &self.cluster.reader;
        let input = self.segments.get_mut(&segment).expect("one of this reader's");
        input.store = None;
        let tenfold = 10_u64.saturating_pow(input.failures);
        let delay = options.retry_delay_ms_initial.saturating_mul(tenfold);
        input.failures += 1;
        let own = self.cluster.client == Client::Headwater;
        let longest = if own { HEADWATER_DELAY_MS_MAX } else { options.retry_delay_ms_max };
        let delay = Duration::from_millis(delay.min(longest));
        ctx.timer_for(delay, u64::from(segment), waits::READ_AGAIN);
    }

    /// The segment of a request, if it is still waited for.
    fn answered(&mut self, request: u64) -> Option<SegmentId> {
        let segment = self.requests.take(request)?;
        let input = self.segments.get_mut(&segment)?;
        (input.outstanding == Some(request)).then(|| input.outstanding = None)?;
        Some(segment)
    }

    fn on_endpoint(&mut self, ctx: &mut Ctx<'_>, request: u64, store: Option<NodeId>) {
        if self.is_rust() && self.group.awaits(request) {
            return self.group_found(ctx, store);
        }
        let Some(segment) = self.answered(request) else { return };
        match store {
            Some(store) => {
                self.segments.get_mut(&segment).expect("answered").store = Some(store);
                self.ask(ctx, segment);
            }
            None => self.retry(ctx, segment),
        }
    }

    /// A segment is sealed and has been read to its end: its successors come next.
    fn on_end(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        let input = self.segments.get_mut(&segment).expect("answered");
        (input.done, input.store, input.failures) = (true, None, 0);
        self.ask(ctx, segment);
    }

    /// Reads the successors of a segment, each once all its predecessors have been read.
    fn on_successors(&mut self, ctx: &mut Ctx<'_>, request: u64, successors: &[Successor]) {
        let Some(segment) = self.answered(request) else { return };
        self.segments.get_mut(&segment).expect("answered").followed = true;
        for successor in successors {
            let is_done = |before| self.segments.get(before).is_some_and(|one| one.done);
            let ready = successor.predecessors.iter().all(is_done);
            let one = successor.owner.segment;
            if ready && (self.readers_follow_their_own() || self.is_mine(one)) {
                self.follow(ctx, one);
            }
        }
    }

    /// A reader goes on with the successors of what it has read: who splits segments by hand,
    /// splits and merges them within what one reader has. Otherwise the group deals them out.
    fn readers_follow_their_own(&self) -> bool {
        !self.cluster.scaling_policy.scales()
    }

    /// Segments are dealt out by number.
    fn is_mine(&self, segment: SegmentId) -> bool {
        segment.0 % self.cluster.readers == self.number
    }

    fn follow(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        if !self.segments.contains_key(&segment) {
            properties::READER_FOLLOWED.reached(ctx);
            self.segments.insert(segment, SegmentInput::default());
            self.ask(ctx, segment);
        }
    }

    /// The readers of a group look at its state: others may have read what this one waits for.
    fn refresh_group(&mut self, ctx: &mut Ctx<'_>) {
        if self.cluster.readers > 1 && self.cluster.scaling_policy.scales() {
            let request = self.replies.number();
            ctx.send(self.controller, AnyMessage::Pravega(Message::GetGroup { request }));
            ctx.timer_for(GROUP_REFRESH_PERIOD, GROUP_REFRESH, waits::READ_AGAIN);
        }
    }

    fn on_group(&mut self, ctx: &mut Ctx<'_>, ready: &[SegmentId]) {
        for segment in ready.iter().copied().filter(|one| self.is_mine(*one)).collect::<Vec<_>>() {
            self.follow(ctx, segment);
        }
    }

    fn on_reading(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, reading: Box<Reading>) {
        let input = self.segments.get_mut(&segment).expect("answered");
        input.failures = 0;
        input.offset += reading.bytes;
        if self.is_rust() {
            return self.fetched(ctx, segment, Fetched::Data(reading));
        }
        let input = self.segments.get_mut(&segment).expect("answered");
        input.buffered += reading.bytes;
        let cost = self.cluster.costs.reading(&reading);
        let tag = self.replies.add(Reply { segment, reading });
        ctx.compute(PoolId(0), cost, tag);
        self.ask(ctx, segment);
    }

    /// Sends keep-alives on connections that were idle since the last check, so that those to a
    /// host that has restarted break. Requests without an answer for as long as it takes to notice
    /// a dead connection are made again. At a store that is alive and has nothing new this changes
    /// nothing.
    fn drop_silent(&mut self, ctx: &mut Ctx<'_>) {
        let timeout = match self.cluster.client {
            Client::Headwater => HEADWATER_SILENCE,
            _ => Duration::from_millis(self.cluster.reader.socket_timeout_ms),
        };
        let now = ctx.now();
        let silent =
            |input: &SegmentInput| input.outstanding.is_some() && now.since(input.asked) >= timeout;
        self.give_up(ctx, silent);
        let waiting = self.segments.values().filter(|input| input.outstanding.is_some());
        let mut asked: SortedVecMap<NodeId, Time> = SortedVecMap::default();
        for input in waiting {
            if let Some(store) = input.store {
                let last = asked.get_or_insert_with(store, || input.asked);
                *last = (*last).max(input.asked);
            }
        }
        asked.retain(|_, last| now.since(*last) >= KEEP_ALIVE_PERIOD);
        for (store, _) in asked {
            ctx.send(store, AnyMessage::Pravega(Message::KeepAlive));
        }
        ctx.timer(KEEP_ALIVE_PERIOD, KEEP_ALIVE);
    }

    /// The segments of this reader, as far as they are known.
    fn mine(&self) -> Vec<SegmentId> {
        if self.cluster.scaling_policy.scales() {
            return self.segments.keys().copied().collect();
        }
        let stream = Stream::new(&self.cluster);
        stream.all().filter(|segment| self.is_mine(stream.root(*segment))).collect()
    }

    fn give_up(&mut self, ctx: &mut Ctx<'_>, lost: impl Fn(&SegmentInput) -> bool) {
        let all = self.segments.iter();
        let lost: Vec<SegmentId> =
            all.filter(|(_, input)| lost(input)).map(|(segment, _)| *segment).collect();
        for segment in lost {
            self.segments.get_mut(&segment).expect("just found").outstanding = None;
            self.retry(ctx, segment);
        }
    }
}

impl Node<Streaming> for Reader {
    fn needs(&self, _files: &Folding<'_, Record>, needs: &mut Needs) {
        // A read from tier 2 begins where a piece of this length does.
        let alignment = self.cluster.segment_store.storage_read_alignment;
        for segment in self.mine() {
            let from = match self.segments.get(&segment) {
                Some(input) if input.done => input.offset,
                Some(input) if self.is_rust() => input.handed / alignment * alignment,
                Some(input) => input.offset / alignment * alignment,
                None => 0,
            };
            needs.from(logs::of_segment(segment.0), from);
        }
    }

    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.refresh_group(ctx);
        self.arm_checkpoint(ctx);
        if self.is_rust() {
            return self.open_group(ctx);
        }
        let segments: Vec<SegmentId> = self.segments.keys().copied().collect();
        segments.into_iter().for_each(|segment| self.ask(ctx, segment));
        ctx.timer(KEEP_ALIVE_PERIOD, KEEP_ALIVE);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: AnyMessage) {
        match message {
            AnyMessage::Pravega(Message::Endpoint { request, store }) => {
                self.on_endpoint(ctx, request, store);
            }
            AnyMessage::Pravega(Message::Successors { request, segments }) => {
                self.on_successors(ctx, request, &segments);
            }
            AnyMessage::Pravega(Message::Group { segments, .. }) => self.on_group(ctx, &segments),
            AnyMessage::Pravega(Message::TableRead { request, result }) => {
                self.looked(ctx, request, result);
            }
            AnyMessage::Pravega(Message::Truncation(message)) => self.on_truncation(ctx, message),
            AnyMessage::Pravega(Message::SegmentRead { request, reading }) => {
                let Some(segment) = self.answered(request) else { return };
                match reading {
                    Ok(reading) => self.on_reading(ctx, segment, reading),
                    Err(CloseReason::Sealed) if self.is_rust() => {
                        self.fetched(ctx, segment, Fetched::End);
                    }
                    Err(CloseReason::Sealed) => self.on_end(ctx, segment),
                    // The stream is gone: this segment is not read any more.
                    Err(CloseReason::NoSuchSegment) => {}
                    Err(_) => self.retry(ctx, segment),
                }
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match tag {
            KEEP_ALIVE => self.drop_silent(ctx),
            REQUEST_TIMEOUT => self.drop_late(ctx),
            GROUP_RETRY => self.group_retries(ctx),
            GROUP_REFRESH => self.refresh_group(ctx),
            CHECKPOINT => self.checkpoint(ctx),
            GROUP_IDLE.. => self.acquire_again(ctx, tag - GROUP_IDLE),
            segment => self.ask(ctx, SegmentId(segment as u32)),
        }
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _completion: Completion<Record>) {
        let Some(Reply { segment, reading }) = self.replies.take(tag) else { return };
        for (position, batch) in &reading.batches {
            debug_assert!(*position + segment_bytes(batch) <= reading.offset + reading.bytes);
            self.outlet.deliver(ctx, Rc::clone(batch), *position);
            self.handed_out(segment, *position, batch);
        }
        let input = self.segments.get_mut(&segment).expect("it was read");
        input.handed = reading.offset + reading.bytes;
        if self.is_rust() {
            return self.acquire(ctx);
        }
        let input = self.segments.get_mut(&segment).expect("it was read");
        input.buffered -= reading.bytes;
        self.ask(ctx, segment);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        let controller = self.controller;
        let lost = move |input: &SegmentInput| {
            input.outstanding.is_some() && input.store.unwrap_or(controller) == peer
        };
        self.give_up(ctx, lost);
        if self.group.looks_at(peer) {
            self.group_failed(ctx);
        }
    }
}
