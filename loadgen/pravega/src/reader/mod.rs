//! A reader of a whole stream, from its head on: a task for each segment, and one that follows.
//!
//! Reads as `AsyncSegmentInputStreamImpl` @ v0.13.0 does: a request waits at the store until there
//! is something, and the next goes out as soon as an answer is in. It takes all segments for
//! itself: there is no reader group, so that no table is asked between two slices of a segment. A
//! segment that follows others is read when all of these were read to their ends, so that the
//! events of a key come in their order over every scaling.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};

use crate::controller::{Controller, until};
use crate::error::Error;
use crate::options::Options;
use crate::segment::{SegmentId, StreamName};

mod segment;

use segment::SegmentReader;

/// Bytes that a read asks for (`SegmentInputStreamImpl.DEFAULT_BUFFER_SIZE` @ v0.13.0; the store
/// gives at most 2 MiB, `PravegaRequestProcessor.MAX_READ_SIZE`).
pub const READ_BYTES: i32 = 1 << 20;

/// Slices that lie ready at the most; a segment whose next does not fit waits, and so does its
/// store.
const SLICES_MAX: usize = 16;

/// Events of one segment that come next.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The segment.
    pub segment: SegmentId,
    /// What the events hold, in order.
    pub events: Vec<Bytes>,
    /// Bytes that were passed over before them, as the segment was truncated.
    pub skipped_bytes: i64,
}

/// What all tasks of a reader share.
#[derive(Clone)]
struct Context {
    controller: Controller,
    stream: Arc<StreamName>,
    options: Options,
}

/// A reader; reading ends when it is dropped.
#[derive(Debug)]
pub struct StreamReader {
    slices: Receiver<Result<Slice, Error>>,
    task: AbortHandle,
}

impl StreamReader {
    /// Begins to read at the head of a stream, in the context of a runtime.
    pub fn open(controller: Controller, stream: StreamName, options: Options) -> Self {
        let (sender, slices) = channel(SLICES_MAX);
        let context = Context { controller, stream: Arc::new(stream), options };
        let follower = Follower { context, slices: sender, segments: JoinSet::new() };
        Self { slices, task: tokio::spawn(follower.run()).abort_handle() }
    }

    /// What comes next; none when the stream is sealed and read to its end. Nothing is lost if
    /// waiting is given up.
    pub async fn next(&mut self) -> Option<Result<Slice, Error>> {
        self.slices.recv().await
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Has the segments of a stream read in their order.
struct Follower {
    context: Context,
    slices: Sender<Result<Slice, Error>>,
    segments: JoinSet<Result<SegmentId, Error>>,
}

impl Follower {
    async fn run(mut self) {
        if let Err(error) = self.follow().await {
            // Nobody may be there to be told.
            let _ = self.slices.send(Err(error)).await;
        }
    }

    async fn follow(&mut self) -> Result<(), Error> {
        let Context { controller, stream, options } = self.context.clone();
        let head = until(options.deadline, || controller.head_segments(&stream)).await?;
        let mut order = Order::new(head.iter().map(|(id, _)| *id));
        head.into_iter().for_each(|(id, offset)| self.read(id, offset));
        while let Some(ended) = self.segments.join_next().await {
            let ended =
                ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
            let ask = || controller.successors(&stream, ended);
            let successors = until(options.deadline, ask).await?;
            let successors = successors.into_iter().map(|one| (one.range.id, one.predecessors));
            order.ended(ended, successors).into_iter().for_each(|id| self.read(id, 0));
        }
        Ok(())
    }

    fn read(&mut self, segment: SegmentId, offset: i64) {
        let reader = SegmentReader {
            context: self.context.clone(),
            segment,
            offset,
            slices: self.slices.clone(),
            part: BytesMut::new(),
            request: 0,
        };
        self.segments.spawn(reader.run());
    }
}

/// Which segment may be read when.
#[derive(Debug, Default)]
struct Order {
    /// Begun, and read to their ends or not.
    begun: BTreeSet<SegmentId>,
    ended: BTreeSet<SegmentId>,
    /// What each of the others follows.
    waiting: BTreeMap<SegmentId, Vec<SegmentId>>,
}

impl Order {
    fn new(head: impl Iterator<Item = SegmentId>) -> Self {
        Self { begun: head.collect(), ..Self::default() }
    }

    /// A segment was read to its end, and these follow: which of all may be read now.
    fn ended(
        &mut self,
        segment: SegmentId,
        successors: impl Iterator<Item = (SegmentId, Vec<SegmentId>)>,
    ) -> Vec<SegmentId> {
        self.ended.insert(segment);
        self.waiting.extend(successors.filter(|(id, _)| !self.begun.contains(id)));
        let ready = |ids: &[SegmentId]| ids.iter().all(|id| self.ended.contains(id));
        let waiting = self.waiting.iter();
        let begin: Vec<_> = waiting.filter(|(_, after)| ready(after)).map(|(id, _)| *id).collect();
        begin.iter().for_each(|id| {
            self.waiting.remove(id);
            self.begun.insert(*id);
        });
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[i64]) -> Vec<SegmentId> {
        ids.iter().map(|id| SegmentId(*id)).collect()
    }

    #[test]
    fn a_merged_segment_waits_for_all_that_it_follows() {
        let mut order = Order::new(ids(&[0, 1]).into_iter());
        let merged = || [(SegmentId(2), ids(&[0, 1]))].into_iter();
        assert_eq!(order.ended(SegmentId(0), merged()), ids(&[]));
        assert_eq!(order.ended(SegmentId(1), merged()), ids(&[2]));
        let split = [(SegmentId(3), ids(&[2])), (SegmentId(4), ids(&[2]))];
        assert_eq!(order.ended(SegmentId(2), split.into_iter()), ids(&[3, 4]));
    }
}
