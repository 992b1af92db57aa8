//! `headwater new` and `headwater show`.

use std::io::Write;
use std::process::ExitCode;

use headwater_scenarios::library::starters;
use headwater_scenarios::scenario::Source;

use crate::args::{New, Show};
use crate::failure::Failure;
use crate::say;

/// Writes a scenario to begin with: to a file that is not there yet, or to standard output.
pub fn new(arguments: &New) -> Result<ExitCode, Failure> {
    let asked = arguments.system.as_deref();
    let starters = starters();
    let starter = starters.iter().find(|(name, _)| asked.is_none_or(|asked| asked == *name));
    let Some((_, text)) = starter else {
        return Err(Failure::Other("no system has a scenario to begin with".into()));
    };
    let Some(path) = &arguments.file else {
        say(text.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    };
    let name = path.display();
    let fail = |error: &std::io::Error| Failure::output(&name, error);
    let mut file = std::fs::File::create_new(path).map_err(|error| fail(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| fail(&error))?;
    say(&format!("{name}: `headwater run {name} --out out` runs it and writes a report"))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the text of a scenario.
pub fn show(arguments: &Show) -> Result<ExitCode, Failure> {
    say(Source::find(&arguments.scenario)?.text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
