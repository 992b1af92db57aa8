//! What became of the changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::plant::Mutant;

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A test that says what is right failed.
    Killed(String),
    /// Only a snapshot is different.
    Different(String),
    /// No test notices.
    Survived,
}

/// A change and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The change, as [`line()`] says it.
    pub line: String,
    /// What became of it.
    pub fate: Fate,
}

impl Told {
    /// In a line of JSON.
    pub fn written(&self) -> Value {
        let (fate, by) = match &self.fate {
            Fate::Killed(by) => ("killed", by.as_str()),
            Fate::Different(by) => ("different", by.as_str()),
            Fate::Survived => ("survived", ""),
        };
        json!({ "change": self.line, "fate": fate, "by": by })
    }

    /// From a line that was written; nothing if it is cut off.
    pub fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let by = value["by"].as_str()?.to_owned();
        let fate = match value["fate"].as_str()? {
            "killed" => Fate::Killed(by),
            "different" => Fate::Different(by),
            _ => Fate::Survived,
        };
        Some(Self { line: value["change"].as_str()?.to_owned(), fate })
    }
}

/// A change in a line: where, of which kind, from what into what.
pub fn line(of: &Mutant) -> String {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (path, site) = (&of.path, &of.site);
    let (line, kind, was) = (site.line, site.kind.name(), flat(&of.was));
    match site.becomes.is_empty() {
        true => format!("{path}:{line}: {kind}: `{was}` left out"),
        false => format!("{path}:{line}: {kind}: `{was}` becomes `{}`", flat(&site.becomes)),
    }
}

/// The report, in Markdown.
pub fn of(planted: usize, mutants: &[Mutant], told: &[Told]) -> String {
    let mut text = String::new();
    let count = |is: fn(&Fate) -> bool| told.iter().filter(|of| is(&of.fate)).count();
    let survived = count(|fate| *fate == Fate::Survived);
    let different = count(|fate| matches!(fate, Fate::Different(_)));
    let killed = count(|fate| matches!(fate, Fate::Killed(_)));
    let (compiled, tried) = (mutants.len(), told.len());
    let _ = writeln!(
        text,
        "{planted} changes planted, {compiled} of them compile, {tried} tried: {killed} killed, \
         {different} seen by a snapshot alone, {survived} survived."
    );
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for of in told {
        if let Fate::Killed(test) | Fate::Different(test) = &of.fate {
            let suite = test.split_once(':').map_or(test.as_str(), |(suite, _)| suite);
            *by.entry(suite).or_default() += 1;
        }
    }
    let of_suites: Vec<_> = by.iter().map(|(suite, count)| format!("{suite} {count}")).collect();
    let _ = writeln!(text, "Noticed first by: {}.", of_suites.join(", "));
    list(&mut text, "Survived", told, |fate| *fate == Fate::Survived);
    list(&mut text, "Seen by a snapshot alone", told, |fate| matches!(fate, Fate::Different(_)));
    text
}

fn list(text: &mut String, title: &str, told: &[Told], is: fn(&Fate) -> bool) {
    let mut lines: Vec<_> = told.iter().filter(|of| is(&of.fate)).map(|of| &of.line).collect();
    if lines.is_empty() {
        return;
    }
    lines.sort();
    let _ = writeln!(text, "\n## {title}\n");
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_read_again_and_half_a_line_is_not() {
        let told = Told { line: "a:1: bound: `1`".into(), fate: Fate::Killed("check: x".into()) };
        let written = told.written().to_string();
        assert_eq!(Told::read(&written), Some(told));
        assert_eq!(Told::read(&written[..written.len() / 2]), None);
    }
}
