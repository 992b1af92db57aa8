//! YAML with places, as the tree that scenario files are read from.

use std::collections::BTreeMap;
use std::ops::Range;

use headwater_reading::decode;
use headwater_reading::problem::{Finding, Problems};
use headwater_reading::tree::{Tree, Value};
use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};
use serde::de::DeserializeOwned;

use super::{Failure, Notes, input};

/// A YAML file.
pub(super) struct Document {
    /// Its path, or - for standard input.
    pub name: String,
    pub text: String,
    pub tree: Tree,
}

impl Document {
    /// Reads and parses a file.
    pub fn read(name: &str) -> Result<Self, Failure> {
        let text = input::text(name)?;
        match parse(&text) {
            Ok(tree) => Ok(Self { name: name.to_owned(), text, tree }),
            Err(finding) => Err(Problems::new(vec![finding], name, &text).into()),
        }
    }

    /// Its keys as a `T`. A key that `T` does not have is a note, anything else an error.
    pub fn decode<T: DeserializeOwned>(&self, notes: &mut Notes) -> Result<T, Failure> {
        let mut tree = self.tree.clone();
        let mut findings = Vec::new();
        let read = decode::decode::<T>(&tree, "", &mut findings);
        if let Some(read) = read {
            return Ok(read);
        }
        let strange = |finding: &Finding| finding.message.starts_with("unknown key");
        let (unknown, wrong): (Vec<_>, Vec<_>) = findings.into_iter().partition(strange);
        if !wrong.is_empty() {
            return Err(self.wrong(wrong));
        }
        let spans: Vec<_> = unknown.iter().map(|finding| finding.span.clone()).collect();
        let keys = tree.table().into_iter().flatten();
        let keys: Vec<_> = keys.filter(|(_, (span, _))| spans.contains(span)).collect();
        let keys: Vec<String> = keys.into_iter().map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| drop(tree.take(key)));
        notes.0.extend(unknown);
        let mut findings = Vec::new();
        decode::decode::<T>(&tree, "", &mut findings).ok_or_else(|| self.wrong(findings))
    }

    /// Errors in it.
    pub fn wrong(&self, findings: Vec<Finding>) -> Failure {
        Problems::new(findings, &self.name, &self.text).into()
    }

    /// Where the value of a key stands.
    pub fn place(&self, key: &str) -> Option<Range<usize>> {
        self.tree.get(key)?.span.clone()
    }
}

fn parse(text: &str) -> Result<Tree, Finding> {
    let lines = Lines::of(text);
    let documents = MarkedYaml::load_from_str(text).map_err(|error| {
        let at = lines.byte(error.marker());
        Finding::new(error.info(), Some(at..at))
    })?;
    let tree = documents.first().map_or_else(Tree::empty, |root| lines.tree(root));
    match tree.table() {
        Some(_) => Ok(tree),
        None => Err(Finding::new("expected keys with values, such as topics: 1", tree.span)),
    }
}

/// Where each line of a text begins.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// The parser counts lines from 1 and characters of a line from 0.
    fn byte(&self, marker: &Marker) -> usize {
        let start = self.starts.get(marker.line().saturating_sub(1)).copied();
        let start = start.unwrap_or(self.text.len());
        let within = self.text[start..].char_indices().nth(marker.col());
        within.map_or(self.text.len(), |(at, _)| start + at)
    }

    fn span(&self, node: &MarkedYaml<'_>) -> Range<usize> {
        let (start, end) = (self.byte(&node.span.start), self.byte(&node.span.end));
        start..end.max(start)
    }

    fn tree(&self, node: &MarkedYaml<'_>) -> Tree {
        let leaf = |value| Value::Leaf(value);
        let value = match &node.data {
            YamlData::Value(Scalar::Boolean(value)) => leaf(toml::Value::Boolean(*value)),
            YamlData::Value(Scalar::Integer(value)) => leaf(toml::Value::Integer(*value)),
            YamlData::Value(Scalar::FloatingPoint(value)) => leaf(toml::Value::Float(value.0)),
            YamlData::Value(Scalar::String(text)) => leaf(toml::Value::String(text.to_string())),
            YamlData::Sequence(items) => {
                Value::Array(items.iter().map(|item| self.tree(item)).collect())
            }
            YamlData::Mapping(entries) => {
                let mut table = BTreeMap::new();
                for (key, value) in entries {
                    let nothing = matches!(value.data, YamlData::Value(Scalar::Null));
                    if let (Some(name), false) = (key.data.as_str(), nothing) {
                        let span = Some(self.span(key));
                        table.insert(name.to_owned(), (span, self.tree(value)));
                    }
                }
                Value::Table(table)
            }
            _ => leaf(toml::Value::String(String::new())),
        };
        Tree { span: Some(self.span(node)), value }
    }
}
