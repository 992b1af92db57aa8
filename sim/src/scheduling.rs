//! How threads are scheduled: policies, weights, and what a scheduler costs.

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Weight of a thread at nice 0.
pub const NICE_0: u64 = 1024;

/// Weights by nice, from -20 to 19: a step is about a quarter (Linux `sched_prio_to_weight`,
/// kernel/sched/core.c).
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];

/// How the threads of a process are scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// By weight (`SCHED_OTHER`).
    Fair {
        /// From -20, the heaviest, to 19.
        nice: i8,
    },
    /// Before all others, at once (`SCHED_FIFO`).
    RealTime {
        /// From 1 to 99, the first.
        priority: u8,
    },
}

impl Policy {
    /// What is wrong with it, if anything.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Fair { nice } if !(-20..=19).contains(&nice) => {
                Err(format!("nice is {nice}; expected -20 to 19"))
            }
            Self::RealTime { priority } if !(1..=99).contains(&priority) => {
                Err(format!("priority is {priority}; expected 1 to 99"))
            }
            _ => Ok(()),
        }
    }

    /// Its share against [`NICE_0`]; the class of real time has none, and counts as that.
    #[inline]
    pub fn weight(self) -> u64 {
        match self {
            Self::Fair { nice: 0 } | Self::RealTime { .. } => NICE_0,
            Self::Fair { nice } => u64::from(WEIGHTS[(nice.clamp(-20, 19) + 20) as usize]),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::Fair { nice: 0 }
    }
}

/// What waking up a thread costs, by how long the core had been idle: it sleeps the deeper the
/// longer, and on a virtual machine the host has given it to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WakeUp {
    /// Measured points, ascending by how long the core was idle. Between two of them the cost is in
    /// proportion, beyond the last it is that of the last; without any it is nothing.
    pub points: Vec<WakePoint>,
}

/// What waking up costs after the core has been idle for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WakePoint {
    /// How long it was idle.
    pub idle: Duration,
    /// From then to the first instruction of the thread.
    pub cost: Duration,
}

impl WakeUp {
    /// The cost after the core has been idle for so long.
    #[inline]
    pub fn after(&self, idle: Duration) -> Duration {
        let Some(last) = self.points.last() else { return Duration::ZERO };
        if idle >= last.idle {
            return last.cost;
        }
        let next = self.points.iter().position(|point| point.idle > idle).unwrap_or(0);
        let Some(before) = next.checked_sub(1) else { return self.points[0].cost };
        let (low, high) = (self.points[before], self.points[next]);
        let (into, whole) = (idle.0 - low.idle.0, high.idle.0 - low.idle.0);
        let (from, to) = (i128::from(low.cost.0), i128::from(high.cost.0));
        Duration((from + (to - from) * i128::from(into) / i128::from(whole)) as u64)
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        let rising = self.points.windows(2).all(|pair| pair[0].idle < pair[1].idle);
        rising.then_some(()).ok_or_else(|| "`idle` must rise from point to point".into())
    }
}

/// A machine's scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerSpec {
    /// How long a thread keeps a core that others wait for. Zero: until its work is done. Linux:
    /// 0.7 ms, times 1 + log2 of the cores up to eight (`sysctl_sched_base_slice`,
    /// kernel/sched/fair.c), and to the end of the tick.
    pub slice: Duration,
    /// CPU time of a switch from one thread to another.
    pub switch: Duration,
    /// What waking up costs.
    pub wake_up: WakeUp,
    /// How late timers are of threads that are not of the real-time class: Linux lets them expire
    /// with others (`PR_SET_TIMERSLACK`, 50 us).
    pub timer_slack: Duration,
}

impl Default for SchedulerSpec {
    /// Slices of 3 ms; all else costs nothing.
    fn default() -> Self {
        Self {
            slice: Duration::from_millis(3),
            switch: Duration::ZERO,
            wake_up: WakeUp::default(),
            timer_slack: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_linux() {
        let weight = |nice| Policy::Fair { nice }.weight();
        assert_eq!([-20, 0, 5, 19].map(weight), [88761, 1024, 335, 15]);
    }

    #[test]
    fn the_cost_of_waking_up_lies_between_the_points() {
        let at = |idle, cost| WakePoint { idle: Duration(idle), cost: Duration(cost) };
        let wake_up = WakeUp { points: vec![at(0, 10), at(100, 30), at(1_000, 50), at(2_000, 40)] };
        for (idle, cost) in [(0, 10), (50, 20), (100, 30), (550, 40), (1_500, 45), (9_000, 40)] {
            assert_eq!(wake_up.after(Duration(idle)), Duration(cost), "after {idle}");
        }
        assert_eq!(WakeUp::default().after(Duration(5)), Duration::ZERO);
        assert!(wake_up.check().is_ok());
        assert!(WakeUp { points: vec![at(9, 1), at(9, 2)] }.check().is_err());
    }
}
