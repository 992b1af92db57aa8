//! What a query reports, under the names of `StreamingQueryProgress` where that has them.
//!
//! Source: `sql/api/.../streaming/progress.scala` and `ProgressReporter.scala` of apache/spark @
//! v3.5.6.

use crate::signal::{Gauge, Mark, Signals};

/// The query is ready; with the number of its next batch.
pub const QUERY_STARTED: Mark = Mark::new("query_started").of("batch");
/// A batch of an earlier life is made once more; with its rows.
pub const BATCH_REPEATED: Mark = Mark::new("batch_repeated").of("batch").with("rows");
/// The sink has a batch of an earlier life already, and takes it no second time.
pub const BATCH_SKIPPED: Mark = Mark::new("batch_skipped").of("batch");
/// The query has ended with an exception: a disk, a log that cannot be read, rows that nobody took.
pub const QUERY_FAILED: Mark = Mark::new("query_failed").of("batch").with("rows refused");

/// Rows of the last batch.
pub const NUM_INPUT_ROWS: Gauge = Gauge::new("num_input_rows", "events");
/// What the whole of the last batch took.
pub const TRIGGER_EXECUTION: Gauge = Gauge::new("trigger_execution_ms", "ms");
/// Its part in which the offset log was written.
pub const WAL_COMMIT: Gauge = Gauge::new("wal_commit_ms", "ms");
/// Its part in which the batch was planned.
pub const QUERY_PLANNING: Gauge = Gauge::new("query_planning_ms", "ms");
/// Its part in which tasks ran and the sink took their rows.
pub const ADD_BATCH: Gauge = Gauge::new("add_batch_ms", "ms");
/// Its part in which the commit log was written.
pub const COMMIT_OFFSETS: Gauge = Gauge::new("commit_offsets_ms", "ms");
/// Events of the source that no batch is of, when a batch is planned.
pub const OFFSETS_BEHIND: Gauge = Gauge::new("offsets_behind", "events");
/// Rows that were worked on again after a restart.
pub const ROWS_REPEATED: Gauge = Gauge::new("rows_repeated", "events");
/// Batches that took longer than the trigger's interval.
pub const FALLING_BEHIND: Gauge = Gauge::new("batches_falling_behind", "");

/// All of them.
pub fn all() -> Signals {
    Signals {
        marks: vec![&QUERY_STARTED, &BATCH_REPEATED, &BATCH_SKIPPED, &QUERY_FAILED],
        levels: vec![],
        gauges: vec![
            &NUM_INPUT_ROWS,
            &TRIGGER_EXECUTION,
            &WAL_COMMIT,
            &QUERY_PLANNING,
            &ADD_BATCH,
            &COMMIT_OFFSETS,
            &OFFSETS_BEHIND,
            &ROWS_REPEATED,
            &FALLING_BEHIND,
        ],
    }
}
