//! `headwater completions`: a script that asks this program at each tab, which knows the scenarios
//! that ship and the paths that `--set` takes.

use std::process::ExitCode;

use clap_complete::env::Shells;

use crate::args::Completions;
use crate::failure::Failure;
use crate::say;

/// Prints the script of a shell.
pub fn script(arguments: &Completions) -> Result<ExitCode, Failure> {
    let shells = Shells::builtins();
    let shell = arguments.shell.to_string();
    let shell = shells.completer(&shell).expect("each has one");
    let mut script = Vec::new();
    let written =
        shell.write_registration("COMPLETE", "headwater", "headwater", "headwater", &mut script);
    written.map_err(|error| Failure::output("the script", &error))?;
    say(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
