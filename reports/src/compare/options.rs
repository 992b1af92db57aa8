//! In what the runs differ before they begin: options, seeds, profiles, faults, texts.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::outcome::Outcome;
use crate::text::duration;

/// Something that is not the same in all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// An option of the systems, or what else differs, such as `seed`.
    pub option: String,
    /// One for each run; absent where the run has no such option.
    pub values: Vec<Option<String>>,
}

/// What differs: the runs' surroundings first, then options by name. Of different systems the
/// options are not compared: nearly all of them are the other's.
pub(super) fn differences(outcomes: &[Outcome]) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut add = |option: &str, values: Vec<Option<String>>| {
        if values.iter().any(|value| *value != values[0]) {
            all.push(Difference { option: option.to_owned(), values });
        }
    };
    let mut each = |option: &str, of: &dyn Fn(&Outcome) -> String| {
        add(option, outcomes.iter().map(|outcome| Some(of(outcome))).collect());
    };
    each("system", &|outcome| outcome.environment.systems());
    each("seed", &|outcome| outcome.seed.to_string());
    each("traffic", &|outcome| outcome.traffic.describes.clone());
    each("machine profile", &|outcome| outcome.environment.profile.clone());
    each("faults", &faults);
    each("headwater", &|outcome| outcome.version.clone());
    let digests = outcomes.iter().map(|outcome| outcome.scenario.digest.as_str());
    if digests.clone().all(|digest| !digest.is_empty()) {
        let short = |digest: &str| Some(digest.chars().take(12).collect());
        add("scenario's text, SHA-256", digests.map(short).collect());
    }
    let systems: BTreeSet<&str> =
        outcomes.iter().map(|outcome| outcome.environment.system.as_str()).collect();
    if systems.len() > 1 {
        return all;
    }
    let options: BTreeSet<&String> =
        outcomes.iter().flat_map(|outcome| outcome.configuration.keys()).collect();
    for option in options {
        let value = |outcome: &Outcome| outcome.configuration.get(option).cloned();
        let values: Vec<_> = outcomes.iter().map(value).collect();
        if values.iter().any(|value| *value != values[0]) {
            all.push(Difference { option: option.clone(), values });
        }
    }
    all
}

/// The faults of a run in a line.
fn faults(outcome: &Outcome) -> String {
    let one = |fault: &crate::outcome::Fault| {
        let from = duration(fault.from_ns as f64);
        let until = fault.until_ns.map(|until| format!(" to {}", duration(until as f64)));
        format!("{} {} {from}{}", fault.name, fault.target, until.unwrap_or_default())
    };
    match outcome.faults.is_empty() {
        true => "none".to_owned(),
        false => outcome.faults.iter().map(one).collect::<Vec<_>>().join("; "),
    }
}
