//! Sampling: a day in half a minute.
//!
//! Of a long scenario all of what happens but once is simulated (bursts, faults, and what follows
//! them), and of the calm rest a number of stretches, evenly spread, each warmed up. Every event of
//! a calm stretch stands for as many as there are of its kind in the day: percentiles are those of
//! the weighted events. Their intervals are those of a bootstrap: calm stretches are drawn anew,
//! with replacement, among those of about the same rate. What is rarer than a stretch is not in a
//! sample, and the answer says how much of the schedule was simulated.

mod stretches;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use headwater_reports::Outcome;
use headwater_reports::outcome::Status;
use headwater_reports::text::{count, duration};
use headwater_sim::random::Seed;
use rand::Rng;
use rayon::prelude::*;
use serde::Serialize;

use crate::run::{self, Options};
use crate::scenario::Scenario;
use crate::units::Duration;
use stretches::Stretch;

/// The percentiles that are estimated.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Samples drawn anew for an interval.
const DRAWS: u64 = 200;

/// A percentile with its interval, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentile {
    /// Its name, such as `p99`.
    pub name: &'static str,
    /// The estimate.
    pub ns: u64,
    /// Where it lies in nine of ten samples drawn anew.
    pub interval_ns: (u64, u64),
}

/// One stretch, as it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Start of the part that was measured, nanoseconds from the start of the schedule.
    pub from_ns: u64,
    /// Its end.
    pub until_ns: u64,
    /// Seconds of the schedule that each of its seconds stands for.
    pub weight: f64,
    /// Events offered a second.
    pub rate: f64,
    /// 99th percentile of its response times, nanoseconds, where there were enough of them.
    pub response_p99_ns: Option<u64>,
    /// Acknowledged and lost.
    pub lost: u64,
    /// Given up.
    pub failed: u64,
    /// Its fingerprint.
    pub fingerprint: Option<String>,
}

/// What a sample says of the whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Length of the schedule, nanoseconds.
    pub horizon_ns: u64,
    /// How much of it was simulated, warming up included, nanoseconds.
    pub simulated_ns: u64,
    /// Events of the whole schedule, about.
    pub events: f64,
    /// Response times.
    pub response: Vec<Percentile>,
    /// From the intended time to the reader.
    pub end_to_end: Vec<Percentile>,
    /// Largest response time that was seen, nanoseconds.
    pub response_max_ns: u64,
    /// Acknowledged events that were lost in the stretches.
    pub lost: u64,
    /// Events given up in them.
    pub failed: u64,
    /// Each stretch, by time.
    pub stretches: Vec<Measured>,
    /// Stopped by the user: of the stretches that were done.
    pub interrupted: bool,
}

/// A stretch and what came of it.
struct Done {
    stretch: Stretch,
    outcome: Outcome,
}

impl Done {
    fn rate(&self) -> f64 {
        self.outcome.rates.offered.events_per_second
    }
}

/// How much of the schedule a sample with so many calm stretches simulates.
pub fn simulated(scenario: &Scenario, calm: u32) -> Duration {
    simulated_by(&stretches::of(scenario, calm))
}

fn simulated_by(stretches: &[Stretch]) -> Duration {
    Duration(stretches.iter().map(|stretch| stretch.simulated().0).sum())
}

/// Simulates the stretches of a scenario, `calm` of what is calm, on all cores. `progress` is told
/// how many are done, and of how many.
pub fn sample(
    scenario: &Scenario,
    calm: u32,
    stop: &AtomicBool,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Sample {
    let all = stretches::of(scenario, calm);
    let finished = AtomicUsize::new(0);
    let one = |(number, stretch): (usize, &Stretch)| {
        let part = stretches::scenario_of(scenario, stretch);
        // Stretches are of one day, and have no event in common.
        let seed = Seed(scenario.seed).stream("stretch", number as u64).random();
        let options = Options { seed: Some(seed), stop: Some(stop), ..Options::default() };
        let outcome = run::run(&part, &options).outcome;
        progress(finished.fetch_add(1, Ordering::Relaxed) + 1, all.len());
        let whole = !matches!(outcome.status, Status::Interrupted { .. });
        whole.then_some(Done { stretch: *stretch, outcome })
    };
    let mut done: Vec<Done> =
        all.par_iter().enumerate().filter_map(|(number, of)| one((number, of))).collect();
    done.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    let response = percentiles(&done, scenario.seed, |of| of.latency.response.histogram());
    let end_to_end = percentiles(&done, scenario.seed, |of| of.latency.end_to_end.histogram());
    let maximum = done.iter().filter_map(|of| of.outcome.latency.response.max()).max();
    let seconds = |of: &Done| of.stretch.until.saturating_sub(of.stretch.from).as_secs_f64();
    let mut stretches: Vec<_> = done.iter().map(measured).collect();
    stretches.sort_by_key(|of| of.from_ns);
    Sample {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        horizon_ns: scenario.traffic.duration.0,
        simulated_ns: simulated_by(&all).0,
        events: done.iter().map(|of| of.rate() * seconds(of) * of.stretch.weight).sum(),
        response,
        end_to_end,
        response_max_ns: maximum.unwrap_or(0),
        lost: done.iter().map(|of| of.outcome.counts.lost).sum(),
        failed: done.iter().map(|of| of.outcome.counts.failed).sum(),
        interrupted: done.len() < all.len(),
        stretches,
    }
}

fn measured(of: &Done) -> Measured {
    let Done { stretch, outcome } = of;
    Measured {
        from_ns: stretch.from.0,
        until_ns: stretch.until.0,
        weight: stretch.weight,
        rate: of.rate(),
        response_p99_ns: outcome.latency.response.quantile(0.99),
        lost: outcome.counts.lost,
        failed: outcome.counts.failed,
        fingerprint: outcome.fingerprint.clone(),
    }
}

/// The percentiles of the weighted events of stretches that ascend by rate.
fn percentiles(
    done: &[Done],
    seed: u64,
    of: impl Fn(&Outcome) -> &hdrhistogram::Histogram<u64>,
) -> Vec<Percentile> {
    let mut values: Vec<(u64, usize, f64)> = Vec::new();
    for (number, done) in done.iter().enumerate() {
        let histogram = of(&done.outcome);
        let recorded = histogram.iter_recorded();
        values.extend(recorded.map(|value| {
            (value.value_iterated_to(), number, value.count_at_value() as f64 * done.stretch.weight)
        }));
    }
    values.sort_unstable_by_key(|(value, ..)| *value);
    let once = vec![1.0; done.len()];
    let estimates = quantiles(&values, &once);
    let calm: Vec<usize> = (0..done.len()).filter(|number| done[*number].stretch.calm).collect();
    let mut draws = Seed(seed).stream("bootstrap", 0);
    let mut drawn: Vec<Vec<u64>> = vec![Vec::new(); QUANTILES.len()];
    for _ in 0..DRAWS {
        let mut times = once.clone();
        for few in groups(&calm) {
            few.iter().for_each(|number| times[*number] = 0.0);
            few.iter().for_each(|_| times[few[draws.random_range(0..few.len())]] += 1.0);
        }
        for (all, value) in drawn.iter_mut().zip(quantiles(&values, &times)) {
            all.push(value);
        }
    }
    let named = QUANTILES.iter().zip(estimates).zip(&mut drawn);
    let percentile = |(((name, _), ns), drawn): ((&(&'static str, f64), u64), &mut Vec<u64>)| {
        drawn.sort_unstable();
        let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share) as usize];
        Percentile { name, ns, interval_ns: (at(0.05).min(ns), at(0.95).max(ns)) }
    };
    named.map(percentile).collect()
}

/// Neighbours by rate, among which one may stand for another: four, or up to seven at the end.
fn groups(calm: &[usize]) -> impl Iterator<Item = &[usize]> {
    let count = (calm.len() / 4).max(1);
    (0..count).map(move |number| {
        let end = if number + 1 == count { calm.len() } else { 4 * (number + 1) };
        &calm[4 * number..end]
    })
}

/// The quantiles of values that ascend, each of which counts as often as its stretch does.
fn quantiles(values: &[(u64, usize, f64)], times: &[f64]) -> Vec<u64> {
    let weight = |(_, number, weight): &(u64, usize, f64)| weight * times[*number];
    let total: f64 = values.iter().map(weight).sum();
    let (mut sum, mut wanted, mut found) = (0.0, QUANTILES.iter().peekable(), Vec::new());
    for value in values {
        sum += weight(value);
        while wanted.next_if(|(_, quantile)| sum >= total * quantile).is_some() {
            found.push(value.0);
        }
    }
    found.resize(QUANTILES.len(), values.last().map_or(0, |value| value.0));
    found
}

impl Sample {
    /// Whether nothing was lost.
    pub const fn is_sound(&self) -> bool {
        self.lost == 0
    }

    /// As text.
    pub fn text(&self) -> String {
        let show = |ns: u64| duration(ns as f64);
        let mut text = format!(
            "{}, seed {}: {} of {} simulated, in {} stretches{}\n\
             about {} events; {} lost, {} given up in what was simulated\n\n\
             {:<8}{:>12}  {:<26}{:>12}  90% interval\n",
            self.scenario,
            self.seed,
            show(self.simulated_ns),
            show(self.horizon_ns),
            self.stretches.len(),
            if self.interrupted { " (interrupted)" } else { "" },
            count(self.events as u64),
            count(self.lost),
            count(self.failed),
            "",
            "response",
            "90% interval",
            "end to end",
        );
        let between =
            |of: &Percentile| format!("{} .. {}", show(of.interval_ns.0), show(of.interval_ns.1));
        for (response, end_to_end) in self.response.iter().zip(&self.end_to_end) {
            text += &format!(
                "{:<8}{:>12}  {:<26}{:>12}  {}\n",
                response.name,
                show(response.ns),
                between(response),
                show(end_to_end.ns),
                between(end_to_end)
            );
        }
        text += &format!("{:<8}{:>12}  as far as it was seen\n", "max", show(self.response_max_ns));
        let p99 = |of: &&Measured| of.response_p99_ns;
        if let Some(worst) = self.stretches.iter().max_by_key(p99) {
            text += &format!(
                "\nslowest stretch: {} .. {}, {} events/s, p99 {}\n",
                show(worst.from_ns),
                show(worst.until_ns),
                count(worst.rate as u64),
                worst.response_p99_ns.map_or_else(|| "unknown".into(), show)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(more: &str) -> Scenario {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nseed = 4\nprofile = 'nvme-10gbe'\n\
             [system]\nkind = 'kafka'\nbrokers = 1\nreplication.factor = 1\npartitions = 1\n\
             [traffic]\nrate = '40/s'\nduration = '1800s'\narrivals = 'poisson'\n\
             diurnal.amplitude = 0.8\ndiurnal.period = '1800s'\ndiurnal.peak = '900s'\n{more}"
        );
        Scenario::parse(&text, "t.toml", None, &[]).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn a_sample_says_what_the_whole_says_within_its_interval() {
        let scenario = scenario("");
        let whole = run::run(&scenario, &Options::default()).outcome;
        let sample = sample(&scenario, 12, &AtomicBool::new(false), &|_, _| {});
        assert!(sample.simulated_ns < scenario.traffic.duration.0 / 2);
        let events = whole.counts.scheduled as f64;
        assert!((sample.events / events - 1.0).abs() < 0.1, "{} of {events}", sample.events);
        for (name, quantile) in &QUANTILES[..3] {
            let right = whole.latency.response.quantile(*quantile).expect("enough events");
            let found = sample.response.iter().find(|of| of.name == *name).expect("estimated");
            let (low, high) = found.interval_ns;
            // A value of a histogram is known to 0.1 %.
            let slack = right / 500;
            assert!(low <= right + slack && right <= high + slack, "{name}: {right} {found:?}");
        }
    }

    #[test]
    fn what_happens_but_once_is_simulated_whole_and_the_rest_adds_up_to_the_day() {
        let more = "[[traffic.shots]]\npreset = 'goal'\nat = '600s'\n\
                    [[fault]]\nkind = 'pause'\ntarget = 'broker-1'\nat = '1200s'\nfor = '20s'\n";
        let scenario = scenario(more);
        let stretches = stretches::of(&scenario, 9);
        let busy: Vec<_> = stretches.iter().filter(|of| of.weight == 1.0).collect();
        let has = |at: u64| {
            let at = Duration::from_secs(at);
            busy.iter().any(|of| of.from <= at && at < of.until)
        };
        assert!(has(600) && has(1_200) && has(1_220) && !has(300), "{busy:?}");
        let seconds = |of: &Stretch| of.until.saturating_sub(of.from).as_secs_f64() * of.weight;
        let total: f64 = stretches.iter().map(seconds).sum();
        let measured = 1_800.0 - scenario.measure.warm_up.as_secs_f64();
        assert!((total - measured).abs() < 1.0, "{total} s of {measured} s");
        let pause = busy.iter().find(|of| of.until > Duration::from_secs(1_200)).expect("it is");
        let part = stretches::scenario_of(&scenario, pause);
        assert_eq!(part.faults.len(), 1);
        assert_eq!(part.faults[0].at, stretches::WARM_UP.min(Duration::from_secs(1_200)));
        assert!(part.traffic.shots.is_empty());
    }
}
