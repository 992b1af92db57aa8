//! What the work of a micro-batch costs.
//!
//! Measured, not taken from Spark's code: `durationMs` of `StreamingQueryProgress` (pyspark 3.5.6,
//! `local[2]` on a virtual machine of two cores, source `rate`, hashtags extracted and counted in
//! windows of 10 s, a trigger of 1 s, after its warm-up). With 2 shuffle partitions a batch takes
//! 314 ms and 0.90 us for each row, flat up to 16,000 rows; of these `walCommit` is 39,
//! `commitOffsets` 45 and `queryPlanning` 13 ms at the median. With the default of 200 one of 1,600
//! rows takes 5.9 to 8.8 s: on two threads 59 to 88 ms for each partition.
//!
//! 0.90 us on two cores are 1.8 us of one: a row is taken to cost half of that before the shuffle
//! and half behind it.
//!
//! So a shuffle task with its state is 73 ms, and of the 217 ms of `addBatch` with one such wave
//! the rest is two map tasks at a time and what is there once. That most of a stateless batch is
//! offset management is known: 320 to 440 ms of 700 to 900 with the checkpoint in object storage
//! (Databricks, "Latency goes subsecond in Apache Spark Structured Streaming", 2023).
//!
//! A tweet's JSON costs more than a row of `rate`: about 150 MB/s on one core is an estimate, the
//! order of Jackson's. The start is one, too. A machine profile scales all that is CPU time.

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// CPU times of one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "measured; models/src/pipeline/spark/costs.rs says on what"))]
pub struct Costs {
    /// From the start of the process to its first trigger: JVM, session, plan of the query.
    pub start: Duration,
    /// `latestOffset`: what the source has is asked for.
    pub latest_offset: Duration,
    /// `walCommit`: a file of the offset log, written and renamed.
    pub wal_commit: Duration,
    /// `queryPlanning` of a batch.
    pub query_planning: Duration,
    /// What `addBatch` has to do once: the physical plan, generated code, stages, a job.
    pub job: Duration,
    /// A task is launched, and its result taken.
    pub task: Duration,
    /// A task of a shuffle partition loads and commits its state, besides.
    pub state_task: Duration,
    /// A row passes a task; behind a shuffle it passes another.
    pub row: Duration,
    /// A KiB of rows is parsed and written.
    pub kib: Duration,
    /// A batch's files become the sink's: a file of its log.
    pub sink_commit: Duration,
    /// `commitOffsets`: a file of the commit log.
    pub commit_offsets: Duration,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(3),
            latest_offset: Duration::from_millis(2),
            wal_commit: Duration::from_millis(39),
            query_planning: Duration::from_millis(13),
            job: Duration::from_millis(134),
            task: Duration::from_millis(8),
            state_task: Duration::from_millis(65),
            row: Duration::from_nanos(900),
            kib: Duration::from_micros(7),
            sink_commit: Duration::from_millis(39),
            commit_offsets: Duration::from_millis(45),
        }
    }
}

impl Costs {
    /// What a task takes for so many rows of so many bytes.
    pub fn rows(&self, rows: u64, bytes: u64) -> Duration {
        let of_bytes = self.kib.per_kib(bytes);
        self.task + self.row * rows + of_bytes
    }

    /// What a task of a shuffle partition takes for so many rows.
    pub fn shuffled(&self, rows: u64) -> Duration {
        self.task + self.state_task + self.row * rows
    }

    /// What a batch takes besides its tasks, without a file sink.
    pub fn fixed(&self) -> Duration {
        self.latest_offset + self.wal_commit + self.query_planning + self.job + self.commit_offsets
    }
}
