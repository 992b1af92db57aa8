//! CPU costs: what no option of the real system says.
//!
//! Stands for the CPU time of pravega @ v0.13.0 and of its clients: each figure says what it was
//! derived from. Left out: garbage collection beyond pauses, just-in-time compilation.

use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// CPU costs of stores and clients.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "calibrated; models/src/pravega/config/costs.rs says on what"))]
pub struct Costs {
    /// Java writer: one event taken, routed, put into its segment's queue.
    #[serde(rename = "writer.event.java")]
    pub writer_event_java: Duration,
    /// Rust writer: the same, with its channels and the task that runs its callback.
    #[serde(rename = "writer.event.rust")]
    pub writer_event_rust: Duration,
    /// Writer: one block encoded and written to the socket.
    #[serde(rename = "writer.block")]
    pub writer_block: Duration,
    /// Writer: one reply read and its events' callbacks started.
    #[serde(rename = "writer.ack")]
    pub writer_ack: Duration,
    /// Reader: one reply taken apart.
    #[serde(rename = "reader.reply")]
    pub reader_reply: Duration,
    /// Reader: one event handed out.
    #[serde(rename = "reader.event")]
    pub reader_event: Duration,
    /// Store: one append block decoded on a connection's event loop.
    #[serde(rename = "connection.append")]
    pub connection_append: Duration,
    /// Store: one read served from the cache.
    #[serde(rename = "read")]
    pub read: Duration,
    /// Container: one pass of the operation processor (two thread hand-overs).
    #[serde(rename = "operation.batch")]
    pub operation_batch: Duration,
    /// Container: one operation checked and serialised.
    #[serde(rename = "operation")]
    pub operation: Duration,
    /// Container: 1 KiB of operations serialised, checksummed and copied into cache.
    #[serde(rename = "operation.per.kib")]
    pub operation_per_kib: Duration,
    /// Container: one data frame handed to the log and its completion taken.
    #[serde(rename = "frame")]
    pub frame: Duration,
    /// Container: one operation completed, acknowledged and put into the read index.
    #[serde(rename = "commit")]
    pub commit: Duration,
    /// Container: one operation replayed at recovery.
    #[serde(rename = "replay.operation")]
    pub replay_operation: Duration,
    /// Store: mean time between pauses of its garbage collector; zero for none.
    #[serde(rename = "jvm.pause.every")]
    pub jvm_pause_every: Duration,
    /// Store: how long such a pause lasts. Everything that the process does waits.
    #[serde(rename = "jvm.pause")]
    pub jvm_pause: Distribution,
    /// Controller: one request answered.
    #[serde(rename = "controller.request")]
    pub controller_request: Duration,
}

impl Default for Costs {
    /// `replay.operation`: 439,908 operations in 107 s (pravega/pravega#3931). Pauses are off: they
    /// are the machine's and the heap's, to be measured.
    fn default() -> Self {
        let (ns, us) = (Duration::from_nanos, Duration::from_micros);
        Self {
            writer_event_java: ns(950),
            writer_event_rust: ns(2_800),
            writer_block: us(25),
            writer_ack: us(20),
            reader_reply: us(20),
            reader_event: ns(300),
            connection_append: us(25),
            read: us(20),
            operation_batch: us(30),
            operation: us(2),
            operation_per_kib: ns(4_300),
            frame: us(20),
            commit: us(20),
            replay_operation: us(243),
            jvm_pause_every: Duration::ZERO,
            jvm_pause: Distribution::constant(Duration::from_millis(10)),
            controller_request: us(200),
        }
    }
}
