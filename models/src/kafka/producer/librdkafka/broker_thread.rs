//! The thread that librdkafka has for each broker: which partition's turn it is, and until when it
//! sleeps.
//!
//! Stands for `rd_kafka_broker_producer_serve` and `rd_kafka_broker_produce_toppars`
//! (`rdkafka_broker.c:4155-4270`) of librdkafka @ 2.12.1. The thread goes through its partitions
//! from a start that moves on by one each time, and makes one request, of one partition, before it
//! has sent the last (`queue.buffering.backpressure.threshold` 1). It sleeps in `poll()`, which
//! takes whole milliseconds: what is left of the linger is rounded up (`rdtime.h`,
//! `rd_timeout_ms`). Only partitions with something to send are looked at, which gives the same
//! choice.
//!
//! No parameters. Left out: requests that the socket takes in part only.

use std::collections::{BTreeSet, VecDeque};

use headwater_sim::time::{Duration, Time};

use super::partition_queue::Queued;
use crate::kafka::message::ErrorCode;

/// What `poll()` counts in.
const TICK: u64 = 1_000_000;

/// A request that is under way.
#[derive(Debug)]
pub struct InFlight {
    /// The client's number for it.
    pub correlation: u64,
    /// Its batch.
    pub queued: Queued,
    /// Taken as lost then.
    pub deadline: Time,
}

/// A broker's thread.
#[derive(Debug, Default)]
pub struct BrokerThread {
    /// It works; else it sleeps.
    pub busy: bool,
    /// Answers that have come, with the error of each.
    pub inbox: VecDeque<(u64, ErrorCode)>,
    /// The request that is being made, or waits for its turn to be sent.
    pub unsent: Option<Queued>,
    /// Requests that await their answer, in the order in which they were sent.
    pub in_flight: VecDeque<InFlight>,
    /// Until when it sleeps.
    pub alarm: Option<Time>,
    fresh: Vec<u32>,
    scheduled: BTreeSet<(Time, u32)>,
    ready: BTreeSet<u32>,
    turn: u32,
}

impl BrokerThread {
    /// A partition is to be looked at in the next pass.
    pub fn add_fresh(&mut self, partition: u32) {
        self.fresh.push(partition);
    }

    /// The partitions to look at.
    pub fn take_fresh(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.fresh)
    }

    /// Looks at a partition at a time, and no more at the one `before`.
    pub fn schedule(&mut self, partition: u32, before: Option<Time>, at: Option<Time>) {
        self.forget(partition, before);
        if let Some(at) = at {
            self.scheduled.insert((at, partition));
        }
    }

    /// A partition is another thread's, or has nothing to send.
    pub fn forget(&mut self, partition: u32, scheduled: Option<Time>) {
        if let Some(before) = scheduled {
            self.scheduled.remove(&(before, partition));
        }
        self.ready.remove(&partition);
    }

    /// Moves the partitions that are ready by `now` to those whose turn comes.
    pub fn ripen(&mut self, now: Time) {
        while let Some((at, partition)) = self.scheduled.first().copied()
            && at <= now
        {
            self.scheduled.pop_first();
            self.ready.insert(partition);
        }
    }

    /// The ready partitions in the order of their turns.
    pub fn turns(&self) -> impl Iterator<Item = u32> + '_ {
        self.ready.range(self.turn..).chain(self.ready.range(..self.turn)).copied()
    }

    /// The next pass begins with the next of the `partitions` that is the broker's.
    pub fn turn_on(&mut self, partitions: u32, mine: impl Fn(u32) -> bool) {
        let mut later = (1..=partitions).map(|step| (self.turn + step) % partitions);
        self.turn = later.find(|at| mine(*at)).unwrap_or(self.turn);
    }

    /// How long the thread sleeps: until the first partition is due, in whole milliseconds.
    pub fn sleep(&self, now: Time) -> Option<Duration> {
        let (at, _) = self.scheduled.first()?;
        Some(Duration(at.since(now).0.div_ceil(TICK) * TICK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_sleeps_whole_milliseconds_and_serves_partitions_in_turn() {
        let mut sender = BrokerThread::default();
        assert_eq!(sender.sleep(Time::ZERO), None);
        sender.schedule(2, None, Some(Time(5_000_001)));
        assert_eq!(sender.sleep(Time::ZERO), Some(Duration::from_millis(6)));
        assert_eq!(sender.sleep(Time(1)), Some(Duration::from_millis(5)));
        (3..6).for_each(|partition| sender.schedule(partition, None, Some(Time(7))));
        sender.forget(5, Some(Time(7)));
        sender.ripen(Time(10));
        (0..3).for_each(|_| sender.turn_on(6, |partition| partition != 2));
        assert_eq!(sender.turns().collect::<Vec<_>>(), [4, 3]);
    }
}
