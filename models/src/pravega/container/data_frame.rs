//! Data frames: operations put together into entries of the durable log.
//!
//! Stands for `DataFrameBuilder`, `DataFrameOutputStream`, `DataFrame` @ v0.13.0. A record that
//! does not fit goes on in the next frame. An operation is committed with the frame that holds its
//! last byte; recovery finds it only if it finds that frame and those before.
//!
//! Parameters: the sizes below, in bytes. Left out: the frames' bytes: a frame is its size and the
//! operations in it.

use std::rc::Rc;

use super::operation::Logged;

/// Bytes of a frame at the most: 1 MiB less 1 KiB (`BookKeeperConfig.MAX_APPEND_LENGTH`).
pub const FRAME_BYTES_MAX: u64 = 1024 * 1024 - 1024;
/// Header of a frame (`DataFrame.FrameHeader`).
pub const FRAME_HEADER_BYTES: u64 = 6;
/// Header of each piece of a record (`DataFrame.EntryHeader`).
pub const ENTRY_HEADER_BYTES: u64 = 5;

/// A frame, sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Bytes, headers included.
    pub bytes: u64,
    /// Operations whose last byte is in it, in order.
    pub operations: Vec<Rc<Logged>>,
    /// Sequence numbers of the checkpoints that begin in it: places to truncate the log at.
    pub checkpoints: Vec<u64>,
}

/// Fills frames.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    current: Frame,
}

impl FrameBuilder {
    /// Adds an operation; frames that got full go to `sealed`.
    pub fn append(&mut self, logged: Rc<Logged>, sealed: &mut Vec<Frame>) {
        let mut left = logged.operation.size_bytes();
        let room = |frame: &Frame| FRAME_BYTES_MAX - frame.bytes.max(FRAME_HEADER_BYTES);
        if room(&self.current) <= ENTRY_HEADER_BYTES {
            sealed.push(std::mem::take(&mut self.current));
        }
        if matches!(logged.operation, super::operation::Operation::Checkpoint(_)) {
            self.current.checkpoints.push(logged.sequence);
        }
        loop {
            let piece = left.min(room(&self.current) - ENTRY_HEADER_BYTES);
            self.current.bytes =
                self.current.bytes.max(FRAME_HEADER_BYTES) + ENTRY_HEADER_BYTES + piece;
            left -= piece;
            if left == 0 {
                break;
            }
            sealed.push(std::mem::take(&mut self.current));
        }
        self.current.operations.push(logged);
    }

    /// Seals the frame at hand, unless it is empty.
    pub fn flush(&mut self) -> Option<Frame> {
        (self.current.bytes > 0).then(|| std::mem::take(&mut self.current))
    }
}

#[cfg(test)]
mod tests {
    use super::super::operation::Operation;
    use super::*;
    use crate::batch::{Batch, Lane, StreamWriter};
    use crate::pravega::message::{NO_EVENT, WriterId};
    use crate::pravega::segment::SegmentId;
    use headwater_sim::time::Time;

    fn append(sequence: u64, bytes: u64) -> Rc<Logged> {
        let times = vec![Time::ZERO];
        let (lane, first) = (Lane(0), sequence);
        let batch = Batch {
            bytes,
            intended: times.clone(),
            started: times,
            ..Batch::empty(StreamWriter::default(), lane, first)
        };
        let operation = Operation::Append {
            segment: SegmentId(0),
            offset: 0,
            writer: WriterId(0),
            event_number: 1,
            previous: NO_EVENT,
            batch: Rc::new(batch),
        };
        Rc::new(Logged { sequence, operation })
    }

    #[test]
    fn a_large_operation_spans_frames_and_ends_in_the_last() {
        let (mut builder, mut sealed) = (FrameBuilder::default(), Vec::new());
        builder.append(append(1, 3_000_000), &mut sealed);
        assert_eq!(sealed.len(), 2);
        assert!(sealed.iter().all(|frame| frame.bytes == FRAME_BYTES_MAX));
        assert!(sealed.iter().all(|frame| frame.operations.is_empty()));
        let last = builder.flush().expect("the rest");
        assert_eq!(last.operations.len(), 1);
        let payload = 3_000_000 + 8 + 95;
        let headers = 3 * (FRAME_HEADER_BYTES + ENTRY_HEADER_BYTES);
        assert_eq!(
            sealed.iter().map(|frame| frame.bytes).sum::<u64>() + last.bytes,
            payload + headers
        );
        assert_eq!(builder.flush(), None);
    }

    #[test]
    fn small_operations_share_a_frame() {
        let (mut builder, mut sealed) = (FrameBuilder::default(), Vec::new());
        for sequence in 1..=10 {
            builder.append(append(sequence, 100), &mut sealed);
        }
        assert!(sealed.is_empty());
        let frame = builder.flush().expect("a frame");
        assert_eq!(frame.operations.len(), 10);
        assert_eq!(frame.bytes, 6 + 10 * (5 + 95 + 108));
    }
}
