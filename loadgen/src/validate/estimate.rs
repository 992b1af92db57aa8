//! How long a validation takes, about, before it is started.

use std::time::Duration;

use headwater_scenarios::estimate::Estimate;

use super::case::Case;
use crate::arguments::{Validate, WarmUp};
use crate::utilisation;

/// What a run takes beside its traffic, seconds: the first server of a cluster, each further one,
/// traffic until the first is warm and each further one, reading back and clearing away. As
/// measured on two cores.
const FIRST_SERVER: f64 = 10.0;
const FURTHER_SERVER: f64 = 4.0;
const WARMING: f64 = 55.0;
const WARMING_FURTHER: f64 = 90.0;
const CLEARING: f64 = 6.0;

/// Forecasts and live runs of all cases, once each, seconds.
fn seconds(cases: &[Case], asked: &Validate) -> (f64, f64) {
    let warming = match asked.warm_up {
        WarmUp::Auto => (WARMING, WARMING_FURTHER),
        WarmUp::For(time) => (time.as_secs_f64(), 0.0),
    };
    let live = |case: &Case| {
        let servers = case.plan.system.servers(&case.plan.scenario).len().max(1) as f64;
        let traffic = case.plan.scenario.traffic.duration.as_secs_f64();
        let first = FIRST_SERVER + warming.0;
        first + (FURTHER_SERVER + warming.1) * (servers - 1.0) + traffic + CLEARING
    };
    let simulated = |case: &Case| Estimate::simulated(&case.plan.scenario).time_ns / 1e9;
    let on_all = asked.seeds as f64 / f64::from(utilisation::cores()).max(1.0);
    (cases.iter().map(simulated).sum::<f64>() * on_all, cases.iter().map(live).sum())
}

/// In a line.
pub(super) fn tell(cases: &[Case], asked: &Validate) -> String {
    let (simulated, live) = seconds(cases, asked);
    let repeats = asked.repeats;
    let whole = simulated + live * repeats as f64;
    let shown = |seconds: f64| {
        let minutes = Duration::from_secs_f64(seconds).as_secs().div_ceil(60);
        match (minutes / 60, minutes % 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        }
    };
    format!(
        "{} cases, {} runs: about {} ({} of it simulated), more where runs are discarded; none is \
         begun after {} (--within)",
        cases.len(),
        cases.len() as u64 * repeats,
        shown(whole),
        shown(simulated),
        asked.within
    )
}
