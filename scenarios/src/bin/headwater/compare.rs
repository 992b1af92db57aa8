//! `headwater compare`.

use std::process::ExitCode;

use headwater_reports::Outcome;

use crate::args::Compare;
use crate::failure::Failure;

/// Puts outcomes side by side.
pub fn compare(arguments: &Compare) -> Result<ExitCode, Failure> {
    let read = |path: &std::path::PathBuf| {
        let path = if path.is_dir() { path.join("outcome.json") } else { path.clone() };
        Outcome::read(&path).map_err(|error| Failure::Other(error.to_string()))
    };
    let outcomes = arguments.outcomes.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let _ = outcomes;
    Ok(ExitCode::SUCCESS)
}
