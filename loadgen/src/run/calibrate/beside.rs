//! Threads of servers that the model has not: compilers that are not done yet, schedulers, clocks
//! of metrics. They take cores from those that it has, and their CPU time is the servers'.

use std::collections::BTreeMap;

use headwater_reports::ThreadGroup;
use headwater_scenarios::profile::{Background, Profile, kind_of_process};
use headwater_sim::distribution::Distribution;
use headwater_sim::other::Activity;
use headwater_sim::time::Duration;

/// Share of a core from which on threads are told by their name.
const TOLD: f64 = 0.001;

/// What the rest is called.
const REST: &str = "other threads of servers";

/// Threads of a kind that wake at once are told from others only where there are so many.
const HERD_MIN: u32 = 4;

/// What such threads took, by the kinds of their processes and their names.
#[derive(Debug, Default)]
pub(super) struct Beside {
    cases: usize,
    /// Of the cases in which there were any.
    taken: BTreeMap<(String, String), Vec<Taken>>,
}

/// What threads of a name took in a case.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// Dispatches a second.
    dispatches: f64,
    /// CPU time in seconds, a second.
    cores: f64,
    /// How many of them wake at once.
    herd: u32,
}

/// What is looked at of a case: how many seconds, and which of the sampler's intervals, of how many
/// seconds each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) seconds: f64,
    pub(super) intervals: (usize, usize),
    pub(super) interval: f64,
}

impl Window {
    /// How many threads of a kind wake at once. Wherever one of them wakes, in an interval with any
    /// CPU time, all do; how often that is follows from the share of intervals without.
    fn herd(&self, group: &ThreadGroup, dispatches: f64) -> u32 {
        let (from, until) = self.intervals;
        let of = group.cpu.get(from..until.min(group.cpu.len())).unwrap_or_default();
        let without = of.iter().filter(|share| **share == 0.0).count();
        if group.threads < HERD_MIN || without == 0 || without == of.len() {
            return 1;
        }
        let wakes = -(without as f64 / of.len() as f64).ln() / self.interval;
        let herd = (dispatches / wakes).round().clamp(1.0, f64::from(group.threads)) as u32;
        if herd < HERD_MIN { 1 } else { herd }
    }
}

impl Beside {
    /// Adds what they took in a case.
    pub(super) fn add<'a>(
        &mut self,
        window: &Window,
        groups: impl Iterator<Item = &'a ThreadGroup>,
    ) {
        self.cases += 1;
        let mut of_case: BTreeMap<(&str, &str), Taken> = BTreeMap::new();
        for group in groups {
            let of = of_case.entry((kind_of_process(&group.process), &group.name)).or_default();
            let dispatches = group.dispatches as f64 / window.seconds.max(1e-9);
            of.dispatches += dispatches;
            of.cores += group.cpu_ns as f64 / 1e9 / window.seconds.max(1e-9);
            of.herd = of.herd.max(window.herd(group, dispatches));
        }
        for ((process, name), taken) in of_case {
            self.taken.entry((process.to_owned(), name.to_owned())).or_default().push(taken);
        }
    }

    /// What they took in the case in the middle: in some a compiler has met what is new to it.
    fn usual(&self, taken: &[Taken]) -> Taken {
        let mut all = vec![Taken::default(); self.cases.saturating_sub(taken.len())];
        all.extend(taken);
        all.sort_by(|one, other| one.cores.total_cmp(&other.cores));
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    /// As the background of a server, the busiest first: bursts at random, each as long as those
    /// were on the average, of as many threads as woke at once.
    fn specs(&self, system: &str) -> Vec<Background> {
        let mut rests: BTreeMap<&str, Taken> = BTreeMap::new();
        let mut told = Vec::new();
        for ((process, name), taken) in &self.taken {
            let usual = self.usual(taken);
            if usual.cores >= TOLD {
                told.push((process.as_str(), name.as_str(), usual));
            } else {
                let rest = rests.entry(process).or_insert(Taken { herd: 1, ..Taken::default() });
                rest.dispatches += usual.dispatches;
                rest.cores += usual.cores;
            }
        }
        told.sort_by(|(.., one), (.., other)| other.cores.total_cmp(&one.cores));
        told.extend(rests.into_iter().map(|(process, rest)| (process, REST, rest)));
        told.retain(|(.., of)| of.dispatches.min(of.cores) > 0.0);
        let spec = |(process, name, Taken { dispatches, cores, herd }): (&str, &str, Taken)| {
            let exponential = |seconds: f64| Distribution::Exponential {
                floor: Duration::ZERO,
                mean: Duration((seconds * 1e9).max(1.0) as u64),
            };
            let wakes = dispatches / f64::from(herd);
            let gap = exponential((1.0 - cores).max(0.0) / wakes);
            let activity = Activity::Bursts { gap, work: exponential(cores / dispatches) };
            let (system, process) = (Some(system.into()), Some(process.into()));
            Background { system, process, name: name.into(), herd, activity }
        };
        told.into_iter().map(spec).collect()
    }

    /// Puts them into a profile as those of a kind of system, in place of those that an earlier
    /// calibration of it found, or one that did not say of which; a line each.
    pub(super) fn add_to(&self, profile: &mut Profile, system: &str) -> Vec<String> {
        let found = self.specs(system);
        let line = |of: &Background| {
            let herd = match of.herd {
                1 => String::new(),
                herd => format!(", {herd} threads at once"),
            };
            format!("  {:<24} {:>8.2} %  of a core{herd}", of.name, of.mean_cores() * 100.0)
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
            process: "server-1".into(),
            name: name.into(),
            dispatches,
            cpu_ns: cpu_ms * 1_000_000,
            ..ThreadGroup::default()
        };
        let mut beside = Beside::default();
        let case = |ms| [group("C* CompilerThread", 20, ms), group("ticks", 10, 1)];
        for (seconds, ms) in [(4.0, 20), (5.0, 500), (5.0, 20), (6.0, 3)] {
            let window = Window { seconds, intervals: (0, 40), interval: 0.1 };
            beside.add(&window, case(ms).iter().chain([&group("idle", 0, 0)]));
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
        assert_eq!(profile.server.background[0].process.as_deref(), Some("server"));
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
    #[test]
    fn threads_that_wake_at_once_are_a_herd() {
        // 200 threads, three times in a second; as many dispatches at any time; and two threads.
        let threads = |threads, every: usize| ThreadGroup {
            name: "pool".into(),
            threads,
            dispatches: 600 * 10,
            cpu_ns: 90_000_000,
            cpu: (0..100).map(|at| if at % every == 0 { 0.03 } else { 0.0 }).collect(),
            ..ThreadGroup::default()
        };
        let window = Window { seconds: 10.0, intervals: (0, 100), interval: 0.1 };
        let herd = |group: ThreadGroup| {
            let mut beside = Beside::default();
            beside.add(&window, [&group].into_iter());
            let [spec] = &beside.specs("one")[..] else { panic!("one name") };
            let Activity::Bursts { gap, work } = &spec.activity else { panic!("bursts") };
            assert_eq!((work.mean().0 + 50) / 100, 150, "15 us");
            let apart = gap.mean() + work.mean() * u64::from(spec.herd);
            (spec.herd, (spec.mean_cores() * 1e4).round() as u32, (apart.0 + 500_000) / 1_000_000)
        };
        // A third of the intervals, by chance, is 4 wakes a second.
        assert_eq!(herd(threads(200, 3)), (144, 90, 240));
        assert_eq!(herd(threads(200, 1)), (1, 90, 2));
        assert_eq!(herd(threads(2, 3)), (1, 90, 2));
    }
}
