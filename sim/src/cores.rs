//! The cores of a machine, and the threads that want them.
//!
//! What is not contended costs one event: a thread that wakes up finds an idle core and keeps it
//! until its work is done. Else it waits in the run queue. Threads of the fair class share by
//! weight: each has a virtual time that runs the slower the heavier it is, and the one whose next
//! slice would end first in virtual time runs next (Linux's EEVDF, kernel/sched/fair.c, on one
//! queue for all cores: a core that falls idle takes what waits on another). A thread that has used
//! up its slice makes room if another's would end sooner. A thread of the real-time class takes the
//! core of one that is not, or of one of a lower priority, at once (kernel/sched/rt.c,
//! `SCHED_FIFO`).
//!
//! A thread that has more to do when a piece of its work is done goes on without a switch.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::cpu::{Job, Quota, Work};
use crate::pace::Pace;
use crate::random::Stream;
use crate::scheduling::{NICE_0, Policy, SchedulerSpec};
use crate::time::{Duration, Time};
use crate::units::{Bytes, NodeId};

/// Something that is to happen on a core, if it is still the same turn then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreEvent {
    /// Which core.
    pub core: u32,
    /// Which turn on it.
    pub turn: u32,
    /// When.
    pub at: Time,
    /// The work is done; else the slice is over.
    pub done: bool,
}

/// A thread with work to do (Linux calls it a task), and its place in the queue.
#[derive(Clone, Copy, Debug)]
struct Task {
    job: Job,
    policy: Policy,
    /// Its virtual time: what it has run, in nanoseconds over its weight.
    ran: u64,
    /// When its next slice would end, in virtual time.
    deadline: u64,
    /// Order of those with the same deadline.
    sequence: u64,
}

impl Task {
    /// Smaller goes first: real time by priority, then the fair class by virtual deadline.
    fn rank(&self) -> (u8, u64, u64) {
        match self.policy {
            Policy::RealTime { priority } => (u8::MAX - priority.max(1), 0, self.sequence),
            Policy::Fair { .. } => (u8::MAX, self.deadline, self.sequence),
        }
    }

    fn is_fair(&self) -> bool {
        matches!(self.policy, Policy::Fair { .. })
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Task {}

impl PartialOrd for Task {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest of a [`BinaryHeap`] is the one that goes first.
impl Ord for Task {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

/// What a thread still does after its work. Whoever wakes up goes before it (as a thread that wakes
/// up goes before the one that has woken it), and so it is done when the core has nothing else, or
/// before the thread's own next work.
#[derive(Clone, Copy, Debug)]
struct Tail {
    node: NodeId,
    pool: u8,
    left: Duration,
}

/// How long they take together.
fn length(tails: &[Tail]) -> Duration {
    tails.iter().fold(Duration::ZERO, |all, tail| all + tail.left)
}

#[derive(Clone, Copy, Debug)]
struct Running {
    task: Task,
    /// When this piece of work began: a switch to it counts, waking the core up does not.
    began: Time,
    /// When it is done.
    until: Time,
    /// From when its slices are counted.
    since: Time,
    /// The end of its slice is on the way.
    armed: bool,
}

#[derive(Clone, Debug, Default)]
struct Core {
    running: Option<Running>,
    /// Number of the turn; an event of another one is stale.
    turn: u32,
    /// How long it had been idle in all when it last began to work.
    idle: Duration,
    idle_since: Time,
    /// What threads still do after their work there, in the order in which they will.
    tails: Vec<Tail>,
    /// When it will be through with its tails, if nothing comes between.
    free_at: Time,
    /// Its thread's work is done, and it is not yet known whether the thread has more.
    held: bool,
    pace: Pace,
}

/// The cores of a machine.
#[derive(Debug)]
pub struct Cores {
    spec: SchedulerSpec,
    /// Draws what waking up takes.
    stream: Stream,
    /// Draws how fast cores are.
    pacing: Stream,
    cores: Vec<Core>,
    /// The one that fell idle last is taken first: it wakes up soonest.
    idle: Vec<u32>,
    waiting: BinaryHeap<Task>,
    waiting_max: usize,
    /// The virtual time of the thread that began last: where a thread that wakes up is put.
    virtual_now: u64,
    sequence: u64,
    percent: u32,
    quota: Option<Quota>,
    busy_until_now: Duration,
    /// Time that cores took to wake up, which is no work.
    waking: Duration,
    /// Time of tails that was counted a second time.
    counted_twice: Duration,
    last_change: Time,
}

impl Cores {
    /// Idle cores. Draws what waking up takes, and how fast they are.
    pub fn new(cores: u32, spec: SchedulerSpec, [stream, pacing]: [Stream; 2]) -> Self {
        Self {
            spec,
            stream,
            pacing,
            cores: vec![Core::default(); cores as usize],
            idle: (0..cores).rev().collect(),
            waiting: BinaryHeap::new(),
            waiting_max: 0,
            virtual_now: 0,
            sequence: 0,
            percent: 100,
            quota: None,
            busy_until_now: Duration::ZERO,
            waking: Duration::ZERO,
            counted_twice: Duration::ZERO,
            last_change: Time::ZERO,
        }
    }

    /// Work that begins from now on takes `percent` of its cost.
    pub fn slow(&mut self, percent: u32) {
        self.percent = percent.max(1);
    }

    /// Work that begins from now on is throttled, or no longer.
    pub fn throttle(&mut self, quota: Option<Quota>) {
        self.quota = quota;
    }

    /// How long timers may be late, so that several expire together.
    pub const fn timer_slack(&self) -> Duration {
        self.spec.timer_slack
    }

    /// When work that begins at `start`, and has a core from then on, is done.
    #[inline]
    pub fn end(&self, start: Time, mut cost: Duration) -> Time {
        if self.percent != 100 {
            cost = cost * u64::from(self.percent) / 100;
        }
        self.quota.map_or(start + cost, |quota| quota.done(start, cost))
    }

    /// When work of `cost` of a node is done that begins on a core at `start`.
    #[inline]
    fn paced(&mut self, core: u32, start: Time, node: NodeId, cost: Duration) -> Time {
        // What takes cores from the system is as long as it is.
        if self.spec.pace.is_empty() || node == NodeId::NOBODY {
            return self.end(start, cost);
        }
        let pace = &mut self.cores[core as usize].pace;
        let takes = pace.takes(&self.spec.pace, &mut self.pacing, start, cost);
        self.end(start, takes)
    }

    /// A thread wakes up with work to do.
    #[inline]
    pub fn ask(&mut self, now: Time, job: Job, policy: Policy, events: &mut Vec<CoreEvent>) {
        self.sequence += 1;
        let ran = self.virtual_now;
        let task = Task { job, policy, ran, deadline: 0, sequence: self.sequence };
        match self.idle.iter().rposition(|core| self.is_free(*core, now)) {
            Some(at) => {
                self.account(now);
                let core = if at + 1 == self.idle.len() {
                    self.idle.pop().unwrap_or_default()
                } else {
                    self.idle.remove(at)
                };
                let on = &mut self.cores[core as usize];
                on.tails.clear();
                let idle = now.since(on.idle_since);
                on.idle += idle;
                let waking = self.spec.wake_up.draw(idle, &mut self.stream);
                self.waking += waking;
                self.begin(now + waking, core, task, Duration::ZERO, now, events);
            }
            None if self.idle.is_empty() => self.wait(now, task, events),
            None => self.interrupt_tails(now, task, events),
        }
    }

    /// No core is free, but some have only tails left: one of them leaves them for later.
    #[cold]
    fn interrupt_tails(&mut self, now: Time, task: Task, events: &mut Vec<CoreEvent>) {
        self.account(now);
        let core = self.idle.pop().expect("one has tails left");
        let on = &mut self.cores[core as usize];
        let left = on.free_at.since(now);
        // They counted as work up to their end.
        self.counted_twice += left;
        let mut done = length(&on.tails).saturating_sub(left);
        for tail in &mut on.tails {
            let part = tail.left.min(done);
            (tail.left, done) = (tail.left.saturating_sub(part), done.saturating_sub(part));
        }
        on.tails.retain(|tail| tail.left > Duration::ZERO);
        on.free_at = now;
        self.begin(now, core, task, self.spec.switch, now, events);
    }

    /// All cores are taken: the thread takes one from a lesser thread, or waits.
    #[cold]
    fn wait(&mut self, now: Time, mut task: Task, events: &mut Vec<CoreEvent>) {
        task.ran = self.virtual_time(now);
        task.deadline = self.deadline(&task);
        if !task.is_fair()
            && let Some(core) = self.lesser_than(&task)
        {
            let gone = self.preempt(now, core);
            self.waiting.push(gone);
            return self.begin(now, core, task, self.spec.switch, now, events);
        }
        let first = self.waiting.is_empty();
        self.waiting.push(task);
        self.waiting_max = self.waiting_max.max(self.waiting.len());
        if first {
            (0..self.cores.len() as u32).for_each(|core| self.arm(now, core, events));
        }
    }

    /// The core whose thread would go last, if that is after this one.
    fn lesser_than(&self, task: &Task) -> Option<u32> {
        let of_class = |task: &Task| task.rank().0;
        let running = (0..).zip(&self.cores).filter(|(_, core)| !core.held);
        let running = running.filter_map(|(at, core)| Some((at, core.running?.task)));
        let last = running.max_by_key(|(_, running)| running.rank());
        last.filter(|(_, running)| of_class(running) > of_class(task)).map(|(core, _)| core)
    }

    /// Puts a thread on a core that is free. `since`: from when its slices are counted.
    #[inline(always)]
    fn begin(
        &mut self,
        now: Time,
        core: u32,
        task: Task,
        overhead: Duration,
        since: Time,
        events: &mut Vec<CoreEvent>,
    ) {
        if task.is_fair() {
            self.virtual_now = self.virtual_now.max(task.ran);
        }
        let own = self.take_tail(core, &task.job);
        let start = now + overhead + own;
        let Job { node, work, .. } = task.job;
        let until = self.paced(core, start, node, work.cost).max(work.until);
        let on = &mut self.cores[core as usize];
        on.turn = on.turn.wrapping_add(1);
        on.held = false;
        // Its tail has been booked already.
        on.running = Some(Running { task, began: now + own, until, since, armed: false });
        events.push(CoreEvent { core, turn: on.turn, at: until, done: true });
        if !self.waiting.is_empty() {
            self.arm(now, core, events);
        }
    }

    /// What the thread of a job still has to do on a core before it.
    #[inline]
    fn take_tail(&mut self, core: u32, job: &Job) -> Duration {
        let tails = &mut self.cores[core as usize].tails;
        let own = tails.iter().position(|tail| (tail.node, tail.pool) == (job.node, job.pool));
        own.map_or(Duration::ZERO, |at| tails.remove(at).left)
    }

    /// Others wait: sees to it that a fair thread is looked at when its slice is over.
    fn arm(&mut self, now: Time, core: u32, events: &mut Vec<CoreEvent>) {
        let slice = self.spec.slice.0;
        let on = &mut self.cores[core as usize];
        let Some(running) = &mut on.running else { return };
        if running.armed || on.held || !running.task.is_fair() || slice == 0 {
            return;
        }
        // A thread that nobody waited for has begun one slice after the other.
        let at = Time(running.since.0 + (now.since(running.since).0 / slice + 1) * slice);
        if at < running.until {
            running.armed = true;
            events.push(CoreEvent { core, turn: on.turn, at, done: false });
        }
    }

    /// The work of this turn is done: whose it was. The thread holds the core until
    /// [`Self::go_on`] or [`Self::leave`]. Nothing if the turn is over already.
    #[inline]
    pub fn done(&mut self, now: Time, core: u32, turn: u32) -> Option<Job> {
        if self.cores[core as usize].turn != turn {
            return None;
        }
        let Job { node, work: Work { tail, .. }, .. } =
            self.cores[core as usize].running.as_ref()?.task.job;
        let left = match tail {
            Duration::ZERO => tail,
            _ => self.paced(core, now, node, tail).since(now),
        };
        let on = &mut self.cores[core as usize];
        on.held = true;
        let running = on.running.as_mut()?;
        settle(running, now);
        let job = &mut running.task.job;
        if left > Duration::ZERO {
            // It is booked at once, whenever it is done.
            job.spent += left;
            on.tails.push(Tail { node: job.node, pool: job.pool, left });
        }
        Some(*job)
    }

    /// The thread that holds the core has another piece of work. It goes on with it, or waits if
    /// its slice is over and it is another's turn.
    #[inline]
    pub fn go_on(&mut self, now: Time, core: u32, job: Job, events: &mut Vec<CoreEvent>) {
        let running = self.cores[core as usize].running.expect("a thread holds the core");
        let mut task = Task { job, ..running.task };
        let over = self.spec.slice.0 > 0 && now.since(running.since) >= self.spec.slice;
        if !task.is_fair() || self.waiting.is_empty() || !over {
            return self.begin(now, core, task, Duration::ZERO, running.since, events);
        }
        self.catch_up(&mut task);
        self.yield_to_first(now, core, task, events);
    }

    /// The thread that holds the core has no more to do: the next one, or nobody, has it.
    #[inline]
    pub fn leave(&mut self, now: Time, core: u32, events: &mut Vec<CoreEvent>) {
        match self.waiting.is_empty() {
            false => self.hand_on(now, core, events),
            true => {
                self.account(now);
                let on = &mut self.cores[core as usize];
                let tails = length(&on.tails);
                on.free_at = now + tails;
                self.busy_until_now += tails;
                (on.running, on.held, on.idle_since) = (None, false, on.free_at);
                self.idle.push(core);
            }
        }
    }

    /// A core goes to the first thread that waits.
    fn hand_on(&mut self, now: Time, core: u32, events: &mut Vec<CoreEvent>) {
        if let Some(next) = self.waiting.pop() {
            self.begin(now, core, next, self.spec.switch, now, events);
        }
    }

    /// The slice of a turn is over: if somebody's would end sooner than the next of this thread, it
    /// makes room.
    #[cold]
    pub fn slice_over(&mut self, now: Time, core: u32, turn: u32, events: &mut Vec<CoreEvent>) {
        let on = &mut self.cores[core as usize];
        if on.turn != turn || on.held {
            return;
        }
        let Some(running) = &mut on.running else { return };
        running.armed = false;
        if self.waiting.is_empty() {
            return;
        }
        let mut task = self.preempt(now, core);
        self.catch_up(&mut task);
        self.yield_to_first(now, core, task, events);
    }

    /// A thread queues, and whoever is first then has the core: it may be the same one.
    fn yield_to_first(
        &mut self,
        now: Time,
        core: u32,
        mut task: Task,
        events: &mut Vec<CoreEvent>,
    ) {
        self.sequence += 1;
        task.sequence = self.sequence;
        self.waiting.push(task);
        let next = self.waiting.pop().expect("one has just been added");
        let switch = if next.sequence == task.sequence { Duration::ZERO } else { self.spec.switch };
        self.begin(now, core, next, switch, now, events);
    }

    /// Takes the thread off a core, with what is left of its work.
    fn preempt(&mut self, now: Time, core: u32) -> Task {
        let on = &mut self.cores[core as usize];
        on.turn = on.turn.wrapping_add(1);
        let mut running = on.running.take().expect("a thread runs there");
        // It may still be waking up.
        let all = running.until.since(running.began);
        let left = running.until.since(now).min(all);
        let cost = running.task.job.work.cost;
        settle(&mut running, now);
        let left = u128::from(cost.0) * u128::from(left.0) / u128::from(all.0.max(1));
        running.task.job.work.cost = Duration(left as u64);
        running.task
    }

    /// Where a thread is put that wakes up: with the one that has run least of those that run or
    /// wait, and never before one that was put somewhere earlier.
    fn virtual_time(&mut self, now: Time) -> u64 {
        let first = self.waiting.peek().filter(|task| task.is_fair()).map(|first| first.ran);
        let running = self.cores.iter().filter_map(|core| core.running);
        let fair = running.filter(|running| running.task.is_fair());
        let least = fair.map(|mut running| {
            settle(&mut running, now);
            running.task.ran
        });
        let least = least.chain(first).min().unwrap_or_default();
        self.virtual_now = self.virtual_now.max(least);
        self.virtual_now
    }

    /// When the next slice of a thread ends, in virtual time.
    fn deadline(&self, task: &Task) -> u64 {
        task.ran + self.slice_of(task)
    }

    /// A slice in the virtual time of a thread.
    fn slice_of(&self, task: &Task) -> u64 {
        self.spec.slice.0 * NICE_0 / task.policy.weight()
    }

    /// A thread queues for its next slice. It is never further ahead than two: what it ran while
    /// nobody waited is not held against it.
    fn catch_up(&self, task: &mut Task) {
        task.ran = task.ran.min(self.virtual_now + 2 * self.slice_of(task));
        task.deadline = self.deadline(task);
    }

    /// Drops the threads of a node that wait, and hands back their work in the order in which they
    /// would have had a core.
    pub fn purge(&mut self, node: NodeId) -> Vec<Job> {
        let all = std::mem::take(&mut self.waiting).into_sorted_vec();
        // Sorted with the one that goes first at the end.
        let (gone, kept): (Vec<_>, Vec<_>) =
            all.into_iter().rev().partition(|task| task.job.node == node);
        self.waiting = kept.into();
        gone.into_iter().map(|task| task.job).collect()
    }

    #[inline]
    fn account(&mut self, now: Time) {
        let busy = (self.cores.len() - self.idle.len()) as u64;
        self.busy_until_now += now.since(self.last_change) * busy;
        self.last_change = now;
    }

    /// Time that cores worked up to `now`, added up over cores. What they take to wake up is taken
    /// off when they begin to.
    pub fn busy_time(&self, now: Time) -> Duration {
        let busy = (self.cores.len() - self.idle.len()) as u64;
        let all = self.busy_until_now + now.since(self.last_change) * busy;
        Duration(all.0.saturating_sub(self.waking.0 + self.counted_twice.0))
    }

    /// A thread that wakes up finds a core that has nothing to do.
    pub fn has_idle(&self, now: Time) -> bool {
        self.idle.iter().any(|core| self.is_free(*core, now))
    }

    /// An idle core is through with its tails.
    #[inline]
    fn is_free(&self, core: u32, now: Time) -> bool {
        self.cores[core as usize].free_at <= now
    }

    /// How long a core has been idle in all.
    #[inline]
    pub fn idle_time(&self, core: u32, now: Time) -> Duration {
        let on = &self.cores[core as usize];
        if on.running.is_some() { on.idle } else { on.idle + now.since(on.idle_since) }
    }

    /// CPU time that it takes to fetch a working set again, after the core where it was has been
    /// idle for so long.
    #[inline]
    pub fn refill(&self, working_set: Bytes, idle: Duration) -> Duration {
        Duration(self.spec.refill.after(idle).0 * working_set.0 / 1024)
    }

    /// The cost of work that takes so long on this machine.
    #[inline]
    pub fn cost_of(&self, time: Duration) -> Duration {
        time * 100 / u64::from(self.percent)
    }

    /// Number of cores; zero for no limit.
    pub const fn count(&self) -> u32 {
        self.cores.len() as u32
    }

    /// Threads that wait for a core.
    pub fn queued(&self) -> usize {
        self.waiting.len()
    }

    /// CPU time that work of a pool has had which is not done yet.
    pub fn under_way(&self, now: Time, node: NodeId, pool: u8) -> Duration {
        let is_its = |task: &Task| (task.job.node, task.job.pool) == (node, pool);
        let running = self.cores.iter().filter_map(|core| core.running);
        let running = running.filter(|running| is_its(&running.task));
        let running = running.map(|of| of.task.job.spent + now.since(of.began));
        let waiting = self.waiting.iter().filter(|task| is_its(task)).map(|task| task.job.spent);
        running.chain(waiting).fold(Duration::ZERO, |all, of| all + of)
    }

    /// Threads that waited at the most.
    pub const fn queued_max(&self) -> usize {
        self.waiting_max
    }
}

/// Books what a thread has run since it began.
#[inline]
fn settle(running: &mut Running, now: Time) {
    let ran = now.since(running.began);
    running.began = running.began.max(now);
    running.task.job.spent += ran;
    running.task.ran += match running.task.policy.weight() {
        // Nearly always, and a division takes as long as all else here.
        NICE_0 => ran.0,
        weight => ran.0 * NICE_0 / weight,
    };
}
