//! What the tests of single parts of a pipeline share.

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;
use headwater_scenarios::run::{Options, run};
use headwater_scenarios::scenario::Scenario;

/// A scenario of these systems and this traffic, or what is wrong with it.
pub fn read(text: &str) -> Result<Scenario, String> {
    let text = format!(
        "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n{text}\
         [measure]\nwarm_up = \"1s\"\ndrain = \"60s\"\n[promise]\nconverges = true\n"
    );
    Scenario::parse(&text, "t.toml", None, &[]).map_err(|problems| problems.to_string())
}

/// What came out of it.
pub fn ran(text: &str) -> Outcome {
    let scenario = read(text).unwrap_or_else(|problems| panic!("{problems}"));
    run(&scenario, &Options::default()).outcome
}

/// The verdicts that failed.
pub fn failed(outcome: &Outcome) -> Vec<&str> {
    let failed = outcome.verdicts.iter().filter(|of| of.status == VerdictStatus::Fail);
    failed.map(|of| of.name.as_str()).collect()
}
