//! What is wrong with a scenario file: what, where, what was expected, and the nearest valid name.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::tree::Span;

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
        Self { message: message.into(), span, label: "here".into(), help: None }
    }

    /// With a label under the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
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

/// One problem, with the text that it stands in.
#[derive(Clone, Debug)]
pub struct Problem {
    finding: Finding,
    source: Arc<NamedSource<String>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// The place as `line:column`, from 1, if it stands in the text.
    pub fn place(&self) -> Option<(usize, usize)> {
        let start = self.finding.span.as_ref()?.start;
        let before = &self.source.inner()[..start.min(self.source.inner().len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        Some((line, column))
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.finding.help.as_deref()
    }
}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.finding.span.as_ref().map(|_| self.source.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.finding.span.clone()?;
        let label = LabeledSpan::new_with_span(Some(self.finding.label.clone()), span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// Everything that is wrong with one file, in the order of the text.
#[derive(Clone, Debug)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Findings in a text of this name.
    pub fn new(mut findings: Vec<Finding>, name: &str, text: &str) -> Self {
        findings.sort_by_key(|finding| finding.span.as_ref().map_or(0, |span| span.start));
        let source = Arc::new(NamedSource::new(name, text.to_owned()).with_language("toml"));
        let problem = |finding| Problem { finding, source: Arc::clone(&source) };
        Self(findings.into_iter().map(problem).collect())
    }

    /// One problem that stands in no file.
    pub fn one(finding: Finding) -> Self {
        Self::new(vec![Finding { span: None, ..finding }], "", "")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
            if let Some((line, column)) = problem.place() {
                write!(f, " ({}:{line}:{column})", problem.source.name())?;
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
    // Two thirds alike by edits, or the same beginning of a path: a typo, not another word.
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
