//! Failures: bad input and output that can't be written, told once and clearly. Exit code 2.

use std::fmt::Display;
use std::io::IsTerminal;
use std::process::ExitCode;

use headwater_scenarios::scenario::Problems;
use miette::{GraphicalReportHandler, GraphicalTheme};

/// Why nothing was run, or nothing could be written.
pub enum Failure {
    /// A scenario or profile is wrong.
    Input(Problems),
    /// Anything else, in one line.
    Other(String),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Input(problems)
    }
}

impl Failure {
    /// `what` can't be written.
    pub fn output(what: impl Display, error: &std::io::Error) -> Self {
        Self::Other(format!("can't write {what}: {error}"))
    }

    /// Tells it, and gives the exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Self::Other(message) => eprintln!("error: {message}"),
            Self::Input(problems) => {
                let colour =
                    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                let theme = if colour {
                    GraphicalTheme::unicode()
                } else {
                    GraphicalTheme::unicode_nocolor()
                };
                let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
                for problem in &problems.0 {
                    let mut text = String::new();
                    match handler.render_report(&mut text, problem) {
                        Ok(()) => eprintln!("error: {}", text.trim_start_matches([' ', '\n'])),
                        Err(_) => eprintln!("error: {problem}"),
                    }
                }
                if problems.0.len() > 1 {
                    eprintln!("{} errors", problems.0.len());
                }
            }
        }
        ExitCode::from(2)
    }
}
