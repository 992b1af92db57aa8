//! CPU costs: what no option of the real system says.
//!
//! Stands for the CPU time of pravega @ v0.13.0 and of its clients: each figure says what it was
//! derived from. What the JVM adds is its own ([`crate::runtime::jvm`]). Left out: the threads of
//! storage.

use headwater_sim::machine::PoolSpec;
use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pravega::message::Reading;

/// CPU costs of stores and clients: times in nanoseconds of one core.
///
/// Calibrated on published figures, not measured here:
/// - one segment takes about 1,000,000 events/s of 100 B, 225,000 of 1 KB
///   (gist.github.com/RaulGracia 6d9037f4 and 6d263925, i3.4xlarge): the Java writer's cost of an
///   event sets the first, the container's `operation.per.kib` the second;
/// - the Rust client writes 10,000 events of 100 B at once at 348,000/s against the emulator in
///   memory
///   (0.3.7 and 0.13.0 on two cores): its cost of an event;
/// - the Rust client against the emulator in memory, one event of 100 B at a time, takes 0.17 ms:
///   the rest of the fixed costs, shared out by the number of thread hand-overs on each path.
///
/// In that run no thread sleeps for long. At 1,600 events/s of 2,500 B, read as they come, the same
/// emulator takes 42 us for each of 5.5 dispatches of core threads an event, and 33 us for each of
/// 5.6 dispatches of event loops (0.13.0, warm, two virtual cores): caches that are cold when a
/// thread wakes. How much memory a dispatch goes through has not been measured for Pravega; it is
/// taken to be what Kafka's threads of the same kind go through
/// ([`crate::kafka::costs::Costs`]), and costs something where the machine's profile says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "calibrated; models/src/pravega/config/costs.rs says on what"))]
pub struct Costs {
    /// What a store's thread does of its work on a message before others see the result, in
    /// percent; the rest it does while they go on, as a broker's of Kafka does.
    pub before_percent: u64,
    /// Java writer: one event taken, routed, put into its segment's queue.
    pub writer_event_java_ns: u64,
    /// Rust writer: the same, with its channels and the task that runs its callback.
    pub writer_event_rust_ns: u64,
    /// Writer: one block encoded and written to the socket.
    pub writer_block_ns: u64,
    /// Writer: one reply read and its events' callbacks started.
    pub writer_ack_ns: u64,
    /// Memory, code included, that the thread goes through each time that it wakes on which the
    /// Rust client or `loadgen`'s own runs. Zero by default, as what it takes was found where it is
    /// never idle; `loadgen calibrate pravega` measures it.
    pub client_working_set_kib: u64,
    /// Such a thread writes a KiB of a block or takes in one of a reply: a copy between the
    /// client's memory and the socket. Zero by default, as above.
    pub client_kib_ns: u64,
    /// Reader: one reply taken apart.
    pub reader_reply_ns: u64,
    /// Reader: one event handed out.
    pub reader_event_ns: u64,
    /// Store: memory, code included, that an event loop goes through each time that it wakes.
    pub connection_working_set_kib: u64,
    /// Store: one append block read from its socket and decoded on the connection's event loop.
    pub connection_append_ns: u64,
    /// Store: one request to read decoded on the connection's event loop, which also looks for what
    /// can be answered at once (`PravegaRequestProcessor.readSegment`).
    pub connection_read_ns: u64,
    /// Store: one reply written to its socket by the connection's event loop
    /// (`ServerConnectionInboundHandler.send`).
    pub connection_reply_ns: u64,
    /// Store: the same for each KiB that an append or a reply carries: it is copied between socket
    /// and heap once, at 1 GiB/s and better.
    pub connection_kib_ns: u64,
    /// Container: memory, code included, that a core thread goes through each time that it wakes.
    pub core_working_set_kib: u64,
    /// Container: what a core thread takes to bring one of the container's loops back to where it
    /// waits, after its result is there: twice for the queue's loop, once for that of commits
    /// (`OperationProcessor.doRun`).
    pub core_loop_ns: u64,
    /// Container: one pass of the operation processor.
    pub operation_batch_ns: u64,
    /// Container: one operation checked and serialised.
    pub operation_ns: u64,
    /// Container: a KiB of operations serialised, checksummed and copied into cache.
    pub operation_kib_ns: u64,
    /// Container: the completion of one data frame taken from the log
    /// (`DataFrameBuilder.handleDataFrameComplete`).
    pub frame_ns: u64,
    /// Container: one operation of it completed, which answers the client's append.
    pub acknowledge_ns: u64,
    /// Container: one operation put into cache, read index and the log in memory.
    pub commit_ns: u64,
    /// Container: one read answered that waited at the tail, by the thread that commits
    /// (`ReadIndex.triggerFutureReads`, and what `PravegaRequestProcessor.readSegment` does with
    /// the content). Zero by default: it was part of `commit_ns` there; `loadgen calibrate pravega`
    /// measures it.
    pub tail_read_ns: u64,
    /// Store: what each of the two threads takes that the recorder of statistics wakes for appends
    /// that were answered. Zero by default, as it was part of the rest there; `loadgen calibrate
    /// pravega` measures it.
    pub statistics_ns: u64,
    /// Container: one operation replayed at recovery.
    pub replay_operation_ns: u64,
    /// Not time but bytes: what a request and its reply leave on the store's heap, besides what an
    /// append carries.
    pub request_garbage_bytes: u64,
    /// Not time but per cent: what an append leaves there besides, of what it carries.
    pub carried_garbage_percent: u64,
    /// Controller: one request answered.
    pub controller_request_ns: u64,
}

impl Default for Costs {
    /// `replay_operation_ns`: 439,908 operations in 107 s (pravega/pravega#3931).
    /// `request_garbage_bytes`: about 0.3 GB in a second of 1,600 appends of 2,500 B, as many reads
    /// and as many requests of the reader's tables (0.13.0, standalone in memory, its log of
    /// collections).
    fn default() -> Self {
        Self {
            before_percent: 100,
            writer_event_java_ns: 950,
            writer_event_rust_ns: 2_800,
            writer_block_ns: 25_000,
            writer_ack_ns: 20_000,
            client_working_set_kib: 0,
            client_kib_ns: 0,
            reader_reply_ns: 20_000,
            reader_event_ns: 300,
            connection_working_set_kib: 220,
            connection_append_ns: 20_000,
            connection_read_ns: 15_000,
            connection_reply_ns: 18_000,
            connection_kib_ns: 430,
            core_working_set_kib: 230,
            core_loop_ns: 14_000,
            operation_batch_ns: 25_000,
            operation_ns: 2_000,
            operation_kib_ns: 4_300,
            frame_ns: 15_000,
            acknowledge_ns: 7_000,
            commit_ns: 10_000,
            tail_read_ns: 0,
            statistics_ns: 0,
            replay_operation_ns: 243_000,
            request_garbage_bytes: 50 << 10,
            carried_garbage_percent: 0,
            controller_request_ns: 200_000,
        }
    }
}

impl Costs {
    /// How much of work is done before its result is there, and how much afterwards.
    pub(in crate::pravega) fn parts(&self, work: Duration) -> (Duration, Duration) {
        let before = work * self.before_percent / 100;
        (before, work.saturating_sub(before))
    }

    /// The threads of a store's front end.
    pub(in crate::pravega) const fn connection_pool(&self, pool: PoolSpec) -> PoolSpec {
        pool.through(self.connection_working_set_kib)
    }

    /// The thread that the tasks of a client run on, of the Rust one or of `loadgen`'s own.
    pub(in crate::pravega) const fn client_pool(&self, pool: PoolSpec) -> PoolSpec {
        pool.through(self.client_working_set_kib)
    }

    /// A client's thread encodes and writes a block that carries so many bytes.
    pub(in crate::pravega) fn block(&self, bytes: u64) -> Duration {
        Duration(self.writer_block_ns) + Duration(self.client_kib_ns).per_kib(bytes)
    }

    /// The threads that run a store's containers.
    pub(in crate::pravega) const fn core_pool(&self, pool: PoolSpec) -> PoolSpec {
        pool.through(self.core_working_set_kib)
    }

    /// A reader takes a reply apart and hands out its events.
    pub(in crate::pravega) fn reading(&self, reading: &Reading) -> Duration {
        let events: u64 = reading.batches.iter().map(|(_, batch)| batch.count()).sum();
        Duration(self.reader_reply_ns)
            + Duration(self.reader_event_ns) * events
            + Duration(self.client_kib_ns).per_kib(reading.bytes)
    }

    /// An event loop reads and decodes an append block that carries so many bytes.
    pub(in crate::pravega) fn append(&self, bytes: u64) -> Duration {
        Duration(self.connection_append_ns) + Duration(self.connection_kib_ns).per_kib(bytes)
    }

    /// An event loop writes a reply that carries so many bytes.
    pub(in crate::pravega) fn reply(&self, bytes: u64) -> Duration {
        Duration(self.connection_reply_ns) + Duration(self.connection_kib_ns).per_kib(bytes)
    }
}
