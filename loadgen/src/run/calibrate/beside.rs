//! Threads of servers that the model has not: compilers that are not done yet, schedulers, clocks
//! of metrics. They take cores from those that it has.

use std::collections::BTreeMap;

use headwater_reports::ThreadGroup;
use headwater_scenarios::profile::Profile;
use headwater_sim::distribution::Distribution;
use headwater_sim::other::{Activity, OtherSpec};
use headwater_sim::time::Duration;

/// Share of a core from which on threads are told by their name.
const TOLD: f64 = 0.001;

/// What the rest is called.
const REST: &str = "other threads of servers";

/// What such threads took, by their names.
#[derive(Debug, Default)]
pub(super) struct Beside {
    seconds: f64,
    /// Dispatches, and CPU in nanoseconds.
    taken: BTreeMap<String, (u64, u64)>,
}

impl Beside {
    /// Adds what they took in a case of so many seconds.
    pub(super) fn add<'a>(&mut self, seconds: f64, groups: impl Iterator<Item = &'a ThreadGroup>) {
        self.seconds += seconds;
        for group in groups {
            let (dispatches, cpu_ns) = self.taken.entry(group.name.clone()).or_default();
            *dispatches += group.dispatches;
            *cpu_ns += group.cpu_ns;
        }
    }

    /// As processes beside the servers, the busiest first: bursts at random, each as long as those
    /// were on the average.
    fn specs(&self) -> Vec<OtherSpec> {
        let share = |cpu_ns: u64| cpu_ns as f64 / 1e9 / self.seconds.max(1e-9);
        let mut rest = (0, 0);
        let mut told = Vec::new();
        for (name, (dispatches, cpu_ns)) in &self.taken {
            if share(*cpu_ns) >= TOLD {
                told.push((name.as_str(), *dispatches, *cpu_ns));
            } else {
                rest = (rest.0 + dispatches, rest.1 + cpu_ns);
            }
        }
        told.sort_by_key(|(_, _, cpu_ns)| std::cmp::Reverse(*cpu_ns));
        told.push((REST, rest.0, rest.1));
        let told = told.into_iter().filter(|(_, dispatches, cpu_ns)| dispatches.min(cpu_ns) > &0);
        let spec = |(name, dispatches, cpu_ns): (&str, u64, u64)| {
            let exponential = |seconds: f64| Distribution::Exponential {
                floor: Duration::ZERO,
                mean: Duration((seconds * 1e9).max(1.0) as u64),
            };
            let dispatches = dispatches as f64;
            let gap = exponential((self.seconds - cpu_ns as f64 / 1e9).max(0.0) / dispatches);
            let work = exponential(cpu_ns as f64 / 1e9 / dispatches);
            let activity = Activity::Bursts { gap, work };
            OtherSpec { name: name.into(), policy: Default::default(), activity }
        };
        told.map(spec).collect()
    }

    /// Puts them into a profile, in place of those that an earlier calibration found; a line each.
    pub(super) fn add_to(&self, profile: &mut Profile) -> Vec<String> {
        let specs = self.specs();
        let server = &mut profile.server;
        let known = |name: &String| name == REST || self.taken.contains_key(name);
        server.others.retain(|other| !known(&other.name));
        let policy = server.policy;
        let lines = specs.iter().map(|spec| {
            format!("  {:<24} {:>8.2} %  of a core", spec.name, spec.activity.mean_cores() * 100.0)
        });
        let lines = lines.collect();
        server.others.extend(specs.into_iter().map(|spec| OtherSpec { policy, ..spec }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_the_model_has_not_are_processes_of_the_machine() {
        let group = |name: &str, dispatches, cpu_ms: u64| ThreadGroup {
            name: name.into(),
            dispatches,
            cpu_ns: cpu_ms * 1_000_000,
            ..ThreadGroup::default()
        };
        let mut beside = Beside::default();
        let case = [group("C* CompilerThread", 20, 20), group("ticks", 10, 1), group("idle", 0, 0)];
        beside.add(4.0, case.iter());
        beside.add(6.0, case.iter());
        let mut profile = Profile::load("small-vm", None).unwrap();
        let lines = beside.add_to(&mut profile);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("C* CompilerThread") && lines[0].contains("0.40 %"), "{lines:?}");
        let names = |profile: &Profile| {
            profile.server.others.iter().map(|other| other.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&profile), ["C* CompilerThread", REST]);
        let Activity::Bursts { work, .. } = &profile.server.others[0].activity else { panic!() };
        assert_eq!(work.mean(), Duration::from_millis(1));
        beside.add_to(&mut profile);
        assert_eq!(names(&profile).len(), 2, "they are replaced");
    }
}
