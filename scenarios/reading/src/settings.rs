//! Values laid over a file from the command line: `--set PATH=VALUE`.
//!
//! So that an error in one points at its argument and not at the file, settings stand behind the
//! end of the file's text: a span that starts there is of a setting.

use super::problem::Finding;
use super::tree::{self, Span, Tree};

/// Settings as they stand behind a text.
pub struct Settings<'a> {
    start: usize,
    settings: &'a [(String, String)],
}

/// What an argument begins with.
const FLAG: &str = "--set ";

fn length((path, value): &(String, String)) -> usize {
    FLAG.len() + path.len() + 1 + value.len()
}

impl<'a> Settings<'a> {
    /// Settings (path, value) behind `text`.
    pub const fn after(text: &str, settings: &'a [(String, String)]) -> Self {
        Self { start: text.len() + 1, settings }
    }

    fn starts(&self) -> impl Iterator<Item = (usize, &'a (String, String))> {
        self.settings.iter().scan(self.start, |start, setting| {
            let from = *start;
            *start += length(setting) + 1;
            Some((from, setting))
        })
    }

    /// Which setting stands at `at`, from 0.
    pub fn index(&self, at: usize) -> Option<usize> {
        self.starts().position(|(from, setting)| (from..=from + length(setting)).contains(&at))
    }

    /// The setting that stands at `at`: where it starts, and the argument as it was typed.
    pub fn at(&self, at: usize) -> Option<(usize, String)> {
        let (from, (path, value)) = self.starts().nth(self.index(at)?)?;
        Some((from, format!("{FLAG}{path}={value}")))
    }

    /// Lays them over `tree`. A value is TOML if it reads as TOML and its setting is not among the
    /// `words` (their numbers); else it is a string. What has no place is pushed to `findings`.
    pub fn lay(&self, tree: &mut Tree, words: &[usize], findings: &mut Vec<Finding>) {
        for (index, (from, (path, value))) in self.starts().enumerate() {
            let from = from + FLAG.len();
            let key: Span = Some(from..from + path.len());
            let behind = from + path.len() + 1;
            let at = (key.clone(), Some(behind..behind + value.len()));
            let parsed = if words.contains(&index) {
                toml::Value::String(value.clone())
            } else {
                tree::parse_value(value)
            };
            let set = tree::split_path(path).and_then(|keys| tree.set(&keys, parsed, at));
            if let Err(message) = set {
                findings.push(Finding::new(format!("--set {path}={value}: {message}"), key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_place_behind_the_text() {
        let set = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        let settings = [set("a.b", "1"), set("c", "two")];
        let laid = Settings::after("x = 1", &settings);
        let mut tree = Tree::parse("x = 1").unwrap();
        let mut findings = Vec::new();
        laid.lay(&mut tree, &[], &mut findings);
        assert_eq!(findings, []);
        let spans = [tree.get("a").unwrap().get("b").unwrap(), tree.get("c").unwrap()];
        let spans = spans.map(|tree| tree.span.clone().unwrap());
        let found = spans.clone().map(|span| laid.at(span.start).unwrap());
        assert_eq!(found.clone().map(|(_, text)| text), ["--set a.b=1", "--set c=two"]);
        let words = [0, 1].map(|n| &found[n].1[spans[n].start - found[n].0..]);
        assert_eq!(words, ["1", "two"]);
        assert_eq!(laid.at(4), None);
    }

    #[test]
    fn a_value_that_is_asked_for_as_a_word_is_one() {
        let settings = [("version".to_owned(), "3.9".to_owned())];
        let read = |words: &[usize]| {
            let mut tree = Tree::empty();
            Settings::after("", &settings).lay(&mut tree, words, &mut Vec::new());
            tree.to_toml()["version"].clone()
        };
        assert_eq!(read(&[]), toml::Value::Float(3.9));
        assert_eq!(read(&[0]), toml::Value::String("3.9".into()));
    }
}
