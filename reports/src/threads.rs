//! CPU by thread: who ran on a run's cores, for how long, and how long it waited for one.

use serde::{Deserialize, Serialize};

/// What the threads of a run's processes used, over the measurement window. Empty where the
/// platform does not say. Of a simulated process they are told apart where its model names them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threads {
    /// Length of an interval of the groups' series, nanoseconds.
    pub interval_ns: u64,
    /// The groups, by process, the busiest first.
    pub groups: Vec<ThreadGroup>,
}

/// Threads of a process whose names differ in numbers only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadGroup {
    /// The process, such as `broker-1` or `generator`.
    pub process: String,
    /// The threads' name, without its numbers.
    pub name: String,
    /// How many there were at the most.
    pub threads: u32,
    /// How often they were given a core.
    pub dispatches: u64,
    /// How long they ran, nanoseconds.
    pub cpu_ns: u64,
    /// How long of that they fetched again what the caches had lost, nanoseconds; known of
    /// simulated ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refill_ns: u64,
    /// How often they woke up on a core that idled, where that costs them something; known of
    /// simulated ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from_idle: u64,
    /// How long they were ready to run and waited for a core, nanoseconds.
    pub wait_ns: u64,
    /// CPU in each interval since the run's start, as a share of one core; above 1 of several.
    pub cpu: Vec<f64>,
}

impl ThreadGroup {
    /// Makes its CPU time so many times longer.
    pub fn scale_cpu(&mut self, times: f64) {
        self.cpu_ns = (self.cpu_ns as f64 * times) as u64;
        self.cpu.iter_mut().for_each(|share| *share *= times);
    }
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Threads {
    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups that make up all but a thousandth of the CPU, of any process, the busiest first.
    pub fn busiest(&self) -> Vec<&ThreadGroup> {
        let total: u64 = self.groups.iter().map(|group| group.cpu_ns).sum();
        let mut all: Vec<_> =
            self.groups.iter().filter(|group| group.cpu_ns > total / 1_000).collect();
        all.sort_by_key(|group| std::cmp::Reverse(group.cpu_ns));
        all
    }

    /// JSON has no NaN and no infinity: names a group that has one.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bad = |group: &&ThreadGroup| group.cpu.iter().any(|share| !share.is_finite());
        match self.groups.iter().find(bad) {
            Some(group) => Err(format!("CPU of threads {} {}", group.process, group.name)),
            None => Ok(()),
        }
    }
}

impl ThreadGroup {
    /// Mean of `total` (nanoseconds) over the dispatches, nanoseconds; zero without any.
    pub fn per_dispatch(&self, total: u64) -> f64 {
        if self.dispatches == 0 { 0.0 } else { total as f64 / self.dispatches as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_come_first_and_those_that_hardly_ran_are_left_out() {
        let group = |name: &str, cpu_ns| {
            let dispatches = cpu_ns / 100_000;
            ThreadGroup { name: name.into(), cpu_ns, dispatches, ..ThreadGroup::default() }
        };
        let groups = vec![group("a", 3_000_000), group("b", 1_000), group("c", 9_000_000)];
        let threads = Threads { interval_ns: 1, groups };
        let names: Vec<&str> =
            threads.busiest().into_iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["c", "a"]);
        let of = |index: usize| &threads.groups[index];
        assert_eq!(of(0).per_dispatch(of(0).cpu_ns), 100_000.0);
        assert_eq!(of(1).per_dispatch(7), 0.0);
    }
}
