//! `headwater compare`.

use std::path::Path;
use std::process::ExitCode;

use headwater_reports::Outcome;

use crate::args::Compare;
use crate::failure::Failure;
use crate::input;
use crate::say;

/// Puts outcomes side by side. Exit code 1: a run failed, or lost what it acknowledged.
pub fn compare(arguments: &Compare) -> Result<ExitCode, Failure> {
    let outcomes =
        arguments.outcomes.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let comparison = headwater_reports::compare(&outcomes);
    if let Some(path) = &arguments.html {
        std::fs::write(path, comparison.to_html())
            .map_err(|error| Failure::output(path.display(), &error))?;
    }
    let text = match (arguments.json, arguments.markdown) {
        (true, _) => comparison.to_json(),
        (_, true) => comparison.to_markdown(),
        _ => comparison.to_text(),
    };
    say(text.trim_end())?;
    Ok(ExitCode::from(comparison.exit_code()))
}

/// Reads an outcome: a file, or the folder that a run wrote it to.
pub fn read(path: &Path) -> Result<Outcome, Failure> {
    if path == Path::new(input::STANDARD_INPUT) {
        let read = Outcome::parse(input::text(path)?.as_bytes(), path);
        return read.map_err(|error| Failure::Other(error.to_string()));
    }
    let path = if path.is_dir() { path.join("outcome.json") } else { path.to_owned() };
    Outcome::read(&path).map_err(|error| Failure::Other(error.to_string()))
}
