//! The send buffer of a socket, for requests that nobody answers (`acks=0`).
//!
//! Stands for `Selector.write`, `NetworkClient.handleCompletedSends` @ 3.9.0 and TCP: such a
//! request is done, and its records are acknowledged, when the last of it is in the buffer, which
//! has room again as the other machine says that it has received what was in it. A broker that is
//! gone says nothing: what is in the buffer is lost with the connection, what did not fit is not.
//!
//! Left out: that the receiver's buffer takes on what a broker does not read that stands still.

use std::collections::VecDeque;

use headwater_sim::units::NodeId;

use super::{Ctx, Producer, Sendable};
use crate::kafka::message::{ErrorCode, ProduceResult};

/// `send.buffer.bytes` (`ProducerConfig` @ 3.9.0). Linux makes it twice that, and takes one half
/// for what it needs itself (socket(7), `SO_SNDBUF`).
const SEND_BUFFER: u64 = 128 * 1024;

/// A connection's.
#[derive(Debug, Default)]
pub struct Socket {
    /// Bytes that were to be sent, since the connection began.
    written: u64,
    /// Of these the other machine has received so many.
    received: u64,
    /// Requests that are not all in the buffer, and where each ends.
    unfinished: VecDeque<(u64, u64)>,
}

impl Socket {
    /// Writes a request; whether all of it is in the buffer.
    pub fn write(&mut self, correlation: u64, bytes: u64) -> bool {
        self.written += bytes;
        let fits = self.unfinished.is_empty() && self.fits(self.written);
        if !fits {
            self.unfinished.push_back((correlation, self.written));
        }
        fits
    }

    /// The other machine has received a request; those that are in the buffer by that.
    fn receive(&mut self, bytes: u64) -> Vec<u64> {
        // It may have been written before the connection was lost.
        self.received = (self.received + bytes).min(self.written);
        let finished = self.unfinished.iter().take_while(|(_, end)| self.fits(*end)).count();
        self.unfinished.drain(..finished).map(|(correlation, _)| correlation).collect()
    }

    fn fits(&self, end: u64) -> bool {
        end.saturating_sub(self.received) <= SEND_BUFFER
    }
}

impl Producer {
    /// A request that nobody answers is on its way: that is all there will be.
    pub(super) fn written(&mut self, ctx: &mut Ctx<'_>, correlation: u64) {
        let Some(request) = self.in_flight.get(&correlation) else { return };
        let result = |sendable: &Sendable| ProduceResult {
            partition: sendable.batch.lane.into(),
            error: ErrorCode::None,
        };
        let results: Vec<_> = request.batches.iter().map(result).collect();
        self.settle(ctx, correlation, &results);
    }

    /// A broker's machine has received such a request.
    pub(super) fn received(&mut self, ctx: &mut Ctx<'_>, from: NodeId, bytes: u64) {
        let Some(broker) = self.connections.broker(from) else { return };
        for correlation in self.sockets[broker.index()].receive(bytes) {
            self.written(ctx, correlation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_done_when_the_last_of_it_is_in_the_buffer() {
        let mut socket = Socket::default();
        assert!(socket.write(1, 100_000) && socket.write(2, 31_072));
        assert!(!socket.write(3, 1) && !socket.write(4, 300_000), "it is full");
        assert_eq!(socket.receive(100_000), [3]);
        assert_eq!(socket.receive(31_072), [0_u64; 0], "longer than the buffer");
        assert_eq!(socket.receive(1), [0_u64; 0]);
        assert_eq!(socket.receive(300_000), [4]);
        assert!(socket.write(5, 131_072));
        assert_eq!(socket.receive(1 << 40), [0_u64; 0]);
        assert!(socket.write(6, 131_072), "no more was received than was written");
    }
}
