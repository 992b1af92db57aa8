//! Warming up: traffic before the measurement, until the cluster answers as it goes on to.
//!
//! A JVM interprets what it has not compiled yet, and compiles what is called often, on threads
//! that want cores like any other: on one core of its own a broker has still a third of it taken by
//! them after 45 s of a thousand requests a second, with latencies that seem to stay. So it is
//! exercised first, by many requests and by many batches, on all cores, until its compilers rest;
//! then comes the scenario's traffic, without its bursts and its faults, until its latency stays as
//! well. All of it goes to topics or streams of their own that are removed afterwards; nothing of
//! it is in the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headwater_reports::outcome::{self, Window};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::random::Seed;

use super::{Interrupt, named};
use crate::arguments::WarmUp;
use crate::clock::Clock;
use crate::collect::Collector;
use crate::failure::{Failure, Result};
use crate::pacing::{Pace, Pacer};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::prepare::prepare;
use crate::progress::ProgressLine;
use crate::sampler::{self, Sampler};
use crate::systems::client::Observer;
use crate::systems::system::{Cluster, Connection, Source};
use crate::terminal;
use crate::utilisation::{UtilisationSampler, Watched};

/// Longest exercise that compilers decide about, for each server: they share the cores that there
/// are.
const EXERCISE: Duration = Duration::from_secs(75);

/// Longest traffic of the scenario's own that medians decide about.
const LONGEST: Duration = Duration::from_secs(45);

/// Compilers rest when they take no more than this of a core, for so many seconds.
const RESTING: f64 = 0.05;
const RESTS: usize = 3;

/// Seconds whose medians are looked at.
const LOOKED_AT: usize = 6;

/// How far the medians of these seconds may lie apart, and the means of their two halves, as a
/// share: warm, they repeat within 4 %.
const SPREAD: f64 = 0.15;
const DRIFT: f64 = 0.04;

/// Whether the medians (nanoseconds, one a second) stay.
fn stationary(medians: &[Option<u64>]) -> bool {
    let Some(last) = medians.len().checked_sub(LOOKED_AT).map(|from| &medians[from..]) else {
        return false;
    };
    let Some(last) = last.iter().copied().collect::<Option<Vec<u64>>>() else { return false };
    let (least, most) =
        last.iter().fold((u64::MAX, 0), |(low, high), one| (low.min(*one), high.max(*one)));
    let mean = |half: &[u64]| half.iter().sum::<u64>() as f64 / half.len() as f64;
    let (first, second) = last.split_at(LOOKED_AT / 2);
    let (before, after) = (mean(first), mean(second));
    most as f64 <= least as f64 * (1.0 + SPREAD) && (after - before).abs() <= before * DRIFT
}

/// Warms `cluster` up as asked; none if it is not.
pub(super) fn warm_up(
    plan: &RunPlan,
    cluster: &Cluster,
    source: &Source,
    placement: &Placement,
    interrupt: &Interrupt,
) -> Result<Option<outcome::WarmUp>> {
    let (auto, longest) = match plan.warm_up {
        WarmUp::Auto if *source == Source::Launch && plan.system.runs_on_jvms() => (true, LONGEST),
        WarmUp::Auto => return Ok(None),
        WarmUp::For(time) if time.0 == 0 => return Ok(None),
        WarmUp::For(time) => (false, Duration::from_nanos(time.0)),
    };
    let exercised = if auto { exercise(plan, cluster, placement, interrupt)? } else { 0 };
    let traffic = plain(&plan.scenario, longest);
    terminal::note(match auto {
        true => format!("warming up until medians stay, for {} s at the most", longest.as_secs()),
        false => format!("warming up for {:.1} s", longest.as_secs_f64()),
    });
    let mut compilers = Compilers::of(cluster);
    let mut enough = |medians: &[Option<u64>]| auto && compilers.rest() && stationary(medians);
    let mut warmed = send(plan, &traffic, cluster, &mut enough, interrupt)?;
    warmed.duration_ns += exercised;
    warmed.compilers_percent = auto.then(|| (compilers.share() * 100.0).round() as u32);
    terminal::note(tell(&warmed, auto));
    Ok(Some(warmed))
}

/// Has the cluster compile what it will need, on all cores: how long it took, nanoseconds.
fn exercise(
    plan: &RunPlan,
    cluster: &Cluster,
    placement: &Placement,
    interrupt: &Interrupt,
) -> Result<u64> {
    let mut taken_ns = 0;
    let lent = cluster.launched.as_ref().map(|launched| placement.lend(&launched.watched));
    for scenario in plan.system.exercises(&plan.scenario) {
        let servers = plan.system.servers(&scenario).len().max(1) as u32;
        let traffic = plain(&scenario, EXERCISE * servers);
        let mut compilers = Compilers::of(cluster);
        taken_ns +=
            send(plan, &traffic, cluster, &mut |_| compilers.rest(), interrupt)?.duration_ns;
        let (seconds, share) = (taken_ns as f64 / 1e9, compilers.share());
        terminal::note(format_args!(
            "exercised for {seconds:.0} s: its compilers take {share:.2} of a core by now"
        ));
    }
    drop(lent);
    Ok(taken_ns)
}

/// The compiler threads of a launched cluster's JVMs, looked at once a second.
struct Compilers {
    watched: Watched,
    /// Nanoseconds of CPU so far, and when, for each look.
    looks: Vec<(Instant, u64)>,
}

impl Compilers {
    fn of(cluster: &Cluster) -> Self {
        let watched = cluster.launched.as_ref().map(|launched| Arc::clone(&launched.watched));
        Self { watched: watched.unwrap_or_default(), looks: vec![] }
    }

    /// Whether they have rested for a while. Looks if a second has passed since the last look.
    fn rest(&mut self) -> bool {
        if self.looks.last().is_none_or(|(at, _)| at.elapsed() >= Duration::from_secs(1)) {
            let watched = self.watched.lock().map(|watched| watched.clone()).unwrap_or_default();
            let used = watched.iter().map(|(_, pid)| sampler::compilers_ns(*pid)).sum();
            self.looks.push((Instant::now(), used));
        }
        self.looks.len() > RESTS && self.share() <= RESTING
    }

    /// What they took of a core over the last looks.
    fn share(&self) -> f64 {
        let Some((last, used)) = self.looks.last() else { return 0.0 };
        let (first, before) = self.looks[self.looks.len().saturating_sub(RESTS + 1)];
        let time = last.duration_since(first).as_nanos() as f64;
        used.saturating_sub(before) as f64 / time.max(1.0)
    }
}

/// The scenario without what it does to the cluster.
pub(super) fn plain(scenario: &Scenario, longest: Duration) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.faults.clear();
    // A trace's rate is its mean: what it has of bursts is left out as well.
    scenario.traffic.trace = None;
    scenario.traffic.shots.clear();
    scenario.traffic.duration = headwater_sim::time::Duration(longest.as_nanos() as u64);
    scenario.measure.interval = headwater_sim::time::Duration::from_secs(1);
    scenario
}

/// Sends until it is enough by the medians of the seconds so far, or until the end of the traffic.
fn send(
    plan: &RunPlan,
    scenario: &Scenario,
    cluster: &Cluster,
    enough: &mut dyn FnMut(&[Option<u64>]) -> bool,
    interrupt: &Interrupt,
) -> Result<outcome::WarmUp> {
    let (observer, observations) = Observer::new(Clock::default());
    let Connection { mut writers, lanes, read, storage } =
        plan.system.open(scenario, cluster, &observer)?;
    let reading = read.map(|start| start()).transpose()?;
    let traffic = scenario.traffic.plan(Seed(Seed(plan.seed).derive("warm-up", 0)));
    let traffic = Arc::new(traffic.map_err(|error| Failure::new(error.to_string()))?);
    let (preparer, slices, used) = prepare(traffic, lanes);
    let (watched, window) = (Watched::default(), Window::default());
    let utilisation = UtilisationSampler::new(watched.clone(), window, scenario.measure.interval.0);
    let threads = Sampler::new(watched, window, scenario.traffic.duration.0);
    let collector = Collector::new(scenario, used, utilisation, threads, observer.clock.clone());
    let counters = collector.counters();
    let (stop, over) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let pace = Pace::Schedule { lag_max: Duration::from_nanos(u64::MAX) };
    let pacer = Pacer { slices, observer: observer.clone(), stop: Arc::clone(&stop), pace };
    let medians = std::thread::scope(|scope| {
        let ended = &over;
        named(scope, "collector", move || collector.run(&observations, ended));
        named(scope, "preparer", move || preparer.run());
        observer.clock.start();
        let pacing = named(scope, "pacer", move || {
            pacer.run(&mut writers);
            writers.iter_mut().for_each(|writer| writer.abandon());
        });
        let length = Duration::from_nanos(scenario.traffic.duration.0);
        let mut line = ProgressLine::new(length);
        while !pacing.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
            line.draw(Duration::from_nanos(observer.clock.now()), "warming up", &counters);
            if enough(&counters.medians()) || interrupt.raised() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        if let Some(reading) = reading {
            reading.stop.store(true, Ordering::Relaxed);
            // Nothing that was read is looked at.
            let _ = reading.join();
        }
        over.store(true, Ordering::Relaxed);
        counters.medians()
    });
    storage.remove()?;
    let stationary = stationary(&medians);
    let (duration_ns, medians_ns) = (observer.clock.now(), medians);
    Ok(outcome::WarmUp { duration_ns, stationary, medians_ns, ..outcome::WarmUp::default() })
}

fn tell(warmed: &outcome::WarmUp, auto: bool) -> String {
    let seconds = warmed.duration_ns as f64 / 1e9;
    // Seconds in which nothing was acknowledged have none.
    let mut known = warmed.medians_ns.iter().flatten().map(|ns| *ns as f64 / 1e6);
    let Some(first) = known.next() else {
        return format!("warmed up for {seconds:.1} s: nothing was acknowledged");
    };
    let last = known.next_back().unwrap_or(first);
    let medians = format!("{first:.2} ms at first, {last:.2} ms at last");
    let stays = match (warmed.stationary, auto) {
        (true, _) => "it stays",
        (false, true) => "it did not stay by then",
        (false, false) => "it was not waited for to stay",
    };
    format!("warmed up for {seconds:.0} s: the median of a second was {medians}; {stays}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_stay_when_they_neither_scatter_nor_drift() {
        let of = |us: &[u64]| us.iter().map(|us| Some(us * 1_000)).collect::<Vec<_>>();
        // Measured on a cold broker, from its second second on.
        let cold = [4_400, 3_600, 3_100, 3_000, 2_900, 2_800, 2_750, 2_700, 2_650];
        assert!((1..=cold.len()).all(|seconds| !stationary(&of(&cold[..seconds]))));
        let warm = [2_620, 2_600, 2_590, 2_610, 2_600, 2_580];
        assert!(stationary(&of(&warm)));
        assert!(!stationary(&of(&warm[1..])), "too few");
        assert!(!stationary(&of(&[2_600, 2_600, 2_600, 2_600, 2_600, 3_100])), "they scatter");
        let mut gap = of(&warm);
        gap[3] = None;
        assert!(!stationary(&gap), "nothing was acknowledged in a second");
    }
}
