//! Failures: why nothing was run or written, reported once and clearly.

use std::fmt;
use std::process::ExitCode;

use headwater_scenarios::scenario::Problems;

/// What went wrong, in one line: what, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    line: String,
    /// The exit code: 2 before there was anything to measure, 1 after.
    code: u8,
}

/// A result of this crate.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// From one line.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { line: message.into(), code: 2 }
    }

    /// A run was made, but its results can't be written in full.
    pub(crate) fn after_run(message: impl Into<String>) -> Self {
        Self { line: message.into(), code: 1 }
    }

    /// `what` failed with `error`.
    pub(crate) fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(format!("{what}: {error}"))
    }

    /// Reports it, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        crate::terminal::note(format_args!("error: {self}"));
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let one = |problem: &headwater_scenarios::scenario::Problem| match problem.advice() {
            Some(help) => format!("{problem}; {help}"),
            None => problem.to_string(),
        };
        let lines: Vec<String> = problems.0.iter().map(one).collect();
        Self::new(lines.join("\nerror: "))
    }
}
