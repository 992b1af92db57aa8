//! What Pravega's nodes report.
//!
//! Stands for no component: names of what stores, the controller and clients log and count.

pub use crate::runtime::signals::{GC_PAUSE, OUT_OF_MEMORY};
use crate::signal::{Gauge, Level, Mark, Office, Signals};
use crate::{bookkeeper, tier};

/// Who runs container 0.
pub const LEADER: Office =
    Office { name: "leader", who: "the store that runs container 0", of: Some(0), followed: false };
/// The controller that is active.
pub const CONTROLLER: Office =
    Office { name: "controller", who: "the active controller", of: None, followed: false };

/// A container has recovered; with the operations that it has replayed.
pub const CONTAINER_RECOVERED: Mark =
    Mark::takes("container_recovered", &LEADER).of("container").with("operations");
/// A container's log differs from what was written; with the operations that are there twice.
pub const CONTAINER_CORRUPT: Mark =
    Mark::new("container_corrupt").of("container").with("repeated operations");
/// Another store has taken over a container's log; with its epoch.
pub const CONTAINER_FENCED: Mark = Mark::turn("container_fenced").of("container").with("epoch");
/// A container's log has failed, or tier 2 as it started; with its epoch.
pub const CONTAINER_FAILED: Mark = Mark::new("container_failed").of("container").with("epoch");
/// A store's cache is full, which ends a container; with the bytes in it.
pub const CACHE_FULL: Mark = Mark::new("cache_full").of("container").with("bytes");
/// The controller assigns a container to its peer.
pub const CONTAINER_MOVED: Mark = Mark::new("container_moved").of("container");
/// The controller has lost its session, and starts its services anew.
pub const CONTROLLER_RESTARTED: Mark = Mark::new("controller_restarted").of("");
/// The Rust client's reader has panicked.
pub const READER_DIED: Mark = Mark::new("reader_died").of("reader");
/// A container's log goes on in another ledger; which.
pub const LEDGER_ROLLED: Mark = Mark::new("ledger_rolled").of("container").with("ledger");
/// An operation is delayed; with the nanoseconds.
pub const THROTTLED: Mark = Mark::new("throttled").of("container").with("nanoseconds");
/// A segment takes no more; which.
pub const SEGMENT_SEALED: Mark = Mark::new("segment_sealed").of("container").with("segment");
/// Tier 2 can't keep up; with the bytes not there.
pub const STORAGE_WRITER_BEHIND: Mark =
    Mark::new("storage_writer_behind").of("container").with("unflushed bytes");
/// A write to tier 2 took too long; of which segment.
pub const FLUSH_TIMED_OUT: Mark = Mark::new("flush_timed_out").of("container").with("segment");
/// A segment with too much load was split; into which.
pub const SEGMENT_SPLIT: Mark = Mark::new("segment_split").of("segment").with_run("into");
/// A segment with too little load was merged with its neighbour; into which.
pub const SEGMENT_MERGED: Mark = Mark::new("segment_merged").of("segment").with_run("into");
/// The stream was scaled; with its epoch.
pub const STREAM_SCALED: Mark = Mark::new("stream_scaled").of("").with("epoch");

/// A segment begins at another offset; which.
pub const SEGMENT_TRUNCATED: Mark = Mark::new("segment_truncated").of("segment").with("offset");
/// A segment is gone; with the bytes that it had had.
pub const SEGMENT_DELETED: Mark = Mark::new("segment_deleted").of("segment").with("bytes");
/// The controller truncates the stream; with the bytes that it has had up to there.
pub const STREAM_TRUNCATED: Mark = Mark::new("stream_truncated").of("").with("bytes");
/// A chunk of tier 2 was deleted; with its bytes.
pub const CHUNK_DELETED: Mark = Mark::new("chunk_deleted").of("container").with("bytes");
/// A reader was told that what it wants is gone (`TruncatedDataException`); with the bytes that it
/// passes over.
pub const READER_TRUNCATED: Mark = Mark::new("reader_truncated").of("segment").with("bytes");

/// The last operation of a container that is in its log.
pub const COMMITTED_SEQUENCE: Level = Level::learnt_late("committed_sequence");
/// The epoch of a container.
pub const CONTAINER_EPOCH: Level = Level::new("container_epoch");

/// A store's cache.
pub const CACHE_USED: Gauge = Gauge::new("cache_used_bytes", "bytes");
/// What is in the log and not in tier 2.
pub const UNFLUSHED: Gauge = Gauge::new("unflushed_bytes", "bytes");
/// What can be read of a stream with a retention policy, of a store's segments.
pub const RETAINED: Gauge = Gauge::new("retained_bytes", "bytes");
/// Operations in the log that it can't be truncated before.
pub const OPERATION_LOG_LENGTH: Gauge = Gauge::new("operation_log_length", "");
/// Bytes on their way to the log.
pub const OUTSTANDING_LOG: Gauge = Gauge::new("outstanding_log_bytes", "bytes");
/// A writer's events not acknowledged.
pub const WRITER_OUTSTANDING_EVENTS: Gauge = Gauge::new("writer_outstanding_events", "events");
/// A writer's bytes not acknowledged.
pub const WRITER_OUTSTANDING_BYTES: Gauge = Gauge::new("writer_outstanding_bytes", "bytes");
/// Segments whose one block in flight keeps others waiting (the Rust client).
pub const BLOCK_IN_FLIGHT: Gauge = Gauge::limit("block in flight");
/// The writer waits for acknowledgements of what it has outstanding.
pub const OUTSTANDING_BYTES: Gauge = Gauge::limit("outstanding bytes");

/// All of them, with those of the systems that Pravega builds on.
pub fn all() -> Signals {
    let own = Signals {
        marks: vec![
            &CONTAINER_RECOVERED,
            &CONTAINER_CORRUPT,
            &CONTAINER_FENCED,
            &CONTAINER_FAILED,
            &CACHE_FULL,
            &CONTAINER_MOVED,
            &CONTROLLER_RESTARTED,
            &READER_DIED,
            &LEDGER_ROLLED,
            &THROTTLED,
            &SEGMENT_SEALED,
            &STORAGE_WRITER_BEHIND,
            &FLUSH_TIMED_OUT,
            &SEGMENT_SPLIT,
            &SEGMENT_MERGED,
            &STREAM_SCALED,
            &SEGMENT_TRUNCATED,
            &SEGMENT_DELETED,
            &STREAM_TRUNCATED,
            &CHUNK_DELETED,
            &READER_TRUNCATED,
            &GC_PAUSE,
            &OUT_OF_MEMORY,
        ],
        levels: vec![&COMMITTED_SEQUENCE, &CONTAINER_EPOCH],
        gauges: vec![
            &CACHE_USED,
            &UNFLUSHED,
            &RETAINED,
            &OPERATION_LOG_LENGTH,
            &OUTSTANDING_LOG,
            &WRITER_OUTSTANDING_EVENTS,
            &WRITER_OUTSTANDING_BYTES,
            &BLOCK_IN_FLIGHT,
            &OUTSTANDING_BYTES,
        ],
    };
    own.and(bookkeeper::signals::all()).and(tier::signals::all())
}
