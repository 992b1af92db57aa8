//! The port: what a kind of fault implements, and an action of any kind.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::entry::Entry;
use super::situation::Situation;
use crate::targets::Target;
use headwater_reading::decode;
use headwater_reading::problem::{Finding, nearest};
use headwater_reading::tree::{Tree, Value as Node};

/// A fault of the kernel, and how long after the beginning it happens.
pub(crate) type Timed = (Duration, Fault);

/// A kind of fault: its fields are its parameters as they stand in a scenario file.
pub(crate) trait FaultKind:
    fmt::Debug + Send + Sync + Serialize + DeserializeOwned + 'static
{
    /// What is known of it.
    const ENTRY: Entry;

    /// The kernel's faults at its beginning, and while it lasts.
    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed>;

    /// The kernel's faults that lift it.
    fn end(&self, hit: &Situation<'_>) -> Vec<Fault>;

    /// The other side, if it has one and the file names it. A test compares this with the
    /// parameters.
    fn peers(&self) -> Option<&Target> {
        None
    }
}

/// A [`FaultKind`] whose type is not known.
trait AnyKind: fmt::Debug + Send + Sync {
    fn entry(&self) -> &'static Entry;
    fn parameters(&self) -> Table;
    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed>;
    fn end(&self, hit: &Situation<'_>) -> Vec<Fault>;
    fn peers(&self) -> Option<&Target>;
}

impl<K: FaultKind> AnyKind for K {
    fn entry(&self) -> &'static Entry {
        &K::ENTRY
    }
    fn parameters(&self) -> Table {
        Table::try_from(self).expect("parameters are plain data")
    }
    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        FaultKind::begin(self, hit)
    }
    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        FaultKind::end(self, hit)
    }
    fn peers(&self) -> Option<&Target> {
        FaultKind::peers(self)
    }
}

/// What a fault does: its kind and its parameters.
#[derive(Clone)]
pub struct Action(Arc<dyn AnyKind>);

impl<K: FaultKind> From<K> for Action {
    fn from(kind: K) -> Self {
        Self(Arc::new(kind))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.to_table() == other.to_table()
    }
}

impl Action {
    /// What is known of its kind.
    pub fn entry(&self) -> &'static Entry {
        self.0.entry()
    }

    /// The name of its kind in a scenario file.
    pub fn name(&self) -> &'static str {
        self.entry().name
    }

    /// The parameters, by name.
    pub fn parameters(&self) -> Table {
        self.0.parameters()
    }

    /// The action as a table: `kind` and the parameters.
    pub fn to_table(&self) -> Table {
        let mut table = Table::new();
        table.insert("kind".into(), Value::String(self.name().into()));
        table.extend(self.parameters());
        table
    }

    /// The other side, if it has one and the file names it.
    pub fn peers(&self) -> Option<&Target> {
        self.0.peers()
    }

    pub(super) fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        self.0.begin(hit)
    }

    pub(super) fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit)
    }

    /// Reads a table with `kind` and parameters, which stands under `at` (such as `fault.0`).
    pub(super) fn read(tree: &Tree, at: &str, findings: &mut Vec<Finding>) -> Option<Self> {
        let mut parameters = tree.clone();
        let Some((_, kind)) = parameters.take("kind") else {
            let finding = Finding::new(format!("{at}: missing field `kind`"), tree.span.clone());
            findings.push(finding.help("such as: kind = \"crash\""));
            return None;
        };
        let Node::Leaf(Value::String(name)) = &kind.value else {
            let finding = Finding::new(format!("{at}.kind is a {}", kind.kind()), kind.span);
            findings.push(finding.label("expected a string").help("such as: kind = \"crash\""));
            return None;
        };
        let Some(entry) = super::find(name) else {
            let finding = Finding::new(format!("unknown value `{name}` in {at}.kind"), kind.span);
            let known = || super::entries().map(|entry| entry.name);
            findings.push(finding.label("no such value").known(name, known()));
            // What else is wrong is told as of the kind that was probably meant.
            let meant = nearest(name, known()).and_then(super::find)?;
            (meant.read)(&parameters, at, findings);
            return None;
        };
        (entry.read)(&parameters, at, findings)
    }
}

impl FromStr for Action {
    type Err = String;

    /// From a table in TOML: `kind = "crash"`.
    fn from_str(text: &str) -> Result<Self, String> {
        let tree = Tree::parse(text).map_err(|errors| format!("{errors:?}"))?;
        let mut findings = Vec::new();
        let read = Self::read(&tree, "fault", &mut findings);
        let said = || findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>();
        read.ok_or_else(|| said().join("; "))
    }
}

/// Reads the parameters of a kind.
pub(super) type Read = fn(&Tree, &str, &mut Vec<Finding>) -> Option<Action>;

/// The [`Read`] of a kind.
pub(super) fn read<K: FaultKind>(
    tree: &Tree,
    at: &str,
    findings: &mut Vec<Finding>,
) -> Option<Action> {
    decode::decode::<K>(tree, at, findings).map(Action::from)
}

/// All of them with the beginning.
pub(super) fn at_once(faults: impl IntoIterator<Item = Fault>) -> Vec<Timed> {
    faults.into_iter().map(|fault| (Duration::ZERO, fault)).collect()
}
