//! What an idempotent producer of librdkafka's knows of itself.
//!
//! Stands for `rdkafka_idempotence.c` and the parts of `rdkafka_broker.c:3993-4065` and
//! `rdkafka_request.c:3895-4300` of librdkafka @ 2.12.1. There is one epoch for all partitions: it
//! ends when sequence numbers are missing on any of them, once nothing is in flight on all. Of a
//! partition at most `RD_KAFKA_IDEMP_MAX_INFLIGHT` (5) are in flight, where the code compares that
//! number of requests with a number of *messages* (`rdkafka_broker.c:4018, 4063`,
//! `rdkafka_msg.c:1695`): behind a request of five messages or more, the next one waits for its
//! answer (confluentinc/librdkafka#4989). A refusal that it can't explain is the end of the
//! producer.
//!
//! No parameters. Left out: the request for the id; nobody else uses it.

use super::partition_queue::{PartitionQueue, Queued};

/// Messages that may be in flight on a partition for another request to be made.
const IN_FLIGHT_MAX: u64 = 5;

/// The producer's state.
#[derive(Debug)]
pub struct Idempotence {
    /// It is on.
    pub enabled: bool,
    /// Counts epochs.
    epoch: u32,
    /// The next epoch begins once nothing is in flight; nothing is sent until then.
    pub drains: bool,
    /// A fatal error: nothing is taken or sent any more.
    pub failed: bool,
}

/// What a refusal of a batch's sequence number leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It follows on a batch that failed: it is sent again in the next epoch.
    Again,
    /// It is of an epoch that has passed: it is given up.
    GivenUp,
    /// The broker should have taken it: fatal.
    Fatal,
}

impl Idempotence {
    /// In the first epoch.
    pub const fn new(enabled: bool) -> Self {
        Self { enabled, epoch: 0, drains: false, failed: false }
    }

    /// Requests may be made.
    pub const fn may_send(&self) -> bool {
        !self.drains && !self.failed
    }

    /// A request of the partition may be made.
    pub fn allows(&self, queue: &PartitionQueue) -> bool {
        let must_drain = queue.drains || queue.epoch.number != self.epoch;
        !self.enabled || queue.in_flight == 0 || !must_drain && queue.in_flight < IN_FLIGHT_MAX
    }

    /// A request of the partition is made: it is of the producer's epoch.
    pub fn enter(&self, queue: &mut PartitionQueue) {
        queue.drains = false;
        if queue.epoch.number != self.epoch
            && let Some(first) = queue.first_sequence()
        {
            (queue.epoch.number, queue.epoch.first, queue.next_ack) = (self.epoch, first, first);
        }
    }

    /// Nothing is in flight: the next epoch begins, if it waited for that.
    pub const fn drained(&mut self) {
        self.epoch += self.drains as u32;
        self.drains = false;
    }

    /// The broker has refused the sequence number of a batch.
    pub fn refused(&self, queue: &PartitionQueue, queued: &Queued) -> Refusal {
        if queued.epoch.number != queue.epoch.number {
            Refusal::GivenUp
        } else if queued.batch.first > queue.next_ack {
            Refusal::Again
        } else {
            Refusal::Fatal
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use headwater_sim::time::Time;

    use super::*;
    use crate::batch::{Batch, Lane, StreamWriter};
    use crate::kafka::record::ProducerEpoch;

    fn queued(first: u64, epoch: u32) -> Queued {
        let mut batch = Batch::empty(StreamWriter::default(), Lane(0), first);
        (batch.intended, batch.started) = (vec![Time::ZERO], vec![Time::ZERO]);
        let epoch = ProducerEpoch { number: epoch, ..ProducerEpoch::default() };
        Queued { batch: Rc::new(batch), not_before: Time::ZERO, retries: 0, epoch }
    }

    #[test]
    fn five_messages_in_flight_hold_back_the_next_request_of_a_partition() {
        let (of, mut queue) = (Idempotence::new(true), PartitionQueue::default());
        for (in_flight, allowed) in [(0, true), (1, true), (4, true), (5, false), (200, false)] {
            queue.in_flight = in_flight;
            assert_eq!(of.allows(&queue), allowed, "{in_flight} in flight");
            assert!(Idempotence::new(false).allows(&queue));
        }
    }

    #[test]
    fn a_gap_on_one_partition_ends_the_epoch_of_all_once_nothing_is_in_flight() {
        let mut of = Idempotence::new(true);
        let (mut gap, mut other) = (PartitionQueue::default(), PartitionQueue::default());
        (gap.next_ack, other.in_flight) = (7, 1);
        assert_eq!(of.refused(&gap, &queued(9, 0)), Refusal::Again);
        of.drains = true;
        assert!(!of.may_send());
        of.drained();
        assert!(of.may_send());
        // What is in flight in the old epoch is waited for; what comes back is in the new one.
        assert!(!of.allows(&other));
        other.in_flight = 0;
        other.put_back(queued(3, 0));
        of.enter(&mut other);
        assert_eq!((other.epoch.number, other.epoch.first, other.next_ack), (1, 3, 3));
        assert_eq!(of.refused(&other, &queued(3, 0)), Refusal::GivenUp);
        assert_eq!(of.refused(&other, &queued(3, 1)), Refusal::Fatal);
    }
}
