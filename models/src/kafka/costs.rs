//! What Kafka's work costs in CPU time on one core of a current server.
//!
//! Calibrated, not measured inside the JVM: a single broker of the 2025 trunk takes 145,000 to
//! 155,000 records/s of 1 KB from one unthrottled Java producer (apache/kafka PR 19961), and
//! 390,000 records/s of 100 B with the default 16 KiB batches; at low rate over loopback,
//! `linger.ms=0` and `acks=1`, librdkafka sees 0.2 ms at the median. A machine profile scales all
//! of them. All in nanoseconds of one core. Left out: garbage collection, which a pause stands for.
//!
//! What a controller and the quorum cost is an estimate: a request passes a network thread, a
//! handler and the thread that decides. The check of logs is measured: Kafka 3.9.2 after a kill,
//! one recovery thread, warm cache, 427 MB in 62 logs in 2.9 s on a loaded machine of two cores: an
//! upper bound.
//!
//! What a partition costs: a follower's pass over 100 of them took 26 us before apache/kafka #7443
//! and 16 us in 2024 (#17443). Nobody has published what a leader's pass over a session takes,
//! which reads the state of each partition's log.
//!
//! What a client's look at a partition takes is an estimate: a lock, the head of a queue and a
//! look-up or two of hash maps, out of the second cache at thousands of partitions. That the passes
//! of the Java producer are felt is known (apache/kafka #7196, #7797, KAFKA-20917).
//!
//! What librdkafka 2.12.1 takes is measured: CPU time by thread against its own mock broker over
//! loopback, a million messages of 100 B and 300,000 of 1,000 B at linger 5; on a virtual machine
//! that is taken to be 1.5 times slower than such a core. The broker's thread took 342 and 1,280 ns
//! a message, the poller 88 and 187, a consumer's broker thread 337 and its application 307 (100
//! B). The Java consumer's figures are taken to be the same, and an application's poll is taken to
//! be what a thread of librdkafka takes to wake.
//!
//! What a leader does for each record is in the cost of its batch: the figures above don't tell it
//! apart.
//!
//! The figures above are of threads that are never idle. One that wakes up fetches its working set
//! again where the profile says what that takes; how large it is was measured by `loadgen calibrate
//! kafka` on a virtual machine of two cores (docs/VALIDATION.md).
//!
//! TLS: AES-GCM of the JDK with AVX2 encrypts 311,000 and decrypts 307,000 pieces of 16 KiB a
//! second on one core (`AESGCMBench`, openjdk/jdk #15410, before that change); OpenSSL is taken to
//! be as fast. A handshake is RSA-2048 and X25519 alone, on one core with OpenSSL (openssl/openssl
//! #21257: 515 us for a private and 19 us for a public operation, 42 us for a key and 36 us to
//! derive): the JDK's own is slower.
//!
//! Kafka 3.9.2 allocates 23 MB/s for 1,500 produce requests of one record of 1,000 B and as many
//! fetches (docs/VALIDATION.md). `loadgen calibrate kafka` measures on the machine at hand what of
//! all this can be.

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protocol::Streaming;

/// CPU times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "calibrated; models/src/kafka/costs.rs says on what"))]
pub struct Costs {
    /// What a network thread, a request handler or a client's thread does of its work on a message
    /// before others see the result, in percent: the rest (metrics, looking for more, going back to
    /// sleep) it does while they go on.
    pub before_percent: u64,
    /// Memory that a network thread goes through each time that it wakes, code included. What the
    /// core's caches have lost of it meanwhile is fetched again.
    pub network_working_set_kib: u64,
    /// A network thread wakes up on a core that idles: what it takes more. Zero by default, as the
    /// figures above are of threads that are never idle; `loadgen calibrate kafka` measures it.
    pub network_from_idle_ns: u64,
    /// A network thread reads or writes one request or response.
    pub network_request_ns: u64,
    /// The same for each KiB of it (a copy between socket and heap).
    pub network_kib_ns: u64,
    /// Memory that a request handler thread goes through, as above.
    pub handler_working_set_kib: u64,
    /// A thread encrypts or decrypts a KiB, where connections are encrypted.
    pub tls_kib_ns: u64,
    /// A network thread does its part of a handshake.
    pub tls_server_handshake_ns: u64,
    /// A client's thread, or a replica fetcher, does its part of one.
    pub tls_client_handshake_ns: u64,
    /// A request handler thread decodes, routes and answers one request.
    pub handle_request_ns: u64,
    /// The same for each batch in a produce request (validation, append, index).
    pub append_batch_ns: u64,
    /// The same for each record: a leader looks at every one (`LogValidator`,
    /// `assignOffsetsNonCompressed`), a follower does not.
    pub append_record_ns: u64,
    /// The same for each KiB (CRC and write to the page cache).
    pub append_kib_ns: u64,
    /// What a thread that appends takes for a flush (`LogSegment.flush`: the log, its two indexes
    /// and that of transactions, each synced by itself), besides what the disk takes. Zero by
    /// default: it has been measured on a virtual machine only (340 us, docs/VALIDATION.md), and
    /// published figures of servers leave no room for that much (docs/FIDELITY.md, 01).
    pub flush_ns: u64,
    /// A handler looks at one partition of a fetch session, when a fetch comes and again when one
    /// that waited is answered.
    pub fetch_partition_ns: u64,
    /// A replica fetcher looks at one partition that it follows, between two fetches.
    pub follower_partition_ns: u64,
    /// The controller's event queue handles a registration, a heartbeat or a change of ISRs.
    pub control_request_ns: u64,
    /// The quorum's thread takes in one message.
    pub raft_message_ns: u64,
    /// After an unclean stop a recovery thread checks a MiB of a log.
    pub recovery_mib_ns: u64,
    /// The producer's caller serialises and appends one record.
    pub client_record_ns: u64,
    /// The producer's sender thread builds one request or takes one response.
    pub client_request_ns: u64,
    /// A client's thread builds or takes in a KiB of a request or response (checksums, and a copy
    /// between its memory and the socket).
    pub client_kib_ns: u64,
    /// A client's thread looks at one partition: whether there is something to send, to give up or
    /// to fetch.
    pub client_partition_ns: u64,
    /// Memory that a client's own thread goes through (librdkafka's for a broker, the Java
    /// producer's sender), as above.
    pub client_working_set_kib: u64,
    /// Such a thread wakes up on a core that idles, as above.
    pub client_from_idle_ns: u64,
    /// A thread of librdkafka's wakes from `poll()` and looks at its queues.
    pub client_wakeup_ns: u64,
    /// A thread of librdkafka's puts one record into a request.
    pub client_batch_record_ns: u64,
    /// Memory that the application's thread goes through that polls, as above.
    pub client_poll_working_set_kib: u64,
    /// The application's thread wakes from a poll: for what became of a request's records, or for
    /// those of a response.
    pub client_poll_ns: u64,
    /// librdkafka hands the application the report of one record.
    pub client_report_ns: u64,
    /// A consumer takes one record out of a response.
    pub client_parse_record_ns: u64,
    /// A consumer hands one record to the application.
    pub client_deliver_record_ns: u64,
    /// Not time but bytes: what a request and its response leave on a broker's heap, besides what a
    /// produce request carries.
    pub request_garbage_bytes: u64,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            before_percent: 100,
            network_working_set_kib: 220,
            network_from_idle_ns: 0,
            network_request_ns: 20_000,
            network_kib_ns: 400,
            handler_working_set_kib: 230,
            tls_kib_ns: 200,
            tls_server_handshake_ns: 593_000,
            tls_client_handshake_ns: 116_000,
            handle_request_ns: 30_000,
            append_batch_ns: 15_000,
            append_record_ns: 0,
            append_kib_ns: 600,
            flush_ns: 0,
            fetch_partition_ns: 100,
            follower_partition_ns: 160,
            control_request_ns: 100_000,
            raft_message_ns: 50_000,
            recovery_mib_ns: 7_000_000,
            client_record_ns: 500,
            client_request_ns: 15_000,
            client_kib_ns: 700,
            client_partition_ns: 50,
            client_working_set_kib: 100,
            client_from_idle_ns: 0,
            client_wakeup_ns: 5_000,
            client_batch_record_ns: 160,
            client_poll_working_set_kib: 32,
            client_poll_ns: 5_000,
            client_report_ns: 100,
            client_parse_record_ns: 140,
            client_deliver_record_ns: 185,
            request_garbage_bytes: 7 << 10,
        }
    }
}

impl Costs {
    /// A pool, as a client's own threads are.
    pub(super) const fn client_pool(&self, pool: PoolSpec) -> PoolSpec {
        let from_idle = Duration(self.client_from_idle_ns);
        pool.through(self.client_working_set_kib).from_idle(from_idle)
    }

    /// Work on a message: a thread of `pool` does it for `cost` in all, and the result shows before
    /// it is through ([`Self::before_percent`]).
    #[inline]
    pub fn work(&self, ctx: &mut Context<'_, Streaming>, pool: PoolId, cost: Duration, tag: u64) {
        let before = cost * self.before_percent / 100;
        ctx.compute_with_tail(pool, before, cost.saturating_sub(before), tag);
    }

    /// A network thread's work on a message.
    pub const fn network(&self, bytes: u64) -> u64 {
        sum(&[self.network_request_ns, per_kib(self.network_kib_ns, bytes)])
    }

    /// A request handler's work on a fetch of a session with so many partitions: it reads them. A
    /// fetch that had to wait takes it twice, once in vain (`ReplicaManager.fetchMessages` and
    /// `DelayedFetch.onComplete` both call `readFromLog`).
    pub const fn fetch(&self, partitions: u64) -> u64 {
        sum(&[self.handle_request_ns, self.fetch_partition_ns.saturating_mul(partitions)])
    }

    /// The work of a thread that appends batches, besides what a leader does for each record.
    pub const fn append(&self, batches: u64, bytes: u64) -> u64 {
        let batches = self.append_batch_ns.saturating_mul(batches);
        sum(&[self.handle_request_ns, batches, per_kib(self.append_kib_ns, bytes)])
    }

    /// A recovery thread's work on so many bytes that have to be checked.
    pub const fn check_log(&self, bytes: u64) -> u64 {
        ((self.recovery_mib_ns as u128 * bytes as u128) >> 20) as u64
    }

    /// A thread of librdkafka's work on a request that it makes.
    pub const fn build(&self, records: u64, bytes: u64) -> u64 {
        let records = self.client_batch_record_ns.saturating_mul(records);
        sum(&[self.client_request_ns, records, per_kib(self.client_kib_ns, bytes)])
    }

    /// A consumer's work on a response that it takes apart.
    pub const fn parse(&self, records: u64, bytes: u64) -> u64 {
        let records = self.client_parse_record_ns.saturating_mul(records);
        sum(&[self.client_request_ns, records, per_kib(self.client_kib_ns, bytes)])
    }
}

/// What so many bytes take, where a KiB takes `cost`.
pub(in crate::kafka) const fn per_kib(cost: u64, bytes: u64) -> u64 {
    Duration(cost).per_kib(bytes).0
}

/// All of them together: no more than there is time.
const fn sum(costs: &[u64]) -> u64 {
    let (mut all, mut at) = (0_u64, 0);
    while at < costs.len() {
        all = all.saturating_add(costs[at]);
        at += 1;
    }
    all
}
