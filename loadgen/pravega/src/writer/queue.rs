//! The events of one segment: waiting, in flight, acknowledged.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::segment::RoutingKey;
use crate::wire::{HEAD_BYTES, put_event};

/// Events of a block at the most (`SegmentWriter::MAX_EVENTS`, `src/segment/writer.rs` of
/// pravega-client-rust @ v0.3.7).
pub(super) const BLOCK_EVENTS_MAX: usize = 500;

/// Bytes of a block at the most, heads of events among them (`SegmentWriter::MAX_WRITE_SIZE`).
pub(super) const BLOCK_BYTES_MAX: usize = (8 << 20) + HEAD_BYTES;

/// An event that is to be written.
#[derive(Debug)]
pub(super) struct Event<T> {
    /// Its routing key.
    pub(super) key: RoutingKey,
    /// What its writer knows it by.
    pub(super) token: T,
    /// What it holds.
    pub(super) payload: Vec<u8>,
}

/// Events that go to the store in one piece.
#[derive(Debug, PartialEq)]
pub(super) struct Block {
    /// They, as they will lie in the segment.
    pub(super) data: Bytes,
    /// How many.
    pub(super) events: usize,
    /// The number of the last.
    pub(super) last_event: i64,
}

/// What was written to a segment and is not acknowledged, in order. Events have numbers, from 1.
#[derive(Debug)]
pub(super) struct Queue<T> {
    events: VecDeque<Event<T>>,
    /// How many of them, from the first on, are in flight.
    in_flight: usize,
    /// The number of the first.
    first: i64,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { events: VecDeque::new(), in_flight: 0, first: 1 }
    }

    pub(super) fn push(&mut self, event: Event<T>) {
        self.events.push_back(event);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The next block, unless one is in flight or nothing waits.
    pub(super) fn next_block(&mut self) -> Option<Block> {
        if self.in_flight > 0 || self.events.is_empty() {
            return None;
        }
        let (mut events, mut bytes) = (0, 0);
        for event in self.events.iter().take(BLOCK_EVENTS_MAX) {
            let size = HEAD_BYTES + event.payload.len();
            if events > 0 && bytes + size > BLOCK_BYTES_MAX {
                break;
            }
            (events, bytes) = (events + 1, bytes + size);
        }
        let mut data = BytesMut::with_capacity(bytes);
        self.events.iter().take(events).for_each(|event| put_event(&mut data, &event.payload));
        self.in_flight = events;
        let last_event = self.first + events as i64 - 1;
        Some(Block { data: data.freeze(), events, last_event })
    }

    /// Events up to this number are stored: those of them that were not known to be.
    pub(super) fn acked(&mut self, number: i64) -> Vec<T> {
        let stored = number.saturating_sub(self.first - 1).clamp(0, self.events.len() as i64);
        self.first += stored;
        self.in_flight = self.in_flight.saturating_sub(stored as usize);
        self.events.drain(..stored as usize).map(|event| event.token).collect()
    }

    /// The connection is another: what was in flight is to be sent again.
    pub(super) fn resend(&mut self) {
        self.in_flight = 0;
    }

    /// All that is not acknowledged, in order.
    pub(super) fn into_events(self) -> VecDeque<Event<T>> {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(events: u32, bytes: usize) -> Queue<u32> {
        let mut queue = Queue::new();
        for token in 0..events {
            queue.push(Event { key: RoutingKey(0.5), token, payload: vec![7; bytes] });
        }
        queue
    }

    #[test]
    fn one_block_of_500_events_is_in_flight_and_the_ack_makes_room_for_the_next() {
        let mut queue = queue(1_100, 100);
        let mut blocks = vec![];
        while let Some(block) = queue.next_block() {
            assert_eq!(queue.next_block(), None);
            assert_eq!(block.data.len(), block.events * 108);
            assert_eq!(queue.acked(block.last_event).len(), block.events);
            blocks.push((block.events, block.last_event));
        }
        assert_eq!(blocks, [(500, 500), (500, 1_000), (100, 1_100)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_block_ends_at_8_mebibytes_and_holds_one_event_at_least() {
        assert_eq!(queue(20, 1 << 20).next_block().unwrap().events, 7);
        assert_eq!(queue(2, 8 << 20).next_block().unwrap().events, 1);
    }

    #[test]
    fn what_a_new_connection_knows_to_be_stored_is_not_sent_again() {
        let mut queue = queue(5, 10);
        assert_eq!(queue.next_block().map(|block| block.last_event), Some(5));
        // None (`i64::MIN`), then three of the five.
        assert_eq!(queue.acked(i64::MIN), [0; 0]);
        assert_eq!(queue.acked(3), [0, 1, 2]);
        queue.resend();
        let again = queue.next_block().unwrap();
        assert_eq!((again.events, again.last_event), (2, 5));
        // An ack that comes late, and one that is none.
        assert_eq!(queue.acked(2), [0; 0]);
        assert_eq!(queue.acked(i64::MAX), [3, 4]);
    }
}
