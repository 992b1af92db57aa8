//! The system of a scenario: which one, its version, its topology and options.

use std::collections::BTreeMap;

use headwater_models::arrival::ArrivalSource;
use headwater_models::deployment::{Deployment, Environment};
use headwater_models::{bookkeeper, kafka, pravega};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reading::decode::decode_value;
use crate::reading::overlay;
use crate::reading::problem::Finding;
use crate::reading::tree::{Span, Tree, Value};
use headwater_check::{Once, Positions};

/// A system with its whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum System {
    /// Apache Kafka.
    Kafka(Box<kafka::config::Cluster>),
    /// Pravega on BookKeeper and tiered storage.
    Pravega(Box<pravega::config::Cluster>),
    /// Apache BookKeeper alone.
    BookKeeper(Box<bookkeeper::config::Cluster>),
}

/// The names in `kind = "..."`.
pub const KINDS: [&str; 3] = ["kafka", "pravega", "bookkeeper"];

/// Reads `[system]`. `measured` are options that the machine profile brings, by kind; `keyed` is
/// whether events have keys, which Kafka's producers then send unless the file says otherwise.
pub fn read(
    tree: &Tree,
    measured: &toml::Table,
    keyed: bool,
    findings: &mut Vec<Finding>,
) -> Option<System> {
    let mut options = tree.clone();
    let (_, kind) = options.take("kind").or_else(|| {
        let finding = Finding::new("system.kind is missing", tree.span.clone());
        findings.push(finding.help(format!("one of: {}", KINDS.join(", "))));
        None
    })?;
    let name = word(&kind, "system.kind", &KINDS, findings)?;
    let measured = measured.get(name).and_then(toml::Value::as_table);
    let reading = Reading { options: &options, measured, keyed, findings };
    match name {
        "kafka" => reading.kafka(),
        "pravega" => reading.pravega(),
        _ => reading
            .cluster(bookkeeper::config::Cluster::default(), bookkeeper::config::Cluster::check)
            .map(|cluster| System::BookKeeper(Box::new(cluster))),
    }
}

/// A string out of a closed set.
fn word<'a>(
    tree: &Tree,
    at: &str,
    known: &[&'a str],
    findings: &mut Vec<Finding>,
) -> Option<&'a str> {
    let text = match &tree.value {
        Value::Leaf(toml::Value::String(text)) => text.as_str(),
        _ => "",
    };
    let found = known.iter().find(|name| **name == text);
    if found.is_none() {
        let message = match text {
            "" => format!("{at} is a string; found {}", tree.kind()),
            text => format!("{at}: no such value `{text}`"),
        };
        let finding = Finding::new(message, tree.span.clone());
        findings.push(finding.label("unknown").known(text, known.iter().copied()));
    }
    found.copied()
}

/// Reading the options of one system.
struct Reading<'a> {
    options: &'a Tree,
    measured: Option<&'a toml::Table>,
    keyed: bool,
    findings: &'a mut Vec<Finding>,
}

impl Reading<'_> {
    fn kafka(mut self) -> Option<System> {
        use kafka::config::{ClientLibrary, Cluster, Version};
        let version: Version = self.choice("version", Version::V3_9)?;
        let client: ClientLibrary = self.choice("client", ClientLibrary::Java)?;
        let keyed = self.keyed;
        let defaults = Cluster { keyed, ..Cluster::defaults(version).with_client(client) };
        let read = self.cluster(defaults, Cluster::check)?;
        Some(System::Kafka(Box::new(read)))
    }

    fn pravega(mut self) -> Option<System> {
        use pravega::config::{Cluster, Mode, Version};
        let version: Version = self.choice("version", Version::V0_13)?;
        let mode: Mode = self.choice("mode", Mode::Distributed)?;
        let read = self.cluster(Cluster::defaults_of(version, mode), Cluster::check)?;
        Some(System::Pravega(Box::new(read)))
    }

    /// An option that decides about the defaults of the others.
    fn choice<T: DeserializeOwned>(&mut self, key: &str, default: T) -> Option<T> {
        match self.options.get(key) {
            Some(tree) => {
                crate::reading::decode::decode(tree, &format!("system.{key}"), self.findings)
            }
            None => Some(default),
        }
    }

    /// Defaults, then what was measured on the machine, then what the file says.
    fn cluster<T: Serialize + DeserializeOwned>(
        self,
        defaults: T,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Option<T> {
        let before = self.findings.len();
        let defaults = toml::Table::try_from(defaults).expect("a configuration is plain data");
        let mut merged = defaults;
        if let Some(measured) = self.measured {
            let tree = Tree::from_toml(toml::Value::Table(measured.clone()));
            overlay(
                &mut merged,
                &tree,
                "options of the profile",
                &mut Tree::empty(),
                self.findings,
            );
        }
        let mut places = Tree::empty();
        overlay(&mut merged, self.options, "system", &mut places, self.findings);
        let unknown = self.findings.len() > before;
        let value = toml::Value::Table(merged);
        let cluster: T = decode_value(value, &places, "system", self.findings)?;
        if let (false, Err(message)) = (unknown, check(&cluster)) {
            let span = blame(&message, &places).or_else(|| self.options.span.clone());
            let finding = Finding::new(format!("impossible topology: {message}"), span);
            self.findings.push(finding.label("this can't be"));
        }
        (self.findings.len() == before).then_some(cluster)
    }
}

/// Where the option stands that a complaint is about: the first one it names that the file sets.
fn blame(message: &str, places: &Tree) -> Span {
    let said = message.to_lowercase();
    let mut found: Vec<(usize, Span)> = Vec::new();
    visit(places, &mut |name, span| {
        let spoken = name.to_lowercase().replace(['.', '_'], " ");
        let short = spoken.trim_end_matches(" size");
        let at = [name.to_lowercase().as_str(), &spoken, short].iter().find_map(|n| said.find(n));
        found.extend(at.map(|at| (at, span.clone())));
    });
    found.into_iter().min_by_key(|(at, _)| *at).and_then(|(_, span)| span)
}

fn visit(tree: &Tree, see: &mut dyn FnMut(&str, &Span)) {
    for (key, (span, below)) in tree.table().into_iter().flatten() {
        see(key, span);
        visit(below, see);
    }
}

impl System {
    /// Its name in `kind = "..."`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kafka(_) => KINDS[0],
            Self::Pravega(_) => KINDS[1],
            Self::BookKeeper(_) => KINDS[2],
        }
    }

    /// Its version, as its makers write it.
    pub fn version(&self) -> String {
        let text = |value: &dyn erased::Text| value.text();
        match self {
            Self::Kafka(cluster) => text(&cluster.version),
            Self::Pravega(cluster) => text(&cluster.version),
            Self::BookKeeper(_) => "4.15".into(),
        }
    }

    /// Every option with its value, flattened, names as in the scenario file without `system.`.
    pub fn configuration(&self) -> BTreeMap<String, String> {
        let table = match self {
            Self::Kafka(cluster) => toml::Value::try_from(cluster),
            Self::Pravega(cluster) => toml::Value::try_from(cluster),
            Self::BookKeeper(cluster) => toml::Value::try_from(cluster),
        };
        let mut all = BTreeMap::new();
        flatten("", &table.expect("a configuration is plain data"), &mut all);
        all
    }

    /// Its machines and nodes.
    pub fn deploy(&self, environment: &Environment, source: &ArrivalSource) -> Deployment {
        match self {
            Self::Kafka(cluster) => kafka::deploy::deploy(cluster, environment, source),
            Self::Pravega(cluster) => pravega::deploy::deploy(cluster, environment, source),
            Self::BookKeeper(cluster) => bookkeeper::deploy::deploy(cluster, environment, source),
        }
    }

    /// Copies that it keeps of everything.
    pub fn replicas(&self) -> usize {
        let copies = match self {
            Self::Kafka(cluster) => cluster.replication_factor,
            Self::Pravega(cluster) => cluster.bookkeeper.write_quorum,
            Self::BookKeeper(cluster) => cluster.ledger.write_quorum,
        };
        copies as usize
    }

    /// What its readers' positions count.
    pub const fn positions(&self) -> Positions {
        match self {
            Self::Kafka(_) | Self::BookKeeper(_) => Positions::Events,
            Self::Pravega(_) => Positions::Bytes,
        }
    }

    /// How often an event may turn up, by the configuration of its writers.
    pub fn once(&self) -> Once {
        match self {
            Self::Kafka(cluster) if !cluster.producer.enable_idempotence => Once::Any,
            Self::BookKeeper(_) => Once::Any,
            Self::Kafka(_) | Self::Pravega(_) => Once::Stored,
        }
    }
}

/// A unit variant as serde writes it.
mod erased {
    pub trait Text {
        fn text(&self) -> String;
    }

    impl<T: serde::Serialize> Text for T {
        fn text(&self) -> String {
            match toml::Value::try_from(self) {
                Ok(toml::Value::String(text)) => text,
                Ok(other) => other.to_string(),
                Err(error) => error.to_string(),
            }
        }
    }
}

fn flatten(name: &str, value: &toml::Value, all: &mut BTreeMap<String, String>) {
    let shown = match value {
        toml::Value::Table(table) if !table.contains_key("shape") => {
            for (key, value) in table {
                let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&full, value, all);
            }
            return;
        }
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    all.insert(name.to_owned(), shown);
}
