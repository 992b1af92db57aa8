//! The context of one input: where a node reads the time and records its effects.

use crate::disk::{DiskId, DiskOp, FileId};
use crate::effect::{Effect, PoolId, TIMER, Transport};
use crate::files::Files;
use crate::node::Protocol;
use crate::page_cache::PageCache;
use crate::random::{Seed, Stream};
use crate::time::{Duration, Time};
use crate::units::NodeId;

/// Handed to a node with every input. Methods record effects; nothing happens until the node
/// returns.
pub struct Context<'a, P: Protocol> {
    now: Time,
    wall: Time,
    me: NodeId,
    seed: Seed,
    random: &'a mut Stream,
    effects: &'a mut Vec<Effect<P>>,
    /// Its files by disk, and the page cache of its machine.
    files: Option<(&'a [Files<P::Record>], &'a PageCache)>,
}

impl<'a, P: Protocol> Context<'a, P> {
    /// For a host: the node's own clock reads `now`, its stream is `random`, and what it asks for
    /// is pushed to `effects`.
    pub fn new(
        now: Time,
        me: NodeId,
        seed: Seed,
        random: &'a mut Stream,
        effects: &'a mut Vec<Effect<P>>,
    ) -> Self {
        Self { now, wall: now, me, seed, random, effects, files: None }
    }

    /// For a host: the node's clock shows `wall` as the time of day.
    #[must_use]
    pub fn with_wall(self, wall: Time) -> Self {
        Self { wall, ..self }
    }

    /// For a host: the node's files, by disk, and the page cache of its machine. Without them
    /// everything is taken to be in the page cache.
    #[must_use]
    #[inline]
    pub fn with_files(self, files: &'a [Files<P::Record>], cache: &'a PageCache) -> Self {
        Self { files: Some((files, cache)), ..self }
    }

    /// Whether these records can be read without waiting for the disk (`preadv2` with
    /// `RWF_NOWAIT`): all that are there are in the page cache. It takes no time.
    #[inline]
    pub fn is_cached(&self, disk: DiskId, file: FileId, from: u64, count: u64) -> bool {
        let Some((files, cache)) = self.files else { return true };
        cache.holds_everything() || {
            let file = files.get(disk.0 as usize).and_then(|files| files.get(&file));
            file.is_none_or(|file| file.is_cached(cache, from, count))
        }
    }

    /// The node's own clock: monotonic (`System.nanoTime`, CLOCK_MONOTONIC). It may drift.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The time of day on the node's own clock (`System.currentTimeMillis`, CLOCK_REALTIME), from
    /// the start of the run. It may be off, and may step back.
    pub fn wall(&self) -> Time {
        self.wall
    }

    /// The node itself.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// The node's stream of randomness.
    pub fn random(&mut self) -> &mut Stream {
        self.random
    }

    /// A stream of this node's own for one purpose, independent of every other. Take it once, in
    /// `on_start`, and keep it.
    pub fn stream(&self, purpose: &str) -> Stream {
        self.seed.stream(purpose, u64::from(self.me.0))
    }

    /// Sends over the connection with `to`: reliable, in order, and held while the link is cut.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.effects.push(Effect::Send { to, message, transport: Transport::Connection });
    }

    /// Sends a datagram: lost while the link is cut.
    pub fn datagram(&mut self, to: NodeId, message: P::Message) {
        self.effects.push(Effect::Send { to, message, transport: Transport::Datagram });
    }

    /// Calls `on_timer(tag)` after `delay`.
    #[inline]
    pub fn timer(&mut self, delay: Duration, tag: u64) {
        self.effects.push(Effect::Timer { delay, tag, exact: false, what: TIMER });
    }

    /// The same, with what it waits for, in a word or two: the kind of its link in a run that keeps
    /// causes ([`crate::causes::Link::kind`]), and nothing else.
    #[inline]
    pub fn timer_for(&mut self, delay: Duration, tag: u64, what: &'static str) {
        self.effects.push(Effect::Timer { delay, tag, exact: false, what });
    }

    /// The same for a thread that is in real time, or has asked for timers without slack
    /// (`PR_SET_TIMERSLACK`).
    #[inline]
    pub fn exact_timer(&mut self, delay: Duration, tag: u64) {
        self.effects.push(Effect::Timer { delay, tag, exact: true, what: TIMER });
    }

    /// Does CPU work on a thread of `pool`; completes as `Computed`.
    #[inline]
    pub fn compute(&mut self, pool: PoolId, cost: Duration, tag: u64) {
        self.compute_with_tail(pool, cost, Duration::ZERO, tag);
    }

    /// Does CPU work on a thread of `pool` that completes as `Computed` after `cost`; the thread is
    /// at work for `tail` longer, when no other thread wants its core, or before its own next work.
    #[inline]
    pub fn compute_with_tail(&mut self, pool: PoolId, cost: Duration, tail: Duration, tag: u64) {
        self.effects.push(Effect::Compute { pool, cost, tail, tag });
    }

    /// Waits on a thread of `pool`, at work all the while, until `time` has passed; completes as
    /// `Computed`.
    pub fn spin(&mut self, pool: PoolId, time: Duration, tag: u64) {
        self.effects.push(Effect::Spin { pool, time, tag });
    }

    /// Stops every other thread of the node until `threads` threads have done `work` between them;
    /// completes as `Computed`. One at a time.
    pub fn stop_the_world(&mut self, work: Duration, threads: u32, tag: u64) {
        self.effects.push(Effect::StopTheWorld { work, threads: threads.max(1), tag });
    }

    /// Appends a record to a file's page cache; completes as `Written`. The file is made if it is
    /// not there. The write is visible to reads at once, and durable after a sync.
    pub fn write(&mut self, disk: DiskId, file: FileId, record: P::Record, tag: u64) {
        self.disk(disk, DiskOp::Write { file, record }, tag);
    }

    /// Makes durable what the file holds now; completes as `Synced`.
    pub fn sync(&mut self, disk: DiskId, file: FileId, tag: u64) {
        self.disk(disk, DiskOp::Sync { file }, tag);
    }

    /// Reads up to `count` records from record number `from`; completes as `Read`.
    pub fn read(&mut self, disk: DiskId, file: FileId, from: u64, count: u64, tag: u64) {
        self.disk(disk, DiskOp::Read { file, from, count }, tag);
    }

    /// Any disk operation.
    pub fn disk(&mut self, disk: DiskId, op: DiskOp<P::Record>, tag: u64) {
        self.effects.push(Effect::Disk { disk, op, tag });
    }

    /// Tells the observer.
    #[inline]
    pub fn note(&mut self, note: P::Note) {
        self.effects.push(Effect::Note(note));
    }

    /// Ends this process.
    pub fn exit(&mut self) {
        self.effects.push(Effect::Exit);
    }

    /// Sets a named level, kept as a time series.
    pub fn gauge(&mut self, name: &'static str, value: u64) {
        self.effects.push(Effect::Gauge { name, value });
    }
}
