//! What Kafka's nodes report.
//!
//! Stands for no component: names of what brokers and clients log and count.

pub use crate::runtime::signals::{GC_PAUSE, OUT_OF_MEMORY};
use crate::signal::{Gauge, Level, Mark, Office, Signals};
use crate::tier;

/// The leader of partition 0.
pub const LEADER: Office =
    Office { name: "leader", who: "the leader of partition 0", of: Some(0), followed: true };
/// The active controller.
pub const CONTROLLER: Office =
    Office { name: "controller", who: "the active controller", of: None, followed: false };

/// An in-sync or eligible replica begins to lead; of the partition, with its epoch.
pub const LEADER_ELECTED: Mark =
    Mark::takes("leader_elected", &LEADER).of("partition").with("epoch");
/// A replica that is neither begins to lead.
pub const UNCLEAN_ELECTION: Mark =
    Mark::takes("unclean_election", &LEADER).of("partition").with("epoch");
/// A voter becomes the active controller; of the broker, with its epoch.
pub const CONTROLLER_ELECTED: Mark =
    Mark::takes("controller_elected", &CONTROLLER).of("").with("epoch");
/// A broker learns that it is fenced.
pub const FENCED: Mark = Mark::turn("fenced").of("");
/// A broker's session has run out.
pub const SESSION_EXPIRED: Mark = Mark::new("session_expired").of("node.id");
/// A follower can't go on with a partition; with its log's end.
pub const PARTITION_FAILED: Mark =
    Mark::new("partition_failed").of("partition").with("log end offset");
/// A log directory is offline.
pub const LOG_DIR_FAILED: Mark = Mark::new("log_dir_failed").of("");
/// A broker does not start: its directory is another's.
pub const BROKER_REFUSED: Mark = Mark::new("broker_refused").of("");
/// A replica truncates its log; with the events lost.
pub const TRUNCATED: Mark = Mark::turn("truncated").of("partition").with("lost events");
/// A follower falls out of sync; with the size of the ISR.
pub const ISR_SHRUNK: Mark = Mark::turn("isr_shrunk").of("partition").with("ISR size");
/// A follower is in sync again; with the size of the ISR.
pub const ISR_EXPANDED: Mark = Mark::new("isr_expanded").of("partition").with("ISR size");
/// A broker is to have a replica of a partition that it had not.
pub const REASSIGNMENT_BEGUN: Mark = Mark::turn("reassignment_begun").of("partition");
/// It is in sync, and those that it replaces are gone.
pub const REASSIGNED: Mark = Mark::turn("reassigned").of("partition");
/// All members of a group have what they are to have; with its generation or epoch.
pub const GROUP_STABLE: Mark = Mark::turn("group_stable").of("group").with("generation");
/// A member's session is over; with how many are left.
pub const MEMBER_EXPIRED: Mark = Mark::turn("member_expired").of("group").with("members left");
/// A member has left; with how many are left.
pub const MEMBER_LEFT: Mark = Mark::turn("member_left").of("group").with("members left");
/// A static member is back and has what it had.
pub const MEMBER_RETURNED: Mark = Mark::new("member_returned").of("group").with("members");
/// A consumer begins to read a partition, at this offset.
pub const PARTITION_ASSIGNED: Mark =
    Mark::turn("partition_assigned").of("partition").with("offset");
/// A consumer ends: its instance has a member whose session runs.
pub const MEMBER_REFUSED: Mark = Mark::new("member_refused").of("");
/// A consumer leaves its group: its application takes too long.
pub const MEMBER_SLOW: Mark = Mark::new("member_slow").of("");
/// A consumer ends: nothing is committed of a partition, and it is told nowhere to begin.
pub const NO_OFFSET: Mark = Mark::new("no_offset").of("partition");

/// Retention removes segments of a replica's log.
pub const SEGMENTS_DELETED: Mark = Mark::new("segments_deleted").of("partition").with("segments");
/// A replica gives its log up and goes on where its leader's begins.
pub const LOG_RESTARTED: Mark = Mark::turn("log_restarted").of("partition").with("offset");
/// A consumer asks for what retention has removed, and begins anew (`auto.offset.reset`).
pub const OFFSET_OUT_OF_RANGE: Mark =
    Mark::turn("offset_out_of_range").of("partition").with("events behind the log's start");

/// Remote storage has refused an object of a segment; the first, second or third.
pub const COPY_FAILED: Mark = Mark::new("remote_copy_failed").of("partition").with("object");
/// Retention deletes segments in remote storage.
pub const REMOTE_EXPIRED: Mark = Mark::new("remote_expired").of("partition").with("segments");
/// A fetch has got events from remote storage.
pub const REMOTE_READ: Mark = Mark::new("remote_read").of("partition").with("events");
/// A read of remote storage has failed.
pub const REMOTE_READ_FAILED: Mark = Mark::new("remote_read_failed").of("").with("offset");
/// A read of remote storage takes longer than its fetch waits.
pub const REMOTE_READ_LATE: Mark = Mark::new("remote_read_late").of("").with("offset");

/// The high watermark of a partition.
pub const HIGH_WATERMARK: Level = Level::new("high_watermark");

/// The logs of a broker, while something may be removed of them.
pub const LOG_BYTES: Gauge = Gauge::new("log_bytes", "bytes");
/// What is in remote storage of partitions that a broker leads.
pub const REMOTE_LOG_BYTES: Gauge = Gauge::new("remote_log_bytes", "bytes");
/// What is to be there and is not yet.
pub const REMOTE_COPY_LAG_BYTES: Gauge = Gauge::new("remote_copy_lag_bytes", "bytes");
/// The same in segments.
pub const REMOTE_COPY_LAG_SEGMENTS: Gauge = Gauge::new("remote_copy_lag_segments", "segments");
/// Requests of a broker to remote storage so far that write.
pub const REMOTE_PUTS: Gauge = Gauge::new("remote_puts", "requests");
/// That read.
pub const REMOTE_GETS: Gauge = Gauge::new("remote_gets", "requests");
/// That delete.
pub const REMOTE_DELETES: Gauge = Gauge::new("remote_deletes", "requests");
/// A producer's buffer.
pub const PRODUCER_BUFFER: Gauge = Gauge::new("producer_buffer_bytes", "bytes");
/// A batch waits for `max.in.flight.requests.per.connection`.
pub const MAX_IN_FLIGHT: Gauge = Gauge::limit("max.in.flight");
/// An event waits for `buffer.memory`.
pub const BUFFER_MEMORY: Gauge = Gauge::limit("buffer.memory");
/// What a producer has sent in batches that are compressed, so far.
pub const COMPRESSED: Gauge = Gauge::new("compressed_bytes", "bytes");
/// A broker holds a client back that has had its quota.
pub const QUOTA: Gauge = Gauge::limit("quota");
/// For how long a client is held back by its quota.
pub const THROTTLE_TIME: Gauge = Gauge::new("throttle_time_ms", "ms");

/// All of them.
pub fn all() -> Signals {
    Signals {
        marks: vec![
            &LEADER_ELECTED,
            &UNCLEAN_ELECTION,
            &CONTROLLER_ELECTED,
            &FENCED,
            &SESSION_EXPIRED,
            &PARTITION_FAILED,
            &GC_PAUSE,
            &OUT_OF_MEMORY,
            &LOG_DIR_FAILED,
            &BROKER_REFUSED,
            &TRUNCATED,
            &ISR_SHRUNK,
            &ISR_EXPANDED,
            &REASSIGNMENT_BEGUN,
            &REASSIGNED,
            &GROUP_STABLE,
            &MEMBER_EXPIRED,
            &MEMBER_LEFT,
            &MEMBER_RETURNED,
            &PARTITION_ASSIGNED,
            &MEMBER_REFUSED,
            &MEMBER_SLOW,
            &NO_OFFSET,
            &SEGMENTS_DELETED,
            &LOG_RESTARTED,
            &OFFSET_OUT_OF_RANGE,
            &COPY_FAILED,
            &REMOTE_EXPIRED,
            &REMOTE_READ,
            &REMOTE_READ_FAILED,
            &REMOTE_READ_LATE,
        ],
        levels: vec![&HIGH_WATERMARK],
        gauges: vec![
            &LOG_BYTES,
            &REMOTE_LOG_BYTES,
            &REMOTE_COPY_LAG_BYTES,
            &REMOTE_COPY_LAG_SEGMENTS,
            &REMOTE_PUTS,
            &REMOTE_GETS,
            &REMOTE_DELETES,
            &PRODUCER_BUFFER,
            &MAX_IN_FLIGHT,
            &BUFFER_MEMORY,
            &COMPRESSED,
            &QUOTA,
            &THROTTLE_TIME,
        ],
    }
    .and(tier::signals::all())
}
