//! The figures that are forecast and measured, each by one rule for both.

use std::collections::BTreeSet;

use headwater_models::role::Capability;
use headwater_reports::forecast::{Figure, Unit};
use headwater_reports::{Outcome, recovery_ns};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::time::Duration;

/// Events acknowledged per second.
pub(crate) const ACKED: &str = "acked";
/// The longest time in which nothing was acknowledged though something was due.
pub(crate) const GAP: &str = "longest gap";
/// From the first fault until the backlog is what it was.
pub(crate) const RECOVERY: &str = "recovery";
/// The highest rate of a ramp with a p99 below [`TOO_LATE_NS`].
pub(crate) const HIGHEST: &str = "highest rate";
/// CPU of the cluster's processes.
pub(crate) const CPU: &str = "CPU of the cluster";

/// A shot that rises for so long is a ramp, on which the highest rate is looked for.
const RAMP: Duration = Duration::from_secs(10);

/// The 99th percentile of a second above which a rate is too high, nanoseconds.
const TOO_LATE_NS: u64 = 100_000_000;

/// Seconds, one after the other, that have to be too late: one may be a collection of garbage.
const TOO_LATE_SECONDS: usize = 2;

/// The servers of a simulation, as its processes are called.
pub(crate) fn simulated_servers(scenario: &Scenario) -> Vec<String> {
    let roster = scenario.systems.roster();
    let is_client =
        |of: &headwater_models::role::Role| of.can(Capability::Writes) || of.can(Capability::Reads);
    let servers = roster.iter().filter(|(_, role)| !is_client(role));
    servers.map(|(node, _)| roster.name(node).to_owned()).collect()
}

/// The figures of a run of `scenario`, always the same ones in the same order; those that it does
/// not have are without a value. `servers` are the cluster's processes.
pub(super) fn of(scenario: &Scenario, run: &Outcome, servers: &[String]) -> Vec<Figure> {
    let (response, end_to_end) = (&run.latency.response, &run.latency.end_to_end);
    let latency = |name, of: &headwater_reports::Latency, share| Figure {
        name,
        unit: Unit::Nanoseconds,
        value: of.quantile(share).map(|ns| ns as f64),
    };
    let time = |name, value: Option<u64>| Figure {
        name,
        unit: Unit::Nanoseconds,
        value: value.map(|ns| ns as f64),
    };
    let faulty = !scenario.faults.is_empty();
    let ramp = scenario.traffic.shots.iter().any(|shot| shot.rise >= RAMP) && !faulty;
    let acked = (run.counts.scheduled > 0).then_some(run.rates.acked.events_per_second);
    vec![
        latency("response p50", response, 0.5),
        latency("response p90", response, 0.9),
        latency("response p99", response, 0.99),
        latency("response p99.9", response, 0.999),
        latency("end to end p50", end_to_end, 0.5),
        latency("end to end p99", end_to_end, 0.99),
        Figure { name: ACKED, unit: Unit::PerSecond, value: acked },
        time(GAP, faulty.then(|| run.series.longest_ack_gap_ns())),
        time(RECOVERY, recovery_ns(run)),
        Figure {
            name: HIGHEST,
            unit: Unit::PerSecond,
            value: ramp.then(|| highest_rate(run)).flatten(),
        },
        Figure { name: CPU, unit: Unit::Cores, value: cpu(run, servers) },
    ]
}

/// Cores that the processes of this name used, on average over the intervals within the window.
fn cpu(run: &Outcome, servers: &[String]) -> Option<f64> {
    let names: BTreeSet<&str> = servers.iter().map(String::as_str).collect();
    let interval = run.threads.interval_ns.max(1);
    let from = run.window.from_ns.div_ceil(interval) as usize;
    let until = (run.window.until_ns / interval) as usize;
    let groups = run.threads.groups.iter().filter(|group| names.contains(&*group.process));
    let mean = |cpu: &Vec<f64>| {
        let inside = cpu.get(from..until.min(cpu.len())).unwrap_or_default();
        inside.iter().sum::<f64>() / (until.saturating_sub(from)).max(1) as f64
    };
    let each: Vec<f64> = groups.map(|group| mean(&group.cpu)).collect();
    (!each.is_empty() && from < until).then(|| each.iter().sum())
}

/// What was offered in the second before p99 was too high for two seconds together.
fn highest_rate(run: &Outcome) -> Option<f64> {
    let series = &run.series;
    let step = (1_000_000_000 / series.interval_ns.max(1)).max(1) as usize;
    let seconds = series.offered.len() / step;
    let late = |second: usize| {
        let within = second * step..(second + 1) * step;
        let worst = series.response_p99_ns[within.clone()].iter().flatten().max();
        let stuck = series.acked[within.clone()].iter().sum::<u64>() == 0
            && series.backlog[within.end - 1] > 0;
        stuck || worst.is_some_and(|ns| *ns >= TOO_LATE_NS)
    };
    let first = (run.window.from_ns / series.interval_ns.max(1)) as usize / step;
    let over = (first..seconds.saturating_sub(TOO_LATE_SECONDS - 1))
        .find(|second| (*second..second + TOO_LATE_SECONDS).all(late))?;
    let before = over.checked_sub(1)?;
    let offered: u64 = series.offered[before * step..(before + 1) * step].iter().sum();
    Some(offered as f64 / (step as u64 * series.interval_ns) as f64 * 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_reports::outcome::{self, Source, Window};
    use headwater_reports::{Series, ThreadGroup, Threads};

    const MS: u64 = 1_000_000;

    /// A run of `length` intervals of 100 ms with 100 events due in each.
    fn run(length: usize) -> Outcome {
        let mut run = Outcome::empty(outcome::Scenario::default(), Source::Simulated, 1);
        run.window = Window { from_ns: 1_000 * MS, until_ns: length as u64 * 100 * MS };
        run.series = Series {
            interval_ns: 100 * MS,
            offered: vec![100; length],
            sent: vec![100; length],
            acked: vec![100; length],
            consumed: vec![100; length],
            backlog: vec![3; length],
            response_p50_ns: vec![Some(MS); length],
            response_p99_ns: vec![Some(2 * MS); length],
            response_max_ns: vec![Some(3 * MS); length],
            schedule_lag_p99_ns: vec![Some(0); length],
            gauges: vec![],
        };
        run
    }

    #[test]
    fn the_highest_rate_is_that_before_two_late_seconds() {
        let mut run = run(100);
        for (at, offered) in run.series.offered.iter_mut().enumerate() {
            *offered = 100 + at as u64;
        }
        assert_eq!(highest_rate(&run), None);
        // A pause.
        run.series.response_p99_ns[35] = Some(150 * MS);
        run.series.response_p99_ns[62..].fill(Some(150 * MS));
        // The sixth second: 150 to 159 a tenth.
        assert_eq!(highest_rate(&run), Some(1_545.0));
    }

    #[test]
    fn cpu_is_that_of_the_servers_within_the_window() {
        let mut run = run(40);
        let group = |process: &str, inside| ThreadGroup {
            process: process.into(),
            cpu: [vec![9.0; 2], vec![inside; 6]].concat(),
            ..ThreadGroup::default()
        };
        let groups = vec![group("server-1", 0.25), group("server-2", 0.5), group("client", 1.0)];
        run.threads = Threads { interval_ns: 500 * MS, groups };
        let servers = ["server-1".to_owned(), "server-2".to_owned()];
        assert_eq!(cpu(&run, &servers), Some(0.75));
        assert_eq!(cpu(&run, &[]), None);
    }
}
