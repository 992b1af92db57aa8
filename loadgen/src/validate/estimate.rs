//! How long a validation takes, about, before it is started.

use headwater_scenarios::estimate::Estimate;

use super::case::Case;
use crate::arguments::Validate;
use crate::{estimate, utilisation};

/// Forecasts and live runs of all cases, once each, seconds.
fn seconds(cases: &[Case], asked: &Validate) -> (f64, f64) {
    let live = |case: &Case| {
        estimate::launching(&case.plan, asked.warm_up) + estimate::running(&case.plan)
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
    format!(
        "{} cases, {} runs: about {} ({} of it simulated), more where runs are discarded; none is \
         begun after {} (--within)",
        cases.len(),
        cases.len() as u64 * repeats,
        estimate::shown(whole),
        estimate::shown(simulated),
        asked.within
    )
}
