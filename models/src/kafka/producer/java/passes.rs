//! The passes of the sender thread over all partitions.
//!
//! Stands for `Sender.runOnce` of the Java client @ 3.9.0. A pass looks at every partition that is
//! written to, to find which are ready (`RecordAccumulator.ready`, with its look-up of the leader:
//! KAFKA-20917) and again for batches that have expired (`expiredBatches`); for each broker that it
//! sends to it looks at that broker's (`drainBatchesForOneNode`). A new batch, a request that was
//! sent and answers that were taken are each followed by another pass, which keeps the thread from
//! what comes meanwhile. Between passes the thread waits in `poll`.
//!
//! Parameters: [`crate::kafka::costs::Costs::client_partition_ns`]. Left out: the processor time of
//! a pass that nobody waits for.

use headwater_sim::time::{Duration, Time};

/// Where the thread is.
#[derive(Debug, Default)]
pub struct Passes {
    /// When the pass under way, or the last one, ends.
    ends: Time,
    /// Something has come since it began: another follows.
    again: bool,
}

impl Passes {
    fn catch_up(&mut self, now: Time, walk: Duration) {
        if self.again && self.ends <= now {
            (self.ends, self.again) = (self.ends + walk, false);
        }
    }

    /// Something wakes the thread for a pass of length `walk`.
    pub fn wake(&mut self, now: Time, walk: Duration) {
        self.catch_up(now, walk);
        if self.ends <= now {
            self.ends = now + walk;
        } else {
            self.again = true;
        }
    }

    /// How long the pass under way takes yet.
    pub fn rest(&mut self, now: Time, walk: Duration) -> Duration {
        self.catch_up(now, walk);
        self.ends.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_a_pass_makes_one_more_follow() {
        let (mut passes, walk) = (Passes::default(), Duration(100));
        assert_eq!(passes.rest(Time(5), walk), Duration::ZERO);
        passes.wake(Time(10), walk);
        passes.wake(Time(30), walk);
        passes.wake(Time(50), walk);
        let rest = [60, 120, 210, 300].map(|at| passes.rest(Time(at), walk).0);
        assert_eq!(rest, [50, 90, 0, 0]);
    }
}
