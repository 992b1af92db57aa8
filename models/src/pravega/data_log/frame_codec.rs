//! Frames as entries of a ledger, and back.
//!
//! Stands for `DataFrame` and the serializers of operations @ v0.13.0, as far as what is in a frame
//! must come back from it. Nothing is modelled here: sizes are the frame's own. Left out: the
//! bytes.

use std::rc::Rc;

use crate::bookkeeper::entry::Payload;
use crate::pravega::container::data_frame::Frame;
use crate::pravega::container::operation::{Logged, WORDS_MAX};

/// A frame as an entry.
pub fn encode(frame: &Frame) -> Payload {
    let operations = frame.operations.len();
    let mut words = Vec::with_capacity(1 + frame.checkpoints.len() + operations * WORDS_MAX);
    words.push(frame.checkpoints.len() as u64);
    words.extend(&frame.checkpoints);
    let mut batches = Vec::with_capacity(operations);
    for logged in &frame.operations {
        logged.encode(&mut words, &mut batches);
    }
    Payload { bytes: frame.bytes, batches, words }
}

/// An entry as a frame.
pub fn decode(payload: &Payload) -> Frame {
    let mut words = payload.words.iter().copied();
    let mut batches = payload.batches.iter().cloned();
    let count = words.next().expect("a frame says how many checkpoints begin in it");
    let checkpoints = words.by_ref().take(count as usize).collect();
    let mut operations = Vec::new();
    while let Some(logged) = Logged::decode(&mut words, &mut batches) {
        operations.push(Rc::new(logged));
    }
    Frame { bytes: payload.bytes, operations, checkpoints }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Lane, StreamId, StreamWriter};
    use crate::pravega::container::metadata::Snapshot;
    use crate::pravega::container::operation::Operation;
    use crate::pravega::message::{NO_EVENT, WriterId};
    use crate::pravega::segment::SegmentId;
    use crate::tier::message::ChunkId;
    use headwater_sim::time::Time;

    #[test]
    fn a_frame_reads_back_as_written() {
        let times = vec![Time::ZERO, Time(5)];
        let batch = Rc::new(Batch {
            bytes: 400,
            intended: times.clone(),
            started: times,
            ..Batch::empty(StreamWriter { stream: StreamId(0), number: 1 }, Lane(2), 3)
        });
        let append = Operation::Append {
            segment: SegmentId(2),
            offset: 77,
            writer: WriterId(9),
            event_number: 5,
            previous: NO_EVENT,
            batch,
        };
        let update = Operation::StorageUpdate {
            segment: SegmentId(2),
            storage_length: 50,
            chunk: ChunkId(4),
            chunk_start: 0,
        };
        let mut snapshot = Snapshot::default();
        snapshot.segments.entry_or_default(SegmentId(2)).length = 77;
        let operations = [Operation::Checkpoint(Rc::new(snapshot)), append, update];
        let logged = (1..).zip(operations);
        let frame = Frame {
            bytes: 1_000,
            operations: logged
                .map(|(sequence, operation)| Rc::new(Logged { sequence, operation }))
                .collect(),
            checkpoints: vec![1],
        };
        assert_eq!(decode(&encode(&frame)), frame);
    }
}
