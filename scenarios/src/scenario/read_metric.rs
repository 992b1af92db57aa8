//! Reading a metric off an outcome, simulated or live.

use headwater_reports::{Outcome, aftermath_ns, catch_up_ns, recovery_ns, stood_still};

use super::expect::Quantity;
use super::metric::{Count, Flow, Latency, Metric, Statistic};

impl Metric {
    /// Its value, if the run has one: a percentile needs ten events above it.
    pub fn read(&self, outcome: &Outcome) -> Option<Quantity> {
        let number = |number: u64| Some(Quantity::Number(number as f64));
        let seconds = |nanos: u64| Quantity::Number(nanos as f64 / 1e9);
        let series = &outcome.series;
        match self {
            Self::Latency(which, statistic) => latency(outcome, *which, *statistic),
            Self::Rate(flow) => {
                let rates = &outcome.rates;
                let rate = match flow {
                    Flow::Offered => rates.offered,
                    Flow::Sent => rates.sent,
                    Flow::Acked => rates.acked,
                    Flow::Consumed => rates.consumed,
                };
                Some(Quantity::Number(rate.events_per_second))
            }
            Self::Count(count) => number(self::count(outcome, *count)),
            Self::AckedShare => {
                let counts = &outcome.counts;
                let share = counts.acked as f64 / counts.scheduled.max(1) as f64;
                Some(Quantity::Number(share))
            }
            Self::BacklogMax => number(series.backlog.iter().copied().max().unwrap_or(0)),
            Self::AckGapMax => Some(seconds(series.longest_ack_gap_ns())),
            Self::Recovery => recovery_ns(outcome).map(seconds),
            Self::CatchUp => catch_up_ns(outcome).map(seconds),
            Self::Aftermath => aftermath_ns(outcome).map(seconds),
            Self::Mark(name) => marked_ns(outcome, name).map(seconds),
            Self::GaugeMax(name) => gauge_max(outcome, name).map(Quantity::Number),
            Self::Utilisation(name) if name == "binding" => {
                let binding = outcome.resources.binding();
                binding.map(|binding| Quantity::Number(binding.utilisation_mean))
            }
            Self::Utilisation(name) => {
                let found = outcome.resources.iter().find(|resource| resource.name == *name);
                found.map(|resource| Quantity::Number(resource.utilisation_mean))
            }
            Self::Binding => {
                let binding = outcome.resources.binding().filter(|binding| binding.binds);
                // Writers that stand still wait for something, however idle everything is.
                let otherwise = || match stood_still(outcome) {
                    Some(_) => "stalled".to_owned(),
                    None => "none".to_owned(),
                };
                Some(Quantity::Word(binding.map_or_else(otherwise, |binding| binding.name)))
            }
            Self::Verdict(name) => {
                // Of several streams: that of the one which came out worst.
                let named = outcome.verdicts.iter().filter(|verdict| verdict.name == *name);
                let status = named.map(|verdict| verdict.status).min()?;
                let word = if status.found() { "fail".into() } else { status.to_string() };
                Some(Quantity::Word(word))
            }
            Self::Phase(phase, figure) => Self::read_phase(outcome, phase, *figure),
        }
    }
}

fn latency(outcome: &Outcome, which: Latency, statistic: Statistic) -> Option<Quantity> {
    let all = &outcome.latency;
    let latency = match which {
        Latency::ScheduleLag => &all.schedule_lag,
        Latency::Service => &all.service,
        Latency::Response => &all.response,
        Latency::EndToEnd => &all.end_to_end,
    };
    statistic_of(latency, statistic)
}

/// A statistic of a distribution, in seconds.
pub(super) fn statistic_of(
    latency: &headwater_reports::Latency,
    statistic: Statistic,
) -> Option<Quantity> {
    if latency.count() == 0 {
        return None;
    }
    let nanos = match statistic {
        Statistic::Mean => latency.summary().mean_ns,
        Statistic::Max => latency.max()? as f64,
        Statistic::Percentile(p) => latency.quantile(f64::from(p) / 100_000.0)? as f64,
    };
    Some(Quantity::Number(nanos / 1e9))
}

fn count(outcome: &Outcome, count: Count) -> u64 {
    let counts = &outcome.counts;
    match count {
        Count::Scheduled => counts.scheduled,
        Count::Sent => counts.sent,
        Count::Acked => counts.acked,
        Count::Failed => counts.failed,
        Count::Delivered => counts.delivered,
        Count::Lost => counts.lost,
        Count::Expired => counts.expired,
        Count::Duplicated => counts.duplicated,
        Count::Reordered => counts.reordered,
    }
}

/// Nanoseconds from the first fault until something of this name happened.
fn marked_ns(outcome: &Outcome, name: &str) -> Option<u64> {
    let began = outcome.faults.iter().map(|fault| fault.from_ns).min()?;
    let marked = outcome.marks.iter().filter(|mark| mark.name == name && mark.at_ns >= began);
    Some(marked.map(|mark| mark.at_ns).min()? - began)
}

/// The highest sum, over the nodes, of the levels of this name at the end of an interval.
fn gauge_max(outcome: &Outcome, name: &str) -> Option<f64> {
    let named = |full: &str| full == name || full.rsplit('/').next() == Some(name);
    let gauges: Vec<_> = outcome.series.gauges.iter().filter(|gauge| named(&gauge.name)).collect();
    let intervals = gauges.iter().map(|gauge| gauge.values.len()).max()?;
    let level = |at: usize| {
        gauges.iter().filter_map(|gauge| gauge.values.get(at).copied().flatten()).sum::<f64>()
    };
    (0..intervals).map(level).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use headwater_reports::outcome::{Fault, Mark, Scenario, Source};

    use super::*;

    #[test]
    fn what_happens_is_timed_from_the_first_fault() {
        let mut outcome = Outcome::empty(Scenario::default(), Source::Simulated, 1);
        let mark = |at_ns, name: &str| Mark { at_ns, name: name.into(), ..Mark::default() };
        outcome.marks = vec![mark(1, "throttled"), mark(7, "throttled"), mark(9, "throttled")];
        assert_eq!(marked_ns(&outcome, "throttled"), None, "no fault");
        outcome.faults = vec![Fault { from_ns: 4, ..Fault::default() }];
        assert_eq!(marked_ns(&outcome, "throttled"), Some(3));
        assert_eq!(marked_ns(&outcome, "fenced"), None);
    }
}
