//! The binary `headwater`, run as a user runs it.

use std::process::{Command, Output};

mod commands;
mod replay;
mod shrink;

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
