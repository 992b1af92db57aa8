//! CPU work: from a node's effect to a thread of its pool, to a core, and back to the node.

use super::{Holder, Input, NodeState, Pending, Simulation, Status};
use crate::buggify::Site;
use crate::causes::NONE;
use crate::cores::CoreEvent;
use crate::cpu::{Job, Servers, Work};
use crate::effect::PoolId;
use crate::node::{Completion, Observer, Protocol};
use crate::queue::EventQueue;
use crate::scheduling::Policy;
use crate::time::Duration;
use crate::units::{MachineId, NodeId};

/// In place of a pool, for the threads that work while the world of their node stands still.
const COLLECTOR: u8 = u8::MAX;

/// In place of a pool, for the threads of a process that its model knows nothing of.
const BACKGROUND: u8 = u8::MAX - 1;

/// The tag of work of a background thread after which nothing follows.
const OF_HERD: u64 = u64::MAX;

/// The two, and what they are called.
pub(super) const APART: [(u8, &str); 2] = [(COLLECTOR, "collectors"), (BACKGROUND, "background")];

impl<P: Protocol> NodeState<P> {
    #[inline]
    fn pool_mut(&mut self, pool: u8) -> Option<&mut Servers> {
        if usize::from(pool) < self.pools.len() {
            return self.pools.get_mut(usize::from(pool));
        }
        self.apart.get_mut(usize::from(u8::MAX - pool))
    }
}

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    #[inline]
    pub(super) fn compute(&mut self, node: NodeId, pool: PoolId, mut work: Work, tag: u64) {
        if let Some(buggify) = &mut self.buggify {
            work.cost += buggify.delay(Site::SlowCompute);
        }
        let cause = self.cause();
        let state = &mut self.nodes[node.index()];
        let (incarnation, spent) = (state.incarnation, Duration::ZERO);
        let asked = self.now;
        let job = Job { node, incarnation, pool: pool.0, work, tag, spent, asked, cause };
        let has_thread =
            state.pools.get_mut(pool.0 as usize).is_none_or(|pool| pool.admit(self.now, job));
        if has_thread {
            self.ask_for_core(job);
        }
    }

    /// A thread that has work asks for a core; or goes on, if it is the one that has just told of
    /// work that is done.
    #[inline]
    pub(super) fn ask_for_core(&mut self, mut job: Job) {
        let state = &mut self.nodes[job.node.index()];
        if state.status == Status::Paused {
            return state.parked.push(job);
        }
        job.asked = self.now;
        let machine = state.spec.machine;
        let pool = state.pools.get(job.pool as usize);
        let policy = pool.and_then(Servers::policy).unwrap_or(state.spec.policy);
        match self.holder {
            Some(Holder { core, node, pool, .. }) if (node, pool) == (job.node, job.pool) => {
                self.holder = None;
                let cores = &mut self.machines[machine.index()].cores;
                cores.go_on(self.now, core, job, &mut self.core_events);
                self.push_core_events(machine);
            }
            _ => {
                let cores = &self.machines[machine.index()].cores;
                if let Some(pool) = state.pool_mut(job.pool) {
                    job.work.add(pool.wake(cores, self.now));
                }
                self.run_on(machine, job, policy);
            }
        }
    }

    /// A thread wakes up on a machine with a job.
    #[inline(always)]
    fn run_on(&mut self, machine: MachineId, job: Job, policy: Policy) {
        let cores = &mut self.machines[machine.index()].cores;
        if cores.count() == 0 {
            let done = cores.end(self.now, job.work.cost).max(job.work.until);
            return self.push(done, Pending::Computed { job });
        }
        cores.ask(self.now, job, policy, &mut self.core_events);
        self.push_core_events(machine);
    }

    /// Stops all threads of a node that runs.
    pub(super) fn halt(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.status != Status::Running {
            return;
        }
        state.status = Status::Paused;
        if let Some(causes) = &mut self.causes {
            causes.halted(self.now, node, state.collectors > 0);
        }
        let queued = self.machines[state.spec.machine.index()].cores.purge(node);
        state.parked.extend(queued);
    }

    /// Lets the threads of a node go on, if nothing holds them any more.
    pub(super) fn go_on(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.status != Status::Paused || state.signalled || state.collectors > 0 {
            return;
        }
        state.status = Status::Running;
        if let Some(causes) = &mut self.causes {
            causes.went_on(self.now, node);
        }
        for job in std::mem::take(&mut state.parked) {
            self.ask_for_core(job);
        }
        // One of them may stop it again.
        while self.nodes[node.index()].status == Status::Running
            && let Some((cause, input)) = self.nodes[node.index()].waiting.pop_front()
        {
            if let Some(causes) = &mut self.causes {
                causes.resumed(cause);
            }
            self.input(node, input);
        }
    }

    pub(super) fn stop_the_world(&mut self, node: NodeId, work: Duration, threads: u32, tag: u64) {
        let state = &mut self.nodes[node.index()];
        assert_eq!(state.collectors, 0, "{}: the world stands still already", state.spec.name);
        state.collectors = threads;
        let (incarnation, spent) = (state.incarnation, Duration::ZERO);
        let (machine, policy) = (state.spec.machine, state.spec.policy);
        self.halt(node);
        let cost = Duration(work.0.div_ceil(u64::from(threads)));
        let (asked, work) = (self.now, Work::of(cost));
        for _ in 0..threads {
            let cause = self.cause();
            let job = Job { node, incarnation, pool: COLLECTOR, work, tag, spent, asked, cause };
            let cores = &self.machines[machine.index()].cores;
            if let Some(collectors) = self.nodes[node.index()].pool_mut(COLLECTOR) {
                collectors.wake(cores, self.now);
            }
            self.run_on(machine, job, policy);
        }
    }

    /// A thread that works while the world stands still is done.
    fn collected(&mut self, job: Job) {
        let state = &mut self.nodes[job.node.index()];
        if state.incarnation != job.incarnation {
            return;
        }
        state.collectors -= 1;
        if state.collectors == 0 {
            // First what waited, then what the node asked for.
            self.go_on(job.node);
            self.input(job.node, Input::Done(job.tag, Completion::Computed));
        }
    }

    /// Puts what a scheduler has decided into the queue.
    #[inline]
    pub(super) fn push_core_events(&mut self, machine: MachineId) {
        for index in 0..self.core_events.len() {
            let CoreEvent { core, turn, at, done } = self.core_events[index];
            self.place(at, Pending::Core { machine, core, turn, done });
        }
        self.core_events.clear();
    }

    /// Work on a core is done, if this is still the same turn.
    #[inline]
    pub(super) fn ran(&mut self, machine: MachineId, core: u32, turn: u32) {
        let cores = &mut self.machines[machine.index()].cores;
        let Some(job) = cores.done(self.now, core, turn) else { return };
        if job.node == NodeId::NOBODY {
            cores.leave(self.now, core, &mut self.core_events);
            self.push_core_events(machine);
            return self.next_of_other(machine, job.tag as u32);
        }
        let state = &mut self.nodes[job.node.index()];
        state.cpu += job.spent;
        if let Some(pool) = state.pool_mut(job.pool) {
            pool.note_run(&self.machines[machine.index()].cores, core, self.now, &job);
        }
        if let Some(causes) = &mut self.causes {
            causes.ran(self.now, &job, job.spent.saturating_sub(job.work.tail));
        }
        self.holder = Some(Holder { machine, core, node: job.node, pool: job.pool });
        self.computed(job);
        if let Some(Holder { machine, core, .. }) = self.holder.take() {
            self.machines[machine.index()].cores.leave(self.now, core, &mut self.core_events);
            self.push_core_events(machine);
        }
    }

    /// A thread is free for the next job of its pool, and its node is told.
    #[inline]
    pub(super) fn computed(&mut self, job: Job) {
        match job.pool {
            COLLECTOR => return self.collected(job),
            BACKGROUND => return self.background_done(job),
            _ => {}
        }
        let state = &mut self.nodes[job.node.index()];
        if state.incarnation != job.incarnation {
            return;
        }
        let pool = state.pools.get_mut(job.pool as usize);
        if let Some(next) = pool.and_then(|pool| pool.release(self.now)) {
            self.ask_for_core(next);
        }
        self.hand_over_input(job.node, Input::Done(job.tag, Completion::Computed));
    }

    /// A process that is not of the system wakes up.
    pub(super) fn other_wakes(&mut self, machine: MachineId, other: u32, work: Duration) {
        let policy = self.machines[machine.index()].others[other as usize].0.policy;
        let (tag, spent) = (u64::from(other), Duration::ZERO);
        let (node, asked, work) = (NodeId::NOBODY, self.now, Work::of(work));
        let cause = NONE;
        let job = Job { node, incarnation: 0, pool: 0, work, tag, spent, asked, cause };
        self.run_on(machine, job, policy);
    }

    /// Threads of a process that its model knows nothing of wake up.
    pub(super) fn background_wakes(
        &mut self,
        node: NodeId,
        incarnation: u32,
        number: u32,
        work: Duration,
    ) {
        let state = &self.nodes[node.index()];
        if state.incarnation != incarnation {
            return;
        }
        let (spent, asked, cause) = (Duration::ZERO, self.now, NONE);
        let (pool, work) = (BACKGROUND, Work::of(work));
        let herd = state.background[number as usize].0.herd;
        for left in (0..herd.max(1)).rev() {
            // They wake again when the last of them is done.
            let tag = if left == 0 { u64::from(number) } else { OF_HERD };
            self.ask_for_core(Job { node, incarnation, pool, work, tag, spent, asked, cause });
        }
    }

    fn background_done(&mut self, job: Job) {
        if job.tag != OF_HERD && self.nodes[job.node.index()].incarnation == job.incarnation {
            self.next_of_background(job.node, job.tag as u32);
        }
    }

    /// Draws when a thread of a process that its model knows nothing of runs next.
    pub(super) fn next_of_background(&mut self, node: NodeId, number: u32) {
        let state = &mut self.nodes[node.index()];
        let (spec, stream) = &mut state.background[number as usize];
        let (gap, work) = spec.activity.next(stream);
        let incarnation = state.incarnation;
        self.push(self.now + gap, Pending::Background { node, incarnation, number, work });
    }

    /// Draws when a process that is not of the system runs next.
    pub(super) fn next_of_other(&mut self, machine: MachineId, other: u32) {
        let (spec, stream) = &mut self.machines[machine.index()].others[other as usize];
        let (gap, work) = spec.activity.next(stream);
        self.push(self.now + gap, Pending::Other { machine, other, work });
    }
}
