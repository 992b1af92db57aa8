//! Threads of servers that the model has not: compilers that are not done yet, schedulers, clocks
//! of metrics. They take cores from those that it has, and their CPU time is the servers'.

use std::collections::BTreeMap;

use headwater_reports::ThreadGroup;
use headwater_scenarios::profile::{Background, Profile};
use headwater_sim::distribution::Distribution;
use headwater_sim::other::Activity;
use headwater_sim::time::Duration;

/// Share of a core from which on threads are told by their name.
const TOLD: f64 = 0.001;

/// What the rest is called.
const REST: &str = "other threads of servers";

/// What such threads took, by their names.
#[derive(Debug, Default)]
pub(super) struct Beside {
    cases: usize,
    /// Dispatches and CPU time in seconds, each a second, of the cases in which there were any.
    taken: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Beside {
    /// Adds what they took in a case of so many seconds.
    pub(super) fn add<'a>(&mut self, seconds: f64, groups: impl Iterator<Item = &'a ThreadGroup>) {
        self.cases += 1;
        let mut of_case: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for group in groups {
            let (dispatches, cores) = of_case.entry(&group.name).or_default();
            *dispatches += group.dispatches as f64 / seconds.max(1e-9);
            *cores += group.cpu_ns as f64 / 1e9 / seconds.max(1e-9);
        }
        for (name, taken) in of_case {
            self.taken.entry(name.to_owned()).or_default().push(taken);
        }
    }

    /// Dispatches a second and cores in the case in the middle: in some a compiler has met what is
    /// new to it.
    fn usual(&self, taken: &[(f64, f64)]) -> (f64, f64) {
        let mut all = vec![(0.0, 0.0); self.cases.saturating_sub(taken.len())];
        all.extend(taken);
        all.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    /// As the background of a server, the busiest first: bursts at random, each as long as those
    /// were on the average.
    fn specs(&self, system: &str) -> Vec<Background> {
        let mut rest = (0.0, 0.0);
        let mut told = Vec::new();
        for (name, taken) in &self.taken {
            let (dispatches, cores) = self.usual(taken);
            if cores >= TOLD {
                told.push((name.as_str(), (dispatches, cores)));
            } else {
                rest = (rest.0 + dispatches, rest.1 + cores);
            }
        }
        told.sort_by(|(_, one), (_, other)| other.1.total_cmp(&one.1));
        told.push((REST, rest));
        told.retain(|(_, (dispatches, cores))| dispatches.min(*cores) > 0.0);
        let spec = |(name, (dispatches, cores)): (&str, (f64, f64))| {
            let exponential = |seconds: f64| Distribution::Exponential {
                floor: Duration::ZERO,
                mean: Duration((seconds * 1e9).max(1.0) as u64),
            };
            let gap = exponential((1.0 - cores).max(0.0) / dispatches);
            let activity = Activity::Bursts { gap, work: exponential(cores / dispatches) };
            Background { system: Some(system.into()), name: name.into(), activity }
        };
        told.into_iter().map(spec).collect()
    }

    /// Puts them into a profile as those of a kind of system, in place of those that an earlier
    /// calibration of it found, or one that did not say of which; a line each.
    pub(super) fn add_to(&self, profile: &mut Profile, system: &str) -> Vec<String> {
        let found = self.specs(system);
        let line = |of: &Background| {
            format!("  {:<24} {:>8.2} %  of a core", of.name, of.activity.mean_cores() * 100.0)
        };
        let lines = found.iter().map(line).collect();
        let background = &mut profile.server.background;
        background.retain(|of| of.system.as_deref().is_some_and(|of| of != system));
        background.extend(found);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_the_model_has_not_are_a_servers_background() {
        let group = |name: &str, dispatches, cpu_ms: u64| ThreadGroup {
            name: name.into(),
            dispatches,
            cpu_ns: cpu_ms * 1_000_000,
            ..ThreadGroup::default()
        };
        let mut beside = Beside::default();
        let case = |ms| [group("C* CompilerThread", 20, ms), group("ticks", 10, 1)];
        for (seconds, ms) in [(4.0, 20), (5.0, 500), (5.0, 20), (6.0, 3)] {
            beside.add(seconds, case(ms).iter().chain([&group("idle", 0, 0)]));
        }
        let mut profile = Profile::load("small-vm", None).unwrap();
        let lines = beside.add_to(&mut profile, "one");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("C* CompilerThread") && lines[0].contains("0.50 %"), "{lines:?}");
        let names = |profile: &Profile| {
            profile.server.background.iter().map(|thread| thread.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&profile), ["C* CompilerThread", REST]);
        let Activity::Bursts { work, .. } = &profile.server.background[0].activity else {
            panic!()
        };
        assert_eq!(work.mean(), Duration::from_millis(1));
        beside.add_to(&mut profile, "one");
        assert_eq!(names(&profile).len(), 2, "they are replaced");
        beside.add_to(&mut profile, "another");
        beside.add_to(&mut profile, "one");
        let of = |system: &str| {
            let background = profile.server.background.iter();
            background.filter(|of| of.system.as_deref() == Some(system)).count()
        };
        assert_eq!([of("one"), of("another")], [2, 2], "each system has its own");
    }
}
