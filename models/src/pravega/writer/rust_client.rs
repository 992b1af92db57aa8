//! The Rust client's segment writer: one append block in flight. So has `loadgen`'s own client.
//!
//! Stands for `src/segment/writer.rs` of pravega-client-rust @ v0.3.7. Events queue up while a
//! block is on its way; the ack sends the next: at most 500 events and 8 MiB. So a segment takes at
//! most 500 events per round trip. After a reconnect the block in flight is sent again (the
//! original may add queued events to it). Left out: large events, conditional appends.
//!
//! Parameters: `rust.block.*` of [`crate::pravega::config::Writer`], events and bytes.

use std::collections::VecDeque;

use super::event::{Event, batch, event_number};
use crate::batch::{Lane, SharedBatch, StreamWriter};

/// `AppendBlockEnd`: header 8, writer 16, size 4, data length 4, events 4, last event 8, request 8
/// (`wire_protocol/src/commands.rs` @ v0.3.7).
const BLOCK_OVERHEAD: u64 = 8 + 16 + 4 + 4 + 4 + 8 + 8;

/// The queue of one segment.
#[derive(Debug, Default)]
pub struct RustClient {
    pending: VecDeque<Event>,
    in_flight: Option<SharedBatch>,
}

impl RustClient {
    /// An event is written.
    pub fn push(&mut self, event: Event) {
        self.pending.push_back(event);
    }

    /// The next block, if none is in flight: (events, bytes on the wire besides).
    pub fn next_block(
        &mut self,
        writer: StreamWriter,
        lane: Lane,
        (events_max, bytes_max): (u32, u64),
    ) -> Option<(SharedBatch, u64)> {
        if self.in_flight.is_some() || self.pending.is_empty() {
            return None;
        }
        let (mut count, mut bytes) = (0, 0);
        for event in self.pending.iter().take(events_max as usize) {
            if count > 0 && bytes + event.length() > bytes_max {
                break;
            }
            count += 1;
            bytes += event.length();
        }
        let events: Vec<Event> = self.pending.drain(..count).collect();
        let block = batch(writer, lane, &events);
        self.in_flight = Some(SharedBatch::clone(&block));
        Some((block, BLOCK_OVERHEAD))
    }

    /// The block to send again after a reconnect.
    pub fn resend(&self) -> Option<(SharedBatch, u64)> {
        self.in_flight.clone().map(|block| (block, BLOCK_OVERHEAD))
    }

    /// Everything up to an event is acknowledged.
    pub fn ack(&mut self, number: i64) -> Option<SharedBatch> {
        self.in_flight.take_if(|block| event_number(block) <= number)
    }

    /// Gives everything up.
    pub fn abandon(&mut self, writer: StreamWriter, lane: Lane) -> Vec<SharedBatch> {
        let in_flight = self.in_flight.take();
        let pending: Vec<Event> = self.pending.drain(..).collect();
        let pending = (!pending.is_empty()).then(|| batch(writer, lane, &pending));
        in_flight.into_iter().chain(pending).collect()
    }

    /// Events wait for the one block in flight.
    pub fn is_held(&self) -> bool {
        self.in_flight.is_some() && !self.pending.is_empty()
    }

    /// Events not acknowledged.
    pub fn outstanding(&self) -> u64 {
        self.pending.len() as u64 + self.in_flight.as_ref().map_or(0, |block| block.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::time::Time;

    const LIMITS: (u32, u64) = (500, (8 << 20) + 8);

    fn client(events: u64, bytes: u32) -> RustClient {
        let mut client = RustClient::default();
        for sequence in 0..events {
            let (intended, started) = (Time::ZERO, Time::ZERO);
            client.push(Event { sequence, bytes, intended, started });
        }
        client
    }

    #[test]
    fn one_block_of_500_events_is_in_flight_and_the_ack_sends_the_next() {
        let mut client = client(1_100, 100);
        let mut sizes = vec![];
        while let Some((block, _)) = client.next_block(StreamWriter::default(), Lane(0), LIMITS) {
            assert!(client.next_block(StreamWriter::default(), Lane(0), LIMITS).is_none());
            assert!(client.ack(event_number(&block) - 1).is_none());
            sizes.push(client.ack(event_number(&block)).expect("acknowledged").count());
        }
        assert_eq!(sizes, [500, 500, 100]);
        assert_eq!(client.outstanding(), 0);
    }

    #[test]
    fn a_block_ends_at_8_mebibytes() {
        let mut client = client(20, 1 << 20);
        let (block, _) =
            client.next_block(StreamWriter::default(), Lane(0), LIMITS).expect("a block");
        assert_eq!(block.count(), 7, "8 MiB + 8 hold 7 events of 1 MiB + 8");
    }
}
