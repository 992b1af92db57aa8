//! The Java client's segment writer: blocks sized by an estimator, closed by a timer, any number in
//! flight.
//!
//! Stands for `CommandEncoder`, `SegmentOutputStreamImpl` @ v0.13.0 without connection pooling. A
//! block is opened with a declared size; it is sent when full (its last event is then split over
//! two commands), or padded and sent by the timer if nothing was opened or closed between two of
//! its ticks. After a reconnect every block not acknowledged is sent again, in order. Left out:
//! pooled connections, large events.
//!
//! Parameters: `java.batch.*` of [`config::Writer`], in bytes and ms.

use std::collections::VecDeque;

use headwater_sim::time::Time;

use crate::batch::{Lane, SharedBatch, StreamWriter};
use crate::pravega::config;

use super::block_estimator::BlockEstimator;
use super::event::{Event, batch, event_number};

/// `AppendBlock` (header 8, writer 16) and `AppendBlockEnd` (header 8, writer 16, size 4, data
/// length 4, events 4, last event 8, request 8).
const BLOCK_OVERHEAD: u64 = 24 + 52;
/// Header of a partial event or of padding.
const COMMAND_HEADER: u64 = 8;

/// A block ready to be sent: events, and bytes on the wire besides.
pub type Block = (SharedBatch, u64);

/// The encoder and what is in flight.
#[derive(Debug)]
pub struct JavaClient {
    estimator: BlockEstimator,
    open: Vec<Event>,
    bytes_left: u64,
    token: u64,
    seen_token: u64,
    in_flight: VecDeque<SharedBatch>,
    outstanding: u64,
}

impl JavaClient {
    /// A segment writer that has written nothing.
    pub fn new(options: &config::Writer, now: Time) -> Self {
        let (bytes_max, time_ms) = (options.java_batch_bytes_max, options.java_batch_time_ms);
        Self {
            estimator: BlockEstimator::new(bytes_max, time_ms, now),
            open: Vec::new(),
            bytes_left: 0,
            token: 0,
            seen_token: 0,
            in_flight: VecDeque::new(),
            outstanding: 0,
        }
    }

    /// An event is written; the block that it completes, if it does.
    pub fn push(
        &mut self,
        writer: StreamWriter,
        lane: Lane,
        now: Time,
        event: Event,
    ) -> Option<Block> {
        let length = event.length();
        self.outstanding += 1;
        self.estimator.record_append(now, event.number(), length);
        if self.open.is_empty() {
            let size = self.estimator.block_bytes();
            self.open.push(event);
            if size <= length {
                self.bytes_left = 0;
                return Some(self.complete(writer, lane, 0));
            }
            self.token += 1;
            self.bytes_left = size - length;
            return None;
        }
        self.open.push(event);
        if self.bytes_left > length {
            self.bytes_left -= length;
            return None;
        }
        Some(self.complete(writer, lane, COMMAND_HEADER))
    }

    fn complete(&mut self, writer: StreamWriter, lane: Lane, extra: u64) -> Block {
        self.token += 1;
        self.bytes_left = 0;
        let block = batch(writer, lane, &self.open);
        self.open.clear();
        self.in_flight.push_back(SharedBatch::clone(&block));
        (block, BLOCK_OVERHEAD + extra)
    }

    /// A tick of the timer; the block that it closes, if it does.
    pub fn tick(&mut self, writer: StreamWriter, lane: Lane) -> Option<Block> {
        let unchanged = self.token == self.seen_token;
        self.seen_token = self.token;
        if !unchanged || self.open.is_empty() {
            return None;
        }
        let padding = self.bytes_left + COMMAND_HEADER;
        Some(self.complete(writer, lane, padding))
    }

    /// Every block to send again after a reconnect. What was gathered becomes a block of its own.
    pub fn resend(&mut self, writer: StreamWriter, lane: Lane) -> Vec<Block> {
        if !self.open.is_empty() {
            self.complete(writer, lane, 0);
        }
        self.in_flight.iter().map(|block| (SharedBatch::clone(block), BLOCK_OVERHEAD)).collect()
    }

    /// Everything up to an event is acknowledged: the next block that is, until there is none.
    pub fn ack(&mut self, number: i64) -> Option<SharedBatch> {
        self.in_flight.front().filter(|block| event_number(block) <= number)?;
        let acked = self.in_flight.pop_front()?;
        self.outstanding -= acked.count();
        Some(acked)
    }

    /// The server has acknowledged, which tells the estimator how much is outstanding.
    pub fn record_ack(&mut self, number: i64) {
        self.estimator.record_ack(number);
    }

    /// Gives everything up.
    pub fn abandon(&mut self, writer: StreamWriter, lane: Lane) -> Vec<SharedBatch> {
        self.resend(writer, lane);
        self.outstanding = 0;
        self.in_flight.drain(..).collect()
    }

    /// Events not acknowledged.
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: u64) -> Event {
        Event { sequence, bytes: 92, intended: Time::ZERO, started: Time::ZERO }
    }

    #[test]
    fn a_block_that_does_not_fill_up_is_closed_by_the_second_tick_that_finds_it_unchanged() {
        let mut client = JavaClient::new(&config::Writer::default(), Time::ZERO);
        // The first event is alone and leaves at once; the second makes two outstanding and opens a
        // block of two kilobytes.
        let mut sent = vec![];
        for sequence in 0..3 {
            sent.push(
                client
                    .push(StreamWriter::default(), Lane(0), Time::ZERO, event(sequence))
                    .is_some(),
            );
        }
        assert_eq!(sent, [true, false, false]);
        assert!(
            client.tick(StreamWriter::default(), Lane(0)).is_none(),
            "it has changed since the last tick"
        );
        let (block, overhead) = client.tick(StreamWriter::default(), Lane(0)).expect("closed");
        assert_eq!((block.first, block.count()), (1, 2));
        assert!(overhead > BLOCK_OVERHEAD + 1_000, "padding to the declared size: {overhead}");
        assert!(client.tick(StreamWriter::default(), Lane(0)).is_none());
    }

    #[test]
    fn blocks_are_sent_again_in_order_until_acknowledged() {
        let mut client = JavaClient::new(&config::Writer::default(), Time::ZERO);
        for sequence in 0..100 {
            client.push(StreamWriter::default(), Lane(0), Time::ZERO, event(sequence));
        }
        let blocks = client.resend(StreamWriter::default(), Lane(0));
        let events: u64 = blocks.iter().map(|(block, _)| block.count()).sum();
        assert_eq!(events, 100);
        let number = event_number(&blocks[0].0);
        assert!(client.ack(number).is_some());
        assert!(client.ack(number).is_none());
        assert_eq!(client.resend(StreamWriter::default(), Lane(0)).len(), blocks.len() - 1);
    }
}
