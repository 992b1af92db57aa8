//! What a run of this model must always, sometimes and eventually show.
//!
//! Stands for no component: invariants of pravega @ v0.13.0
//! (`documentation/src/docs/segment-store-service.md`, `segment-containers.md`) and the rare paths
//! that a swarm must have taken. Noted on rare paths only: each is an observation, which costs
//! time.

use crate::property::Property;

/// Noted whenever a log is truncated.
pub const TRUNCATES_FLUSHED: Property = Property::always(
    "pravega-truncates-flushed",
    "A log is truncated only where tier 2 has everything before.",
);
/// Noted whenever a container has replayed its log.
pub const LOG_HOLDS_ONCE: Property = Property::always(
    "pravega-log-holds-once",
    "A container's log holds each operation once, in the order of their numbers.",
);
/// Noted whenever a flush begins.
pub const TIER_BEHIND_LOG: Property =
    Property::always("pravega-tier-behind-log", "Tier 2 gets only what is committed to the log.");
/// Noted whenever a chunk of tier 2 is to be deleted.
pub const COLLECTS_UNUSED: Property = Property::always(
    "pravega-collects-unused",
    "A chunk of tier 2 is deleted only when no segment has it any more.",
);
/// Noted whenever the controller looks what may go.
pub const RETAINS: Property = Property::always(
    "pravega-retains",
    "A segment begins where its stream was truncated, which is never within the limits.",
);
/// A container was started from a log that another instance of it had written.
pub const CONTAINER_RECOVERED: Property =
    Property::sometimes("pravega-container-recovered", "A container is recovered from its log.");
/// A container has learnt that it was replaced.
pub const CONTAINER_FENCED: Property = Property::sometimes(
    "pravega-container-fenced",
    "A container that still runs is fenced by its successor.",
);
/// A log has rolled over.
pub const LEDGER_ROLLED: Property =
    Property::sometimes("pravega-ledger-rolled", "A log goes on in a new ledger.");
/// A frame was sent to BookKeeper once more.
pub const FRAME_RETRIED: Property = Property::sometimes(
    "pravega-frame-retried",
    "A frame of a failed ledger is written again to the next.",
);
/// Writes wait for a throttler.
pub const THROTTLED: Property =
    Property::sometimes("pravega-throttled", "A container throttles its writes.");
/// A flush was given up and made anew.
pub const FLUSH_FAILED: Property =
    Property::sometimes("pravega-flush-failed", "A flush to tier 2 fails.");
/// A read was answered from tier 2.
pub const READ_FROM_TIER: Property =
    Property::sometimes("pravega-read-from-tier", "A reader gets what only tier 2 has.");
/// A writer has sent blocks again.
pub const BLOCKS_RESENT: Property = Property::sometimes(
    "pravega-blocks-resent",
    "A writer sends again what was not acknowledged when its connection broke.",
);
/// A container has failed because its store's cache was full.
pub const CACHE_FULL: Property = Property::sometimes(
    "pravega-cache-full",
    "A container ends because the cache has no room for what is committed.",
);
/// A reader of the Rust client has panicked.
pub const READER_DIED: Property = Property::sometimes(
    "pravega-reader-died",
    "The Rust client's reader panics when its group's table is elsewhere.",
);
/// A container has found out from tier 2 what its storage was.
pub const STORAGE_BOOTSTRAPPED: Property = Property::sometimes(
    "pravega-storage-bootstrapped",
    "A container that comes back reads its system journal in tier 2, and writes another.",
);
/// A store was told to stop reading from a connection.
pub const WINDOW_CLOSED: Property =
    Property::sometimes("pravega-window-closed", "A store stops reading from a connection.");
/// Noted when a reader is told that a segment has ended.
pub const SEALED_IS_READ: Property = Property::always(
    "pravega-sealed-is-read",
    "A reader is told to go to the successors of a sealed segment at its end only.",
);
/// Noted for every event that moves to a successor.
pub const KEY_OWNED: Property = Property::always(
    "pravega-key-owned",
    "An event of a sealed segment is written to the successor that owns its key.",
);
/// A segment was sealed.
pub const SEGMENT_SEALED: Property =
    Property::sometimes("pravega-segment-sealed", "A segment is sealed.");
/// Every segment of an epoch was sealed.
pub const STREAM_SCALED: Property =
    Property::sometimes("pravega-stream-scaled", "A scale of the stream is complete.");
/// A segment was split because of its load.
pub const SPLIT_BY_LOAD: Property = Property::sometimes(
    "pravega-split-by-load",
    "A segment that is written more than its policy's target is split.",
);
/// Segments were merged because of their load.
pub const MERGED_BY_LOAD: Property = Property::sometimes(
    "pravega-merged-by-load",
    "Neighbouring segments that are written less than half of their policy's target are merged.",
);
/// A writer has moved events to the successors of a sealed segment.
pub const EVENTS_MOVED: Property = Property::sometimes(
    "pravega-events-moved",
    "A writer writes again to the successors what a sealed segment has not acknowledged.",
);
/// A reader has begun to read a successor.
pub const READER_FOLLOWED: Property = Property::sometimes(
    "pravega-reader-followed",
    "A reader goes on with the successor of a sealed segment.",
);
/// Noted when a container fails, and when one runs.
pub const CONTAINERS_RUN: Property =
    Property::eventually("pravega-containers-run", "Every container runs somewhere in the end.");
/// Noted when a flush fails, and whenever all that a storage writer began have succeeded.
pub const FLUSHES_GO_ON: Property =
    Property::eventually("pravega-flushes-go-on", "What a failed flush held reaches tier 2.");

/// Every property of this model.
pub const ALL: &[&Property] = &[
    &TRUNCATES_FLUSHED,
    &LOG_HOLDS_ONCE,
    &TIER_BEHIND_LOG,
    &COLLECTS_UNUSED,
    &RETAINS,
    &CONTAINER_RECOVERED,
    &CONTAINER_FENCED,
    &STORAGE_BOOTSTRAPPED,
    &READER_DIED,
    &CACHE_FULL,
    &LEDGER_ROLLED,
    &FRAME_RETRIED,
    &THROTTLED,
    &FLUSH_FAILED,
    &READ_FROM_TIER,
    &BLOCKS_RESENT,
    &WINDOW_CLOSED,
    &SEALED_IS_READ,
    &KEY_OWNED,
    &SEGMENT_SEALED,
    &STREAM_SCALED,
    &SPLIT_BY_LOAD,
    &MERGED_BY_LOAD,
    &EVENTS_MOVED,
    &READER_FOLLOWED,
    &CONTAINERS_RUN,
    &FLUSHES_GO_ON,
];
