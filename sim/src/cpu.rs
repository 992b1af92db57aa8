//! CPU work: jobs, the thread pools of a node, quotas.
//!
//! A job takes a thread of its pool, first come, first served; the thread then wants a core
//! ([`crate::cores`]). It is free again when its job is done.

use std::collections::VecDeque;

use crate::cores::Cores;
use crate::machine::PoolSpec;
use crate::scheduling::Policy;
use crate::time::{Duration, Time};
use crate::units::NodeId;

/// How much CPU work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Until it is done.
    pub cost: Duration,
    /// And afterwards, before the thread does anything else.
    pub tail: Duration,
    /// It is not done before that; zero for when the cost is paid.
    pub until: Time,
}

impl Work {
    /// More of the same: before it is done and afterwards as the rest of it. All afterwards where
    /// it only waits.
    #[inline]
    pub fn add(&mut self, more: Duration) {
        let all = self.cost.0.saturating_add(self.tail.0);
        let tail = if self.until > Time::ZERO {
            more.0
        } else if self.tail.0 == 0 {
            0
        } else {
            more.0 * self.tail.0 / all
        };
        self.cost.0 += more.0 - tail;
        self.tail.0 += tail;
    }

    /// So much, and nothing afterwards.
    #[inline]
    pub const fn of(cost: Duration) -> Self {
        Self { cost, tail: Duration::ZERO, until: Time::ZERO }
    }
}

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
    pub work: Work,
    /// Handed back.
    pub tag: u64,
    /// Time that it has had a core so far.
    pub spent: Duration,
    /// Since when its thread has wanted one.
    pub asked: Time,
    /// What led to it ([`crate::causes`]); 0 where nobody asks.
    pub cause: u32,
}

/// What the threads of a pool have had of cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// How often one of them was given a core.
    pub dispatches: u64,
    /// How long they ran.
    pub cpu: Duration,
    /// How long of that they fetched their working sets again.
    pub refill: Duration,
    /// How often they woke up on a core that idled, where that costs them something.
    pub from_idle: u64,
    /// How long they were ready to run and waited for a core, waking it up included.
    pub waited: Duration,
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
    spec: PoolSpec,
    ran: Ran,
    /// The core where one of them ran last, and how long that had been idle by then.
    ran_on: Option<(u32, Duration)>,
    busy: u32,
    queue: VecDeque<Job>,
    busy_until_now: Duration,
    last_change: Time,
    queue_max: usize,
}

impl Servers {
    /// Idle servers.
    pub fn new(spec: PoolSpec) -> Self {
        Self { spec, ..Self::default() }
    }

    /// The same, idle, in the next life of their process.
    pub fn again(&self) -> Self {
        Self { ran: self.ran, ..Self::new(self.spec) }
    }

    /// One of them has done a job on a core.
    #[inline]
    pub fn note_run(&mut self, cores: &Cores, core: u32, now: Time, job: &Job) {
        self.ran.cpu += job.spent;
        // What it does afterwards is booked, and has not been done.
        let ran = job.spent.saturating_sub(job.work.tail);
        self.ran.waited += now.since(job.asked).saturating_sub(ran);
        if self.spec.working_set.0 > 0 {
            self.ran_on = Some((core, cores.idle_time(core, now)));
        }
    }

    /// One of them wakes up: the cost of that.
    #[inline]
    pub fn wake(&mut self, cores: &Cores, now: Time) -> Duration {
        self.ran.dispatches += 1;
        if cores.count() == 0 {
            return Duration::ZERO;
        }
        let mut cost = Duration::ZERO;
        if self.spec.from_idle > Duration::ZERO && cores.has_idle(now) {
            self.ran.from_idle += 1;
            cost = self.spec.from_idle;
        }
        if self.spec.working_set.0 == 0 { cost } else { cost + self.refill(cores, now) }
    }

    /// The cost of fetching the working set of one of them again.
    #[inline]
    fn refill(&mut self, cores: &Cores, now: Time) -> Duration {
        let since = |(core, idle): (u32, Duration)| Duration(cores.idle_time(core, now).0 - idle.0);
        let idle = self.ran_on.map_or(Duration::MAX, since);
        let refill = cores.refill(self.spec.working_set, idle);
        self.ran.refill += refill;
        cores.cost_of(refill)
    }

    /// What they have had of cores so far.
    pub const fn ran(&self) -> Ran {
        self.ran
    }

    /// How they are scheduled, if not as their process.
    #[inline]
    pub const fn policy(&self) -> Option<Policy> {
        self.spec.policy
    }

    /// The pool.
    pub const fn spec(&self) -> PoolSpec {
        self.spec
    }

    /// Gives the job a server, or queues it. True if it got one.
    #[inline]
    pub fn admit(&mut self, now: Time, job: Job) -> bool {
        if self.spec.threads != 0 && self.busy >= self.spec.threads {
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
        self.spec.threads
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
