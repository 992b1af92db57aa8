//! A TOML document as a tree that remembers where everything is, so that an error found late (a
//! unit, a key of a modelled system, an expectation) still points at its line and column.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something stands in the text, in bytes; `None` for what came from the command line.
pub type Span = Option<Range<usize>>;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Where the value stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a [`Tree`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string, number, boolean or date.
    Leaf(toml::Value),
    /// A list.
    Array(Vec<Tree>),
    /// A table: each key with where the key stands, and its value.
    Table(BTreeMap<String, (Span, Tree)>),
}

/// What is wrong with a TOML text as TOML, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// In the parser's words.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl Tree {
    /// Parses a document; all syntax errors at once.
    pub fn parse(text: &str) -> Result<Self, Vec<SyntaxError>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let error =
                |e: toml::de::Error| SyntaxError { message: e.message().into(), span: e.span() };
            return Err(errors.into_iter().map(error).collect());
        }
        let span = Some(table.span());
        Ok(Self { span, value: from_table(table.get_ref())? })
    }

    /// An empty table.
    pub fn empty() -> Self {
        Self { span: None, value: Value::Table(BTreeMap::new()) }
    }

    /// From a value that is not in the text.
    pub fn from_toml(value: toml::Value) -> Self {
        let value = match value {
            toml::Value::Array(items) => {
                Value::Array(items.into_iter().map(Self::from_toml).collect())
            }
            toml::Value::Table(table) => {
                let entry = |(key, value)| (key, (None, Self::from_toml(value)));
                Value::Table(table.into_iter().map(entry).collect())
            }
            leaf => Value::Leaf(leaf),
        };
        Self { span: None, value }
    }

    /// Without positions.
    pub fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Leaf(leaf) => leaf.clone(),
            Value::Array(items) => toml::Value::Array(items.iter().map(Self::to_toml).collect()),
            Value::Table(table) => {
                let entry =
                    |(key, (_, tree)): (&String, &(Span, Self))| (key.clone(), tree.to_toml());
                toml::Value::Table(table.iter().map(entry).collect())
            }
        }
    }

    /// The entries, if it is a table.
    pub fn table(&self) -> Option<&BTreeMap<String, (Span, Self)>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Leaf(leaf) => leaf.as_str(),
            _ => None,
        }
    }

    /// The entry of a table.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.table()?.get(key).map(|(_, tree)| tree)
    }

    /// Takes an entry out of a table.
    pub fn take(&mut self, key: &str) -> Option<(Span, Self)> {
        match &mut self.value {
            Value::Table(table) => table.remove(key),
            _ => None,
        }
    }

    /// What kind of value it is, in words.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Leaf(leaf) => leaf.type_str(),
            Value::Array(_) => "array",
            Value::Table(_) => "table",
        }
    }

    /// Sets `path` (keys, or numbers for places in a list), making tables on the way. What is new
    /// stands `at` (the path, the value). The error names the part of the path that can't be
    /// followed.
    pub fn set(
        &mut self,
        path: &[String],
        value: toml::Value,
        at: (Span, Span),
    ) -> Result<(), String> {
        let Some((first, rest)) = path.split_first() else {
            *self = Self { span: at.1, ..Self::from_toml(value) };
            return Ok(());
        };
        match &mut self.value {
            Value::Table(table) => {
                let empty = Self { span: at.0.clone(), ..Self::empty() };
                let (key, below) = table.entry(first.clone()).or_insert((at.0.clone(), empty));
                if rest.is_empty() {
                    key.clone_from(&at.0);
                }
                below.set(rest, value, at)
            }
            Value::Array(items) => {
                let count = items.len();
                let index = first.parse().ok().filter(|index: &usize| *index < count);
                let place = index.and_then(|index| items.get_mut(index));
                let known = || format!("`{first}` is no place in a list of {count} (from 0)");
                place.ok_or_else(known)?.set(rest, value, at)
            }
            Value::Leaf(_) => {
                *self = Self { span: at.0.clone(), ..Self::empty() };
                self.set(path, value, at)
            }
        }
    }
}

fn from_table(table: &DeTable<'_>) -> Result<Value, Vec<SyntaxError>> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        Ok((name.to_string(), (Some(key.span()), from_value(value)?)))
    };
    table.iter().map(entry).collect::<Result<_, _>>().map(Value::Table)
}

fn from_value(value: &Spanned<DeValue<'_>>) -> Result<Tree, Vec<SyntaxError>> {
    let span = Some(value.span());
    let bad = |what: &str, text: &str| {
        vec![SyntaxError { message: format!("{text} is not {what}"), span: span.clone() }]
    };
    let leaf = |leaf| Ok(Value::Leaf(leaf));
    let value = match value.get_ref() {
        DeValue::String(text) => leaf(toml::Value::String(text.to_string())),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            leaf(toml::Value::Integer(
                parsed.map_err(|_| bad("a 64-bit integer", number.as_str()))?,
            ))
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse();
            leaf(toml::Value::Float(parsed.map_err(|_| bad("a number", number.as_str()))?))
        }
        DeValue::Boolean(value) => leaf(toml::Value::Boolean(*value)),
        DeValue::Datetime(date) => leaf(toml::Value::Datetime(*date)),
        DeValue::Array(items) => {
            items.iter().map(from_value).collect::<Result<_, _>>().map(Value::Array)
        }
        DeValue::Table(table) => from_table(table),
    }?;
    Ok(Tree { span, value })
}

/// Splits `a.b."c.d".0` into its keys.
pub fn split_path(path: &str) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    let mut rest = path;
    loop {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').ok_or_else(|| format!("no closing quote in {path}"))?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return Err(format!("an empty key in `{path}`; expected a path such as traffic.rate"));
        }
        keys.push(key.to_owned());
        match after.strip_prefix('.') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(keys),
            None => return Err(format!("`{after}` after a quoted key in `{path}`")),
        }
    }
}

/// A value as typed on a command line: TOML if it reads as TOML, else a string.
pub fn parse_value(text: &str) -> toml::Value {
    let document = format!("v = {text}");
    let parsed = toml::from_str::<toml::Table>(&document).ok();
    let only = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("v"));
    only.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_remembers_where_it_stands() {
        let text = "a = 1\n[b]\nc.d = \"20ms\"\n";
        let tree = Tree::parse(text).unwrap();
        let leaf = tree.get("b").unwrap().get("c").unwrap().get("d").unwrap();
        assert_eq!(&text[leaf.span.clone().unwrap()], "\"20ms\"");
        assert_eq!(tree.to_toml()["b"]["c"]["d"].as_str(), Some("20ms"));
    }

    #[test]
    fn a_path_sets_tables_and_places_in_lists() {
        let mut tree = Tree::parse("[[fault]]\nat = \"1s\"\n").unwrap();
        let mut set =
            |path: &str, value| tree.set(&split_path(path)?, parse_value(value), (None, None));
        set("fault.0.at", "2s").unwrap();
        set("system.producer.\"linger.ms\"", "5").unwrap();
        assert!(set("fault.7.at", "2s").unwrap_err().contains("list of 1"));
        assert!(set("fault..at", "2s").unwrap_err().contains("empty key"));
        assert_eq!(tree.to_toml()["fault"][0]["at"].as_str(), Some("2s"));
        assert_eq!(tree.to_toml()["system"]["producer"]["linger.ms"].as_integer(), Some(5));
    }

    #[test]
    fn command_line_values_are_toml_or_else_strings() {
        assert_eq!(parse_value("16"), toml::Value::Integer(16));
        assert_eq!(parse_value("\"16\""), toml::Value::String("16".into()));
        assert_eq!(parse_value("1600/s"), toml::Value::String("1600/s".into()));
        assert_eq!(parse_value("1\nb = 2"), toml::Value::String("1\nb = 2".into()));
    }
}
