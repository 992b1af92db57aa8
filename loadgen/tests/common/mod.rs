//! Running `loadgen` as a user does.

// Each test binary uses some of it.
#![allow(dead_code)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard};

use headwater_reports::Outcome;

/// One cluster at a time: they share two cores and the default ports.
static ALONE: Mutex<()> = Mutex::new(());

/// The turn of this test, if live tests are to run.
pub fn turn(test: &str) -> Option<MutexGuard<'static, ()>> {
    let asked = std::env::var_os("HEADWATER_LIVE").is_some_and(|value| value == "1");
    let java = Command::new("java").arg("-version").output().is_ok();
    if !asked || !java {
        let why = if asked { "there is no Java" } else { "HEADWATER_LIVE is not 1" };
        eprintln!("skipped {test}: {why}");
        return None;
    }
    Some(ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// The program, with these arguments (separated by spaces) and nothing of a terminal.
pub fn loadgen(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(mut command: Command) -> Output {
    command.output().expect("loadgen starts")
}

/// Standard error as text.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one line that tells why it failed, with exit code 2.
pub fn failure(output: &Output) -> String {
    let text = errors(output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert_eq!(text.lines().last(), lines.last().copied(), "{text}");
    lines[0].to_owned()
}

/// The outcome in a directory.
#[allow(dead_code, reason = "not every test binary reads outcomes")]
pub fn outcome(directory: &Path) -> Outcome {
    Outcome::read(&directory.join("outcome.json")).expect("an outcome was written")
}

/// The options that a run did otherwise than was asked.
pub fn differences(outcome: &Outcome) -> Vec<&str> {
    outcome.differences.iter().map(|one| one.option.as_str()).collect()
}
