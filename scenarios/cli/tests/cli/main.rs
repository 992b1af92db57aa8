//! The binary `headwater`, run as a user runs it.

use std::process::{Command, Output};

mod book;
mod commands;
mod explain;
mod find;
mod import;
mod metrics;
mod pages;
mod paper;
mod plan;
mod replay;
mod settings;
mod shrink;
mod swarm;
mod test;
mod traffic;
mod ways;

/// A scenario that runs in no time and passes.
const GOOD: &str = r#"
title = "a test"
hypothesis = "it runs"
profile = "nvme-10gbe"
[system]
kind = "kafka"
[traffic]
rate = "200/s"
duration = "2s"
[measure]
warm_up = "500ms"
"#;

/// Asserts exit code 2, and that the errors contain all of `wanted`.
#[track_caller]
fn refused(output: &Output, wanted: &[&str]) {
    let errors = errors(output);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    for want in wanted {
        assert!(errors.contains(want), "{want:?} is not in:\n{errors}");
    }
}

fn headwater(arguments: &[&str]) -> Output {
    command(arguments).output().expect("headwater can be started")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.args(arguments).env("NO_COLOR", "1");
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
