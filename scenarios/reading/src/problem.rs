//! What is wrong with a scenario file: what, where, what was expected, and the nearest valid name.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::settings::Settings;
use super::tree::Span;

/// Characters of a message, a label or a piece of advice that are printed: a value may be
/// megabytes.
const TOLD_MAX: usize = 300;

/// A problem as it is found, before it is known which file it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One sentence: what is wrong.
    pub message: String,
    /// Where, if it stands in the text.
    pub span: Span,
    /// What was expected there, in a few words.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// `message`, at `span`.
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: told(message.into()), span, label: "here".into(), help: None }
    }

    /// With a label under the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = told(label.into());
        self
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether a value is of another type than was wanted, in serde's words.
    pub fn is_about_type(&self) -> bool {
        self.message.contains("invalid type: ")
    }

    /// With "did you mean", if one of `known` is near `found`; else with the list of them.
    pub fn known<'a>(self, found: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(found, known.iter().copied()) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("known here: {}", known.join(", "))),
        }
    }
}

/// The text, with its middle left out if it is too long.
fn told(text: String) -> String {
    let count = text.chars().count();
    if count <= TOLD_MAX {
        return text;
    }
    let half = TOLD_MAX / 2;
    let (start, end) = (text.chars().take(half), text.chars().skip(count - half));
    format!("{} ... {}", start.collect::<String>(), end.collect::<String>())
}

/// A text and what it is called.
#[derive(Debug)]
struct Text {
    name: String,
    text: String,
}

/// One problem, with the text that it stands in.
#[derive(Clone, Debug)]
pub struct Problem {
    finding: Finding,
    source: Arc<Text>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Problem {}

/// The lines that a problem stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snippet<'a> {
    /// What the text is called: a file's path, or `the command line`.
    pub name: &'a str,
    /// The lines, whole.
    pub text: &'a str,
    /// The number of the first, from 1.
    pub first_line: usize,
    /// Where the problem begins and ends in them, in bytes.
    pub span: (usize, usize),
    /// What was expected there, in a few words.
    pub label: &'a str,
}

impl Problem {
    /// The place as `line:column`, from 1, if it stands in the text.
    pub fn place(&self) -> Option<(usize, usize)> {
        let start = self.finding.span.as_ref()?.start;
        let before = &self.source.text[..start.min(self.source.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        Some((line, column))
    }

    /// The line that it begins in, if it stands in the text.
    pub fn snippet(&self) -> Option<Snippet<'_>> {
        let Range { start, end } = self.finding.span.clone()?;
        let (line, _) = self.place()?;
        let text = self.source.text.as_str();
        let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let until = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        Some(Snippet {
            name: &self.source.name,
            text: &text[from..until],
            first_line: line,
            span: (start - from, end.clamp(start, until) - from),
            label: &self.finding.label,
        })
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.finding.help.as_deref()
    }
}

/// Everything that is wrong with one file, in the order of the text.
#[derive(Clone, Debug)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Findings in a text of this name.
    pub fn new(findings: Vec<Finding>, name: &str, text: &str) -> Self {
        Self::with_settings(findings, name, text, &[])
    }

    /// Findings in a text, or in the settings that were laid over it ([`Settings`]).
    pub fn with_settings(
        mut findings: Vec<Finding>,
        name: &str,
        text: &str,
        settings: &[(String, String)],
    ) -> Self {
        findings.sort_by_key(|finding| finding.span.as_ref().map_or(0, |span| span.start));
        let source = Arc::new(Text { name: name.into(), text: text.into() });
        let settings = Settings::after(text, settings);
        let problem = |mut finding: Finding| {
            let set = finding.span.as_ref().and_then(|span| settings.at(span.start));
            let Some((from, argument)) = set else {
                return Problem { finding, source: Arc::clone(&source) };
            };
            let inside = |at: usize| (at - from).min(argument.len());
            finding.span = finding.span.map(|span| inside(span.start)..inside(span.end));
            Problem {
                finding,
                source: Arc::new(Text { name: COMMAND_LINE.into(), text: argument }),
            }
        };
        Self(findings.into_iter().map(problem).collect())
    }

    /// All of them in one line, without their places.
    pub fn line(&self) -> String {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        all.join("; ")
    }

    /// One problem that stands in no file.
    pub fn one(finding: Finding) -> Self {
        Self::new(vec![Finding { span: None, ..finding }], "", "")
    }
}

/// What the text of a setting is called.
const COMMAND_LINE: &str = "the command line";

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
            if let Some((line, column)) = problem.place() {
                write!(f, " ({}:{line}:{column})", problem.source.name)?;
            }
            if let Some(help) = problem.advice() {
                write!(f, "; {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The name among `known` that `found` was probably meant to be.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > TOLD_MAX {
        return None;
    }
    // Alike in two thirds by edit distance, or the same beginning of a path: a typo, not another
    // word.
    let likeness = |name: &&str| {
        let (found, name) = (found.to_lowercase(), name.to_lowercase());
        let last = name.rsplit(['.', '/']).next().unwrap_or(&name);
        strsim::normalized_damerau_levenshtein(&found, &name)
            .max(strsim::normalized_damerau_levenshtein(&found, last))
    };
    let scored = known.into_iter().map(|name| (likeness(&name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.6).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let known = ["linger.ms", "batch.size", "acks"];
        assert_eq!(nearest("lingerms", known), Some("linger.ms"));
        assert_eq!(nearest("bacth.size", known), Some("batch.size"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(
            nearest("stress-1600-kafak", ["paper/stress-1600-kafka"]),
            Some("paper/stress-1600-kafka")
        );
    }

    #[test]
    fn a_problem_says_line_and_column() {
        let finding = Finding::new("no", Some(6..7)).label("this");
        let problems = Problems::new(vec![finding], "f.toml", "a = 1\nb = 2\n");
        assert_eq!(problems.0[0].place(), Some((2, 1)));
        assert_eq!(problems.to_string(), "no (f.toml:2:1)");
    }
}
