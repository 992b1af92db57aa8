//! What the tests of published figures have in common.

use headwater_reports::outcome::Outcome;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Scenario;

/// Runs a row's scenario, a file of `folder` (of the library without one), with settings laid over
/// it.
pub fn row(folder: &str, name: &str, settings: &[(&str, &str)]) -> Outcome {
    let file = match folder {
        // Of the library.
        "" => name.to_owned(),
        folder => format!("{}/{folder}/{name}.toml", env!("CARGO_MANIFEST_DIR")),
    };
    let settings: Vec<_> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let scenario = Scenario::load(&file, &settings).unwrap_or_else(|problems| panic!("{problems}"));
    run::run(&scenario, &Options::default()).outcome
}

/// Events acknowledged in a second.
pub fn acked(outcome: &Outcome) -> u64 {
    outcome.rates.acked.events_per_second as u64
}

/// The response at a share of the events, in us.
pub fn response_us(outcome: &Outcome, share: f64) -> u64 {
    outcome.latency.response.quantile(share).expect("events were acknowledged") / 1_000
}
