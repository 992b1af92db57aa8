//! A system of a scenario: which one, its version, its nodes and options.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_models::system::{System, SystemKind};
use headwater_models::systems::Systems;

use headwater_reading::decode::decode_by;
use headwater_reading::problem::{Finding, nearest};
use headwater_reading::tree::{Span, Tree};
use headwater_reading::{Problems, overlay};

/// What a system is read with.
pub(super) struct Source<'a> {
    /// The systems that there are.
    pub systems: &'a Systems,
    /// Options that the machine profile brings, by kind.
    pub measured: &'a toml::Table,
    /// Events have keys, which Kafka's producers then send unless the file says otherwise.
    pub keyed: bool,
}

impl Source<'_> {
    /// Reads the system that stands at `at` in the file, such as `system`: as it is, and with its
    /// own defaults.
    pub fn read(
        &self,
        tree: &Tree,
        at: &str,
        findings: &mut Vec<Finding>,
    ) -> Option<(Arc<dyn System>, Arc<dyn System>)> {
        let names = self.systems.names();
        let mut options = tree.clone();
        let (_, kind) = options.take("kind").or_else(|| {
            let finding = Finding::new(format!("{at}.kind is missing"), tree.span.clone());
            findings.push(finding.help(format!("one of: {}", names.join(", "))));
            None
        })?;
        let known = word(&kind, &format!("{at}.kind"), &names, findings);
        // What else is wrong is told as of the kind that was probably meant.
        let name = known.or_else(|| nearest(kind.text()?, names.iter().copied()))?;
        let kind = self.systems.find(name)?;
        let measured = self.measured.get(name).and_then(toml::Value::as_table);
        let read = Reading { kind, at, options: &options, measured, keyed: self.keyed, findings };
        read.system().filter(|_| known.is_some())
    }
}

/// A string out of a closed set.
fn word<'a>(
    tree: &Tree,
    at: &str,
    known: &[&'a str],
    findings: &mut Vec<Finding>,
) -> Option<&'a str> {
    let text = tree.text().unwrap_or_default();
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
    kind: &'static dyn SystemKind,
    at: &'a str,
    options: &'a Tree,
    measured: Option<&'a toml::Table>,
    keyed: bool,
    findings: &'a mut Vec<Finding>,
}

impl Reading<'_> {
    /// Defaults, then what was measured on the machine, then what the file says.
    fn system(self) -> Option<(Arc<dyn System>, Arc<dyn System>)> {
        let Self { kind, at, options, measured, keyed, findings } = self;
        let defaults = defaults(kind, (options, at), keyed, findings)?;
        let before = findings.len();
        let mut merged = table(&*defaults);
        let (of, unmodelled) = (kind.name(), kind.unmodelled());
        let mut problems = Problems { findings: &mut *findings, of, unmodelled };
        if let Some(measured) = measured {
            let tree = Tree::from_toml(toml::Value::Table(measured.clone()));
            let of_profile = "options of the profile";
            overlay(&mut merged, &tree, of_profile, &mut Tree::empty(), &mut problems);
        }
        let mut places = Tree::empty();
        overlay(&mut merged, options, at, &mut places, &mut problems);
        let unknown = findings.len() > before;
        let value = toml::Value::Table(merged);
        let configured = |options| kind.configured(options);
        let system = decode_by(value, &places, at, findings, &configured)?;
        let system = kind.settled(system, &|name| is_set(&places, name));
        if let (false, Err(message)) = (unknown, system.check()) {
            let span = blame(&message, &places).or_else(|| options.span.clone());
            let finding = Finding::new(format!("impossible topology: {message}"), span);
            findings.push(finding.label("this can't be"));
        }
        (findings.len() == before).then_some((system, defaults))
    }
}

/// Whether the file sets an option, by its name such as `producer.enable.idempotence`.
fn is_set(places: &Tree, name: &str) -> bool {
    let Some(table) = places.table() else { return false };
    let below = |(key, (_, tree)): (&String, &(Span, Tree))| {
        let rest = name.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.'));
        *key == name || rest.is_some_and(|rest| is_set(tree, rest))
    };
    table.iter().any(below)
}

/// The configuration before the file's options, by the options that determine it.
fn defaults(
    kind: &'static dyn SystemKind,
    (options, at): (&Tree, &str),
    keyed: bool,
    findings: &mut Vec<Finding>,
) -> Option<Arc<dyn System>> {
    let mut deciding = options.clone();
    let others = options.table().into_iter().flatten().map(|(key, _)| key);
    for key in others.filter(|key| !kind.deciding().contains(&key.as_str())) {
        deciding.take(key);
    }
    let read = |options| kind.defaults(options, keyed);
    decode_by(deciding.to_toml(), &deciding, at, findings, &read)
}

/// Its options with their values.
fn table(system: &dyn System) -> toml::Table {
    toml::Table::try_from(system).expect("a configuration is plain data")
}

/// The place of the option that an error is about: the first one it names that the file sets.
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

/// Every option with its value, flattened, names as in the scenario file without `system.`.
pub fn configuration(system: &dyn System) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flatten("", &toml::Value::Table(table(system)), &mut all);
    all
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
