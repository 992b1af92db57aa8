//! The generator's own health: whether it, or the system, set the figures.

use headwater_reports::Outcome;
use headwater_reports::fair::{
    CLOCK_STEADY, CLUSTER_ALONE, NOT_LATE, SPEED_STEADY, UNDISTURBED, WARMED_UP,
};
use headwater_reports::outcome::{self, Generator, Speed, Verdict, VerdictStatus};

use crate::sampler::Disturbance;
use crate::speed::{self, ALIKE};
use crate::utilisation;
use crate::wall_clock::Step;

/// A schedule lag below this at the 99th percentile is never the generator's fault, nanoseconds.
const LAG_NS: u64 = 1_000_000;

/// Share of the 99th percentile of the response time that the generator's own lag may make up.
const LAG_SHARE: f64 = 0.1;

/// Share of the offered events that must have been sent by the end of the window.
const ACHIEVED: f64 = 0.995;

/// Growth of the backlog over the window, as a share of what was offered, from which a system is
/// overloaded.
const BACKLOG_SHARE: f64 = 0.01;

/// Judges a live run. `cpu` is the share of one core that the generator used, `refused` what the
/// client had no room for.
pub(crate) fn judge(outcome: &Outcome, cpu: Option<f64>, refused: u64) -> Generator {
    let lag = outcome.latency.schedule_lag.quantile(0.99);
    let response = outcome.latency.response.quantile(0.99);
    let bound = LAG_NS.max((response.unwrap_or(0) as f64 * LAG_SHARE) as u64);
    let offered = outcome.rates.offered.events_per_second;
    let achieved = if offered > 0.0 { outcome.rates.sent.events_per_second / offered } else { 1.0 };
    let late = lag.is_some_and(|lag| lag > bound);
    let short = achieved < ACHIEVED;
    let growth = growth(outcome);
    let overload = refused > 0 || growth.is_some_and(|growth| growth > BACKLOG_SHARE);
    let mut why = Vec::new();
    if late {
        let lag = lag.unwrap_or(0) as f64 / 1e6;
        let bound = bound as f64 / 1e6;
        why.push(format!("its lag was {lag:.3} ms at the 99th percentile, above {bound:.3} ms"));
    }
    if short {
        why.push(format!("it sent {:.2} % of what was offered", achieved * 100.0));
    }
    if refused > 0 {
        why.push(format!("the client had no room for {refused} events"));
    }
    if let Some(growth) = growth.filter(|growth| *growth > BACKLOG_SHARE) {
        why.push(format!("the backlog grew by {:.1} % of the offered rate", growth * 100.0));
    }
    let explanation = match why.is_empty() {
        true => "The generator kept the schedule, and the system kept up.".to_owned(),
        false => format!("{}.", why.join("; ")),
    };
    Generator { achieved, lag_p99_ns: lag, cpu, bottleneck: late || short, overload, explanation }
}

/// Slope of the backlog over the window by least squares, as a share of the offered rate; none
/// where there is too little to see.
fn growth(outcome: &Outcome) -> Option<f64> {
    let (series, window) = (&outcome.series, outcome.window);
    let interval = series.interval_ns.max(1);
    let (from, until) =
        ((window.from_ns / interval) as usize, (window.until_ns / interval) as usize);
    let backlog = series.backlog.get(from..until.min(series.backlog.len()))?;
    let count = backlog.len() as f64;
    let offered = outcome.rates.offered.events_per_second;
    // Below ten points a line says nothing, and a backlog of less than a tenth of a second is what
    // is on its way.
    let last = *backlog.last()? as f64;
    if count < 10.0 || offered <= 0.0 || last < offered / 10.0 {
        return None;
    }
    let mean_x = (count - 1.0) / 2.0;
    let mean_y = backlog.iter().map(|value| *value as f64).sum::<f64>() / count;
    let (mut over, mut under) = (0.0, 0.0);
    for (x, y) in (0..).zip(backlog) {
        let x = f64::from(x) - mean_x;
        over += x * (*y as f64 - mean_y);
        under += x * x;
    }
    Some(over / under / series.interval_seconds() / offered)
}

/// The health as verdicts.
pub(crate) fn verdicts(generator: &Generator) -> Vec<Verdict> {
    let cpu =
        generator.cpu.map_or(String::new(), |cpu| format!(", {:.0} % of a core", cpu * 100.0));
    let lag = match generator.lag_p99_ns {
        Some(ns) => format!("lag p99 {:.3} ms", ns as f64 / 1e6),
        None => "too few events for a lag p99".into(),
    };
    let status = |bad: bool| if bad { VerdictStatus::Warn } else { VerdictStatus::Pass };
    let verdict = |name: &str, bad, measured: String, expected: &str, explanation: &str| Verdict {
        name: name.to_owned(),
        stream: None,
        status: status(bad),
        measured,
        expected: expected.to_owned(),
        explanation: format!("{explanation} {}", generator.explanation),
    };
    vec![
        verdict(
            NOT_LATE,
            generator.bottleneck,
            format!("{lag}, {:.2} % of the offered rate{cpu}", generator.achieved * 100.0),
            "lag p99 at most 1 ms or 10 % of the response p99, at least 99.5 % of the offered rate",
            "If the generator is late, the figures are partly its own.",
        ),
        verdict(
            "not_overloaded",
            generator.overload,
            if generator.overload { "overloaded" } else { "kept up" }.to_owned(),
            "no event refused, and a backlog that does not grow",
            "Latencies of an overloaded system are those of a queue that grows with the run.",
        ),
    ]
}

/// Share of the cores that a run had which other machines may use before it shows in latencies of
/// milliseconds; besides what the profile knows of, which the forecast has as well.
const STOLEN: f64 = 0.01;

/// The same of other processes of this machine, of which the scheduler takes turns with ours.
pub(crate) const OTHERS: f64 = 0.025;

/// Whether the machine ran all the time, and for this run, where that is known. The run `had` so
/// many cores, each of which is interrupted for a share `usual` of the time, as its profile knows.
pub(crate) fn undisturbed(
    outcome: &Outcome,
    others: &Disturbance,
    had: u32,
    usual: f64,
) -> Option<Verdict> {
    let stolen = outcome.resources.iter().find(|resource| resource.name == utilisation::STOLEN)?;
    let (cores, had) = (f64::from(outcome.environment.cores?), f64::from(had));
    let share = stolen.utilisation_mean * cores;
    let stolen_max = STOLEN + usual;
    let bad = share > stolen_max * had || others.cores > OTHERS * had;
    let status = if bad { VerdictStatus::Warn } else { VerdictStatus::Pass };
    let percent = |share: f64| format!("{:.0} % of a core", share * 100.0);
    let mut measured = format!(
        "{} went to other machines, {} to other processes",
        percent(share),
        percent(others.cores)
    );
    if others.cores > OTHERS * had {
        let who: Vec<String> = others
            .who
            .iter()
            .map(|(name, cores)| format!("{name} {:.0} %", cores * 100.0))
            .collect();
        measured += &format!(" ({}), {} at worst", who.join(", "), percent(others.cores_max));
    }
    Some(Verdict {
        name: UNDISTURBED.into(),
        stream: None,
        status,
        measured,
        expected: format!(
            "of the {had:.0} that the run had at most {:.1} % to other machines, {:.1} % to other \
             processes",
            stolen_max * 100.0,
            OTHERS * 100.0
        ),
        explanation: "A virtual machine that waits for its host is late by milliseconds, whatever \
                      runs on it, and so is a thread that waits for somebody else's: all \
                      latencies and the generator's lag. No error of a forecast is told of such a \
                      run."
            .into(),
    })
}

/// Share of what a run offers that others may write to its cluster.
const SHARED: f64 = 0.01;

/// Whether the cluster worked for this run alone: others wrote so many events to it meanwhile.
pub(crate) fn alone(outcome: &Outcome, others: u64) -> Verdict {
    let bad = others as f64 > outcome.counts.scheduled as f64 * SHARED;
    let seconds = (outcome.duration_ns as f64 / 1e9).max(1e-9);
    Verdict {
        name: CLUSTER_ALONE.into(),
        stream: None,
        status: if bad { VerdictStatus::Warn } else { VerdictStatus::Pass },
        measured: match others {
            0 => "nobody else wrote".into(),
            others => format!("others wrote {others} events, {:.0}/s", others as f64 / seconds),
        },
        expected: format!("at most {:.0} % of what the run offers", SHARED * 100.0),
        explanation: "A cluster that was loaded already answers this run as well as the others \
                      let it. No error of a forecast is told of such a run."
            .into(),
    }
}

/// Steps of the wall clock that are told one by one.
const STEPS_TOLD: usize = 5;

/// Whether the wall clock ran as the monotonic one.
pub(crate) fn steady(steps: &[Step]) -> Verdict {
    let told = steps.iter().take(STEPS_TOLD).map(ToString::to_string);
    let mut measured = told.collect::<Vec<_>>().join(", ");
    match steps.len() {
        0 => measured = "it ran as the monotonic clock".into(),
        all if all > STEPS_TOLD => measured += &format!(" and {} more", all - STEPS_TOLD),
        _ => {}
    }
    Verdict {
        name: CLOCK_STEADY.into(),
        stream: None,
        status: if steps.is_empty() { VerdictStatus::Pass } else { VerdictStatus::Warn },
        measured,
        expected: "a wall clock that is not set".into(),
        explanation: "Latencies are taken by the monotonic clock, and stand. Servers and clients \
                      that wait by the wall clock waited too long or too short, and marks from \
                      their logs are off. No error of a forecast is told of such a run."
            .into(),
    }
}

/// Whether the machine was as fast after a run as before it.
pub(crate) fn as_fast(before: &Speed, after: &Speed) -> Verdict {
    let slower = after.slower_than(before);
    Verdict {
        name: SPEED_STEADY.into(),
        stream: None,
        status: if speed::alike(slower) { VerdictStatus::Pass } else { VerdictStatus::Warn },
        measured: format!("{} before, {} after: {slower:.2} times", before.tell(), after.tell()),
        expected: format!("the same work takes the same time, within {:.0} %", ALIKE * 100.0),
        explanation: "Neighbours on the same processor take units and caches, not time: the same \
                      requests cost more, for minutes. No error of a forecast is told of such a \
                      run."
            .into(),
    }
}

/// Compilers that take more than this of a core, in percent, are not done.
const COMPILING_PERCENT: u32 = 10;

/// Whether the cluster was warm when the run began: as far as medians tell, and where it was waited
/// for, by its compilers.
pub(crate) fn warm(warm_up: &outcome::WarmUp) -> Option<Verdict> {
    let seconds = warm_up.duration_ns as f64 / 1e9;
    let ms = |ns: &u64| format!("{:.2} ms", *ns as f64 / 1e6);
    let medians: Vec<String> = warm_up.medians_ns.iter().flatten().map(ms).collect();
    let (first, last) = medians.first().zip(medians.last())?;
    let status = match warm_up.compilers_percent {
        Some(percent) if percent > COMPILING_PERCENT => VerdictStatus::Warn,
        None if !warm_up.stationary => VerdictStatus::Info,
        _ => VerdictStatus::Pass,
    };
    let compilers = warm_up
        .compilers_percent
        .map(|percent| format!("; its compilers take {percent} % of a core"));
    let compilers = compilers.unwrap_or_default();
    Some(Verdict {
        name: WARMED_UP.into(),
        stream: None,
        status,
        measured: format!(
            "{seconds:.0} s of traffic, the median went from {first} to {last}{compilers}"
        ),
        expected: format!(
            "medians of a second that stay for six of them, or compilers that take at most \
             {COMPILING_PERCENT} % of a core"
        ),
        explanation: "A JVM that still compiles is slower than it will be. No error of a forecast \
                      is told of such a run."
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_reports::outcome::{Scenario, Source, Window};
    use headwater_reports::{Recorder, Resource, ResourceKind, Resources};

    const MS: u64 = 1_000_000;

    /// 10 s of 1,000 events/s with this lag, of which every `lost`-th is not acknowledged.
    fn outcome(lag: u64, lost: u64) -> Outcome {
        let window = Window { from_ns: 0, until_ns: 10_000 * MS };
        let mut recorder = Recorder::new(100 * MS, window);
        for event in 0..10_000 {
            let at = event * MS;
            recorder.offered(at, 1, 100);
            recorder.sent(at + lag, at, 1, 100);
            if event % lost != 0 {
                recorder.acked(at + lag + MS / 2, at, at + lag, 1, 100);
            }
        }
        let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
        recorder.finish(10_000 * MS, &mut outcome);
        outcome
    }

    #[test]
    fn a_generator_that_keeps_the_schedule_is_not_the_bottleneck() {
        let health = judge(&outcome(MS / 100, 20_000), Some(0.3), 0);
        assert!(!health.bottleneck && !health.overload, "{health:?}");
    }

    #[test]
    fn a_late_generator_is_the_bottleneck() {
        let health = judge(&outcome(3 * MS, 20_000), None, 0);
        assert!(health.bottleneck && health.explanation.contains("its lag was"), "{health:?}");
    }

    #[test]
    fn a_machine_that_does_something_else_is_told_with_who_does_it() {
        let mut outcome = outcome(0, 20_000);
        outcome.environment.cores = Some(2);
        let name = utilisation::STOLEN.into();
        let stolen = Resource {
            name,
            kind: ResourceKind::Cpu,
            utilisation_mean: 0.001,
            utilisation_max: 0.1,
            series: vec![],
            queue_max: 0,
        };
        outcome.resources = Resources::new(vec![stolen]);
        let quiet = Disturbance { cores: 0.01, ..Disturbance::default() };
        let told = |others: &Disturbance| undisturbed(&outcome, others, 2, 0.0).unwrap();
        assert_eq!(told(&quiet).status, VerdictStatus::Pass);
        let who = vec![("rustc".to_owned(), 0.4)];
        let steps = vec![];
        let loud = told(&Disturbance { cores: 0.42, cores_max: 0.9, who, steps });
        assert_eq!(loud.status, VerdictStatus::Warn);
        let measured = "0 % of a core went to other machines, 42 % of a core to other processes \
                        (rustc 40 %), 90 % of a core at worst";
        assert_eq!(loud.measured, measured);
        // The limit is a share of the cores that the run had.
        let some = Disturbance { cores: 0.06, ..Disturbance::default() };
        assert_eq!(told(&some).status, VerdictStatus::Warn);
        assert_eq!(undisturbed(&outcome, &some, 4, 0.0).unwrap().status, VerdictStatus::Pass);
    }

    #[test]
    fn a_cluster_whose_compilers_still_work_is_not_warm() {
        let told = |stationary, compilers_percent| {
            let medians_ns = vec![Some(3 * MS), None, Some(MS)];
            let duration_ns = 20_000 * MS;
            let up = outcome::WarmUp { duration_ns, stationary, compilers_percent, medians_ns };
            warm(&up).unwrap().status
        };
        assert_eq!(told(false, Some(COMPILING_PERCENT + 1)), VerdictStatus::Warn);
        assert_eq!(told(true, Some(COMPILING_PERCENT + 1)), VerdictStatus::Warn);
        assert_eq!(told(false, Some(2)), VerdictStatus::Pass, "medians scatter on a busy host");
        assert_eq!(told(true, None), VerdictStatus::Pass);
        assert_eq!(told(false, None), VerdictStatus::Info, "it was not waited for");
    }

    #[test]
    fn a_cluster_that_others_write_to_is_told() {
        let outcome = outcome(0, 20_000);
        let told = |others| alone(&outcome, others);
        assert_eq!((told(0).status, told(100).status), (VerdictStatus::Pass, VerdictStatus::Pass));
        let loaded = told(5_000);
        assert_eq!(loaded.status, VerdictStatus::Warn);
        assert_eq!(loaded.measured, "others wrote 5000 events, 500/s");
    }

    #[test]
    fn a_clock_that_jumps_is_told_with_when_and_how_far() {
        assert_eq!(steady(&[]).status, VerdictStatus::Pass);
        let step = |s: u64, ms: i64| Step { at_ns: s * 1_000 * MS, by_ns: ms * MS as i64 };
        let verdict = steady(&[step(3, 1_200), step(9, -40)]);
        assert_eq!(verdict.status, VerdictStatus::Warn);
        assert_eq!(verdict.measured, "+1200.0 ms at 3.0 s, -40.0 ms at 9.0 s");
        let many: Vec<_> = (0..7).map(|s| step(s, 20)).collect();
        assert!(steady(&many).measured.ends_with(" and 2 more"), "{:?}", steady(&many));
    }

    #[test]
    fn a_growing_backlog_or_a_refusal_is_an_overload_and_not_the_generators_fault() {
        let growing = judge(&outcome(MS / 100, 10), None, 0);
        assert!(growing.overload && !growing.bottleneck, "{growing:?}");
        let refused = judge(&outcome(MS / 100, 20_000), None, 5);
        assert!(refused.overload && !refused.bottleneck, "{refused:?}");
    }
}
