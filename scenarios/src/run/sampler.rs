//! The sampler: how busy everything is, and the value of every named level, per interval.

use std::collections::BTreeMap;

use headwater_models::batch::StreamId;
use headwater_models::protocol::Streaming;
use headwater_models::signal;
use headwater_reports::{self as reports, Gauge, Resource, ThreadGroup, Threads};
use headwater_sim::cpu::Ran;
use headwater_sim::simulation::Simulation;
use headwater_sim::units::{BytesPerSecond, NodeId};
use headwater_sim::usage::{ResourceKind, Usage};

use crate::observe::Observed;
use crate::scenario::Topology;
use crate::targets::Roster;
use crate::units::Duration;

/// A disk is outrun that was given so many times what it writes: more than what the setpoint of its
/// throttled writers, which moves a little, makes of it.
const OUTRUN: f64 = 1.05;

/// What the threads of a simulated process are called that its model does not name, and what it
/// computes on none: all of them, of many models.
const OTHER_THREADS: &str = "other threads";

/// Threads of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    node: NodeId,
    /// The pool, if the model names it.
    pool: Option<usize>,
    name: &'static str,
}

/// Samples at the end of each interval.
pub(super) struct Sampler {
    /// The gauges that the models of each system have, by its stream.
    known: Vec<Vec<&'static signal::Gauge>>,
    /// Busy time so far of each resource, at the end of each interval.
    busy: Vec<Vec<Duration>>,
    /// Bytes that the files of each disk have taken in so far, at the end of each interval.
    written: Vec<Vec<u64>>,
    /// What the threads of each group have had of cores so far, at the end of each interval.
    ran: BTreeMap<Group, Vec<Ran>>,
    samples: usize,
    /// Named levels at the end of each interval.
    gauges: BTreeMap<(NodeId, &'static str), Vec<Option<f64>>>,
}

impl Sampler {
    /// Of these systems.
    pub(super) fn new(systems: &Topology) -> Self {
        let known = systems.iter().map(|(_, part)| part.system.kind().signals().gauges).collect();
        let (busy, written, ran) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { known, busy, written, ran, samples: 0, gauges: BTreeMap::new() }
    }

    fn gauge(&self, stream: StreamId, name: &str) -> Option<&'static signal::Gauge> {
        self.known[stream.0 as usize].iter().find(|gauge| gauge.name == name).copied()
    }

    pub(super) fn sample(&mut self, sim: &Simulation<Streaming, Observed>, roster: &Roster) {
        let usage = sim.usage();
        self.busy.resize_with(usage.len(), Vec::new);
        for (busy, usage) in self.busy.iter_mut().zip(&usage) {
            busy.push(usage.busy);
        }
        for (disk, (written, _)) in sim.written().enumerate() {
            self.written.resize_with(self.written.len().max(disk + 1), Vec::new);
            self.written[disk].push(written);
        }
        for (node, _) in roster.iter() {
            let mut rest = sim.cpu_time(node);
            for (pool, (spec, ran)) in sim.pools(node).enumerate() {
                if !spec.name.is_empty() {
                    let group = Group { node, pool: Some(pool), name: spec.name };
                    self.ran.entry(group).or_default().push(ran);
                    rest = rest.saturating_sub(ran.cpu);
                }
            }
            let group = Group { node, pool: None, name: OTHER_THREADS };
            self.ran.entry(group).or_default().push(Ran { cpu: rest, ..Ran::default() });
            for (name, gauge) in sim.gauges(node) {
                let series = self.gauges.entry((node, name)).or_default();
                series.resize(self.samples, None);
                series.push(Some(gauge.value as f64));
            }
        }
        self.samples += 1;
    }

    /// The levels that are limits, or that are none, with their names (`broker-1/queue`) and units.
    fn named(
        &self,
        roster: &Roster,
        limits: bool,
    ) -> BTreeMap<String, (&'static str, &Vec<Option<f64>>)> {
        let named = self.gauges.iter().filter_map(|((node, name), values)| {
            let gauge = self.gauge(roster.stream(*node), name);
            let unit = gauge.map_or("", |gauge| gauge.unit);
            let wanted = gauge.is_some_and(|gauge| gauge.limit) == limits;
            wanted.then(|| (format!("{}/{name}", roster.name(*node)), (unit, values)))
        });
        named.collect()
    }

    /// The named levels, by node and name.
    pub(super) fn gauges(&self, roster: &Roster) -> Vec<Gauge> {
        let named = self.named(roster, false).into_iter();
        named
            .map(|(name, (unit, values))| Gauge { unit: unit.into(), name, values: values.clone() })
            .collect()
    }

    /// The limits that the models report: the share of the samples in which each was reached.
    fn limits(
        &self,
        roster: &Roster,
        (first, last): (usize, usize),
    ) -> impl Iterator<Item = Resource> {
        let limits = self.named(roster, true);
        limits.into_iter().map(move |(name, (_, values))| {
            let series: Vec<f64> = values.iter().map(|of| of.unwrap_or(0.0) / 1_000.0).collect();
            let measured = series.get(first..last.min(series.len())).unwrap_or_default();
            let sum: f64 = measured.iter().sum();
            Resource {
                name,
                kind: reports::ResourceKind::Limit,
                utilisation_mean: sum / measured.len().max(1) as f64,
                utilisation_max: measured.iter().copied().fold(0.0, f64::max),
                series,
                queue_max: 0,
            }
        })
    }

    /// The disks whose files took in more in the window than they write, one line each.
    pub(super) fn outrun(
        &self,
        sim: &Simulation<Streaming, Observed>,
        window: (Duration, Duration),
        interval: Duration,
    ) -> Vec<String> {
        let (first, last) = self.within(window, interval);
        let usage = sim.usage();
        let disks = usage.iter().filter(|usage| usage.kind == ResourceKind::Disk);
        let each = disks.zip(sim.written()).zip(&self.written);
        let line =
            |((disk, (_, writes)), written): ((&Usage, (u64, BytesPerSecond)), &Vec<u64>)| {
                let before = |index: usize| index.checked_sub(1).map_or(0, |index| written[index]);
                let time = interval.as_secs_f64() * last.checked_sub(first)? as f64;
                let rate = (before(last) - before(first)) as f64 / time.max(f64::MIN_POSITIVE);
                let outrun = writes.0 > 0 && rate > writes.0 as f64 * OUTRUN;
                outrun.then(|| {
                    let (name, writes) = (sim.name_of(disk), writes.0 as f64 / 1e6);
                    format!("{name} writes {writes:.0} MB/s and was given {:.0} MB/s", rate / 1e6)
                })
            };
        each.filter_map(line).collect()
    }

    /// The samples within a window.
    fn within(&self, (from, until): (Duration, Duration), interval: Duration) -> (usize, usize) {
        let first = from.0.div_ceil(interval.0) as usize;
        (first, ((until.0 / interval.0) as usize).min(self.samples))
    }

    /// What CPU the threads of each process have used.
    pub(super) fn threads(
        &self,
        roster: &Roster,
        window: (Duration, Duration),
        interval: Duration,
    ) -> Threads {
        let (first, last) = self.within(window, interval);
        let group = |(group, ran): (&Group, &Vec<Ran>)| {
            let before = |index: usize| index.checked_sub(1).map_or(Ran::default(), |at| ran[at]);
            let between = |of: fn(&Ran) -> u64, from, until| {
                of(&before(until)).saturating_sub(of(&before(from)))
            };
            let within = |of| between(of, first.min(last), last);
            let cpu = |index| between(|ran| ran.cpu.0, index, index + 1) as f64 / interval.0 as f64;
            ThreadGroup {
                process: roster.name(group.node).to_owned(),
                name: group.name.into(),
                threads: 0,
                dispatches: within(|ran| ran.dispatches),
                cpu_ns: within(|ran| ran.cpu.0),
                refill_ns: within(|ran| ran.refill.0),
                from_idle: within(|ran| ran.from_idle),
                wait_ns: within(|ran| ran.waited.0),
                cpu: (0..ran.len()).map(cpu).collect(),
            }
        };
        let ran = self.ran.iter().filter(|(_, ran)| ran.iter().any(|ran| ran.cpu > Duration::ZERO));
        Threads { interval_ns: interval.0, groups: ran.map(group).collect() }
    }

    /// The resources that have a limit, with their utilisation in the window.
    pub(super) fn resources(
        &self,
        sim: &Simulation<Streaming, Observed>,
        roster: &Roster,
        window: (Duration, Duration),
        interval: Duration,
    ) -> Vec<Resource> {
        let (first, last) = self.within(window, interval);
        let limited =
            sim.usage().into_iter().zip(&self.busy).filter(|(usage, _)| usage.servers > 0);
        let resource = |(usage, busy): (Usage, &Vec<Duration>)| {
            let capacity = interval.0 as f64 * f64::from(usage.servers);
            let before = |index: usize| match index {
                0 => Duration::ZERO,
                index => busy[index - 1],
            };
            let share =
                |index: usize| busy[index].saturating_sub(before(index)).0 as f64 / capacity;
            let within = if first < last {
                let used = before(last).saturating_sub(before(first)).0 as f64;
                used / (capacity * (last - first) as f64)
            } else {
                0.0
            };
            let series: Vec<f64> = (0..busy.len()).map(share).collect();
            let measured = series.get(first..last).unwrap_or_default();
            Resource {
                name: sim.name_of(&usage),
                kind: kind(usage.kind),
                utilisation_mean: within,
                utilisation_max: measured.iter().copied().fold(0.0, f64::max),
                series,
                queue_max: usage.queued_max,
            }
        };
        limited.map(resource).chain(self.limits(roster, (first, last))).collect()
    }
}

const fn kind(kind: ResourceKind) -> reports::ResourceKind {
    match kind {
        ResourceKind::Cpu => reports::ResourceKind::Cpu,
        ResourceKind::ThreadPool => reports::ResourceKind::ThreadPool,
        ResourceKind::Disk => reports::ResourceKind::Disk,
        ResourceKind::NicOut | ResourceKind::NicIn => reports::ResourceKind::Nic,
    }
}
