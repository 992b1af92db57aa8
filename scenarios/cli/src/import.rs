//! `headwater import`.

use std::process::ExitCode;

use crate::args::Import;
use crate::failure::Failure;
use crate::openmessaging;
use crate::say;

/// Makes a scenario of a workload and a driver.
pub fn import(arguments: &Import) -> Result<ExitCode, Failure> {
    let text = openmessaging::scenario(arguments)?;
    let Some(path) = &arguments.out else {
        say(text.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    };
    let shown = path.display();
    std::fs::write(path, text).map_err(|error| Failure::output(&shown, &error))?;
    say(&format!("{shown}: `headwater run {shown} --out out` runs it and writes a report"))?;
    Ok(ExitCode::SUCCESS)
}
