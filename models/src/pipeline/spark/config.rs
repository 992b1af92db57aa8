//! Configuration of a query: options by their real names, defaults with their source.
//!
//! Sources: apache/spark @ v3.5.6, `SQLConf.scala` in `sql/catalyst`, `DataStreamWriter.scala` and
//! `KafkaSourceProvider.scala`. A source begins at the earliest offset (Spark's `startingOffsets`
//! of a stream is `latest`): readers are owed everything. Left out: all else, with it watermarks
//! and batches without data, several sources, executors on other machines, continuous processing
//! and asynchronous progress tracking.

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::costs::Costs;

/// What the query does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// Parses, selects and filters: a task for each partition of the source, no state.
    Select,
    /// Drops what it has seen (`dropDuplicates`): rows are shuffled by their key, and each shuffle
    /// partition has its state.
    Deduplicate,
}

/// Where rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sink {
    /// To the systems that take from this one, at least once: a batch is done when these have
    /// acknowledged its rows, and one that is made again writes them again. Without any, nowhere
    /// (`noop`).
    Stream,
    /// To files, exactly once: those of a batch count once they stand in the sink's log.
    File,
}

/// A query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "SQLConf.scala, DataStreamWriter.scala @ apache/spark v3.5.6"
))]
pub struct Cluster {
    /// What it does. Default `select`.
    pub query: Query,
    /// Where its rows go. Default `stream`.
    pub sink: Sink,
    /// Threads for tasks (`local[N]`). Default 4.
    pub cores: u32,
    /// Partitions of the source where the query takes the schedule (`numPartitions` of the source
    /// `rate`); behind a stream, as many as that has. Default 4.
    #[serde(rename = "source.partitions")]
    pub source_partitions: u32,
    /// Time from trigger to trigger (`Trigger.ProcessingTime`); 0: a batch follows the one before
    /// at once. Default 0.
    pub trigger: Duration,
    /// Events of a batch at the most, shared out among partitions by what each has; 0 for no limit.
    /// Default 0.
    #[serde(rename = "maxOffsetsPerTrigger")]
    pub max_offsets_per_trigger: u64,
    /// Tasks behind a shuffle. Default 200.
    #[serde(rename = "sql.shuffle.partitions")]
    pub sql_shuffle_partitions: u32,
    /// Time until the next look where there was nothing new. Default 10 ms.
    #[serde(rename = "sql.streaming.pollingDelay")]
    pub sql_streaming_polling_delay: Duration,
    /// Batches that can be made again: the source keeps what they are of. Default 100.
    #[serde(rename = "sql.streaming.minBatchesToRetain")]
    pub sql_streaming_min_batches_to_retain: u32,
    /// CPU times.
    pub costs: Costs,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            query: Query::Select,
            sink: Sink::Stream,
            cores: 4,
            source_partitions: 4,
            trigger: Duration::ZERO,
            max_offsets_per_trigger: 0,
            sql_shuffle_partitions: 200,
            sql_streaming_polling_delay: Duration::from_millis(10),
            sql_streaming_min_batches_to_retain: 100,
            costs: Costs::default(),
        }
    }
}

impl Cluster {
    /// What makes it impossible, if anything.
    ///
    /// # Errors
    /// The first option that cannot be 0.
    pub fn check(&self) -> Result<(), String> {
        let least_one = [
            ("cores", self.cores),
            ("source.partitions", self.source_partitions),
            ("sql.shuffle.partitions", self.sql_shuffle_partitions),
            ("sql.streaming.minBatchesToRetain", self.sql_streaming_min_batches_to_retain),
        ];
        match least_one.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("{name} is 0: at least 1")),
            None if self.sql_streaming_polling_delay == Duration::ZERO => {
                Err("sql.streaming.pollingDelay is 0: it would look for ever at one time".into())
            }
            None => Ok(()),
        }
    }
}
