//! What bookies and their clients cost in CPU time, beside what [`super::config::Bookie`] has as
//! `cost.*`.
//!
//! Who does what, after apache/bookkeeper @ branch-4.15: an event loop reads a request and hands it
//! to a pool (`BookieRequestHandler`, `BookieRequestProcessor`), and writes the response that
//! another thread has made (`PacketProcessorBase.sendResponse`); the thread that adds
//! (`WriteEntryProcessorV3`) stores the entry and queues it for the journal; the journal's thread
//! (`Journal.run`) wakes for it, puts it into its buffer, and writes a group out when its time has
//! come (`JournalChannel`); `ForceWriteThread` has it synced and hands each entry to a callback
//! thread, which makes the response. On the client's side a worker makes the requests of an entry
//! (`PendingAddOp`), an event loop writes each and reads each response
//! (`PerChannelBookieClient`), and the worker takes it.
//!
//! All of them are zero by default, but for the share of work before its result, which matters to
//! none of these: the published figures that the models' costs are calibrated on
//! ([`super::config::Bookie::default`]) leave room for none of it. Launched bookies of 4.14.1 take
//! more where they are idle between entries: 57 entries/s below a segment store, three bookies and
//! all the rest on one virtual core, took 22.6 ms/s of each (100 us an entry for each of event
//! loop, journal and force-write thread, 45 us for the thread that adds, 27 us for callbacks), and
//! 8.6 and 4.2 ms/s of the store's event loops and workers; 300 entries/s 57 ms/s, 23 and 11 ms/s
//! (`loadgen validate`, a split cluster). `loadgen calibrate bookkeeper` measures them.
//!
//! Left out: what a JVM adds (collections, compilers), sizes of requests besides what they carry,
//! and that a connection belongs to one event loop.

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::Protocol;
use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// CPU costs of a bookie beside its `cost.*`: times in nanoseconds of one core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "measured by `loadgen calibrate bookkeeper`; zero by default, as \
                                models/src/bookkeeper/costs.rs says"))]
pub struct BookieCosts {
    /// What a bookie's thread does of its work before others see the result, in percent; the rest
    /// it does while they go on, as a broker's of Kafka does.
    pub before_percent: u64,
    /// Memory, code included, that an event loop goes through each time that it wakes.
    pub io_working_set_kib: u64,
    /// An event loop reads and decodes one request, and hands it to a pool.
    pub io_request_ns: u64,
    /// An event loop encodes and writes one response.
    pub io_response_ns: u64,
    /// An event loop reads or writes a KiB of what requests and responses carry.
    pub io_kib_ns: u64,
    /// Memory that a thread that adds or reads goes through, as above; its time is `cost.add` and
    /// `cost.read`.
    pub add_working_set_kib: u64,
    /// Memory that the journal's thread goes through, as above; its time for each entry of a group
    /// is `cost.journal`.
    pub journal_working_set_kib: u64,
    /// The journal's thread wakes for an entry and takes it from its queue, if it was idle when
    /// that came.
    pub journal_wake_ns: u64,
    /// The journal's thread writes a group out and hands it to the force-write thread, besides what
    /// its entries take.
    pub journal_flush_ns: u64,
    /// Memory that the force-write thread goes through, as above.
    pub force_working_set_kib: u64,
    /// The force-write thread has a file synced: what it takes until the disk has it.
    pub force_ns: u64,
    /// The force-write thread wakes when a sync is done.
    pub forced_ns: u64,
    /// The force-write thread hands one entry to a callback thread.
    pub forced_entry_ns: u64,
    /// Memory that a callback thread goes through, as above; its time is `cost.callback`.
    pub callback_working_set_kib: u64,
}

impl Default for BookieCosts {
    fn default() -> Self {
        Self {
            before_percent: 100,
            io_working_set_kib: 0,
            io_request_ns: 0,
            io_response_ns: 0,
            io_kib_ns: 0,
            add_working_set_kib: 0,
            journal_working_set_kib: 0,
            journal_wake_ns: 0,
            journal_flush_ns: 0,
            force_working_set_kib: 0,
            force_ns: 0,
            forced_ns: 0,
            forced_entry_ns: 0,
            callback_working_set_kib: 0,
        }
    }
}

impl BookieCosts {
    /// What makes them impossible, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        check_percent("bookie", self.before_percent)
    }

    /// A thread of `pool` does work of this cost in all.
    pub(super) fn work<P: Protocol>(
        &self,
        ctx: &mut Context<'_, P>,
        pool: PoolId,
        cost: Duration,
        tag: u64,
    ) {
        work(ctx, self.before_percent, (pool, cost), tag);
    }

    /// An event loop reads a request that carries so many bytes.
    pub(super) fn request(&self, bytes: u64) -> Duration {
        Duration(self.io_request_ns) + Duration(self.io_kib_ns).per_kib(bytes)
    }

    /// An event loop writes a response that carries so many bytes.
    pub(super) fn response(&self, bytes: u64) -> Duration {
        Duration(self.io_response_ns) + Duration(self.io_kib_ns).per_kib(bytes)
    }

    /// The force-write thread wakes after a sync and hands so many entries over.
    pub(super) fn forced(&self, entries: u64) -> Duration {
        Duration(self.forced_ns) + Duration(self.forced_entry_ns) * entries
    }
}

/// CPU costs of BookKeeper's client for an entry that is added: times in nanoseconds of one core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "measured by `loadgen calibrate bookkeeper`; zero by default, as \
                                models/src/bookkeeper/costs.rs says"))]
pub struct ClientCosts {
    /// What a client's thread does of its work before others see the result, in percent.
    pub before_percent: u64,
    /// Memory, code included, that a worker goes through each time that it wakes.
    pub worker_working_set_kib: u64,
    /// A worker makes the requests of one entry.
    pub worker_add_ns: u64,
    /// A worker takes one response.
    pub worker_response_ns: u64,
    /// Memory, code included, that an event loop goes through each time that it wakes.
    pub io_working_set_kib: u64,
    /// An event loop encodes and writes one request.
    pub io_request_ns: u64,
    /// An event loop reads and decodes one response, and hands it to a worker.
    pub io_response_ns: u64,
    /// An event loop writes a KiB of an entry.
    pub io_kib_ns: u64,
}

impl Default for ClientCosts {
    fn default() -> Self {
        Self {
            before_percent: 100,
            worker_working_set_kib: 0,
            worker_add_ns: 0,
            worker_response_ns: 0,
            io_working_set_kib: 0,
            io_request_ns: 0,
            io_response_ns: 0,
            io_kib_ns: 0,
        }
    }
}

impl ClientCosts {
    /// What makes them impossible, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_percent("client", self.before_percent)
    }

    /// The pools of the threads of a client on a machine of so many cores: event loops, then
    /// workers. Netty has two loops a core (`numIOThreads`), and there is a worker a core
    /// (`numWorkerThreads`; `ClientConfiguration` @ branch-4.15).
    pub(crate) fn pools(&self, cores: u32) -> [PoolSpec; 2] {
        let cores = cores.max(1);
        let workers = PoolSpec::named("BookKeeperClientWorker-OrderedExecutor", cores);
        [
            PoolSpec::named("bookkeeper-io", cores.saturating_mul(2))
                .role("bookkeeper-io")
                .through(self.io_working_set_kib),
            workers.role("bookkeeper-workers").through(self.worker_working_set_kib),
        ]
    }

    /// A thread of `pool` does work of this cost in all.
    pub(super) fn work<P: Protocol>(
        &self,
        ctx: &mut Context<'_, P>,
        pool: PoolId,
        cost: Duration,
        tag: u64,
    ) {
        work(ctx, self.before_percent, (pool, cost), tag);
    }

    /// An event loop writes a request that carries so many bytes.
    pub(super) fn request(&self, bytes: u64) -> Duration {
        Duration(self.io_request_ns) + Duration(self.io_kib_ns).per_kib(bytes)
    }
}

fn check_percent(of: &str, percent: u64) -> Result<(), String> {
    match percent {
        0..=100 => Ok(()),
        more => Err(format!("{of} costs.before_percent {more}: at most 100")),
    }
}

fn work<P: Protocol>(
    ctx: &mut Context<'_, P>,
    before_percent: u64,
    (pool, cost): (PoolId, Duration),
    tag: u64,
) {
    let before = cost * before_percent / 100;
    ctx.compute_with_tail(pool, before, cost.saturating_sub(before), tag);
}
