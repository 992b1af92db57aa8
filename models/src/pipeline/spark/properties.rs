//! What a run of this model must always and sometimes show.
//!
//! Stands for no component: invariants of `MicroBatchExecution` (apache/spark @ v3.5.6) and the
//! rare paths that a swarm must have taken.

use crate::property::Property;

/// Noted at each start.
pub const COMMITS_TRAIL: Property = Property::always(
    "spark-commits-trail",
    "The commit log trails the offset log by one batch at most.",
);
/// Noted when a batch is planned.
pub const OFFSETS_ASCEND: Property =
    Property::always("spark-offsets-ascend", "A batch ends nowhere before the one before it.");
/// A life has made a batch of the one before.
pub const BATCH_REPEATED: Property =
    Property::sometimes("spark-batch-repeated", "A batch without a commit is made once more.");
/// A life has begun with nothing to make again.
pub const RESUMED: Property =
    Property::sometimes("spark-resumed", "A query goes on behind a batch that was committed.");

/// Every property of this model.
pub const ALL: &[&Property] = &[&COMMITS_TRAIL, &OFFSETS_ASCEND, &BATCH_REPEATED, &RESUMED];
