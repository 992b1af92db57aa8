//! Real time: a thread that runs as soon as it is due, as long as it needs little of its core.

use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// How long a share is measured, nanoseconds.
const WINDOW_NS: u64 = 100_000_000;

/// Share of a core, per cent, above which the thread leaves real time.
const LEAVE: u64 = 30;

/// The share below which it comes back.
const RETURN: u64 = 15;

/// Which of the kernel's schedulers a thread is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheduler {
    /// It runs as soon as it is due, whatever else runs (`SCHED_RR`, at the lowest of its
    /// priorities; sched(7)). This needs root or `CAP_SYS_NICE`. The kernel leaves 5 % of a core to
    /// everything else (`sched_rt_runtime_us`).
    RealTime,
    /// It has its share, as everything else.
    Fair,
}

/// A thread's priority by what it needs. Times are nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Priority {
    /// None as long as nothing was set.
    scheduler: Option<Scheduler>,
    /// Start of the window over which the share is measured.
    from: u64,
    /// What of it the thread slept.
    slept: u64,
}

impl Priority {
    /// The calling thread slept from `began` to `now`.
    pub(crate) fn slept(&mut self, began: u64, now: u64) {
        if let Some(scheduler) = self.after(began, now) {
            // Without permission the lag is what the machine gives, and a warning says so.
            let _ = set(scheduler);
        }
    }

    /// What to change after a sleep.
    fn after(&mut self, began: u64, now: u64) -> Option<Scheduler> {
        self.slept += now - began;
        let window = now.saturating_sub(self.from);
        let next = match self.scheduler {
            None => Scheduler::RealTime,
            Some(_) if window < WINDOW_NS => return None,
            Some(scheduler) => {
                let busy = 100 - self.slept.min(window) * 100 / window;
                (self.from, self.slept) = (now, 0);
                match scheduler {
                    Scheduler::RealTime if busy > LEAVE => Scheduler::Fair,
                    Scheduler::Fair if busy < RETURN => Scheduler::RealTime,
                    _ => return None,
                }
            }
        };
        self.scheduler = Some(next);
        Some(next)
    }
}

/// What the crate takes for a niceness of 0, of 0 to 99.
fn not_nice() -> ThreadPriorityValue {
    ThreadPriorityValue::try_from(48).expect("it is from 0 to 99")
}

fn set(scheduler: Scheduler) -> Result<(), thread_priority::Error> {
    let (priority, policy) = match scheduler {
        Scheduler::RealTime => (
            ThreadPriority::Min,
            ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
        ),
        Scheduler::Fair => (
            ThreadPriority::Crossplatform(not_nice()),
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other),
        ),
    };
    set_thread_priority_and_policy(thread_native_id(), priority, policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// What is set while a thread sleeps `sleeps` of every 10 ms, from `from` to `until`.
    fn over(priority: &mut Priority, from: u64, until: u64, sleeps: u64) -> Vec<Scheduler> {
        let turns = (from / 10..until / 10).map(|turn| turn * 10 * MS);
        turns.filter_map(|at| priority.after(at + (10 - sleeps) * MS, at + 10 * MS)).collect()
    }

    #[test]
    fn a_thread_that_needs_much_of_its_core_leaves_real_time_and_comes_back() {
        let mut priority = Priority::default();
        assert_eq!(over(&mut priority, 0, 500, 9), [Scheduler::RealTime]);
        assert_eq!(over(&mut priority, 500, 1_000, 5), [Scheduler::Fair]);
        assert_eq!(over(&mut priority, 1_000, 1_500, 8), [], "a fifth: it stays");
        assert_eq!(over(&mut priority, 1_500, 2_000, 9), [Scheduler::RealTime]);
    }
}
