//! Failures: why nothing was served, or why a service ended, in one line.

use std::fmt;
use std::process::ExitCode;

/// What went wrong, in one line: what, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    line: String,
    code: u8,
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// What was asked for can't be done: exit code 2.
    pub fn usage(line: impl Into<String>) -> Self {
        Self { line: line.into(), code: 2 }
    }

    /// Something failed on the way: exit code 1.
    pub fn broken(line: impl Into<String>) -> Self {
        Self { line: line.into(), code: 1 }
    }

    /// The exit code of a program that ends with it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
