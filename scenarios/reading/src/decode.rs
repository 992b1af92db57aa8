//! From a tree to typed values: every error found, each with its place in the text.

use serde::de::DeserializeOwned;

use super::input::{Input, InputError};
use super::problem::Finding;
use super::tree::{Span, Tree, Value};

/// Limit to the errors reported for one section.
const FINDINGS_MAX: usize = 20;

/// Reads `tree`, which stands under `at` (such as `traffic`), as a `T`. Strict structs
/// (`deny_unknown_fields`) give strict keys. What can't be read is pushed to `findings`.
pub fn decode<T: DeserializeOwned>(
    tree: &Tree,
    at: &str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    decode_value(tree.to_toml(), tree, at, findings)
}

/// As [`decode`], of a value whose leaves stand in `places` where they came from the text.
pub fn decode_value<T: DeserializeOwned>(
    value: toml::Value,
    places: &Tree,
    at: &str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    decode_by(value, places, at, findings, &|input| T::deserialize(input))
}

/// As [`decode_value`], by a function that reads the value.
pub fn decode_by<T>(
    mut value: toml::Value,
    places: &Tree,
    at: &str,
    findings: &mut Vec<Finding>,
    read: &dyn Fn(Input) -> Result<T, InputError>,
) -> Option<T> {
    let before = findings.len();
    for _ in 0..FINDINGS_MAX {
        let error = match read(value.clone().into()) {
            Ok(read) if findings.len() == before => return Some(read),
            Ok(_) => return None,
            Err(error) => error,
        };
        let message = error.message();
        // What was taken out below is missing now, which is not an error in the file.
        if findings.len() > before && message.contains("missing field") {
            return None;
        }
        let path = error.keys();
        findings.push(finding(at, &path, message.trim(), places));
        if path.is_empty() || !remove(&mut value, &path) {
            return None;
        }
    }
    None
}

fn finding(at: &str, path: &[String], message: &str, places: &Tree) -> Finding {
    let (mut key_span, value_span) = locate(places, path);
    let full =
        std::iter::once(at).filter(|at| !at.is_empty()).chain(path.iter().map(String::as_str));
    let full = full.collect::<Vec<_>>().join(".");
    if let Some(unknown) = backticked(message).next().filter(|_| message.starts_with("unknown")) {
        let what = if message.starts_with("unknown variant") { "value" } else { "key" };
        // The path into a tagged enum is not given: the key is searched where the enum stands.
        let (mut full, mut below) = (full.clone(), path.to_vec());
        if what == "key" && path.last().is_none_or(|last| last != unknown) {
            below.push(unknown.to_owned());
            key_span = locate(places, &below).0;
            full = format!("{full}.{unknown}");
        }
        let known: Vec<&str> = backticked(message).skip(1).collect();
        let place =
            if what == "key" { &full[..full.len() - unknown.len().min(full.len())] } else { &full };
        let place = if what == "key" { place.trim_end_matches('.') } else { place };
        let place = if place.is_empty() { "the file" } else { place };
        let span = if what == "key" { key_span } else { value_span };
        let said = format!("unknown {what} `{unknown}` in {place}");
        return Finding::new(said, span).label(format!("no such {what}")).known(unknown, known);
    }
    let place = if full.is_empty() { "the file" } else { &full };
    Finding::new(format!("{place}: {message}"), value_span).label(label_of(message))
}

/// The words in backticks.
fn backticked(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

/// What was expected, cut out of serde's message.
fn label_of(message: &str) -> String {
    match message.split_once("expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => match message.split_once(" is not ") {
            Some((_, expected)) => format!("expected {expected}"),
            None => "here".into(),
        },
    }
}

/// Where the key and the value of `path` stand; of the nearest ancestor that stands in the text.
pub fn locate(tree: &Tree, path: &[String]) -> (Span, Span) {
    let mut here = tree;
    let (mut key, mut value) = (tree.span.clone(), tree.span.clone());
    for part in path {
        let next = match &here.value {
            Value::Table(table) => table.get(part).map(|(span, tree)| (span.clone(), tree)),
            Value::Array(items) => part
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
                .map(|tree| (tree.span.clone(), tree)),
            Value::Leaf(_) => None,
        };
        let Some((span, tree)) = next else { break };
        key = span.or(key);
        value = tree.span.clone().or(value);
        here = tree;
    }
    (key, value)
}

fn remove(value: &mut toml::Value, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut here = value;
    for part in parents {
        let next = match here {
            toml::Value::Table(table) => table.get_mut(part),
            toml::Value::Array(items) => part.parse().ok().and_then(|at: usize| items.get_mut(at)),
            _ => None,
        };
        let Some(next) = next else { return false };
        here = next;
    }
    match here {
        toml::Value::Table(table) => table.remove(last).is_some(),
        toml::Value::Array(items) => {
            let at = last.parse().ok().filter(|at: &usize| *at < items.len());
            at.map(|at| items.remove(at)).is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Traffic {
        #[serde(rename = "rate")]
        _rate: f64,
        #[serde(rename = "duration")]
        _duration: Millis,
        #[serde(rename = "users")]
        _users: Users,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Users {
        #[serde(rename = "count")]
        _count: u32,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(try_from = "String")]
    struct Millis;

    impl TryFrom<String> for Millis {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            let known = || format!("{text} is not a number with a unit, such as 20ms");
            text.strip_suffix("ms").map(|_| Self).ok_or_else(known)
        }
    }

    fn findings(text: &str) -> Vec<Finding> {
        let tree = Tree::parse(text).unwrap();
        let mut findings = Vec::new();
        let read = decode::<Traffic>(&tree, "traffic", &mut findings);
        assert_eq!(read.is_some(), findings.is_empty(), "{findings:?}");
        findings
    }

    #[test]
    fn all_errors_are_found_each_at_its_place() {
        let text = "rate = \"1600\"\ndurration = \"3ms\"\n[users]\ncount = \"many\"\n";
        let found = findings(text);
        let places: Vec<_> = found.iter().map(|f| &text[f.span.clone().unwrap()]).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        for place in ["\"1600\"", "durration", "\"many\""] {
            assert!(places.contains(&place), "{place} not in {places:?}");
        }
        let typo = found.iter().find(|f| f.message.contains("durration")).unwrap();
        assert_eq!(typo.help.as_deref(), Some("did you mean `duration`?"));
    }

    #[test]
    fn a_wrong_unit_names_the_right_ones() {
        let found = findings("duration = \"3 parsecs\"");
        assert!(found[0].message.contains("traffic.duration"), "{found:?}");
        assert!(found[0].message.contains("20ms"), "{found:?}");
    }
}
