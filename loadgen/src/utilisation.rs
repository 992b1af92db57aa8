//! How busy the machine and the launched processes are, from `/proc` (proc(5)).

use std::sync::{Arc, Mutex, OnceLock};

use headwater_reports::outcome::Window;
use headwater_reports::{Resource, ResourceKind};

/// Processes to watch: name and id. A restarted process has another id.
pub(crate) type Watched = Arc<Mutex<Vec<(String, u32)>>>;

/// One source of busy time.
struct Source {
    name: String,
    /// Busy ticks so far, at the last sample.
    last: u64,
    /// Utilisation by interval, 0 to 1.
    series: Vec<f64>,
}

/// Time in which the machine's cores were ready to run and the hypervisor ran something else
/// (`steal` of proc(5)).
pub(crate) const STOLEN: &str = "machine/stolen";

/// Samples at the end of each interval.
pub(crate) struct UtilisationSampler {
    watched: Watched,
    window: Window,
    interval: u64,
    cores: f64,
    /// The machine, what was stolen from it, the generator, then the watched processes by name.
    sources: Vec<Source>,
    intervals: usize,
}

/// Clock ticks of a second, which `/proc` counts in: `USER_HZ` is 100 on every Linux architecture
/// that Rust's standard library supports (`include/asm-generic/param.h` @ Linux).
pub(crate) const TICKS_PER_SECOND: f64 = 100.0;

impl UtilisationSampler {
    /// Watches the machine, this process and `watched`.
    pub(crate) fn new(watched: Watched, window: Window, interval: u64) -> Self {
        let cores = cores() as f64;
        let source = |name: &str, last| Source { name: name.into(), last, series: vec![] };
        let sources = vec![
            source("machine/cpu", machine_ticks().busy),
            source(STOLEN, machine_ticks().stolen),
            source("generator/cpu", process_ticks(std::process::id()).unwrap_or(0)),
        ];
        Self { watched, window, interval, cores, sources, intervals: 0 }
    }

    /// The interval that ends at `at` (nanoseconds) is over.
    pub(crate) fn sample(&mut self, _at: u64) {
        let watched = self.watched.lock().map(|watched| watched.clone()).unwrap_or_default();
        let ticks = self.interval as f64 / 1e9 * TICKS_PER_SECOND * self.cores;
        for (name, pid) in &watched {
            let name = format!("{name}/cpu");
            if !self.sources.iter().any(|source| source.name == name) {
                let (last, series) = (process_ticks(*pid).unwrap_or(0), vec![0.0; self.intervals]);
                self.sources.push(Source { name, last, series });
            }
        }
        let machine = machine_ticks();
        let now = |index: usize, name: &str| match index {
            0 => Some(machine.busy),
            1 => Some(machine.stolen),
            2 => process_ticks(std::process::id()),
            _ => {
                let is_named = |(have, _): &&(String, u32)| name.strip_suffix("/cpu") == Some(have);
                watched.iter().find(is_named).and_then(|(_, pid)| process_ticks(*pid))
            }
        };
        for (index, source) in self.sources.iter_mut().enumerate() {
            let busy = now(index, &source.name).unwrap_or(0);
            // A process that was started again counts from zero.
            let passed = busy.checked_sub(source.last).unwrap_or(busy);
            source.last = busy;
            source.series.push((passed as f64 / ticks).min(1.0));
        }
        self.intervals += 1;
    }

    /// What was found, over the window.
    pub(crate) fn resources(self) -> Vec<Resource> {
        let from = (self.window.from_ns / self.interval) as usize;
        let until = (self.window.until_ns / self.interval) as usize;
        let measured = |source: Source| {
            let end = until.min(source.series.len());
            let inside = &source.series[from.min(end)..end];
            let mean = inside.iter().sum::<f64>() / inside.len().max(1) as f64;
            Resource {
                name: source.name,
                kind: ResourceKind::Cpu,
                utilisation_mean: mean,
                utilisation_max: inside.iter().copied().fold(0.0, f64::max),
                series: source.series,
                queue_max: 0,
            }
        };
        self.sources.into_iter().map(measured).collect()
    }
}

/// Logical cores that this process may use, before it keeps itself to some of them
/// ([`crate::placement`]): as many as when this was asked first.
pub(crate) fn cores() -> u32 {
    static CORES: OnceLock<u32> = OnceLock::new();
    let count = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    *CORES.get_or_init(count)
}

/// CPU time of a process so far, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    process_ticks(pid).map(|ticks| ticks as f64 / TICKS_PER_SECOND)
}

/// CPU time of this process so far, in seconds.
pub(crate) fn own_cpu_seconds() -> Option<f64> {
    cpu_seconds(std::process::id())
}

/// User and system time of a process and its threads, in ticks.
fn process_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat_fields(&stat)?;
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(ticks(11)? + ticks(12)?)
}

/// Time that cores were ready to run and the host ran something else so far, seconds; zero where
/// nothing says.
pub(crate) fn stolen_seconds() -> f64 {
    machine_ticks().stolen as f64 / TICKS_PER_SECOND
}

/// The name in a line of `/proc/PID/stat`, and the fields behind it: it stands in parentheses and
/// may hold anything.
pub(crate) fn stat_fields(stat: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = stat.rsplit_once(')')?;
    Some((name.split_once('(')?.1, rest.split_whitespace().collect()))
}

/// What became of the time of all cores so far, in ticks.
#[derive(Clone, Copy, Debug, Default)]
struct MachineTicks {
    busy: u64,
    stolen: u64,
}

fn machine_ticks() -> MachineTicks {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let field = |text: &str| text.parse::<u64>().unwrap_or(0);
    let fields: Vec<u64> = line.split_whitespace().skip(1).map(field).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, stolen, ..] = fields[..] else {
        return MachineTicks::default();
    };
    MachineTicks { busy: user + nice + system + irq + softirq, stolen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_taken_of_the_machine_and_of_this_process() {
        let watched = Watched::default();
        let window = Window { from_ns: 0, until_ns: 2_000 };
        let mut sampler = UtilisationSampler::new(watched, window, 1_000);
        sampler.sample(1_000);
        sampler.sample(2_000);
        let resources = sampler.resources();
        let names: Vec<&str> = resources.iter().map(|resource| resource.name.as_str()).collect();
        assert_eq!(names, ["machine/cpu", STOLEN, "generator/cpu"]);
        for resource in &resources {
            assert_eq!(resource.series.len(), 2, "{resource:?}");
            assert!((0.0..=1.0).contains(&resource.utilisation_mean), "{resource:?}");
        }
    }
}
