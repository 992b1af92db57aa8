//! Values on the command line.

use std::ops::RangeInclusive;

use headwater_scenarios::scenario::Metric;
use headwater_scenarios::sweep::Vary;
use headwater_scenarios::units::Share;

/// A share that two ends may be apart.
pub fn percent(text: &str) -> Result<f64, String> {
    share_within(text, 0.001..=0.5, "0.1% to 50%")
}

/// A share of all.
pub fn share(text: &str) -> Result<f64, String> {
    share_within(text, f64::MIN_POSITIVE..=1.0, "above 0% to 100%")
}

fn share_within(text: &str, sensible: RangeInclusive<f64>, expected: &str) -> Result<f64, String> {
    let share = text.parse::<Share>().map_err(|error| error.to_string())?.0;
    let sensible = sensible.contains(&share);
    sensible.then_some(share).ok_or_else(|| format!("`{text}`: expected {expected}"))
}

/// A figure by its name.
pub fn metric(text: &str) -> Result<Metric, String> {
    Metric::parse(text)
}

/// `PATH=VALUE`, which is laid over a scenario.
pub fn setting(text: &str) -> Result<(String, String), String> {
    headwater_scenarios::sweep::setting(text)
}

/// `PATH=VALUE,PATH=VALUE`, which a sweep leaves out.
pub fn combination(text: &str) -> Result<Vec<(String, String)>, String> {
    headwater_scenarios::sweep::combination(text)
}

/// A whole number.
pub fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

/// `PATH=A,B,C`.
pub fn variation(text: &str) -> Result<Vary, String> {
    text.parse()
}
