//! Outcomes for other people's tools: percentile distributions as HdrHistogram prints them,
//! Prometheus' text format, and the result file of the OpenMessaging benchmark.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::latency::Latency;
use crate::outcome::Outcome;
use crate::verdict::VerdictStatus;

/// Steps for each halving of the distance to 100 %, as HdrHistogram's own programs have them.
const STEPS: u32 = 5;

/// Nanoseconds in a millisecond.
const MS: f64 = 1e6;

/// Each step of a distribution: the latency in nanoseconds, the share of events (0 to 1) that the
/// step stands for, and how many events are no later.
fn steps(latency: &Latency) -> Vec<(u64, f64, u64)> {
    let mut count = 0;
    let step = |at: hdrhistogram::iterators::IterationValue<u64>| {
        count += at.count_since_last_iteration();
        (at.value_iterated_to(), at.quantile_iterated_to(), count)
    };
    latency.histogram().iter_quantiles(STEPS).map(step).collect()
}

/// The percentile distribution of a latency in milliseconds (`.hgrm`), as
/// `AbstractHistogram.outputPercentileDistribution` prints it.
pub fn hgrm(latency: &Latency) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for (ns, share, count) in steps(latency) {
        let value = ns as f64 / MS;
        let _ = write!(text, "{value:12.3} {share:2.12} {count:10}");
        if share < 1.0 {
            let _ = write!(text, " {:14.2}", 1.0 / (1.0 - share));
        }
        text.push('\n');
    }
    let of = latency.histogram();
    let (mean, deviation, max) = (of.mean() / MS, of.stdev() / MS, of.max() as f64 / MS);
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", of.len());
    text
}

/// Quantiles of Prometheus' summaries.
const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// A family of metrics in Prometheus' text format.
struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    /// Labels of all samples.
    common: &'a str,
}

impl<'a> Family<'a> {
    fn begin(text: &'a mut String, common: &'a str, [name, kind, help]: [&'static str; 3]) -> Self {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Self { text, name, common }
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{suffix}{{{}", self.name, self.common);
        for (label, of) in labels {
            let _ = write!(self.text, ",{label}=\"{}\"", escaped(of));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// As a label's value is written.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What a run measured, in Prometheus' text format (version 0.0.4): latencies as summaries in
/// seconds, events, rates, utilisations (0 to 1), and verdicts (1 where kept, 0 where broken).
pub fn prometheus(outcome: &Outcome) -> String {
    let common = format!(
        "scenario=\"{}\",source=\"{}\",system=\"{}\",seed=\"{}\"",
        escaped(&outcome.scenario.name),
        outcome.source,
        escaped(&outcome.environment.systems()),
        outcome.seed
    );
    let mut text = String::new();
    let mut begin = |head, each: &dyn Fn(&mut Family<'_>)| {
        each(&mut Family::begin(&mut text, &common, head));
    };
    let help = "Latencies over the measurement window.";
    begin(["headwater_latency_seconds", "summary", help], &|family| {
        for (name, latency) in outcome.latency.named() {
            for quantile in QUANTILES {
                if let Some(ns) = latency.quantile(quantile) {
                    let quantile = quantile.to_string();
                    let labels = [("latency", name), ("quantile", quantile.as_str())];
                    family.sample("", &labels, ns as f64 / 1e9);
                }
            }
            let (count, mean) = (latency.count() as f64, latency.histogram().mean());
            family.sample("_sum", &[("latency", name)], mean * count / 1e9);
            family.sample("_count", &[("latency", name)], count);
        }
    });
    begin(["headwater_events", "gauge", "Events over the whole run."], &|family| {
        for (state, count, _) in outcome.counts.named() {
            family.sample("", &[("state", state)], count as f64);
        }
    });
    let help = "Mean rates over the measurement window.";
    begin(["headwater_events_per_second", "gauge", help], &|family| {
        for (flow, rate) in outcome.rates.named() {
            family.sample("", &[("flow", flow)], rate.events_per_second);
        }
    });
    let help = "Mean utilisation of resources over the measurement window.";
    begin(["headwater_utilisation", "gauge", help], &|family| {
        for resource in outcome.resources.iter() {
            family.sample("", &[("resource", &resource.name)], resource.utilisation_mean);
        }
    });
    begin(["headwater_verdict", "gauge", "Verdicts: 1 kept, 0 broken."], &|family| {
        for verdict in &outcome.verdicts {
            let value = match verdict.status {
                VerdictStatus::Pass => 1.0,
                VerdictStatus::Fail => 0.0,
                _ => continue,
            };
            family.sample("", &[("verdict", &verdict.name)], value);
        }
    });
    text
}

/// How long the OpenMessaging benchmark's periods are, nanoseconds (`WorkloadGenerator`).
const PERIOD_NS: u64 = 10_000_000_000;

/// The percentiles of the OpenMessaging benchmark, as it names them.
const PERCENTILES: [(&str, f64); 6] = [
    ("50pct", 0.5),
    ("75pct", 0.75),
    ("95pct", 0.95),
    ("99pct", 0.99),
    ("999pct", 0.999),
    ("9999pct", 0.9999),
];

/// What a run measured, as a result file of the OpenMessaging benchmark (`TestResult`): latencies
/// over the measurement window in milliseconds (delays in microseconds), rates and backlog by
/// periods of 10 s. Its publish latency is from the call that sends to the acknowledgement, its
/// delay from the intended time to that call. Percentiles of single periods are not known, and left
/// out; those with fewer than ten events beyond them are too.
pub fn openmessaging(outcome: &Outcome) -> Value {
    let mut all = Map::new();
    let offered = outcome.rates.offered;
    let size = offered.bytes_per_second / offered.events_per_second.max(f64::MIN_POSITIVE);
    all.insert("workload".into(), json!(outcome.scenario.title));
    all.insert("driver".into(), json!(outcome.environment.systems()));
    all.insert("messageSize".into(), json!(size.round() as u64));
    all.insert("topics".into(), json!(1));
    for (name, options) in [
        ("partitions", ["partitions", "segments"]),
        ("producersPerTopic", ["producers", "writers"]),
        ("consumersPerTopic", ["consumers", "readers"]),
    ] {
        let number = |name: &&str| outcome.configuration.get(*name)?.parse::<u64>().ok();
        if let Some(number) = options.iter().find_map(number) {
            all.insert(name.into(), json!(number));
        }
    }
    for (name, values) in periods(outcome) {
        all.insert(name.into(), values);
    }
    let latency = &outcome.latency;
    for (name, of, unit) in [
        ("PublishLatency", &latency.service, MS),
        ("PublishDelayLatency", &latency.schedule_lag, 1e3),
        ("EndToEndLatency", &latency.end_to_end, MS),
    ] {
        let mut put = |what: &str, ns: f64| {
            all.insert(format!("aggregated{name}{what}"), json!(ns / unit));
        };
        put("Avg", of.histogram().mean());
        for (percentile, share) in PERCENTILES {
            if let Some(ns) = of.quantile(share) {
                put(percentile, ns as f64);
            }
        }
        put("Max", of.max().unwrap_or(0) as f64);
        let quantile = |(ns, share, _): (u64, f64, u64)| {
            (format!("{}", share * 100.0), json!(ns as f64 / unit))
        };
        let quantiles: Map<String, Value> = steps(of).into_iter().map(quantile).collect();
        all.insert(format!("aggregated{name}Quantiles"), Value::Object(quantiles));
    }
    Value::Object(all)
}

/// The rates of each period, and the backlog at its end.
fn periods(outcome: &Outcome) -> [(&'static str, Value); 3] {
    let series = &outcome.series;
    let each = (PERIOD_NS / series.interval_ns.max(1)).max(1) as usize;
    let seconds = each as f64 * series.interval_seconds();
    let rates = |events: &[u64]| -> Value {
        let whole = events.chunks_exact(each);
        whole.map(|period| period.iter().sum::<u64>() as f64 / seconds).collect()
    };
    let last = |period: &[u64]| period.last().copied();
    let backlog: Value = series.backlog.chunks_exact(each).filter_map(last).collect();
    [
        ("publishRate", rates(&series.acked)),
        ("consumeRate", rates(&series.consumed)),
        ("backlog", backlog),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Rate, Scenario, Source};

    /// A run with latencies of 1 to 1,000 ms, each once.
    fn outcome() -> Outcome {
        let scenario = Scenario { name: "a \"test\"".into(), ..Scenario::default() };
        let mut outcome = Outcome::empty(scenario, Source::Simulated, 7);
        (1..=1_000).for_each(|ms| outcome.latency.service.record(ms * 1_000_000));
        outcome.rates.offered = Rate { events_per_second: 10.0, bytes_per_second: 1_000.0 };
        outcome.series.interval_ns = 1_000_000_000;
        outcome.series.acked = vec![10; 25];
        outcome.series.consumed = vec![9; 25];
        outcome.series.backlog = (0..25).collect();
        outcome.counts.acked = 250;
        outcome
    }

    #[test]
    fn a_distribution_ends_at_the_greatest_with_all_events() {
        let text = hgrm(&outcome().latency.service);
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
        let steps: Vec<&Vec<&str>> =
            lines[2..].iter().filter(|line| !line[0].starts_with('#')).collect();
        let half = steps.iter().find(|step| step[1] == "0.500000000000").unwrap();
        assert_eq!((half[2], half[3]), ("500", "2.00"), "{text}");
        let last = steps.last().unwrap();
        assert_eq!(last[1..], ["1.000000000000", "1000"], "{text}");
        assert!((last[0].parse::<f64>().unwrap() - 1_000.0).abs() < 1.0, "{text}");
        assert!(text.contains("Total count    =         1000]"), "{text}");
    }

    #[test]
    fn prometheus_has_every_sample_under_its_family() {
        let text = prometheus(&outcome());
        let common = "scenario=\"a \\\"test\\\"\",source=\"simulated\",system=\"\",seed=\"7\"";
        assert!(text.contains(&format!("headwater_events{{{common},state=\"acked\"}} 250\n")));
        let p50 = text.lines().find(|line| line.contains("latency=\"service\",quantile=\"0.5\""));
        let value: f64 = p50.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!((value - 0.5).abs() < 0.001, "{text}");
        assert!(!text.contains("quantile=\"0.999\""), "one event lies beyond: {text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        assert!(samples.clone().count() > 20);
        assert!(samples.into_iter().all(|line| line.starts_with("headwater_")), "{text}");
    }

    #[test]
    fn openmessaging_has_milliseconds_and_periods_of_ten_seconds() {
        let all = openmessaging(&outcome());
        assert_eq!(all["messageSize"], 100);
        assert_eq!(all["publishRate"], json!([10.0, 10.0]));
        assert_eq!(all["backlog"], json!([9, 19]));
        let near = |name: &str, want: f64| {
            let found = all[name].as_f64().unwrap_or(f64::NAN);
            assert!((found - want).abs() < want * 0.002, "{name} is {found}, not {want}");
        };
        near("aggregatedPublishLatency99pct", 990.0);
        near("aggregatedPublishLatencyMax", 1_000.0);
        near("aggregatedPublishLatencyAvg", 500.5);
        assert!(all.get("aggregatedPublishLatency999pct").is_none());
        let quantiles = all["aggregatedPublishLatencyQuantiles"].as_object().unwrap();
        assert!((quantiles["50"].as_f64().unwrap() - 500.0).abs() < 1.0, "{quantiles:?}");
    }
}
