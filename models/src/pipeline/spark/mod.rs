//! Spark Structured Streaming: a query in micro-batches, in one process.
//!
//! ```text
//!             latestOffset   walCommit   queryPlanning        addBatch          commitOffsets
//!  trigger -> what is new -> offset log -> plan -> tasks, a core each -> sink -> commit log
//!                               |                  (and a task for each shuffle        |
//!                               +--- after a restart, the batch that is here ----------+
//!                                    and not there is made once more
//! ```
//!
//! Sources: apache/spark @ v3.5.6, `sql/core/src/main/scala/org/apache/spark/sql/execution/
//! streaming/` (each file names its own).

pub mod batch;
pub mod config;
pub mod costs;
pub mod deploy;
pub mod driver;
pub mod progress;
pub mod properties;
pub mod record;
pub mod recovery;
pub mod signals;
pub mod system;
pub mod trigger;
