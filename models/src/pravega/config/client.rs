//! Options of the clients.
//!
//! Of the Java client @ v0.13.0 and of pravega-client-rust @ v0.3.7; each option names its source
//! and unit. Left out: connection pooling, TLS, transactions, large events,
//! `enableConnectionPooling`, `automaticallyNoteTime`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of a writer. Both clients read `segment.*`, `retry.*` and `connect.*`; the rest as
/// named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "EventWriterConfig, ClientConfig @ pravega/pravega v0.13.0; \
                  pravega-client-rust v0.3.7"
))]
pub struct Writer {
    /// Rust: events in an append block at the most (`SegmentWriter::MAX_EVENTS`,
    /// `src/segment/writer.rs` @ v0.3.7). Default 500.
    #[serde(rename = "rust.block.events.max")]
    pub rust_block_events_max: u32,
    /// Rust: bytes in an append block at the most (`SegmentWriter::MAX_WRITE_SIZE`). Default
    /// 8 MiB + 8.
    #[serde(rename = "rust.block.bytes.max")]
    pub rust_block_bytes_max: u64,
    /// Rust: bytes accepted and not yet acknowledged, per writer; `write_event` waits beyond
    /// (`EventWriter::CHANNEL_CAPACITY`, `src/event/writer.rs`). Default 16 MiB.
    #[serde(rename = "rust.channel.bytes")]
    pub rust_channel_bytes: u64,
    /// Rust: attempts at one address before the store is looked up again. The library's default is
    /// no limit (`retry/src/retry_policy.rs`), with which a writer hangs until the old store is
    /// back; 4 was measured to bring a failover from 121 s to 18 s. 0 for no limit. Default 0.
    #[serde(rename = "rust.retry.attempts.max")]
    pub rust_retry_attempts_max: u32,
    /// Rust: longest delay between attempts in ms. Default 10,000.
    #[serde(rename = "rust.retry.delay.ms.max")]
    pub rust_retry_delay_ms_max: u64,
    /// Java: bytes of a block at the most (`AppendBatchSizeTrackerImpl.MAX_BATCH_SIZE`). Default
    /// 523,264.
    #[serde(rename = "java.batch.bytes.max")]
    pub java_batch_bytes_max: u64,
    /// Java: period in ms of the timer that closes a block which has not changed since its last
    /// tick (`AppendBatchSizeTracker.MAX_BATCH_TIME_MILLIS`). Default 20.
    #[serde(rename = "java.batch.time.ms")]
    pub java_batch_time_ms: u64,
    /// Java: longest delay between attempts in ms (`EventWriterConfig.maxBackoffMillis`). Default
    /// 20,000.
    #[serde(rename = "java.retry.delay.ms.max")]
    pub java_retry_delay_ms_max: u64,
    /// Java: attempts before the writer fails (`EventWriterConfig.retryAttempts`). Default 10.
    #[serde(rename = "java.retry.attempts.max")]
    pub java_retry_attempts_max: u32,
    /// Java: silence in ms after which a connection that waits for acks is given up
    /// (`TcpClientConnection.SOCKET_TIMEOUT_MS`). Default 180,000.
    #[serde(rename = "java.socket.timeout.ms")]
    pub java_socket_timeout_ms: u64,
    /// Delay in ms before the second attempt to connect; grows tenfold. Default 1.
    #[serde(rename = "retry.delay.ms.initial")]
    pub retry_delay_ms_initial: u64,
    /// Time in ms for a connection to be set up (`ClientConfig.DEFAULT_CONNECT_TIMEOUT_MS`).
    /// Default 30,000.
    #[serde(rename = "connect.timeout.ms")]
    pub connect_timeout_ms: u64,
    /// Bytes that fit the socket buffers of a connection whose other end does not read: 256 KiB
    /// each way (`TcpClientConnection.TCP_BUFFER_SIZE`). Default 512 KiB.
    #[serde(rename = "socket.buffer.bytes")]
    pub socket_buffer_bytes: u64,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            rust_block_events_max: 500,
            rust_block_bytes_max: (8 << 20) + 8,
            rust_channel_bytes: 16 << 20,
            rust_retry_attempts_max: 0,
            rust_retry_delay_ms_max: 10_000,
            java_batch_bytes_max: 2 * 256 * 1024 - 1024,
            java_batch_time_ms: 20,
            java_retry_delay_ms_max: 20_000,
            java_retry_attempts_max: 10,
            java_socket_timeout_ms: 180_000,
            retry_delay_ms_initial: 1,
            connect_timeout_ms: 30_000,
            socket_buffer_bytes: 512 << 10,
        }
    }
}

impl Writer {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("rust.block.events.max", u64::from(self.rust_block_events_max)),
            ("rust.block.bytes.max", self.rust_block_bytes_max),
            ("rust.channel.bytes", self.rust_channel_bytes),
            ("java.batch.time.ms", self.java_batch_time_ms),
            ("retry.delay.ms.initial", self.retry_delay_ms_initial),
            ("connect.timeout.ms", self.connect_timeout_ms),
            ("socket.buffer.bytes", self.socket_buffer_bytes),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("writer {name} = 0: it must be above 0")),
            None => Ok(()),
        }
    }
}

/// Whether a stream is truncated before a group has read what goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamDataRetention {
    /// It is: the group is no subscriber.
    #[default]
    None,
    /// Not before its last checkpoint, within the policy's limits.
    AutomaticReleaseAtLastCheckpoint,
}

/// Options of a reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "ReaderConfig @ pravega/pravega v0.13.0; pravega-client-rust v0.3.7"
))]
pub struct Reader {
    /// Bytes buffered per segment (`SegmentInputStreamImpl.DEFAULT_BUFFER_SIZE`). Default 1 MiB.
    #[serde(rename = "buffer.bytes")]
    pub buffer_bytes: u64,
    /// Bytes asked for at the least (`SegmentInputStreamImpl.DEFAULT_READ_LENGTH`). Default 256
    /// KiB.
    #[serde(rename = "read.bytes.min")]
    pub read_bytes_min: u64,
    /// Delay in ms before the second attempt to reach a store; grows tenfold
    /// (`AsyncSegmentInputStreamImpl`: 1, 10, 9 attempts, 30,000). Default 1.
    #[serde(rename = "retry.delay.ms.initial")]
    pub retry_delay_ms_initial: u64,
    /// Longest delay in ms. Default 30,000.
    #[serde(rename = "retry.delay.ms.max")]
    pub retry_delay_ms_max: u64,
    /// Java: silence in ms after which a connection is given up
    /// (`TcpClientConnection.SOCKET_TIMEOUT_MS`). Default 180,000.
    #[serde(rename = "socket.timeout.ms")]
    pub socket_timeout_ms: u64,
    /// Rust: time in ms after which a read that was not answered is made again, whether its store
    /// is frozen or has nothing to give (`ClientConfig.request_timeout`, `config/src/lib.rs` @
    /// v0.3.7; `RawClientImpl::send_request`). Default 30,000.
    #[serde(rename = "rust.request.timeout.ms")]
    pub rust_request_timeout_ms: u64,
    /// Whether a stream with a `retention_policy` waits for the readers
    /// (`ReaderGroupConfig.retentionType`). Default `none`.
    #[serde(rename = "retention.type")]
    pub retention_type: StreamDataRetention,
    /// How often the group puts down how far it is, in ms
    /// (`ReaderGroupConfig.automaticCheckpointIntervalMillis`). Default 30,000.
    #[serde(rename = "automatic.checkpoint.interval.ms")]
    pub automatic_checkpoint_interval_ms: u64,
    /// Rust: time in ms after which the application opens another reader when one has panicked,
    /// which happens when the store of its group's table is not what it was
    /// (`ReaderGroupState::check_online` @ v0.3.7); 0 for never. Default 1000.
    #[serde(rename = "rust.restart.ms")]
    pub rust_restart_ms: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            buffer_bytes: 1 << 20,
            read_bytes_min: 256 << 10,
            retry_delay_ms_initial: 1,
            retry_delay_ms_max: 30_000,
            socket_timeout_ms: 180_000,
            rust_request_timeout_ms: 30_000,
            retention_type: StreamDataRetention::None,
            automatic_checkpoint_interval_ms: 30_000,
            rust_restart_ms: 1_000,
        }
    }
}

impl Reader {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        if self.read_bytes_min == 0 || self.buffer_bytes < self.read_bytes_min {
            let Self { buffer_bytes, read_bytes_min, .. } = self;
            return Err(format!(
                "reader buffer.bytes {buffer_bytes} must be at least read.bytes.min \
                 {read_bytes_min}, which must be above 0"
            ));
        }
        let positive = [
            ("retry.delay.ms.initial", self.retry_delay_ms_initial),
            ("automatic.checkpoint.interval.ms", self.automatic_checkpoint_interval_ms),
            ("rust.request.timeout.ms", self.rust_request_timeout_ms),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("reader {name} = 0: it must be above 0")),
            None => Ok(()),
        }
    }
}
