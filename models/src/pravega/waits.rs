//! What Pravega's nodes wait for by their timers: the names that these have.
//!
//! Stands for no component.

use crate::bookkeeper;
use crate::role::Role;
use crate::tags::TagSpace;
use crate::wait::{Timer, Wait};

/// A container gathers operations for a frame (`BatchingThrottler`).
pub const BATCHING: &str = "batching delay";
/// Its store's cache is too full (`CacheThrottler`).
pub const CACHE_FULL: &str = "throttled by the cache";
/// Too much is on its way to its log (`DurableDataLogThrottler`).
pub const LOG_SLOW: &str = "throttled by the log";
/// Its log can't be truncated (`OperationLogThrottler`).
pub const OPERATIONS: &str = "throttled by the operation log";
/// Data is due that a container writes to tier 2 (`writer.flush.threshold.milliseconds.max`).
pub const FLUSH: &str = "flush due";
/// The longest that a write to tier 2 may take.
pub const FLUSH_TIMEOUT: &str = "flush timeout";
/// The cache evicts what it may.
pub const EVICTION: &str = "cache generation";
/// A store looks which containers it is to run.
pub const MONITOR: &str = "container monitor";
/// The schedule's next event is due.
pub const DUE: &str = "next event";
/// A client sends its batch whether it is full or not.
pub const BATCH: &str = "batch time";
/// A client tries its segment again.
pub const RECONNECT: &str = "reconnect";
/// The longest that a client waits for a connection.
pub const CONNECT_TIMEOUT: &str = "connect timeout";
/// A reader tries its segment again.
pub const READ_AGAIN: &str = "read again";
/// The Rust client's reader has nothing to hand out.
pub const ACQUIRE: &str = "acquire segment";

/// Of what comes back to a store's JVM. Components of the store have numbers from 1 up.
pub const JVM_TAGS: TagSpace = TagSpace::new(u32::MAX);

/// What is waited for by a timer of a node of this role. A writer that was told that its store is
/// elsewhere waits before it asks again.
pub fn of(role: &Role, timer: Timer) -> Wait {
    match timer.what {
        BATCHING | DUE | BATCH => Wait::Linger,
        CACHE_FULL | LOG_SLOW | OPERATIONS | EVICTION => Wait::Throttle,
        FLUSH | FLUSH_TIMEOUT => Wait::Tier,
        _ if JVM_TAGS.owns(timer.tag) => Wait::Collection,
        RECONNECT | CONNECT_TIMEOUT | READ_AGAIN | ACQUIRE => Wait::Retry,
        what => bookkeeper::waits::of(what).unwrap_or_else(|| Wait::likely(role, timer.after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pravega::system::SEGMENT_STORE;

    #[test]
    fn each_timer_of_a_store_is_for_what_it_is_called() {
        let of = |what| of(SEGMENT_STORE, Timer { tag: 1, what, after: "computed" });
        for (what, wait) in [
            (BATCHING, Wait::Linger),
            (CACHE_FULL, Wait::Throttle),
            (LOG_SLOW, Wait::Throttle),
            (OPERATIONS, Wait::Throttle),
            (FLUSH, Wait::Tier),
            (FLUSH_TIMEOUT, Wait::Tier),
            (bookkeeper::waits::GROUP, Wait::Linger),
            (bookkeeper::waits::ADD_TIMEOUT, Wait::Failover),
            (bookkeeper::waits::SESSION_TICK, Wait::Failover),
            (MONITOR, Wait::Failover),
            ("timer", Wait::Failover),
        ] {
            assert_eq!(of(what), wait, "{what}");
        }
        let tag = JVM_TAGS.tag(2);
        let of = super::of(SEGMENT_STORE, Timer { tag, what: "timer", after: "computed" });
        assert_eq!(of, Wait::Collection, "a collection comes back to the JVM");
    }
}
