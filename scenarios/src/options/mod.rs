//! What a system can be told: each option with its default, what it means and where it comes from,
//! and the names of those that it has in life and not here.
//!
//! There is no list of them: names, meanings and kinds are those of the type that a scenario's
//! `[system]` is read as ([`SystemKind::schema`]), defaults are its defaults.

use headwater_models::system::{Input, SystemKind};
use serde::Serialize;
use serde_json::Value;

mod read;
mod text;

use read::Described;

/// Every option of a system.
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// Whose they are.
    pub system: &'static str,
    /// The sections that they stand in, the top first.
    pub sections: Vec<Section>,
    /// All of them, by section.
    pub options: Vec<SystemOption>,
    /// Options that the system has in life and not here.
    pub not_modelled: Vec<&'static str>,
}

/// Options that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What stands before their names, such as `producer`; nothing for the top.
    pub name: String,
    /// What they are about.
    pub meaning: String,
    /// Where they come from: files @ version.
    pub source: Option<String>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SystemOption {
    /// Its name under `[system]` as it is written in a file, such as `producer.linger.ms`; in
    /// quotes where TOML would take it for a key of another: `costs."operation.batch"`.
    pub name: String,
    /// The section that it stands in.
    pub section: String,
    /// Its default, as it is written in TOML.
    pub default: String,
    /// Where another option makes that something else: which, and what it is then.
    pub otherwise: Vec<Otherwise>,
    /// What it may be: `integer`, `boolean`, a text such as `20ms`, one of a set.
    pub kind: String,
    /// What it means, with its unit and, where it isn't the section's, its source.
    pub meaning: String,
    /// Where it comes from: files @ version.
    pub source: Option<String>,
}

/// Another default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Otherwise {
    /// The option that decides, and its value: `version = "4.x"`.
    pub with: String,
    /// The default then.
    pub default: String,
}

impl Options {
    /// Those of a system.
    pub fn of(kind: &'static dyn SystemKind) -> Self {
        let schema = kind.schema().to_value();
        let described = Described::of(&schema);
        let standard = defaults(kind, toml::Table::new()).unwrap_or_default();
        let mut read = read::Reading::default();
        read.section("", &described, &standard, None);
        for (with, defaults) in others(kind, &described, &standard) {
            for option in &mut read.options {
                let default = find(&defaults, &read::keys(&option.section, &option.name));
                let default = default.map(ToString::to_string);
                if let Some(default) = default.filter(|default| *default != option.default) {
                    option.otherwise.push(Otherwise { with: with.clone(), default });
                }
            }
        }
        // What decides is not told to depend on itself.
        let decides = |option: &SystemOption| kind.deciding().contains(&option.name.as_str());
        read.options.iter_mut().filter(|o| decides(o)).for_each(|o| o.otherwise.clear());
        read.quote();
        Self {
            system: kind.name(),
            sections: read.sections,
            options: read.options,
            not_modelled: kind.unmodelled().to_vec(),
        }
    }

    /// Those whose names contain all of `words`, whatever their case.
    #[must_use]
    pub fn with(mut self, words: &[String]) -> Self {
        let matches = |name: &str| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(&word.to_lowercase()))
        };
        self.options.retain(|option| matches(&option.name));
        self.not_modelled.retain(|name| matches(name));
        let used = |section: &Section| self.options.iter().any(|o| o.section == section.name);
        self.sections.retain(used);
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.options.is_empty() && self.not_modelled.is_empty()
    }

    /// As people read it.
    pub fn text(&self) -> String {
        text::text(self)
    }
}

/// The configuration where the file sets nothing but `deciding`; events have keys, as they do
/// unless a file says otherwise.
fn defaults(kind: &'static dyn SystemKind, deciding: toml::Table) -> Option<toml::Table> {
    let system = kind.defaults(Input::from(toml::Value::Table(deciding)), true).ok()?;
    toml::Table::try_from(&*system).ok()
}

/// What the options that decide can be besides what they are, and the configuration then.
fn others(
    kind: &'static dyn SystemKind,
    described: &Described<'_>,
    standard: &toml::Table,
) -> Vec<(String, toml::Table)> {
    let mut others = Vec::new();
    for name in kind.deciding() {
        let values = described.property(name).map(|option| option.values()).unwrap_or_default();
        for value in values {
            let Value::String(text) = value else { continue };
            let value = toml::Value::String(text.clone());
            if standard.get(*name) == Some(&value) {
                continue;
            }
            let deciding = toml::Table::from_iter([((*name).to_owned(), value)]);
            others.extend(defaults(kind, deciding).map(|all| (format!("{name} {text}"), all)));
        }
    }
    others
}

/// The value of an option.
fn find<'a>(table: &'a toml::Table, keys: &[&str]) -> Option<&'a toml::Value> {
    let (last, sections) = keys.split_last()?;
    let inner = sections.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?;
    inner.get(*last)
}

#[cfg(test)]
mod tests {
    use headwater_models::systems::Systems;

    use super::*;

    fn of(system: &str) -> Options {
        Options::of(Systems::standard().find(system).expect("a system"))
    }

    fn option(system: &str, name: &str) -> SystemOption {
        let all = of(system).options;
        all.into_iter().find(|option| option.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn an_option_has_its_default_with_what_makes_it_another() {
        let linger = option("kafka", "producer.linger.ms");
        assert_eq!((linger.default.as_str(), linger.kind.as_str()), ("0", "integer"));
        let with: Vec<_> =
            linger.otherwise.iter().map(|o| (o.with.as_str(), o.default.as_str())).collect();
        assert_eq!(with, [("version 4.x", "5"), ("client librdkafka", "5")]);
        assert_eq!(linger.meaning, "Time that a batch waits to fill, in milliseconds.");
        assert!(linger.source.unwrap().contains("ProducerConfig @ apache/kafka 3.9.0"));
    }

    #[test]
    fn every_option_of_every_system_says_what_it_means_and_what_it_may_be() {
        for kind in Systems::standard().iter() {
            let options = of(kind.name());
            let leaves = leaves(&defaults(kind, toml::Table::new()).unwrap());
            assert_eq!(options.options.len(), leaves, "{}", kind.name());
            for option in &options.options {
                let told = !option.meaning.is_empty() && !option.kind.is_empty();
                assert!(told && !option.default.is_empty(), "{}: {option:?}", kind.name());
                let sourced = option.section.is_empty() || option.source.is_some();
                assert!(sourced, "{}: no x-source: {option:?}", kind.name());
            }
        }
    }

    fn leaves(table: &toml::Table) -> usize {
        let leaf = |value: &toml::Value| match value.as_table() {
            Some(table) if !table.contains_key("shape") => leaves(table),
            _ => 1,
        };
        table.values().map(leaf).sum()
    }

    #[test]
    fn what_is_not_modelled_is_told_and_words_choose() {
        let about = of("kafka").with(&["Cleaner".into()]);
        assert!(about.options.is_empty() && about.not_modelled.contains(&"log.cleaner.threads"));
        let about = of("kafka").with(&["linger".into()]).text();
        assert!(about.contains("producer.linger.ms = 0"), "{about}");
        assert!(about.contains("5 with version 4.x"), "{about}");
        assert!(!about.contains("batch.size"), "{about}");
    }
}
