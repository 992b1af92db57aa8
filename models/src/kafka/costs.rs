//! What Kafka's work costs in CPU time on one core of a current server.
//!
//! Calibrated, not measured inside the JVM: a single broker of the 2025 trunk takes 145,000 to
//! 155,000 records/s of 1 KB from one unthrottled Java producer (apache/kafka PR 19961), and
//! 390,000 records/s of 100 B with the default 16 KiB batches; at low rate over loopback,
//! `linger.ms=0` and `acks=1`, librdkafka sees 0.2 ms at the median. A machine profile scales all
//! of them. All in nanoseconds of one core. Left out: garbage collection, which a pause stands for.

use serde::{Deserialize, Serialize};

/// CPU times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// A network thread reads or writes one request or response.
    pub network_request_ns: u64,
    /// The same for each KiB of it (a copy between socket and heap).
    pub network_kib_ns: u64,
    /// A request handler thread decodes, routes and answers one request.
    pub handle_request_ns: u64,
    /// The same for each batch in a produce request (validation, append, index).
    pub append_batch_ns: u64,
    /// The same for each KiB (CRC and write to the page cache).
    pub append_kib_ns: u64,
    /// The producer's caller serialises and appends one record.
    pub client_record_ns: u64,
    /// The producer's sender thread builds one request or takes one response.
    pub client_request_ns: u64,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            network_request_ns: 20_000,
            network_kib_ns: 400,
            handle_request_ns: 30_000,
            append_batch_ns: 15_000,
            append_kib_ns: 600,
            client_record_ns: 500,
            client_request_ns: 15_000,
        }
    }
}

impl Costs {
    /// A network thread's work on a message.
    pub const fn network(&self, bytes: u64) -> u64 {
        self.network_request_ns + self.network_kib_ns * bytes / 1024
    }

    /// A request handler's work on a produce request.
    pub const fn produce(&self, batches: u64, bytes: u64) -> u64 {
        self.handle_request_ns + self.append_batch_ns * batches + self.append_kib_ns * bytes / 1024
    }
}
