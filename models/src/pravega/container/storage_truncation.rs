//! Truncation of a segment in tier 2: chunks that lie before its start are given up.
//!
//! Stands for `SegmentAggregator.flushPendingTruncate` and `chunklayer.TruncateOperation` @
//! v0.13.0: when everything before the truncation is flushed, a transaction of the chunk metadata
//! takes the chunks that end before its start from the segment and hands them to the garbage
//! collector. A segment that is deleted goes all of it, a delay of the collector later: it is
//! garbage first, and its chunks then.
//!
//! Parameters: `storage.garbage.collection.delay.seconds`. Left out: the copy of the rest of a
//! first chunk of 64 MiB and more of which 80 percent are truncated (`truncate.relocate.*`); that
//! what a deleted segment has not flushed is never flushed.

use crate::pravega::container::host::Env;
use crate::pravega::segment::SegmentId;

use super::Container;
use super::operation::Operation;

impl Container {
    /// A segment's next truncation is entered in the chunk metadata.
    pub(super) fn truncate_storage(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let aggregator = self.writer.aggregators.get_mut(&segment).expect("it is truncated");
        let next = aggregator.truncates.front().expect("there is a truncation");
        aggregator.truncating = true;
        let known = self.state.segments.get(&segment).expect("it was truncated");
        let offset = next.offset.min(known.storage_length);
        let delays = if known.deleted { 2 } else { 1 };
        let delay = env.spec.cluster.segment_store.garbage_collection_delay_seconds * 1_000;
        let due_ms = env.ctx.now().as_nanos() / 1_000_000 + delays * delay;
        self.submit_critical(env, Operation::StorageTruncate { segment, offset, due_ms });
    }

    /// It is entered.
    pub(super) fn storage_truncated(&mut self, env: &mut Env<'_, '_>, segment: SegmentId) {
        let chunks = self.state.segments.get(&segment).map(|known| known.chunks.as_slice());
        let chunks = chunks.unwrap_or_default();
        if let Some(aggregator) = self.writer.aggregators.get_mut(&segment) {
            aggregator.truncates.pop_front();
            aggregator.truncating = false;
            // What is written next begins another chunk.
            aggregator.chunk =
                aggregator.chunk.filter(|open| chunks.iter().any(|chunk| chunk.id == open.id));
        }
        self.collect_garbage(env);
        self.work_done(env, segment);
    }
}
