//! Failures: bad input and output that can't be written, reported once and clearly. Exit code 2.

use std::fmt::Display;
use std::io::IsTerminal;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use headwater_scenarios::scenario::{Problem, Problems, Scenario};

/// Columns that a problem is printed in.
const WIDTH: usize = 100;

/// Bytes of a line that is still quoted.
const LINE_MAX: usize = 10_000;

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

    /// Reports it, and gives the exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Self::Other(message) => eprintln!("error: {message}"),
            Self::Input(problems) => {
                tell(&Level::ERROR, &problems);
                if problems.0.len() > 1 {
                    eprintln!("{} errors", problems.0.len());
                }
            }
        }
        ExitCode::from(2)
    }
}

/// Prints the warnings of a scenario.
pub fn warn(scenario: &Scenario) {
    tell_warnings(&scenario.warnings);
}

/// Prints problems that are warnings.
pub fn tell_warnings(problems: &Problems) {
    tell(&Level::WARNING, problems);
}

/// Prints problems with their places.
fn tell(level: &Level<'static>, problems: &Problems) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(WIDTH);
    for problem in &problems.0 {
        eprintln!("{}\n", renderer.render(&[group(level.clone(), problem)]));
    }
}

/// A problem in the style of rustc.
fn group<'a>(level: Level<'a>, problem: &'a Problem) -> Group<'a> {
    let mut group = Group::with_title(level.primary_title(problem.to_string()));
    let line = problem.snippet();
    if let Some(at) = line.filter(|at| at.text.len() <= LINE_MAX) {
        let span = at.span.0..at.span.1;
        let label = AnnotationKind::Primary.span(span).label(at.label);
        let snippet = Snippet::source(at.text).line_start(at.first_line).path(at.name);
        group = group.element(snippet.annotation(label));
    } else if let (Some(at), Some((line, column))) = (line, problem.place()) {
        group = group.element(Origin::path(at.name).line(line).char_column(column));
    }
    match problem.advice() {
        Some(advice) => group.element(Level::HELP.message(advice)),
        None => group,
    }
}
