//! Who runs on the machine's cores, from `/proc`: the threads of the generator and of the cluster
//! (`/proc/PID/task/TID/schedstat`; Documentation/scheduler/sched-stats.rst @ Linux), and processes
//! that are neither (`/proc/PID/stat`, proc(5)).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use headwater_reports::outcome::Window;
use headwater_reports::{ThreadGroup, Threads};

use crate::utilisation::{TICKS_PER_SECOND, Watched, stat_fields, stolen_seconds};
use crate::wall_clock::{Step, WallClock};

/// The generator, as a process among those of the cluster.
pub(crate) const GENERATOR: &str = "generator";

/// Samples of a run at the least, where it is long enough for intervals of 100 ms.
const SAMPLES: u64 = 20;

/// Longest and shortest interval between two samples, nanoseconds.
const INTERVALS_NS: [u64; 2] = [100_000_000, 1_000_000_000];

/// What a thread has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    cpu_ns: u64,
    wait_ns: u64,
    dispatches: u64,
}

impl Usage {
    /// From the text of a `schedstat`.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || fields.next()?.ok();
        Some(Self { cpu_ns: next()?, wait_ns: next()?, dispatches: next()? })
    }

    fn since(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            wait_ns: self.wait_ns.saturating_sub(before.wait_ns),
            dispatches: self.dispatches.saturating_sub(before.dispatches),
        }
    }

    fn add(&mut self, other: Self) {
        self.cpu_ns += other.cpu_ns;
        self.wait_ns += other.wait_ns;
        self.dispatches += other.dispatches;
    }
}

/// A thread that was seen.
#[derive(Clone, Debug)]
struct Seen {
    process: String,
    /// Its name, of which Linux keeps 15 characters.
    name: String,
    last: Usage,
    /// Within the window.
    total: Usage,
    cpu: Vec<f64>,
}

/// A thread in `/proc`.
pub(crate) struct Task {
    /// Its id.
    pub(crate) id: u32,
    folder: PathBuf,
}

impl Task {
    /// The threads of a process.
    pub(crate) fn all_of(pid: u32) -> impl Iterator<Item = Self> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| {
            let id = task.file_name().to_str()?.parse().ok()?;
            Some(Self { id, folder: task.path() })
        })
    }

    fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(file)).ok()
    }

    /// Its name, of which Linux keeps 15 characters.
    fn name(&self) -> Option<String> {
        Some(self.read("comm")?.trim_end().to_owned())
    }

    fn usage(&self) -> Option<Usage> {
        Usage::parse(&self.read("schedstat")?)
    }
}

/// CPU time that the compilers of a JVM have used so far, nanoseconds.
pub(crate) fn compilers_ns(pid: u32) -> u64 {
    let compiles = |task: &Task| task.name().is_some_and(|name| name.contains("CompilerThre"));
    let used = |task: Task| task.usage().map(|usage| usage.cpu_ns);
    Task::all_of(pid).filter(compiles).filter_map(used).sum()
}

/// Names of threads by their ids, in full, where their process has told.
pub(crate) type FullNames = BTreeMap<u32, String>;

/// Samples threads and processes at the end of each interval.
pub(crate) struct Sampler {
    watched: Watched,
    window: Window,
    interval: u64,
    /// Samples taken, the first of them at the start.
    samples: usize,
    threads: BTreeMap<u32, Seen>,
    others: Others,
    clock: WallClock,
}

impl Sampler {
    /// Watches this process and `watched` in a run of `length` nanoseconds.
    pub(crate) fn new(watched: Watched, window: Window, length: u64) -> Self {
        let [least, most] = INTERVALS_NS;
        Self::every((length / SAMPLES / least * least).clamp(least, most), watched, window)
    }

    /// The same, every so many nanoseconds.
    pub(crate) fn every(interval: u64, watched: Watched, window: Window) -> Self {
        let threads = BTreeMap::new();
        let (others, clock) = (Others::default(), WallClock::default());
        Self { watched, window, interval, samples: 0, threads, others, clock }
    }

    /// Samples if one is due at `now` (nanoseconds): at the start, and at the end of each interval.
    pub(crate) fn sample(&mut self, now: u64) {
        if now < self.samples as u64 * self.interval {
            return;
        }
        let watched = self.watched.lock().map(|watched| watched.clone()).unwrap_or_default();
        let (from, until) = (self.window.from_ns, self.window.until_ns);
        let end = self.samples as u64 * self.interval;
        let inside = self.samples > 0 && end >= from + self.interval && end <= until;
        let own = (GENERATOR.to_owned(), std::process::id());
        for (process, pid) in watched.iter().chain([&own]) {
            self.sample_process(process, *pid, inside);
        }
        let ours: Vec<u32> = watched.iter().chain([&own]).map(|(_, pid)| *pid).collect();
        self.others.sample(&ours, inside);
        self.clock.look(now);
        self.samples += 1;
        // A sample that is an interval late stands for those that were left out.
        while now >= self.samples as u64 * self.interval {
            self.samples += 1;
        }
    }

    /// `inside`: the interval that is over lies within the window.
    fn sample_process(&mut self, process: &str, pid: u32, inside: bool) {
        for task in Task::all_of(pid) {
            let Some(usage) = task.usage() else { continue };
            // What was used before the start is not the run's.
            let first = if self.samples == 0 { usage } else { Usage::default() };
            let seen = self.threads.entry(task.id).or_insert_with(|| Seen {
                process: process.to_owned(),
                name: task.name().unwrap_or_default(),
                last: first,
                total: Usage::default(),
                cpu: vec![],
            });
            let used = usage.since(seen.last);
            seen.last = usage;
            if self.samples > 0 {
                seen.cpu.resize(self.samples - 1, 0.0);
                seen.cpu.push(used.cpu_ns as f64 / self.interval as f64);
                if inside {
                    seen.total.add(used);
                }
            }
        }
    }

    /// What was found, with threads named in full as `names` has them.
    pub(crate) fn finish(self, names: &FullNames) -> (Threads, Disturbance) {
        let mut groups: BTreeMap<(String, String), ThreadGroup> = BTreeMap::new();
        for (id, seen) in self.threads {
            let name = without_numbers(names.get(&id).unwrap_or(&seen.name));
            let key = (seen.process.clone(), name.clone());
            let empty = ThreadGroup { process: seen.process, name, ..ThreadGroup::default() };
            let group = groups.entry(key).or_insert(empty);
            group.threads += 1;
            group.dispatches += seen.total.dispatches;
            group.cpu_ns += seen.total.cpu_ns;
            group.wait_ns += seen.total.wait_ns;
            if group.cpu.len() < seen.cpu.len() {
                group.cpu.resize(seen.cpu.len(), 0.0);
            }
            group.cpu.iter_mut().zip(&seen.cpu).for_each(|(all, one)| *all += one);
        }
        let mut groups: Vec<ThreadGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.cpu_ns));
        let interval_ns = if groups.is_empty() { 0 } else { self.interval };
        let steps = self.clock.steps();
        (Threads { interval_ns, groups }, Disturbance { steps, ..self.others.found(self.interval) })
    }
}

/// A thread's name without its numbers: what threads of one kind have in common.
fn without_numbers(name: &str) -> String {
    let mut text = String::new();
    for part in name.split(|letter: char| letter.is_ascii_digit()) {
        // Several digits are one number.
        if !part.is_empty() || text.is_empty() {
            text += if text.is_empty() { "" } else { "*" };
            text += part;
        }
    }
    text.trim_end_matches(['-', '#', '_', ' ', '*']).to_owned()
}

/// What disturbed a run: CPU that processes took which are neither the generator's nor the
/// cluster's, and a clock that was set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Disturbance {
    /// Cores that they took, on average over the window.
    pub(crate) cores: f64,
    /// The same of the worst interval.
    pub(crate) cores_max: f64,
    /// Who took most, with cores, the busiest first.
    pub(crate) who: Vec<(String, f64)>,
    /// Steps of the wall clock.
    pub(crate) steps: Vec<Step>,
}

/// What a process has used, in ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Process {
    name: String,
    parent: u32,
    own: u64,
    /// Of children that have ended.
    ended: u64,
}

/// Processes that are not ours.
#[derive(Debug, Default)]
struct Others {
    /// The most that they had used together at any sample. What a process used goes over to its
    /// parent when it ends, so that their sum never falls, except for a moment.
    most: Option<u64>,
    last: BTreeMap<u32, Process>,
    intervals: u32,
    ticks: u64,
    ticks_max: u64,
    who: BTreeMap<String, u64>,
}

/// The kernel's own threads are children of this process (kthreadd).
const KERNEL: u32 = 2;

impl Others {
    /// An interval is over; it counts if it is `inside` of the window.
    fn sample(&mut self, ours: &[u32], inside: bool) {
        self.add(not_ours(processes(), ours), inside);
    }

    fn add(&mut self, now: BTreeMap<u32, Process>, inside: bool) {
        let sum: u64 = now.values().map(|process| process.own + process.ended).sum();
        let used = self.most.map_or(0, |most| sum.saturating_sub(most));
        if inside {
            self.intervals += 1;
            self.ticks += used;
            self.ticks_max = self.ticks_max.max(used);
            let mut rest = used;
            for (pid, process) in &now {
                let before = self.last.get(pid).filter(|last| last.name == process.name);
                let passed = process.own.saturating_sub(before.map_or(0, |last| last.own));
                let passed = passed.min(rest);
                rest -= passed;
                if passed > 0 {
                    *self.who.entry(process.name.clone()).or_default() += passed;
                }
            }
            if rest > 0 {
                *self.who.entry("processes that ended".into()).or_default() += rest;
            }
        }
        self.most = Some(self.most.unwrap_or(0).max(sum));
        self.last = now;
    }

    fn found(self, interval_ns: u64) -> Disturbance {
        let ticks = interval_ns as f64 / 1e9 * TICKS_PER_SECOND;
        let all = ticks * f64::from(self.intervals.max(1));
        let mut who: Vec<(String, f64)> =
            self.who.into_iter().map(|(name, used)| (name, used as f64 / all)).collect();
        who.sort_by(|left, right| right.1.total_cmp(&left.1));
        who.truncate(3);
        Disturbance {
            cores: self.ticks as f64 / all,
            cores_max: self.ticks_max as f64 / ticks,
            who,
            steps: vec![],
        }
    }
}

/// What else uses the machine from one moment on, beside this process and what it starts.
#[derive(Debug)]
pub(crate) struct Beside {
    others: Others,
    since: Instant,
    /// Seconds that other machines had taken then.
    stolen: f64,
}

impl Beside {
    /// From now on.
    pub(crate) fn from_now() -> Self {
        let mut others = Others::default();
        others.sample(&[std::process::id()], false);
        Self { others, since: Instant::now(), stolen: stolen_seconds() }
    }

    /// What other processes have taken until now, and how many cores other machines have.
    pub(crate) fn until_now(mut self) -> (Disturbance, f64) {
        self.others.sample(&[std::process::id()], true);
        let passed = self.since.elapsed();
        let stolen = (stolen_seconds() - self.stolen) / passed.as_secs_f64().max(1e-3);
        (self.others.found(passed.as_nanos() as u64), stolen)
    }
}

/// Every process there is.
fn processes() -> BTreeMap<u32, Process> {
    let of = |entry: std::fs::DirEntry| -> Option<(u32, Process)> {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        Some((pid, process(&text)?))
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(of).collect()
}

/// A process by its line in `stat`.
fn process(text: &str) -> Option<Process> {
    let (name, fields) = stat_fields(text)?;
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        name: name.to_owned(),
        parent: number(1)? as u32,
        own: number(11)? + number(12)?,
        ended: number(13)? + number(14)?,
    })
}

/// Those that are neither the kernel's nor `ours`, nor descended from these.
fn not_ours(all: BTreeMap<u32, Process>, ours: &[u32]) -> BTreeMap<u32, Process> {
    let roots = [ours, &[KERNEL]].concat();
    let is_of = |pid: u32, roots: &[u32]| {
        let mut at = pid;
        // A chain of parents is no longer than there are processes.
        for _ in 0..=all.len() {
            if roots.contains(&at) {
                return true;
            }
            match all.get(&at) {
                Some(process) if process.parent != 0 => at = process.parent,
                _ => return false,
            }
        }
        false
    };
    let kept: Vec<u32> = all.keys().copied().filter(|pid| !is_of(*pid, &roots)).collect();
    let mut all = all;
    all.retain(|pid, _| kept.contains(pid));
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn used(name: &str, parent: u32, own: u64, ended: u64) -> Process {
        Process { name: name.into(), parent, own, ended }
    }

    #[test]
    fn threads_of_one_kind_have_one_name() {
        let kinds = [
            ("data-plane-request-handler-7", "data-plane-request-handler"),
            (
                "data-plane-network-thread-1-ListenerName(A)-A-0",
                "data-plane-network-thread-*-ListenerName(A)-A",
            ),
            ("GC Thread#12", "GC Thread"),
            ("C2 CompilerThre", "C*CompilerThre"),
            ("pacer", "pacer"),
        ];
        for (name, kind) in kinds {
            let got = without_numbers(name);
            assert_eq!(got.replace("* ", "*"), kind, "{name}");
        }
    }

    #[test]
    fn the_threads_of_this_process_are_found_with_what_they_used() {
        let window = Window { from_ns: 0, until_ns: 200_000_000 };
        let mut sampler = Sampler::new(Watched::default(), window, 200_000_000);
        sampler.sample(0);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let spin = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        let busy = std::thread::Builder::new().name("busy-17".into()).spawn(spin).unwrap();
        let waits = |id: &str| std::fs::read_to_string(id).is_ok_and(|text| text.contains("busy"));
        let tasks = || std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let ran = || tasks().find(|task| waits(&format!("{}/comm", task.path().display())));
        let ns = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            Usage::parse(&text).map_or(0, |usage| usage.cpu_ns)
        };
        while ran().map_or(0, ns) < 10_000_000 {
            std::thread::yield_now();
        }
        sampler.sample(100_000_000);
        stop.store(true, Ordering::Relaxed);
        busy.join().unwrap();
        let (threads, _) = sampler.finish(&FullNames::new());
        let group = threads.groups.iter().find(|group| group.name == "busy").expect("it ran");
        assert_eq!((group.process.as_str(), group.threads), (GENERATOR, 1));
        assert!(group.cpu_ns >= 10_000_000 && group.dispatches > 0, "{group:?}");
        assert_eq!(group.cpu.len(), 1);
    }

    #[test]
    fn what_is_ours_or_the_kernels_is_nobody_elses() {
        let all = BTreeMap::from([
            (1, used("init", 0, 5, 0)),
            (2, used("kthreadd", 0, 5, 0)),
            (3, used("kworker", 2, 5, 0)),
            (10, used("loadgen", 1, 5, 0)),
            (11, used("guard", 10, 5, 0)),
            (12, used("java", 11, 5, 0)),
            (20, used("rustc", 1, 5, 0)),
        ]);
        // A cluster that was there before is not one of ours by descent.
        assert_eq!(not_ours(all.clone(), &[10, 20]).into_keys().collect::<Vec<_>>(), [1]);
        assert_eq!(not_ours(all, &[10]).into_keys().collect::<Vec<_>>(), [1, 20]);
    }

    #[test]
    fn a_process_that_comes_and_goes_between_samples_is_seen_through_its_parent() {
        let mut others = Others::default();
        others.add(BTreeMap::from([(1, used("make", 0, 10, 0))]), false);
        others.add(BTreeMap::from([(1, used("make", 0, 10, 0)), (2, used("cc", 1, 30, 0))]), true);
        // The compiler has ended: what it used is its parent's.
        others.add(BTreeMap::from([(1, used("make", 0, 11, 50))]), true);
        let found = others.found(1_000_000_000);
        assert!((found.cores - 0.255).abs() < 1e-9, "51 ticks in 2 s: {found:?}");
        assert!((found.cores_max - 0.3).abs() < 1e-9, "{found:?}");
        let who: Vec<&str> = found.who.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(who, ["cc", "processes that ended", "make"]);
    }
}
