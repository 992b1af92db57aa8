//! How threads are scheduled: policies, weights, and what a scheduler costs.

use serde::{Deserialize, Serialize};

use rand::Rng as _;
use rand::distr::Distribution as _;

use crate::distribution::Distribution;
use crate::pace::PaceSpec;
use crate::random::Stream;
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

/// What something costs, by how long the core has been idle: it sleeps the deeper the longer, and
/// on a virtual machine the host has given it, and its caches, to others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdleCost {
    /// Measured points, ascending by how long the core was idle. Between two of them the cost is in
    /// proportion, beyond the last it is that of the last; without any it is nothing.
    pub points: Vec<IdlePoint>,
}

/// What it costs after the core has been idle for so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdlePoint {
    /// How long it was idle.
    pub idle: Duration,
    /// The cost; the median where it varies.
    pub cost: Duration,
    /// How it varies, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub varies: Option<Distribution>,
}

impl IdlePoint {
    /// Always the same cost.
    pub const fn new(idle: Duration, cost: Duration) -> Self {
        Self { idle, cost, varies: None }
    }
}

impl IdleCost {
    /// The cost after the core has been idle for so long.
    #[inline]
    pub fn after(&self, idle: Duration) -> Duration {
        let Some(last) = self.points.last() else { return Duration::ZERO };
        if idle >= last.idle {
            return last.cost;
        }
        let next = self.points.iter().position(|point| point.idle > idle).unwrap_or(0);
        let Some(before) = next.checked_sub(1) else { return self.points[0].cost };
        let (low, high) = (&self.points[before], &self.points[next]);
        let (into, whole) = (idle.0 - low.idle.0, high.idle.0 - low.idle.0);
        let (from, to) = (i128::from(low.cost.0), i128::from(high.cost.0));
        Duration((from + (to - from) * i128::from(into) / i128::from(whole)) as u64)
    }

    /// One cost after the core has been idle for so long. Where costs vary it is that of the point
    /// before or of the point after, of the nearer one the more often.
    #[inline]
    pub fn draw(&self, idle: Duration, stream: &mut Stream) -> Duration {
        if self.points.is_empty() {
            return Duration::ZERO;
        }
        if self.points.iter().all(|point| point.varies.is_none()) {
            return self.after(idle);
        }
        let next = self.points.iter().position(|point| point.idle > idle);
        let next = next.unwrap_or(self.points.len());
        let (before, after) = (next.checked_sub(1), self.points.get(next));
        let point = match (before.map(|at| &self.points[at]), after) {
            (Some(low), Some(high)) => {
                let whole = high.idle.0 - low.idle.0;
                if stream.random_range(0..whole) < idle.0 - low.idle.0 { high } else { low }
            }
            (Some(point), None) | (None, Some(point)) => point,
            (None, None) => return Duration::ZERO,
        };
        point.varies.as_ref().map_or(point.cost, |varies| varies.sample(stream))
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        let rising = self.points.windows(2).all(|pair| pair[0].idle < pair[1].idle);
        rising.then_some(()).ok_or("`idle` must rise from point to point")?;
        self.points
            .iter()
            .filter_map(|point| point.varies.as_ref())
            .try_for_each(Distribution::check)
    }
}

/// A machine's scheduler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerSpec {
    /// How long a thread keeps a core that others wait for. Zero: until its work is done. Linux:
    /// 0.7 ms, times 1 + log2 of the cores up to eight (`sysctl_sched_base_slice`,
    /// kernel/sched/fair.c), and to the end of the tick.
    pub slice: Duration,
    /// CPU time of a switch from one thread to another.
    pub switch: Duration,
    /// What waking up a thread takes, up to its first instruction.
    pub wake_up: IdleCost,
    /// CPU time that a thread takes to fetch a KiB of its working set again, which the core's
    /// caches have lost while it was idle.
    pub refill: IdleCost,
    /// How late timers are of threads that are not of the real-time class: Linux lets them expire
    /// with others (`PR_SET_TIMERSLACK`, 50 us).
    pub timer_slack: Duration,
    /// What makes cores faster and slower. Costs are what work takes on the average.
    pub pace: Vec<PaceSpec>,
}

impl Default for SchedulerSpec {
    /// Slices of 3 ms; all else costs nothing.
    fn default() -> Self {
        Self {
            slice: Duration::from_millis(3),
            switch: Duration::ZERO,
            wake_up: IdleCost::default(),
            refill: IdleCost::default(),
            timer_slack: Duration::ZERO,
            pace: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn weights_are_those_of_linux() {
        let weight = |nice| Policy::Fair { nice }.weight();
        assert_eq!([-20, 0, 5, 19].map(weight), [88761, 1024, 335, 15]);
    }

    #[test]
    fn a_cost_lies_between_the_points() {
        let at = |idle, cost| IdlePoint::new(Duration(idle), Duration(cost));
        let cost_of =
            IdleCost { points: vec![at(0, 10), at(100, 30), at(1_000, 50), at(2_000, 40)] };
        for (idle, cost) in [(0, 10), (50, 20), (100, 30), (550, 40), (1_500, 45), (9_000, 40)] {
            assert_eq!(cost_of.after(Duration(idle)), Duration(cost), "after {idle}");
        }
        assert_eq!(IdleCost::default().after(Duration(5)), Duration::ZERO);
        assert!(cost_of.check().is_ok());
        assert!(IdleCost { points: vec![at(9, 1), at(9, 2)] }.check().is_err());
    }

    #[test]
    fn a_cost_that_varies_is_drawn_from_the_points_around_the_more_often_from_the_nearer() {
        let at = |idle, low, high| IdlePoint {
            varies: Some(Distribution::uniform(Duration(low), Duration(high))),
            ..IdlePoint::new(Duration(idle), Duration((low + high) / 2))
        };
        let cost_of = IdleCost { points: vec![at(0, 10, 20), at(1_000, 100, 200)] };
        let mut stream = Seed(1).stream("test", 0);
        let mut share = |idle| {
            let drawn = (0..4_000).map(|_| cost_of.draw(Duration(idle), &mut stream).0);
            let drawn: Vec<u64> = drawn.collect();
            assert!(drawn.iter().all(|of| (10..=20).contains(of) || (100..=200).contains(of)));
            drawn.iter().filter(|of| **of >= 100).count() as f64 / 4_000.0
        };
        for (idle, expected) in [(0, 0.0), (250, 0.25), (900, 0.9), (5_000, 1.0)] {
            assert!((share(idle) - expected).abs() < 0.03, "after {idle}");
        }
        let always = IdleCost { points: vec![IdlePoint::new(Duration(0), Duration(7))] };
        assert_eq!(always.draw(Duration(5), &mut stream), Duration(7));
    }
}
