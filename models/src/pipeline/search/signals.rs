//! What a search reports.

use crate::signal::{Gauge, Mark, Signals};

/// It reads on from a position.
pub const INDEXING_STARTED: Mark = Mark::new("indexing_started").of("").with("behind");
/// The stream no longer has what follows its position; with the events that are missing.
pub const INDEXING_GAP: Mark = Mark::new("indexing_gap").of("").with("events");
/// Rows are sent again: they were refused, or nobody has answered for them.
pub const ROWS_AGAIN: Mark = Mark::new("rows_again").of("").with("rows");
/// A database or an index has what it had, and serves.
pub const STORE_READY: Mark = Mark::new("store_ready").of("").with("rows");
/// The disk has refused to take rows: they are not stored.
pub const STORE_REFUSED: Mark = Mark::new("store_refused").of("").with("rows");
/// A cache begins, without an entry.
pub const CACHE_EMPTY: Mark = Mark::new("cache_empty").of("");
/// The balancer takes a process to be down.
pub const WEB_DOWN: Mark = Mark::new("web_down").of("").with("attempts");
/// One that was down has answered.
pub const WEB_BACK: Mark = Mark::new("web_back").of("");

/// Events of the stream that are not stored, when the indexer last looked.
pub const UNINDEXED: Gauge = Gauge::new("unindexed", "events");
/// Rows of the database, or vectors of the index, of this life.
pub const ROWS_STORED: Gauge = Gauge::new("rows_stored", "");
/// Rows that were there when they came, of this life.
pub const ROWS_KNOWN: Gauge = Gauge::new("rows_known", "");
/// Statements that have a connection or wait for one.
pub const STATEMENTS: Gauge = Gauge::new("statements", "");
/// Searches that are worked on or wait for it.
pub const SEARCHES: Gauge = Gauge::new("searches", "");
/// Entries of the cache, with those that have expired and were not asked for.
pub const CACHE_ENTRIES: Gauge = Gauge::new("cache_entries", "");
/// Queries that the cache had, of this life.
pub const CACHE_HITS: Gauge = Gauge::new("cache_hits", "");
/// Queries that it did not have, of this life.
pub const CACHE_MISSES: Gauge = Gauge::new("cache_misses", "");
/// Of these, those of which it had had an answer that was too old, of this life.
pub const CACHE_EXPIRED: Gauge = Gauge::new("cache_expired", "");
/// Entries that had to go as there was no room, of this life.
pub const CACHE_EVICTED: Gauge = Gauge::new("cache_evicted", "");
/// Requests that a web process works on or that wait for it.
pub const REQUESTS: Gauge = Gauge::new("requests", "");
/// Requests that a web process refused or could not answer, of this life.
pub const REQUESTS_FAILED: Gauge = Gauge::new("requests_failed", "");
/// Queries for which the cache was no longer waited for, of this life.
pub const CACHE_UNANSWERED: Gauge = Gauge::new("cache_unanswered", "");
/// Vectors that were found and whose rows the database did not have, of this life.
pub const ROWS_MISSING: Gauge = Gauge::new("rows_missing", "");
/// Requests that the balancer has passed on to a second process, of this life.
pub const PASSED_ON: Gauge = Gauge::new("requests_passed_on", "");
/// Queries that were asked, of this life.
pub const QUERIES_ASKED: Gauge = Gauge::new("queries_asked", "");
/// Queries that were answered in time, of this life.
pub const QUERIES_ANSWERED: Gauge = Gauge::new("queries_answered", "");
/// Queries that were not, of this life.
pub const QUERIES_FAILED: Gauge = Gauge::new("queries_failed", "");
/// Queries that have no answer yet.
pub const QUERIES_OPEN: Gauge = Gauge::new("queries_open", "");
/// Median of the time from when a query was to be asked until it was answered, of this life.
pub const QUERY_P50: Gauge = Gauge::new("query_p50_us", "us");
/// The same, its 99th percentile.
pub const QUERY_P99: Gauge = Gauge::new("query_p99_us", "us");
/// The same, the longest.
pub const QUERY_MAX: Gauge = Gauge::new("query_max_us", "us");

/// All of them.
pub fn all() -> Signals {
    Signals {
        marks: vec![
            &INDEXING_STARTED,
            &INDEXING_GAP,
            &ROWS_AGAIN,
            &STORE_READY,
            &STORE_REFUSED,
            &CACHE_EMPTY,
            &WEB_DOWN,
            &WEB_BACK,
        ],
        levels: vec![],
        gauges: vec![
            &UNINDEXED,
            &ROWS_STORED,
            &ROWS_KNOWN,
            &STATEMENTS,
            &SEARCHES,
            &CACHE_ENTRIES,
            &CACHE_HITS,
            &CACHE_MISSES,
            &CACHE_EXPIRED,
            &CACHE_EVICTED,
            &REQUESTS,
            &REQUESTS_FAILED,
            &CACHE_UNANSWERED,
            &ROWS_MISSING,
            &PASSED_ON,
            &QUERIES_ASKED,
            &QUERIES_ANSWERED,
            &QUERIES_FAILED,
            &QUERIES_OPEN,
            &QUERY_P50,
            &QUERY_P99,
            &QUERY_MAX,
        ],
    }
}
