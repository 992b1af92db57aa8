//! The live run of a case: this program once more, on a cluster of its own, as a user would start
//! it.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::case::Case;
use crate::arguments::{Validate, WarmUp};
use crate::child::{self, Ended};

/// What a run of `case` with `seed` takes on the command line, beside `--out`.
pub(super) fn arguments(case: &Case, seed: u64, asked: &Validate) -> Vec<String> {
    let mut all: Vec<String> =
        ["--scenario", &case.file.display().to_string(), "--launch"].map(str::to_owned).into();
    let mut add = |option: &str, value: String| all.extend([option.to_owned(), value]);
    add("--seed", seed.to_string());
    if let Some(profile) = &asked.profile {
        add("--profile", profile.clone());
    }
    for (path, value) in &asked.settings {
        add("--set", format!("{path}={value}"));
    }
    if let Some(duration) = asked.duration {
        add("--duration", duration.to_string());
    }
    if let Some(cores) = asked.cores {
        add("--cores", cores.name().into());
    }
    if let WarmUp::For(time) = asked.warm_up {
        add("--warm-up", time.to_string());
    }
    all
}

/// Runs `case` with `seed` into `folder`, and what it says into a file there.
pub(super) fn run(
    case: &Case,
    seed: u64,
    folder: &Path,
    asked: &Validate,
    stop: &AtomicBool,
) -> Ended {
    let longest = child::longest(&case.plan.scenario);
    child::run(&arguments(case, seed, asked), folder, longest, stop)
}
