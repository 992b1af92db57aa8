//! CPU work: jobs, the thread pools of a node, quotas.
//!
//! A job takes a thread of its pool, first come, first served; the thread then wants a core
//! ([`crate::cores`]). It is free again when its job is done.

use std::collections::VecDeque;

use crate::time::{Duration, Time};
use crate::units::NodeId;

/// A piece of CPU work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whose.
    pub node: NodeId,
    /// Of which life of that node.
    pub incarnation: u32,
    /// On which pool.
    pub pool: u8,
    /// How much.
    pub cost: Duration,
    /// Handed back.
    pub tag: u64,
    /// Time that it has had a core so far.
    pub spent: Duration,
}

/// A cgroup's CPU quota: work runs in the first part of each period only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Time in each period in which work runs.
    pub runs: Duration,
    /// The period, longer than that.
    pub period: Duration,
}

impl Quota {
    /// When work of `cost` that begins at `now` is done.
    pub fn done(self, now: Time, cost: Duration) -> Time {
        let (runs, period) = (self.runs.0.max(1), self.period.0.max(1));
        let into = now.0 % period;
        // Work that arrives while everything is throttled begins with the next period.
        let (start, left) =
            if into >= runs { (now.0 - into + period, runs) } else { (now.0, runs - into) };
        if cost.0 <= left {
            return Time(start + cost.0);
        }
        let rest = cost.0 - left;
        let next = start - start % period + period;
        let (whole, last) = ((rest - 1) / runs, (rest - 1) % runs + 1);
        Time(next + whole * period + last)
    }
}

/// The threads of a pool: `servers` servers with one queue.
#[derive(Debug, Default)]
pub struct Servers {
    /// Zero: no limit.
    servers: u32,
    busy: u32,
    queue: VecDeque<Job>,
    busy_until_now: Duration,
    last_change: Time,
    queue_max: usize,
}

impl Servers {
    /// Idle servers; zero if their number is unlimited.
    pub fn new(servers: u32) -> Self {
        Self { servers, ..Self::default() }
    }

    /// Gives the job a server, or queues it. True if it got one.
    #[inline]
    pub fn admit(&mut self, now: Time, job: Job) -> bool {
        if self.servers != 0 && self.busy >= self.servers {
            self.queue.push_back(job);
            self.queue_max = self.queue_max.max(self.queue.len());
            return false;
        }
        self.account(now);
        self.busy += 1;
        true
    }

    /// Frees a server. The next queued job, if any, has it at once and is returned.
    #[inline]
    pub fn release(&mut self, now: Time) -> Option<Job> {
        self.account(now);
        self.busy -= 1;
        let next = self.queue.pop_front()?;
        self.busy += 1;
        Some(next)
    }

    #[inline]
    fn account(&mut self, now: Time) {
        self.busy_until_now += now.since(self.last_change) * u64::from(self.busy);
        self.last_change = now;
    }

    /// Time that servers were busy up to `now`, added up over servers.
    pub fn busy_time(&self, now: Time) -> Duration {
        self.busy_until_now + now.since(self.last_change) * u64::from(self.busy)
    }

    /// Number of servers; zero for no limit.
    pub const fn servers(&self) -> u32 {
        self.servers
    }

    /// Jobs waiting now.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Jobs that waited at the most.
    pub const fn queued_max(&self) -> usize {
        self.queue_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_stretches_work_over_as_many_periods_as_it_takes() {
        let quota = Quota { runs: Duration(20), period: Duration(100) };
        let done = |now, cost| quota.done(Time(now), Duration(cost)).0;
        assert_eq!(done(0, 20), 20);
        assert_eq!(done(0, 21), 101);
        assert_eq!(done(10, 30), 120);
        assert_eq!(done(10, 31), 201);
        assert_eq!(done(50, 5), 105);
        assert_eq!(done(150, 40), 320);
    }
}
