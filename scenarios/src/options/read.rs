//! From the schema of a system's configuration to its options.

use serde_json::Value;

use super::{Section, SystemOption};

/// What a schema says of one value, with the definitions that it refers to.
#[derive(Clone, Copy)]
pub(super) struct Described<'a> {
    root: &'a Value,
    /// As it stands where the value is used: its description is of this use.
    used: &'a Value,
    /// Itself.
    schema: &'a Value,
}

impl<'a> Described<'a> {
    pub(super) fn of(root: &'a Value) -> Self {
        Self { root, used: root, schema: root }
    }

    fn at(self, used: &'a Value) -> Self {
        let name = used.get("$ref").and_then(Value::as_str);
        let found = name.and_then(|name| self.root.pointer(name.trim_start_matches('#')));
        Self { root: self.root, used, schema: found.unwrap_or(used) }
    }

    /// What is said of a key of it.
    pub(super) fn property(self, name: &str) -> Option<Self> {
        Some(self.at(self.schema.get("properties")?.get(name)?))
    }

    /// What it means: in this use, or else at all.
    fn meaning(self) -> String {
        let said = |value: &Value| value.get("description")?.as_str().map(plain);
        said(self.used).or_else(|| said(self.schema)).unwrap_or_default()
    }

    fn source(self) -> Option<String> {
        Some(self.schema.get("x-source")?.as_str()?.to_owned())
    }

    /// The values of a closed set.
    pub(super) fn values(self) -> Vec<&'a Value> {
        let listed = self.schema.get("enum").and_then(Value::as_array);
        let each = self.schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let fixed = each.flat_map(|one| {
            let some = one.get("enum").and_then(Value::as_array).into_iter().flatten();
            one.get("const").into_iter().chain(some)
        });
        listed.into_iter().flatten().chain(fixed).collect()
    }

    /// What it may be, in a few words.
    fn kind(self) -> String {
        let values = self.values();
        if !values.is_empty() {
            return format!("one of {}", joined(values.into_iter().map(ToString::to_string)));
        }
        if self.schema.get("oneOf").is_some() {
            return "a distribution".into();
        }
        let example = self.schema.get("examples").and_then(|all| all.get(0)?.as_str());
        match (self.schema.get("type"), example) {
            (_, Some(example)) => format!("a text such as \"{example}\""),
            (Some(Value::String(kind)), None) if kind == "array" => {
                let items = self.schema.get("items").map(|items| self.at(items).kind());
                format!("list of {}", items.unwrap_or_default())
            }
            (Some(Value::String(kind)), None) => kind.clone(),
            (Some(Value::Array(kinds)), None) => {
                joined(kinds.iter().filter_map(|kind| Some(kind.as_str()?.to_owned())))
            }
            _ => String::new(),
        }
    }
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// A doc comment in one line, without links into the code.
fn plain(text: &str) -> String {
    let mut plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some(start) = plain.find("([`") {
        let Some(length) = plain[start..].find("`])") else { break };
        let before = start - usize::from(plain[..start].ends_with(' '));
        plain.replace_range(before..start + length + 3, "");
    }
    plain.replace("[`", "`").replace("`]", "`")
}

/// The keys to an option, by its section and its whole name.
pub(super) fn keys<'a>(section: &'a str, name: &'a str) -> Vec<&'a str> {
    if section.is_empty() {
        return vec![name];
    }
    // Names of sections have no dots.
    let sections = section.split('.');
    sections.chain([&name[section.len() + 1..]]).collect()
}

/// What was read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) sections: Vec<Section>,
    pub(super) options: Vec<SystemOption>,
}

impl Reading {
    /// Puts names into quotes that begin with the name of another option of their section.
    pub(super) fn quote(&mut self) {
        let names: Vec<String> = self.options.iter().map(|option| option.name.clone()).collect();
        for option in &mut self.options {
            let longer = |name: &&String| option.name.starts_with(&format!("{name}."));
            if names.iter().any(|name| longer(&name)) {
                let own = option.section.len() + usize::from(!option.section.is_empty());
                let (section, name) = option.name.split_at(own);
                option.name = format!("{section}{name:?}");
            }
        }
    }

    /// Reads a section and those below it; `table` holds the defaults.
    pub(super) fn section(
        &mut self,
        name: &str,
        described: &Described<'_>,
        table: &toml::Table,
        source: Option<&str>,
    ) {
        let own = described.source();
        let source = own.as_deref().or(source);
        let meaning = described.meaning();
        let section = Section { name: name.to_owned(), meaning, source: source.map(str::to_owned) };
        self.sections.push(section);
        let full = |key: &str| match name {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        };
        let below = |value: &'_ toml::Value| match value.as_table() {
            Some(table) if !table.contains_key("shape") => Some(table.clone()),
            _ => None,
        };
        for (key, value) in table.iter().filter(|(_, value)| below(value).is_none()) {
            let option = described.property(key);
            self.options.push(SystemOption {
                name: full(key),
                section: name.to_owned(),
                default: value.to_string(),
                otherwise: Vec::new(),
                kind: option.map(Described::kind).unwrap_or_default(),
                meaning: option.map(Described::meaning).unwrap_or_default(),
                source: source.map(str::to_owned),
            });
        }
        for (key, value) in table {
            if let (Some(table), Some(inner)) = (below(value), described.property(key)) {
                self.section(&full(key), &inner, &table, source);
            }
        }
    }
}
